package tree

import (
	"errors"
	"math/bits"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Encode writes the ratchet_tree extension's data (RFC 9420 §12.4.3.3): all
// nodes in order, none after the last that is not blank.
//
//	struct {
//	    NodeType node_type;
//	    select (Node.node_type) { case leaf: LeafNode; case parent: ParentNode; };
//	} Node;
//	optional<Node> ratchet_tree<V>;
func (t *Tree) Encode(w *wire.Writer) {
	nh := t.suite.Nh()
	end, size := NodeIndex(0), 0
	t.inOrder(func(at NodeIndex, n *node) {
		if body := n.body(nh); len(body) > 0 {
			size += 1 + len(body)
			end = at + 1
		}
	})
	w.Varint(size + int(end)) // one presence byte a node
	next := NodeIndex(0)
	t.inOrder(func(at NodeIndex, n *node) {
		body := n.body(nh)
		if len(body) == 0 {
			return
		}
		for ; next < at; next++ {
			w.Optional(false)
		}
		w.Optional(true)
		if at.IsLeaf() {
			w.U8(nodeTypeLeaf)
		} else {
			w.U8(nodeTypeParent)
		}
		w.Raw(body)
		next++
	})
}

// inOrder visits the nodes from left to right, leaving out void subtrees.
func (t *Tree) inOrder(visit func(at NodeIndex, n *node)) {
	var walk func(at NodeIndex, n *node)
	walk = func(at NodeIndex, n *node) {
		if n.left == nil {
			if at.IsLeaf() {
				visit(at, n)
			}
			return
		}
		walk(at.Left(), n.left)
		visit(at, n)
		walk(at.Right(), n.right)
	}
	walk(Root(t.depth), t.root)
}

var (
	errParity   = errors.New("a leaf where a parent belongs, or a parent where a leaf does")
	errTrailing = errors.New("the last node is blank")
	errEmpty    = errors.New("no nodes")
	errUnder    = errors.New("a parent above blank leaves only")
)

// Parse reads a ratchet_tree extension and hashes it. It is not yet to be
// trusted: compare [Tree.Hash], then [Tree.Verify].
//
// It fails with CheckDecode on malformed bytes, with CheckShape where the list
// is no tree, and where a key that must be unique occurs twice (RFC 9420
// §12.4.3.1).
func Parse(s *suite.Suite, data []byte) (*Tree, error) {
	nodes, err := ParseNodes(data)
	if err != nil {
		return nil, err
	}
	// The smallest tree of 2^(d+1)-1 nodes that holds them.
	t := &Tree{suite: s, depth: bits.Len(uint(len(nodes))) - 1}
	if t.depth > MaxDepth {
		return nil, &Invalid{Check: CheckShape, Err: ErrFull}
	}
	b := builder{hasher: hasher{suite: s}, nodes: nodes}
	if t.root, err = b.build(Root(t.depth), t.depth); err != nil {
		return nil, err
	}
	return t, t.reindex()
}

// Node is one entry of a ratchet_tree extension: a leaf, a parent, or blank.
type Node struct {
	Leaf   *LeafNode
	Parent *ParentNode
	body   []byte
}

// ParseNodes takes a ratchet_tree extension apart without making a tree of it,
// for those who only look. Parse says how it fails.
func ParseNodes(data []byte) ([]Node, error) {
	r := wire.NewReader(data)
	v := r.Vector()
	if err := r.Done(); err != nil {
		return nil, &Invalid{Check: CheckDecode, Err: err}
	}
	nodes := make([]Node, 0, v.Len()/100)
	for v.More() {
		var n Node
		at := NodeIndex(len(nodes))
		if v.Optional() {
			n.decode(v)
			if v.Err() == nil && (n.Leaf != nil) != at.IsLeaf() {
				return nil, &Invalid{Check: CheckShape, Node: at, Err: errParity}
			}
		}
		nodes = append(nodes, n)
	}
	if err := v.Err(); err != nil {
		return nil, &Invalid{Check: CheckDecode, Node: NodeIndex(len(nodes) - 1), Err: err}
	}
	if len(nodes) == 0 {
		return nil, &Invalid{Check: CheckShape, Err: errEmpty}
	}
	if last := len(nodes) - 1; len(nodes[last].body) == 0 {
		return nil, &Invalid{Check: CheckShape, Node: NodeIndex(last), Err: errTrailing}
	}
	return nodes, nil
}

func (n *Node) decode(r *wire.Reader) {
	kind, rest := r.U8(), r.Rest()
	switch kind {
	case nodeTypeLeaf:
		n.Leaf = new(LeafNode)
		n.Leaf.Decode(r)
	case nodeTypeParent:
		n.Parent = new(ParentNode)
		n.Parent.Decode(r)
	default:
		r.Fail(wire.ErrValue)
		return
	}
	n.body = rest[:len(rest)-r.Len()]
}

// builder makes sealed nodes from the list.
type builder struct {
	hasher
	nodes []Node
}

func (b *builder) body(at NodeIndex) []byte {
	if int(at) < len(b.nodes) {
		return b.nodes[at].body
	}
	return nil
}

// build makes a subtree, nil where it is blank: the highest of those becomes
// one void node, so that blanks cost next to nothing.
func (b *builder) build(at NodeIndex, level int) (*node, error) {
	if int(at.First().Node()) >= len(b.nodes) {
		return nil, nil
	}
	nh, body := b.suite.Nh(), b.body(at)
	if level == 0 {
		if len(body) == 0 {
			return nil, nil
		}
		data := b.leaf(make([]byte, 0, nh+len(body)), at.Leaf(), body)
		return &node{data: append(data, body...), leaves: 1}, nil
	}
	left, err := b.build(at.Left(), level-1)
	if err != nil {
		return nil, err
	}
	right, err := b.build(at.Right(), level-1)
	if err != nil {
		return nil, err
	}
	if left == nil && right == nil {
		if len(body) > 0 {
			return nil, &Invalid{Check: CheckShape, Node: at, Err: errUnder}
		}
		return nil, nil
	}
	if left == nil {
		left = b.void(at.Left().First(), level-1)
	}
	if right == nil {
		right = b.void(at.Right().First(), level-1)
	}
	data := b.parent(make([]byte, 0, nh+len(body)), body, left.hash(nh), right.hash(nh))
	return &node{left: left, right: right, data: append(data, body...), leaves: left.leaves + right.leaves}, nil
}

// reindex computes the key index and the support counts from the nodes.
func (t *Tree) reindex() error {
	nh := t.suite.Nh()
	var items []item
	b := ballots{}
	t.inOrder(func(at NodeIndex, n *node) {
		body := n.body(nh)
		items = keysOf(items, t.suite, at, body)
		if at.IsLeaf() {
			b.add(body, +1)
		}
	})
	t.support = (*support)(nil).apply(b)
	if clash, ok := t.indexed(index{}, items); !ok {
		return clash.error()
	}
	return nil
}
