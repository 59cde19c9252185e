package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// A group that is formed already is a group like any other: all are in one epoch,
// and what one says and changes reaches all.
func TestFormed(t *testing.T) {
	w := New(Options{Seed: 1})
	names := []string{"alice", "bob", "carol", "dave"}
	w.Nodes(names...)
	if err := w.Formed("room", "alice", names[1:]...); err != nil {
		t.Fatal(err)
	}
	w.Settle(time.Minute)
	w.Send("bob", "room", "hello")
	w.Refresh("carol", "room")
	w.Remove("alice", "room", "dave")
	w.Settle(5 * time.Minute)
	if broken := w.Rest(); len(broken) > 0 {
		t.Error(broken[0])
	}
	views, err := w.Views("room")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		if gone := v.Node == "dave"; v.Read != 1 || v.In == gone || !gone && strings.Join(v.Roster, " ") != "alice bob carol" {
			t.Errorf("%s: %+v", v.Node, v)
		}
	}
	if err := New(Options{Engine: session.MLS{}}).Formed("room", "alice"); err == nil {
		t.Error("package mls forms a group by itself")
	}
}
