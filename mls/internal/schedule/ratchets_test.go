package schedule_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// stream is reproducible randomness.
func stream(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func rootSecret(s *suite.Suite) suite.Secret {
	root := make(suite.Secret, s.Nh())
	stream(1).Read(root)
	return root
}

// reference derives any key straight from the formulas of RFC 9420 §9, keeping
// no state and forgetting nothing.
func reference(s *suite.Suite, leaves int, leaf schedule.Leaf, kind schedule.Kind, generation schedule.Generation) (key, nonce suite.Secret) {
	secret := rootSecret(s)
	lo, hi := 0, 1
	for hi < leaves {
		hi *= 2
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int(leaf) < mid {
			secret, hi = s.ExpandWithLabel(secret, "tree", []byte("left"), s.Nh()), mid
		} else {
			secret, lo = s.ExpandWithLabel(secret, "tree", []byte("right"), s.Nh()), mid
		}
	}
	label := map[schedule.Kind]string{schedule.Handshake: "handshake", schedule.Application: "application"}[kind]
	secret = s.ExpandWithLabel(secret, label, nil, s.Nh())
	for g := range uint32(generation) {
		secret = s.DeriveTreeSecret(secret, "secret", g, s.Nh())
	}
	return s.DeriveTreeSecret(secret, "key", uint32(generation), s.Nk()), s.DeriveTreeSecret(secret, "nonce", uint32(generation), s.Nn())
}

// disk is what a caller has written: cells by key.
type disk map[string]suite.Secret

func (d disk) write(cells []schedule.Cell) {
	for _, c := range cells {
		if c.Value == nil {
			delete(d, string(c.Key))
		} else {
			d[string(c.Key)] = c.Value
		}
	}
}

func (d disk) cells() []schedule.Cell {
	var out []schedule.Cell
	for k, v := range d {
		out = append(out, schedule.Cell{Key: []byte(k), Value: v})
	}
	slices.SortFunc(out, func(a, b schedule.Cell) int { return bytes.Compare(a.Key, b.Key) })
	return out
}

func same(a, b []schedule.Cell) bool {
	return slices.EqualFunc(a, b, func(x, y schedule.Cell) bool {
		return bytes.Equal(x.Key, y.Key) && bytes.Equal(x.Value, y.Value)
	})
}

// TestRatchetsAgainstReference drives random schedules: sends, late and early
// messages, replays, forged looks, restarts. Keys are those of the formulas,
// each is had exactly once, and the disk always equals the memory.
func TestRatchetsAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := suite.All()[rapid.SampledFrom([]int{0, 4, 6}).Draw(t, "suite")]
		leaves := rapid.IntRange(1, 20).Draw(t, "leaves")
		r := schedule.NewRatchets(s, rootSecret(s), leaves)
		saved := disk{}
		saved.write(r.Cells())
		type slot struct {
			leaf schedule.Leaf
			kind schedule.Kind
		}
		next := map[slot]schedule.Generation{}
		used := map[slot]map[schedule.Generation]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := slot{schedule.Leaf(rapid.IntRange(0, leaves-1).Draw(t, "leaf")), schedule.Kind(rapid.IntRange(0, 1).Draw(t, "kind"))}
			if used[at] == nil {
				used[at] = map[schedule.Generation]bool{}
			}
			var cells []schedule.Cell
			switch rapid.SampledFrom([]string{"send", "receive", "receive", "look", "restart"}).Draw(t, "op") {
			case "send":
				k, changed, err := r.Next(at.leaf, at.kind)
				if err != nil || k.Generation != next[at] {
					t.Fatalf("Next: generation %d, want %d: %v", k.Generation, next[at], err)
				}
				checkKey(t, s, leaves, at.leaf, at.kind, &k)
				cells, used[at][k.Generation], next[at] = changed, true, next[at]+1
			case "receive", "look":
				g := schedule.Generation(rapid.IntRange(max(0, int(next[at])-6), int(next[at])+4).Draw(t, "generation"))
				k, err := r.Key(at.leaf, at.kind, g)
				if used[at][g] {
					if _, err2 := r.Use(at.leaf, at.kind, g); err != schedule.ErrUsed || err2 != schedule.ErrUsed {
						t.Fatalf("replay of generation %d: %v, %v", g, err, err2)
					}
					break
				}
				if err != nil {
					t.Fatalf("generation %d: %v", g, err)
				}
				checkKey(t, s, leaves, at.leaf, at.kind, &k)
				if !rapid.Bool().Draw(t, "verified") { // looking is not using
					break
				}
				if cells, err = r.Use(at.leaf, at.kind, g); err != nil {
					t.Fatal(err)
				}
				used[at][g] = true
				next[at] = max(next[at], g+1)
			case "restart":
				again, err := schedule.LoadRatchets(s, leaves, saved.cells())
				if err != nil {
					t.Fatal(err)
				}
				r = again
			}
			saved.write(cells)
			if !same(saved.cells(), r.Cells()) {
				t.Fatal("what was written is not what is held")
			}
		}
	})
}

