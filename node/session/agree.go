package session

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// When may the secrets of an epoch p go, by which a rival of its child c could
// still be entered? Not when everybody's latest vote is for c: votes move, two
// may cross, and each of two members may find the other's older vote where it
// stands itself. (Each then erased what the other had moved to, and neither
// could follow.) So there are two rounds:
//
//	stand    each device votes: where it stands, and its turn, which it raises
//	         whenever it leaves the line of what it voted for before
//	ack      once it has heard all stand at or below c, it says so, and names
//	         the turns it heard them at: by their hash (sum)
//	erase    once all have said so, with one and the same sum
//
// Nobody who was there leaves c after that. (Who is let in anew starts over, with
// the states of the branch that let it in, and can be let in again.) Suppose some
// do; look at the first of them to do so after its ack. It follows the rule, which
// leads to c as long as all stand there: so it had heard a vote beside c that it
// had not heard when it gave its ack. Within one turn a device's votes lie on one
// line, so that vote was of a later turn than the sum counts, and came after its
// own device's ack, which counts the same turns. Then that device had left
// earlier: it is not the first.
//
// All is every device of every account that votes on p's children and that c
// keeps: an account's second device, asleep, may wake and vote for what it last
// knew. Whom c removed is not asked, as long as the others are most: by itself
// its word cannot turn them. Nothing waits for ever: what is never agreed on so
// goes when the head is a window ahead, or after forkKeep.

// stance is the latest that a device said about where it stands.
type stance struct {
	Head  EpochID  `cbor:"1,keyasint"`
	Count uint64   `cbor:"2,keyasint"` // of its statements
	Turn  uint64   `cbor:"3,keyasint"`
	Seen  EpochID  `cbor:"4,keyasint"` // all stand at or below it; zero: not so
	Sum   [32]byte `cbor:"5,keyasint"` // and these are the turns they stand at
}

// takeStance notes where a device stands. One of no epoch known here is nobody
// whose word is asked for.
func (s *Session) takeStance(d Device, account Account, st stance) {
	old, known := s.stances[d]
	if known && old.Count >= st.Count {
		return
	}
	if _, in := s.accountOf(s.head(), d); !known && (!in || !s.everMet(account)) {
		return
	}
	if !known || old.Turn != st.Turn {
		s.turned++
	}
	s.stances[d] = st
	s.save(rowStance(d), encode(st), EpochID{})
	s.stirred = true
}

// dropStances forgets the devices that are no longer in the group.
func (s *Session) dropStances() {
	for _, d := range sortedIDs(s.stances) {
		if _, in := s.head().roster.device(d); !in {
			delete(s.stances, d)
			s.turned++
			s.drop(rowStance(d))
		}
	}
}

// poll is whose word is asked for before the parent of an epoch is erased in its
// favour, and how far that has come. Who it is follows from the two rosters.
type poll struct {
	electors int       // of the parent
	accounts []Account // those of them that the child keeps
	devices  []Device  // and theirs, in the order of their leaves
	// A vote changes little of what was found before it, and a large group has
	// many: so the account last found elsewhere, and the device that had not
	// said that all stand here, are looked at first.
	holdout, silent int
}

// pollOn is the poll on a child of p.
func (s *Session) pollOn(p, child *held) *poll {
	if child.poll != nil {
		return child.poll
	}
	electors := s.chain.Electors(p.id)
	child.poll = &poll{electors: len(electors)}
	for _, a := range electors {
		if child.roster.has(a) {
			child.poll.accounts = append(child.poll.accounts, a)
		}
	}
	for _, d := range p.roster.devicesOf(electors) {
		if _, in := child.roster.device(d); in {
			child.poll.devices = append(child.poll.devices, d)
		}
	}
	return child.poll
}

// devicesOf are the devices of an epoch's electors, in the order of their leaves.
func (r *roster) devicesOf(electors []Account) []Device {
	if r.asked == nil {
		for i, l := range r.leaves {
			if _, votes := slices.BinarySearchFunc(electors, r.account[i], compareAccount); votes {
				r.asked = append(r.asked, l.Device)
			}
		}
	}
	return r.asked
}

