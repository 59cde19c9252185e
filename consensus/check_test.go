package consensus

import (
	"fmt"
	"slices"
)

// check panics with a diagnosis where an invariant of node, seat or parking
// does not hold. It recomputes everything.
func (c *Chain) check() {
	seen := 0
	c.checkNode(c.root, &seen)
	must(seen == len(c.epochs), "%d nodes hang together, %d are known", seen, len(c.epochs))
	must(c.dirty == nil, "the head was not followed")
	must(descend(c.root) == c.head, "head %v, but the best is %v", c.head.Child.ID, descend(c.root).Child.ID)
	for n := c.head; n != c.root; n = n.parent {
		must(n.onPath() && !n.Header, "%v on the head's path is %v", n.ID, n.life)
	}
	for id, n := range c.commits {
		must(c.epochs[n.Child.ID] == n, "commit %v leads out of the tree", id)
	}
	parked := 0
	for parent, ids := range c.parked.byParent {
		must(len(ids) > 0 && c.epochs[parent] == nil, "%v waits for what is there", ids)
		parked += len(ids)
	}
	must(parked == len(c.parked.spots) && parked <= MaxParked, "%d parked, %d known", parked, len(c.parked.spots))
	for _, s := range c.seats {
		c.checkSeat(s)
	}
	for head, seats := range c.waiting {
		must(c.epochs[head] == nil && len(seats) > 0, "%v is waited for, and there", head)
	}
}

func (c *Chain) checkNode(n *node, seen *int) {
	*seen++
	must(c.epochs[n.Child.ID] == n, "%v is not known", n.Child.ID)
	must(n == c.root || n.life == Named == n.Header, "%v is %v, header %v", n.ID, n.life, n.Header)
	must(n.onPath() == c.head.within(n), "%v is %v, head %v", n.ID, n.life, c.head.Child.ID)
	for up, m := n.number(), n; ; up, m = up-1, m.parent {
		must(n.ancestor(up) == m, "ancestor %d of %v", up, n.Child.ID)
		if m == c.root {
			break
		}
	}
	var best, here *node
	for i, m := range n.children {
		must(m.parent == n && m.number() == n.number()+1, "%v hangs wrong", m.Child.ID)
		must(i == 0 || before(&n.children[i-1].Candidate, &m.Candidate), "%v out of rank", m.Child.ID)
		weight := 0
		for _, a := range n.voters {
			if s := c.seats[a]; s != nil && s.weighsOn(m) {
				weight++
			}
		}
		must(weight == m.weight, "%v weighs %d, counted %d", m.Child.ID, m.weight, weight)
		if best == nil || m.weight > best.weight {
			best = m
		}
		if !m.Header && (here == nil || m.weight > here.weight) {
			here = m
		}
		c.checkNode(m, seen)
	}
	must(n.best == best && n.bestHere == here, "best of %v", n.Child.ID)
}

func (c *Chain) checkSeat(s *seat) {
	must(s.base == nil || c.epochs[s.base.Child.ID] == s.base, "%v stands outside the tree", s.account)
	must(s.guilt == nil || s.base == nil, "%v is guilty and stands", s.account)
	must(slices.IsSortedFunc(s.votes, compareVotes) && len(s.votes) <= MaxVotes, "votes of %v", s.account)
	must(slices.IsSortedFunc(s.commits, func(a, b *node) int { return int(a.number()) - int(b.number()) }), "commits of %v", s.account)
	for _, n := range s.commits {
		must(n.Author == s.account && c.epochs[n.Child.ID] == n, "commit of %v", s.account)
	}
	for _, v := range s.votes {
		if c.weigh(v) == VoteWaits {
			must(slices.Contains(c.waiting[v.Head], s), "%v does not wait for %v", s.account, v.Head)
		}
	}
	base, voted := c.stand(s)
	must(base == s.base && voted == s.voted, "%v is based on %v, found at %v", s.account, s.base, base)
	ends := s.endsBelow(base)
	must(len(ends) == len(s.ends), "%v ends at %v, found %v", s.account, s.ends, ends)
	for _, n := range ends {
		must(slices.Contains(s.ends, n), "%v does not end at %v", s.account, n.Child.ID)
	}
}

// weighsOn is the definition: base at or below n; or base at or above n's
// parent, and its own commits below that, of which there are some, all at or
// below n.
func (s *seat) weighsOn(n *node) bool {
	if s.base == nil || s.base.within(n) {
		return s.base != nil
	}
	some, all := false, n.parent.within(s.base)
	for _, m := range s.commits {
		if m != n.parent && m.within(n.parent) {
			some, all = true, all && m.within(n)
		}
	}
	return some && all
}

func must(ok bool, format string, args ...any) {
	if !ok {
		panic("consensus: " + fmt.Sprintf(format, args...))
	}
}
