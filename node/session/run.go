package session

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Runs of receipts. A receipt is kept by all, for an author who has not heard it,
// and among people who talk nearly all of a log would be receipts. So a device
// says some things again, and the receipt that does stands for those before it:
// they leave the log.
//
//	run    receipts of one device under one epoch, one after the other
//	place  of a receipt in its run, from one on. The one at place n says what it
//	       says first and all that those at the places above n - (n & -n) say:
//	       the second says all of the first, the fourth of the first three
//	link   15 bytes of each. The last one's is drawn, and each before it is the
//	       hash of the one that follows: so whoever sees two can tell that the
//	       later was made by who made the earlier, and nobody else can make it.
//	       The hash of the first names the run
//	mark   link and place, as they stand on the envelope
//
// So of n receipts as many stand as n has ones in binary; and where each is for one
// message more, it names four on average, in a run of sixty-four. (If each named
// all before it, the latest alone would stand. Ten people who chat would send a
// quarter more bytes for it.)
//
// Which receipts stand is seen without opening anything: it is the same for a
// member who has no key for an epoch and keeps its envelopes for others, and does
// not hang on the order in which they come. Members who have been told the same
// have the same receipts in their logs, and comparing those finds nothing more to
// send. Of what has one mark all stays: anybody can copy it. Nothing but a receipt
// may have one, and whoever opens anything else that does refuses it: a liar could
// have a commit that all followed leave their logs, and nobody who was away would
// ever get it.
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

// placed is an envelope of a run that no other stands for.
type placed struct {
	place uint8
	id    EnvelopeID
}

// covers reports that the receipt at place n of a run says all that the one at
// place m says.
func covers(n, m uint8) bool { return m < n && m > n-n&-n }

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
	return s.markOf(l, 0)
}

// readMark finds which receipt of which run a mark is of, if of any.
func (s *Session) readMark(m mark) (r run, place uint8, ok bool) {
	r, earlier, hides := s.before(link(m[:15]))
	place = m[15] ^ hides
	if place == 0 || place > maxRun {
		return r, place, false
	}
	for range place - 1 {
		r, earlier, _ = s.before(earlier)
	}
	return r, place, true
}

// stands reports that no envelope in the log stands for this one. Those for which
// it stands leave the log.
func (s *Session) stands(id EnvelopeID, e *envelope) bool {
	if e.kind != kindBranch {
		return true
	}
	r, place, ok := s.readMark(e.mark)
	if !ok {
		return true
	}
	list := s.runs[r]
	if slices.ContainsFunc(list, func(p placed) bool { return covers(p.place, place) }) {
		return false
	}
	list = slices.DeleteFunc(list, func(p placed) bool {
		if covers(place, p.place) {
			s.drop(rowRun(r, p.id))
			s.unlog(p.id)
			return true
		}
		return p.id == id
	})
	s.runs[r] = append(list, placed{place, id})
	s.save(rowRun(r, id), encode(place), EpochID{})
	return true
}

// said is the run that this device's receipts are in.
type said struct {
	under EpochID
	last  link // of the run, if it gets that far
	names []byte
	from  []int // where in names those of each place begin
}

// sayHave sends a receipt: for messages, and for what its place stands for.
func (s *Session) sayHave(h *held, ids []MessageID) {
	mine := &s.said
	if mine.under != h.id || len(mine.from) == maxRun || len(mine.names)+len(ids)*shortName > maxRun*shortName {
		*mine = said{under: h.id}
		s.random(mine.last[:])
	}
	mine.from = append(mine.from, len(mine.names))
	for _, id := range ids {
		mine.names = append(mine.names, id[:shortName]...)
	}
	n := len(mine.from)
	l := mine.last
	for range maxRun - n {
		_, l, _ = s.before(l)
	}
	m := s.markOf(l, uint8(n))
	s.publishOwn(s.sealMarked(h, m, innerControl, s.state(controlReceipt, receipt{mine.names[mine.from[n-n&-n]:]})))
}

// forgetRuns lets go of runs of which nothing is left in a log that was cut.
func (s *Session) forgetRuns() {
	for _, r := range sortedIDs(s.runs) {
		if slices.ContainsFunc(s.runs[r], func(p placed) bool { return s.logged(p.id) }) {
			continue
		}
		for _, p := range s.runs[r] {
			s.drop(rowRun(r, p.id))
		}
		delete(s.runs, r)
	}
}
