package session

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session/reconcile"
)

// Who was taken out while away must be able to learn it, or it waits for ever
// in a group that goes on without it. So devices that left are remembered, and
// when one compares logs, it is answered from a log that ends with the epoch
// that took it out: with the commits up to its removal, which it was entitled
// to. What is on the control plane it is shown to this day, votes and headers:
// where it was on a rival's side, it can tell that this side lost only from what
// those who were with it say now, however far the group has come since.
// What it brings is judged like anybody's: its branch may be the one that wins.

// departure is when a device left, as a row.
type departure struct {
	Number uint64 `cbor:"1,keyasint"` // of the epoch that it is no longer in
	Since  Time   `cbor:"2,keyasint"`
	from   Time   // since when frames are counted
	frames int    // of its, since then
}

func rowGone(d Device) string { return "gone/" + hex.EncodeToString(d[:]) }

// noteGone remembers who left between two heads, and forgets who came back.
func (s *Session) noteGone(old, h *held) {
	for _, l := range h.roster.leaves {
		if _, ok := s.gone[l.Device]; ok {
			delete(s.gone, l.Device)
			s.drop(rowGone(l.Device))
		}
	}
	for _, l := range old.roster.leaves {
		if _, still := h.roster.device(l.Device); !still && l.Device != s.cfg.Self.Device {
			s.noteDeparture(l.Device, departure{Number: s.tookOut(old, h, l.Device), Since: s.now})
		}
	}
}

// tookOut is the number of the first epoch between two heads without a device.
func (s *Session) tookOut(old, h *held, d Device) uint64 {
	mv, _ := s.chain.Path(old.id, h.id)
	for _, id := range mv.Redo {
		c, _ := s.chain.Get(id)
		if e := s.held[c.Child.ID]; e != nil && e.roster != nil {
			if _, in := e.roster.device(d); !in {
				return c.Child.Number
			}
		}
	}
	return h.number
}

func (s *Session) noteDeparture(d Device, g departure) {
	if _, known := s.gone[d]; !known && len(s.gone) >= maxGone {
		oldest := slices.MinFunc(s.former(), func(a, b Device) int { return int(s.gone[a].Since - s.gone[b].Since) })
		delete(s.gone, oldest)
		s.drop(rowGone(oldest))
	}
	s.gone[d] = g
	s.save(rowGone(d), encode(g), EpochID{})
}

// former are the devices that left, in order.
func (s *Session) former() []Device {
	return sortedIDs(s.gone)
}

// heeds reports whether a frame of a device is looked at. One that left is
// answered a few dozen times, which is more than it takes to learn all, and then
// not for a while.
func (s *Session) heeds(d Device) bool {
	g, left := s.gone[d]
	if !left {
		return true
	}
	if s.now >= g.from+offerEvery {
		g.from, g.frames = s.now, 0
	}
	g.frames++
	s.gone[d] = g
	return g.frames <= maxFarewells
}

// logFor is the log as it is shown to a device: all of it, or, to one that left,
// up to the epoch that took it out, and above that the control plane alone.
func (s *Session) logFor(d Device) (set *reconcile.Set, upTo uint64) {
	g, left := s.gone[d]
	if !left {
		return &s.set, math.MaxUint64
	}
	if s.controls == nil {
		s.controls = &reconcile.Set{}
		for id, l := range s.log {
			if l.control {
				s.controls.Add(item(id, l.order))
			}
		}
	}
	return reconcile.Spliced(&s.set, s.controls, g.Number), g.Number
}

// removal tells who asked that this account be taken out and which commit did
// it, on the way to a state.
func (s *Session) removal(id EpochID) (by Account, at consensus.Candidate, found bool) {
	for ; ; id = at.Parent {
		if at, found = s.chain.Into(id); !found {
			return by, at, false
		}
		p, _ := s.chain.Epoch(at.Parent)
		_, was := slices.BinarySearchFunc(p.Roster, s.cfg.Self.Account, compareAccount)
		_, is := slices.BinarySearchFunc(at.Child.Roster, s.cfg.Self.Account, compareAccount)
		if s.exits[at.ID] || was && !is {
			break
		}
	}
	by = at.Author
	for _, in := range s.carriedBy[at.ID] {
		if in.Op == opRemove && in.Account == s.cfg.Self.Account || in.Op == opDevice && in.Device == s.cfg.Self.Device {
			if a, ok := s.accountOf(s.held[at.Parent], in.Author); ok {
				by = a
			}
		}
	}
	return by, at, true
}

// takenOut finds that this device is no longer in the group, which is in a state.
func (s *Session) takenOut(in EpochID) {
	if s.meta.Status == statusRemoved {
		return
	}
	by, at, found := s.removal(in)
	why := "this device is no longer in the group"
	var device Device
	_, stays := slices.BinarySearchFunc(at.Child.Roster, s.cfg.Self.Account, compareAccount)
	switch {
	case !found:
		at.Child.ID = in
	case by == s.cfg.Self.Account && stays:
		device = s.cfg.Self.Device
		why = fmt.Sprintf("another device of this account took this one out of the group in epoch %d", at.Child.Number)
	case by == s.cfg.Self.Account:
		why = fmt.Sprintf("this account left the group in epoch %d", at.Child.Number)
	default:
		why = fmt.Sprintf("%s removed this device from the group in epoch %d", s.called(by), at.Child.Number)
	}
	s.become(statusRemoved, why)
	s.notify(Notice{Kind: NoticeRemoved, Epoch: at.Child.ID, Number: at.Child.Number, Account: by, Device: device, Reason: why})
}

// dissolve ends a group that this device is alone in. Nobody is there to make the
// commit that takes it out, and nobody is told: it lets go of all keys at once,
// and what was said and heard stays. As after any leave, being out says that it
// is done.
func (s *Session) dissolve() {
	h := s.head()
	for _, id := range sortedIDs(s.wishes) {
		s.conclude(id, s.wishes[id], StateSuperseded, "this account left the group")
	}
	for _, id := range sortedIDs(s.held) {
		if e := s.held[id]; e.epoch != nil {
			s.eraseEpoch(e)
			s.drop(rowOwn(id))
			delete(s.own, id)
		}
		if e := s.held[id]; e.keys != nil {
			s.eraseKeys(e)
		}
	}
	for _, id := range sortedIDs(s.anchors) {
		s.dropAnchor(id)
	}
	why := "this account left the group, which nobody else was in"
	s.become(statusRemoved, why)
	s.notify(Notice{Kind: NoticeRemoved, Epoch: h.id, Number: h.number, Account: s.cfg.Self.Account, Reason: why})
}

// dissolved reports that I left a group which nobody else was in.
func (s *Session) dissolved() bool {
	h := s.head()
	return s.meta.Status == statusRemoved && (h == nil || h.epoch == nil)
}
