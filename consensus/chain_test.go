package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A pruned chain goes on to say what one that kept everything says, as long as
// that stays on the same side.
func TestPruneChangesNothingBelow(t *testing.T) {
	n := 20_000
	if testing.Short() {
		n = 3000
	}
	rng := rand.New(rand.NewPCG(10, 0))
	pruned, below := 0, 0
	for range n {
		w := randomWorld(rng)
		cut := 0
		if len(w.inputs) > 0 {
			cut = rng.IntN(len(w.inputs))
		}
		keeps, prunes := w.run(w.inputs[:cut]), w.run(w.inputs[:cut])
		line := prunes.Ancestors(prunes.Head())
		root := line[rng.IntN(len(line))]
		if _, err := prunes.Prune(root); err != nil {
			if !errors.Is(err, ErrDiverged) {
				t.Fatal(err)
			}
			continue
		}
		prunes.check()
		for _, in := range w.inputs[cut:] {
			keeps.tell(in)
			prunes.tell(in)
		}
		// What convicts may have come when it no longer could be seen.
		for _, e := range keeps.Evidence() {
			prunes.Convict(e)
		}
		prunes.check()
		if root != w.root.ID {
			pruned++
		}
		// Whoever votes for an invalid commit on a state that left, which one of
		// the two can no longer judge, harms himself on that one only.
		if n := keeps.Counts(); n.Cooling > 0 || n.Unfit > 0 {
			continue
		}
		if !keeps.Within(keeps.Best(), root) || !keeps.Within(keeps.Head(), root) {
			continue
		}
		below++
		if keeps.Head() != prunes.Head() || keeps.Best() != prunes.Best() {
			t.Fatalf("pruned at %v after %d of\n%v\n%s\nunpruned\n%s", root, cut, w.inputs,
				prunes.Describe(named), keeps.Describe(named))
		}
		for id, n := range prunes.commits {
			if m := keeps.commits[id]; m == nil || m.weight != n.weight {
				t.Fatalf("pruned at %v after %d: %v weighs %d, not %+v\n%s\nunpruned\n%s\n%v", root, cut, id, n.weight, m,
					prunes.Describe(named), keeps.Describe(named), w.inputs)
			}
		}
	}
	t.Logf("%d pruned, %d compared", pruned, below)
	if below < n/2 || pruned < n/10 {
		t.Error("too few to mean anything")
	}
}

// A restored chain answers, and goes on to answer, as the one it was taken of.
func TestSnapshotRestores(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	for range 3000 {
		w := randomWorld(rng)
		cut := 0
		if len(w.inputs) > 0 {
			cut = rng.IntN(len(w.inputs))
		}
		c := w.run(w.inputs[:cut])
		if rng.IntN(2) == 0 {
			_, _ = c.Prune(c.Ancestors(c.Head())[0])
		}
		if rng.IntN(2) == 0 {
			c.Settle()
		}
		r := Restore(c.Snapshot())
		r.check()
		for _, in := range w.inputs[cut:] {
			if r.Describe(named) != c.Describe(named) && !strings.Contains(c.Describe(named), "lost") {
				t.Fatalf("restored\n%s\nwas\n%s", r.Describe(named), c.Describe(named))
			}
			c.tell(in)
			r.tell(in)
		}
		if got, want := r.answers(), c.answers(); got != want {
			t.Fatalf("restored\n%s\nwas\n%s\n%v", got, want, w.inputs)
		}
	}
}

// legal says which steps there are in a life: the diagram of Life, as code.
var legal = map[Life][]Life{
	Unknown: {Parked, Named, Held, Invalid},
	Parked:  {Unknown, Invalid, Erased},
	Named:   {Unknown, Held, Invalid, Erased},
	Held:    {Unknown, Named, Head, Invalid, Erased},
	Head:    {Lost, Settled, Final, Invalid, Erased},
	Lost:    {Unknown, Named, Head, Invalid, Erased},
	Settled: {Lost, Invalid, Erased, Final},
	Final:   {Erased},
	Invalid: {Erased},
}

