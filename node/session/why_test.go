package session_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// A message that others have seen and this device lacks is known to be missing,
// for how long, and comes with the next comparison of logs, which is what
// `covey group repair` asks for.
func TestWhyMissing(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.run(5000)
		w.lossy = func(from, to string, ev session.Event) bool { return from == "alice" && to == "bob" }
		w.say("alice", "unheard")
		w.run(200)
		w.lossy = func(from, to string, ev session.Event) bool {
			_, frame := ev.(session.Frame)
			return frame && to == "bob" || from == "alice" && to == "bob" // and no log is compared
		}
		w.say("carol", "answer")
		w.run(5000)
		bob := w.node("bob")
		w.expectHeard("bob", "answer")
		if m := bob.s.Missing(); len(m) != 1 || !strings.Contains(m[0], "1 message") {
			t.Fatalf("bob misses %q", m)
		}
		var unheard session.MessageID
		for _, n := range w.node("carol").got(session.NoticeText) {
			if c, _ := session.DecodeContent(n.Body); c.Text == "unheard" {
				unheard = n.Message
			}
		}
		if why := bob.s.WhyMessage(unheard); !slices.ContainsFunc(why, func(s string) bool { return strings.HasPrefix(s, "Others have seen it; it has been missing here for ") }) {
			t.Errorf("why: %q", why)
		}
		w.lossy = nil
		w.meet("bob", "carol") // repair
		w.run(2000)
		w.expectHeard("bob", "answer", "unheard")
		if m := bob.s.Missing(); len(m) > 0 {
			t.Errorf("bob still misses %q", m)
		}
	})
}
