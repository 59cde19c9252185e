package session

import (
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// The way of an envelope in:
//
//	receive   size, version, seen before?                     → dropped, counted
//	          whose key opens it: the tag names the epoch     → parked if unknown
//	commit    opened on its parent → admit (epoch.go)
//	message   opened by the epoch's message keys → history (ahead.go if
//	          too many of its author's are missing before it)
//	control   opened by an anchor's key → votes, headers
//
// What was opened joins the log, so that sync can offer it to others.

// logged is what is kept in memory of an envelope in the log.
type logged struct {
	order   uint32
	size    uint32
	control bool // of the control plane
}

// receive takes one envelope from whoever brought it.
func (s *Session) receive(from Peer, raw []byte) {
	e, ok := parseEnvelope(raw)
	if !ok {
		s.count(DropMalformed)
		return
	}
	id := e.id()
	switch {
	case s.logged(id), s.parked.has(id), s.ahead.has(id):
		s.count(DropDuplicate)
	case s.refused.has(id):
		s.count(DropRefused)
	case e.order < s.meta.Floor:
		s.count(DropUnasked)
	case e.order <= s.meta.Closed && s.meta.Joined != EpochID{} && s.closed(&e):
		s.count(DropUnasked) // from before I was let in: kept for others
		if s.logEnvelope(id, &e) {
			s.leaveUnread(id, e.order)
		}
	default:
		s.take(from, id, &e)
		s.advance()
	}
}

// closed reports that an envelope from before I was let in is of an epoch that
// I was not in earlier either.
func (s *Session) closed(e *envelope) bool {
	if e.kind == kindBranch {
		return s.held[s.tags[e.tag]] == nil
	}
	_, ok := s.openControl(e)
	return !ok
}

// verdicts of opening an envelope.
type outcome uint8

const (
	outLogged  outcome = iota // used, or at least authentic: kept and offered
	outRefused                // not valid, for everybody: forgotten but its name
	outParked                 // not yet
	outOpaque                 // authentic once, but its keys are gone here: kept for others
	outAhead                  // kept apart: its author's before it are missing
)

func (s *Session) take(from Peer, id EnvelopeID, e *envelope) {
	var out outcome
	if e.kind == kindControl {
		out = s.takeControl(from, e)
	} else if h := s.held[s.tags[e.tag]]; h != nil {
		out = s.takeBranch(from, id, e, h)
	} else {
		out = outParked
	}
	switch out {
	case outLogged, outOpaque:
		s.logEnvelope(id, e)
	case outRefused:
		s.refused.put(id)
	case outParked:
		s.park(from, id, e)
	}
}

// takeBranch opens what one epoch's branch key seals.
func (s *Session) takeBranch(from Peer, id EnvelopeID, e *envelope, h *held) outcome {
	if h.branch == (Key{}) {
		s.count(DropErased)
		return outOpaque
	}
	plain, ok := s.cfg.Engine.Open(h.branch, e.head, e.sealed)
	inner, body, fits := unpad(plain)
	if !ok || !fits || uint64(e.order) != h.number {
		s.count(DropSealed)
		return outRefused
	}
	if _, _, marked := s.readMark(e.mark); marked && inner != innerControl {
		s.count(DropMalformed) // else its author could have it leave all logs again
		return outRefused
	}
	switch inner {
	case innerCommit:
		return s.takeCommit(id, h, body)
	case innerMessage:
		return s.takeMessage(from, id, h, e, body)
	case innerControl:
		return s.takeStatement(from, body, e, h)
	}
	s.count(DropMalformed)
	return outLogged // of a later version, perhaps; members only can make one
}

// takeCommit opens a commit on its parent.
func (s *Session) takeCommit(by EnvelopeID, p *held, body []byte) outcome {
	var a announced
	if decode(body, &a) != nil {
		s.count(DropMalformed)
		return outRefused
	}
	id := commitID(p.id, a.Commit)
	if p.epoch == nil {
		s.count(DropErased)
		return outOpaque
	}
	ap, err := p.epoch.Apply(a.Commit)
	shut := errors.Is(err, ErrPath)
	switch {
	case errors.Is(err, ErrOwn):
		s.ownEcho(p, id, ap)
		return outLogged
	case shut:
		ap.Next = nil
	case err != nil:
		s.count(DropInvalid)
		return outRefused
	}
	if s.held[ChildOf(p.id, ap.Core)] != nil { // the same commit, framed anew
		s.count(DropDuplicate)
		return outLogged
	}
	v, err := s.judge(p, id, ap)
	if err == nil {
		err = s.headed(p, &v, a.Header)
	}
	if err != nil {
		s.count(reasonOf(err))
		return outRefused
	}
	if shut {
		s.count(DropPath)
		s.nack(p, ChildOf(p.id, ap.Core))
		s.unopenable[id] = true
	}
	known, said := s.chain.Get(id)
	s.admit(p, &v, ap, by)
	if _, in := s.chain.Get(id); in && !(said && known.Header) {
		s.awaitHeader(id)
	}
	return outLogged
}

// ownEcho meets a commit of this very device. One that this session made is in
// the tree already; any other was made by a later state of this device, of
// which this is an old copy.
func (s *Session) ownEcho(p *held, id CommitID, ap Applied) {
	made, ok := s.own[p.id]
	if ok && (made == id || ap.Core == Core{} || s.held[ChildOf(p.id, ap.Core)] != nil) {
		s.count(DropOwn)
		return
	}
	s.grewStale("a change made by this device that it does not remember")
}

// propose gives a candidate to the rule.
func (s *Session) propose(c consensus.Candidate) consensus.Status {
	c.Signed = s.cfg.Commons.word(c.Signed)
	_, status := s.chain.Add(c)
	s.stirred = true
	if e, ok := s.chain.Epoch(c.Child.ID); ok && status == consensus.AddHeld {
		s.encounter(&e, 1)
	}
	switch status {
	case consensus.AddHeld, consensus.AddEntered:
		s.disturbed()
		if len(s.chain.Children(c.Parent)) > 1 {
			s.raced = append(s.raced, c.ID)
		}
		s.unpark(Tag(c.Child.ID[:])) // headers that hang below it
	case consensus.AddCooling:
		s.count(DropCooling)
	}
	return status
}

// takeMessage opens a message.
func (s *Session) takeMessage(from Peer, id EnvelopeID, h *held, e *envelope, body []byte) outcome {
	if h.keys == nil {
		s.count(DropErased)
		return outOpaque
	}
	o, err := h.keys.Unprotect(body)
	var far *AheadError
	switch {
	case errors.As(err, &far):
		s.putAhead(from, id, e.raw, ratchet{h.id, far.Device}, far.Generation)
		return outAhead
	case errors.Is(err, ErrOwn) && h.past != 0: // of before this device was let in anew
		s.count(DropOwn)
		return outLogged
	case errors.Is(err, ErrOwn):
		s.grewStale("a message sent by this device that it does not remember")
		return outLogged
	case errors.Is(err, ErrConsumed):
		s.count(DropConsumed)
		return outRefused // the same message under another envelope
	case err != nil:
		s.count(DropInvalid)
		return outRefused
	}
	s.saveKeys(h, o.Cells)
	s.ahead.moved(ratchet{h.id, o.Device})
	var m message
	account, ok := s.accountOf(h, o.Device)
	if !ok || decode(o.Plain, &m) != nil {
		s.count(DropInvalid)
		return outLogged
	}
	s.deliver(h, e.order, o.Device, account, &m)
	return outLogged
}

// arrival is a message on its way into the history.
type arrival struct {
	h       *held
	order   uint32
	id      MessageID
	author  Device
	account Account
	m       *message
}

// deliver takes a message in, once.
func (s *Session) deliver(h *held, order uint32, author Device, account Account, m *message) {
	s.heard(author, h)
	id := m.id(author)
	if _, dup := s.mids[id]; dup {
		s.count(DropRepeat)
		if author != s.cfg.Self.Device {
			s.oweAgain(id, author)
		}
		return
	}
	s.mids[id] = order
	s.arrivals = append(s.arrivals, arrival{h, order, id, author, account, m})
}

// arrange writes what one Step brought into the history: what a message had
// seen before it, the rest as it came. Nothing waits for what did not come.
func (s *Session) arrange() {
	late := map[MessageID]bool{}
	for _, a := range s.arrivals {
		late[a.id] = true
	}
	for len(s.arrivals) > 0 {
		next := max(0, slices.IndexFunc(s.arrivals, func(a arrival) bool {
			return !slices.ContainsFunc(a.m.Seen, func(sn seen) bool { return late[sn.ID] })
		}))
		a := s.arrivals[next]
		s.arrivals = slices.Delete(s.arrivals, next, next+1)
		delete(late, a.id)
		s.chronicle(a.h, a.order, a.id, a.author, a.account, a.m.Body)
		s.owe(a.id, a.author)
		for _, sn := range a.m.Seen {
			if _, ok := s.mids[sn.ID]; !ok && sn.Order >= s.meta.Floor && (sn.Order > s.meta.Closed || s.meta.Joined == (EpochID{})) {
				s.lacks(sn.ID)
			}
		}
		s.saw(a.id, a.order)
	}
}

// saw remembers the two latest messages, which the next of mine names.
func (s *Session) saw(id MessageID, order uint32) {
	s.lately = append(s.lately, seen{id, order})
	s.lately = s.lately[max(0, len(s.lately)-2):]
}

// chronicle writes a message into the history and tells the faces.
func (s *Session) chronicle(h *held, order uint32, id MessageID, author Device, account Account, body []byte) {
	s.mids[id] = order
	mine := author == s.cfg.Self.Device
	if mine {
		s.mine[id] = true
	}
	s.save(rowMessage(order, id, mine), []byte{1}, EpochID{})
	s.meta.History++
	s.saveMeta()
	delete(s.gaps, id)
	n := Notice{Kind: NoticeText, Message: id, Account: account, Device: author, Body: body,
		Epoch: h.id, Number: h.number, Seq: s.meta.History}
	s.save(rowHistory(n.Seq), encode(History{Seq: n.Seq, At: s.wall, Message: id, Account: account, Device: author, Epoch: h.id, Body: body}), EpochID{})
	s.notify(n)
}

// accountOf is the account of a device that is or was in an epoch. Where that
// epoch's roster is gone, a later one knows: a device never changes hands.
func (s *Session) accountOf(h *held, d Device) (Account, bool) {
	for _, in := range []*held{h, s.head()} {
		if in != nil && in.roster != nil {
			if i, ok := in.roster.device(d); ok {
				return in.roster.account[i], true
			}
			if in == h {
				return Account{}, false
			}
		}
	}
	for _, id := range sortedIDs(s.held) {
		if r := s.held[id].roster; r != nil {
			if i, ok := r.device(d); ok {
				return r.account[i], true
			}
		}
	}
	return Account{}, false
}

// hearing is when a device last took part, by whatever came of it: a hint who is
// online. And when that came by gossip, as it was said, and not in a log of what
// was said earlier.
type hearing struct{ last, live Time }

// heard notes that a device took part just now.
func (s *Session) heard(d Device, h *held) {
	at := hearing{s.now, s.lastHeard[d].live}
	if s.live {
		at.live = s.now
	}
	s.lastHeard[d] = at
	if h != nil {
		s.arrived(d, h.id)
	}
}

// logged reports whether an envelope is in the log.
func (s *Session) logged(id EnvelopeID) bool { _, ok := s.log[id]; return ok }

// logEnvelope keeps an envelope for those who will ask for it, unless a later one
// that is here stands for it.
func (s *Session) logEnvelope(id EnvelopeID, e *envelope) bool {
	if !s.stands(id, e) {
		s.count(DropNeedless)
		s.refused.put(id)
		return false
	}
	l := logged{e.order, uint32(len(e.raw)), e.kind == kindControl}
	s.enlist(id, l)
	s.save(rowEnvelope(id, l), e.raw, EpochID{})
	return true
}

// enlist puts an envelope into what is kept of the log in memory.
func (s *Session) enlist(id EnvelopeID, l logged) {
	s.log[id] = l
	s.set.Add(item(id, l.order))
	if l.control && s.controls != nil {
		s.controls.Add(item(id, l.order))
	}
	s.logBytes += int(l.size)
	s.logSizes[l.order] += int(l.size)
}

// leaveUnread remembers an envelope of the log that no key here opens. Epoch
// numbers are not unique: a Welcome may yet let this device into a lower epoch
// of another branch, and then it is to be read.
func (s *Session) leaveUnread(id EnvelopeID, order uint32) {
	if len(s.unread) >= maxUnread {
		lowest := item(id, order)
		for x, o := range s.unread {
			if it := item(x, o); it.Compare(lowest) < 0 {
				lowest = it
			}
		}
		if EnvelopeID(lowest.ID) == id {
			return
		}
		s.readNow(EnvelopeID(lowest.ID))
	}
	s.unread[id] = order
	s.save(rowUnread(id), encode(order), EpochID{})
}

func (s *Session) readNow(id EnvelopeID) {
	delete(s.unread, id)
	s.drop(rowUnread(id))
}

// reread takes envelopes of these epoch numbers that could not be read out of
// the log and asks for them again: there may be a key now.
func (s *Session) reread(from, to uint32) {
	again := false
	for _, id := range sortedIDs(s.unread) {
		if order := s.unread[id]; order < from || order > to {
			continue
		}
		s.unlog(id)
		delete(s.asked, id)
		again = true
	}
	if again {
		s.askAll()
	}
}

// unlog takes an envelope out of the log.
func (s *Session) unlog(id EnvelopeID) {
	l, here := s.log[id]
	if !here {
		return
	}
	delete(s.log, id)
	s.set.Remove(item(id, l.order))
	if l.control && s.controls != nil {
		s.controls.Remove(item(id, l.order))
	}
	s.logBytes -= int(l.size)
	if s.logSizes[l.order] -= int(l.size); s.logSizes[l.order] == 0 {
		delete(s.logSizes, l.order)
	}
	s.drop(rowEnvelope(id, l))
	if _, ok := s.unread[id]; ok {
		s.readNow(id)
	}
}

// parking holds envelopes whose epoch is not known yet, by tag.
type parking struct {
	by    map[EnvelopeID]*waiting
	order []EnvelopeID // oldest first
	bytes int
}

type waiting struct {
	from Peer
	raw  []byte
	tag  Tag
}

func newParking() parking { return parking{by: map[EnvelopeID]*waiting{}} }

func (p *parking) has(id EnvelopeID) bool { return p.by[id] != nil }

func (p *parking) remove(id EnvelopeID) *waiting {
	w := p.by[id]
	if w == nil {
		return nil
	}
	p.bytes -= len(w.raw)
	delete(p.by, id)
	p.order = slices.DeleteFunc(p.order, func(x EnvelopeID) bool { return x == id })
	return w
}

// park keeps an envelope until its epoch is known, or until others push it out.
func (s *Session) park(from Peer, id EnvelopeID, e *envelope) {
	p := &s.parked
	p.by[id] = &waiting{from, e.raw, e.tag}
	p.order = append(p.order, id)
	p.bytes += len(e.raw)
	for len(p.order) > maxParked || p.bytes > maxParkedBytes {
		p.remove(p.order[0])
		s.count(DropParked)
	}
	s.askAround(from)
}

// unpark takes up what waited for an epoch, in the order it came.
func (s *Session) unpark(tag Tag) {
	for _, id := range slices.Clone(s.parked.order) {
		if w := s.parked.by[id]; w != nil && w.tag == tag {
			s.parked.remove(id)
			if e, ok := parseEnvelope(w.raw); ok {
				s.take(w.from, sha256.Sum256(w.raw), &e)
			}
		}
	}
}

// unparkAll takes everything up again: from where this device is now, what
// waited may be of epochs that it was not in and never will be.
func (s *Session) unparkAll() {
	for _, id := range slices.Clone(s.parked.order) {
		if w := s.parked.remove(id); w != nil { // else one before it took it along
			s.receive(w.from, w.raw)
		}
	}
}
