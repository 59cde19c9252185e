package mls

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// Benchmarks of every operation over the size of the group, on two trees:
//
//	fresh  one commit added everybody: only the creator's path holds keys, and
//	       its next commit is sealed to every leaf
//	warm   every second leaf has committed since: all parents hold keys, and a
//	       commit is sealed to log2 N of them
//
// The committer is leaf 0, the processor the last leaf (whose common ancestor
// with the committer is the root), the joiner is added alone by a Welcome that
// holds the tree. The same operations on mls-go run beside (engine=mls-go), up
// to COVEY_BENCH_PEER_MAX members, 1000 if it is not set: beyond, it needs
// minutes to set up. Run them all with
//
//	go test -run '^$' -bench . -timeout 60m ./mls

var x25519Curve = ecdh.X25519()

var benchSizes = []int{2, 10, 100, 1000, 10000}

var benchNow = uint64(time.Now().Unix()) // mls-go looks at the clock

// town is a group of n members at one epoch, of whom leaf 0 and the last are
// held truly, and any other can be impersonated as a committer.
type town struct {
	n        int
	warm     bool
	rand     *rand.ChaCha8
	keys     []*SigningKey
	packs    []*OwnKeyPackage
	first    *Epoch
	last     *Epoch
	guest    *OwnKeyPackage
	guestKey *SigningKey
}

func (w *town) client(i int) (*SigningKey, *OwnKeyPackage) {
	key := mustOf(GenerateSigningKey(w.rand, X25519AES128SHA256Ed25519))
	return key, mustOf(NewKeyPackage(w.rand, key, Client{
		CipherSuite: X25519AES128SHA256Ed25519, Credential: Credential{Type: CredentialBasic, Identity: fmt.Appendf(nil, "member-%05d", i)},
		Lifetime: Lifetime{NotBefore: benchNow - 3600, NotAfter: benchNow + 86400},
	}))
}

var towns = map[[2]int]*town{}

// townOf builds a group, once a run.
func townOf(n int, warm bool) *town {
	key := [2]int{n, 0}
	if warm {
		key[1] = 1
	}
	if towns[key] != nil {
		return towns[key]
	}
	w := &town{n: n, warm: warm}
	if warm {
		*w = *townOf(n, false)
		w.warm = true
		w.heat()
	} else {
		w.settle()
	}
	towns[key] = w
	return w
}

// settle founds the group and adds everybody in one commit.
func (w *town) settle() {
	w.rand = rand.NewChaCha8([32]byte{byte(w.n)})
	w.keys, w.packs = make([]*SigningKey, w.n), make([]*OwnKeyPackage, w.n)
	for i := range w.n {
		w.keys[i], w.packs[i] = w.client(i)
	}
	w.guestKey, w.guest = w.client(w.n)
	c := w.found()
	w.first = c.Next
	w.last = mustOf(Join(&Config{}, w.packs[w.n-1], c.Welcome, JoinOptions{}))
}

func (w *town) found() *Candidate {
	start := mustOf(Create(w.rand, &Config{}, w.packs[0], GroupOptions{GroupID: []byte("town")}))
	adds := make([]Proposal, w.n-1)
	for i := range adds {
		adds[i] = &Add{KeyPackage: w.packs[i+1].KeyPackage}
	}
	return mustOf(start.Commit(w.rand, w.keys[0], CommitOptions{Proposals: adds, Now: benchNow, WireFormat: WirePublicMessage}))
}

// heat has every second leaf renew its keys, in bit-reversed order, so that
// soon every path is short.
func (w *town) heat() {
	width := bits.Len(uint(w.n - 1))
	for i := range 1 << (width - 1) {
		at := int(bits.Reverse32(uint32(i))>>(32-width)) &^ 1
		if at >= w.n {
			continue
		}
		message := w.as(LeafIndex(at), CommitOptions{WireFormat: WirePublicMessage}).Message
		if at == 0 {
			continue // as has moved leaf 0 on
		}
		w.first = mustOf(w.first.Process(message, Received{})).Next
	}
}

