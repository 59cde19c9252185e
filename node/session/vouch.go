package session

import (
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// The rule lets an account renew its keys again only after as many commits of
// others as it has others to wait for, eight at most: nobody floods the group
// alone. Where some are silent for good, those commits never come. So a device
// that must wait asks the others, and one of them vouches for it:
//
//	ask     a signed intent to renew, for the account's leaves as they are
//	vouch   another account signs the same, once the keys it sees are old enough
//	        by its own clock; in slot order, so that one of them does
//	commit  carries it: what another account asked for is exempt (consensus)
//
// The rule reads a signature. How often is a matter for the clocks of those who
// give it, so a flooder gets as much as honest members let it have, and the
// rest of a group goes on however many are silent, as long as there are two.

// vouched reports whether an intent is another account's word that an account
// may renew its keys on h.
func (s *Session) vouched(h *held, account Account, in *intent) bool {
	if in.Op != opRenew || in.Account != account || s.meet(in, h) != fateHolds {
		return false
	}
	i, _ := h.roster.device(in.Author)
	return h.roster.account[i] != account
}

// voucher is the word of another account that mine may renew its keys on h.
func (s *Session) voucher(h *held) *intent {
	for _, id := range sortedIDs(s.pool) {
		if r := s.pool[id].due(s, h); r != nil && s.vouched(h, s.cfg.Self.Account, &r.Intent) {
			return &r.Intent
		}
	}
	return nil
}

// petition is an account that asked to renew its keys, and when.
type petition struct {
	account Account
	since   Time
}

// unvouched lists who asked to renew their keys on h, must wait for others to
// commit, and has nobody's word yet.
func (s *Session) unvouched(h *held) (asked []petition) {
	for _, id := range sortedIDs(s.pool) {
		p := s.pool[id]
		r := p.due(s, h)
		if r == nil || r.Intent.Op != opRenew || r.Intent.Account == s.cfg.Self.Account {
			continue
		}
		a := r.Intent.Account
		i, _ := h.roster.device(r.Intent.Author)
		if h.roster.account[i] != a || !s.chain.Cooling(h.id, a) || s.hasWord(h, a) ||
			slices.ContainsFunc(asked, func(x petition) bool { return x.account == a }) {
			continue
		}
		asked = append(asked, petition{a, p.Since})
	}
	return asked
}

// hasWord reports that somebody, perhaps this device, vouched for an account.
func (s *Session) hasWord(h *held, a Account) bool {
	for _, w := range s.wishes {
		if s.vouched(h, a, &w.Intent) {
			return true
		}
	}
	for _, p := range s.pool {
		if r := p.due(s, h); r != nil && s.vouched(h, a, &r.Intent) {
			return true
		}
	}
	return false
}

// vouch gives this device's word for those who asked, when it is time. It is a
// wish like any other, durable and announced, that its owner's commit carries.
func (s *Session) vouch(h *held) {
	given := false
	for _, p := range s.agenda.asked {
		if at := max(s.renewedAt(h, p.account)+vouchEvery, p.since) + s.turn(h); s.now < at {
			s.wake(at)
			continue
		}
		w := &wish{Intent: intent{Op: opRenew, Account: p.account}, Silent: true, State: StateQueued, Since: s.now}
		s.random(w.Intent.ID[:])
		s.wishes[w.Intent.ID] = w
		s.sign(w, h)
		s.saveWish(w)
		given = true
	}
	if given {
		s.todo(h)
	}
}

// renewedAt is when this device saw an account's last renewal on the way to h,
// as far as the rule looks back.
func (s *Session) renewedAt(h *held, a Account) Time {
	id := h.id
	for range consensus.V1().CoolDown {
		c, ok := s.chain.Into(id)
		if !ok {
			break
		}
		if at := s.held[id]; c.Author == a && c.Class == consensus.ClassMaintain && at != nil {
			return at.since
		}
		id = c.Parent
	}
	return 0
}
