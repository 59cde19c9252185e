package consensus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// crowd is a group in which one signs many commits on one epoch, an accomplice
// may build on some, and all others hear of it in orders of their own.
type crowd struct {
	rng    *rand.Rand
	honest []Account
	chains []*Chain // of each of them
	whole  *Chain   // has all there is
	said   []Candidate
	votes  []Vote
}

func newCrowd(seed uint64) *crowd {
	x := &crowd{rng: rand.New(rand.NewPCG(seed, 0))}
	n := 3 + x.rng.IntN(4)
	root := Epoch{ID: epochID("."), Number: 5, Roster: accounts(people[:n]...)}
	if n > 4 && x.rng.IntN(3) == 0 {
		root.Voters = root.Roster[:3]
	}
	x.whole = New(root, root.ID, V1())
	for _, name := range people[2:n] {
		x.honest = append(x.honest, account(name))
		x.chains = append(x.chains, New(root, root.ID, V1()))
	}
	for i := range 2 + x.rng.IntN(30) {
		x.commit(root, "alice", fmt.Sprintf("%c%d", 'a'+x.rng.IntN(26), i))
	}
	if x.rng.IntN(2) == 0 { // another liar's account builds on a few
		for i := range x.rng.IntN(8) {
			k := x.said[x.rng.IntN(len(x.said))]
			x.commit(k.Child, "bob", fmt.Sprintf("%s-bob%d", k.Child.ID, i))
		}
	}
	return x
}

func (x *crowd) commit(p Epoch, author, child string) {
	x.said = append(x.said, Candidate{
		ID: commitID(child), Parent: p.ID, Author: account(author),
		Child: Epoch{ID: epochID(child), Number: p.Number + 1, Roster: p.Roster, Voters: p.Voters},
		Class: Class(x.rng.IntN(2)), Role: RoleAdmin, Slot: 1, Header: x.rng.IntN(5) == 0,
	})
}

// tell brings a chain all that was said, in any order, and again what it then
// turns out to need, as a log that is asked a second time does.
func (x *crowd) tell(c *Chain) {
	for again := true; again; {
		again = false
		for _, i := range x.rng.Perm(len(x.said)) {
			if _, status := c.Add(x.said[i]); status == AddHeld {
				again = true
			}
		}
		for _, i := range x.rng.Perm(len(x.votes)) {
			if _, v := c.Hear(x.votes[i]); v == VoteWaits || v == VoteCounts {
				again = true
			}
		}
	}
}

