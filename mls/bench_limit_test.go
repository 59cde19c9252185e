package mls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/sha512"
	"math/bits"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// What each operation must cost at the least, made of the standard library's
// primitives on the cores at hand: the number of operations RFC 9420 asks for
// times what each takes here and now. Benchmarks report their time as a multiple
// of it ("x-limit"), so that numbers from different machines, and from a noisy
// one, can be compared. It leaves out parsing, allocation and memory traffic,
// which nobody can.

// primitives is the price of each primitive of suite 1 in seconds.
type primitives struct {
	verify, sign, seal, open, derive float64
	hmac, node, gcm                  float64 // node: the hash of a parent node; gcm: 1 KiB under a new key
	hash512, hash256                 float64 // a byte
}

// measurePrimitives takes the least of several rounds, about 20 ms in all.
func measurePrimitives() primitives {
	kem := hpke.DHKEM(x25519Curve)
	kdf, aead := hpke.HKDFSHA256(), hpke.AES128GCM()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	message := make([]byte, 300)
	signature := ed25519.Sign(key, message)
	sk := mustOf(kem.DeriveKeyPair(make([]byte, 32)))
	ciphertext := mustOf(hpke.Seal(sk.PublicKey(), kdf, aead, message[:150], message[:32]))
	block := make([]byte, 1<<14)
	least := func(n int, f func()) float64 {
		best := time.Duration(1 << 62)
		for range 5 {
			start := time.Now()
			for range n {
				f()
			}
			best = min(best, time.Since(start))
		}
		return best.Seconds() / float64(n)
	}
	return primitives{
		verify: least(12, func() { ed25519.Verify(key.Public().(ed25519.PublicKey), message, signature) }),
		sign:   least(24, func() { ed25519.Sign(key, message) }),
		seal:   least(8, func() { _, _ = hpke.Seal(sk.PublicKey(), kdf, aead, message[:150], message[:32]) }),
		open:   least(12, func() { _, _ = hpke.Open(sk, kdf, aead, message[:150], ciphertext) }),
		derive: least(12, func() { _, _ = kem.DeriveKeyPair(message[:32]) }),
		hmac:   least(200, func() { m := hmac.New(sha256.New, message[:32]); m.Write(message[:50]); m.Sum(nil) }),
		node:   least(200, func() { sha256.Sum256(message[:145]) }),
		gcm: least(100, func() {
			g := mustOf(cipher.NewGCM(mustOf(aes.NewCipher(message[:16]))))
			g.Seal(nil, message[:12], block[:1024], nil)
		}),
		hash512: least(10, func() { sha512.Sum512(block) }) / float64(len(block)),
		hash256: least(20, func() { sha256.Sum256(block) }) / float64(len(block)),
	}
}

// mustOf is must for a value.
func mustOf[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// workload is what an operation consists of.
type workload struct {
	verifies, seals, derives float64 // shared among the cores
	checks                   float64 // verifications that cannot be
	signs, opens, hmacs      float64
	nodes, gcms              float64
	bytes512, bytes256       float64 // hashed along the way
}

// limit is the least time on so many cores.
func (p primitives) limit(w workload, cores float64) time.Duration {
	seconds := (w.verifies*p.verify+w.seals*p.seal+w.derives*p.derive)/cores +
		w.checks*p.verify + w.signs*p.sign + w.opens*p.open + w.hmacs*p.hmac + w.nodes*p.node + w.gcms*p.gcm +
		w.bytes512*p.hash512 + w.bytes256*p.hash256
	return time.Duration(seconds * 1e9)
}

// meter compares a benchmark with the limit, by the clock (x-limit, on all cores)
// and by the processor time of the whole process, garbage collection included
// (x-cpu, on one core), which other processes on the machine disturb less.
type meter struct {
	primitives
	since, outside time.Duration
}

// start is to be called once all is set up, just before the loop.
func start(b *testing.B) *meter {
	m := &meter{primitives: measurePrimitives()}
	b.ReportAllocs()
	b.ResetTimer()
	m.since = cpuTime()
	return m
}

// apart does what is not to be measured.
func (m *meter) apart(b *testing.B, do func()) {
	b.StopTimer()
	from := cpuTime()
	do()
	m.outside += cpuTime() - from
	b.StartTimer()
}

func (m *meter) stop(b *testing.B, w workload) {
	n := time.Duration(b.N)
	clock, cpu := b.Elapsed()/n, (cpuTime()-m.since-m.outside)/n
	b.ReportMetric(float64(clock)/float64(m.limit(w, float64(runtime.GOMAXPROCS(0)))), "x-limit")
	b.ReportMetric(float64(cpu)/float64(m.limit(w, 1)), "x-cpu")
}

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func depth(n int) float64 { return float64(bits.Len(uint(n - 1))) }

// createWork: every key package and leaf is verified, each joiner gets a Welcome,
// and the commit and the group info are hashed and signed.
func createWork(n int) workload {
	others := float64(n - 1)
	return workload{
		verifies: 2 * others, seals: others, derives: depth(n) + 1, signs: 3, hmacs: 30,
		nodes: 2 * float64(n), bytes512: 2*279*others + 2*176*others, bytes256: 2*279*others + 2*176*others,
	}
}

// commitWork: a path of depth(n) keys sealed to so many recipients in a message
// of so many bytes.
func commitWork(n, seals, size int) workload {
	return workload{
		seals: float64(seals), derives: depth(n) + 1, signs: 2, hmacs: 26,
		nodes: 2 * (depth(n) + 1), bytes512: 2 * float64(size), bytes256: 2 * float64(size),
	}
}

// processWork: the commit's signature and its new leaf's, one secret opened.
func processWork(n, size int) workload {
	return workload{
		verifies: 2, opens: 1, derives: 1, hmacs: 26,
		nodes: 2 * (depth(n) + 1), bytes512: 2 * float64(size), bytes256: 2 * float64(size),
	}
}

// joinWork: every leaf is verified and every node hashed.
func joinWork(n, size int) workload {
	return workload{
		verifies: float64(n + 1), opens: 1, derives: 1, hmacs: 30,
		nodes: 4 * float64(n), bytes512: float64(size), bytes256: float64(size),
	}
}

func protectWork() workload   { return workload{signs: 1, hmacs: 5, gcms: 2} }
func unprotectWork() workload { return workload{checks: 1, hmacs: 5, gcms: 2} }
