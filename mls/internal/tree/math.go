package tree

import "math/bits"

// LeafIndex counts leaves from the left (RFC 9420 §4.1.1).
type LeafIndex uint32

// NodeIndex counts all nodes in order, left to right (RFC 9420 Appendix C):
//
//	      3
//	  .---+---.
//	  1       5
//	.-+-.   .-+-.
//	0   2   4   6     leaf i is node 2i
type NodeIndex uint32

// Node is where the leaf stands among all nodes.
func (i LeafIndex) Node() NodeIndex { return NodeIndex(2 * i) }

// IsLeaf reports whether n is a leaf.
func (n NodeIndex) IsLeaf() bool { return n&1 == 0 }

// Leaf is the inverse of [LeafIndex.Node]; n must be a leaf.
func (n NodeIndex) Leaf() LeafIndex { return LeafIndex(n / 2) }

// Level is the height above the leaves: the number of trailing ones.
func (n NodeIndex) Level() int { return bits.TrailingZeros32(^uint32(n)) }

// First is the leftmost leaf below n.
func (n NodeIndex) First() LeafIndex { return LeafIndex(n+1-1<<n.Level()) / 2 }

// covers reports whether leaf i is n or below it.
func (n NodeIndex) covers(i LeafIndex) bool {
	k := n.Level() + 1
	return n>>k == i.Node()>>k
}

// Root is the root of a tree with 2^depth leaves.
func Root(depth int) NodeIndex { return 1<<depth - 1 }

// Left and Right are the children of a parent node:
//
//	parent=01x => left=00x, right=10x
func (n NodeIndex) Left() NodeIndex  { return n ^ 1<<(n.Level()-1) }
func (n NodeIndex) Right() NodeIndex { return n ^ 3<<(n.Level()-1) }

// Parent is the node above n, which is not the root.
func (n NodeIndex) Parent() NodeIndex {
	k := n.Level()
	return (n | 1<<k) &^ (1 << (k + 1))
}

// Sibling is the other child of n's parent.
func (n NodeIndex) Sibling() NodeIndex { return n ^ 1<<(n.Level()+1) }

// ancestor is the node at the given level on the way from leaf i to the root,
// the leaf itself at level 0.
func (i LeafIndex) ancestor(level int) NodeIndex {
	return NodeIndex(i)>>level<<(level+1) | (1<<level - 1)
}

// commonLevel is the level of the lowest common ancestor of two leaves.
func commonLevel(a, b LeafIndex) int { return bits.Len32(uint32(a ^ b)) }

// depthFor is the depth of the smallest tree that holds n leaves.
func depthFor(n int) int {
	if n <= 1 {
		return 0
	}
	return bits.Len(uint(n - 1))
}
