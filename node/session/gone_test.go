package session_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Who is removed while away learns of it from the logs when it comes back, by
// whom and in which epoch, and is shown nothing that was said since.
func TestRemovedWhileAwayLearnsIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		for _, alone := range []string{"silent", "made changes alone"} {
			t.Run(alone, func(t *testing.T) {
				w := groupOn(t, eng, "alice", "bob", "carol", "mallory")
				mallory := w.node("mallory")
				w.part([]string{"mallory"}, []string{"alice", "bob", "carol"})
				if alone != "silent" {
					for i := range 3 {
						w.step("mallory", session.Refresh{ID: intentOf(fmt.Sprint("m", i))})
						w.run(20_000)
					}
				}
				w.step("alice", session.Remove{ID: intentOf("out"), Account: mallory.id.Account})
				w.run(10_000)
				removed := w.node("alice").s.View().Number
				for i := range 12 { // longer than the window
					w.step("bob", session.Refresh{ID: intentOf(fmt.Sprint("r", i))})
					w.say("carol", fmt.Sprint("secret ", i))
					w.run(20_000)
				}
				w.restart("alice") // what is known of who left is durable
				w.agree("alice", "bob", "carol")
				given := 0
				w.lossy = func(from, to string, ev session.Event) bool {
					if f, ok := ev.(session.Frame); ok && to == "mallory" {
						given += len(f.Bytes)
						if high := highest(f.Bytes); high > removed {
							t.Errorf("%s gives mallory an envelope of epoch %d", from, high)
						}
					}
					return to == "mallory" && from != "alice"
				}
				w.heal()
				w.run(60_000)
				v := mallory.s.View()
				if v.Standing != session.TakenOut || !strings.HasPrefix(v.Why, "alice removed this device from the group in epoch ") {
					t.Fatalf("mallory is %v: %q after %d bytes", v.Standing, v.Why, given)
				}
				told := 0
				for _, n := range mallory.notices {
					if n.Kind == session.NoticeRemoved {
						told++
						if n.Account != w.node("alice").id.Account || n.Number == 0 {
							t.Errorf("told of %v, epoch %d", n.Account, n.Number)
						}
					}
				}
				if told != 1 {
					t.Errorf("told %d times", told)
				}
				if got := mallory.history(); len(got) > 0 {
					t.Errorf("mallory reads %q", got)
				}
				w.agree("alice", "bob", "carol")
			})
		}
	})
}

// highest is the highest order of the envelopes in a frame that are sealed under
// an epoch's branch key: commits and messages, and all that is said of them.
func highest(frame []byte) (high uint64) {
	for n, b := 0, frame[1:]; len(b) >= 4; n++ {
		size := binary.BigEndian.Uint32(b)
		if e := b[4 : 4+size]; n > 0 && e[1] == 1 { // else of the control plane
			high = max(high, uint64(binary.BigEndian.Uint32(e[2:])))
		}
		b = b[4+size:]
	}
	return high
}