func checkKey(t *rapid.T, s *suite.Suite, leaves int, leaf schedule.Leaf, kind schedule.Kind, k *schedule.Key) {
	t.Helper()
	key, nonce := k.Bytes()
	wantKey, wantNonce := reference(s, leaves, leaf, kind, k.Generation)
	if !bytes.Equal(key, wantKey) || !bytes.Equal(nonce, wantNonce) {
		t.Fatalf("leaf %d kind %d generation %d: wrong key", leaf, kind, k.Generation)
	}
}

// TestConsumedSecretsAreGone uses one key and looks for every value from which
// it could be had again (RFC 9420 §9.2), in memory and in the cells.
func TestConsumedSecretsAreGone(t *testing.T) {
	s := lookup(t, 1)
	const leaves = 8
	root := rootSecret(s)
	r := schedule.NewRatchets(s, root, leaves)
	if _, err := r.Use(5, schedule.Application, 2); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, make([]byte, len(root))) {
		t.Error("the encryption secret was not erased")
	}
	root = rootSecret(s)
	right := s.ExpandWithLabel(root, "tree", []byte("right"), s.Nh())
	rightLeft := s.ExpandWithLabel(right, "tree", []byte("left"), s.Nh())
	leaf := s.ExpandWithLabel(rightLeft, "tree", []byte("right"), s.Nh())
	consumed := map[string]suite.Secret{"root": root, "right": right, "right-left": rightLeft, "leaf": leaf}
	ratchet := s.ExpandWithLabel(leaf, "application", nil, s.Nh())
	for g := range uint32(3) {
		consumed[fmt.Sprintf("ratchet %d", g)] = ratchet
		ratchet = s.DeriveTreeSecret(ratchet, "secret", g, s.Nh())
	}
	key, nonce := reference(s, leaves, 5, schedule.Application, 2)
	consumed["key 2"], consumed["nonce 2"] = key, nonce
	kept := 0
	for _, c := range r.Cells() {
		for what, secret := range consumed {
			if bytes.Contains(c.Value, secret) {
				t.Errorf("%s is still in cell %q", what, c.Key[:1])
			}
		}
		if c.Key[0] == 'k' {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%d keys kept, want generations 0 and 1", kept)
	}
	// The other ratchet of the leaf, and the other leaves, go on.
	for _, g := range []schedule.Generation{0, 1, 3} {
		if _, err := r.Use(5, schedule.Application, g); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Use(5, schedule.Handshake, 0); err != nil {
		t.Error(err)
	}
	if _, err := r.Use(4, schedule.Application, 0); err != nil {
		t.Error(err)
	}
	r.Erase()
	if len(r.Cells()) != 0 {
		t.Error("cells after Erase")
	}
	if _, err := r.Key(0, schedule.Application, 0); err != schedule.ErrUsed {
		t.Errorf("after Erase: %v", err)
	}
	if _, _, err := r.Next(0, schedule.Application); err != schedule.ErrUsed {
		t.Errorf("after Erase: %v", err)
	}
}

func TestForwardLimit(t *testing.T) { // RFC 9420 §15.3
	s := lookup(t, 1)
	for _, g := range []schedule.Generation{schedule.MaxForward + 1, 1 << 31, schedule.MaxGeneration + 1} {
		r := schedule.NewRatchets(s, rootSecret(s), 4)
		_, err1 := r.Key(0, schedule.Application, g)
		_, err2 := r.Use(0, schedule.Application, g)
		if err1 != schedule.ErrTooFar || err2 != schedule.ErrTooFar {
			t.Errorf("leap to %d: %v, %v", g, err1, err2)
		}
		if len(r.Cells()) != 1 {
			t.Error("a refused leap changed the state")
		}
	}
	r := schedule.NewRatchets(s, rootSecret(s), 4)
	if _, err := r.Use(0, schedule.Application, schedule.MaxForward); err != nil {
		t.Errorf("leap of MaxForward: %v", err)
	}
}

func TestKeptLimit(t *testing.T) {
	s := lookup(t, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 4)
	saved := disk{}
	saved.write(r.Cells())
	use := func(g schedule.Generation) {
		t.Helper()
		cells, err := r.Use(2, schedule.Application, g)
		if err != nil {
			t.Fatal(err)
		}
		saved.write(cells)
		if !same(saved.cells(), r.Cells()) {
			t.Fatal("what was written is not what is held")
		}
	}
	far := func(g schedule.Generation) {
		t.Helper()
		before := r.Cells()
		_, err1 := r.Key(2, schedule.Application, g)
		_, err2 := r.Use(2, schedule.Application, g)
		if err1 != schedule.ErrTooFar || err2 != schedule.ErrTooFar {
			t.Fatalf("generation %d: %v, %v", g, err1, err2)
		}
		if !same(before, r.Cells()) {
			t.Fatal("a refused leap changed the state")
		}
	}
	use(100)                                                    // keeps 0…99
	far(101 + schedule.MaxKept - 99)                            // would keep one too many
	use(101 + schedule.MaxKept - 100)                           // keeps all there is room for
	if n := len(saved.cells()) - 2 - 2; n != schedule.MaxKept { // two chains, two nodes
		t.Errorf("%d keys kept", n)
	}
	next := schedule.Generation(102 + schedule.MaxKept - 100)
	far(next + 1)
	use(next) // nothing passed over
	use(0)    // room for one
	far(next + 3)
	use(next + 2)
	use(next + 1)
	use(99)
}

func TestRatchetEnds(t *testing.T) {
	s := lookup(t, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 1)
	if _, _, err := r.Next(0, schedule.Application); err != nil {
		t.Fatal(err)
	}
	cells := r.Cells()
	for _, c := range cells {
		if c.Key[0] == 'c' && c.Key[4]&1 == 1 {
			copy(c.Value, []byte{0xff, 0xff, 0xff, 0xfe})
		}
	}
	r, err := schedule.LoadRatchets(s, 1, cells)
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := r.Next(0, schedule.Application)
	if err != nil || k.Generation != schedule.MaxGeneration {
		t.Errorf("last generation: %d, %v", k.Generation, err)
	}
	if _, _, err := r.Next(0, schedule.Application); err != schedule.ErrExhausted {
		t.Errorf("after the last: %v", err)
	}
	if _, err := r.Key(0, schedule.Application, schedule.MaxGeneration+1); err != schedule.ErrTooFar {
		t.Errorf("after the last: %v", err)
	}
}

func TestNoSuchLeaf(t *testing.T) {
	s := lookup(t, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 5) // 8 with padding to a full tree
	if _, err := r.Key(7, schedule.Application, 0); err != nil {
		t.Error(err)
	}
	if _, err := r.Use(1, schedule.Application, 0); err != nil {
		t.Error(err)
	}
	// 1<<31 | 1 would be leaf 1 if its chain were computed in 32 bits.
	for _, leaf := range []schedule.Leaf{8, 1 << 30, 1<<31 | 1, 1<<32 - 1} {
		_, err1 := r.Key(leaf, schedule.Application, 1)
		_, err2 := r.Use(leaf, schedule.Application, 1)
		_, _, err3 := r.Next(leaf, schedule.Application)
		if err1 != schedule.ErrNoLeaf || err2 != schedule.ErrNoLeaf || err3 != schedule.ErrNoLeaf {
			t.Errorf("leaf %d: %v, %v, %v", leaf, err1, err2, err3)
		}
	}
	if _, err := r.Key(1, 2, 0); err != schedule.ErrNoLeaf {
		t.Errorf("kind 2: %v", err)
	}
}

// TestDamagedState flips, drops and adds cells; loading says ErrState and never
// panics.
func TestDamagedState(t *testing.T) {
	s := lookup(t, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 8)
	if _, err := r.Use(3, schedule.Application, 5); err != nil {
		t.Fatal(err)
	}
	good := r.Cells()
	load := func(cells []schedule.Cell) error {
		_, err := schedule.LoadRatchets(s, 8, cells)
		return err
	}
	if err := load(good); err != nil {
		t.Fatal(err)
	}
	secret := make(suite.Secret, s.Nh())
	for why, extra := range map[string]schedule.Cell{
		"unknown kind":        {Key: []byte("x0000"), Value: secret},
		"empty key":           {Key: []byte{}, Value: secret},
		"short key":           {Key: []byte("n00"), Value: secret},
		"long key":            {Key: []byte("n\x00\x00\x00\x02\x00"), Value: secret},
		"short secret":        {Key: []byte("n\x00\x00\x00\x03"), Value: secret[1:]},
		"node zero":           {Key: []byte("n\x00\x00\x00\x00"), Value: secret},
		"node past the tree":  {Key: []byte("n\x00\x00\x00\x10"), Value: secret},
		"consumed root":       {Key: []byte("n\x00\x00\x00\x01"), Value: secret},
		"consumed leaf":       {Key: []byte("n\x00\x00\x00\x0b"), Value: secret},
		"chain past the tree": {Key: []byte("c\x00\x00\x00\x10"), Value: make(suite.Secret, 4+s.Nh())},
		"lone chain":          {Key: []byte("c\x00\x00\x00\x00"), Value: make(suite.Secret, 4+s.Nh())},
		"short chain":         {Key: []byte("c\x00\x00\x00\x06"), Value: secret},
		"kept key, no chain":  {Key: []byte("k\x00\x00\x00\x00\x00\x00\x00\x00"), Value: make(suite.Secret, 28)},
		"kept key too new":    {Key: []byte("k\x00\x00\x00\x07\x00\x00\x00\x06"), Value: make(suite.Secret, 28)},
		"kept key too long":   {Key: []byte("k\x00\x00\x00\x07\x00\x00\x00\x04"), Value: make(suite.Secret, 29)},
		"kept key too short":  {Key: []byte("k\x00\x00\x00\x07\x00\x00\x00\x04"), Value: make(suite.Secret, 27)},
	} {
		if err := load(append(slices.Clone(good), extra)); !errors.Is(err, schedule.ErrState) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestBrokenInvariants holds the checks that no single extra cell above reaches.
func TestBrokenInvariants(t *testing.T) {
	s := lookup(t, 1)
	secret := make(suite.Secret, s.Nh())
	if _, err := schedule.LoadRatchets(s, 8, []schedule.Cell{{Key: []byte("n\x00\x00\x00\x01"), Value: secret}, {Key: []byte("n\x00\x00\x00\x02"), Value: secret}}); !errors.Is(err, schedule.ErrState) {
		t.Errorf("the root beside its child: %v", err)
	}
	r := schedule.NewRatchets(s, rootSecret(s), 8)
	if _, _, err := r.Next(3, schedule.Application); err != nil {
		t.Fatal(err)
	}
	cells := r.Cells()
	if cells[0].Key[0] != 'c' {
		t.Fatal("no chain in front")
	}
	if _, err := schedule.LoadRatchets(s, 8, cells[1:]); !errors.Is(err, schedule.ErrState) {
		t.Errorf("a leaf with one ratchet: %v", err)
	}
}

func TestRecords(t *testing.T) {
	s := lookup(t, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 8)
	all := r.Cells()
	for i := range 5 {
		cells, err := r.Use(schedule.Leaf(i%2), schedule.Application, schedule.Generation(7-i))
		if err != nil {
			t.Fatal(err)
		}
		w := wire.NewWriter(0)
		schedule.AppendCells(w, cells)
		in := wire.NewReader(w.Bytes())
		read := schedule.ReadCells(in)
		if in.Done() != nil || !same(read, cells) {
			t.Fatalf("a record reads back differently: %v", in.Err())
		}
		all = append(all, read...)
		for n := range w.Len() {
			in := wire.NewReader(w.Bytes()[:n])
			if schedule.ReadCells(in); in.Done() == nil {
				t.Fatalf("prefix of %d bytes was accepted", n)
			}
		}
	}
	again, err := schedule.LoadRatchets(s, 8, all)
	if err != nil || !same(again.Cells(), r.Cells()) {
		t.Errorf("snapshot and records do not add up to the state: %v", err)
	}
}

func TestSealOpen(t *testing.T) {
	for _, s := range suite.All() {
		r := schedule.NewRatchets(s, rootSecret(s), 2)
		k, _, err := r.Next(0, schedule.Application)
		if err != nil {
			t.Fatal(err)
		}
		guard := schedule.ReuseGuard{1, 2, 3, 4}
		ct := k.Seal(nil, guard, []byte("aad"), []byte("text"))
		key, nonce := k.Bytes()
		for i, b := range guard { // RFC 9420 §6.3.1
			nonce[i] ^= b
		}
		want := s.Seal(nil, key, nonce, []byte("aad"), []byte("text"))
		if !bytes.Equal(ct, want) {
			t.Errorf("suite %d: the reuse guard is not mixed in as it should be", s.ID())
		}
		if pt, err := k.Open(nil, guard, []byte("aad"), ct); err != nil || string(pt) != "text" {
			t.Errorf("suite %d: %q, %v", s.ID(), pt, err)
		}
		if _, err := k.Open(nil, schedule.ReuseGuard{}, []byte("aad"), ct); err != suite.ErrOpen {
			t.Errorf("suite %d, other guard: %v", s.ID(), err)
		}
		k.Erase()
		if _, err := k.Open(nil, guard, []byte("aad"), ct); err != suite.ErrOpen {
			t.Errorf("suite %d, erased key: %v", s.ID(), err)
		}
	}
}

func FuzzLoadRatchets(f *testing.F) {
	s := lookup(f, 1)
	r := schedule.NewRatchets(s, rootSecret(s), 8)
	if _, err := r.Use(3, schedule.Application, 2); err != nil {
		f.Fatal(err)
	}
	w := wire.NewWriter(0)
	schedule.AppendCells(w, r.Cells())
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		reader := wire.NewReader(in)
		cells := schedule.ReadCells(reader)
		if reader.Done() != nil {
			return
		}
		r, err := schedule.LoadRatchets(s, 8, cells)
		if err != nil {
			return
		}
		for leaf := range schedule.Leaf(8) {
			if k, err := r.Key(leaf, schedule.Application, 3); err == nil {
				if _, err := r.Use(leaf, schedule.Application, k.Generation); err != nil {
					t.Fatalf("Key gave what Use does not: %v", err)
				}
			}
		}
		if _, err := schedule.LoadRatchets(s, 8, r.Cells()); err != nil {
			t.Fatalf("a loaded state does not load again: %v", err)
		}
	})
}

func BenchmarkRatchets(b *testing.B) {
	s := lookup(b, 1)
	for _, leaves := range []int{2, 1000, 10000} {
		b.Run(fmt.Sprintf("Next/leaves=%d", leaves), func(b *testing.B) {
			r := schedule.NewRatchets(s, rootSecret(s), leaves)
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				_, cells, err := r.Next(0, schedule.Application)
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				for _, c := range cells {
					size += len(c.Key) + len(c.Value)
				}
			}
			b.ReportMetric(float64(size), "written-B/op")
		})
		b.Run(fmt.Sprintf("KeyUse/leaves=%d", leaves), func(b *testing.B) {
			r := schedule.NewRatchets(s, rootSecret(s), leaves)
			b.ReportAllocs()
			for g := schedule.Generation(0); b.Loop(); g++ {
				if _, err := r.Key(0, schedule.Application, g); err != nil {
					b.Fatal(err)
				}
				if _, err := r.Use(0, schedule.Application, g); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("First/leaves=%d", leaves), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				r := schedule.NewRatchets(s, rootSecret(s), leaves)
				_, cells, err := r.Next(schedule.Leaf(leaves/2), schedule.Application)
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				for _, c := range cells {
					size += len(c.Key) + len(c.Value)
				}
			}
			b.ReportMetric(float64(size), "written-B/op")
		})
	}
}
