package session_test

import (
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// Keys are renewed without anybody's asking: of every device at least once a
// day, not by all at once, and also where one device is away for good.
func TestKeysAreRenewed(t *testing.T) {
	const hour = 3600_000
	names := []string{"alice", "bob", "carol", "dave", "erin"}
	w := groupOn(t, standin.New(), names...)
	renewed := map[session.Account]session.Time{}
	for _, name := range names {
		renewed[w.node(name).id.Account] = w.now
	}
	w.part([]string{"erin"}, names[:4])
	w.node("erin").down = true
	at, seen, most := session.Time(0), 0, 0
	for range 3 * 24 {
		w.run(hour)
		before := seen
		for _, n := range w.node("alice").notices[at:] {
			if n.Kind == session.NoticeRoster && n.Change == session.ChangeKeys {
				if gap := n.At - renewed[n.Account]; gap > 25*hour {
					t.Errorf("%x renewed its keys after %d hours", n.Account[:4], gap/hour)
				}
				renewed[n.Account] = n.At
				seen++
			}
		}
		at = session.Time(len(w.node("alice").notices))
		most = max(most, seen-before)
	}
	for _, name := range names[:4] {
		if gap := w.now - renewed[w.node(name).id.Account]; gap > 25*hour {
			t.Errorf("%s has keys of %d hours ago", name, gap/hour)
		}
	}
	if seen < 4*3-4 || seen > 4*3*2 || most > 3 {
		t.Errorf("%d renewals in three days, at most %d in an hour", seen, most)
	}
	w.agree(names[:4]...)
}

// An epoch whose log grows large is ended by one commit, and so a log can be cut.
func TestCrowdedEpochEnds(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol")
	text := fmt.Sprintf("%048000d", 0)
	before := w.node("alice").s.View().Number
	for i := range 400 {
		w.say("bob", fmt.Sprint(i)+text[:47_000])
		if i%20 == 0 {
			w.run(1000)
		}
	}
	w.run(60_000)
	if got := w.node("alice").s.View().Number - before; got != 1 {
		t.Errorf("19 MB in one epoch began %d others", got)
	}
	w.agree("alice", "bob", "carol")
}
