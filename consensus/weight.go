package consensus

import (
	"cmp"
	"slices"
)

// seat is one account's say: where its deciding vote puts it, and the commits
// of its own that carry it on from there.
//
// The account weighs on an epoch n below p where its base is at or below n; or
// where its base is p or above it, and of its own commits after p there are
// some, and all lead to n or below. Which of p's children that is can be told
// from what is below p alone, so a member that has forgotten all above p says
// the same.
type seat struct {
	account Account
	votes   []Vote  // ascending by Seq, then Device
	commits []*node // its own, by number
	guilt   *Evidence

	voted bool    // there is a deciding vote
	base  *node   // what it names, else the root; nil: it weighs nowhere
	ends  []*node // its own commits below base after which it made none
}

// spoke reports whether the account has said anything that places it in the
// tree.
func (s *seat) spoke() bool { return s.base != nil && (s.voted || len(s.ends) > 0) }

// stands returns the one epoch that tells most where the account is: the end
// of its commits, or the last they have in common.
func (s *seat) stands() *node {
	at := s.base
	for i, n := range s.ends {
		if i == 0 {
			at = n
		} else {
			at = common(at, n)
		}
	}
	return at
}

// seat returns a's seat, a new one if need be, or nil beyond the cap.
func (c *Chain) seat(a Account) *seat {
	s := c.seats[a]
	if s == nil && len(c.seats) < MaxVoters {
		s = &seat{account: a, base: c.root}
		c.seats[a] = s
	}
	return s
}

// stand returns the base of s: the node its deciding vote names; the root,
// where there is no vote or one for what came before the root; or nil, where
// its branch was left behind, or it was convicted.
func (c *Chain) stand(s *seat) (base *node, voted bool) {
	v, voted := c.deciding(s)
	switch {
	case s.guilt != nil:
		return nil, false
	case !voted:
		return c.root, false
	}
	if n := c.epochs[v.Head]; n != nil {
		return n, true
	}
	if g, _ := c.left(v.Head); g.above {
		return c.root, true
	}
	return nil, true
}

// endsBelow returns the last of a seat's commits below base.
func (s *seat) endsBelow(base *node) (ends []*node) {
	if base == nil {
		return nil
	}
	from, _ := slices.BinarySearchFunc(s.commits, base.number()+1, func(n *node, number uint64) int {
		return cmp.Compare(n.number(), number)
	})
	for _, n := range s.commits[from:] {
		if n.within(base) {
			ends = extend(ends, n)
		}
	}
	return ends
}

// extend adds n, a leaf so far, to the ends of a seat.
func extend(ends []*node, n *node) []*node {
	for i, m := range ends {
		if n.within(m) {
			ends[i] = n
			return ends
		}
	}
	return append(ends, n)
}

// reseat finds anew where s stands, after its votes, or what they name, or its
// commits changed, and moves its weight.
func (c *Chain) reseat(s *seat) {
	base, voted := c.stand(s)
	ends := s.endsBelow(base)
	top := c.root
	if base != nil && s.base != nil {
		top = common(base, s.base)
	}
	if base != s.base || !slices.Equal(ends, s.ends) {
		c.count(s, -1, top)
		s.base, s.ends = base, ends
		c.count(s, +1, top)
	}
	s.voted = voted
}

// reseatAll finds all places anew, after epochs that were known no longer are,
// or no longer are where they were.
func (c *Chain) reseatAll() {
	for _, s := range c.seated() {
		for _, v := range s.votes {
			if c.weigh(v) == VoteWaits && !slices.Contains(c.waiting[v.Head], s) {
				c.waiting[v.Head] = append(c.waiting[v.Head], s)
			}
		}
		c.reseat(s)
	}
}

// count adds the weight of s, or takes it away, wherever it counts below top,
// which its base is at or below.
func (c *Chain) count(s *seat, by int, top *node) {
	if s.base == nil {
		return
	}
	for n := s.base; n != top; n = n.parent {
		c.put(s, n, by)
	}
	if len(s.ends) == 1 {
		for n := s.ends[0]; n != s.base; n = n.parent {
			c.put(s, n, by)
		}
		return
	}
	// The commits part. Walk from each end up to where another came from; then
	// the account weighs on those that are alone among their siblings.
	var walked []*node
	toward := map[*node]int{s.base: 0}
	for _, n := range s.ends {
		for ; n != s.base; n = n.parent {
			walked = append(walked, n)
			toward[n.parent]++
			if toward[n.parent] > 1 {
				break
			}
		}
	}
	for _, n := range walked {
		if toward[n.parent] == 1 {
			c.put(s, n, by)
		}
	}
}

// put changes the weight of n by that of s, where s votes there.
func (c *Chain) put(s *seat, n *node, by int) {
	p := n.parent
	if !p.votes(s.account) {
		return
	}
	n.weight += by
	if by > 0 && c.heavier(p, n) || by < 0 && c.lighter(p, n) {
		c.touch(p)
	}
}

// seatCommit takes the author of a new node along.
func (c *Chain) seatCommit(n *node) {
	s := c.seat(n.Author)
	if s == nil {
		return
	}
	at, _ := slices.BinarySearchFunc(s.commits, n.number(), func(m *node, number uint64) int {
		return cmp.Compare(m.number(), number)
	})
	for _, m := range s.commits[at:] {
		if s.guilt != nil || m.number() != n.number() {
			break
		}
		if m.parent == n.parent {
			if e := twoCommits(&m.Candidate, &n.Candidate); e.Convicts() {
				c.convict(s, e)
			}
		}
	}
	s.commits = slices.Insert(s.commits, at, n)
	switch {
	case s.base == nil || !n.within(s.base):
	case len(s.ends) == 0 || len(s.ends) == 1 && n.within(s.ends[0]):
		for m, at := n, s.stands(); m != at; m = m.parent {
			c.put(s, m, +1)
		}
		s.ends = []*node{n}
	default:
		c.count(s, -1, s.base)
		s.ends = extend(s.ends, n)
		c.count(s, +1, s.base)
	}
}
