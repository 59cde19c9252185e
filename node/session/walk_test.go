package session_test

import (
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

func TestSend(t *testing.T) {
	w := group(t, "alice", "bob", "carol")
	w.say("alice", "hello")
	w.run(5000)
	for _, n := range w.nodes {
		if got := n.heard(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("%s heard %q", n.name, got)
		}
	}
	st := w.node("alice").states(intentOf("alicehello"))
	if len(st) == 0 || st[len(st)-1] != session.StateDelivered {
		t.Errorf("states %v", st)
	}
}

func TestTwoCommitsAtOnce(t *testing.T) {
	w := group(t, "alice", "bob", "carol")
	w.step("alice", session.Refresh{ID: intentOf("ra")})
	w.step("bob", session.Refresh{ID: intentOf("rb")})
	w.run(20_000)
	w.agree("alice", "bob", "carol")
}
