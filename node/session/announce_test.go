package session

import (
	"fmt"
	"testing"
)

// What is announced on a head is what one commit can carry: removals, and then
// what nobody was told yet. The rest comes on later heads.
func TestAnnouncedByTheBatch(t *testing.T) {
	tb := newTable(t, "alice", "bob")
	s := tb.s["alice"]
	const size, most = 4 << 10, 12 // packages of four kilobytes: so many fit
	add := func(name string, op opKind, packages ...[]byte) *wish {
		w := &wish{Intent: intent{ID: testID(name), Op: op, Signature: []byte{1}}, Packages: packages, State: StateQueued}
		s.wishes[w.Intent.ID] = w
		return w
	}
	for i := range 30 {
		add(fmt.Sprint("invite ", i), opAdd, make([]byte, size))
	}
	announce := func() (said []*wish) {
		s.begin(s.now + 1)
		before := len(s.fx.Publish)
		s.announce(s.head())
		for _, w := range s.wishes {
			if w.Said == s.head().id {
				said = append(said, w)
			}
		}
		if n := len(s.fx.Publish) - before; n > most {
			t.Errorf("%d are announced at once", n)
		}
		return said
	}
	first := announce()
	if len(first) < most-2 {
		t.Fatalf("only %d are announced", len(first))
	}
	if again := announce(); len(again) != len(first) {
		t.Errorf("on the same head, %d more", len(again)-len(first))
	}
	removal := add("removal", opRemove)
	if announce(); removal.Said != s.head().id {
		t.Error("a removal waits for a dozen invitations")
	}
	for _, w := range first { // on another head
		w.Said = EpochID{1}
	}
	for _, w := range announce() {
		if w.Said == (EpochID{1}) {
			t.Error("what was announced before goes first")
		}
	}
	for _, w := range first {
		if w.Said == s.head().id {
			t.Error("what was announced before is announced again, and others wait")
		}
	}
}
