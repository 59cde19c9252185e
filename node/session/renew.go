package session

import (
	"crypto/sha256"
	"encoding/binary"
)

// Nobody has to ask for fresh keys: a device renews its own when they are old,
// when the epoch's part of the log is large, and when a renewal of its was lost
// with a branch. What an attacker took from a device is of no use beyond it, and
// everything that lasts for a number of epochs (erasure, the log) comes to an end.

// renewIfDue asks for fresh keys of mine where it is time.
func (s *Session) renewIfDue() {
	h := s.head()
	if h == nil || h.epoch == nil || !s.active() || s.meta.Probation || s.alone() {
		return
	}
	young := s.now < s.meta.Renewed+renewEvery/2 || s.now < s.meta.Renewed+s.renewAfter(h)
	if young && !s.crowded(h) {
		return
	}
	s.renew()
}

// renewAfter is how long keys of mine are good for: between half of what the
// group allows itself and all of it, by a hash, as devices that came together
// would otherwise renew together and run through a window of epochs at once.
func (s *Session) renewAfter(h *held) Time {
	every := max(renewEvery, Time(len(h.roster.leaves))*renewShare)
	sum := sha256.Sum256(append(s.group[:], s.cfg.Self.Device[:]...))
	return every/2 + Time(binary.BigEndian.Uint64(sum[:])%uint64(every/2))
}

// crowded reports whether the log of the head's epoch has grown so large that
// this device should begin another: the first in the order of slots at once,
// each further one when it has grown by as much again, so that one does it.
func (s *Session) crowded(h *held) bool {
	size := s.logSizes[uint32(h.number)]
	if size < maxEpochBytes {
		return false
	}
	at, _ := h.roster.leaf(h.self)
	return size/maxEpochBytes > int(s.slots(h)[at])
}

// renew asks for fresh keys, unless that is asked for already.
func (s *Session) renew() {
	for _, w := range s.wishes {
		if w.Refresh && (w.Landed == (CommitID{}) || !s.onPath(w.Landed)) {
			return
		}
	}
	w := &wish{Intent: intent{Op: opRenew, Account: s.cfg.Self.Account}, Refresh: true, Silent: true, State: StateQueued, Since: s.now}
	s.random(w.Intent.ID[:])
	s.wishes[w.Intent.ID] = w
	s.saveWish(w)
}
