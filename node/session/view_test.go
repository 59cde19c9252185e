package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

func TestViewIsTheSameForAllWhoAgree(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol")
	w.run(10_000)
	a, b := w.node("alice").s.View(), w.node("carol").s.View()
	if a.Name != "room" || len(a.Members) != 3 || a.Members[0].Name == "" || a.Alive == 0 || a.Standing != session.TakingPart {
		t.Errorf("%+v", a)
	}
	if a.Head != b.Head || !slices.Equal(a.Proof, b.Proof) || len(a.Topics) == 0 || !slices.Equal(a.Topics, b.Topics) {
		t.Errorf("alice and carol, at one head, see\n%+v\n%+v", a, b)
	}
	if a.Agreed < 2 || a.Voters != 3 || a.Rivals != 0 {
		t.Errorf("%d of %d agree, %d rivals", a.Agreed, a.Voters, a.Rivals)
	}
}

func TestTreeShowsRivals(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol", "dave")
	w.part([]string{"alice", "bob"}, []string{"carol", "dave"})
	w.step("alice", session.Refresh{ID: intentOf("r1")})
	w.step("carol", session.Refresh{ID: intentOf("r2")})
	w.run(10_000)
	w.heal()
	w.run(10_000)
	tree := w.node("bob").s.Tree()
	heads, forks, at := 0, 0, map[session.EpochID]int{}
	for i, b := range tree {
		if b.Head {
			heads++
		}
		if p, ok := at[b.Parent]; i > 0 && (!ok || p >= i) {
			t.Errorf("%d comes before its parent", i)
		}
		at[b.Epoch] = i
	}
	for _, b := range tree {
		n := 0
		for _, c := range tree {
			if c.Parent == b.Epoch && c.Commit != (session.CommitID{}) {
				n++
			}
		}
		if n > 1 {
			forks++
		}
	}
	if heads != 1 || forks == 0 {
		t.Errorf("%d heads, %d forks in %+v", heads, forks, tree)
	}
}

// Whoever makes the commit, the joiner learns who asked for it.
func TestInviterIsWhoAsked(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol", "dave")
	for i, inviter := range []string{"alice", "bob", "carol", "dave"} {
		name := fmt.Sprint("guest", i)
		guest := w.add(name, name)
		w.step(inviter, session.Invite{ID: intentOf(name), Account: guest.id.Account})
		w.run(20_000)
		if guest.s == nil {
			t.Fatalf("%s did not join", name)
		}
		if got := guest.s.View().Inviter; got != w.node(inviter).id.Account {
			t.Errorf("%s was asked in by %x, not by %s", name, got[:4], inviter)
		}
	}
}
