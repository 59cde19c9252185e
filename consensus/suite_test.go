package consensus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Rows of the adversarial suite that need more than a case of cases_test.go.

// S2: fifty siblings at once. Whatever the order, one head: slot 0.
func TestS2FiftySiblings(t *testing.T) {
	var text strings.Builder
	text.WriteString("group")
	for i := range 50 {
		fmt.Fprintf(&text, " m%02d", i)
	}
	for i := range 50 {
		fmt.Fprintf(&text, "\nc%02d . m%02d change slot=%d", i, i, (i*7+3)%50)
	}
	w := parse(t, text.String()+"\nhead c21\n") // 21*7+3 = 150
	orders(w.inputs, 100, func(in []input) {
		c := w.chain()
		flips := 0
		for _, x := range in {
			if m := c.tell(x); len(m.Undo) > 0 {
				flips++
			}
		}
		w.expect(t, c)
		if flips > 49 {
			t.Errorf("%d flips", flips)
		}
	})
}

// S7: input in one batch, or in any batches, leads to the same head; and the
// moves told on the way add up to the path from the first head to the last.
func TestS7Partitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	for range 2000 {
		w := randomWorld(rng)
		whole := w.run(w.inputs)
		c := w.chain()
		var at []CommitID // the commits from the root to the head, by the moves
		for _, in := range w.inputs {
			m := c.tell(in)
			for _, id := range m.Undo {
				if len(at) == 0 || at[len(at)-1] != id {
					t.Fatalf("%v undoes %v, which is not last of %v", in, id, at)
				}
				at = at[:len(at)-1]
			}
			at = append(at, m.Redo...)
		}
		if path, _ := c.Path(w.root.ID, c.Head()); !slices.Equal(path.Redo, at) || c.Head() != whole.Head() {
			t.Fatalf("moves lead to %v, the head is %v", at, path.Redo)
		}
	}
}

// B10: 10^5 orphans from one author. What is kept is bounded, and an honest
// orphan among them stays.
func TestB10Orphans(t *testing.T) {
	w := parse(t, "group alice bob carol")
	c := w.chain()
	orphan := func(author, name, parent string, number uint64) Candidate {
		return Candidate{
			ID: commitID(name), Parent: epochID(parent), Author: account(author), Class: ClassChange,
			Child: Epoch{ID: epochID(name), Number: number}, Header: true,
		}
	}
	c.Add(orphan("alice", "honest", "later", 7))
	for i := range 100_000 {
		_, status := c.Add(orphan("mallory", fmt.Sprint("m", i), fmt.Sprint("p", i), 9))
		if _, parked := c.Held(); parked > MaxParked || status != AddParked {
			t.Fatalf("%d parked, %v", parked, status)
		}
	}
	if n := c.Counts().Evicted; n != 100_000+1-MaxParked {
		t.Errorf("%d evicted", n)
	}
	if !slices.Contains(c.Missing(), epochID("later")) {
		t.Error("the honest orphan is gone")
	}
	c.Add(parse(t, "group alice bob carol\nlater . bob change").inputs[0].candidate)
	if c.Life(commitID("honest")) != Named {
		t.Errorf("the honest orphan is %v", c.Life(commitID("honest")))
	}
	c.check()
}

// B10: what no tree can hold: a child that is its own parent, one that leads
// back to the root, and wrong numbers.
func TestB10Cycles(t *testing.T) {
	w := parse(t, "group alice bob carol\nA . alice change")
	c := w.run(w.inputs)
	for _, k := range []Candidate{
		{ID: commitID("self"), Parent: epochID("A"), Child: Epoch{ID: epochID("A"), Number: 7}},
		{ID: commitID("back"), Parent: epochID("A"), Child: Epoch{ID: epochID("."), Number: 7}},
		{ID: commitID("jump"), Parent: epochID("A"), Child: Epoch{ID: epochID("J"), Number: 9}},
		{ID: commitID("lone"), Parent: epochID("L"), Child: Epoch{ID: epochID("L"), Number: 6}},
		{ID: commitID("wide"), Parent: epochID("A"), Child: Epoch{ID: epochID("W"), Number: 7, Roster: make([]Account, 65)}},
	} {
		if _, status := c.Add(k); status != AddUnfit && status != AddParked {
			t.Errorf("%v: %v", k.ID, status)
		}
	}
	if epochs, _ := c.Held(); epochs != 2 {
		t.Errorf("%d epochs", epochs)
	}
	c.check()
}

