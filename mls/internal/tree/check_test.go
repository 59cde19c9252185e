package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// newRand is a reproducible source of bytes.
func newRand(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

// check holds the invariants of a tree that has been through any operations:
// those of node and index, and that hash, counts and support are what a fresh
// computation gives.
func (t *Tree) check() error {
	nh := t.suite.Nh()
	h := hasher{suite: t.suite}
	b := ballots{}
	var err error
	fail := func(format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(format, args...)
		}
	}
	var walk func(n *node, at NodeIndex) []byte
	walk = func(n *node, at NodeIndex) []byte {
		var hash []byte
		switch {
		case n.open:
			fail("node %d is open", at)
		case n.void():
			if want := h.void(at.First(), at.Level()); !bytes.Equal(n.data, want.data) {
				fail("void at %d: wrong hashes", at)
			}
			return n.hash(nh)
		case at.IsLeaf():
			if n.leaves != 1 {
				fail("leaf %d counts %d", at.Leaf(), n.leaves)
			}
			hash = h.leaf(nil, at.Leaf(), n.body(nh))
			b.add(n.body(nh), 1)
		default:
			left, right := walk(n.left, at.Left()), walk(n.right, at.Right())
			if n.leaves != n.left.leaves+n.right.leaves {
				fail("node %d counts %d", at, n.leaves)
			}
			hash = h.parent(nil, n.body(nh), left, right)
		}
		if !bytes.Equal(hash, n.hash(nh)) {
			fail("node %d has a stale hash", at)
		}
		for _, it := range keysOf(nil, t.suite, at, n.body(nh)) {
			if !slices.Contains(t.find(it.code.kind(), t.key(it.code)), at) {
				fail("key %d of node %d is not in the index", it.code.kind(), at)
			}
		}
		if cap(n.data) != len(n.data) && n.leaves > 0 {
			fail("node %d wastes %d bytes", at, cap(n.data)-len(n.data))
		}
		return hash
	}
	walk(t.root, Root(t.depth))
	want := (*support)(nil).apply(b)
	if (want == nil) != (t.support == nil || len(t.support.counts) == 0) {
		fail("support: %v, want %v", t.support, want)
	} else if want != nil && !slices.Equal(want.counts, t.support.counts) {
		fail("support: %v, want %v", t.support.counts, want.counts)
	}
	return err
}
