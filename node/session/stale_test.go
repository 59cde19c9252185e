package session_test

import (
	"maps"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// A driver that knows its rows for an old copy says so, and the session reads
// and signs nothing, refuses what it is asked with the reason, and does so still
// after the next start; removed and added again, it takes part, and what its
// lost copy said does not silence it once more.
func TestReadOnlyUntilLetInAnew(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		alice := w.node("alice")
		w.step("bob", session.SetRole{ID: intentOf("role"), Account: w.node("bob").id.Account})
		w.step("alice", session.SetRole{ID: intentOf("role"), Account: w.node("bob").id.Account, Role: 2})
		w.run(10_000)
		old := maps.Clone(alice.rows)
		late := []session.Event{} // what the lost copy says, that reaches nobody until later
		w.lossy = func(from, to string, ev session.Event) bool {
			if from == "alice" {
				late = append(late, ev)
			}
			return from == "alice"
		}
		w.say("alice", "lost")
		w.run(3000)
		published := 0
		w.lossy = func(from, _ string, ev session.Event) bool {
			if _, ok := ev.(session.Received); ok && from == "alice" {
				published++
			}
			return false
		}
		alice.cfg = func(c *session.Config) { c.Restored = "the store is older than it was" }
		w.restore("alice", old)
		alice.cfg = nil
		w.restart("alice") // what is known is durable
		w.step("bob", session.Refresh{ID: intentOf("r")})
		w.say("bob", "to alice")
		w.say("alice", "x")
		w.step("alice", session.Refresh{ID: intentOf("r2")})
		w.step("alice", session.Invite{ID: intentOf("i"), Account: w.node("bob").id.Account})
		w.run(20_000)
		if v := alice.s.View(); v.Standing != session.OnlyReading || v.Why == "" {
			t.Fatalf("alice is %v: %q", v.Standing, v.Why)
		}
		if published > 0 {
			t.Errorf("an old copy published %d envelopes", published)
		}
		w.expectHistory("alice", "to alice")
		w.agree("alice", "bob", "carol")
		for _, id := range []string{"r2", "i"} {
			w.expectState("alice", id, session.StateDenied)
		}

		w.step("bob", session.Remove{ID: intentOf("out"), Account: alice.id.Account})
		w.run(10_000)
		w.step("bob", session.Invite{ID: intentOf("in"), Account: alice.id.Account})
		w.run(20_000)
		w.restart("alice")
		for _, ev := range late {
			if r, ok := ev.(session.Received); ok {
				w.step("alice", r)
			}
		}
		w.run(5000)
		if v := alice.s.View(); v.Standing != session.TakingPart {
			t.Fatalf("let in anew, alice is %v: %q", v.Standing, v.Why)
		}
		w.agree("alice", "bob", "carol")
		w.say("alice", "back")
		w.run(5000)
		w.expectState("alice", "aliceback", session.StateDelivered)
	})
}
