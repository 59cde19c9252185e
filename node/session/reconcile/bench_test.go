package reconcile

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkExchange is the table of a whole exchange, both sides' work
// together: bytes on the wire, frames, and time, for sets of n that lack the
// newest or random items of each other.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		n, newest, random int
	}{
		{1_000, 0, 0}, {1_000, 10, 0}, {1_000, 0, 10},
		{10_000, 0, 0}, {10_000, 10, 0}, {10_000, 0, 100},
		{100_000, 0, 0}, {100_000, 100, 0}, {100_000, 0, 1000},
	} {
		name := fmt.Sprintf("%d/equal", c.n)
		if c.newest > 0 {
			name = fmt.Sprintf("%d/newest=%d", c.n, c.newest)
		} else if c.random > 0 {
			name = fmt.Sprintf("%d/random=%d+%d", c.n, c.random, c.random)
		}
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(uint64(c.n), 3))
			x, y := newSide(), newSide()
			lack := r.Perm(c.n)[:2*c.random]
			missing := map[int]byte{}
			for i, j := range lack {
				missing[j] = 'x' + byte(i%2)
			}
			for i := range c.n {
				it := item(uint64(i))
				if missing[i] != 'x' {
					x.add(it)
				}
				if missing[i] != 'y' && i < c.n-c.newest {
					y.add(it)
				}
			}
			var frames, bytes, found int
			b.ReportAllocs()
			for b.Loop() {
				frames, bytes, found = 0, 0, 0
				frame := x.Initiate()
				for me, peer := y, x; frame != nil; me, peer = peer, me {
					frames++
					bytes += len(frame)
					reply, have, need, err := me.Respond(frame)
					if err != nil {
						b.Fatal(err)
					}
					found += len(have) + len(need)
					frame = reply
				}
			}
			if want := c.newest + 2*c.random; found != want {
				b.Fatalf("found %d of %d", found, want)
			}
			b.ReportMetric(float64(bytes), "wire-B")
			b.ReportMetric(float64(frames), "frames")
		})
	}
}

// BenchmarkAdd is one more item in a log of n, and the frame that follows it.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, where := range []string{"newest", "random"} {
			b.Run(fmt.Sprintf("%d/%s", n, where), func(b *testing.B) {
				var s Set
				for i := range n {
					s.Add(item(uint64(2 * i)))
				}
				r := rand.New(rand.NewPCG(uint64(n), 4))
				b.ReportAllocs()
				for b.Loop() {
					it := item(uint64(2*n) + 1)
					if where == "random" {
						it = item(2*r.Uint64N(uint64(n)) + 1)
					}
					s.Add(it)
					s.Initiate()
					s.Remove(it)
				}
			})
		}
	}
}

// BenchmarkRespondHostile is the dearest frame known: 13,000 wrong prints.
func BenchmarkRespondHostile(b *testing.B) {
	var s Set
	for i := range 100_000 {
		s.Add(item(uint64(i)))
	}
	f := append([]byte{version}, make([]byte, saltSize)...)
	for len(f) < MaxFrame-100 {
		f = append(f, modePrint, 1, 0)
		f = append(f, make([]byte, printSize)...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := s.Respond(f); err != nil {
			b.Fatal(err)
		}
	}
}
