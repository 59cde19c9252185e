package consensus

import (
	"slices"
)

// node is one epoch in the tree, with the candidate that leads into it.
//
// Invariants, which check (check_test.go) runs after every step of a fuzz run:
//
//	(1) number = parent.number + 1, and parent.children holds it once;
//	(2) children are in order of rank;
//	(3) weight is the number of parent.voters whose seat's place is at or
//	    below this node;
//	(4) best and bestHere are the heaviest child, first in rank among equals:
//	    of all, and of those that can be entered;
//	(5) life is Head or Settled exactly on the path from the root to the head.
type node struct {
	Candidate
	voters   []Account
	parent   *node
	jump     *node // an ancestor further up: see ancestor
	children []*node

	weight         int
	best, bestHere *node
	life           Life
	names          int // further CommitIDs that lead here
}

func (n *node) number() uint64 { return n.Child.Number }
func (n *node) onPath() bool   { return n.life == Head || n.life == Settled }

// votes reports whether a's vote counts between the children of n.
func (n *node) votes(a Account) bool {
	_, ok := slices.BinarySearchFunc(n.voters, a, compareAccounts)
	return ok
}

// hang links n below p and sets its jump pointer so that ancestor takes
// O(log depth) steps (Myers's skew-binary list, kept in a tree).
func (n *node) hang(p *node) {
	n.parent = p
	n.aim()
	at, _ := slices.BinarySearchFunc(p.children, n, func(a, b *node) int {
		if before(&a.Candidate, &b.Candidate) {
			return -1
		}
		return 1
	})
	p.children = slices.Insert(p.children, at, n)
}

// aim sets n's jump pointer from its parent's.
func (n *node) aim() {
	p := n.parent
	n.jump = p
	if p.jump != nil && p.jump.jump != nil &&
		p.number()-p.jump.number() == p.jump.number()-p.jump.jump.number() {
		n.jump = p.jump.jump
	}
}

// ancestor returns the node of that number on n's path to the root, n itself
// included, or nil where there is none.
func (n *node) ancestor(number uint64) *node {
	if number > n.number() {
		return nil
	}
	for n != nil && n.number() > number {
		if n.jump != nil && n.jump.number() >= number {
			n = n.jump
		} else {
			n = n.parent
		}
	}
	return n
}

// within reports whether n is a or below it.
func (n *node) within(a *node) bool { return n.ancestor(a.number()) == a }

// common returns where the paths of a and b to the root meet.
func common(a, b *node) *node {
	if a.number() > b.number() {
		a = a.ancestor(b.number())
	} else {
		b = b.ancestor(a.number())
	}
	for a != b {
		if a.jump != b.jump {
			a, b = a.jump, b.jump
		} else {
			a, b = a.parent, b.parent
		}
	}
	return a
}

// path returns the move between two nodes of one tree.
func path(from, to *node) Move {
	m := Move{From: from.Child.ID, To: to.Child.ID}
	meet := common(from, to)
	for n := from; n != meet; n = n.parent {
		m.Undo = append(m.Undo, n.ID)
	}
	for n := to; n != meet; n = n.parent {
		m.Redo = append(m.Redo, n.ID)
	}
	slices.Reverse(m.Redo)
	return m
}

// below calls f on every node below n, parents before children, siblings in
// order of rank.
func (n *node) below(f func(*node)) {
	queue := slices.Clone(n.children)
	for len(queue) > 0 {
		n, queue = queue[0], queue[1:]
		f(n)
		queue = append(queue, n.children...)
	}
}

// heavier reconsiders the best of p after its child n gained weight, or became
// able to be entered. It reports whether bestHere changed.
func (c *Chain) heavier(p, n *node) bool {
	if c.wins(n, p.best) {
		p.best = n
	}
	if !n.Header && c.wins(n, p.bestHere) {
		p.bestHere = n
		return true
	}
	return false
}

// lighter reconsiders the best of p after its child n lost weight, left, or
// can no longer be entered. It reports whether bestHere changed.
func (c *Chain) lighter(p, n *node) bool {
	if n != p.best && n != p.bestHere {
		return false
	}
	was := p.bestHere
	p.best, p.bestHere = nil, nil
	for _, n := range p.children {
		c.heavier(p, n)
	}
	return p.bestHere != was
}

// wins is the whole rule between two children of one epoch: weight, then rank.
func wins(n, best *node) bool {
	if best == nil {
		return true
	}
	if n.weight != best.weight {
		return n.weight > best.weight
	}
	return n != best && before(&n.Candidate, &best.Candidate)
}
