package consensus

import "math"

// Rule is another way to choose between commits on one epoch. The zero Rule is
// the one of doc.go, and a group has no other: this is where a measurement puts
// what it compares that with. Nothing here is an alternative; those are where
// they are measured, in the simulator.
type Rule struct {
	// Wins reports whether a is better than b, which is the best so far.
	Wins func(a, b Branch) bool
	// Deep says that Wins goes by a branch's Height: a new epoch then has all
	// above it compared anew.
	Deep bool
	// Eager says that nobody has to cool down between two renewals.
	Eager bool
	// Commits reports whether an account may commit; nil: everybody.
	Commits func(Account) bool
}

// Branch is a commit and all that was built on it, as a Rule sees it.
type Branch struct{ n *node }

// Candidate is the commit.
func (b Branch) Candidate() Candidate { return b.n.Candidate }

// Ranks reports whether b is before a in rank (doc.go).
func (b Branch) Ranks(a Branch) bool { return before(&b.n.Candidate, &a.n.Candidate) }

// Height is the highest epoch number on the branch.
func (b Branch) Height() uint64 {
	h := b.n.number()
	b.n.below(func(n *node) { h = max(h, n.number()) })
	return h
}

// Under puts another rule in place. It is for a chain that has taken in nothing
// yet.
func (c *Chain) Under(r Rule) *Chain {
	c.may, c.deep = r.Commits, r.Deep
	if r.Eager {
		c.params.CoolDownFrom = math.MaxInt
	}
	if r.Wins != nil {
		c.foreign = true
		c.wins = func(n, best *node) bool {
			return best == nil || n != best && r.Wins(Branch{n}, Branch{best})
		}
	}
	return c
}

// Weighs reports whether the head goes by weight: only then is what most stand
// behind safe from every rival.
func (c *Chain) Weighs() bool { return !c.foreign }

// May reports whether an account may commit, as far as the rule says.
func (c *Chain) May(a Account) bool { return c.may == nil || c.may(a) }

// deepened has all above n compared anew, where the rule goes by height.
func (c *Chain) deepened(n *node) {
	for ; c.deep && n.parent != nil; n = n.parent {
		if c.heavier(n.parent, n) {
			c.touch(n.parent)
		}
	}
}