// as commits as any leaf and has the last follow. A committer needs of its own
// only the signature key.
func (w *town) as(at LeafIndex, o CommitOptions) *Candidate {
	e := *w.first
	e.self = at
	c := mustOf(e.Commit(w.rand, w.keys[at], o))
	if at == 0 {
		w.first = c.Next
	}
	if int(at) != w.n-1 {
		w.last = mustOf(w.last.Process(c.Message, Received{})).Next
	}
	return c
}

// eachTown runs a benchmark on every group.
func eachTown(b *testing.B, run func(b *testing.B, w *town)) {
	for _, n := range benchSizes {
		if testing.Short() && n > 100 {
			continue
		}
		for _, warm := range []bool{false, true} {
			if warm && n < 10 {
				continue // two leaves have one parent, and that is warm
			}
			name := fmt.Sprintf("N=%d/tree=%s/engine=covey", n, map[bool]string{false: "fresh", true: "warm"}[warm])
			b.Run(name, func(b *testing.B) {
				w := townOf(n, warm)
				runtime.GC()
				run(b, w)
			})
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		if w.warm {
			b.Skip("creating knows no tree")
		}
		m := start(b)
		for b.Loop() {
			w.found()
		}
		m.stop(b, createWork(w.n))
	})
	eachPeerTown(b, peerCreate)
}

func BenchmarkCommit(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		var c *Candidate
		m := start(b)
		for b.Loop() {
			c = mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{WireFormat: WirePublicMessage}))
		}
		m.stop(b, commitWork(w.n, ciphertexts(c.Message), len(c.Message)))
		b.ReportMetric(float64(len(c.Message)), "wire-B")
		b.ReportMetric(float64(c.Next.written(w.first)), "written-B")
	})
	eachPeerTown(b, peerCommit)
}

// written is what storing an epoch takes beside its parent.
func (e *Epoch) written(parent *Epoch) int {
	return cellBytes(e.Save(parent)) + cellBytes(mustOf(e.Keys().Save()))
}

// ciphertexts counts what a commit's path is sealed to.
func ciphertexts(message []byte) (n int) {
	for _, node := range mustOf(ParseMessage(message)).Public.Content.Commit.Path.Nodes {
		n += len(node.EncryptedPathSecret)
	}
	return n
}

func BenchmarkProcess(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		message := mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{WireFormat: WirePublicMessage})).Message
		var c *Candidate
		m := start(b)
		for b.Loop() {
			c = mustOf(w.last.Process(message, Received{}))
		}
		m.stop(b, processWork(w.n, len(message)))
		b.ReportMetric(float64(c.Next.written(w.last)), "written-B")
	})
	eachPeerTown(b, peerProcessCommit)
}

func BenchmarkRemove(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		if w.n < 3 {
			b.Skip("nobody to spare")
		}
		var c *Candidate
		m := start(b)
		for b.Loop() {
			c = w.remove()
		}
		m.stop(b, commitWork(w.n, ciphertexts(c.Message), len(c.Message)))
		b.ReportMetric(float64(len(c.Message)), "wire-B")
	})
	eachPeerTown(b, peerRemove)
}

func (w *town) remove() *Candidate {
	return mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{
		Proposals: []Proposal{&Remove{Removed: LeafIndex(w.n / 2)}}, WireFormat: WirePublicMessage,
	}))
}

func BenchmarkProcessRemove(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		if w.n < 3 {
			b.Skip("nobody to spare")
		}
		message := w.remove().Message
		m := start(b)
		for b.Loop() {
			mustOf(w.last.Process(message, Received{}))
		}
		m.stop(b, processWork(w.n, len(message)))
	})
	eachPeerTown(b, peerProcessRemove)
}

// BenchmarkAdd adds one member, with its Welcome.
func BenchmarkAdd(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		b.ReportAllocs()
		var c *Candidate
		for b.Loop() {
			c = w.invite()
		}
		b.ReportMetric(float64(len(c.Welcome)), "welcome-B")
	})
	eachPeerTown(b, peerAdd)
}

func (w *town) invite() *Candidate {
	return mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{
		Proposals: []Proposal{&Add{KeyPackage: w.guest.KeyPackage}}, Now: benchNow, WireFormat: WirePublicMessage,
	}))
}

func BenchmarkJoin(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		welcome := w.invite().Welcome
		m := start(b)
		for b.Loop() {
			mustOf(Join(&Config{}, w.guest, welcome, JoinOptions{}))
		}
		m.stop(b, joinWork(w.n+1, len(welcome)))
	})
	eachPeerTown(b, peerJoin)
}

