package tree

import (
	"bytes"
	"errors"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// ErrFull says that a tree of 2^MaxDepth leaves has no blank one left.
var ErrFull = errors.New("tree: no room for another leaf")

// Edit applies the proposals of one commit to a tree, in the RFC's order:
// updates and removals, then adds, then the place of an external committer
// (§12.3). The tree it came from stays as it is.
type Edit struct {
	t       Tree
	changed []LeafIndex // leaves with a new body
	added   []LeafIndex // increasing: each takes the leftmost blank
	place   LeafIndex   // the external committer's, if placed
	placed  bool
	ballots ballots
}

// Edit begins a batch of changes.
func (t *Tree) Edit() *Edit { return &Edit{t: *t, ballots: ballots{}} }

// Update replaces a member's leaf and blanks its direct path (RFC 9420
// §12.1.2). The new leaf must bring a new encryption key (§7.3).
func (e *Edit) Update(i LeafIndex, l *LeafNode) error {
	e.mustPrecedeAdds("Update")
	old := e.t.leaf(i)
	if len(old) == 0 {
		return invalid(CheckRemoveLeaf, i.Node())
	}
	if bytes.Equal(keyOf(old), l.EncryptionKey) {
		return invalid(CheckUpdateKey, i.Node())
	}
	e.set(i, old, wire.Marshal(l))
	return nil
}

// Remove blanks a member's leaf and its direct path (RFC 9420 §12.1.3).
func (e *Edit) Remove(i LeafIndex) error {
	e.mustPrecedeAdds("Remove")
	old := e.t.leaf(i)
	if len(old) == 0 {
		return invalid(CheckRemoveLeaf, i.Node())
	}
	e.set(i, old, nil)
	return nil
}

// Add puts a new member at the leftmost blank leaf, extending a full tree
// (RFC 9420 §12.1.1).
func (e *Edit) Add(l *LeafNode) (LeafIndex, error) {
	i, err := e.vacancy()
	if err != nil {
		return 0, err
	}
	e.added = append(e.added, i)
	e.put(i, wire.Marshal(l), false)
	return i, nil
}

// Place finds the leaf that an external committer will take: the leftmost
// blank one, extending a full tree (RFC 9420 §12.4.2). The leaf stays blank
// until the path is applied. No Add may follow.
func (e *Edit) Place() (LeafIndex, error) {
	i, err := e.vacancy()
	e.place, e.placed = i, err == nil
	return i, err
}

// Added lists the leaves of new members so far, in order. It must not be
// written to.
func (e *Edit) Added() []LeafIndex { return e.added }

// Tree ends the batch. Where two nodes would share a key that must be unique
// it fails and there is no tree.
func (e *Edit) Tree() (*Tree, error) {
	t := e.t
	h := hasher{suite: t.suite}
	// Truncate while the right half is blank (RFC 9420 §7.7).
	for t.depth > 0 && right(t.root).leaves == 0 && !(e.placed && e.place >= 1<<(t.depth-1)) {
		t.root, _ = t.root.children(t.suite.Nh())
		t.depth--
	}
	h.seal(t.root, 0, t.depth, e.added)
	t.support = t.support.apply(e.ballots)
	var items []item
	for _, i := range e.changed {
		items = keysOf(items, t.suite, i.Node(), t.leaf(i))
	}
	if clash, ok := t.indexed(e.t.index, items); !ok {
		return nil, clash.error()
	}
	return &t, nil
}

func right(n *node) *node {
	if n.right == nil {
		return n // void: as blank as its half
	}
	return n.right
}

// error says which check a clash of two leaves, or of a leaf and a parent, is.
func (c conflict) error() error {
	switch {
	case c.kind == keySignature:
		return invalid(CheckSignatureKey, c.at)
	case c.at.IsLeaf() && c.other.IsLeaf():
		return invalid(CheckEncryptionKey, c.at)
	default:
		return invalid(CheckParentKey, c.at)
	}
}

func (e *Edit) mustPrecedeAdds(what string) {
	if len(e.added) > 0 || e.placed {
		panic("tree: " + what + " after Add: RFC 9420 §12.3 fixes the order")
	}
}

// vacancy is the leftmost blank leaf, made by extending if there is none.
func (e *Edit) vacancy() (LeafIndex, error) {
	if e.placed {
		panic("tree: an external committer's leaf is placed last")
	}
	i := e.t.LeftmostBlank()
	if int(i) == e.t.Size() {
		if e.t.depth == MaxDepth {
			return 0, ErrFull
		}
		h := hasher{suite: e.t.suite}
		e.t.root = &node{left: e.t.root, right: h.void(i, e.t.depth), leaves: e.t.root.leaves, open: true}
		e.t.depth++
	}
	return i, nil
}

// set replaces a member's leaf and blanks what is above.
func (e *Edit) set(i LeafIndex, old, body []byte) {
	e.ballots.add(old, -1)
	e.put(i, body, true)
}

// put opens the way to leaf i and gives it a body, keeping counts right.
func (e *Edit) put(i LeafIndex, body []byte, blank bool) {
	e.ballots.add(body, +1)
	e.changed = append(e.changed, i)
	delta := uint32(0)
	if was := len(e.t.leaf(i)) > 0; was && body == nil {
		delta = ^uint32(0)
	} else if !was && body != nil {
		delta = 1
	}
	nh := e.t.suite.Nh()
	n := opened(&e.t.root, nh)
	for level := e.t.depth; level > 0; level-- {
		n.leaves += delta
		if blank {
			n.data = nil
		}
		if i>>(level-1)&1 == 0 {
			n = opened(&n.left, nh)
		} else {
			n = opened(&n.right, nh)
		}
	}
	n.leaves += delta
	n.data = body
}

// opened makes the node in the slot the edit's own.
func opened(slot **node, nh int) *node {
	n := *slot
	if n.open {
		return n
	}
	own := &node{data: n.body(nh), leaves: n.leaves, open: true}
	if n.left != nil || len(n.data) > nh && n.leaves == 0 {
		own.left, own.right = n.children(nh)
	}
	*slot = own
	return own
}