// Each step of a candidate's life is one the diagram has.
func TestLives(t *testing.T) {
	seen := map[Turn]bool{}
	rng := rand.New(rand.NewPCG(12, 0))
	for range 5000 {
		w := randomWorld(rng)
		c := w.chain()
		lives := map[CommitID]Life{}
		c.Trace = func(turn Turn) {
			if lives[turn.Commit] != turn.From && turn.From != Unknown || !slices.Contains(legal[turn.From], turn.To) {
				t.Fatalf("%v, was %v", turn, lives[turn.Commit])
			}
			lives[turn.Commit] = turn.To
			seen[Turn{From: turn.From, To: turn.To}] = true
		}
		for _, in := range w.inputs {
			c.tell(in)
			switch rng.IntN(8) {
			case 0:
				c.Settle()
			case 1:
				for id := range c.commits {
					c.Erased(id)
					break
				}
			case 2:
				for id := range c.commits {
					c.Refuse(id)
					break
				}
			case 3:
				_, _ = c.Prune(c.Head())
			case 4:
				for id := range c.commits {
					c.Materialised(id)
					break
				}
			}
			c.check()
			for id, life := range lives {
				if got := c.Life(id); got != life && life != Erased && (life != Unknown || got != Invalid) && got != Unknown {
					t.Fatalf("%v is %v, traced %v", id, got, life)
				}
			}
		}
	}
	if len(seen) < 14 {
		t.Errorf("only %d kinds of step: %v", len(seen), seen)
	}
}

// Refuse takes a commit and all that was built on it out of the tree for good.
func TestRefuse(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		A2 A bob change
		vote carol A2
		B . bob change slot=1`)
	c := w.run(w.inputs)
	m := c.Refuse(commitID("A"))
	if c.Head() != epochID("B") || len(m.Undo) != 2 || c.Life(commitID("A2")) != Invalid {
		t.Errorf("%v\n%s", m, c.Describe(named))
	}
	c.check()
	if _, status := c.Add(w.inputs[0].candidate); status != AddRefused {
		t.Error(status)
	}
	if _, status := c.Add(w.inputs[1].candidate); status != AddRefused {
		t.Error(status)
	}
	// Refused before it came, or while it waited.
	c = w.chain()
	c.Refuse(commitID("B"))
	c.Add(w.inputs[1].candidate)
	c.Refuse(commitID("A2"))
	for _, in := range w.inputs {
		c.tell(in)
	}
	if epochs, parked := c.Held(); epochs != 2 || parked != 0 || c.Counts().Refused != 2 {
		t.Errorf("%d %d %+v", epochs, parked, c.Counts())
	}
	c.check()
}

// A branch whose states are erased counts on and cannot be entered, until it
// is materialised again; on the head's path erasing says nothing.
func TestErasedAndMaterialised(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		B2 B carol change
		vote carol A`)
	c := w.run(w.inputs)
	c.Erased(commitID("A"))
	c.Erased(commitID("B"))
	if c.Life(commitID("A")) != Head || c.Life(commitID("B")) != Named {
		t.Error(c.Describe(named))
	}
	m, _ := c.Hear(Vote{Account: account("alice"), Seq: 24, Head: epochID("B")})
	if d, ok := c.Diverged(); !ok || d.Weight != 2 || d.Own != 1 || !m.Stayed() {
		t.Errorf("%v %v", d, m)
	}
	m, _ = c.Hear(Vote{Account: account("carol"), Seq: 28, Head: epochID("B2")})
	d, ok := c.Diverged()
	if !ok || !m.Stayed() || d.At != w.root.ID || d.Rival.ID != commitID("B") || d.Ours.ID != commitID("A") || d.Weight != 3 || d.Own != 0 || d.Of != 3 {
		t.Errorf("%v %+v", ok, d)
	}
	if _, err := c.Prune(epochID("A")); !errors.Is(err, ErrDiverged) {
		t.Errorf("pruned while diverged: %v", err)
	}
	if m := c.Materialised(commitID("B")); m.To != epochID("B2") || len(m.Redo) != 2 || len(m.Undo) != 1 {
		t.Errorf("%v", m)
	}
	c.check()
}

