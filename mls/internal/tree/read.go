package tree

// NodeHash is the tree hash of any node of the tree, which must be inside it
// (RFC 9420 §7.8).
func (t *Tree) NodeHash(at NodeIndex) []byte { return t.reach(at).hash(t.suite.Nh()) }

// Resolution lists the nodes that together can read for the subtree at a node
// inside the tree (RFC 9420 §4.1.1).
func (t *Tree) Resolution(at NodeIndex) []NodeIndex {
	var out []NodeIndex
	t.resolve(t.reach(at), at, func(at NodeIndex, _ []byte) bool {
		out = append(out, at)
		return true
	})
	return out
}

// reach is nodeAt that cuts nodes out of void subtrees.
func (t *Tree) reach(at NodeIndex) *node {
	n := t.root
	for level := t.depth; level > at.Level(); level-- {
		left, right := n.children(t.suite.Nh())
		if n = left; at>>level&1 == 1 {
			n = right
		}
	}
	return n
}
