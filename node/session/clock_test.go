package session_test

import (
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// A clock put back does not turn the session's time back, and the view says how
// far it is behind.
func TestClockPutBack(t *testing.T) {
	w := groupOn(t, session.MLS{}, "alice", "bob")
	if b := w.node("alice").s.View().Behind; b != 0 {
		t.Fatal(b)
	}
	w.say("alice", "before")
	w.now -= 90_000
	w.restart("alice")
	if b := w.node("alice").s.View().Behind; b < 80_000 || b > 90_000 {
		t.Errorf("%d ms behind, after 90,000", b)
	}
}