// Prune: what left, what stays, and what may not be pruned.
func TestPrune(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice maintain slot=0
		B . bob change slot=1
		B2 B bob change
		A2 A bob change slot=0
		C2 A carol change slot=1
		A3 A2 bob change
		vote carol C2
		vote alice A3
		vote carol A2`)
	c := w.run(w.inputs)
	for _, bad := range []struct {
		root string
		err  error
	}{{"nowhere", ErrUnknownEpoch}, {"B", ErrOffPath}} {
		if _, err := c.Prune(epochID(bad.root)); !errors.Is(err, bad.err) {
			t.Errorf("%s: %v", bad.root, err)
		}
	}
	out, err := c.Prune(epochID("A2"))
	if got := fmt.Sprint(out.Spine, out.Lost, err); got != "[c-A . alice c-A2 A bob] [c-B . bob c-B2 B bob c-C2 A carol] <nil>" {
		t.Error(got)
	}
	c.check()
	if c.Root().ID != epochID("A2") || c.Head() != epochID("A3") || !c.Cooling(epochID("A2"), account("alice")) || c.Cooling(epochID("A3"), account("alice")) {
		t.Errorf("%+v\n%s", c.Root(), c.Describe(named))
	}
	for _, in := range w.inputs[:3] {
		if _, status := c.Add(in.candidate); status != AddStale {
			t.Errorf("%v: %v", in, status)
		}
	}
	// A vote for what is left behind takes its account away.
	late := parse(t, "group alice bob carol number=8\nX . carol change").inputs[0].candidate
	late.Parent = epochID("B2")
	c.Add(late)
	c.Hear(Vote{Account: account("alice"), Seq: 4 * 10, Head: epochID("X")})
	if at, ok := c.Standing(account("alice")); !ok || at != epochID("A3") {
		t.Errorf("alice, out of turn, stands %v %v", at, ok)
	}
	late.Child.Number = 8
	late.Child.Roster = w.root.Roster
	c.Add(late)
	c.Hear(Vote{Account: account("alice"), Seq: 4*10 + 1, Head: epochID("X")})
	for _, c := range []*Chain{c, Restore(c.Snapshot())} {
		if at, ok := c.Standing(account("alice")); ok {
			t.Errorf("alice stands %v", at)
		}
		c.check()
	}
}

// A header that claims, on a branch that left, the child of a commit to come
// does not keep that commit out: neither when it came after the branch left,
// nor when it left with it.
func TestLyingHeadersThatLeft(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		A2 A bob change slot=0
		L . carol change slot=2 header child=X
		X A2 carol change slot=0
		vote carol X seq=40`)
	lie, x := w.inputs[2].candidate, w.inputs[3].candidate
	lie.Child.Number, x.Child.Number = 6, 8
	for _, early := range []bool{true, false} {
		c := w.run(w.inputs[:2])
		if early {
			c.Add(lie)
		}
		if _, err := c.Prune(epochID("A2")); err != nil {
			t.Fatal(err)
		}
		if _, status := c.Add(lie); status != AddStale {
			t.Error(status)
		}
		c.Hear(w.inputs[4].vote)
		if _, ok := c.Standing(account("carol")); ok {
			t.Error("the vote names what left")
		}
		if _, status := c.Add(x); status != AddHeld || c.Head() != epochID("X") || c.Weight(x.ID) != 1 {
			t.Errorf("early %v: %v\n%s", early, status, c.Describe(named))
		}
		if at, _ := c.Standing(account("carol")); at != epochID("X") {
			t.Errorf("carol stands %v", at)
		}
		c.check()
	}
}

// A parked header that claims what has left lies, and goes with it.
func TestPruneDropsParkedLies(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		A2 A bob change
		L unknown carol change child=B header
		M unknown carol change header`)
	c := w.run(w.inputs)
	if _, err := c.Prune(epochID("A")); err != nil {
		t.Fatal(err)
	}
	if c.Life(commitID("L")) != Unknown || c.Life(commitID("M")) != Parked || c.Counts().Stale != 1 {
		t.Error(c.Describe(named))
	}
	c.check()
}

// NextSeq gives numbers that count, each once, until none is left.
func TestNextSeq(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		A2 A bob change
		B . bob change slot=1`)
	c := w.run(w.inputs)
	if _, ok := c.NextSeq(account("carol"), epochID("Q")); ok {
		t.Error("a number for an unknown epoch")
	}
	for i := range 36 {
		head := epochID([]string{"A", "B"}[i%2])
		seq, ok := c.NextSeq(account("carol"), head)
		if !ok || seq != 24+uint64(i) {
			t.Fatalf("vote %d: %d %v", i, seq, ok)
		}
		if _, verdict := c.Hear(Vote{Account: account("carol"), Seq: seq, Head: head}); verdict != VoteCounts {
			t.Fatal(verdict)
		}
	}
	if seq, ok := c.NextSeq(account("carol"), epochID("A")); ok {
		t.Errorf("one number too many: %d", seq)
	}
	if seq, ok := c.NextSeq(account("carol"), epochID("A2")); !ok || seq != 60 {
		t.Errorf("the next height: %d %v", seq, ok)
	}
	c = w.run(w.inputs)
	c.Hear(Vote{Account: account("carol"), Seq: 63, Head: epochID("A2")})
	if seq, ok := c.NextSeq(account("carol"), epochID("B")); ok {
		t.Errorf("back from a higher one: %d", seq)
	}
}

