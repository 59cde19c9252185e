package tree

import (
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// array is the tree of RFC 9420 Appendix C, written down as the RFC says it and
// without any thought of speed: the model that Tree is compared with.
type array struct {
	s       *suite.Suite
	leaves  []*LeafNode
	parents map[NodeIndex]*ParentNode
}

func newArray(s *suite.Suite) *array {
	return &array{s: s, leaves: make([]*LeafNode, 1), parents: map[NodeIndex]*ParentNode{}}
}

func (a *array) clone() *array {
	b := &array{s: a.s, leaves: slices.Clone(a.leaves), parents: map[NodeIndex]*ParentNode{}}
	for at, p := range a.parents {
		q := *p
		q.UnmergedLeaves = slices.Clone(p.UnmergedLeaves)
		b.parents[at] = &q
	}
	return b
}

func (a *array) root() NodeIndex { return NodeIndex(len(a.leaves) - 1) }

func (a *array) blank(at NodeIndex) bool {
	if at.IsLeaf() {
		return a.leaves[at.Leaf()] == nil
	}
	return a.parents[at] == nil
}

func (a *array) directPath(i LeafIndex) (path []NodeIndex) {
	for at := i.Node(); at != a.root(); {
		at = at.Parent()
		path = append(path, at)
	}
	return path
}

func (a *array) resolution(at NodeIndex) (out []NodeIndex) {
	switch {
	case a.blank(at) && at.IsLeaf():
		return nil
	case a.blank(at):
		return append(a.resolution(at.Left()), a.resolution(at.Right())...)
	case at.IsLeaf():
		return []NodeIndex{at}
	}
	out = []NodeIndex{at}
	for _, i := range a.parents[at].UnmergedLeaves {
		out = append(out, i.Node())
	}
	return out
}

func (a *array) filteredPath(i LeafIndex) (path []NodeIndex) {
	for _, at := range a.directPath(i) {
		if len(a.resolution(a.copath(at, i))) > 0 {
			path = append(path, at)
		}
	}
	return path
}

func (a *array) copath(at NodeIndex, i LeafIndex) NodeIndex {
	if i.Node() < at {
		return at.Right()
	}
	return at.Left()
}

func (a *array) update(i LeafIndex, l *LeafNode) {
	a.leaves[i] = l
	for _, at := range a.directPath(i) {
		delete(a.parents, at)
	}
}

func (a *array) remove(i LeafIndex) {
	a.update(i, nil)
	for len(a.leaves) > 1 && !slices.ContainsFunc(a.leaves[len(a.leaves)/2:], func(l *LeafNode) bool { return l != nil }) {
		a.leaves = a.leaves[:len(a.leaves)/2]
		for at := range a.parents {
			if int(at) > 2*(len(a.leaves)-1) {
				delete(a.parents, at)
			}
		}
	}
}

func (a *array) place() LeafIndex {
	i := slices.Index(a.leaves, nil)
	if i < 0 {
		i = len(a.leaves)
		a.leaves = append(a.leaves, make([]*LeafNode, i)...)
	}
	return LeafIndex(i)
}

func (a *array) add(l *LeafNode) LeafIndex {
	i := a.place()
	for _, at := range a.directPath(i) {
		if p := a.parents[at]; p != nil {
			p.UnmergedLeaves = append(p.UnmergedLeaves, i)
			slices.Sort(p.UnmergedLeaves)
		}
	}
	a.leaves[i] = l
	return i
}

// merge sets a path of keys, computing parent hashes by the book, and returns
// what the leaf must record.
func (a *array) merge(i LeafIndex, keys [][]byte) (leafParentHash []byte) {
	filtered := a.filteredPath(i)
	for _, at := range a.directPath(i) {
		delete(a.parents, at)
	}
	for k, at := range filtered {
		a.parents[at] = &ParentNode{EncryptionKey: keys[k]}
	}
	hash := []byte{}
	for k := len(filtered) - 1; k >= 0; k-- {
		p := a.parents[filtered[k]]
		p.ParentHash = hash
		hash = a.parentHash(filtered[k], a.copath(filtered[k], i))
	}
	return hash
}

func (a *array) parentHash(at, sibling NodeIndex) []byte {
	p := a.parents[at]
	original := a.clone()
	for _, i := range p.UnmergedLeaves {
		original.leaves[i] = nil
		for _, q := range original.parents {
			q.UnmergedLeaves = slices.DeleteFunc(q.UnmergedLeaves, func(j LeafIndex) bool { return i == j })
		}
	}
	var w wire.Writer
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	w.Opaque(original.hash(sibling))
	return a.s.Hash(w.Bytes())
}

func (a *array) hash(at NodeIndex) []byte {
	var w wire.Writer
	if at.IsLeaf() {
		w.U8(1)
		w.U32(uint32(at.Leaf()))
		if l := a.leaves[at.Leaf()]; w.Optional(l != nil) {
			l.Encode(&w)
		}
	} else {
		w.U8(2)
		if p := a.parents[at]; w.Optional(p != nil) {
			p.Encode(&w)
		}
		w.Opaque(a.hash(at.Left()))
		w.Opaque(a.hash(at.Right()))
	}
	return a.s.Hash(w.Bytes())
}

func (a *array) encode() []byte {
	end := NodeIndex(0)
	for at := range NodeIndex(2*len(a.leaves) - 1) {
		if !a.blank(at) {
			end = at + 1
		}
	}
	var w wire.Writer
	w.Vector(func(w *wire.Writer) {
		for at := range end {
			if !w.Optional(!a.blank(at)) {
				continue
			}
			if at.IsLeaf() {
				w.U8(1)
				a.leaves[at.Leaf()].Encode(w)
			} else {
				w.U8(2)
				a.parents[at].Encode(w)
			}
		}
	})
	return w.Bytes()
}

// descendants that are parent-hash valid with respect to at (§7.9.2).
func (a *array) validBelow(at NodeIndex) (out []NodeIndex) {
	for _, c := range []NodeIndex{at.Left(), at.Right()} {
		s := c.Sibling()
		resolution := a.resolution(c)
		for _, d := range resolution {
			var recorded []byte
			if !d.IsLeaf() {
				recorded = a.parents[d].ParentHash
			} else if l := a.leaves[d.Leaf()]; l.Source == SourceCommit {
				recorded = l.ParentHash
			} else {
				continue
			}
			var rest, unmerged []NodeIndex
			for _, x := range resolution {
				if x != d {
					rest = append(rest, x)
				}
			}
			for _, i := range a.parents[at].UnmergedLeaves {
				if c.covers(i) {
					unmerged = append(unmerged, i.Node())
				}
			}
			if slices.Equal(rest, unmerged) && string(recorded) == string(a.parentHash(at, s)) {
				out = append(out, d)
			}
		}
	}
	return out
}

// parentHashValid reports whether each parent is covered by exactly one chain.
func (a *array) parentHashValid() bool {
	for at := range a.parents {
		if len(a.validBelow(at)) != 1 {
			return false
		}
	}
	return true
}