func BenchmarkEncrypt(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		data := make([]byte, 1024)
		sender, _ := w.fresh()
		var message []byte
		written := 0
		m := start(b)
		for b.Loop() {
			protected, cells, err := sender.Keys().Protect(w.rand, w.keys[0], Outgoing{Data: data})
			if err != nil {
				b.Fatal(err)
			}
			message, written = protected, cellBytes(cells)
		}
		m.stop(b, protectWork())
		b.ReportMetric(float64(len(message)), "wire-B")
		b.ReportMetric(float64(written), "written-B")
	})
	eachPeerTown(b, peerEncrypt)
}

func cellBytes(cells []Cell) (n int) {
	for _, c := range cells {
		n += len(c.Name) + len(c.Value)
	}
	return n
}

func BenchmarkDecrypt(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		data := make([]byte, 1024)
		sender, receiver := w.fresh()
		var batch [][]byte
		written := 0
		m := start(b)
		for b.Loop() {
			if len(batch) == 0 {
				m.apart(b, func() {
					for range 256 {
						message, _, err := sender.Keys().Protect(w.rand, w.keys[0], Outgoing{Data: data})
						if err != nil {
							b.Fatal(err)
						}
						batch = append(batch, message)
					}
				})
			}
			_, cells, err := receiver.Keys().Unprotect(batch[0])
			if err != nil {
				b.Fatal(err)
			}
			batch, written = batch[1:], cellBytes(cells)
		}
		m.stop(b, unprotectWork())
		b.ReportMetric(float64(written), "written-B")
	})
	eachPeerTown(b, peerDecrypt)
}

// fresh is an epoch with unused message keys, at leaf 0 and at the last leaf.
func (w *town) fresh() (first, last *Epoch) {
	c := mustOf(w.first.Commit(w.rand, w.keys[0], CommitOptions{WireFormat: WirePublicMessage}))
	return c.Next, mustOf(w.last.Process(c.Message, Received{})).Next
}

// peerMax is the largest group for which mls-go runs too.
func peerMax() int {
	if n, err := strconv.Atoi(os.Getenv("COVEY_BENCH_PEER_MAX")); err == nil {
		return n
	}
	return 1000
}

// heapNow is the live heap in bytes.
func heapNow() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkFork times the only thing that a second branch from one epoch costs
// beside its own commit: a tree that differs in one leaf and the path above it.
// Everything else is shared. mls-go must store and load its state.
func BenchmarkFork(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		leaf := *w.first.tree.Leaf(0)
		leaf.EncryptionKey = w.guest.KeyPackage.LeafNode.EncryptionKey
		b.ReportAllocs()
		for b.Loop() {
			edit := w.first.tree.Edit()
			if err := edit.Update(0, &leaf); err != nil {
				b.Fatal(err)
			}
			mustOf(edit.Tree())
		}
	})
	eachPeerTown(b, peerFork)
}

// BenchmarkHeap reports the live bytes of a joined group, and of every further
// candidate held beside it. Its time means nothing.
func BenchmarkHeap(b *testing.B) {
	eachTown(b, func(b *testing.B, w *town) {
		invited := w.invite()
		var group *Epoch
		candidates := make([]*Candidate, 64)
		for b.Loop() {
			clear(candidates)
			base := heapNow()
			// Copies of the messages, as they come from the network: what a group
			// keeps of them is its own doing.
			group = mustOf(Join(&Config{}, w.guest, bytes.Clone(invited.Welcome), JoinOptions{}))
			joined := heapNow()
			b.ReportMetric(float64(joined-base), "group-B")
			for i := range candidates {
				c := mustOf(invited.Next.Commit(w.rand, w.keys[0], CommitOptions{WireFormat: WirePublicMessage}))
				candidates[i] = mustOf(group.Process(bytes.Clone(c.Message), Received{}))
			}
			b.ReportMetric(float64(heapNow()-joined)/float64(len(candidates)), "fork-B")
		}
		runtime.KeepAlive(group)
		runtime.KeepAlive(candidates)
	})
	eachPeerTown(b, peerHeap)
}