// Every cap holds, and is counted.
func TestCaps(t *testing.T) {
	w := parse(t, "group alice bob carol\nA . alice change\nB . bob change")
	c := w.run(w.inputs)
	for i := range 3 * MaxVotes {
		c.Hear(Vote{Account: account("carol"), Seq: uint64(1000 + i), Head: epochID(fmt.Sprint("unknown", i))})
	}
	c.Hear(Vote{Account: account("carol"), Seq: 24, Head: epochID("B")})
	c.check()
	if n := len(c.seats[account("carol")].votes); n != MaxVotes || c.Counts().Votes != 2*MaxVotes+1 {
		t.Errorf("%d votes of one account, %+v", n, c.Counts())
	}
	if c.Head() != epochID("B") {
		t.Error("the vote that counts was let go")
	}
	if n := len(c.Wanted()); n != MaxVotes-1 {
		t.Errorf("%d wanted", n)
	}
	for i := range MaxRefused + 10 {
		c.Refuse(commitID(fmt.Sprint(i)))
	}
	if n := len(c.refused.known); n != MaxRefused || len(c.refused.order) != n {
		t.Errorf("%d refused", n)
	}
	for i := range MaxVoters + 10 {
		c.Hear(Vote{Account: account(fmt.Sprint("s", i)), Seq: 24, Head: epochID("A")})
	}
	if n := len(c.seats); n != MaxVoters || c.Counts().Full == 0 {
		t.Errorf("%d seats", n)
	}
}

func TestCapOnHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("a tree of 65,536 epochs")
	}
	w := parse(t, "group alice bob carol")
	c := w.chain()
	parent := w.root
	var status Status
	for i := range MaxHeld {
		e := Epoch{ID: epochID(fmt.Sprint("e", i)), Number: parent.Number + 1, Roster: w.root.Roster}
		_, status = c.Add(Candidate{ID: commitID(fmt.Sprint(i)), Parent: parent.ID, Child: e, Author: account("alice"), Class: ClassChange})
		parent = e
	}
	if epochs, _ := c.Held(); epochs != MaxHeld || status != AddFull || c.Counts().Full != 1 {
		t.Errorf("%d held, %v", epochs, status)
	}
	if _, err := c.Prune(c.Ancestors(c.Head())[8]); err != nil {
		t.Fatal(err)
	}
	c.check()
}

// Missing names what must be fetched, and only that.
func TestMissing(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change
		A2 A bob change
		A3 A2 carol change
		A4 A3 alice change`)
	c := w.chain()
	c.tell(w.inputs[3])
	c.tell(w.inputs[2])
	c.Hear(Vote{Account: account("bob"), Seq: 36, Head: epochID("A4")})
	if got := fmt.Sprint(c.Missing(), c.Wanted()); got != "[A2] [{A4 1}]" {
		t.Error(got)
	}
	c.tell(w.inputs[1])
	if got := fmt.Sprint(c.Missing()); got != "[A]" {
		t.Error(got)
	}
	c.tell(w.inputs[0])
	if got := fmt.Sprint(c.Missing(), c.Wanted(), c.Head()); got != "[] [] A4" {
		t.Error(got)
	}
}

// The tree's own questions, on one tree.
func TestQuestions(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=0
		B . bob change slot=1
		A2 A bob change
		A3 A2 carol change
		vote bob B`)
	c := w.run(w.inputs)
	var got []string
	say := func(x ...any) { got = append(got, strings.Trim(fmt.Sprint(x...), "[]")) }
	say(c.Ancestors(epochID("A3")))
	say(c.Ancestor(epochID("A3"), 2))
	say(c.Ancestor(epochID("A3"), 4))
	say(c.Common(epochID("A3"), epochID("B")))
	say(c.Path(epochID("A2"), epochID("B")))
	say(c.HeadOf(epochID("A")))
	say(c.Within(epochID("A3"), epochID("A")), c.Within(epochID("A"), epochID("A3")), c.Within(epochID("B"), epochID("A")))
	say(c.Agreed(epochID("A")))
	say(c.Standing(account("bob")))
	say(c.Children(w.root.ID))
	want := []string{
		"A3 A2 A .", "A true", " false", ". true", "{A2 B [c-A2 c-A] [c-B]} true", "A3 true", "true false false",
		"2 3", "B true", "c-A . alice c-B . bob",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %q, want %q", i, got[i], want[i])
		}
	}
	if k, ok := c.Into(epochID("A2")); !ok || k.ID != commitID("A2") {
		t.Error(k, ok)
	}
	if _, ok := c.Into(w.root.ID); ok {
		t.Error("a commit leads into the root")
	}
	if k, ok := c.Get(commitID("B")); !ok || k.Author != account("bob") {
		t.Error(k, ok)
	}
}
