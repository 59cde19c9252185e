package session_test

import (
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// A single message is acknowledged at once by whoever comes next and by all in
// turn; of a stream of them, all together acknowledge no faster than that.
func TestReceiptsAreQuickAndFew(t *testing.T) {
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
	w := groupOn(t, standin.New(), names...)
	w.run(20_000)
	receipts := map[string]int{}
	first := session.Time(0)
	w.lossy = func(from, to string, ev session.Event) bool {
		if got, ok := ev.(session.Received); ok && to == "alice" && got.Envelope[1] == 1 { // nobody else speaks
			receipts[from]++
			if first == 0 {
				first = w.now
			}
		}
		return false
	}
	said := w.now
	w.say("alice", "one")
	w.run(1_100) // a hop there, seven turns of an eighth of a second, a hop back
	if len(receipts) != len(names)-1 || first-said > 3*w.delay {
		t.Errorf("after a second %v have acknowledged, the first after %d ms", receipts, first-said)
	}
	for i := range 200 {
		w.say("alice", fmt.Sprint("stream ", i))
		w.run(50)
	}
	w.run(2_000)
	total := 0
	for _, n := range receipts {
		total += n
	}
	if most := len(names) - 1 + 8*12; total > most || total < 60 {
		t.Errorf("%d receipts in 13 seconds, of at most %d", total, most)
	}
	for _, n := range w.node("alice").notices {
		if n.Kind == session.NoticeTrouble {
			t.Error(n.Reason)
		}
	}
}
