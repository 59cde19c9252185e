package tree

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Describe draws the tree for a human: the root at the left, the first leaf on
// top, blank subtrees on one line.
func (t *Tree) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d members in %d leaves, tree hash %x\n", t.Len(), t.Size(), t.Hash()[:4])
	t.draw(&b, t.root, Root(t.depth), "", "", "")
	return b.String()
}

// draw writes the part above the node, the node, and the part below it.
func (t *Tree) draw(b *strings.Builder, n *node, at NodeIndex, head, above, below string) {
	if at.IsLeaf() || n.leaves == 0 {
		fmt.Fprintf(b, "%s%s\n", head, t.label(n, at))
		return
	}
	t.draw(b, n.left, at.Left(), above+"╭─", above+"  ", above+"│ ")
	fmt.Fprintf(b, "%s%s\n", head, t.label(n, at))
	t.draw(b, n.right, at.Right(), below+"╰─", below+"│ ", below+"  ")
}

func (t *Tree) label(n *node, at NodeIndex) string {
	body := n.body(t.suite.Nh())
	switch {
	case !at.IsLeaf() && n.leaves == 0:
		first := at.First()
		return fmt.Sprintf("leaves %d to %d: blank", first, int(first)+1<<at.Level()-1)
	case at.IsLeaf() && len(body) == 0:
		return fmt.Sprintf("leaf %d: blank", at.Leaf())
	case at.IsLeaf():
		l := t.Leaf(at.Leaf())
		return fmt.Sprintf("leaf %d: %s key %.8x by %s", at.Leaf(), l.Credential.name(), l.EncryptionKey, l.Source)
	case len(body) == 0:
		return fmt.Sprintf("%d: blank", at)
	}
	p := parentOf(body)
	if len(p.UnmergedLeaves) == 0 {
		return fmt.Sprintf("%d: key %.8x", at, p.EncryptionKey)
	}
	return fmt.Sprintf("%d: key %.8x, unmerged %v", at, p.EncryptionKey, p.UnmergedLeaves)
}

func (c *Credential) name() string {
	switch c.Type {
	case Basic:
		if utf8.Valid(c.Identity) {
			return fmt.Sprintf("%.40q", c.Identity)
		}
		return fmt.Sprintf("%.8x", c.Identity)
	case X509:
		return fmt.Sprintf("%d certificates", len(c.Certificates))
	default:
		return fmt.Sprintf("credential of type %d", c.Type)
	}
}

// String is the source's name in RFC 9420.
func (s LeafNodeSource) String() string {
	switch s {
	case SourceKeyPackage:
		return "key_package"
	case SourceUpdate:
		return "update"
	case SourceCommit:
		return "commit"
	default:
		return fmt.Sprintf("source %d", uint8(s))
	}
}
