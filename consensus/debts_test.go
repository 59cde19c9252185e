package consensus

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What the rule owes those who build on it, one test each. Debts 1 to 3 hold
// over all orders of small worlds.

// smallWorlds calls f with random worlds of at most 4 inputs that fork.
func smallWorlds(t *testing.T, f func(w *world)) {
	n := 4000
	if testing.Short() {
		n = 500
	}
	rng := rand.New(rand.NewPCG(3, 0))
	for done := 0; done < n; {
		w := randomWorld(rng)
		if len(w.inputs) < 2 || len(w.inputs) > 4 || len(newReference(w, "").children(w.root.ID)) == 0 {
			continue
		}
		f(w)
		if t.Failed() {
			t.Logf("%v", w.inputs)
			return
		}
		done++
	}
}

// Debt 1: a total, transitive order on siblings, and on branches by comparing
// them where they part.
func TestDebtTotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Candidate {
			return Candidate{
				Class: Class(rapid.IntRange(0, 4).Draw(t, name+" class")),
				Role:  Role(rapid.IntRange(0, 2).Draw(t, name+" role")),
				Slot:  uint32(rapid.IntRange(0, 2).Draw(t, name+" slot")),
				Child: Epoch{ID: epochID(name)},
			}
		}
		a, b, c := draw("a"), draw("b"), draw("c")
		if before(&a, &b) == before(&b, &a) || before(&a, &a) {
			t.Fatalf("not total: %+v %+v", a, b)
		}
		if before(&a, &b) && before(&b, &c) && !before(&a, &c) {
			t.Fatalf("not transitive: %+v %+v %+v", a, b, c)
		}
	})
	rng := rand.New(rand.NewPCG(4, 0))
	for range 3000 {
		w := randomWorld(rng)
		c := w.run(w.inputs)
		var ends []*node
		for _, n := range c.epochs {
			if len(n.children) == 0 {
				ends = append(ends, n)
			}
		}
		for _, x := range ends {
			for _, y := range ends {
				if x != y && better(x, y) == better(y, x) {
					t.Fatalf("branches %v, %v: not total\n%s", x.Child.ID, y.Child.ID, c.Describe(named))
				}
				for _, z := range ends {
					if better(x, y) && better(y, z) && !better(x, z) {
						t.Fatalf("branches %v, %v, %v: not transitive\n%s", x.Child.ID, y.Child.ID, z.Child.ID, c.Describe(named))
					}
				}
			}
			if best := c.epochs[c.Best()]; x != best && !better(best, x) {
				t.Fatalf("%v is no better than %v", best.Child.ID, x.Child.ID)
			}
		}
	}
}

// better compares two branches where they part; going on is better than not.
func better(x, y *node) bool {
	if x.within(y) || y.within(x) {
		return x != y && x.within(y)
	}
	meet := common(x, y)
	return wins(x.ancestor(meet.number()+1), y.ancestor(meet.number()+1))
}

// Debt 2: a function of authenticated content only. What a chain answers does
// not depend on the order it was told in, nor on being told twice; and nothing
// it is told has room for a clock or a peer.
func TestDebtContentOnly(t *testing.T) {
	smallWorlds(t, func(w *world) {
		first := ""
		permute(slices.Clone(w.inputs), 0, func(in []input) {
			c := w.run(in)
			again := w.run(append(slices.Clone(in), in...))
			for _, got := range []string{c.answers(), again.answers()} {
				if first == "" {
					first = got
				} else if got != first {
					t.Errorf("in the order %v\n%s\nbefore\n%s", in, got, first)
				}
			}
		})
	})
	for _, told := range []any{Candidate{}, Vote{}, Evidence{}, Params{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(told)) {
			switch f.Name {
			case "Time", "At", "Peer", "From", "Received":
				t.Errorf("%T has %s", told, f.Name)
			}
		}
	}
}

