package session

import (
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// Who is in an epoch is most often who was in its parent, and 32 bytes each: so a
// commit is written, in a row and in a Welcome, with whom it brought and took.

// delta is how the roster of an epoch differs from its parent's.
type delta struct {
	In  []Account `cbor:"1,keyasint,omitempty"`
	Out []Account `cbor:"2,keyasint,omitempty"`
}

// thin takes from an epoch what follows from its parent, and returns the rest of
// its roster. That of a header may be nil: its parent's.
func thin(e *consensus.Epoch, parent consensus.Epoch) delta {
	if e.Roster == nil {
		return delta{}
	}
	d := delta{In: minus(e.Roster, parent.Roster), Out: minus(parent.Roster, e.Roster)}
	if e.Roster = nil; slices.Equal(e.Voters, parent.Voters) {
		e.Voters = nil
	}
	return d
}

// fill undoes thin. An epoch that was never thinned stays as it is.
func (d *delta) fill(e *consensus.Epoch, parent consensus.Epoch) {
	if e.Roster != nil {
		return
	}
	if e.Roster = parent.Roster; len(d.In) > 0 || len(d.Out) > 0 {
		e.Roster = plus(minus(parent.Roster, d.Out), d.In)
	}
	if e.Voters == nil && len(e.Roster) > consensus.V1().Committee { // else all vote
		e.Voters = parent.Voters
	}
}

// minus lists what is in a and not in b; all lists are sorted.
func minus(a, b []Account) []Account {
	if sameList(a, b) {
		return nil
	}
	var out []Account
	for _, x := range a {
		for len(b) > 0 && compareAccount(b[0], x) < 0 {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != x {
			out = append(out, x)
		}
	}
	return out
}

// plus lists what is in a or in b.
func plus(a, b []Account) []Account {
	out := make([]Account, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compareAccount(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			a = a[1:]
		}
	}
	return append(append(out, a...), b...)
}

// sameList reports that two lists are one in memory, as those of an epoch and
// its parent often are.
func sameList(a, b []Account) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// saveCandidate writes the row of a commit in the tree.
func (s *Session) saveCandidate(c savedCandidate) {
	if p, ok := s.chain.Epoch(c.Cand.Parent); ok {
		c.Delta = thin(&c.Cand.Child, p)
	}
	s.save(rowCandidate(c.Cand.ID), encode(c), EpochID{})
}
