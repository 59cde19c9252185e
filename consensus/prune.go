package consensus

import (
	"errors"
	"maps"
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

// Pruned is what left the tree.
type Pruned struct {
	Spine  []Candidate // the commits from the old root to the new, in order
	Lost   []Candidate // the branches left behind, parents first
	Parked []CommitID  // those that waited for something left behind
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
		c.gone.put(n.Child.ID, goneEpoch{n.number(), n.Child.Roster, above})
		delete(c.epochs, n.Child.ID)
	}
	out.Spine = append(out.Spine, r.Candidate)
	c.reroot(r, trail)
	for _, n := range leaving[1:] {
		c.become(n, Erased)
	}
	out.Parked = c.abandon()
	return out, nil
}

// reroot cuts r off from what came before it.
func (c *Chain) reroot(r *node, trail []Step) {
	for _, s := range c.seats {
		if s.place != nil && !s.place.within(r) {
			s.place = nil // its weight leaves with the nodes that had it
		}
		s.commits = slices.DeleteFunc(s.commits, func(n *node) bool { return n == r || !n.within(r) })
	}
	for id, n := range c.commits {
		if n == r || !n.within(r) {
			delete(c.commits, id)
		}
	}
	r.parent, r.jump = nil, nil
	r.Candidate = Candidate{Child: r.Child}
	r.Child.Trail = trail
	r.weight = 0
	c.root = r
	r.below((*node).aim)
	for _, s := range c.seated() {
		c.reseat(s)
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
	s.votes = slices.DeleteFunc(s.votes, func(v Vote) bool { return v != last && c.gone.has(v.Head) })
	if s.guilt != nil || len(s.commits) > 0 {
		return false
	}
	_, member := slices.BinarySearchFunc(c.root.Child.Roster, s.account, compareAccounts)
	return len(s.votes) == 0 || !member && len(s.votes) == 1 && c.gone.has(last.Head)
}

// abandon drops what is parked on an epoch that is gone.
func (c *Chain) abandon() []CommitID {
	var out []CommitID
	parents := slices.SortedFunc(maps.Keys(c.parked.byParent), compareEpochs)
	for _, parent := range parents {
		if c.gone.has(parent) {
			for _, k := range c.parked.take(parent) {
				out = append(out, k.ID)
				c.counts.Stale++
				c.turn(k, Parked, Erased)
			}
		}
	}
	return out
}

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
	moved := map[*seat]bool{}
	for _, s := range c.seats {
		if s.place != nil && s.place.within(n) || s.base != nil && s.base.within(n) {
			moved[s] = true
		}
		if i := len(s.commits); i > 0 {
			s.commits = slices.DeleteFunc(s.commits, func(m *node) bool { return m.within(n) })
			moved[s] = moved[s] || len(s.commits) < i
		}
	}
	var out []Candidate
	for _, m := range nodes {
		out = append(out, m.Candidate)
		delete(c.epochs, m.Child.ID)
	}
	for id, m := range c.commits {
		if m.within(n) {
			delete(c.commits, id)
		}
	}
	for _, s := range c.seated() {
		for _, v := range s.votes {
			if c.weigh(v) == VoteWaits && !slices.Contains(c.waiting[v.Head], s) {
				c.waiting[v.Head] = append(c.waiting[v.Head], s)
			}
		}
		if moved[s] {
			c.reseat(s)
		}
	}
	p := n.parent
	p.children = slices.DeleteFunc(p.children, func(m *node) bool { return m == n })
	if p.lighter(n) {
		c.touch(p)
	}
	return out
}