// TestCrowdsAgree has honest members hear a flood of one liar's commits in
// different orders, vote for what each then holds to be the head, and go on. In
// the end all are where somebody is who kept everything, and none kept much.
func TestCrowdsAgree(t *testing.T) {
	worlds := *treesFlag / 20
	if testing.Short() {
		worlds = min(worlds, 300)
	}
	turned, apart := 0, 0
	for seed := range uint64(worlds) {
		x := newCrowd(seed)
		for round := range 4 {
			for _, c := range x.chains {
				x.tell(c)
				c.check()
			}
			for i, c := range x.chains {
				apart += btoi(c.Best() != x.chains[0].Best())
				if seq, ok := c.NextSeq(x.honest[i], c.Head()); ok {
					x.votes = append(x.votes, Vote{Account: x.honest[i], Seq: seq, Head: c.Head()})
				}
				if h, _ := c.Epoch(c.Head()); round == 0 && x.rng.IntN(4) == 0 {
					x.commit(h, people[2+i], fmt.Sprintf("%s-%s", h.ID, people[2+i]))
				}
			}
		}
		for _, k := range x.said {
			x.whole.Seek(k.Child.ID)
		}
		x.tell(x.whole)
		for _, c := range slices.Concat(x.chains, x.chains) {
			x.tell(c)
		}
		all, best := x.whole, true
		if !slices.ContainsFunc(all.root.children, func(n *node) bool { return n.weight > 0 }) {
			// Nobody who votes entered any: who kept everything is alone with that,
			// and a header with no weight moves nobody.
			all, best = x.chains[0], false
		}
		for i, c := range x.chains {
			turned += c.Counts().Crowded
			if c.Head() != all.Head() || best && c.Best() != all.Best() {
				t.Fatalf("seed %d: %v is at %v of %v, who has all at %v of %v\n%s\n%s", seed, x.honest[i], c.Head(), c.Best(),
					all.Head(), all.Best(), c.Describe(named), all.Describe(named))
			}
			twins := len(c.root.children)
			if most := 2*MaxTwins + len(x.said) - len(x.whole.root.children) + len(x.votes); twins > most || c.Guilty(account("alice")) != x.whole.Guilty(account("alice")) {
				t.Fatalf("seed %d: %d twins, guilty %v\n%s", seed, twins, c.Guilty(account("alice")), c.Describe(named))
			}
		}
	}
	t.Logf("%d worlds: %d times a commit was turned away, %d times two were apart before they voted", worlds, turned, apart)
	if turned == 0 || apart == 0 {
		t.Error("the worlds are too tame to test anything")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A flood of one account, told in any order, leaves four; a snapshot keeps the
// one that somebody needed beside them.
func TestCrowded(t *testing.T) {
	w := parse(t, "group alice bob carol")
	c := w.chain()
	var flood []Candidate
	for i := range 100 {
		e := Epoch{ID: epochID(fmt.Sprint("e", i)), Number: w.root.Number + 1, Roster: w.root.Roster}
		flood = append(flood, Candidate{ID: commitID(fmt.Sprint(i)), Parent: w.root.ID, Child: e, Author: account("alice"), Class: ClassChange})
	}
	for i, k := range flood {
		if crowded := c.Crowded(k); crowded != (i >= MaxTwins) {
			t.Fatalf("%d: crowded %v", i, crowded)
		}
		if _, status := c.Add(k); (status == AddCrowded) != (i >= MaxTwins) {
			t.Fatalf("%d: %v", i, status)
		}
	}
	if n := c.Counts().Crowded; n != 100-MaxTwins || !c.Guilty(account("alice")) {
		t.Errorf("%d counted, guilty %v", n, c.Guilty(account("alice")))
	}
	c.Hear(Vote{Account: account("bob"), Seq: 30, Head: epochID("e77")})
	if wants := c.Wanted(); len(wants) != 1 || wants[0].Head != epochID("e77") {
		t.Fatalf("wanted: %v", wants)
	}
	if _, status := c.Add(flood[77]); status != AddHeld || c.Head() != epochID("e77") {
		t.Errorf("what bob votes for is %v", status)
	}
	c.Seek(epochID("e88"))
	if _, status := c.Add(flood[88]); status != AddHeld {
		t.Errorf("what is sought is %v", status)
	}
	child := Candidate{ID: commitID("b"), Parent: epochID("e55"), Author: account("bob"), Class: ClassChange,
		Child: Epoch{ID: epochID("b"), Number: w.root.Number + 2, Roster: w.root.Roster}}
	c.Add(child)
	if _, status := c.Add(flood[55]); status != AddHeld {
		t.Errorf("what bob built on is %v", status)
	}
	if _, status := c.Add(flood[56]); status != AddCrowded {
		t.Errorf("another is %v", status)
	}
	c.check()
	if again := Restore(c.Snapshot()); again.answers() != c.answers() {
		t.Errorf("restored\n%s\nwas\n%s", again.answers(), c.answers())
	}
}

// What an account builds on its own commits is nobody else's need, convicted or
// not; and headers that go in a circle are no need at all.
func TestCrowdedAlone(t *testing.T) {
	w := parse(t, "group alice bob carol")
	c := w.chain()
	commit := func(parent, child, author string, slot uint32) Candidate {
		n := w.root.Number + 1
		if parent != "." {
			n++
		}
		return Candidate{ID: commitID(child), Parent: epochID(parent), Author: account(author), Class: ClassChange, Slot: slot,
			Child: Epoch{ID: epochID(child), Number: n, Roster: w.root.Roster}}
	}
	for i := range MaxTwins {
		c.Add(commit(".", fmt.Sprint("a", i), "alice", uint32(i))) // as many devices, none convicted
	}
	c.Add(commit("b", "b2", "alice", 0))
	if _, status := c.Add(commit(".", "b", "alice", 9)); status != AddCrowded || c.Guilty(account("alice")) {
		t.Errorf("what alice built on alone is %v", status)
	}
	c.Hear(Vote{Account: account("bob"), Device: device("x"), Seq: 40, Head: epochID("a0")})
	c.Hear(Vote{Account: account("bob"), Device: device("x"), Seq: 40, Head: epochID("a1")}) // bob is convicted
	c.Add(commit("x", "y", "bob", 1))
	c.Add(commit("y", "x", "bob", 1))
	if c.Needed(epochID("x"), account("alice")) {
		t.Error("a circle is needed")
	}
	c.check()
}

// What was taken because somebody needed it stays when the header above it turns
// out to have lied.
func TestCrowdedBelowALie(t *testing.T) {
	w := parse(t, "group alice bob carol")
	c := w.chain()
	h := Candidate{ID: commitID("h"), Parent: w.root.ID, Author: account("alice"), Class: ClassRemove, Header: true,
		Child: Epoch{ID: epochID("h"), Number: w.root.Number + 1, Roster: w.root.Roster}}
	c.Add(h)
	c.Add(Candidate{ID: commitID("d"), Parent: epochID("b4"), Author: account("carol"), Class: ClassChange,
		Child: Epoch{ID: epochID("d"), Number: w.root.Number + 3, Roster: w.root.Roster}})
	for i := range 6 {
		e := Epoch{ID: epochID(fmt.Sprint("b", i)), Number: w.root.Number + 2, Roster: w.root.Roster}
		c.Add(Candidate{ID: commitID(fmt.Sprint("b", i)), Parent: h.Child.ID, Child: e, Author: account("bob"), Class: ClassChange, Slot: uint32(i)})
	}
	h.Header, h.Class = false, ClassMaintain
	if _, status := c.Add(h); status != AddHeld {
		t.Fatalf("what the header lied about is %v", status)
	}
	if n := len(c.Children(epochID("h"))); n != MaxTwins+1 {
		t.Errorf("%d are left of %d", n, MaxTwins+1)
	}
	c.check()
}
