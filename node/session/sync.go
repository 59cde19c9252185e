package session

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/covey-p2p/covey/node/session/reconcile"
)

// Catching up. Two members compare their logs by fingerprints of ranges
// (reconcile), in a few frames whose size follows from what differs:
//
//	offer    a reconcile frame: where our logs differ
//	missing  names of envelopes I lack
//	inform   envelopes the other lacks, from the driver's disk
//
// One frame can hold all three. The order in the log is the epoch number in
// each envelope: both sides read it from the same bytes, without a key.

// body of a DirectSync: version, length and CBOR of this, then envelopes, each
// headed by its length.
type syncFrame struct {
	Floor   uint32       `cbor:"1,keyasint"` // the sender's: nothing below is wanted
	Offer   []byte       `cbor:"2,keyasint,omitempty"`
	Missing []EnvelopeID `cbor:"3,keyasint,omitempty"`
	More    bool         `cbor:"4,keyasint,omitempty"` // answer with an offer of your own
}

const syncVersion = 1

// peer is what is remembered of one that can be reached.
type peer struct {
	offered Time // when an exchange was last opened
	wanted  bool // another is to be opened as soon as it may
}

// question is an envelope that was asked for: of whom, and when.
type question struct {
	of Peer
	at Time
}

func item(id EnvelopeID, order uint32) reconcile.Item {
	return reconcile.Item{Order: uint64(order), ID: id}
}

// AppendRow appends the stored value of one of Direct.Rows to a frame.
func AppendRow(frame, value []byte) []byte {
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(value)))
	return append(frame, value...)
}

func (f *syncFrame) encode() []byte {
	return AppendRow([]byte{syncVersion}, encode(f))
}

// readFrame takes a frame apart.
func readFrame(b []byte) (f syncFrame, envelopes [][]byte, ok bool) {
	if len(b) == 0 || b[0] != syncVersion || len(b) > maxFrameBytes {
		return f, nil, false
	}
	for b = b[1:]; len(b) > 0; {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return f, nil, false
		}
		n := binary.BigEndian.Uint32(b)
		envelopes = append(envelopes, b[4:4+n:4+n])
		b = b[4+n:]
	}
	if len(envelopes) == 0 || decode(envelopes[0], &f) != nil {
		return f, nil, false
	}
	return f, envelopes[1:], true
}

// peerUp opens an exchange with a peer that has just become reachable. Who has
// just come in or woken compares with one, and with the others when that may be
// done: else each of them would bring the whole log.
func (s *Session) peerUp(p Peer) {
	if s.peers[p] == nil {
		s.peers[p] = &peer{}
	}
	if s.compared != 0 && s.now < s.compared+offerAgain {
		s.peers[p].offered, s.peers[p].wanted = s.now, true
		return
	}
	s.compared = cmp.Or(s.compared, s.now)
	s.offer(p)
}

// offer opens an exchange.
func (s *Session) offer(p Peer) {
	pr := s.peers[p]
	if pr == nil {
		return
	}
	pr.offered, pr.wanted = s.now, false
	s.forgetAsked()
	s.sync(p, &syncFrame{Floor: s.meta.Floor, Offer: s.set.InitiateFrom(uint64(s.meta.Floor))}, nil)
}

// forgetAsked lets go of what may be asked for again.
func (s *Session) forgetAsked() {
	maps.DeleteFunc(s.asked, func(_ EnvelopeID, q question) bool { return s.now >= q.at+askAgain })
	if len(s.asked) == 0 {
		s.asked = map[EnvelopeID]question{} // a map never shrinks
	}
}

// sync sends a frame, with envelopes from disk, in as many frames as needed.
func (s *Session) sync(p Peer, f *syncFrame, have []EnvelopeID) {
	var rows []string
	size := 0
	flush := func() {
		s.fx.Direct = append(s.fx.Direct, Direct{Peer: p, Kind: DirectSync, Bytes: f.encode(), Rows: rows})
		f, rows, size = &syncFrame{Floor: s.meta.Floor}, nil, 0
	}
	total := 0
	for _, id := range have {
		l, ok := s.log[id]
		if !ok {
			continue
		}
		if total += int(l.size); total > answerBytes {
			break // the rest is asked for again
		}
		if size+int(l.size) > informBytes && len(rows) > 0 {
			flush()
		}
		rows = append(rows, rowEnvelope(id, l))
		size += int(l.size)
	}
	if len(rows) > 0 || f.Offer != nil || f.Missing != nil {
		flush()
	}
}

// frame takes a frame of a peer's.
func (s *Session) frame(e Frame) {
	f, envelopes, ok := readFrame(e.Bytes)
	if !ok || !s.heeds(e.Device) {
		s.count(DropFrame)
		if !ok {
			s.blame(e.From)
		}
		return
	}
	p := s.peers[e.From]
	if p == nil {
		p = &peer{}
		if _, left := s.gone[e.Device]; !left {
			s.peers[e.From] = p
		}
	}
	for _, raw := range envelopes {
		if _, ok := parseEnvelope(raw); !ok {
			s.blame(e.From)
		}
		s.receive(e.From, raw)
	}
	set, upTo := s.logFor(e.Device)
	var reply syncFrame
	reply.Floor = s.meta.Floor
	have := f.Missing
	if f.Offer != nil {
		if f.Floor < s.meta.Floor && !f.More {
			// The other reaches further back than I: compare from my floor on.
			reply.Offer = set.InitiateFrom(uint64(s.meta.Floor))
			reply.More = true
		} else {
			answer, theirs, mine, err := set.Respond(f.Offer)
			if err != nil {
				s.count(DropFrame)
				s.blame(e.From)
				return
			}
			reply.Offer, reply.More = answer, true
			have = append(have, asEnvelopes(theirs)...)
			reply.Missing = s.unseen(e.From, mine)
		}
	}
	have = s.wanted(have, upTo)
	s.order(have)
	s.sync(e.From, &reply, have)
}

