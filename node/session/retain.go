package session

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// What is kept, why, and when it goes:
//
//	state     to enter another child of an epoch: until all who vote there
//	          have said that all stand below one child (agree.go), or the head
//	          is a window ahead
//	keys      to read late messages of an epoch: as long, or readEpochs
//	pool      what others asked for: until a commit that carries it is out of any
//	          fork's reach
//	outbox    a message of mine: until every device has it, or its epoch is out
//	          of any fork's reach
//
// What goes is erased: its wrapping key ends, so that old copies on disk are
// unreadable too.

// reap erases what nothing needs any more.
func (s *Session) reap() {
	h := s.head()
	if h == nil {
		return
	}
	if !s.stirred && s.now < s.reapAt { // nothing that decides has changed
		s.wake(s.reapAt)
		return
	}
	s.stirred, s.reapAt = false, s.now+reapEvery
	s.dropAnchors(h.number)
	keep := s.keepFrom(h)
	for _, id := range sortedIDs(s.held) {
		e := s.held[id]
		if e.epoch == nil && e.keys == nil || s.chain.Within(id, keep) {
			continue
		}
		if e.past != 0 {
			if e.past < s.now {
				s.eraseKeys(e)
			}
			continue
		}
		if e.epoch != nil {
			s.eraseEpoch(e)
			s.drop(rowOwn(id))
			delete(s.own, id)
			s.lost(e)
		}
		if onPath := s.chain.Within(h.id, id); e.keys != nil && (!onPath || e.number+readEpochs < h.number) {
			s.eraseKeys(e)
		}
	}
	if k := s.kept; k != nil && (s.chain.Within(keep, k.Joined) && !k.pledged(s.held[keep]) || k.Since+forkKeep < s.now) {
		s.dropPackage()
	}
	s.finalize(keep)
	s.wake(s.reapAt)
}

// keepFrom is the earliest epoch on the head's path whose state is kept.
func (s *Session) keepFrom(h *held) EpochID {
	keep := s.chain.Root().ID
	if id, ok := s.chain.Ancestor(h.id, s.pace.Window); ok {
		keep = id
	}
	for id := h.id; id != keep; {
		into, ok := s.chain.Into(id)
		if !ok {
			break
		}
		p := s.held[into.Parent]
		gone := p != nil && p.epoch == nil && p.past == 0 // it was agreed on before: nobody leaves it
		if gone || s.chain.Weighs() && s.agreedOn(&into) || s.aged(id) {
			return id
		}
		id = into.Parent
	}
	return keep
}

// aged reports that an epoch on the head's path came so long ago that its
// parent is not kept for latecomers.
func (s *Session) aged(id EpochID) bool {
	h := s.held[id]
	return h != nil && h.since+forkKeep < s.now
}

// eraseEpoch ends the secrets by which children of an epoch are entered. What
// its message keys need of it, who is in it, stays with them.
func (s *Session) eraseEpoch(h *held) {
	h.husk, h.epoch = h.epoch, nil
	h.husk.Erase()
	s.fx.Erase = append(s.fx.Erase, h.id)
	if h.keys != nil {
		s.saveEpoch(h, h.husk, h.keysWrap())
	} else {
		s.dropHusk(h)
	}
}

// eraseKeys ends the message keys of an epoch.
func (s *Session) eraseKeys(h *held) {
	h.keys.Erase()
	h.keys = nil
	s.ahead.forget(h.id)
	for _, name := range slices.Sorted(maps.Keys(h.cells)) {
		s.drop(name)
	}
	h.cells = nil
	h.branch = Key{}
	s.fx.Erase = append(s.fx.Erase, h.keysWrap())
	if h.husk != nil {
		s.dropHusk(h)
	}
}

// dropHusk takes away the rows of an epoch that is needed no more.
func (s *Session) dropHusk(h *held) {
	for _, name := range h.husk.Drop(s.living(h)) {
		s.drop(name)
	}
	h.husk = nil
}

// lost marks a state that is gone as one that cannot be entered any more.
func (s *Session) lost(e *held) {
	if e.commit == (CommitID{}) || s.onPath(e.commit) {
		return
	}
	s.chain.Erased(e.commit)
	if c, ok := s.chain.Get(e.commit); ok {
		s.saveCandidate(savedCandidate{Cand: c, Intents: s.carriedBy[e.commit], Exit: s.exits[e.commit]})
	}
}

