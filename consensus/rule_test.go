package consensus

import (
	"math/rand/v2"
	"testing"
)

// TestRuleInPlace: the real rule, put where a measurement puts another, leads
// every random tree to where it leads without.
func TestRuleInPlace(t *testing.T) {
	same := Rule{Deep: true, Wins: func(a, b Branch) bool { return wins(a.n, b.n) }}
	for seed := range uint64(3000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 1)))
		a, b := w.chain(), w.chain().Under(same)
		for _, in := range w.inputs {
			a.tell(in)
			b.tell(in)
		}
		if a.Head() != b.Head() || a.Best() != b.Best() {
			t.Fatalf("seed %d: head %v and %v, best %v and %v", seed, a.Head(), b.Head(), a.Best(), b.Best())
		}
	}
}

// TestRuleDeep: a rule that goes by what is below a branch is asked again all
// the way up, so the best child is the highest wherever one looks.
func TestRuleDeep(t *testing.T) {
	longest := Rule{Deep: true, Wins: func(a, b Branch) bool {
		if x, y := a.Height(), b.Height(); x != y {
			return x > y
		}
		return a.Ranks(b)
	}}
	forked := 0
	for seed := range uint64(3000) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 2)))
		c := w.chain().Under(longest)
		for _, in := range w.inputs {
			c.tell(in)
		}
		for _, p := range c.epochs {
			if len(p.children) > 1 {
				forked++
			}
			for _, n := range p.children {
				if n != p.best && longest.Wins(Branch{n}, Branch{p.best}) {
					t.Fatalf("seed %d: %v is better than %v", seed, n.Child.ID, p.best.Child.ID)
				}
			}
		}
	}
	if forked < 1000 {
		t.Errorf("%d forks: too tame to test anything", forked)
	}
}

func TestRuleCommits(t *testing.T) {
	w := parse(t, "")
	c := w.chain().Under(Rule{Commits: func(a Account) bool { return a == account("alice") }})
	if !c.May(account("alice")) || c.May(account("bob")) || !c.Weighs() {
		t.Error("who may commit is not what the rule says")
	}
}
