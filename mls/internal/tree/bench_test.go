package tree

import (
	"fmt"
	"math/bits"
	"runtime"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// crowd is a group whose keys are all at hand, for benchmarks.
type crowd struct {
	w       *world
	tree    *Tree
	signers []*suite.SigningKey
	private map[LeafIndex]*Private
}

var crowds = map[string]*crowd{}

// fresh is a group of n that its founder has added in one commit: only the
// founder's path is set.
func fresh(n int) *crowd {
	if c := crowds[fmt.Sprint("fresh", n)]; c != nil {
		return c
	}
	w := newWorld(suiteOf2(suite.X25519AES128SHA256Ed25519), 1)
	c := &crowd{w: w, private: map[LeafIndex]*Private{}}
	e := New(w.s).Edit()
	for range n {
		m, l, key := w.newcomer()
		l.Capabilities.Credentials, l.Capabilities.Extensions = []CredentialType{Basic}, nil
		l.Sign(w.s, m.signer, nil, 0)
		at := must(e.Add(l))
		c.signers = append(c.signers, m.signer)
		c.private[at] = NewPrivate(w.s, at, key)
	}
	c.tree = must(e.Tree())
	c.commit(0)
	crowds[fmt.Sprint("fresh", n)] = c
	return c
}

// warm is fresh, and then every even leaf has committed once.
func warm(n int) *crowd {
	if c := crowds[fmt.Sprint("warm", n)]; c != nil {
		return c
	}
	f := fresh(n)
	c := &crowd{w: f.w, tree: f.tree, signers: f.signers, private: f.private}
	shift := 32 - c.tree.Depth()
	for i := range c.tree.Size() {
		if at := LeafIndex(bits.Reverse32(uint32(i)) >> shift); at%2 == 0 && int(at) < n {
			c.commit(at)
		}
	}
	crowds[fmt.Sprint("warm", n)] = c
	return c
}

// commit renews a path in the tree, and in the eyes of the committer and of the
// last member.
func (c *crowd) commit(at LeafIndex) {
	p := must(c.tree.NewPath(c.w.rand, at, *c.tree.Leaf(at), c.signers[at], groupID))
	last := LeafIndex(c.tree.Len() - 1)
	if own := c.private[last]; at != last {
		own = own.Follow(p.Next)
		level := commonLevel(at, last)
		for k := level; k <= c.tree.Depth(); k++ {
			own.keys[k] = p.Private.key(k)
		}
		c.private[last] = own
	}
	c.private[at], c.tree = p.Private, p.Next
}

func sizes(b *testing.B, run func(b *testing.B, c *crowd), sizes ...int) {
	for _, n := range sizes {
		for _, kind := range []func(int) *crowd{fresh, warm} {
			c := kind(n)
			name := "warm"
			if c == fresh(n) {
				name = "fresh"
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { run(b, c) })
		}
	}
}

// Fork and apply a path: what a candidate commit costs its parent.
func BenchmarkSplice(b *testing.B) {
	for _, n := range []int{128, 1024, 16384} {
		c := warm(n)
		p := must(c.tree.NewPath(c.w.rand, 2, *c.tree.Leaf(2), c.signers[2], groupID))
		leaf := wire.Marshal(&p.leaf)
		hashes := c.tree.parentHashes(p.steps, p.keys)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(c.tree.splice(2, leaf, p.keys, hashes))
			}
			b.StopTimer()
			b.ReportMetric(retained(func() any { return must(c.tree.splice(2, leaf, p.keys, hashes)) }), "B-retained/fork")
		})
	}
}

// retained measures the heap that a value keeps, by keeping many.
func retained(make func() any) float64 {
	const n = 500
	keep := [n]any{}
	before := heap()
	for i := range keep {
		keep[i] = make()
	}
	after := heap()
	runtime.KeepAlive(keep)
	return float64(after-before) / n
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkHeap(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		encoded := wire.Marshal(c.tree)
		before := heap()
		t := must(Parse(c.w.s, encoded))
		after := heap()
		runtime.KeepAlive(t)
		runtime.KeepAlive(encoded)
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(after-before), "B/tree")
		b.ReportMetric(float64(len(encoded)), "B/encoded")
	}, 100, 1000, 10000)
}

