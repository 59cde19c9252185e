package mls_test

import (
	"math/rand/v2"
	"testing"

	"github.com/covey-p2p/covey/mls"
)

// A client restored from an old copy can tell from its own messages.
func TestElsewhere(t *testing.T) {
	rand := rand.NewChaCha8([32]byte{7})
	alice := newClient(rand, "alice", 1_700_000_000)
	e, err := mls.Create(rand, &mls.Config{}, alice.pack, mls.GroupOptions{GroupID: []byte("g")})
	check(err)
	old, err := e.Keys().Save()
	check(err)
	message, _, err := e.Keys().Protect(rand, alice.key, mls.Outgoing{Data: []byte("sent after the copy")})
	check(err)
	if e.Keys().Elsewhere(message) {
		t.Error("sent here, told otherwise")
	}
	restored, err := e.LoadKeys(old)
	check(err)
	if !restored.Elsewhere(message) {
		t.Error("not told that another copy sent it")
	}
	mallory := newClient(rand, "mallory", 1_700_000_000)
	forged, _, err := e.Keys().Protect(rand, mallory.key, mls.Outgoing{Data: []byte("x")})
	if err == nil && restored.Elsewhere(forged) {
		t.Error("a signature of another key convinced")
	}
	if restored.Elsewhere(message[:len(message)-1]) || restored.Elsewhere(nil) {
		t.Error("a broken message convinced")
	}
}