// finalize ends what is out of any fork's reach: epochs down to keep.
func (s *Session) finalize(keep EpochID) {
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		if w.Landed == (CommitID{}) {
			continue
		}
		if c, ok := s.chain.Get(w.Landed); !ok || s.chain.Within(keep, c.Child.ID) {
			s.conclude(id, w, StateFinal, "")
		}
	}
	if keep != s.drained {
		s.drainPool(keep)
	}
	h := s.head()
	for _, id := range s.outOrder(all) {
		m := s.outbox[id]
		if m.Epoch == (EpochID{}) {
			continue
		}
		final := m.Final || s.chain.Within(keep, m.Epoch) && m.Epoch != keep
		lost := !final && !s.chain.Within(h.id, m.Epoch)
		switch {
		case m.Of <= len(m.Got):
			s.over(id, m, StateDelivered)
		case (final || lost) && s.missed(m), s.locked(m):
			if again := max(m.At, h.since) + max(2*s.receiptTime(), sayAgain); s.now < again {
				s.reapAt = min(s.reapAt, again)
				continue
			}
			m.Epoch, m.Final = EpochID{}, false // whoever lacks it cannot open it any more: protect it again
			s.saveSent(id, m)
		case final && !s.missed(m):
			// Whoever has not said that it has the message may be on the other
			// side of a partition, going on without it until its keys are
			// gone: then it must be said again when we meet.
			if s.lacking(m) && s.now < m.At+readKeep && len(s.outbox) <= maxOutbox/2 {
				if !m.Final {
					m.Final = true
					s.saveSent(id, m)
				}
				continue
			}
			s.over(id, m, StateFinal)
		case s.held[m.Epoch] == nil || s.held[m.Epoch].epoch == nil:
			m.Epoch = EpochID{} // its branch is gone: protect it again
			s.saveSent(id, m)
		}
	}
}

// drainPool forgets requests that epochs down to keep have done: said again, they
// would be found in that commit, or done already.
func (s *Session) drainPool(keep EpochID) {
	s.drained = keep
	for _, id := range sortedIDs(s.pool) {
		if c, ok := s.landed(id, nil); ok {
			if k, _ := s.chain.Get(c); s.chain.Within(keep, k.Child.ID) {
				delete(s.pool, id)
				s.drop(rowPool(id))
			}
		}
	}
}

// missed reports that somebody who was to have a message went on without it:
// to later epochs, where the keys to open it are erased, or to the branch that
// won, which perhaps was the first it could enter.
func (s *Session) missed(m *sent) bool {
	h := s.head()
	was, known := s.chain.Epoch(m.Epoch)
	if !known || h == nil {
		return false
	}
	for i, l := range h.roster.leaves {
		a := h.roster.account[i]
		if m.Got[l.Device] || l.Device == s.cfg.Self.Device {
			continue
		}
		if _, in := slices.BinarySearchFunc(was.Roster, a, compareAccount); !in {
			continue
		}
		at, ok := s.chain.Standing(a)
		if ok && at != m.Epoch && s.chain.Within(at, m.Epoch) || !s.chain.Within(h.id, m.Epoch) {
			return true
		}
	}
	return false
}

// locked reports that a device which was to have a message was let in again
// since it was protected.
func (s *Session) locked(m *sent) bool {
	return s.letInSince(m.Epoch, func(d Device) bool { return !m.Got[d] && d != s.cfg.Self.Device })
}

// letInSince reports that a device, one of those meant, was let in again on the
// way from an epoch to the head, by new keys: its old ones do not reach this far.
func (s *Session) letInSince(at EpochID, meant func(Device) bool) bool {
	h := s.head()
	was, known := s.chain.Epoch(at)
	mv, ok := s.chain.Path(at, h.id)
	if !known || !ok {
		return false
	}
	for _, id := range mv.Redo {
		for _, in := range s.carriedBy[id] {
			if in.Op != opReadmit && in.Op != opAdd {
				continue
			}
			_, had := slices.BinarySearchFunc(was.Roster, in.Account, compareAccount)
			if had && slices.ContainsFunc(in.Leaves, func(p pledge) bool {
				_, here := h.roster.device(p.Device)
				return here && meant(p.Device)
			}) {
				return true
			}
		}
	}
	return false
}

// lacking reports that a device of the group has not said that it has m.
func (s *Session) lacking(m *sent) bool {
	h := s.head()
	was, known := s.chain.Epoch(m.Epoch)
	for i, l := range h.roster.leaves {
		if m.Got[l.Device] || l.Device == s.cfg.Self.Device {
			continue
		}
		if _, in := slices.BinarySearchFunc(was.Roster, h.roster.account[i], compareAccount); in || !known {
			return true
		}
	}
	return false
}

// over ends a message of mine.
func (s *Session) over(id MessageID, m *sent, state State) {
	delete(s.outbox, id)
	s.drop(rowOut(id))
	s.notify(Notice{Kind: NoticeSent, ID: m.ID, Message: id, State: state, Count: len(m.Got), Of: m.Of})
}

// outOrder are my messages for which a condition holds, as they were written.
func (s *Session) outOrder(holds func(*sent) bool) []MessageID {
	var ids []MessageID
	for id, m := range s.outbox {
		if holds(m) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b MessageID) int {
		return cmp.Or(cmp.Compare(s.outbox[a].Seq, s.outbox[b].Seq), bytes.Compare(a[:], b[:]))
	})
	return ids
}

func all(*sent) bool { return true }
