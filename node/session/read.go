package session

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Read receipts: a person tells the author of a message that it was read. They
// are for whoever wants them: the session says of a message that it was read
// only where a Read names it as shown, and nothing else hangs on them.
//
//	shown   a Read names messages; what is new is noted, durable (telling)
//	tell    a moment later, so that a page that is scrolled through is one word,
//	        each author is told of its own, sealed for the branch as receipts are
//	heard   the author's faces are told, and its next receipt names the word
//	        (wordID) as it names messages: only then is it done with
//	again   a word whose epoch lost, or is so far behind that its author cannot
//	        open it any more, or from before it was let in again, is told again
//	        under the head
//
// The author counts people, not devices, and the same word twice is one; what
// is counted is for the driver, which knows who is in the group when it shows
// it. All members can open a word, as they can receipts. A member whose program
// does not know them counts it as a statement of a later version, keeps it for
// others, and never answers: it is told again now and then, for tellKeep.
//
// Who asks nothing of it pays nothing. In a group of 30, a message that all have
// read and tell of costs 29 words of 258 bytes and one receipt of 450; a hundred
// that one has read, a word of 2,114 bytes and a receipt of 194.

// word is what one device tells another of: messages of that device that a
// person has read.
type word struct {
	Author   Device      `cbor:"1,keyasint"`
	Messages []MessageID `cbor:"2,keyasint"`
}

// telling is a word until its author has it.
type telling struct {
	Word  word    `cbor:"1,keyasint"`
	Since Time    `cbor:"2,keyasint"`
	Epoch EpochID `cbor:"3,keyasint"` // told under; zero: not yet, or to be told again
	// Number is that epoch's, and ID what the author's receipt will name.
	Number uint64    `cbor:"4,keyasint"`
	ID     MessageID `cbor:"5,keyasint"`
	At     Time      `cbor:"6,keyasint"` // told
}

// wordID names a statement among the messages of a receipt.
func wordID(d Device, count uint64) MessageID {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("covey read"), d[:]...), count))
	return MessageID(h[:16])
}

// read moves the mark of what was read here, and notes whom to tell.
func (s *Session) read(e Read) {
	s.meta.Read = max(s.meta.Read, min(e.Seq, s.meta.History))
	s.saveMeta()
	for _, sh := range e.Shown {
		if _, here := s.mids[sh.Message]; !here || sh.Author == s.cfg.Self.Device {
			s.count(DropRead)
		} else if !s.shown.has(sh.Message) {
			s.shown.put(sh.Message)
			s.noteRead(sh)
		}
	}
	s.notify(Notice{Kind: NoticeIntent, ID: e.ID, State: StateFinal})
}

// noteRead adds a message to what its author is told next.
func (s *Session) noteRead(sh Shown) {
	if !slices.ContainsFunc(s.tellings, (*telling).waits) {
		s.tellAt = max(s.now+tellAfter+s.moment(sh.Author), s.tellNext)
	}
	s.tellingsChanged = true
	for _, t := range s.tellings {
		if t.waits() && t.Word.Author == sh.Author && len(t.Word.Messages) < maxReceipts {
			t.Word.Messages = append(t.Word.Messages, sh.Message)
			return
		}
	}
	if len(s.tellings) >= maxTellings {
		s.count(DropRead)
		s.tellings = s.tellings[1:]
	}
	s.tellings = append(s.tellings, &telling{Word: word{sh.Author, []MessageID{sh.Message}}, Since: s.now})
}

func (t *telling) waits() bool { return t.Epoch == EpochID{} }

// words tells authors what was read of theirs, when its time has come.
func (s *Session) words() {
	s.wordsAgain()
	s.sayRead()
	if s.tellingsChanged {
		s.tellingsChanged = false
		if len(s.tellings) == 0 {
			s.drop(rowTellings)
		} else {
			s.save(rowTellings, encode(s.tellings), EpochID{})
		}
	}
	s.saveNews()
}

