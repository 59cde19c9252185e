package session_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// The log of three months ago is let go, envelopes, names and rows; what came
// since stays, and the group goes on.
func TestTrim(t *testing.T) {
	const day = 24 * 3600_000
	w := groupOn(t, session.MLS{}, "alice", "bob")
	for i := range 30 {
		w.say("alice", fmt.Sprint("old", i))
	}
	w.run(10_000)
	rows := func(prefix string) (n int) {
		for key := range w.node("bob").rows {
			if strings.HasPrefix(key, prefix) {
				n++
			}
		}
		return n
	}
	before, names := rows("e/"), rows("m/")
	for _, name := range []string{"alice", "bob", "alice", "bob", "alice"} {
		w.now += 40 * day
		w.step(name, session.Refresh{ID: intentOf(fmt.Sprint(name, w.now))})
		w.run(20_000)
	}
	w.say("alice", "new")
	w.run(2 * 3600_000)
	if got := rows("e/"); names != 30 || got >= before || rows("m/") != 1 {
		t.Errorf("%d envelopes of %d, %d names of %d are left", got, before, rows("m/"), names)
	}
	w.restart("bob")
	w.say("bob", "newer")
	w.run(10_000)
	w.agree("alice", "bob")
	if got := w.node("alice").heard(); got[len(got)-1] != "newer" {
		t.Errorf("alice heard %q last", got[len(got)-1])
	}
}
