package session_test

import (
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// TestFoundedInOneEpoch: who is invited together comes in together, at once, as
// nobody could have made a rival commit.
func TestFoundedInOneEpoch(t *testing.T) {
	w := newWorldOn(t, standin.New(), "alice", "bob", "carol")
	w.create("alice")
	w.step("alice", session.Invite{ID: intentOf("bob"), Account: w.node("bob").id.Account})
	w.run(20)
	w.step("alice", session.Invite{ID: intentOf("carol"), Account: w.node("carol").id.Account})
	w.run(200)
	for _, n := range w.nodes {
		if n.s == nil {
			t.Fatalf("%s is not in after 220 ms", n.name)
		}
		if v := n.s.View(); v.Number != 1 || len(v.Members) != 3 {
			t.Errorf("%s is in epoch %d with %d members", n.name, v.Number, len(v.Members))
		}
	}
}

// TestFoundedWithoutOne: nobody waits long for somebody whose key package does
// not come.
func TestFoundedWithoutOne(t *testing.T) {
	w := newWorldOn(t, standin.New(), "alice", "bob", "carol")
	carol := w.node("carol").id.Account
	w.lossy = func(_, _ string, ev session.Event) bool {
		f, ok := ev.(session.Fetched)
		return ok && f.Account == carol
	}
	w.create("alice")
	for _, name := range []string{"carol", "bob"} {
		w.step("alice", session.Invite{ID: intentOf(name), Account: w.node(name).id.Account})
	}
	w.run(900)
	if w.node("bob").s != nil {
		t.Error("bob came in without waiting for carol")
	}
	w.run(300)
	if w.node("bob").s == nil {
		t.Error("bob waits for carol still")
	}
}

// TestFoundedLarge: a hundred that are invited together are one epoch too.
func TestFoundedLarge(t *testing.T) {
	names := []string{"founder"}
	for i := range 150 {
		names = append(names, fmt.Sprint("member ", i))
	}
	w := newWorldOn(t, standin.New(), names...)
	w.create("founder")
	for _, name := range names[1:] {
		w.step("founder", session.Invite{ID: intentOf(name), Account: w.node(name).id.Account})
	}
	w.run(60)
	if v := w.node("founder").s.View(); v.Number != 1 || len(v.Members) != len(names) {
		t.Errorf("epoch %d with %d members", v.Number, len(v.Members))
	}
}
