package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// A shadow is a world as the explorer follows it: numbers in place of nodes and
// packets. See explore.go.

// shadow is all that decides what can follow.
type shadow struct {
	now   time.Duration
	nodes []int32
	hand  [][]item // of each node: what waits for it
	may   []uint8  // of each node: crash that often
	spent spent
}

// spent is what of each budget is.
type spent [5]uint8

const (
	delivered = iota
	lost
	doubled
	crashed
	ticked
)

// beyond reports that nothing is spent here that is not there.
func (s spent) beyond(other spent) bool {
	for i := range s {
		if other[i] > s[i] {
			return false
		}
	}
	return true
}

// frontier has with how much spent a state was followed: the least, where one is
// beyond another, and the latest few.
type frontier struct {
	n  uint8
	of [3]spent
}

func (f frontier) behind(s spent) bool {
	return slices.ContainsFunc(f.of[:f.n], s.beyond)
}

func (f frontier) with(s spent) frontier {
	all := append(slices.DeleteFunc(f.of[:f.n], func(b spent) bool { return b.beyond(s) }), s)
	f.n = uint8(copy(f.of[:], all[max(0, len(all)-len(f.of)):]))
	return f
}

// none is the number of no node.
const none = -1

// parcel is what tells packets apart.
type parcel struct {
	pair
	stream bool
	sum    sum
}

// item is a packet on its way: its number, and whether it is the second of a
// doubled one.
type item uint32

const (
	again item = 1
	ring  item = 1<<32 - 1 // no packet: an alarm
)

func (it item) parcel() int { return int(it >> 1) }

// choice is what becomes of a packet: it is delivered, lost, or delivered and
// kept (doubled), and its reader crashes at a point, or at none.
type choice struct {
	kind uint8
	at   uint8 // the point, and one
}

// key names a state, or the hand of a node; of its hash that much.
type key [16]byte

func keyOf(b []byte) key {
	h := sha256.Sum256(b)
	return key(h[:])
}

// key names a state, whatever is spent or with that.
func (s *shadow) key(whole bool) key {
	b := make([]byte, 0, 256)
	if whole {
		b = append(b, s.spent[:]...)
	}
	b = append(b, s.spent[ticked])
	b = append(b, s.may...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.now))
	for i := range s.nodes {
		b = s.appendHand(b, i)
	}
	return keyOf(b)
}

func (s *shadow) appendHand(b []byte, node int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(s.nodes[node]))
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.hand[node])))
	for _, it := range s.hand[node] {
		b = binary.BigEndian.AppendUint32(b, uint32(it))
	}
	return b
}

// handKey names a node, what waits for it, and what may become of that.
func (s *shadow) handKey(node int) key {
	b := make([]byte, 0, 128)
	b = append(b, s.spent[lost], s.spent[doubled], s.spent[crashed], s.may[node])
	b = binary.BigEndian.AppendUint64(b, uint64(s.now))
	return keyOf(s.appendHand(b, node))
}

// otherKey names all nodes but one, what waits for them, and what may become of
// that.
func (s *shadow) otherKey(node int) key {
	b := make([]byte, 0, 256)
	b = append(b, s.spent[lost], s.spent[doubled], s.spent[crashed], byte(node))
	b = binary.BigEndian.AppendUint64(b, uint64(s.now))
	for i := range s.nodes {
		if i != node {
			b = append(b, s.may[i])
			b = s.appendHand(b, i)
		}
	}
	return keyOf(b)
}

// over reports that no packets are left.
func (s *shadow) over() bool {
	return !slices.ContainsFunc(s.hand, func(hand []item) bool { return len(hand) > 0 })
}

// without is the shadow with a packet gone.
func (s shadow) without(node int, it item) shadow {
	s.hand = slices.Clone(s.hand)
	s.hand[node] = less(s.hand[node], it)
	return s
}

func less(hand []item, it item) []item {
	i := slices.Index(hand, it)
	out := make([]item, 0, len(hand)+2)
	return append(append(out, hand[:i]...), hand[i+1:]...)
}

// hand has what was sent wait for its readers.
func (x *explorer) hand(s *shadow, sent []int32) {
	for _, n := range sent {
		to := x.parcels[n].to
		s.hand[to] = x.put(s.hand[to], item(n)<<1)
	}
}

// put adds a packet to a hand. A hand is a set, in the order of numbers: in which
// order packets were sent does not decide what can follow, but for those of one
// stream, which stand behind, by sender and as they came.
func (x *explorer) put(hand []item, it item) []item {
	p := &x.parcels[it.parcel()]
	i, _ := slices.BinarySearchFunc(hand, it, func(other, it item) int {
		o := &x.parcels[other.parcel()]
		switch {
		case o.stream != p.stream && p.stream:
			return -1
		case o.stream != p.stream:
			return 1
		case !p.stream:
			return cmp.Compare(other, it)
		case o.from == p.from:
			return -1
		}
		return cmp.Compare(o.from, p.from)
	})
	return slices.Insert(slices.Clone(hand), i, it)
}

// open are the packets of a hand that can be taken next: of those that are alike
// one stands for all, of a doubled one the first comes first, and a stream keeps
// its order.
func (x *explorer) open(hand []item) (out []item) {
	for i, it := range hand {
		p := &x.parcels[it.parcel()]
		behind := slices.ContainsFunc(hand[:i], func(b item) bool {
			o := &x.parcels[b.parcel()]
			return b == it || p.stream && o.stream && o.from == p.from
		})
		if !behind && (it&again == 0 || !slices.Contains(hand, it&^again)) {
			out = append(out, it)
		}
	}
	return out
}

// choices are what can become of a packet. Its reader crashes only if it may, and
// only at points that it comes to: move says which those are not.
func (x *explorer) choices(s shadow, node int, it item) []choice {
	out := []choice{{kind: delivered}}
	packet := !x.parcels[it.parcel()].stream && it&again == 0
	double := packet && int(s.spent[doubled]) < x.small.Double
	if packet && int(s.spent[lost]) < x.small.Lose {
		out = append(out, choice{kind: lost})
	}
	if double {
		out = append(out, choice{kind: doubled})
	}
	for at := uint8(1); at <= uint8(pointCount) && s.may[node] > 0 && int(s.spent[crashed]) < x.small.Crash; at++ {
		out = append(out, choice{delivered, at})
		if double {
			out = append(out, choice{doubled, at})
		}
	}
	return out
}
