package session

import (
	"slices"
	"strings"
)

// The audience guard: what was written in a state that had shut somebody out is
// not sent on another branch to where that account still is. Such a message
//
//	waits   while somebody wants the account removed here too
//	goes    once that has come about, or the account was let in again after it:
//	        then whoever did so knew
//	ends    otherwise, with a sentence: whether that account may read it after
//	        all is for its author to say, who sends it once more

// audible reports that nobody would read m on h whom the branch it was written
// on had shut out.
func (s *Session) audible(m *sent, h *held) bool {
	s.shutOut(m, h.id)
	if len(m.Shut) == 0 {
		return true
	}
	n := len(m.Shut)
	m.Shut = slices.DeleteFunc(m.Shut, func(a Account) bool { return s.wentSince(a, m.Parted, h) })
	if len(m.Shut) < n {
		s.saveSent(messageID(s.cfg.Self.Device, m.Nonce), m)
	}
	return len(m.Shut) == 0
}

// wentSince reports that an account is out of h, or was removed on the way there
// from an epoch, perhaps by a commit that let it in again.
func (s *Session) wentSince(a Account, parted EpochID, h *held) bool {
	if !h.roster.has(a) {
		return true
	}
	for id := h.id; id != parted; {
		into, ok := s.chain.Into(id)
		if !ok {
			break
		}
		if !slices.Contains(into.Child.Roster, a) || slices.ContainsFunc(s.carriedBy[into.ID], func(in intent) bool {
			return in.Op == opRemove && in.Account == a
		}) {
			return true
		}
		id = into.Parent
	}
	return false
}

// shutOut notes whom the branch on which a message was written had removed
// since it parted from where the group is now, once, when it is first seen that
// it lost.
func (s *Session) shutOut(m *sent, now EpochID) {
	under, known := s.chain.Epoch(m.Under)
	parted := func(at EpochID) bool { return !s.chain.Within(now, at) }
	if !known || !parted(m.Under) {
		return
	}
	at := m.Under
	for parted(at) {
		into, ok := s.chain.Into(at)
		if !ok {
			break
		}
		at = into.Parent
		before, _ := s.chain.Epoch(at)
		for _, a := range minus(before.Roster, under.Roster) {
			if !slices.Contains(m.Shut, a) {
				m.Shut = append(m.Shut, a)
			}
		}
	}
	m.Under, m.Parted = EpochID{}, at
	s.saveSent(messageID(s.cfg.Self.Device, m.Nonce), m)
}

// holdBack keeps m until somebody's wish to remove whom it is not for comes
// about, and gives it back to its author where nobody has one.
func (s *Session) holdBack(id MessageID, m *sent, h *held) {
	if !m.Held {
		m.Held, m.Since, m.State = true, s.now, StateQueued // and will be handed on anew
		s.saveSent(id, m)
		s.notify(Notice{Kind: NoticeSent, ID: m.ID, Message: id, State: StateQueued,
			Reason: "held back: somebody would read it who had been removed when it was written"})
	}
	if at := m.Since + guardHold; s.now < at {
		s.wake(at)
		return
	}
	if slices.ContainsFunc(m.Shut, func(a Account) bool { return s.unwanted(a, h) }) {
		return
	}
	var names []string
	for _, a := range m.Shut {
		names = append(names, s.called(a))
	}
	delete(s.outbox, id)
	s.drop(rowOut(id))
	s.notify(Notice{Kind: NoticeSent, ID: m.ID, Message: id, State: StateDenied, Count: len(m.Got), Of: m.Of,
		Reason: "you wrote it when " + strings.Join(names, ", ") + " had been removed, which was undone: send it once more if all in the group may read it"})
}

// unwanted reports that somebody wants an account removed from h, and may.
func (s *Session) unwanted(a Account, h *held) bool {
	removes := func(in *intent) bool { return in.Op == opRemove && in.Account == a && s.meet(in, h) == fateHolds }
	for _, w := range s.wishes {
		if removes(&w.Intent) {
			return true
		}
	}
	for _, p := range s.pool {
		if r := p.due(s, h); r != nil && removes(&r.Intent) {
			return true
		}
	}
	return false
}
