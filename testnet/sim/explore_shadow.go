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

// maxExplored is how many nodes an explored world may have: chosen arbitrarily, as
// histories grow too many long before.
const maxExplored = 4

// shadow is all that decides what can follow.
type shadow struct {
	now   time.Duration
	nodes [maxExplored]int32
	hands [maxExplored]int32 // of each node: what waits for it
	may   [maxExplored]uint8 // of each node: crash that often
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

// key names a state; of its hash that much.
type key [16]byte

// key names a state, whatever is spent or with that.
func (s *shadow) key(whole bool) key {
	var b [8 + len(s.spent) + 9*maxExplored]byte
	if whole {
		copy(b[8:], s.spent[:])
	}
	b[8] = s.spent[ticked]
	binary.BigEndian.PutUint64(b[:], uint64(s.now))
	for i, at := 0, 8+len(s.spent); i < maxExplored; i, at = i+1, at+9 {
		b[at] = s.may[i]
		binary.BigEndian.PutUint32(b[at+1:], uint32(s.nodes[i]))
		binary.BigEndian.PutUint32(b[at+5:], uint32(s.hands[i]))
	}
	h := sha256.Sum256(b[:])
	return key(h[:])
}

// only is what decides what a node will do with its hand.
func (s *shadow) only(node int) key {
	one := shadow{now: s.now, spent: s.spent}
	one.nodes[0], one.hands[0], one.may[0] = s.nodes[node], s.hands[node], s.may[node]
	return one.key(true)
}

// except is what decides what the others will do while a node does not move. It
// can be told from what only gives: numbers of nodes are no less than zero.
func (s *shadow) except(node int) key {
	others := *s
	others.nodes[node], others.hands[node], others.may[node] = none, 0, 0
	return others.key(true)
}

// hand is a set of packets that wait for one node.
type hand struct {
	items []item
	open  []item // those that can be taken next
}

// deal numbers a hand; zero is the empty one.
func (x *explorer) deal(items []item) int32 {
	b := make([]byte, 0, 128)
	for _, it := range items {
		b = binary.BigEndian.AppendUint32(b, uint32(it))
	}
	n, known := x.dealt[string(b)]
	if !known {
		n = int32(len(x.hands))
		x.dealt[string(b)] = n
		x.hands = append(x.hands, hand{items, x.open(items)})
	}
	return n
}

// without is a hand with a packet gone.
func (x *explorer) without(n int32, it item) int32 {
	name := [2]int32{n, int32(it)}
	less, known := x.less[name]
	if !known {
		items := slices.Clone(x.hands[n].items)
		i := slices.Index(items, it)
		less = x.deal(slices.Delete(items, i, i+1))
		x.less[name] = less
	}
	return less
}

// wait has what was sent wait for its readers.
func (x *explorer) wait(s *shadow, sent []int32) {
	for _, n := range sent {
		to := x.parcels[n].to
		s.hands[to] = x.with(s.hands[to], item(n)<<1)
	}
}

// with is a hand with a packet more.
func (x *explorer) with(n int32, it item) int32 {
	name := [2]int32{n, int32(it)}
	more, known := x.more[name]
	if !known {
		more = x.deal(x.put(x.hands[n].items, it))
		x.more[name] = more
	}
	return more
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
