package consensus

import "slices"

// touch notes that the best child of p that can be entered changed: if p is on
// the head's path, the head must be found anew from there.
func (c *Chain) touch(p *node) {
	if p.onPath() && (c.dirty == nil || p.number() < c.dirty.number()) {
		c.dirty = p
	}
}

// follow finds the head: from the highest epoch where something changed, take
// the best child that can be entered, again and again.
func (c *Chain) follow() Move {
	if c.dirty == nil {
		return Move{From: c.head.Child.ID, To: c.head.Child.ID}
	}
	n := descend(c.dirty)
	c.dirty = nil
	from := c.head
	move := path(from, n)
	meet := common(from, n)
	for m := from; m != meet; m = m.parent {
		c.become(m, Lost)
	}
	var fresh []*node
	for m := n; m != meet; m = m.parent {
		fresh = append(fresh, m)
	}
	for _, m := range slices.Backward(fresh) {
		c.become(m, Head)
	}
	c.head = n
	return move
}

func descend(n *node) *node {
	for n.bestHere != nil {
		n = n.bestHere
	}
	return n
}

// Head returns the state to be in: from the root, the best child that can be
// entered here, again and again.
func (c *Chain) Head() EpochID { return c.head.Child.ID }

// HeadOf returns what the head would be if id were on its path, or false for
// an unknown epoch.
func (c *Chain) HeadOf(id EpochID) (EpochID, bool) {
	if n := c.epochs[id]; n != nil {
		return descend(n).Child.ID, true
	}
	return EpochID{}, false
}

// Best returns the state the rule names, whether or not it can be entered
// here. Members with the same candidates and votes have the same Best; it is
// their Head too, once they have materialised it.
func (c *Chain) Best() EpochID {
	n := c.root
	for n.best != nil {
		n = n.best
	}
	return n.Child.ID
}

// Opened returns the state that the rule names among those whose commits were
// opened here, entered or not. It is Best, but for what headers claim alone.
func (c *Chain) Opened() EpochID {
	for n := c.root; ; {
		var best *node
		for _, k := range n.children {
			if k.opened() && c.wins(k, best) {
				best = k
			}
		}
		if best == nil {
			return n.Child.ID
		}
		n = best
	}
}

// Divergence is where the rule goes one way and this member, who cannot enter
// that, another.
type Divergence struct {
	At     EpochID   // the last state both share
	Rival  Candidate // what the rule prefers; known here by its header
	Ours   Candidate // what the head follows; zero where the head is At itself
	Weight int       // of Rival
	Own    int       // of Ours
	Of     int       // how many accounts vote there
}

// Diverged reports whether the rule prefers a branch that cannot be entered
// here, and where.
//
// It is no reason to leave the head, nor to stop voting for it: a header may
// lie, or its commit be one that most cannot enter, and only votes for what
// can be entered show it. It is a reason to fetch Rival and, as long as it
// outweighs Ours by votes, to hold back sends and commits: where Rival is what
// it claims, everything said on Ours will have to be said again.
func (c *Chain) Diverged() (Divergence, bool) {
	for n := c.root; n.best != nil; n = n.best {
		if n.best == n.bestHere {
			continue
		}
		d := Divergence{At: n.Child.ID, Rival: n.best.Candidate, Weight: n.best.weight, Of: len(n.voters)}
		if n.bestHere != nil {
			d.Ours, d.Own = n.bestHere.Candidate, n.bestHere.weight
		}
		return d, true
	}
	return Divergence{}, false
}

// Root returns the epoch the tree starts from, with its Trail.
func (c *Chain) Root() Epoch { return c.epoch(c.root) }

// Epoch returns an epoch of the tree, with its Trail: what New needs to start
// from there.
func (c *Chain) Epoch(id EpochID) (Epoch, bool) {
	if n := c.epochs[id]; n != nil {
		return c.epoch(n), true
	}
	return Epoch{}, false
}

func (c *Chain) epoch(n *node) Epoch {
	e := n.Child
	e.Trail = c.trail(n, c.params.CoolDown)
	return e
}

// Electors returns the accounts that vote on the children of an epoch, sorted;
// nil for an unknown one. The slice is the chain's.
func (c *Chain) Electors(id EpochID) []Account {
	if n := c.epochs[id]; n != nil {
		return n.voters
	}
	return nil
}

