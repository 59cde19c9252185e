package consensus

import "slices"

// Snapshot is all that a Chain was told and has not let go. Restoring it gives the
// same answers to the same questions.
type Snapshot struct {
	Root       Epoch
	Genesis    EpochID
	Params     Params
	Candidates []Candidate // of the tree, parents first, then the parked
	Votes      []Vote      // by account and sequence number
	Evidence   []Evidence  // by account
	Left       []Left      // oldest first
	Refused    []CommitID  // oldest first
	Contested  []EpochID   // claimed by headers that contradict each other
	Settled    int         // how many commits below the root are settled
}

// Left is an epoch that left the tree.
type Left struct {
	ID     EpochID
	Number uint64
	Roster []Account
	Above  bool // the root follows from it; else its branch was left behind
	Stray  bool // it came after its branch had left
}

// Snapshot returns what the chain holds.
func (c *Chain) Snapshot() Snapshot {
	s := Snapshot{
		Root: c.Root(), Genesis: c.genesis, Params: c.params,
		Votes: c.Votes(), Evidence: c.Evidence(), Refused: slices.Clone(c.refused.order),
		Contested: slices.Clone(c.contested.order),
	}
	c.root.below(func(n *node) {
		s.Candidates = append(s.Candidates, n.Candidate)
		if n.life == Settled {
			s.Settled++
		}
	})
	s.Candidates = append(s.Candidates, c.parked.list()...)
	for _, m := range []*memory[EpochID, goneEpoch]{&c.gone, &c.stray} {
		for _, id := range m.order {
			g := m.known[id]
			s.Left = append(s.Left, Left{id, g.number, g.roster, g.above, m == &c.stray})
		}
	}
	return s
}

// Restore returns a chain as it was when the snapshot was taken.
func Restore(s Snapshot) *Chain {
	c := New(s.Root, s.Genesis, s.Params)
	for _, l := range s.Left {
		if g := (goneEpoch{l.Number, l.Roster, l.Above}); l.Stray {
			c.stray.put(l.ID, g)
		} else {
			c.gone.put(l.ID, g)
		}
	}
	for _, id := range s.Refused {
		c.refused.put(id, struct{}{})
	}
	for _, id := range s.Contested {
		c.contested.put(id, struct{}{})
	}
	for _, e := range s.Evidence {
		c.Convict(e)
	}
	for _, k := range s.Candidates {
		c.Seek(k.Child.ID) // it was taken once
		c.admit(k)
	}
	for _, v := range s.Votes {
		c.hear(v)
	}
	c.follow()
	for n := c.head; n.parent != nil; n = n.parent {
		if n.number()-c.root.number() <= uint64(s.Settled) {
			c.become(n, Settled)
		}
	}
	return c
}

// Votes returns the votes the chain holds, by account, then sequence number.
func (c *Chain) Votes() []Vote {
	var out []Vote
	for _, s := range c.seated() {
		out = append(out, s.votes...)
	}
	return out
}

// list returns what is parked, the oldest first.
func (p *parking) list() []Candidate {
	var spots []spot
	for _, s := range p.spots {
		spots = append(spots, s)
	}
	slices.SortFunc(spots, func(a, b spot) int { return int(int64(a.came) - int64(b.came)) })
	var out []Candidate
	for _, s := range spots {
		out = append(out, s.Candidate)
	}
	return out
}
