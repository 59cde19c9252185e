package sim

import (
	"fmt"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

var _ testnet.Tallier = (*World)(nil)

// Tally implements [testnet.Tallier].
func (w *World) Tally(group string) (testnet.Tally, error) {
	g := w.groups[group]
	if g == nil {
		return testnet.Tally{}, fmt.Errorf("no group %s", group)
	}
	texts := w.Book.Count(group)
	t := testnet.Tally{Sent: texts.Sent, Owed: texts.Owed, Lost: texts.Missing, Doubled: texts.Doubled}
	heads := map[session.EpochID]int{}
	var most session.EpochID
	for _, n := range w.nodes {
		s := n.seats[group]
		if s == nil || s.byz != nil || !n.up || !s.live {
			continue
		}
		for _, undone := range s.undone {
			t.DeepestBack = max(t.DeepestBack, undone)
		}
		t.Unreadable += s.gaps
		if s.head == (session.EpochID{}) {
			continue
		}
		if heads[s.head]++; heads[s.head] > heads[most] {
			most = s.head
		}
		for state, count := range w.Book.States(group, n.name) {
			if state == "" || state == check.Queued || state == check.Bound {
				t.Waiting += count
			}
		}
	}
	t.States = len(heads)
	kept := map[session.EpochID]bool{}
	for id := most; g.edges[id] != nil; id = g.edges[id].parent {
		kept[id] = true
	}
	for _, e := range g.order {
		if e.parent == (session.EpochID{}) {
			continue
		}
		if t.Commits++; !kept[e.child] {
			t.ThrownAway++
		}
	}
	return t, nil
}
