package tree

import (
	"bytes"
	"cmp"
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

// index finds the nodes that hold a key. It is persistent: trees share it, and
// a path costs its few items, and a share of a trie's path now and then.
//
// The tree is the truth and the index a hint. An item says that a node may hold
// a key of this hash; whoever finds one looks at the node. So nothing is ever
// taken out: a key that is gone from the tree just stops matching, and its code
// is dropped when its bucket would split. What must hold, and is tested: every
// key in the tree is among the recent items or in the bucket of its hash.
type index struct {
	recent []item // at most recentSize, looked through one by one
	trie   *trie
}

// trie is a persistent radix trie over hashes of keys, two bits a step, with
// buckets of codes at the ends.
type trie struct {
	kids  *[4]*trie // or, at the ends:
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

// candidates calls visit for the codes whose kind and tag are the item's.
func (x *index) candidates(it item, visit func(code)) {
	for _, r := range x.recent {
		if r.hash == it.hash && r.code.same(it.code) {
			visit(r.code)
		}
	}
	n := x.trie
	for level := 0; n != nil && n.kids != nil; level++ {
		n = n.kids[it.hash>>(62-2*level)&3]
	}
	if n == nil {
		return
	}
	for _, c := range n.codes {
		if c.same(it.code) {
			visit(c)
		}
	}
}

// find lists the nodes of the tree that hold the key, in order.
func (t *Tree) find(k kind, key []byte) (found []NodeIndex) {
	t.index.candidates(newItem(t.suite, 0, k, key), func(c code) {
		if bytes.Equal(t.key(c), key) {
			found = append(found, c.node())
		}
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// conflict is a key that two nodes hold and only one may.
type conflict struct {
	kind      kind
	at, other NodeIndex
}

// indexed gives t the index of base with the keys of t's new nodes, and
// reports the first key that t now holds twice.
func (t *Tree) indexed(base index, items []item) (clash conflict, ok bool) {
	if len(base.recent)+len(items) <= recentSize {
		t.index = index{recent: slices.Concat(base.recent, items), trie: base.trie}
	} else {
		sorted := slices.Concat(base.recent, items)
		slices.SortFunc(sorted, byHash)
		a := adder{t}
		t.index = index{trie: a.add(base.trie, slices.Compact(sorted), 0)}
	}
	ok = true
	for _, it := range items {
		if it.code.kind() == keyCredential {
			continue // the application decides who may share one
		}
		t.index.candidates(it, func(c code) {
			at, other := it.code.node(), c.node()
			if at == other || !ok && at >= clash.at {
				return
			}
			if key := t.key(it.code); key != nil && bytes.Equal(key, t.key(c)) {
				clash, ok = conflict{it.code.kind(), at, other}, false
			}
		})
	}
	return clash, ok
}

// adder adds the keys of nodes that are new in t to a trie.
type adder struct{ t *Tree }

// add returns x with items, which are sorted by hash. Where all are there
// already nothing is copied.
func (a adder) add(x *trie, items []item, level int) *trie {
	if len(items) == 0 {
		return x
	}
	if x == nil {
		x = &trie{}
	}
	if x.kids != nil {
		kids := *x.kids
		if !a.spread(&kids, items, level) {
			return x
		}
		return &trie{kids: &kids}
	}
	fresh := items
	if len(x.codes) > 0 {
		fresh = unknown(x.codes, items)
	}
	if len(fresh) == 0 {
		return x
	}
	if len(x.codes)+len(fresh) <= bucketSize {
		return &trie{codes: join(x.codes, fresh)}
	}
	if len(x.codes) > 0 {
		fresh = append(fresh, a.live(x.codes, fresh[0].hash, level)...)
		slices.SortFunc(fresh, byHash)
	}
	if len(fresh) <= bucketSize || fresh[0].hash == fresh[len(fresh)-1].hash {
		return &trie{codes: join(nil, fresh)} // one key held by many cannot be split
	}
	kids := new([4]*trie)
	a.spread(kids, fresh, level)
	return &trie{kids: kids}
}

// spread adds items below kids and reports whether anything changed.
func (a adder) spread(kids *[4]*trie, items []item, level int) (changed bool) {
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

// unknown are the items whose codes are new here, as a new slice.
func unknown(codes []code, items []item) (out []item) {
	for _, it := range items {
		if !slices.Contains(codes, it.code) {
			out = append(out, it)
		}
	}
	return out
}

// live are the codes that still match the tree, of a bucket that hash leads to
// at this level. A node's new key may have the tag of its old one by chance and
// belong elsewhere: there it has a code of its own.
func (a adder) live(codes []code, hash uint64, level int) []item {
	var out []item
	for _, c := range codes {
		if key := a.t.key(c); key != nil {
			it := newItem(a.t.suite, c.node(), c.kind(), key)
			if it.code == c && (it.hash^hash)>>(64-2*level) == 0 {
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
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.code, b.code))
}
