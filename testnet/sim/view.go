package sim

import (
	"fmt"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
)

var _ testnet.Stage = (*World)(nil)

// Exact implements [testnet.Stage]: one seed, one trace.
func (w *World) Exact() bool { return true }

// Views implements [testnet.Stage].
func (w *World) Views(group string) ([]testnet.View, error) {
	if w.groups[group] == nil {
		return nil, fmt.Errorf("no group %s", group)
	}
	var out []testnet.View
	for _, n := range w.nodes {
		s := n.seats[group]
		if s == nil {
			continue
		}
		id := epochName(s.head)
		v := testnet.View{Node: n.name, Account: n.account, Up: n.up, Read: len(s.texts), Reorgs: s.reorgs}
		if s.head != (session.EpochID{}) {
			v.In, v.State, v.Number, v.Roster = true, id, s.number, w.Book.Roster(id)
		}
		out = append(out, v)
	}
	return out, nil
}

// Luck is a source of chance of its own, drawn from the world's seed: what a
// scenario decides by it changes nothing that the world decides.
func (w *World) Luck(names ...string) *Rand {
	return NewRand(w.seed, append([]string{"scenario"}, names...)...)
}

// Seed is the world's seed.
func (w *World) Seed() uint64 { return w.seed }

// Broken checks the invariants that hold at any time, and those of a world at
// rest where it is.
func (w *World) Broken() []string {
	var out []string
	for _, b := range w.Rest() {
		out = append(out, b.String())
	}
	return out
}

// Traffic is what the network carried so far: packets, and bytes over links.
func (w *World) Traffic() (packets int, bytes int) { return w.net.stats.Packets, w.net.stats.Bytes }

// leaves reports whether going to a head leaves the branch that the seat is on.
func (s *seat) leaves(head session.EpochID) bool {
	if s.head == (session.EpochID{}) {
		return false
	}
	for id := head; ; {
		if id == s.head {
			return false
		}
		e := s.group.edges[id]
		if e == nil {
			return true
		}
		id = e.parent
	}
}
