package consensus

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var (
	treesFlag = flag.Int("trees", 60_000, "random trees to compare with the slow reference")
	seedFlag  = flag.Uint64("seed", 1, "first seed of the random trees")
)

var people = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace"}

// randomWorld draws a small group that has gone wrong in every way the rule
// knows of: forks, votes for anything in any turn, liars, headers, joiners.
func randomWorld(rng *rand.Rand) *world {
	w := &world{params: V1()}
	n := 2 + rng.IntN(5)
	w.root = Epoch{ID: epochID("."), Number: uint64(rng.IntN(3)), Roster: accounts(people[:n]...)}
	epochs := []Epoch{w.root}
	made := map[string]bool{} // (parent, author): an honest member makes one commit
	for i := range rng.IntN(9) {
		p := epochs[rng.IntN(len(epochs))]
		author := account(people[rng.IntN(n)])
		if key := fmt.Sprint(p.ID, author); made[key] && rng.IntN(8) > 0 {
			continue
		} else {
			made[key] = true
		}
		e := Epoch{ID: epochID(string(rune('a'+rng.IntN(26))) + fmt.Sprint(i)), Number: p.Number + 1, Roster: p.Roster}
		switch rng.IntN(6) {
		case 0:
			e.Roster = accounts(people[rng.IntN(2) : 2+rng.IntN(len(people)-1)]...)
		case 1:
			e.Voters = e.Roster[:1+rng.IntN(len(e.Roster))]
		}
		w.inputs = append(w.inputs, input{kind: 'c', candidate: Candidate{
			ID: commitID(e.ID.String()), Parent: p.ID, Child: e, Author: author,
			Class: Class(rng.IntN(5)), Role: Role(rng.IntN(3)), Slot: uint32(rng.IntN(4)),
			Carries: rng.IntN(4) == 0, Header: rng.IntN(6) == 0,
		}})
		epochs = append(epochs, e)
	}
	for range rng.IntN(2 * n) {
		head := epochs[rng.IntN(len(epochs))]
		turn := uint64(rng.IntN(8))
		if rng.IntN(8) == 0 {
			turn = uint64(rng.IntN(80))
		}
		v := Vote{Account: account(people[rng.IntN(n)]), Seq: w.params.Turns*head.Number + turn, Head: head.ID}
		if rng.IntN(3) == 0 {
			v.Device = device(fmt.Sprint(rng.IntN(2)))
		}
		if rng.IntN(8) == 0 {
			v.Head = epochID("?")
		}
		w.inputs = append(w.inputs, input{kind: 'v', vote: v})
	}
	rng.Shuffle(len(w.inputs), func(i, j int) { w.inputs[i], w.inputs[j] = w.inputs[j], w.inputs[i] })
	return w
}

// TestRandomTrees compares the chain with the reference: head, best, every
// weight, and who is guilty.
func TestRandomTrees(t *testing.T) {
	trees := *treesFlag
	if testing.Short() {
		trees = min(trees, 10_000)
	}
	forked, flipped := 0, 0
	for i := range trees {
		seed := *seedFlag + uint64(i)
		w := randomWorld(rand.New(rand.NewPCG(seed, 0)))
		c := w.chain()
		for _, in := range w.inputs {
			if m := c.tell(in); len(m.Undo) > 0 {
				flipped++
			}
		}
		r := newReference(w, "")
		if diff := differ(c, r); diff != "" {
			t.Fatalf("seed %d: %s\n%s%v", seed, diff, c.Describe(named), w.inputs)
		}
		if len(c.root.children) > 1 {
			forked++
		}
		if i%8 == 0 {
			c.check()
		}
	}
	t.Logf("%d trees, %d forked at the root, %d moves of the head back", trees, forked, flipped)
	if forked < trees/10 || flipped < trees/50 {
		t.Error("the random trees are too tame to test anything")
	}
}

// differ says where a chain and the reference disagree.
func differ(c *Chain, r *reference) string {
	if c.Head() != r.head() {
		return fmt.Sprintf("head %v, reference %v", c.Head(), r.head())
	}
	if c.Best() != r.best() {
		return fmt.Sprintf("best %v, reference %v", c.Best(), r.best())
	}
	if len(c.epochs) != 1+len(r.valid) {
		return fmt.Sprintf("%d epochs, reference %d", len(c.epochs), 1+len(r.valid))
	}
	for _, k := range r.valid {
		if got, want := c.Weight(k.ID), r.weight(k); got != want {
			return fmt.Sprintf("weight of %v: %d, reference %d", k.ID, got, want)
		}
	}
	for _, name := range people {
		if c.Guilty(account(name)) != r.guilty(account(name)) {
			return fmt.Sprintf("%s is guilty: %v", name, c.Guilty(account(name)))
		}
	}
	return ""
}
