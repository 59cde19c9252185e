package tree

import (
	"bytes"
	"fmt"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Record is one node in storage. Its name is the node's tree hash and its value
// the hashed struct itself (TreeHashInput, RFC 9420 §7.8), so a tree can be
// loaded from its root hash and nothing has to be believed. Trees that share
// nodes share records; a commit in a warm tree adds about 2 log2 N of them.
//
// The value begins with one byte that says which children are all blank: those
// have no records.
type Record struct {
	Hash  []byte
	Value []byte
}

const (
	leftVoid  = 1
	rightVoid = 2
)

// Records lists the nodes of t that are in none of the others: what to write
// when t is new beside the others, and what to delete when t goes and the
// others stay. It visits only what differs. Slices alias the tree.
func (t *Tree) Records(others ...*Tree) []Record {
	d := differ{hasher: hasher{suite: t.suite}, nh: t.suite.Nh()}
	var beside []*node
	for _, o := range others {
		// Walk down the left edge of a taller tree to the subtree that covers
		// the same leaves. A shorter tree is met on the way down.
		n := o.root
		for depth := o.depth; depth > t.depth && n.left != nil; depth-- {
			n = n.left
		}
		if o.depth >= t.depth {
			beside = append(beside, n)
		} else {
			d.shorter = append(d.shorter, o)
		}
	}
	d.walk(t.root, 0, t.depth, beside)
	return d.out
}

type differ struct {
	hasher
	nh      int
	shorter []*Tree
	out     []Record
}

func (d *differ) walk(n *node, first LeafIndex, level int, beside []*node) {
	if n.leaves == 0 {
		return
	}
	if first == 0 {
		for _, o := range d.shorter {
			if o.depth == level {
				beside = append(beside, o.root)
			}
		}
	}
	for _, o := range beside {
		if o == n || bytes.Equal(o.hash(d.nh), n.hash(d.nh)) {
			return
		}
	}
	d.out = append(d.out, Record{n.hash(d.nh), d.value(n, first)})
	if level == 0 {
		return
	}
	var lefts, rights []*node
	for _, o := range beside {
		if o.left != nil {
			lefts, rights = append(lefts, o.left), append(rights, o.right)
		}
	}
	d.walk(n.left, first, level-1, lefts)
	d.walk(n.right, first+1<<(level-1), level-1, rights)
}

func (d *differ) value(n *node, first LeafIndex) []byte {
	body := n.body(d.nh)
	w := wire.NewWriter(len(body) + 2*d.nh + 8)
	if n.left == nil {
		w.U8(0)
		leafHashInput(w, first, body)
		return w.Bytes()
	}
	flags := uint8(0)
	if n.left.leaves == 0 {
		flags |= leftVoid
	}
	if n.right.leaves == 0 {
		flags |= rightVoid
	}
	w.U8(flags)
	parentHashInput(w, body, n.left.hash(d.nh), n.right.hash(d.nh))
	return w.Bytes()
}

// Load reads a tree of 2^depth leaves back from its root hash. get returns a
// record's value, which is kept; it fails with an error of its own where there
// is none. A value that is not what its name says is refused: the result is the
// very tree that was written, or an error.
func Load(s *suite.Suite, root []byte, depth int, get func(hash []byte) ([]byte, error)) (*Tree, error) {
	if depth < 0 || depth > MaxDepth {
		return nil, fmt.Errorf("tree: load: depth %d", depth)
	}
	t := &Tree{suite: s, depth: depth}
	l := loader{hasher: hasher{suite: s}, get: get}
	var err error
	if bytes.Equal(root, l.void(0, 0).data) && depth == 0 {
		return New(s), nil
	}
	if t.root, err = l.node(root, 0, depth); err != nil {
		return nil, err
	}
	return t, t.reindex()
}

type loader struct {
	hasher
	get func(hash []byte) ([]byte, error)
}

func (l *loader) node(hash []byte, first LeafIndex, level int) (*node, error) {
	value, err := l.get(hash)
	if err != nil {
		return nil, fmt.Errorf("tree: load: %w", err)
	}
	if len(value) == 0 || !bytes.Equal(l.suite.AppendHash(nil, value[1:]), hash) {
		return nil, fmt.Errorf("tree: load: record %x is damaged", hash)
	}
	if flags := value[0]; flags > leftVoid|rightVoid || level == 0 && flags != 0 {
		return nil, errRecord
	}
	r := wire.NewReader(value[1:])
	if level == 0 {
		return l.leafNode(r, hash, first)
	}
	return l.parentNode(r, hash, first, level, value[0])
}

var errRecord = fmt.Errorf("tree: load: a record does not fit its place")

func (l *loader) leafNode(r *wire.Reader, hash []byte, first LeafIndex) (*node, error) {
	if r.U8() != nodeTypeLeaf || LeafIndex(r.U32()) != first || !r.Optional() {
		return nil, errRecord
	}
	body := r.Rest()
	new(LeafNode).Decode(r)
	if r.Done() != nil {
		return nil, errRecord
	}
	return sealed(hash, body, 1), nil
}

func (l *loader) parentNode(r *wire.Reader, hash []byte, first LeafIndex, level int, flags uint8) (*node, error) {
	if r.U8() != nodeTypeParent {
		return nil, errRecord
	}
	var body []byte
	if r.Optional() {
		rest := r.Rest()
		new(ParentNode).Decode(r)
		body = rest[:len(rest)-r.Len()]
	}
	left, right := r.Opaque(), r.Opaque()
	if r.Done() != nil {
		return nil, errRecord
	}
	n := sealed(hash, body, 0)
	var err error
	if n.left, err = l.child(left, first, level-1, flags&leftVoid != 0); err != nil {
		return nil, err
	}
	if n.right, err = l.child(right, first+1<<(level-1), level-1, flags&rightVoid != 0); err != nil {
		return nil, err
	}
	n.leaves = n.left.leaves + n.right.leaves
	return n, nil
}

func (l *loader) child(hash []byte, first LeafIndex, level int, void bool) (*node, error) {
	if !void {
		return l.node(hash, first, level)
	}
	n := l.hasher.void(first, level)
	if !bytes.Equal(n.hash(l.suite.Nh()), hash) {
		return nil, errRecord
	}
	return n, nil
}

func sealed(hash, body []byte, leaves uint32) *node {
	data := make([]byte, 0, len(hash)+len(body))
	return &node{data: append(append(data, hash...), body...), leaves: leaves}
}