func BenchmarkEncap(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		b.ReportAllocs()
		for b.Loop() {
			p := must(c.tree.NewPath(c.w.rand, 2, *c.tree.Leaf(2), c.signers[2], groupID))
			must(p.Seal(c.w.rand, p.Next.Hash(), nil))
		}
	}, 10, 1000, 10000)
}

// Decap is Apply and Open by the last member: the common ancestor is the root.
func BenchmarkDecap(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		p := must(c.tree.NewPath(c.w.rand, 2, *c.tree.Leaf(2), c.signers[2], groupID))
		u := must(p.Seal(c.w.rand, p.Next.Hash(), nil))
		own := c.private[LeafIndex(c.tree.Len()-1)]
		b.ReportAllocs()
		for b.Loop() {
			next := must(c.tree.Apply(2, u, nil))
			if _, _, err := own.Open(next, 2, u, nil, next.Hash()); err != nil {
				b.Fatal(err)
			}
		}
	}, 10, 1000, 10000)
}

func BenchmarkApply(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		p := must(c.tree.NewPath(c.w.rand, 2, *c.tree.Leaf(2), c.signers[2], groupID))
		u := must(p.Seal(c.w.rand, p.Next.Hash(), nil))
		b.ReportAllocs()
		for b.Loop() {
			must(c.tree.Apply(2, u, nil))
		}
	}, 1000, 10000)
}

// Join is what a joiner does with a ratchet_tree extension. Of it, Signatures is
// one verification a leaf on all cores.
func BenchmarkJoin(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		encoded := wire.Marshal(c.tree)
		rules := &Rules{Suite: c.w.s, GroupID: groupID}
		b.ReportAllocs()
		for b.Loop() {
			t := must(Parse(c.w.s, encoded))
			if err := t.Verify(rules); err != nil {
				b.Fatal(err)
			}
		}
	}, 100, 1000, 10000)
}

func BenchmarkParse(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		encoded := wire.Marshal(c.tree)
		b.ReportAllocs()
		for b.Loop() {
			must(Parse(c.w.s, encoded))
		}
	}, 1000, 10000)
}

// AddAll is the tree's part of creating a group in one commit.
func BenchmarkAddAll(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		var leaves []*LeafNode
		for _, l := range fresh(n).tree.Members() {
			leaves = append(leaves, l)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e := New(suiteOf2(suite.X25519AES128SHA256Ed25519)).Edit()
				for _, l := range leaves {
					must(e.Add(l))
				}
				must(e.Tree())
			}
		})
	}
}

// Records is what a commit writes.
func BenchmarkRecords(b *testing.B) {
	sizes(b, func(b *testing.B, c *crowd) {
		p := must(c.tree.NewPath(c.w.rand, 2, *c.tree.Leaf(2), c.signers[2], groupID))
		size := 0
		b.ReportAllocs()
		for b.Loop() {
			size = 0
			for _, r := range p.Next.Records(c.tree) {
				size += len(r.Hash) + len(r.Value)
			}
		}
		b.ReportMetric(float64(size), "B/commit")
	}, 1000, 10000)
}

// Adds without a path leave unmerged leaves behind, and with them the one part
// of a join that is more than a hash a parent. Half of these trees was warm when
// the other half was added.
func BenchmarkParentHashesUnmerged(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		c := warm(n / 2)
		e := c.tree.Edit()
		for _, l := range fresh(n).tree.Members() {
			if e.t.Len() == n {
				break
			}
			key := must(c.w.s.GenerateKeyPair(c.w.rand)).Public().Bytes()
			l.EncryptionKey, l.SignatureKey = key, key
			must(e.Add(l))
		}
		t := must(e.Tree())
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v := verifier{t: t, hasher: hasher{suite: t.suite}, nh: t.suite.Nh()}
				if err := v.unmerged(Root(t.depth), t.root, nil); err != nil {
					b.Fatal(err)
				}
				if err := v.parents(Root(t.depth), t.root); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