// Get returns a candidate of the tree, or one that is parked.
func (c *Chain) Get(id CommitID) (Candidate, bool) {
	if n := c.commits[id]; n != nil {
		return n.Candidate, true
	}
	s, ok := c.parked.spots[id]
	return s.Candidate, ok
}

// Life says how far a commit has come.
func (c *Chain) Life(id CommitID) Life {
	if n := c.commits[id]; n != nil {
		return n.life
	}
	if _, ok := c.parked.spots[id]; ok {
		return Parked
	}
	if c.refused.has(id) {
		return Invalid
	}
	return Unknown
}

// Into returns the candidate that leads to an epoch; false for the root and
// for an unknown one.
func (c *Chain) Into(id EpochID) (Candidate, bool) {
	if n := c.epochs[id]; n != nil && n.parent != nil {
		return n.Candidate, true
	}
	return Candidate{}, false
}

// Children returns the candidates on an epoch, the best first.
func (c *Chain) Children(id EpochID) []Candidate {
	n := c.epochs[id]
	if n == nil {
		return nil
	}
	var out []Candidate
	for _, m := range ranked(n) {
		out = append(out, m.Candidate)
	}
	return out
}

// ranked returns the children of n, the best first.
func ranked(n *node) []*node {
	return slices.SortedStableFunc(slices.Values(n.children), func(a, b *node) int { return b.weight - a.weight })
}

// Ancestors returns the epochs from id, itself included, back to the root; nil
// for an unknown one.
func (c *Chain) Ancestors(id EpochID) []EpochID {
	var out []EpochID
	for n := c.epochs[id]; n != nil; n = n.parent {
		out = append(out, n.Child.ID)
	}
	return out
}

// Ancestor returns the epoch so many commits before id; false where that is
// unknown.
func (c *Chain) Ancestor(id EpochID, back uint64) (EpochID, bool) {
	if n := c.epochs[id]; n != nil && n.number()-c.root.number() >= back {
		return n.ancestor(n.number() - back).Child.ID, true
	}
	return EpochID{}, false
}

// Within reports whether id is the epoch above, or comes after it.
func (c *Chain) Within(id, above EpochID) bool {
	n, a := c.epochs[id], c.epochs[above]
	return n != nil && a != nil && n.within(a)
}

// Common returns the last epoch two others share.
func (c *Chain) Common(a, b EpochID) (EpochID, bool) {
	x, y := c.epochs[a], c.epochs[b]
	if x == nil || y == nil {
		return EpochID{}, false
	}
	return common(x, y).Child.ID, true
}

// Path returns the move from one epoch to another.
func (c *Chain) Path(from, to EpochID) (Move, bool) {
	x, y := c.epochs[from], c.epochs[to]
	if x == nil || y == nil {
		return Move{}, false
	}
	return path(x, y), true
}

// Weight returns how many accounts, of those that vote on its parent, stand at
// or below what a commit leads to.
func (c *Chain) Weight(id CommitID) int {
	if n := c.commits[id]; n != nil {
		return n.weight
	}
	return 0
}

// Agreed returns how many accounts, of those that vote on an epoch's children,
// stand at or below that epoch, and of how many.
func (c *Chain) Agreed(id EpochID) (stand, of int) {
	n := c.epochs[id]
	if n == nil {
		return 0, 0
	}
	for _, a := range n.voters {
		if s := c.seats[a]; s != nil && s.spoke() && s.stands().within(n) {
			stand++
		}
	}
	return stand, len(n.voters)
}

// Standing returns where an account stands: what its deciding vote names, or the
// last of its own commits after that, or, where those part, the last epoch they
// share. False where that is nowhere or it has said nothing.
func (c *Chain) Standing(a Account) (EpochID, bool) {
	if s := c.seats[a]; s != nil && s.spoke() {
		return s.stands().Child.ID, true
	}
	return EpochID{}, false
}

// Cooling reports whether an account must wait before it makes another
// maintenance commit of its own on an epoch.
func (c *Chain) Cooling(id EpochID, a Account) bool {
	n := c.epochs[id]
	return n != nil && c.cooling(n, a)
}

// Counts returns what was turned away or let go so far.
func (c *Chain) Counts() Counts { return c.counts }

// Held returns how many epochs are in the tree and how many candidates wait.
func (c *Chain) Held() (epochs, parked int) { return len(c.epochs), len(c.parked.spots) }
