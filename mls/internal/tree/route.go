package tree

import "github.com/covey-p2p/covey/mls/internal/wire"

// step is one parent on the way from a leaf to the root.
type step struct {
	at      NodeIndex // the parent
	copath  NodeIndex // its child off the way
	sibling *node     // the node there
	body    []byte    // the parent's own content
}

// filtered reports whether the step is on the filtered direct path: its copath
// child has a resolution (RFC 9420 §4.1.2). A tree whose parents have all been
// verified has no non-blank parent above blank leaves only, so counting
// members decides.
func (s *step) filtered() bool { return s.sibling.leaves > 0 }

// route is the direct path of leaf i, lowest parent first.
func (t *Tree) route(i LeafIndex) []step {
	nh := t.suite.Nh()
	steps := make([]step, t.depth)
	n := t.root
	for level := t.depth; level > 0; level-- {
		s := &steps[level-1]
		left, right := n.children(nh)
		s.at, s.body = i.ancestor(level), n.body(nh)
		n, s.sibling, s.copath = left, right, s.at.Right()
		if i>>(level-1)&1 == 1 {
			n, s.sibling, s.copath = right, left, s.at.Left()
		}
	}
	return steps
}

// filteredRoute is the filtered direct path of leaf i, lowest first.
func (t *Tree) filteredRoute(i LeafIndex) []step {
	all := t.route(i)
	out := all[:0]
	for _, s := range all {
		if s.filtered() {
			out = append(out, s)
		}
	}
	return out
}

// resolve calls visit for the resolution of the subtree n at position at, in
// order (RFC 9420 §4.1.1), until visit returns false. A non-blank node stands
// for its subtree together with its unmerged leaves.
func (t *Tree) resolve(n *node, at NodeIndex, visit func(at NodeIndex, body []byte) bool) bool {
	nh := t.suite.Nh()
	body := n.body(nh)
	if len(body) == 0 {
		if n.leaves == 0 || at.IsLeaf() {
			return true
		}
		return t.resolve(n.left, at.Left(), visit) && t.resolve(n.right, at.Right(), visit)
	}
	if !visit(at, body) {
		return false
	}
	if at.IsLeaf() {
		return true
	}
	for _, i := range parentOf(body).UnmergedLeaves {
		if !visit(i.Node(), t.leaf(i)) {
			return false
		}
	}
	return true
}

// recipients calls visit for the nodes that can read what is encrypted to a
// copath node: its resolution without the leaves added in the same commit
// (RFC 9420 §7.6).
func (t *Tree) recipients(s *step, added []LeafIndex, visit func(at NodeIndex, key []byte) bool) {
	t.resolve(s.sibling, s.copath, func(at NodeIndex, body []byte) bool {
		if len(added) > 0 && at.IsLeaf() && contains(added, at.Leaf()) {
			return true
		}
		return visit(at, keyOf(body))
	})
}

// parentHashes are the parent_hash fields along a filtered direct path with
// fresh keys: hashes[k] belongs to the node below steps[k], and hashes[0] to
// the leaf. The topmost node has an empty one (RFC 9420 §7.9). Fresh nodes have
// no unmerged leaves, so the siblings' tree hashes are the original ones.
func (t *Tree) parentHashes(steps []step, keys [][]byte) [][]byte {
	h := hasher{suite: t.suite}
	hashes := make([][]byte, len(steps)+1)
	for k := len(steps) - 1; k >= 0; k-- {
		hashes[k] = h.parentHash(keys[k], hashes[k+1], steps[k].sibling.hash(t.suite.Nh()))
	}
	return hashes
}

// splice is the tree with a new leaf at i and, above it, keys on the filtered
// direct path and blanks elsewhere (RFC 9420 §7.5). hashes are as
// parentHashes gives them. It makes one node a level.
func (t *Tree) splice(i LeafIndex, leaf []byte, keys, hashes [][]byte) (*Tree, error) {
	nh := t.suite.Nh()
	next := &Tree{suite: t.suite, depth: t.depth}
	h := hasher{suite: t.suite}
	items := make([]item, 0, len(keys)+3)
	items = keysOf(items, t.suite, i.Node(), leaf)
	n := &node{data: leaf, open: true}
	h.seal(n, i, 0, nil)
	k := 0
	for _, s := range t.route(i) {
		p := &node{left: n, right: s.sibling, leaves: n.leaves + s.sibling.leaves}
		if s.copath < s.at {
			p.left, p.right = s.sibling, n
		}
		var body []byte
		if s.filtered() {
			body = wire.Marshal(&ParentNode{EncryptionKey: keys[k], ParentHash: hashes[k+1]})
			items = append(items, newItem(t.suite, s.at, keyEncryption, keys[k]))
			k++
		}
		p.data = h.parent(make([]byte, 0, nh+len(body)), body, p.left.hash(nh), p.right.hash(nh))
		p.data = append(p.data, body...)
		n = p
	}
	next.root = n
	next.support = t.support.replace(t.leaf(i), leaf)
	if clash, ok := next.indexed(t.index, items); !ok {
		return nil, clash.error()
	}
	return next, nil
}
