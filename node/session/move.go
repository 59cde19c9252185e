package session

import (
	"bytes"
	"fmt"

	"github.com/covey-p2p/covey/consensus"
)

// plant starts the tree of epochs.
func (s *Session) plant(root consensus.Epoch) {
	s.chain = consensus.New(root, s.genesis(), consensus.V1()).Under(s.cfg.Rule)
	s.save(rowRoot, encode(root), EpochID{})
	s.encounter(&root, 1)
}

// lineage are the epochs from h back, as far as they matter here: to the
// oldest anchor.
func (s *Session) lineage(h *held) []EpochID { return s.chain.Ancestors(h.id) }

// onPath reports whether a commit is in the head's history.
func (s *Session) onPath(id CommitID) bool {
	switch s.chain.Life(id) {
	case consensus.Head, consensus.Settled, consensus.Final:
		return true
	}
	return false
}

// moved does what follows where the head is another than when last seen.
func (s *Session) moved() {
	head := s.chain.Head()
	if head == s.meta.Head {
		return
	}
	old, h := s.held[s.meta.Head], s.held[head]
	s.meta.Head = head
	s.saveMeta()
	s.stirred = true
	s.pacing.on, s.pacing.work, s.pacing.wait = EpochID{}, 0, 0
	if h == nil || s.meta.Status == statusRemoved { // where the rest of a branch that lost goes is nobody's concern
		return
	}
	if old != nil {
		s.tellFork(old, h)
		s.tellRoster(old, h)
		s.noteGone(old, h)
		if old.policy.Name != h.policy.Name {
			s.notify(Notice{Kind: NoticeRenamed, Body: []byte(h.policy.Name), Epoch: h.id, Number: h.number})
		}
	}
	s.tellEpoch(h)
	s.review(h)
}

// tellFork says that what was the head lost.
func (s *Session) tellFork(old, h *held) {
	mv, ok := s.chain.Path(old.id, h.id)
	if !ok || len(mv.Undo) == 0 {
		return
	}
	mine := false
	for _, id := range mv.Undo {
		if c, ok := s.chain.Get(id); ok && s.own[c.Parent] == id {
			mine = true
		}
	}
	if mine { // what it renewed is as it was, and lived on both branches
		s.pacing.losses++
		s.renew()
	}
	why := fmt.Sprintf("%s gave way to a rival branch.", several(len(mv.Undo), "change"))
	if won, lost, ok := s.parting(mv); ok {
		why = s.raceOf(won, lost)
	}
	s.notify(Notice{Kind: NoticeFork, Epoch: h.id, Number: h.number, Count: len(mv.Undo),
		Reason: why + " What was undone is asked again where it still applies."})
}

// parting are the two commits on one epoch with which two branches part.
func (s *Session) parting(mv consensus.Move) (won, lost consensus.Candidate, ok bool) {
	for _, u := range mv.Undo {
		for _, r := range mv.Redo {
			lost, _ = s.chain.Get(u)
			if won, ok = s.chain.Get(r); ok && won.Parent == lost.Parent {
				return won, lost, true
			}
		}
	}
	return won, lost, false
}

// tellRaces says of commits that came in this Step, and are not followed, why
// that is so. What had been followed is told of by tellFork.
func (s *Session) tellRaces() {
	h := s.head()
	for _, id := range s.raced {
		lost, ok := s.chain.Get(id)
		if h == nil || !ok || s.onPath(id) || !s.chain.Within(h.id, lost.Parent) {
			continue
		}
		if kids := s.chain.Children(lost.Parent); len(kids) > 0 && s.onPath(kids[0].ID) {
			s.notify(Notice{Kind: NoticeFork, Epoch: h.id, Number: h.number, Reason: s.raceOf(kids[0], lost)})
		}
	}
	s.raced = s.raced[:0]
}

// raceOf tells in words how of two commits on one epoch one is followed.
func (s *Session) raceOf(won, lost consensus.Candidate) string {
	who := s.called(won.Author) + " and " + s.called(lost.Author)
	if won.Author == lost.Author {
		who = "Two devices of " + s.called(won.Author)
	}
	p, _ := s.chain.Epoch(won.Parent)
	return fmt.Sprintf("%s changed epoch %d at once; that of %s is followed. %s", who, p.Number, s.called(won.Author), s.whyLost(&won, &lost))
}

func (s *Session) tellEpoch(h *held) {
	agreed, _ := s.chain.Agreed(h.id)
	s.notify(Notice{Kind: NoticeEpoch, Epoch: h.id, Number: h.number, Of: len(h.roster.accounts), Agreed: agreed})
}

// tellRoster says who came, went or changed between two heads.
func (s *Session) tellRoster(old, h *held) {
	tell := func(c Change, a Account, d Device, r Role) {
		s.notify(Notice{Kind: NoticeRoster, Change: c, Account: a, Device: d, Role: r, Epoch: h.id, Number: h.number})
	}
	for _, a := range minus(old.roster.accounts, h.roster.accounts) {
		tell(s.wentHow(old, h, a), a, Device{}, 0)
	}
	for _, a := range minus(h.roster.accounts, old.roster.accounts) {
		tell(ChangeAdded, a, Device{}, h.policy.roleOf(a))
	}
	for i, l := range old.roster.leaves {
		if _, still := h.roster.find(&l); !still && h.roster.has(old.roster.account[i]) {
			tell(ChangeDeviceRemoved, old.roster.account[i], l.Device, 0)
		}
	}
	for i, l := range h.roster.leaves {
		before, had := old.roster.find(&l)
		switch {
		case !had && old.roster.has(h.roster.account[i]):
			tell(ChangeDeviceAdded, h.roster.account[i], l.Device, 0)
		case had && old.roster.leaves[before].Stamp != l.Stamp:
			tell(ChangeKeys, h.roster.account[i], l.Device, 0)
		}
	}
	for _, c := range old.policy.changes(h.policy, func(a Account) bool { return !h.roster.has(a) || !old.roster.has(a) }) {
		if c.kind == actRole {
			tell(ChangeRole, c.account, Device{}, c.role)
		}
	}
}

// wentHow tells leaving from being removed: whoever left asked for it.
func (s *Session) wentHow(old, h *held, a Account) Change {
	mv, _ := s.chain.Path(old.id, h.id)
	for _, id := range mv.Redo {
		for _, in := range s.carriedBy[id] {
			if in.Op == opRemove && in.Account == a {
				if i, ok := old.roster.device(in.Author); ok && old.roster.account[i] == a {
					return ChangeLeft
				}
			}
		}
	}
	return ChangeRemoved
}

// removalPending reports that a removal is about: a commit that removes
// somebody is known beside the head, undecided, or I asked for one.
func (s *Session) removalPending() bool {
	h := s.head()
	if s.pacing.unrest != 0 {
		for _, c := range s.chain.Children(h.parent) {
			if c.Class == consensus.ClassRemove && c.Child.ID != h.id {
				return true
			}
		}
		for _, c := range s.chain.Children(h.id) {
			if c.Class == consensus.ClassRemove {
				return true
			}
		}
	}
	var first *wish // by id
	for id, w := range s.wishes {
		removes := w.Intent.Op == opRemove && w.Intent.Account != s.cfg.Self.Account || w.Intent.Op == opDevice
		if removes && w.Landed == (CommitID{}) && s.now < w.Since+removalHold &&
			(first == nil || bytes.Compare(id[:], first.Intent.ID[:]) < 0) {
			first = w
		}
	}
	if first != nil {
		s.wake(first.Since + removalHold)
	}
	return first != nil
}
