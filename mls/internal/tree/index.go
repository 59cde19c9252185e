package tree

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// kind is what an index entry is about.
type kind uint8

const (
	keyEncryption kind = iota // of leaves and parents: unique among all nodes
	keySignature              // of leaves: unique
	keyCredential             // of leaves: the application decides
)

// index finds the nodes that hold a key. It is a persistent radix trie over
// hashes of keys, two bits a step, with buckets of codes at the ends; adding
// a path copies O(log N) of it.
//
// The tree is the truth and the index a hint. A code says that a node may hold
// a key of this hash; whoever finds one looks at the node. So nothing is ever
// taken out: a key that is gone from the tree just stops matching, and its code
// is dropped when its bucket would split. What must hold, and is tested:
// every key in the tree has its code in the bucket of its hash.
type index struct {
	kids  *[4]*index // or, at the ends:
	codes []code
}

// code is a node (21 bits), a kind (2) and a tag (9), the lowest bits of the
// hash, which spares most of the looking.
type code uint32

const tagBits = 9

func newCode(at NodeIndex, k kind, hash uint64) code {
	return code(uint32(at)<<(2+tagBits) | uint32(k)<<tagBits | uint32(hash)&(1<<tagBits-1))
}

func (c code) node() NodeIndex { return NodeIndex(c >> (2 + tagBits)) }
func (c code) kind() kind      { return kind(c >> tagBits & 3) }

// same reports whether kind and tag agree.
func (c code) same(d code) bool { return (c^d)&(1<<(2+tagBits)-1) == 0 }

type item struct {
	hash uint64
	code code
}

// newItem hashes with the suite's hash, so that nobody can aim keys at a bucket.
func newItem(s *suite.Suite, at NodeIndex, k kind, key []byte) item {
	var stack [160]byte
	msg := append(append(stack[:0], byte(k)), key...)
	var sum [64]byte
	h := binary.BigEndian.Uint64(s.AppendHash(sum[:0], msg))
	return item{h, newCode(at, k, h)}
}

// keysOf appends the items of one node's body.
func keysOf(items []item, s *suite.Suite, at NodeIndex, body []byte) []item {
	if len(body) == 0 {
		return items
	}
	if !at.IsLeaf() {
		return append(items, newItem(s, at, keyEncryption, keyOf(body)))
	}
	f := fieldsOf(body)
	return append(items,
		newItem(s, at, keyEncryption, f.encryptionKey),
		newItem(s, at, keySignature, f.signatureKey),
		newItem(s, at, keyCredential, f.credential))
}

// key is what the tree holds now where c points.
func (t *Tree) key(c code) []byte {
	body := t.bodyAt(c.node())
	if len(body) == 0 {
		return nil
	}
	switch c.kind() {
	case keyEncryption:
		return keyOf(body)
	case keySignature:
		return fieldsOf(body).signatureKey
	default:
		return fieldsOf(body).credential
	}
}

// find lists the nodes of the tree that hold the key, in order.
func (t *Tree) find(k kind, key []byte) []NodeIndex {
	x := t.index
	it := newItem(t.suite, 0, k, key)
	for level := 0; x != nil && x.kids != nil; level++ {
		x = x.kids[it.hash>>(62-2*level)&3]
	}
	if x == nil {
		return nil
	}
	var found []NodeIndex
	for _, c := range x.codes {
		if c.same(it.code) && bytes.Equal(t.key(c), key) {
			found = append(found, c.node())
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// conflict is a key that two nodes hold and only one may.
type conflict struct {
	kind      kind
	at, other NodeIndex
}

// indexer adds the keys of nodes that are new in t.
type indexer struct {
	t     *Tree
	clash []conflict
}

// add returns x with items, which are sorted by hash. A key may be there
// already; then nothing is copied.
func (a *indexer) add(x *index, items []item, level int) *index {
	if len(items) == 0 {
		return x
	}
	if x == nil {
		x = &index{}
	}
	if x.kids != nil {
		kids := *x.kids
		if !a.spread(&kids, items, level) {
			return x
		}
		return &index{kids: &kids}
	}
	fresh := a.fresh(x.codes, items)
	if len(fresh) == 0 {
		return x
	}
	if len(x.codes)+len(fresh) <= bucketSize {
		return &index{codes: join(x.codes, fresh)}
	}
	fresh = append(fresh, a.live(x.codes)...)
	slices.SortFunc(fresh, byHash)
	if len(fresh) <= bucketSize || fresh[0].hash == fresh[len(fresh)-1].hash {
		return &index{codes: join(nil, fresh)} // one key held by many cannot be split
	}
	kids := new([4]*index)
	a.spread(kids, fresh, level)
	return &index{kids: kids}
}

// spread adds items below kids and reports whether anything changed.
func (a *indexer) spread(kids *[4]*index, items []item, level int) (changed bool) {
	for q := range uint64(4) {
		n := 0
		for n < len(items) && items[n].hash>>(62-2*level)&3 == q {
			n++
		}
		if kid := a.add(kids[q], items[:n], level+1); kid != kids[q] {
			kids[q], changed = kid, true
		}
		items = items[n:]
	}
	return changed
}

// fresh are the items whose codes are new here. Whom they clash with is noted
// on the way.
func (a *indexer) fresh(codes []code, items []item) []item {
	var out []item
	for _, it := range items {
		known := false
		for _, c := range codes {
			if c == it.code {
				known = true
			} else if c.same(it.code) {
				a.note(it.code, c)
			}
		}
		if !known {
			out = append(out, it)
		}
	}
	return out
}

// note records a clash if both nodes hold the same key now.
func (a *indexer) note(c, d code) {
	if c.kind() == keyCredential || c.node() == d.node() {
		return
	}
	if key := a.t.key(c); key != nil && bytes.Equal(key, a.t.key(d)) {
		a.clash = append(a.clash, conflict{c.kind(), c.node(), d.node()})
	}
}

// live are the codes that still match the tree.
func (a *indexer) live(codes []code) []item {
	var out []item
	for _, c := range codes {
		if key := a.t.key(c); key != nil {
			if it := newItem(a.t.suite, c.node(), c.kind(), key); it.code == c {
				out = append(out, it)
			}
		}
	}
	return out
}

func join(codes []code, items []item) []code {
	out := make([]code, len(codes), len(codes)+len(items))
	copy(out, codes)
	for _, it := range items {
		out = append(out, it.code)
	}
	return out
}

func byHash(a, b item) int {
	switch {
	case a.hash < b.hash || a.hash == b.hash && a.code < b.code:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// indexed gives t the index of base with the keys of t's new nodes, and
// reports the first key that t holds twice.
func (t *Tree) indexed(base *index, items []item) (clash conflict, ok bool) {
	slices.SortFunc(items, byHash)
	items = slices.Compact(items)
	a := indexer{t: t}
	for i := 1; i < len(items); i++ {
		if items[i].hash == items[i-1].hash {
			a.note(items[i].code, items[i-1].code)
		}
	}
	t.index = a.add(base, items, 0)
	if len(a.clash) == 0 {
		return conflict{}, true
	}
	return slices.MinFunc(a.clash, func(a, b conflict) int { return int(a.at) - int(b.at) }), false
}
