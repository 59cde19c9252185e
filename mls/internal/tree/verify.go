package tree

import (
	"bytes"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Verify is what a joiner checks of a tree that a stranger sent (RFC 9420
// §12.4.3.1): unmerged leaves, parent hashes, each leaf under the group's
// rules, and credential types. Parse has checked shape and keys; the tree hash
// is the caller's to compare, and credentials are the application's to judge.
//
// The cost is linear: one hash a parent, and one signature a leaf, on all
// cores. Only where members were added without a path since a parent was set
// are the original hashes below that parent computed afresh, once for each set
// of such members.
func (t *Tree) Verify(g *Rules) error {
	v := verifier{t: t, hasher: hasher{suite: t.suite}, nh: t.suite.Nh()}
	if err := v.unmerged(Root(t.depth), t.root, nil); err != nil {
		return err
	}
	if err := v.parents(Root(t.depth), t.root); err != nil {
		return err
	}
	if err := t.CheckCredentials(); err != nil {
		return err
	}
	return t.verifyLeaves(g)
}

func (t *Tree) verifyLeaves(g *Rules) error {
	asked, err := g.required()
	if err != nil {
		return err
	}
	type member struct {
		at   LeafIndex
		body []byte
	}
	members := make([]member, 0, t.Len())
	nh := t.suite.Nh()
	t.inOrder(func(at NodeIndex, n *node) {
		if body := n.body(nh); at.IsLeaf() && len(body) > 0 {
			members = append(members, member{at.Leaf(), body})
		}
	})
	return suite.ForEach(len(members), func(i int) error {
		var l LeafNode
		l.Decode(wire.NewReader(members[i].body))
		return g.check(&l, AnySource, members[i].at, asked)
	})
}

type verifier struct {
	hasher
	t  *Tree
	nh int
	// original remembers, for a node, its hash without the unmerged leaves of
	// some ancestor. The sets of ancestors are nested once unmerged() has
	// passed, so below one node their size tells them apart.
	original map[*node]original
}

type original struct {
	without int
	hash    []byte
}

// unmerged verifies the unmerged_leaves of every parent (RFC 9420 §12.4.3.1):
// each entry is a member below, and is listed by every non-blank node between.
// above are the entries of the nearest non-blank parent that fall below n; each
// is looked for once, at the next non-blank node down.
func (v *verifier) unmerged(at NodeIndex, n *node, above []LeafIndex) error {
	body := n.body(v.nh)
	if at.IsLeaf() || n.left == nil {
		if len(above) > 0 && len(body) == 0 {
			return invalid(CheckUnmerged, above[0].Node())
		}
		return nil
	}
	if len(body) > 0 {
		p := parentOf(body)
		if inside := within(p.UnmergedLeaves, at.First(), 1<<at.Level()); len(inside) < len(p.UnmergedLeaves) {
			return invalid(CheckUnmerged, at)
		}
		if _, err := v.suite.ParsePublic(p.EncryptionKey); err != nil {
			return &Invalid{Check: CheckPublicKey, Node: at, Err: err}
		}
		if _, lacks := missing(above, p.UnmergedLeaves); lacks {
			return invalid(CheckUnmergedBetween, at)
		}
		above = p.UnmergedLeaves
	}
	half := 1 << (at.Level() - 1)
	left, right := within(above, at.First(), half), within(above, at.Right().First(), half)
	if err := v.unmerged(at.Left(), n.left, left); err != nil {
		return err
	}
	return v.unmerged(at.Right(), n.right, right)
}

// parents verifies that each non-blank parent is parent-hash valid, top down:
// exactly one descendant was set together with it (RFC 9420 §7.9.2). That
// descendant is in turn a leaf, whose signature covers the hash, or a parent of
// which the same holds.
func (v *verifier) parents(at NodeIndex, n *node) error {
	if n.left == nil {
		return nil
	}
	if body := n.body(v.nh); len(body) > 0 {
		p := parentOf(body)
		valid := 0
		if v.sets(&p, n.left, at.Left(), n.right, at.Right()) {
			valid++
		}
		if v.sets(&p, n.right, at.Right(), n.left, at.Left()) {
			valid++
		}
		if valid != 1 {
			return invalid(CheckParentHash, at)
		}
	}
	if err := v.parents(at.Left(), n.left); err != nil {
		return err
	}
	return v.parents(at.Right(), n.right)
}

// sets reports whether there is a node D below P's child c with the parent hash
// of P with copath child s, such that D is in the resolution of c and the rest
// of that resolution is P's unmerged leaves below c.
func (v *verifier) sets(p *ParentNode, c *node, cAt NodeIndex, s *node, sAt NodeIndex) bool {
	below := within(p.UnmergedLeaves, cAt.First(), 1<<cAt.Level())
	rest, found := below, []byte(nil)
	ok := v.t.resolve(c, cAt, func(at NodeIndex, body []byte) bool {
		if at.IsLeaf() && len(rest) > 0 && rest[0] == at.Leaf() {
			rest = rest[1:]
			return true
		}
		if found != nil { // a second node that is no unmerged leaf of P
			return false
		}
		found = body
		if !at.IsLeaf() {
			found = parentOf(body).ParentHash
			return true
		}
		var l LeafNode
		l.Decode(wire.NewReader(body))
		found = l.ParentHash
		return l.Source == SourceCommit
	})
	if !ok || found == nil || len(rest) > 0 {
		return false
	}
	removed := within(p.UnmergedLeaves, sAt.First(), 1<<sAt.Level())
	return bytes.Equal(found, v.parentHash(p.EncryptionKey, p.ParentHash, v.originalHash(s, sAt, removed)))
}

// originalHash is the tree hash that n had before the removed leaves, all of
// them below n, were added (RFC 9420 §7.9).
func (v *verifier) originalHash(n *node, at NodeIndex, removed []LeafIndex) []byte {
	if len(removed) == 0 {
		return n.hash(v.nh)
	}
	if o, ok := v.original[n]; ok && o.without == len(removed) {
		return o.hash
	}
	var hash []byte
	if at.IsLeaf() {
		hash = v.leaf(nil, at.Leaf(), nil)
	} else {
		half := 1 << (at.Level() - 1)
		left := v.originalHash(n.left, at.Left(), within(removed, at.First(), half))
		right := v.originalHash(n.right, at.Right(), within(removed, at.Right().First(), half))
		body := n.body(v.nh)
		if len(body) > 0 {
			p := parentOf(body)
			p.UnmergedLeaves = minus(p.UnmergedLeaves, removed)
			body = wire.Marshal(&p)
		}
		hash = v.parent(nil, body, left, right)
	}
	if v.original == nil {
		v.original = map[*node]original{}
	}
	v.original[n] = original{len(removed), hash}
	return hash
}