// wordsAgain finds words that cannot have been understood, and lets go of those
// that nobody will ever answer.
func (s *Session) wordsAgain() {
	h := s.head()
	if h == nil || len(s.tellings) == 0 || h.id == s.toldHead {
		return
	}
	s.toldHead = h.id
	s.tellings = slices.DeleteFunc(s.tellings, func(t *telling) bool {
		if s.now >= t.Since+tellKeep {
			s.tellingsChanged = true
			return true
		}
		if !t.waits() && (t.Number+readEpochs < h.number || !s.chain.Within(h.id, t.Epoch) ||
			s.letInSince(t.Epoch, func(d Device) bool { return d == t.Word.Author })) {
			t.Epoch, s.tellingsChanged = EpochID{}, true
			s.tellAt = max(s.now+tellAfter, s.tellNext)
		}
		return false
	})
}

func (s *Session) sayRead() {
	h := s.head()
	if h == nil || !s.active() || !slices.ContainsFunc(s.tellings, (*telling).waits) {
		return
	}
	if s.now < s.tellAt {
		s.wake(s.tellAt)
		return
	}
	for _, t := range s.tellings {
		if _, in := h.roster.device(t.Word.Author); !in || !t.waits() {
			continue
		}
		s.publishOwn(s.sealOn(h, innerControl, s.state(controlRead, t.Word)))
		t.Epoch, t.Number, t.ID = h.id, h.number, wordID(s.cfg.Self.Device, s.meta.Stated)
		t.At = s.now
		s.pressBy(s.now + s.patience())
		s.tellingsChanged = true
		s.tellNext = s.now + s.receiptTime()
	}
}

// tellingOf is the word that a message was read here, if it is under way.
func (s *Session) tellingOf(id MessageID) *telling {
	for _, t := range s.tellings {
		if slices.Contains(t.Word.Messages, id) {
			return t
		}
	}
	return nil
}

// reader is news of a message of mine. It is durable until a later Step saves
// anything, since a crash may keep it from the faces, and its reader, once
// answered, does not say it again.
type reader struct {
	Message MessageID `cbor:"1,keyasint"`
	Account Account   `cbor:"2,keyasint"`
	Device  Device    `cbor:"3,keyasint"`
}

func (s *Session) tellReader(r reader) {
	s.notify(Notice{Kind: NoticeRead, Message: r.Message, Account: r.Account, Device: r.Device})
}

// saveNews keeps the news of this Step, and lets go of that of one before, which
// the faces have by now, with the next batch that there is.
func (s *Session) saveNews() {
	switch {
	case len(s.news) > 0:
		s.save(rowNews, encode(s.news), EpochID{})
		s.news, s.newsKept = nil, true
	case s.newsKept && len(s.fx.Save) > 0:
		s.drop(rowNews)
		s.newsKept = false
	}
}

// takeRead hears that somebody has read messages of mine.
func (s *Session) takeRead(account Account, c *control) outcome {
	var w word
	if decode(c.Body, &w) != nil || len(w.Messages) > maxReceipts {
		s.count(DropControl)
		return outRefused
	}
	if w.Author != s.cfg.Self.Device || c.Device == s.cfg.Self.Device {
		return outLogged
	}
	for _, id := range w.Messages {
		if !s.mine[id] {
			s.count(DropRead)
		} else if account != s.cfg.Self.Account {
			s.news = append(s.news, reader{id, account, c.Device})
			s.tellReader(s.news[len(s.news)-1])
		}
	}
	s.oweAgain(wordID(c.Device, c.Count), c.Device)
	return outLogged
}

// wordsHeard ends the words that their author has acknowledged.
func (s *Session) wordsHeard(author Device, r *receipt) {
	s.tellings = slices.DeleteFunc(s.tellings, func(t *telling) bool {
		done := !t.waits() && t.Word.Author == author && r.names(t.ID)
		s.tellingsChanged = s.tellingsChanged || done
		return done
	})
}