// blame is for what cannot be read at all. What can be read and does not hold may
// have come from somebody who has no key for it and only passes it on.
func (s *Session) blame(p Peer) { s.fx.Blame = append(s.fx.Blame, p) }

func asEnvelopes(ids [][32]byte) []EnvelopeID {
	out := make([]EnvelopeID, len(ids))
	for i := range ids {
		out[i] = ids[i]
	}
	return out
}

// wanted are those of ids that are in the log, up to an order or of the control
// plane.
func (s *Session) wanted(ids []EnvelopeID, upTo uint64) []EnvelopeID {
	return slices.DeleteFunc(slices.Clone(ids), func(id EnvelopeID) bool {
		l, here := s.log[id]
		return !here || uint64(l.order) > upTo && !l.control
	})
}

// unseen are those of ids to ask a peer for: not here, not parked, not found
// invalid, not asked for just now. What another was asked for it may be asked
// for in the next exchange, soon.
func (s *Session) unseen(from Peer, ids [][32]byte) []EnvelopeID {
	var out []EnvelopeID
	for _, raw := range ids {
		id := EnvelopeID(raw)
		if s.logged(id) || s.parked.has(id) || s.ahead.has(id) || s.refused.has(id) {
			continue
		}
		switch q, ok := s.asked[id]; {
		case ok && q.of == from && s.now < q.at+askAgain:
			continue
		case ok && q.of != from && s.peers[q.of] != nil && s.now < q.at+offerAgain:
			if p := s.peers[from]; p != nil {
				p.wanted = true
			}
			continue
		}
		if len(s.asked) >= maxAsked {
			clear(s.asked)
		}
		s.asked[id] = question{from, s.now}
		out = append(out, id)
	}
	return out
}

// order sorts envelopes as they are best read: by epoch.
func (s *Session) order(ids []EnvelopeID) {
	slices.SortStableFunc(ids, func(a, b EnvelopeID) int {
		return item(a, s.log[a].order).Compare(item(b, s.log[b].order))
	})
}

// askAround opens an exchange with whoever sent what cannot be placed yet.
func (s *Session) askAround(from Peer) {
	switch p := s.peers[from]; {
	case p == nil:
	case s.now >= p.offered+offerAgain:
		s.offer(from)
	default:
		p.wanted = true // put off, never dropped
		s.wake(p.offered + offerAgain)
	}
}

// press opens exchanges where a message of mine has no receipt from everybody, or
// word that I have read another's has none from its author:
// gossip may have lost it, or a link that only works one way. Each neighbour is
// asked when the receipts should be there, and again each time the message is
// twice as old; reminders alone would take a round for each neighbour.
func (s *Session) press() {
	if len(s.outbox) == 0 && len(s.tellings) == 0 {
		s.pressAt = 0
	}
	if s.pressAt != 0 && s.pressAt <= s.now {
		s.pressAt = 0
		for _, m := range s.outbox {
			if m.Epoch == (EpochID{}) || s.head() == nil || !s.lacking(m) {
				continue
			}
			s.pressFor(m.At)
		}
		for _, t := range s.tellings {
			if !t.waits() {
				s.pressFor(t.At)
			}
		}
	}
	if s.pressAt != 0 {
		s.wake(s.pressAt)
	}
}

// pressFor asks the neighbours whose turn it is about what was said at a time.
func (s *Session) pressFor(said Time) {
	for _, p := range s.peers {
		at := max(said+max(s.patience(), 2*(p.offered-said)), p.offered+pressEvery)
		if at <= s.now {
			p.wanted, at = true, s.now+pressEvery
		}
		s.pressBy(at)
	}
}

// pressBy sees to it that press looks at a time, if not earlier.
func (s *Session) pressBy(at Time) {
	if s.pressAt == 0 || at < s.pressAt {
		s.pressAt = at
	}
}

// patience is how long a message may go without a receipt.
func (s *Session) patience() Time { return 2*s.receiptTime() + pressAfter }

// remind opens an exchange with one peer now and then: gossip is a hint, the
// log is the truth.
func (s *Session) remind() {
	if len(s.peers) == 0 {
		return
	}
	next, last, wanted := s.nextPeer()
	if wanted {
		for _, p := range sortedPeers(s.peers) {
			if s.peers[p].wanted {
				s.askAround(p)
			}
		}
		next, last, _ = s.nextPeer()
	}
	if at := last + offerEvery; s.now < at {
		s.wake(at)
		return
	}
	s.offer(next)
	s.wake(s.now + offerEvery)
}

// nextPeer is the one asked longest ago, when the last was, and whether any is to
// be asked as soon as it may.
func (s *Session) nextPeer() (next Peer, last Time, wanted bool) {
	oldest := Time(0)
	for p, pr := range s.peers {
		if next == "" || pr.offered < oldest || pr.offered == oldest && p < next {
			next, oldest = p, pr.offered
		}
		last = max(last, pr.offered)
		wanted = wanted || pr.wanted
	}
	return next, last, wanted
}
