package session

import "slices"

// Receipts: a device tells the group which messages it has. They let a sender
// say "3 of 5 devices" and end its outbox. Whoever comes next after the author
// in the tree answers at once, the others a moment apart from each other, and
// then none of them again for as long as all take in turn: a single message in
// a small group is acknowledged in one round trip, and all members of a large
// one together send about eight receipts a second, however much is said.

// What is owed is durable: a sender would wait for ever for the receipt of a
// device that crashed between reading and saying so. And it is owed again for
// a message that comes again, as the first receipt may have been sealed for a
// branch its author never read.

type receipt struct {
	// Names are the beginnings of messages' names, shortName bytes of each: of
	// those that the receipts it stands for name, and of others (run.go).
	Names []byte `cbor:"1,keyasint"`
}

// names is whether a receipt says that a message is there.
func (r *receipt) names(id MessageID) bool {
	for names := r.Names; len(names) > 0; names = names[shortName:] {
		if string(names[:shortName]) == string(id[:shortName]) {
			return true
		}
	}
	return false
}

func (r *receipt) fits() bool {
	return len(r.Names) <= maxReceipts*shortName && len(r.Names)%shortName == 0
}

// owe notes that a message of a device is to be acknowledged.
func (s *Session) owe(id MessageID, author Device) {
	if h := s.head(); len(s.owed) == 0 && h != nil {
		s.owedAt = max(s.now+s.moment(author), s.receiptNext)
	}
	if len(s.owed) >= maxOwed { // only where this device may not speak: the oldest are said again
		s.owed = s.owed[1:]
	}
	s.owed = append(s.owed, id)
	s.owing = true
}

// oweAgain is owe for a message that was here before.
func (s *Session) oweAgain(id MessageID, author Device) {
	if !slices.Contains(s.owed, id) {
		s.owe(id, author)
	}
}

// moment is how long after a message of author this device acknowledges it.
func (s *Session) moment(author Device) Time {
	h := s.head()
	if h == nil {
		return 0
	}
	r := h.roster
	mine, ok := r.device(s.cfg.Self.Device)
	theirs, also := r.device(author)
	if n := len(r.leaves); ok && also && n > 2 {
		return Time((mine-theirs-1+n)%n) * receiptShare
	}
	return 0
}

// receipts sends what is owed when its time has come.
func (s *Session) receipts() {
	s.sayReceived()
	if !s.owing {
		return
	}
	s.owing = false
	if len(s.owed) == 0 {
		s.drop(rowOwed)
	} else {
		s.save(rowOwed, encode(s.owed), EpochID{})
	}
}

func (s *Session) sayReceived() {
	h := s.head()
	if len(s.owed) == 0 || h == nil || !s.active() {
		return
	}
	if s.now < s.owedAt && len(s.owed) < maxReceipts {
		s.wake(s.owedAt)
		return
	}
	n := min(len(s.owed), maxReceipts)
	s.sayHave(h, s.owed[:n])
	s.owed = append([]MessageID(nil), s.owed[n:]...)
	s.receiptNext = s.now + s.receiptTime()
	s.owedAt = s.receiptNext
	s.owing = true
}

// receiptTime is the pause between two receipts of a device in a group of this
// size, and so the time in which every device has acknowledged a message.
func (s *Session) receiptTime() Time {
	h := s.head()
	if h == nil {
		return receiptWait
	}
	return max(receiptWait, Time(len(h.roster.leaves))*receiptShare)
}

// takeReceipt notes that a device has messages of mine.
func (s *Session) takeReceipt(c *control) outcome {
	var r receipt
	if decode(c.Body, &r) != nil || !r.fits() {
		s.count(DropControl)
		return outRefused
	}
	s.wordsHeard(c.Device, &r)
	if c.Device == s.cfg.Self.Device {
		return outLogged
	}
	for _, id := range s.outOrder(func(m *sent) bool { return !m.Got[c.Device] }) {
		if r.names(id) {
			s.gotBy(id, c.Device)
		}
	}
	return outLogged
}

// gotBy notes that a device has a message of mine.
func (s *Session) gotBy(id MessageID, d Device) {
	m := s.outbox[id]
	if m.Got == nil {
		m.Got = map[Device]bool{}
	}
	m.Got[d] = true
	s.stirred = true
	if m.State == StateQueued { // it left by way of an exchange
		m.State = StateHanded
		s.notify(Notice{Kind: NoticeSent, ID: m.ID, Message: id, State: StateHanded, Count: 1})
	}
	h := s.held[m.Epoch]
	n := Notice{Kind: NoticeDelivered, ID: m.ID, Message: id, Device: d, Count: len(m.Got), Of: m.Of}
	if h != nil && h.roster != nil {
		if i, ok := h.roster.device(d); ok {
			n.Account = h.roster.account[i]
		}
	}
	s.notify(n)
	s.saveSent(id, m)
}

// lacks notes a message that somebody saw and I do not have.
func (s *Session) lacks(id MessageID) {
	if _, ok := s.gaps[id]; !ok && len(s.gaps) < maxGaps {
		s.gaps[id] = s.now
	}
}

// chase asks for messages that are missing, and says so if they do not come.
func (s *Session) chase() {
	for _, id := range sortedIDs(s.gaps) {
		since := s.gaps[id]
		switch {
		case s.now < since+gapAsk:
			s.wake(since + gapAsk)
		case s.now < since+gapTell:
			s.askAll()
			s.wake(since + gapTell)
		default:
			delete(s.gaps, id)
			s.notify(Notice{Kind: NoticeGap, Message: id, Reason: "a message that others have seen has not come, and nobody who can be reached has it"})
		}
	}
}