// B10: headers that lie about their child. What was materialised is true,
// whichever came first; between headers nobody can tell.
func TestB10LyingHeaders(t *testing.T) {
	for _, k := range []struct{ name, text string }{
		{"the same commit, another child", `
			group alice bob carol
			A . alice change slot=1 header child=Z commit=A
			A . alice change slot=1
			V A bob change slot=0
			head V
			life A head`},
		{"two headers for one commit: the lower child stands", `
			group alice bob carol
			A . alice change slot=1 header child=Y commit=A
			A . alice change slot=1 header child=X commit=A
			B . bob change slot=2
			best X
			head B`},
		{"a header claims another's child", `
			group alice bob carol
			A . alice change slot=1
			B A bob change slot=1
			M . carol change slot=0 header child=B
			vote bob B
			head B
			weight A 2`},
		{"two headers claim one child: neither has it", `
			group alice bob carol
			A . alice change slot=1
			B A bob change slot=1 header
			M . carol change slot=0 header child=B
			M . carol change slot=0 header child=B
			head A
			best A`},
		{"what was opened is true, though it cannot be entered", `
			group alice bob carol
			A . alice change slot=1
			B A bob remove slot=1 header opened
			M . carol change slot=0 header child=B
			M A carol change slot=0 header child=B
			L . carol change slot=0 header child=B
			vote alice B
			head A
			best B
			weight B 1`},
		{"a header with another class, then the commit", `
			group alice bob carol
			A . alice remove slot=1 header
			A . alice change slot=1
			B . bob change slot=0
			head B`},
		{"two headers for one state: the better in rank", `
			group alice bob carol
			A . alice remove slot=1 header
			A . alice change slot=1 header
			B . bob change slot=0 header
			best A`},
	} {
		t.Run(k.name, func(t *testing.T) {
			w := parse(t, k.text)
			first := ""
			orders(w.inputs, 200, func(in []input) {
				if t.Failed() {
					return
				}
				// The DSL gives children numbers as it reads; orders do not change them.
				c := w.run(in)
				c.check()
				w.expect(t, c)
				if first == "" {
					first = c.answers()
				} else if got := c.answers(); got != first {
					t.Errorf("in the order %v\n%s\nbefore\n%s", in, got, first)
				}
			})
		})
	}
}

// A state that was entered and left, and is not kept, was true all the same.
func TestErasedBeatsHeaders(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		L A carol change slot=0 header child=B
		vote bob B
		vote carol B`)
	c := w.run(w.inputs[:2])
	c.Erased(commitID("B"))
	for _, in := range w.inputs[2:] {
		c.tell(in)
	}
	if c.Best() != epochID("B") || c.Head() != epochID("A") {
		t.Error(c.Describe(named))
	}
	c.check()
}

// What was opened is told from what headers claim, however well that ranks.
func TestOpened(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		X A bob remove slot=1 header opened
		L A carol remove slot=0 header
		L2 L carol change slot=0 header`)
	c := w.run(w.inputs)
	if c.Head() != epochID("A") || c.Best() != epochID("L2") || c.Opened() != epochID("X") {
		t.Error(c.Describe(named))
	}
}

// A commit framed anew has two names and is one node; without end, it costs
// nothing more.
func TestOneCommitManyNames(t *testing.T) {
	w := parse(t, "group alice bob carol\nA . alice change")
	c := w.run(w.inputs)
	k := w.inputs[0].candidate
	for i := range 1000 {
		k.ID = commitID(fmt.Sprint(i))
		if m, status := c.Add(k); status != AddKnown || !m.Stayed() {
			t.Fatal(status, m)
		}
	}
	if len(c.commits) != 1+MaxNames || c.Weight(commitID("0")) != 1 || len(c.Evidence()) != 0 {
		t.Errorf("%d names, weight %d", len(c.commits), c.Weight(commitID("0")))
	}
	// Known by its header under one name, it is entered through another.
	w = parse(t, "group alice bob carol\nA . alice change header")
	c = w.run(w.inputs)
	k = w.inputs[0].candidate
	k.ID, k.Header = commitID("other"), false
	if m, status := c.Add(k); status != AddEntered || len(m.Redo) != 1 || m.Redo[0] != k.ID {
		t.Errorf("%v %v", status, m)
	}
}