// unanimous is the sum of the turns that all are at whose word is asked for
// before p is erased in favour of its child by into: false unless all stand at
// or below the child, and are most.
func (s *Session) unanimous(into *consensus.Candidate) (sum [32]byte, of *poll, ok bool) {
	p, child := s.held[into.Parent], s.held[into.Child.ID]
	if p == nil || child == nil || p.roster == nil || child.roster == nil {
		return sum, nil, false
	}
	of = s.pollOn(p, child)
	if 2*s.chain.Weight(into.ID) <= of.electors {
		return sum, of, false // who stands below the child weighs on it: too few do
	}
	if 2*len(of.accounts) <= of.electors || !s.standsBelow(of.accounts[of.holdout], child.id) {
		return sum, of, false
	}
	for i, a := range of.accounts {
		if !s.standsBelow(a, child.id) {
			of.holdout = i
			return sum, of, false
		}
	}
	h := sha256.New()
	for _, d := range of.devices {
		st, spoke := s.stances[d]
		if !spoke || !s.chain.Within(st.Head, child.id) {
			return sum, of, false
		}
		h.Write(d[:])
		h.Write(binary.BigEndian.AppendUint64(nil, st.Turn))
	}
	return [32]byte(h.Sum(nil)), of, true
}

// standsBelow reports that an account has voted and stands at or below an epoch.
func (s *Session) standsBelow(a Account, id EpochID) bool {
	at, ok := s.chain.Standing(a)
	_, spoke := s.lastVote[a]
	return ok && spoke && s.chain.Within(at, id)
}

// agreedOn reports that all have said that all stand at or below the child.
func (s *Session) agreedOn(into *consensus.Candidate) bool {
	if child := s.held[into.Child.ID]; child != nil && child.poll != nil {
		of := child.poll
		if of.silent < len(of.devices) && !s.chain.Within(s.stances[of.devices[of.silent]].Seen, child.id) {
			return false
		}
	}
	sum, of, ok := s.unanimous(into)
	if !ok {
		return false
	}
	for i, d := range of.devices {
		if st := s.stances[d]; st.Sum != sum || !s.chain.Within(st.Seen, into.Child.ID) {
			of.silent = i
			return false
		}
	}
	return true
}

// seen is the last epoch of the head's path at or below which all stand. What
// this device has said already holds until somebody takes a turn: within one,
// they only go further down.
func (s *Session) seen(h *held) (EpochID, [32]byte) {
	mine := s.stances[s.cfg.Self.Device]
	for at, n := h, uint64(0); at != nil && n <= s.pace.Window; at, n = s.held[at.parent], n+1 {
		if at.id == mine.Seen && s.turned == s.toldTurns {
			return mine.Seen, mine.Sum
		}
		if into, ok := s.chain.Into(at.id); !ok {
			break
		} else if sum, _, ok := s.unanimous(&into); ok {
			return at.id, sum
		}
	}
	return EpochID{}, [32]byte{}
}

// stand says where this device stands and what it has seen of the others. A
// second such ballot under the same number is the same vote with more seen.
func (s *Session) stand(h *held) {
	st := stance{Head: h.id, Count: s.meta.Stated + 1, Turn: s.meta.Turn}
	s.takeStance(s.cfg.Self.Device, s.cfg.Self.Account, st)
	st.Seen, st.Sum = s.seen(h)
	s.stances[s.cfg.Self.Device], s.toldTurns = st, s.turned
	s.save(rowStance(s.cfg.Self.Device), encode(st), EpochID{})
	s.stirred, s.ackAt = true, 0
	body := s.state(controlVote, ballot{Head: h.id, Number: h.number, Seq: s.meta.VoteSeq, Turn: st.Turn, Seen: st.Seen, Sum: st.Sum})
	if v := s.lastVote[s.cfg.Self.Account]; v.Device == s.cfg.Self.Device && v.Signed == "" { // a joiner is shown it
		v.Signed = consensus.Word(body)
		s.lastVote[v.Account] = v
		s.saveVote(rowVote(v.Account, v.Device, v.Seq, v.Head), v)
	}
	if !s.alone() {
		s.publishOwn(s.sealControl(body))
	}
}

// acknowledge gives the second round where no vote will carry it: when what
// this device last said it had seen has been out of date for a while.
func (s *Session) acknowledge() {
	h := s.head()
	if h == nil || !s.active() || s.meta.Probation || s.meta.Voted != h.id || s.pacing.unrest != 0 {
		return
	}
	if s.stirred {
		mine := s.stances[s.cfg.Self.Device]
		switch seen, sum := s.seen(h); {
		case seen == (EpochID{}) || seen == mine.Seen && sum == mine.Sum:
			s.ackAt = 0
		case s.ackAt == 0:
			s.ackAt = s.now + ackAfter
		}
	}
	switch {
	case s.ackAt == 0:
	case s.now < s.ackAt:
		s.wake(s.ackAt)
	default:
		s.stand(h)
	}
}