// Debt 3: finite. Replaying input changes nothing; new input moves the head
// only to a branch that is better now; and an account has only so many votes.
func TestDebtFinite(t *testing.T) {
	smallWorlds(t, func(w *world) {
		permute(slices.Clone(w.inputs), 0, func(in []input) {
			c := w.chain()
			for _, x := range in {
				before := c.head
				m := c.tell(x)
				if m.From != before.Child.ID || m.To != c.Head() {
					t.Errorf("%v: %+v", x, m)
				}
				if !m.Stayed() && c.epochs[before.Child.ID] == before && better(before, c.head) {
					t.Errorf("%v moves the head from %v to the worse %v", x, before.Child.ID, c.Head())
				}
			}
			for _, x := range in {
				if m := c.tell(x); !m.Stayed() || len(m.Undo)+len(m.Redo) > 0 {
					t.Errorf("again %v moves the head: %+v", x, m)
				}
			}
		})
	})
	// Without votes, and with authors who do not vote, the head only ever
	// becomes lower in rank where it parts from the one before.
	rng := rand.New(rand.NewPCG(6, 0))
	for range 500 {
		w := randomWorld(rng)
		w.root.Voters = []Account{}
		c := w.chain()
		for _, in := range w.inputs {
			in.candidate.Child.Voters = []Account{}
			if in.kind == 'v' {
				continue
			}
			m := c.tell(in)
			if meet, _ := c.Common(m.From, m.To); meet != m.From && meet != m.To {
				from, to := c.epochs[m.From], c.epochs[m.To]
				n := c.epochs[meet].number() + 1
				if !before(&to.ancestor(n).Candidate, &from.ancestor(n).Candidate) {
					t.Fatalf("rank alone moved the head up: %+v", m)
				}
			}
		}
	}
}

