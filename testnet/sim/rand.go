package sim

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Rand is the world's only source of chance: xoshiro256**, seeded through
// splitmix64. It is written out here, and not taken from math/rand, so that a
// seed printed today replays under every later Go.
//
// A world never draws from one shared stream. Each link, each member and each
// generator owns a stream named by a label, so that taking one event out of a
// script leaves the luck of all others as it was: that is what makes a failing
// run shrink.
type Rand struct{ s [4]uint64 }

// NewRand returns the stream of seed that the labels name.
func NewRand(seed uint64, labels ...string) *Rand {
	x := seed
	for _, label := range labels {
		x = mix(x) ^ fnv(label)
	}
	r := &Rand{}
	for i := range r.s {
		x += 0x9e3779b97f4a7c15
		r.s[i] = mix(x)
	}
	return r
}

// mix is the finaliser of splitmix64: a bijection that looks random.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// fnv is FNV-1a over a label.
func fnv(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}

// Uint64 returns 64 random bits.
func (r *Rand) Uint64() uint64 {
	out := bits.RotateLeft64(r.s[1]*5, 7) * 9
	t := r.s[1] << 17
	r.s[2] ^= r.s[0]
	r.s[3] ^= r.s[1]
	r.s[1] ^= r.s[2]
	r.s[0] ^= r.s[3]
	r.s[2] ^= t
	r.s[3] = bits.RotateLeft64(r.s[3], 45)
	return out
}

// IntN returns a number in [0, n); n must be positive. The bias, below n/2⁶⁴,
// is of no interest to a simulation.
func (r *Rand) IntN(n int) int {
	if n <= 0 {
		panic("sim: IntN of a number below one")
	}
	hi, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int(hi)
}

// Float64 returns a number in [0, 1).
func (r *Rand) Float64() float64 { return float64(r.Uint64()>>11) / (1 << 53) }

// Chance is true with probability p.
func (r *Rand) Chance(p float64) bool { return p > 0 && r.Float64() < p }

// Norm returns a standard normal number (Box and Muller).
func (r *Rand) Norm() float64 {
	u := 1 - r.Float64() // in (0, 1]: its logarithm is finite
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*r.Float64())
}

// Exp returns an exponential number of mean one.
func (r *Rand) Exp() float64 { return -math.Log(1 - r.Float64()) }

// Shuffle puts n things in random order (Fisher and Yates).
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.IntN(i+1))
	}
}

// Read fills p: a Rand is the io.Reader from which a session draws its keys.
func (r *Rand) Read(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], r.Uint64())
		p = p[copy(p, b[:]):]
	}
	return n, nil
}
