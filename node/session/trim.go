package session

import (
	"maps"
	"slices"
)

// What grows without end is cut at its old end: the log, the names of messages
// in it, and the tree.

// trim cuts, rarely, as each cut looks at everything.
func (s *Session) trim() {
	if s.cutting {
		s.cutLog(s.meta.Floor)
		return
	}
	if s.now < s.trimmed+trimEvery && s.logBytes <= maxLogBytes {
		return
	}
	s.trimmed = s.now
	s.trimTree()
	s.thinCrowds()
	for _, a := range sortedIDs(s.nacks) {
		if !s.everMet(a) {
			delete(s.nacks, a)
			s.drop(rowNack(a))
		}
	}
	if s.head() != nil && s.meta.Status == statusMember {
		s.dropStances()
	}
	floor := s.meta.Floor
	for _, h := range s.held {
		if h.since+logKeep < s.now {
			floor = max(floor, uint32(h.number))
		}
	}
	if s.logBytes > maxLogBytes {
		floor = max(floor, s.bytesAbove(maxLogBytes*3/4))
	}
	if floor > s.meta.Floor {
		s.cutLog(floor)
	}
}

// bytesAbove is the lowest order from which on the log has at most so many bytes.
func (s *Session) bytesAbove(most int) uint32 {
	orders := slices.Sorted(maps.Keys(s.logSizes))
	sum := 0
	for i, o := range slices.Backward(orders) {
		if sum += s.logSizes[o]; sum > most && i+1 < len(orders) {
			return orders[i+1]
		}
	}
	return s.meta.Floor
}

// cutLog lets go of what lies below an order, maxCut rows a Step.
func (s *Session) cutLog(floor uint32) {
	if s.meta.Floor != floor {
		s.meta.Floor = floor
		s.saveMeta()
	}
	cut := 0
	for _, id := range sortedIDs(s.log) {
		if l := s.log[id]; l.order < floor && cut < maxCut {
			cut++
			s.unlog(id)
		}
	}
	s.forgetRuns()
	for _, id := range sortedIDs(s.mids) {
		if order := s.mids[id]; order < floor && cut < maxCut {
			cut++
			delete(s.mids, id)
			s.drop(rowMessage(order, id, s.mine[id]))
			delete(s.mine, id)
		}
	}
	if s.cutting = cut == maxCut; s.cutting {
		s.wake(s.now)
	}
}

// trimTree makes an epoch far behind the head the root of the tree.
func (s *Session) trimTree() {
	h := s.head()
	if h == nil || s.meta.Status != statusMember || h.number < s.chain.Root().Number+treeKeep+treeKeep/8 {
		return
	}
	root, ok := s.chain.Ancestor(h.id, treeKeep)
	if !ok {
		return
	}
	before := s.chain.Root()
	gone, err := s.chain.Prune(root)
	if err != nil {
		return // the rule prefers another branch: that is for heal.go to settle
	}
	e := s.chain.Root()
	s.save(rowRoot, encode(e), EpochID{})
	s.encounter(&before, -1)
	for _, c := range gone.Lost {
		s.encounter(&c.Child, -1)
	}
	for _, c := range gone.Spine {
		if c.Child.ID != e.ID {
			s.encounter(&c.Child, -1)
		}
	}
	for _, c := range slices.Concat(gone.Spine, gone.Lost) {
		s.drop(rowCandidate(c.ID))
		delete(s.exits, c.ID)
		delete(s.unopenable, c.ID)
		delete(s.headless, c.ID)
		for _, in := range s.carriedBy[c.ID] {
			delete(s.carriers, in.ID)
		}
		delete(s.carriedBy, c.ID)
		if h := s.held[c.Parent]; h != nil && h.epoch == nil && h.keys == nil {
			delete(s.held, h.id)
			delete(s.tags, h.tag)
			s.drop(rowLine(h.id))
		}
	}
}
