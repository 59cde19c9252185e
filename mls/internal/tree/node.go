package tree

import (
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// node is one node of the tree together with all below it. A sealed node never
// changes: trees share it. An Edit works on open nodes, which are its own, and
// seals them at the end, so that each changed node is hashed once.
//
// Where it stands (its level, its first leaf) is known by whoever walked there.
//
//  1. A leaf has no children; a parent has both, unless it is void.
//  2. A void subtree, all blank, has no children: data holds the tree hashes of
//     its nodes in order, and the children are cut from it when needed. So an
//     extended tree costs its hashes and nothing else.
//  3. leaves counts the members below.
//  4. sealed: data is the tree hash, then the body. Open: data is the body alone,
//     and every ancestor is open.
//
// The body is the encoded LeafNode or ParentNode, empty where blank. Bytes and
// not structs: a member costs what its leaf costs on the wire plus 48 bytes,
// and what is signed and hashed is there to read.
type node struct {
	left, right *node
	data        []byte
	leaves      uint32
	open        bool
}

// void reports whether n is an all-blank subtree without nodes of its own. A
// sealed blank leaf is the smallest.
func (n *node) void() bool { return n.left == nil && n.leaves == 0 && !n.open }

// hash is the tree hash of a sealed node.
func (n *node) hash(nh int) []byte {
	if n.void() {
		mid := len(n.data) / nh / 2 * nh
		return n.data[mid : mid+nh : mid+nh]
	}
	return n.data[:nh:nh]
}

// body is the node's own content, empty where it is blank.
func (n *node) body(nh int) []byte {
	if n.open {
		return n.data
	}
	if n.void() {
		return nil
	}
	return n.data[nh:]
}

// children are the nodes below a parent, cut out of a void one.
func (n *node) children(nh int) (left, right *node) {
	if n.left != nil {
		return n.left, n.right
	}
	mid := len(n.data) / nh / 2 * nh
	return &node{data: n.data[:mid:mid]}, &node{data: n.data[mid+nh:]}
}

// The fields of bodies, read where they lie.

// keyOf is the encryption key of a leaf or parent: the first field of both.
func keyOf(body []byte) []byte { return wire.NewReader(body).Opaque() }

// leafFields are the parts of an encoded LeafNode that the tree itself asks for.
type leafFields struct {
	encryptionKey, signatureKey []byte
	credential                  []byte // encoded
	capabilities                []byte // encoded
}

func fieldsOf(body []byte) (f leafFields) {
	r := wire.NewReader(body)
	f.encryptionKey = r.Opaque()
	f.signatureKey = r.Opaque()
	rest := r.Rest()
	r.U16() // both forms of a credential are one vector
	r.Opaque()
	f.credential = rest[:len(rest)-r.Len()]
	rest = r.Rest()
	for range 5 {
		r.Opaque()
	}
	f.capabilities = rest[:len(rest)-r.Len()]
	return f
}

func parentOf(body []byte) (p ParentNode) {
	p.Decode(wire.NewReader(body))
	return p
}

// hasher computes tree hashes (RFC 9420 §7.8) with one buffer for all.
type hasher struct {
	suite *suite.Suite
	w     wire.Writer
}

// leaf appends the tree hash of a leaf to dst:
//
//	struct { NodeType = leaf; uint32 leaf_index; optional<LeafNode> leaf_node; }
func (h *hasher) leaf(dst []byte, i LeafIndex, body []byte) []byte {
	h.w.Reset()
	leafHashInput(&h.w, i, body)
	return h.suite.AppendHash(dst, h.w.Bytes())
}

// parent appends the tree hash of a parent to dst:
//
//	struct { NodeType = parent; optional<ParentNode> parent_node;
//	         opaque left_hash<V>; opaque right_hash<V>; }
func (h *hasher) parent(dst, body, left, right []byte) []byte {
	h.w.Reset()
	parentHashInput(&h.w, body, left, right)
	return h.suite.AppendHash(dst, h.w.Bytes())
}

func leafHashInput(w *wire.Writer, i LeafIndex, body []byte) {
	w.U8(nodeTypeLeaf)
	w.U32(uint32(i))
	if w.Optional(len(body) > 0) {
		w.Raw(body)
	}
}

func parentHashInput(w *wire.Writer, body, left, right []byte) {
	w.U8(nodeTypeParent)
	if w.Optional(len(body) > 0) {
		w.Raw(body)
	}
	w.Opaque(left)
	w.Opaque(right)
}

// parentHash is what the next node below on a path, or the leaf, records of a
// parent (RFC 9420 §7.9):
//
//	struct { HPKEPublicKey encryption_key; opaque parent_hash<V>;
//	         opaque original_sibling_tree_hash<V>; } ParentHashInput;
func (h *hasher) parentHash(key, parentHash, sibling []byte) []byte {
	h.w.Reset()
	h.w.Opaque(key)
	h.w.Opaque(parentHash)
	h.w.Opaque(sibling)
	return h.suite.AppendHash(nil, h.w.Bytes())
}

// NodeType of RFC 9420 §7.8.
const (
	nodeTypeLeaf   = 1
	nodeTypeParent = 2
)

// void makes the all-blank subtree of 2^level leaves from first on.
func (h *hasher) void(first LeafIndex, level int) *node {
	nh := h.suite.Nh()
	data := make([]byte, (1<<(level+1)-1)*nh)
	h.fillVoid(data, first, level)
	return &node{data: data}
}

func (h *hasher) fillVoid(data []byte, first LeafIndex, level int) (hash []byte) {
	nh := h.suite.Nh()
	if level == 0 {
		return h.leaf(data[:0:nh], first, nil)
	}
	mid := len(data) / nh / 2 * nh
	left := h.fillVoid(data[:mid], first, level-1)
	right := h.fillVoid(data[mid+nh:], first+1<<(level-1), level-1)
	return h.parent(data[mid:mid:mid+nh], nil, left, right)
}

// seal closes an open subtree: it counts leaves and hashes. added are the new
// leaves of the edit, which become unmerged at every non-blank parent above
// them (RFC 9420 §12.1.1).
func (h *hasher) seal(n *node, first LeafIndex, level int, added []LeafIndex) {
	if !n.open {
		return
	}
	n.open = false
	nh, body := h.suite.Nh(), n.data
	if level == 0 {
		n.leaves = 0
		if len(body) > 0 {
			n.leaves = 1
		}
		n.data = h.leaf(make([]byte, 0, nh+len(body)), first, body)
		n.data = append(n.data, body...)
		return
	}
	half := first + 1<<(level-1)
	added = within(added, first, 1<<level)
	h.seal(n.left, first, level-1, added)
	h.seal(n.right, half, level-1, added)
	n.leaves = n.left.leaves + n.right.leaves
	if len(body) > 0 && len(added) > 0 {
		p := parentOf(body)
		p.UnmergedLeaves = union(p.UnmergedLeaves, added)
		body = wire.Marshal(&p)
	}
	n.data = h.parent(make([]byte, 0, nh+len(body)), body, n.left.hash(nh), n.right.hash(nh))
	n.data = append(n.data, body...)
}