// B17: evidence others bring convicts whom it proves guilty and nobody else.
func TestB17Evidence(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0
		A2 A alice change slot=1
		vote alice A seq=24
		vote alice B seq=24
		vote carol A seq=24`)
	a, b, a2 := w.inputs[0].candidate, w.inputs[1].candidate, w.inputs[2].candidate
	v, u, x := w.inputs[3].vote, w.inputs[4].vote, w.inputs[5].vote
	framed := a
	framed.ID = commitID("anew")
	other := a
	other.ID, other.Child.ID = commitID("O"), epochID("O")
	laptop := other
	laptop.Slot = 2
	external, join := other, a
	external.Class, join.Class = ClassResync, ClassResync
	phone := u
	phone.Device = device("phone")
	alice, carol := account("alice"), account("carol")
	for _, k := range []struct {
		name     string
		e        Evidence
		convicts bool
	}{
		{"two commits", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, other}}, true},
		{"two commits, by whom", Evidence{Kind: TwoCommits, Account: carol, Commits: [2]Candidate{a, other}}, false},
		{"two authors", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, b}}, false},
		{"two parents", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, a2}}, false},
		{"one commit", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, a}}, false},
		{"one commit framed anew", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, framed}}, false},
		{"two leaves", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, laptop}}, false},
		{"an external commit", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{a, external}}, false},
		{"two external commits", Evidence{Kind: TwoCommits, Account: alice, Commits: [2]Candidate{join, external}}, false},
		{"two votes", Evidence{Kind: TwoVotes, Account: alice, Votes: [2]Vote{v, u}}, true},
		{"two voters", Evidence{Kind: TwoVotes, Account: alice, Votes: [2]Vote{u, x}}, false},
		{"two devices", Evidence{Kind: TwoVotes, Account: alice, Votes: [2]Vote{v, phone}}, false},
		{"one vote", Evidence{Kind: TwoVotes, Account: alice, Votes: [2]Vote{v, v}}, false},
		{"two numbers", Evidence{Kind: TwoVotes, Account: alice, Votes: [2]Vote{v, {Account: alice, Seq: 25, Head: u.Head}}}, false},
		{"nothing", Evidence{Account: alice}, false},
	} {
		c := w.run([]input{w.inputs[0], w.inputs[1]})
		_, ok := c.Convict(k.e)
		if ok != k.convicts || (len(c.Evidence()) == 1) != k.convicts || c.Guilty(k.e.Account) != k.convicts {
			t.Errorf("%s: convicts %v", k.name, ok)
		}
		c.check()
	}
}

// The weight of a convicted account goes, its commits stay; and evidence heard
// from others has the effect of evidence found.
func TestConvictionMovesTheHead(t *testing.T) {
	w := parse(t, `
		group alice bob carol dave
		A . alice change slot=1
		B . bob change slot=0
		vote carol A
		head A`)
	c := w.run(w.inputs)
	w.expect(t, c)
	v := w.inputs[2].vote
	u := v
	u.Head = epochID("B")
	m, ok := c.Convict(Evidence{Kind: TwoVotes, Account: v.Account, Votes: [2]Vote{v, u}})
	if !ok || m.To != epochID("B") || c.Weight(commitID("A")) != 1 {
		t.Errorf("%v %v\n%s", ok, m, c.Describe(named))
	}
	if _, verdict := c.Hear(Vote{Account: v.Account, Seq: 30, Head: epochID("A")}); verdict != VoteGuilty {
		t.Error(verdict)
	}
}

// V5: nothing depends on the order in which maps are ranged: the same inputs,
// in the same order, give the same answers and the same trace, again and again.
func TestV5MapOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	for range 300 {
		w := randomWorld(rng)
		first := ""
		for range 5 {
			c := w.chain()
			var trace strings.Builder
			c.Trace = func(turn Turn) { fmt.Fprintln(&trace, turn) }
			for _, in := range w.inputs {
				fmt.Fprintln(&trace, c.tell(in))
			}
			if epochs, _ := c.Held(); epochs > 1 {
				out, err := c.Prune(c.Ancestors(c.Head())[0])
				fmt.Fprintln(&trace, out, err)
			}
			fmt.Fprint(&trace, c.answers(), c.Snapshot())
			if first == "" {
				first = trace.String()
			} else if trace.String() != first {
				t.Fatalf("%s\nbefore\n%s", trace.String(), first)
			}
		}
	}
}

// C4 on a long chain: a lone member who maintains and nothing else stops after
// one commit; in a group of n it gets one of every min(n,9).
func TestC4LoneFlooder(t *testing.T) {
	for _, members := range []int{3, 5, 9, 20} {
		w := parse(t, "group "+strings.Join(names(members), " "))
		c := w.chain()
		parent, number, landed := w.root.ID, w.root.Number, 0
		for i := range 100 {
			e := Epoch{ID: epochID(fmt.Sprint("e", i)), Number: number + 1, Roster: w.root.Roster}
			k := Candidate{ID: commitID(fmt.Sprint(i)), Parent: parent, Child: e, Author: account("m00"), Class: ClassMaintain}
			if _, status := c.Add(k); status == AddCooling {
				k.ID, k.Author, k.Class = commitID(fmt.Sprint("o", i)), account("m01"), ClassChange
				c.Add(k)
			} else {
				landed++
			}
			parent, number = e.ID, number+1
		}
		if want := (100 + min(members-1, 8)) / (min(members-1, 8) + 1); landed != want {
			t.Errorf("%d members: %d of 100 commits maintain, want %d", members, landed, want)
		}
		if n := c.Counts().Cooling; n != 100-landed {
			t.Errorf("%d counted", n)
		}
	}
}

func names(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("m%02d", i))
	}
	return out
}
