package sim

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

var prices = flag.Bool("prices", false, "measure what package mls takes, and print the table for cost.go")

// priced is a group of n on package mls: its founder, one member, and the
// commit that let everybody in.
type priced struct {
	eng     session.MLS
	n       int
	rand    *Rand
	self    session.Identity
	first   session.Epoch
	member  session.Epoch
	welcome []byte
	pkg     session.Package
	other   session.Identity
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPriced(n int) *priced {
	p := &priced{n: n, rand: NewRand(1, "prices", itoa(n))}
	identity := func(i int) session.Identity {
		a, d := make([]byte, 32), make([]byte, 32)
		p.rand.Read(a)
		p.rand.Read(d)
		return must(session.NewIdentity(p.eng, a, d, "n"+itoa(i)))
	}
	p.self = identity(0)
	context := make([]byte, 64)
	root := must(p.eng.Create(p.self, []byte("group"), context, p.rand))
	var edit session.Edit
	edit.Now = genesis
	for i := 1; i < n; i++ {
		p.other = identity(i)
		p.pkg = must(p.eng.NewKeyPackage(p.other, genesis, p.rand))
		edit.Add = append(edit.Add, p.pkg.Public)
	}
	b := must(root.Commit(edit, p.rand))
	p.first, p.welcome = b.Applied.Next, b.Welcome
	p.member, _, _ = p.eng.Join(p.other, p.welcome, []session.Package{p.pkg})
	return p
}

// took is the median of rounds of one operation.
func took(f func()) time.Duration {
	var all []time.Duration
	for began := time.Now(); len(all) < 5 || len(all) < 200 && time.Since(began) < 300*time.Millisecond; {
		at := time.Now()
		f()
		all = append(all, time.Since(at))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// TestPrices measures every operation that the simulator charges for at 2 to
// 2,000 members and fits Base + PerLevel·log₂ n + PerMember·n by least squares
// of relative errors; what handles bytes is measured at 64 B and at 16 kB.
func TestPrices(t *testing.T) {
	if !*prices {
		t.Skip("measures this machine: go test ./testnet/sim -run TestPrices -prices -v")
	}
	sizes := []int{2, 8, 32, 128, 500, 2000}
	at := map[Op][]time.Duration{}
	for _, n := range sizes {
		p := newPriced(n)
		commit := must(p.first.Commit(session.Edit{Now: genesis}, p.rand)).Commit
		cells := map[string][]byte{}
		for _, c := range p.member.Save(nil) {
			cells[c.Name] = c.Value
		}
		cell := func(name string) ([]byte, bool) { v, ok := cells[name]; return v, ok }
		for op, f := range map[Op]func(){
			OpJoin:    func() { p.eng.Join(p.other, p.welcome, []session.Package{p.pkg}) },
			OpCommit:  func() { p.first.Commit(session.Edit{Now: genesis}, p.rand) },
			OpApply:   func() { must(p.member.Apply(commit)) },
			OpRestore: func() { must(p.eng.Load(p.other, session.EpochID{}, p.member.Core(), cell)) },
		} {
			at[op] = append(at[op], took(f))
		}
	}
	t.Logf("median of up to 200 rounds, %s, %d cores, %s", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	for _, op := range []Op{OpJoin, OpCommit, OpApply, OpRestore} {
		a, b, c := fit(sizes, at[op])
		t.Logf("%-9s {Base: %d, PerLevel: %d, PerMember: %d}, // %v", op, a, b, c, at[op])
	}
	p := newPriced(8)
	small, large := bytes.Repeat([]byte{7}, 64), bytes.Repeat([]byte{7}, 16<<10)
	key, keys := session.Key{1}, p.first.Keys()
	verifies := func(b []byte) (func([]byte) func(), []byte) {
		sig := p.eng.Sign(p.self.Secret, "label", b)
		return func(b []byte) func() {
			return func() { p.eng.Verify(p.self.Device, "label", b, sig) }
		}, b
	}
	by := func(op Op, f func(b []byte) func()) {
		x, y := took(f(small)), took(f(large))
		per := float64(y-x) / float64(len(large)-len(small))
		t.Logf("%-9s {Base: %d, PerByte: %.2f ns}, // 64 B %v, 16 kB %v", op, x-time.Duration(64*per), per, x, y)
	}
	by(OpSign, func(b []byte) func() { return func() { p.eng.Sign(p.self.Secret, "label", b) } })
	by(OpVerify, func(b []byte) func() { f, b := verifies(b); return f(b) })
	by(OpSeal, func(b []byte) func() { return func() { p.eng.Seal(key, nil, b, p.rand) } })
	by(OpOpen, func(b []byte) func() {
		sealed := must(p.eng.Seal(key, nil, b, p.rand))
		return func() { p.eng.Open(key, nil, sealed) }
	})
	by(OpProtect, func(b []byte) func() { return func() { keys.Protect(b, p.rand) } })
	by(OpUnprotect, func(b []byte) func() {
		var queue [][]byte
		for range 400 {
			m, _, err := keys.Protect(b, p.rand)
			queue = append(queue, must(m, err))
		}
		theirs := p.member.Keys()
		return func() {
			must(theirs.Unprotect(queue[0]))
			queue = queue[1:]
		}
	})
	t.Logf("%-9s {Base: %d}", OpCreate, took(func() { p.eng.Create(p.self, []byte("group"), make([]byte, 64), p.rand) }))
	t.Logf("%-9s {Base: %d}", OpPackage, took(func() { must(p.eng.ReadKeyPackage(p.pkg.Public, genesis)) }))
	t.Logf("%-9s {Base: %d}", OpExport, took(func() { p.first.Export("label", 32) }))
}

// fit is the a + b·log₂ n + c·n, none of them negative, with the least squares
// of relative errors: whichever of the seven subsets of terms fits best.
func fit(sizes []int, took []time.Duration) (a, b, c time.Duration) {
	best := math.Inf(1)
	for terms := 1; terms < 8; terms++ {
		var m [3][4]float64
		for i, n := range sizes {
			y := float64(took[i])
			x := [3]float64{1 / y, math.Log2(float64(n)) / y, float64(n) / y}
			for r := range 3 {
				if terms>>r&1 == 0 {
					x[r] = 0
				}
			}
			for r := range 3 {
				for k := range 3 {
					m[r][k] += x[r] * x[k]
				}
				m[r][3] += x[r]
			}
		}
		v, ok := solve(m, terms)
		if !ok {
			continue
		}
		sum := 0.0
		for i, n := range sizes {
			e := (v[0]+v[1]*math.Log2(float64(n))+v[2]*float64(n))/float64(took[i]) - 1
			sum += e * e
		}
		if sum < best {
			best, a, b, c = sum, time.Duration(v[0]), time.Duration(v[1]), time.Duration(v[2])
		}
	}
	return a, b, c
}

// solve is Gauss on the chosen rows; false where a term is negative.
func solve(m [3][4]float64, terms int) (v [3]float64, ok bool) {
	for r := range 3 {
		if terms>>r&1 == 0 {
			m[r] = [4]float64{}
			m[r][r] = 1
		}
	}
	for r := range 3 {
		if m[r][r] == 0 {
			return v, false
		}
		for o := range 3 {
			if o != r {
				f := m[o][r] / m[r][r]
				for k := r; k < 4; k++ {
					m[o][k] -= f * m[r][k]
				}
			}
		}
	}
	for r := range 3 {
		if v[r] = m[r][3] / m[r][r]; v[r] < 0 {
			return v, false
		}
	}
	return v, true
}

// TestFit: what was made by a formula is found again.
func TestFit(t *testing.T) {
	sizes := []int{2, 8, 32, 128, 500, 2000}
	var made []time.Duration
	for _, n := range sizes {
		made = append(made, time.Duration(300_000+20_000*math.Log2(float64(n))+1500*float64(n)))
	}
	a, b, c := fit(sizes, made)
	if math.Abs(float64(a-300_000)) > 100 || math.Abs(float64(b-20_000)) > 100 || math.Abs(float64(c-1500)) > 10 {
		t.Error(fmt.Sprint(a, b, c))
	}
}
