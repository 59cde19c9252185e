package consensus

import (
	"errors"
	"slices"
)

var (
	// ErrUnknownEpoch: the tree does not hold it.
	ErrUnknownEpoch = errors.New("consensus: unknown epoch")
	// ErrOffPath: the head does not follow from it.
	ErrOffPath = errors.New("consensus: not on the head's path")
	// ErrDiverged: the rule prefers a branch that parts before it. To prune
	// there would be to forget that we lost.
	ErrDiverged = errors.New("consensus: a heavier branch parts before it")
)

// goneEpoch is what is remembered of an epoch that left.
type goneEpoch struct {
	number uint64
	roster []Account
	above  bool // the root follows from it; else its branch was left behind
}

// left returns what is remembered of an epoch that left the tree, or never was
// in it because its branch had left.
func (c *Chain) left(id EpochID) (goneEpoch, bool) {
	if g, ok := c.gone.known[id]; ok {
		return g, true
	}
	g, ok := c.stray.known[id]
	return g, ok
}

// astray takes in a candidate on an epoch that left. It is not held, but its
// name is remembered: who votes for it has moved there, and no longer stands
// in the tree.
func (c *Chain) astray(parent goneEpoch, k Candidate) Status {
	if k.Child.Number != parent.number+1 || c.epochs[k.Child.ID] != nil {
		c.counts.Unfit++
		return AddUnfit
	}
	roster := k.Child.Roster
	if k.Header && roster == nil {
		roster = parent.roster
	}
	c.stray.put(k.Child.ID, goneEpoch{number: k.Child.Number, roster: roster})
	c.known(k.Child.ID)
	c.adopt(k.Child.ID)
	c.counts.Stale++
	return AddStale
}

// Pruned is what left the tree.
type Pruned struct {
	Spine []Candidate // the commits from the old root to the new, in order
	Lost  []Candidate // the branches left behind, parents first
}

// Prune makes an epoch on the head's path the root. What came before it and
// what parted from it leaves the tree; a commit on that is stale from now on.
func (c *Chain) Prune(root EpochID) (Pruned, error) {
	r := c.epochs[root]
	switch {
	case r == nil:
		return Pruned{}, ErrUnknownEpoch
	case r == c.root:
		return Pruned{}, nil
	case !c.head.within(r):
		return Pruned{}, ErrOffPath
	case !c.epochs[c.Best()].within(r):
		return Pruned{}, ErrDiverged
	}
	var out Pruned
	trail := c.trail(r, c.params.CoolDown)
	leaving := slices.DeleteFunc(subtree(c.root), func(n *node) bool { return n.within(r) })
	for _, n := range leaving {
		above := r.within(n)
		switch {
		case !above:
			out.Lost = append(out.Lost, n.Candidate)
		case n.parent != nil:
			out.Spine = append(out.Spine, n.Candidate)
		}
		if g := (goneEpoch{n.number(), n.Child.Roster, above}); !n.opened() {
			c.stray.put(n.Child.ID, g) // a header may have lied about its child
		} else {
			c.gone.put(n.Child.ID, g)
		}
		delete(c.epochs, n.Child.ID)
	}
	out.Spine = append(out.Spine, r.Candidate)
	c.reroot(r, trail)
	for _, n := range leaving[1:] {
		c.become(n, Erased)
	}
	c.abandon()
	return out, nil
}

// abandon drops the parked that claim to lead to what left: headers that lie.
func (c *Chain) abandon() {
	for _, k := range c.parked.list() {
		if c.gone.has(k.Child.ID) {
			c.parked.drop(k.ID)
			c.turn(k, Parked, Erased)
			c.counts.Stale++
		}
	}
}

// reroot cuts r off from what came before it.
func (c *Chain) reroot(r *node, trail []Step) {
	outside := func(n *node) bool { return n == r || !n.within(r) }
	for _, s := range c.seats {
		s.commits = slices.DeleteFunc(s.commits, outside)
	}
	for id, n := range c.commits {
		if outside(n) {
			delete(c.commits, id)
		}
	}
	r.parent, r.jump = nil, nil
	r.Candidate = Candidate{Child: r.Child}
	r.Child.Trail = trail
	r.weight = 0
	c.root = r
	r.below((*node).aim)
	for _, s := range c.seats {
		// What s weighs on below r depends on nothing else: see seat.
		s.base, s.voted = c.stand(s)
		s.ends = s.endsBelow(s.base)
		if c.idle(s) {
			delete(c.seats, s.account)
		}
	}
}

// idle drops the votes of s that can no longer matter, and reports whether s
// can go too. The deciding vote of a member stays even where its head is gone:
// else an earlier one, heard late, would speak for the account.
func (c *Chain) idle(s *seat) bool {
	last, _ := c.deciding(s)
	s.votes = slices.DeleteFunc(s.votes, func(v Vote) bool { return v != last && c.departed(v.Head) })
	if s.guilt != nil || len(s.commits) > 0 {
		return false
	}
	_, member := slices.BinarySearchFunc(c.root.Child.Roster, s.account, compareAccounts)
	return len(s.votes) == 0 || !member && len(s.votes) == 1 && c.departed(last.Head)
}

func (c *Chain) departed(id EpochID) bool { _, ok := c.left(id); return ok }

// subtree returns n and all below it, parents first.
func subtree(n *node) []*node {
	nodes := []*node{n}
	n.below(func(m *node) { nodes = append(nodes, m) })
	return nodes
}

// uproot takes n and all below it out of the tree, and returns it, parents
// first.
func (c *Chain) uproot(n *node) []Candidate {
	nodes := subtree(n)
	lost := func(m *node) bool { return m.within(n) }
	for _, s := range c.seats {
		s.commits = slices.DeleteFunc(s.commits, lost)
		if s.base != nil && lost(s.base) || slices.ContainsFunc(s.ends, lost) {
			c.count(s, -1, c.root)
			s.base, s.ends = nil, nil
		}
	}
	var out []Candidate
	for _, m := range nodes {
		out = append(out, m.Candidate)
		delete(c.epochs, m.Child.ID)
	}
	for id, m := range c.commits {
		if lost(m) {
			delete(c.commits, id)
		}
	}
	c.reseatAll()
	p := n.parent
	p.children = slices.DeleteFunc(p.children, func(m *node) bool { return m == n })
	if c.lighter(p, n) {
		c.touch(p)
	}
	return out
}
