package tree

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/vectors"
)

func TestVectorsTreeMath(t *testing.T) {
	var cases []struct {
		Leaves  int          `json:"n_leaves"`
		Nodes   int          `json:"n_nodes"`
		Root    NodeIndex    `json:"root"`
		Left    []*NodeIndex `json:"left"`
		Right   []*NodeIndex `json:"right"`
		Parent  []*NodeIndex `json:"parent"`
		Sibling []*NodeIndex `json:"sibling"`
	}
	vectors.Read(t, "tree-math.json", &cases)
	for _, c := range cases {
		depth := depthFor(c.Leaves)
		if got := Root(depth); got != c.Root {
			t.Errorf("%d leaves: root %d, want %d", c.Leaves, got, c.Root)
		}
		if got := 1<<(depth+1) - 1; got != c.Nodes {
			t.Errorf("%d leaves: %d nodes, want %d", c.Leaves, got, c.Nodes)
		}
		for i := range NodeIndex(c.Nodes) {
			check := func(what string, want *NodeIndex, defined bool, got func() NodeIndex) {
				if (want != nil) != defined {
					t.Errorf("%d leaves: %s of %d: defined is %v", c.Leaves, what, i, defined)
				} else if defined && got() != *want {
					t.Errorf("%d leaves: %s of %d is %d, want %d", c.Leaves, what, i, got(), *want)
				}
			}
			check("left", c.Left[i], !i.IsLeaf(), i.Left)
			check("right", c.Right[i], !i.IsLeaf(), i.Right)
			check("parent", c.Parent[i], i != c.Root, i.Parent)
			check("sibling", c.Sibling[i], i != c.Root, i.Sibling)
		}
	}
	t.Logf("vectors tree-math.json %d ok", len(cases))
}

// The closed forms agree with walking the tree.
func TestMathAgreesWithWalking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 12).Draw(t, "depth")
		last := uint32(1)<<depth - 1
		a := LeafIndex(rapid.Uint32Range(0, last).Draw(t, "a"))
		b := LeafIndex(rapid.Uint32Range(0, last).Draw(t, "b"))
		n := a.Node()
		common := -1
		for level := 0; ; level++ {
			if n.Level() != level || a.ancestor(level) != n {
				t.Fatalf("leaf %d: ancestor %d at level %d, walking gives %d", a, a.ancestor(level), n.Level(), n)
			}
			first, size := n.First(), LeafIndex(1)<<level
			if in := first <= b && b < first+size; in != n.covers(b) {
				t.Fatalf("node %d covers %d: %v", n, b, n.covers(b))
			} else if in && common < 0 {
				common = level
			}
			if level == depth {
				break
			}
			p := n.Parent()
			if p.Left() != n && p.Right() != n {
				t.Fatalf("%d is no child of its parent %d", n, p)
			}
			n = p
		}
		if n != Root(depth) {
			t.Fatalf("walk from %d ends at %d", a, n)
		}
		if common != commonLevel(a, b) {
			t.Fatalf("common level of %d and %d is %d, walking gives %d", a, b, commonLevel(a, b), common)
		}
	})
}
