package mls

import (
	"bytes"
	"runtime"
	"testing"
	"weak"
)

// TestNothingKeepsItsMessage follows a commit and a Welcome and then looks
// whether the bytes they came in are free: an epoch that kept a slice of them
// would keep all of them, O(N) for each branch.
func TestNothingKeepsItsMessage(t *testing.T) {
	w := &town{n: 20}
	w.settle()
	invited := w.invite()
	renewed := mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{}))

	message := bytes.Clone(renewed.Message)
	commit := weak.Make(&message[0])
	c := mustOf(w.last.Process(message, Received{}))
	message = bytes.Clone(invited.Welcome)
	welcome := weak.Make(&message[0])
	e := mustOf(Join(&Config{}, w.guest, message, JoinOptions{}))
	message = bytes.Clone(invited.Message)
	added := weak.Make(&message[0])
	next := mustOf(w.last.Process(message, Received{})).Next
	message = nil

	runtime.GC()
	runtime.GC()
	if commit.Value() != nil {
		t.Error("a candidate keeps its commit")
	}
	if welcome.Value() != nil {
		t.Error("an epoch keeps the Welcome it came from")
	}
	if added.Value() != nil {
		t.Error("an epoch keeps the commit it came from")
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(e)
	runtime.KeepAlive(next)
}
