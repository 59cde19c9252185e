package reconcile

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// Item is one entry of a log. Order is any number that both sides derive from
// the entry itself, such as its epoch; entries that arrive together should be
// near each other in it, so that what is new lies in few ranges. ID is a
// collision-resistant hash of the entry.
type Item struct {
	Order uint64
	ID    [32]byte
}

// Compare orders items by Order, then by ID.
func (a Item) Compare(b Item) int {
	if c := cmp.Compare(a.Order, b.Order); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// sum is the sum of a run's IDs modulo 2^256, least word first, and how many
// they are.
type sum struct {
	w [4]uint64
	n int
}

func (s *sum) add(t *sum) {
	var c uint64
	s.w[0], c = bits.Add64(s.w[0], t.w[0], 0)
	s.w[1], c = bits.Add64(s.w[1], t.w[1], c)
	s.w[2], c = bits.Add64(s.w[2], t.w[2], c)
	s.w[3], _ = bits.Add64(s.w[3], t.w[3], c)
	s.n += t.n
}

func (s *sum) sub(t *sum) {
	var b uint64
	s.w[0], b = bits.Sub64(s.w[0], t.w[0], 0)
	s.w[1], b = bits.Sub64(s.w[1], t.w[1], b)
	s.w[2], b = bits.Sub64(s.w[2], t.w[2], b)
	s.w[3], _ = bits.Sub64(s.w[3], t.w[3], b)
	s.n -= t.n
}

func sumOf(items []Item) (s sum) {
	for i := range items {
		one := idSum(&items[i].ID)
		s.add(&one)
	}
	return s
}

func idSum(id *[32]byte) sum {
	return sum{w: [4]uint64{
		binary.LittleEndian.Uint64(id[0:]), binary.LittleEndian.Uint64(id[8:]),
		binary.LittleEndian.Uint64(id[16:]), binary.LittleEndian.Uint64(id[24:]),
	}, n: 1}
}

// chunk is a run of at most chunkMax items, in order, with their sum.
type chunk struct {
	items []Item
	sum   sum
}

// Set is a log's items, in order. The zero value is empty and ready. Adding
// and removing cost O(chunkMax) plus a binary search; the sums that questions
// need are brought up to date when one is asked. One goroutine at a time.
//
// Invariants: (1) no chunk is empty or longer than chunkMax; (2) items rise
// strictly through all chunks; (3) before[i] is the sum of chunks[:i] for all
// i < fresh; (4) total is the sum of everything.
type Set struct {
	chunks []*chunk
	before []sum
	fresh  int
	total  sum

	replyMax int // tests make replies shorter, not below 3,200; zero is MaxFrame
}

func (s *Set) max() int {
	if s.replyMax > 0 {
		return s.replyMax
	}
	return MaxFrame
}

// Len is the number of items.
func (s *Set) Len() int { return s.total.n }

// Spliced is low up to an order and high above it. It costs a look at each chunk
// and shares them: it holds until one of the two changes.
func Spliced(low, high *Set, order uint64) *Set {
	edge := bound{Item: Item{Order: order + 1}}
	out := &Set{replyMax: low.replyMax, chunks: append(low.part(pos{}, low.seek(edge)), high.part(high.seek(edge), pos{len(high.chunks), 0})...)}
	for _, c := range out.chunks {
		out.total.add(&c.sum)
	}
	return out
}

// part are the items from a up to b, in chunks of the set where they are whole.
func (s *Set) part(a, b pos) (out []*chunk) {
	for c := a.c; c < len(s.chunks) && c <= b.c; c++ {
		items := s.chunks[c].items
		from, to := 0, len(items)
		if c == a.c {
			from = a.i
		}
		if c == b.c {
			to = b.i
		}
		switch {
		case from >= to:
		case from == 0 && to == len(items):
			out = append(out, s.chunks[c])
		default:
			out = append(out, &chunk{items: items[from:to:to], sum: sumOf(items[from:to])})
		}
	}
	return out
}

// find returns the chunk where it is or belongs, and the place in it.
func (s *Set) find(it Item) (c, i int, found bool) {
	c = sort.Search(len(s.chunks), func(i int) bool {
		items := s.chunks[i].items
		return items[len(items)-1].Compare(it) >= 0
	})
	if c == len(s.chunks) {
		return c, 0, false
	}
	i, found = slices.BinarySearchFunc(s.chunks[c].items, it, Item.Compare)
	return c, i, found
}

// Has reports whether the item is in the set.
func (s *Set) Has(it Item) bool {
	_, _, found := s.find(it)
	return found
}

// Add puts an item in and reports whether it was new.
func (s *Set) Add(it Item) bool {
	c, i, found := s.find(it)
	if found {
		return false
	}
	if c == len(s.chunks) { // beyond the last: the usual case, what is new
		if c == 0 || len(s.chunks[c-1].items) == chunkMax {
			s.chunks = append(s.chunks, &chunk{})
		} else {
			c--
			i = len(s.chunks[c].items)
		}
	} else if len(s.chunks[c].items) == chunkMax {
		s.halve(c)
		if i > chunkMax/2 {
			c, i = c+1, i-chunkMax/2
		}
	}
	one := idSum(&it.ID)
	ch := s.chunks[c]
	ch.items = slices.Insert(ch.items, i, it)
	ch.sum.add(&one)
	s.total.add(&one)
	s.stale(c + 1)
	return true
}

// halve makes two chunks of a full one.
func (s *Set) halve(c int) {
	low := s.chunks[c]
	high := &chunk{items: slices.Clone(low.items[chunkMax/2:])}
	low.items = slices.Clone(low.items[:chunkMax/2])
	high.sum = sumOf(high.items)
	low.sum.sub(&high.sum)
	s.chunks = slices.Insert(s.chunks, c+1, high)
	s.stale(c + 1)
}

// Remove takes an item out and reports whether it was there.
func (s *Set) Remove(it Item) bool {
	c, i, found := s.find(it)
	if !found {
		return false
	}
	one := idSum(&it.ID)
	ch := s.chunks[c]
	ch.items = slices.Delete(ch.items, i, i+1)
	if n := len(ch.items); n <= cap(ch.items)/4 { // most of a log is let go of again
		ch.items = append(make([]Item, 0, n+n/2), ch.items...)
	}
	ch.sum.sub(&one)
	s.total.sub(&one)
	if len(ch.items) == 0 {
		s.chunks = slices.Delete(s.chunks, c, c+1)
		s.stale(c)
	} else {
		s.stale(c + 1)
	}
	return true
}

// stale says that before[c:] no longer holds.
func (s *Set) stale(c int) { s.fresh = min(s.fresh, c) }

// refresh makes before true again for every chunk.
func (s *Set) refresh() {
	if s.fresh == len(s.chunks) && len(s.before) == len(s.chunks) {
		return
	}
	s.before = slices.Grow(s.before[:s.fresh], len(s.chunks)-s.fresh)[:len(s.chunks)]
	for i := s.fresh; i < len(s.chunks); i++ {
		if i == 0 {
			s.before[0] = sum{}
			continue
		}
		s.before[i] = s.before[i-1]
		s.before[i].add(&s.chunks[i-1].sum)
	}
	s.fresh = len(s.chunks)
}

// pos is a place between items: before items[i] of chunk c.
type pos struct{ c, i int }

// seek is the place of the first item that is not below b.
func (s *Set) seek(b bound) pos {
	if b.end {
		return pos{len(s.chunks), 0}
	}
	c, i, _ := s.find(b.Item)
	return pos{c, i}
}

// rank is how many items lie before p. The set is fresh.
func (s *Set) rank(p pos) int {
	if p.c == len(s.chunks) {
		return s.total.n
	}
	return s.before[p.c].n + p.i
}

// at is the place of the item of rank r. The set is fresh.
func (s *Set) at(r int) pos {
	if r >= s.total.n {
		return pos{len(s.chunks), 0}
	}
	c := sort.Search(len(s.before), func(i int) bool { return s.before[i].n > r }) - 1
	return pos{c, r - s.before[c].n}
}

// item is the item of rank r < Len. The set is fresh.
func (s *Set) item(r int) *Item {
	p := s.at(r)
	return &s.chunks[p.c].items[p.i]
}

// prefix is the sum of all items before p. The set is fresh.
func (s *Set) prefix(p pos) sum {
	if p.c == len(s.chunks) {
		return s.total
	}
	t, ch := s.before[p.c], s.chunks[p.c]
	if p.i <= len(ch.items)/2 {
		part := sumOf(ch.items[:p.i])
		t.add(&part)
		return t
	}
	part := sumOf(ch.items[p.i:])
	t.add(&ch.sum)
	t.sub(&part)
	return t
}

// each calls f with the items from a up to b, in order, until f says stop.
func (s *Set) each(a, b pos, f func(*Item) bool) {
	for a != b && a.c < len(s.chunks) {
		items := s.chunks[a.c].items
		if a.i == len(items) {
			a = pos{a.c + 1, 0}
			continue
		}
		if !f(&items[a.i]) {
			return
		}
		a.i++
	}
}
