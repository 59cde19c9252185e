package consensus

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// long returns a chain of so many commits, by 64 accounts in turn, all of whom
// stand at its head.
func long(depth int) (*Chain, Epoch) {
	root := Epoch{ID: epochID("."), Number: 1, Roster: accounts(names(64)...)}
	c := New(root, epochID("genesis"), V1())
	at := root
	for i := range depth {
		k := successor(at, uint64(i))
		c.Add(k)
		at = k.Child
	}
	for i := range root.Roster {
		c.Hear(Vote{Account: root.Roster[i], Seq: 4 * at.Number, Head: at.ID})
	}
	return c, at
}

func successor(p Epoch, i uint64) Candidate {
	k := Candidate{Parent: p.ID, Child: Epoch{Number: p.Number + 1, Roster: p.Roster}, Author: p.Roster[i%64], Class: ClassChange, Slot: uint32(i % 64)}
	binary.BigEndian.PutUint64(k.ID[:], p.Number)
	binary.BigEndian.PutUint64(k.ID[8:], i)
	k.Child.ID = EpochID(k.ID)
	k.Child.ID[31] = 1
	return k
}

// BenchmarkAdd extends a chain by one commit.
func BenchmarkAdd(b *testing.B) {
	for _, depth := range []int{8, 1000, 10_000} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			b.ReportAllocs()
			c, at := long(depth)
			i := uint64(0)
			for b.Loop() {
				if i%1000 == 999 {
					b.StopTimer()
					c, at = long(depth)
					b.StartTimer()
				}
				k := successor(at, i)
				c.Add(k)
				at = k.Child
				i++
			}
		})
	}
}

// BenchmarkVote is one of 64 accounts following the head by one epoch.
func BenchmarkVote(b *testing.B) {
	for _, depth := range []int{8, 1000, 10_000} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			b.ReportAllocs()
			c, at := long(depth)
			i := 0
			for b.Loop() {
				if i%(64*500) == 0 {
					b.StopTimer()
					c, at = long(depth)
					b.StartTimer()
				}
				if i%64 == 0 {
					b.StopTimer()
					k := successor(at, uint64(i/64))
					c.Add(k)
					at = k.Child
					b.StartTimer()
				}
				c.Hear(Vote{Account: at.Roster[i%64], Seq: 4 * at.Number, Head: at.ID})
				i++
			}
		})
	}
}

// BenchmarkReorg is one vote that moves the head from one branch of so many
// commits to another.
func BenchmarkReorg(b *testing.B) {
	for _, depth := range []int{1, 8, 100} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			b.ReportAllocs()
			root := Epoch{ID: epochID("."), Number: 1, Roster: accounts(names(3)...)}
			p := V1()
			p.Turns = 1 << 40
			c := New(root, epochID("genesis"), p)
			var ends [2]Epoch
			for side := range ends {
				at := root
				for i := range depth {
					k := successor(Epoch{ID: at.ID, Number: at.Number, Roster: accounts(names(64)...)}, uint64(side*100+i))
					k.Child.Roster = root.Roster
					k.Author = root.Roster[side]
					k.ID[30], k.Child.ID[30] = byte(side), byte(side)
					c.Add(k)
					at = k.Child
				}
				ends[side] = at
			}
			seq := p.Turns * (2 + uint64(depth))
			i := 0
			for b.Loop() {
				m, verdict := c.Hear(Vote{Account: root.Roster[2], Seq: seq + uint64(i), Head: ends[(i+1)%2].ID})
				if verdict != VoteCounts || i > 0 && len(m.Redo) != depth {
					b.Fatal(verdict, len(m.Redo))
				}
				i++
			}
		})
	}
}

// BenchmarkSlots is what every commit costs each who checks it.
func BenchmarkSlots(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint("leaves=", n), func(b *testing.B) {
			b.ReportAllocs()
			leaves := make([]uint32, n)
			for i := range leaves {
				leaves[i] = uint32(i)
			}
			i := uint64(0)
			for b.Loop() {
				Slots(epochID("genesis"), i, leaves)
				i++
			}
		})
	}
}