// The cap on turns: however it votes, an account moves the head at most
// Turns*(Slack+1) times while no new height comes.
func TestDebtFiniteTurns(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0`)
	c := w.run(w.inputs)
	flips := 0
	for i := range 10_000 {
		head := epochID([]string{"A", "B"}[i%2])
		seq, ok := c.NextSeq(account("carol"), head)
		if !ok {
			break
		}
		m, verdict := c.Hear(Vote{Account: account("carol"), Seq: seq, Head: head})
		if verdict != VoteCounts {
			t.Fatal(verdict)
		}
		if !m.Stayed() {
			flips++
		}
	}
	if most := int(w.params.Turns * (w.params.Slack + 1)); flips != most {
		t.Errorf("%d moves, want %d", flips, most)
	}
	for seq := range uint64(10_000) {
		if m, _ := c.Hear(Vote{Account: account("carol"), Device: device("other"), Seq: seq, Head: epochID("B")}); !m.Stayed() && seq > c.params.Turns*15 {
			t.Errorf("vote %d moves the head", seq)
		}
	}
}

// Debt 4 (and B8): not worth grinding. Whatever a committer re-rolls, its rank
// against another member's commit stays; and its slot is a function of what
// was there before it committed.
func TestB8GrindingNeverImprovesTheSlot(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	rng := rand.New(rand.NewPCG(8, 0))
	leaves := make([]uint32, 50)
	for i := range leaves {
		leaves[i] = uint32(2 * i)
	}
	genesis, number := epochID("genesis"), uint64(77)
	slots := Slots(genesis, number, leaves)
	mine, theirs := slots[7], slots[8]
	rival := Candidate{Class: ClassMaintain, Slot: theirs}
	rival.Child.ID[0] = 0x80
	wins := 0
	for range n {
		k := Candidate{Class: ClassMaintain, Slot: mine}
		for i := range k.ID {
			k.ID[i], k.Child.ID[i], k.Author[i] = byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())
		}
		if before(&k, &rival) {
			wins++
		}
	}
	if mine < theirs && wins < n || mine > theirs && wins > 0 {
		t.Errorf("slot %d against %d: %d of %d", mine, theirs, wins, n)
	}
}

// Slots agree with the text of the rule, are each given once, and depend on
// genesis and number.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 99), 0, 20, rapid.ID).Draw(t, "leaves")
		genesis := epochID(rapid.StringN(1, 8, 8).Draw(t, "genesis"))
		number := rapid.Uint64().Draw(t, "number")
		got, want := Slots(genesis, number, leaves), referenceSlots(genesis, number, leaves)
		for i, l := range leaves {
			if got[i] != want[l] {
				t.Fatalf("leaf %d: slot %d, want %d", l, got[i], want[l])
			}
		}
	})
	if slices.Equal(Slots(epochID("x"), 1, []uint32{0, 1, 2, 3, 4, 5}), Slots(epochID("y"), 1, []uint32{0, 1, 2, 3, 4, 5})) &&
		slices.Equal(Slots(epochID("x"), 1, []uint32{0, 1, 2, 3, 4, 5}), Slots(epochID("x"), 2, []uint32{0, 1, 2, 3, 4, 5})) {
		t.Error("slots do not rotate")
	}
}

// Debt 5: fair. Over many epochs each leaf comes first equally often, and how
// often a member has lost so far says nothing about its next slot: with m
// rivals the chance to lose k times in a row is (m/(m+1))^k.
func TestDebtFair(t *testing.T) {
	const members, epochs = 20, 20_000
	leaves := make([]uint32, members)
	for i := range leaves {
		leaves[i] = uint32(i)
	}
	first := make([]float64, members)
	losses, longest, after, again := 0, 0, 0, 0
	for number := range uint64(epochs) {
		slots := Slots(epochID("genesis"), number, leaves)
		first[slices.Index(slots, 0)]++
		if losses >= 3 { // leaf 0 lost to leaf 1 three times in a row
			after++
			if slots[0] > slots[1] {
				again++
			}
		}
		if slots[0] > slots[1] {
			losses++
			longest = max(longest, losses)
		} else {
			losses = 0
		}
	}
	chi, want := 0.0, float64(epochs)/members
	for _, n := range first {
		chi += (n - want) * (n - want) / want
	}
	t.Logf("%d epochs, %d leaves: chi² %.1f; lost again after three losses %d of %d; longest streak %d",
		epochs, members, chi, again, after, longest)
	if chi > 43.8 { // 19 degrees of freedom, p = 0.001
		t.Errorf("first places are not equally shared: %v", first)
	}
	if p := float64(again) / float64(after); math.Abs(p-0.5) > 0.05 || longest > 20 {
		t.Errorf("three losses in a row, then %v; longest streak %d", p, longest)
	}
}

// Debt 6: constants are protocol. Changing one is a new Version; nothing else
// in the package varies.
func TestDebtConstantsAreProtocol(t *testing.T) {
	got := fmt.Sprintf("%+v", V1())
	want := "{Version:1 Committee:64 Term:64 Turns:4 Slack:8 CoolDown:8 CoolDownFrom:3}"
	if got != want {
		t.Errorf("Version 1 is\n%s, was\n%s: give it a new Version", got, want)
	}
}

// Committees: everybody where they fit, else the same 64 for a term, drawn by
// leaf.
func TestCommittee(t *testing.T) {
	p := V1()
	var people []Account
	var leaves []uint32
	for i := range 200 {
		people = append(people, account(fmt.Sprintf("p%03d", 199-i)))
		leaves = append(leaves, uint32(i))
	}
	small := Committee(epochID("g"), 5, people[:64], leaves[:64], p)
	if len(small) != 64 || !sorted(small) {
		t.Error("64 accounts are not all there, or not sorted")
	}
	a := Committee(epochID("g"), 64, people, leaves, p)
	if len(a) != 64 || !sorted(a) {
		t.Errorf("a committee of %d", len(a))
	}
	if !slices.Equal(a, Committee(epochID("g"), 127, people, leaves, p)) {
		t.Error("the committee changes within a term")
	}
	if slices.Equal(a, Committee(epochID("g"), 128, people, leaves, p)) {
		t.Error("the committee does not change between terms")
	}
	// An account key made anew keeps the leaf's chances.
	place := slices.Index(people, a[0])
	people[place] = account("new")
	if b := Committee(epochID("g"), 64, people, leaves, p); !slices.Contains(b, account("new")) {
		t.Error("the committee is drawn by account")
	}
	seats := make([]int, 200)
	for term := range uint64(2000) {
		for _, x := range Committee(epochID("g"), 64*term, people, leaves, p) {
			seats[slices.Index(people, x)]++
		}
	}
	if least, most := slices.Min(seats), slices.Max(seats); least < 540 || most > 740 {
		t.Errorf("of 2000 committees some sit in %d, some in %d", least, most)
	}
}

// The names of accounts, commits and children may be anything: only their
// order counts, and that only on the last rung.
func TestNamesDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	for range 2000 {
		w := randomWorld(rng)
		c := w.run(w.inputs)
		x := *w
		x.root.Roster = rename(w.root.Roster)
		x.root.Voters = rename(w.root.Voters)
		x.inputs = nil
		for _, in := range w.inputs {
			in.candidate.Child.Roster = rename(in.candidate.Child.Roster)
			in.candidate.Child.Voters = rename(in.candidate.Child.Voters)
			in.candidate.Author = flip(in.candidate.Author)
			in.vote.Account = flip(in.vote.Account)
			x.inputs = append(x.inputs, in)
		}
		if d := x.run(x.inputs); d.Head() != c.Head() || d.Best() != c.Best() {
			t.Fatalf("accounts' names decide:\n%s%s", c.Describe(named), d.Describe(Drawing{}))
		}
	}
}

func flip(a Account) Account {
	for i := range a {
		a[i] = ^a[i]
	}
	return a
}

func rename(accounts []Account) []Account {
	if accounts == nil {
		return nil
	}
	out := []Account{}
	for _, a := range accounts {
		out = append(out, flip(a))
	}
	slices.SortFunc(out, func(a, b Account) int { return bytes.Compare(a[:], b[:]) })
	return out
}
