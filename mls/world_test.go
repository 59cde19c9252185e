package mls

import (
	"math/rand/v2"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
)

// What the tests of this package share.

// newRand is deterministic randomness.
func newRand(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// pair is a tree of two leaves, of which the right one signs with key. Nothing
// else of it holds.
func pair(t testing.TB, s *suite.Suite, key []byte) *tree.Tree {
	t.Helper()
	edit := tree.New(s).Edit()
	for i, k := range [][]byte{{1}, key} {
		if _, err := edit.Add(&LeafNode{EncryptionKey: []byte{byte(i)}, SignatureKey: k, Source: SourceUpdate}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := edit.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return made
}
