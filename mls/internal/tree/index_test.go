package tree

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

func (x *trie) codesBelow() int {
	if x == nil {
		return 0
	}
	n := len(x.codes)
	if x.kids != nil {
		for _, kid := range x.kids {
			n += kid.codesBelow()
		}
	}
	return n
}

// Keys come and go far more often than the tree grows: none in the tree may
// get lost, those that are gone may not pile up, and none may be found twice.
// Tags are short enough that old and new keys of one node agree on them many
// times in such a run.
func TestIndexUnderChurn(t *testing.T) {
	s := suiteOf2(suite.X25519AES128SHA256Ed25519)
	r := rand.New(rand.NewPCG(1, 2))
	made := uint64(0)
	fresh := func() *LeafNode {
		made++
		key := binary.BigEndian.AppendUint64(nil, made)
		return &LeafNode{EncryptionKey: key, SignatureKey: key, Source: SourceUpdate, Credential: Credential{Type: Basic, Identity: key}}
	}
	e := New(s).Edit()
	for range 100 {
		must(e.Add(fresh()))
	}
	tree := must(e.Tree())
	for round := range 5000 {
		e := tree.Edit()
		for range 1 + r.IntN(8) {
			if err := e.Update(LeafIndex(r.IntN(100)), fresh()); err != nil {
				t.Fatal(err)
			}
		}
		tree = must(e.Tree())
		if round%20 == 0 {
			if err := tree.check(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	if n := tree.index.trie.codesBelow(); n > 2000 {
		t.Errorf("%d codes for 300 keys", n)
	}
}
