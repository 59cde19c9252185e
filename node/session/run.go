package session

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Runs of receipts. A receipt is kept by all, for an author who has not heard it,
// and among people who talk nearly all of a log would be receipts. So a device
// says with each what it said in those before, and the latest stands for them:
// they leave the log.
//
//	run    receipts of one device under one epoch, each of which names all that
//	       the one before it names
//	link   15 bytes of each. The last one's is drawn, and each before it is the
//	       hash of the one that follows: so whoever sees two can tell that the
//	       later was made by who made the earlier, and nobody else can make it
//	place  how many come before it; with the link it leads to the hash of the
//	       first, which names the run
//	mark   link and place, as they stand on the envelope
//
// Of a run, the receipt at the highest place stays, and so do all at that place:
// anybody can copy a mark. All this is seen without opening anything, so it is the
// same for a member who has no key for an epoch and keeps its envelopes for others;
// and it does not hang on the order in which they come. So members who have the
// latest of each run have the same receipts in their logs, and comparing those
// finds nothing more to send.
//
// The hash is keyed by the group's id, which only members know. To others, marks
// are noise, as are those on all that is no receipt; to a member who was removed
// they tell which receipts are of one device, and not of which.
//
// A run ends where it would be longer than maxRun, or name more, where its device
// goes to another epoch, and where it restarts: only what is owed is durable.

type (
	run  [16]byte
	link [15]byte
	mark [markSize]byte
)

const markSize = 16

// latest are the envelopes that stand for a run: one, but where somebody copied
// its mark.
type latest struct {
	place uint8
	ids   []EnvelopeID
}

func rowRun(r run, id EnvelopeID) string {
	return "run/" + hex.EncodeToString(r[:]) + "/" + hex.EncodeToString(id[:])
}

// before is the hash of a link, one block of it: the link before it, and what hides
// its place.
func (s *Session) before(l link) (r run, earlier link, hides uint8) {
	var b [8 + len(s.group) + len(l)]byte
	copy(b[:], "receipts")
	copy(b[8:], s.group[:])
	copy(b[8+len(s.group):], l[:])
	h := sha256.Sum256(b[:])
	return run(h[:16]), link(h[:15]), h[16]
}

func (s *Session) markOf(l link, place uint8) mark {
	_, _, hides := s.before(l)
	return mark(append(l[:], place^hides))
}

// noise is the mark of what is no receipt.
func (s *Session) noise() mark {
	var l link
	s.random(l[:])
	return s.markOf(l, 0xff)
}

// readMark finds which receipt of which run a mark is of, if of any.
func (s *Session) readMark(m mark) (r run, place uint8, ok bool) {
	r, earlier, hides := s.before(link(m[:15]))
	place = m[15] ^ hides
	if place >= maxRun {
		return r, place, false
	}
	for range place {
		r, earlier, _ = s.before(earlier)
	}
	return r, place, true
}

// stands reports that no envelope in the log stands for this one. The one for
// which it stands leaves the log.
func (s *Session) stands(id EnvelopeID, e *envelope) bool {
	if e.kind != kindBranch {
		return true
	}
	r, place, ok := s.readMark(e.mark)
	if !ok {
		return true
	}
	l := s.runs[r]
	if place < l.place {
		return false
	}
	if place > l.place {
		for _, was := range l.ids {
			s.drop(rowRun(r, was))
			s.unlog(was)
		}
		l.ids = nil
	}
	if !slices.Contains(l.ids, id) {
		l.ids = append(l.ids, id)
	}
	s.runs[r] = latest{place, l.ids}
	s.save(rowRun(r, id), encode(place), EpochID{})
	return true
}

// said is the run that this device's receipts are in.
type said struct {
	under  EpochID
	last   link  // of the run, if it gets that far
	places uint8 // taken
	names  []byte
}

// sayHave sends a receipt: for messages, and for what the run has named before.
func (s *Session) sayHave(h *held, ids []MessageID) {
	mine := &s.said
	if mine.under != h.id || mine.places == maxRun || len(mine.names)+len(ids)*shortName > maxRun*shortName {
		*mine = said{under: h.id}
		s.random(mine.last[:])
	}
	for _, id := range ids {
		if !hasName(mine.names, id) {
			mine.names = append(mine.names, id[:shortName]...)
		}
	}
	l := mine.last
	for range maxRun - 1 - mine.places {
		_, l, _ = s.before(l)
	}
	m := s.markOf(l, mine.places)
	mine.places++
	s.publishOwn(s.sealMarked(h, m, innerControl, s.state(controlReceipt, receipt{mine.names})))
}

// forgetRuns lets go of runs of which nothing is left in a log that was cut.
func (s *Session) forgetRuns() {
	for _, r := range sortedIDs(s.runs) {
		l := s.runs[r]
		if slices.ContainsFunc(l.ids, s.logged) {
			continue
		}
		delete(s.runs, r)
		for _, id := range l.ids {
			s.drop(rowRun(r, id))
		}
	}
}
