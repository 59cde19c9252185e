package tree

import (
	"iter"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Tree is the public side of a group's ratchet tree (RFC 9420 §4): an immutable
// value. To fork a tree is to keep the pointer; changed trees share what did
// not change. All methods are safe for concurrent use.
type Tree struct {
	suite   *suite.Suite
	root    *node
	depth   int
	index   index
	support *support
}

// New is the tree of nobody: one blank leaf.
func New(s *suite.Suite) *Tree {
	h := hasher{suite: s}
	return &Tree{suite: s, root: h.void(0, 0)}
}

// Suite is the cipher suite that the tree hashes with.
func (t *Tree) Suite() *suite.Suite { return t.suite }

// Len is the number of members.
func (t *Tree) Len() int { return int(t.root.leaves) }

// Size is the number of leaves, blank ones included: a power of two.
func (t *Tree) Size() int { return 1 << t.depth }

// Depth is the base-2 logarithm of Size.
func (t *Tree) Depth() int { return t.depth }

// Hash is the tree hash of the root (RFC 9420 §7.8). It must not be written to.
func (t *Tree) Hash() []byte { return t.root.hash(t.suite.Nh()) }

// Has reports whether leaf i is a member.
func (t *Tree) Has(i LeafIndex) bool { return len(t.leaf(i)) > 0 }

// Leaf is the member at i, or nil if i is blank or outside the tree. It
// aliases the tree: its bytes must not be written to.
func (t *Tree) Leaf(i LeafIndex) *LeafNode {
	body := t.leaf(i)
	if len(body) == 0 {
		return nil
	}
	l := new(LeafNode)
	l.Decode(wire.NewReader(body))
	return l
}

// LeafBytes is the encoded LeafNode at i, empty where there is none. It must
// not be written to.
func (t *Tree) LeafBytes(i LeafIndex) []byte { return t.leaf(i) }

// SignatureKey is the key of the member at i, or nil.
func (t *Tree) SignatureKey(i LeafIndex) []byte {
	body := t.leaf(i)
	if len(body) == 0 {
		return nil
	}
	return fieldsOf(body).signatureKey
}

// EncryptionKey is the key of any node, nil where it is blank or outside.
func (t *Tree) EncryptionKey(n NodeIndex) []byte {
	body := t.bodyAt(n)
	if len(body) == 0 {
		return nil
	}
	return keyOf(body)
}

// Members walks over the members from left to right.
func (t *Tree) Members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(yield func(LeafIndex, *LeafNode) bool) {
		nh := t.suite.Nh()
		var walk func(n *node, first LeafIndex, level int) bool
		walk = func(n *node, first LeafIndex, level int) bool {
			if n.leaves == 0 {
				return true
			}
			if level == 0 {
				l := new(LeafNode)
				l.Decode(wire.NewReader(n.body(nh)))
				return yield(first, l)
			}
			return walk(n.left, first, level-1) && walk(n.right, first+1<<(level-1), level-1)
		}
		walk(t.root, 0, t.depth)
	}
}

// FindSignatureKey is the member that signs with the key.
func (t *Tree) FindSignatureKey(key []byte) (LeafIndex, bool) {
	return onlyLeaf(t.find(keySignature, key))
}

// FindCredential lists the members with exactly this credential.
func (t *Tree) FindCredential(c *Credential) []LeafIndex {
	var out []LeafIndex
	for _, n := range t.find(keyCredential, wire.Marshal(c)) {
		out = append(out, n.Leaf())
	}
	return out
}

// FindEncryptionKey is the node that holds the key, leaf or parent.
func (t *Tree) FindEncryptionKey(key []byte) (NodeIndex, bool) {
	found := t.find(keyEncryption, key)
	if len(found) == 0 {
		return 0, false
	}
	return found[0], true
}

func onlyLeaf(found []NodeIndex) (LeafIndex, bool) {
	if len(found) == 0 {
		return 0, false
	}
	return found[0].Leaf(), true
}

// LeftmostBlank is the leaf that the next new member gets (RFC 9420 §12.1.1).
// It is one past the tree where the tree is full.
func (t *Tree) LeftmostBlank() LeafIndex {
	n, first := t.root, LeafIndex(0)
	for level := t.depth; n.leaves > 0; level-- {
		if level == 0 {
			return first + 1 // a full tree ends up here
		}
		half := uint32(1) << (level - 1)
		if n.left.leaves < half {
			n = n.left
		} else {
			n, first = n.right, first+LeafIndex(half)
		}
	}
	return first
}

func (t *Tree) leaf(i LeafIndex) []byte {
	if int64(i) >= int64(t.Size()) {
		return nil
	}
	return t.bodyAt(i.Node())
}

// bodyAt is the content of a node, empty where it is blank or outside.
func (t *Tree) bodyAt(at NodeIndex) []byte {
	if n := t.nodeAt(at); n != nil {
		return n.body(t.suite.Nh())
	}
	return nil
}

// nodeAt walks to a node; it is nil outside the tree and inside void subtrees.
func (t *Tree) nodeAt(at NodeIndex) *node {
	if root := Root(t.depth); at > 2*root {
		return nil
	}
	n := t.root
	for level, to := t.depth, at.Level(); n != nil && level > to; level-- {
		if at>>level&1 == 0 {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}
