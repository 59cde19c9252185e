package session

import (
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// Votes: what members tell each other about the tree, beside headers and nacks. When
// the head has been quiet for a while, this device says that it holds it to be
// the head. Only the wait reads a clock; what votes decide does not.

// ballot is a vote as it is signed.
type ballot struct {
	Head   EpochID `cbor:"1,keyasint"`
	Number uint64  `cbor:"2,keyasint"`
	Seq    uint64  `cbor:"3,keyasint"`
	// What it has seen of the others (agree.go).
	Turn uint64   `cbor:"4,keyasint,omitempty"`
	Seen EpochID  `cbor:"5,keyasint"`
	Sum  [32]byte `cbor:"6,keyasint"`
}

// takeControl opens a control envelope.
func (s *Session) takeControl(from Peer, e *envelope) outcome {
	body, ok := s.openControl(e)
	if !ok {
		e.tag = Tag{} // until an anchor is learnt
		return outParked
	}
	return s.takeStatement(from, body, e, nil)
}

// takeStatement takes a signed statement; h is the epoch whose branch key
// sealed it, or nil on the control plane.
func (s *Session) takeStatement(from Peer, body []byte, e *envelope, h *held) outcome {
	c, ok := s.readControl(body)
	if !ok || c.Kind != controlProof && (c.Kind >= controlIntent) != (h != nil) {
		s.count(DropControl)
		return outRefused
	}
	if _, _, marked := s.readMark(e.mark); h != nil && marked && c.Kind != controlReceipt {
		s.count(DropMalformed) // as in takeBranch
		return outRefused
	}
	account, ok := s.speaker(&c, h)
	if !ok || h == nil && !s.everMet(account) && !s.mayMeet(&c, e) {
		s.count(DropStranger)
		return outRefused
	}
	if h == nil && !s.everMet(account) {
		return outParked // until the epoch that brought it is known
	}
	s.heard(c.Device, h)
	if c.Device == s.cfg.Self.Device && c.Count > s.meta.Stated {
		s.meta.Stated = c.Count
		s.saveMeta()
		s.grewStale("a statement of this device that it does not remember")
		return outLogged
	}
	switch c.Kind {
	case controlVote:
		return s.takeVote(account, &c, body)
	case controlHeader:
		return s.takeHeader(account, &c, e, body)
	case controlNack:
		return s.takeNack(account, &c)
	case controlReadmit:
		return s.takePlea(&c)
	case controlIntent:
		return s.takeIntent(&c)
	case controlReceipt:
		return s.takeReceipt(&c)
	case controlRead:
		return s.takeRead(account, &c)
	case controlProof:
		return s.takeProof(&c)
	}
	s.count(DropControl)
	return outLogged // of a later version
}

// speaker is the account of the device that signed a statement. On a branch it
// is a leaf of that epoch. On the control plane it may be a device we never
// met, added on the other side of a partition: then its certificate speaks.
func (s *Session) speaker(c *control, h *held) (Account, bool) {
	if h != nil {
		return s.accountOf(h, c.Device)
	}
	cert, err := s.certificate(Leaf{Device: c.Device, Certificate: c.Certificate})
	return cert.Account, err == nil
}

// mention is a roster of the tree and in how many of its epochs it is.
type mention struct {
	roster []Account
	epochs int
}

// everMet reports that an account is or was in the group, as far back as the
// tree goes, on whatever branch. Most epochs have their parent's roster.
func (s *Session) everMet(a Account) bool {
	if h := s.head(); h != nil && h.roster.has(a) {
		return true
	}
	for _, m := range s.met {
		if _, in := slices.BinarySearchFunc(m.roster, a, compareAccount); in {
			return true
		}
	}
	return false
}

// encounter counts an epoch's roster among those met, or takes it back.
func (s *Session) encounter(e *consensus.Epoch, n int) {
	if len(e.Roster) == 0 {
		return
	}
	m := s.met[&e.Roster[0]]
	if m == nil {
		m = &mention{roster: e.Roster}
		s.met[&e.Roster[0]] = m
	}
	if m.epochs += n; m.epochs <= 0 {
		delete(s.met, &e.Roster[0])
	}
}

// mayMeet reports that an account not met may come from the other side of a
// partition: its statement is of an epoch that is unknown here. It waits for
// that epoch, in the place of the envelope's tag.
func (s *Session) mayMeet(c *control, e *envelope) bool {
	var of EpochID
	switch c.Kind {
	case controlVote:
		var b ballot
		if decode(c.Body, &b) != nil {
			return false
		}
		of = b.Head
	case controlHeader:
		var d heading
		if decode(c.Body, &d) != nil {
			return false
		}
		of = d.Parent
	default:
		return false
	}
	if _, known := s.chain.Epoch(of); known {
		return false
	}
	e.tag = Tag(of[:])
	return true
}

func (s *Session) takeVote(account Account, c *control, signed []byte) outcome {
	var b ballot
	if decode(c.Body, &b) != nil {
		s.count(DropControl)
		return outRefused
	}
	v := b.vote(account, c, signed)
	if h := s.held[b.Head]; h != nil && h.roster != nil {
		if i, ok := h.roster.device(c.Device); !ok || h.roster.account[i] != account {
			s.count(DropStranger)
			return outLogged
		}
	}
	s.hear(v)
	s.takeStance(c.Device, account, stance{b.Head, c.Count, b.Turn, b.Seen, b.Sum})
	s.arrived(c.Device, b.Head)
	return outLogged
}

// vote is a ballot as the rule reads it.
func (b *ballot) vote(account Account, c *control, signed []byte) consensus.Vote {
	return consensus.Vote{Account: account, Device: c.Device, Seq: b.Seq, Head: b.Head, Signed: consensus.Word(signed)}
}

// hear gives a vote to the rule and makes it durable.
func (s *Session) hear(v consensus.Vote) consensus.Verdict {
	v.Signed = s.cfg.Commons.word(v.Signed)
	_, verdict := s.chain.Hear(v)
	s.stirred = true
	if verdict == consensus.VoteWaits {
		s.seek(v.Head)
		s.between()
	}
	switch verdict {
	case consensus.VoteCounts, consensus.VoteOlder, consensus.VoteWaits, consensus.VoteConvicts:
		s.noteVote(v)
		s.saveVote(rowVote(v.Account, v.Device, v.Seq, v.Head), v)
	}
	if verdict != consensus.VoteCounts && verdict != consensus.VoteKnown && verdict != consensus.VoteWaits {
		s.count(DropVote)
	}
	return verdict
}

func (s *Session) noteVote(v consensus.Vote) {
	if last, ok := s.lastVote[v.Account]; !ok || last.Seq < v.Seq {
		s.lastVote[v.Account] = v
	}
}

// saveVote makes a vote durable, and lets go of the oldest of that account:
// only the latest decides, those before it are there for what still waits, and
// against whoever says something else under the same number.
func (s *Session) saveVote(key string, v consensus.Vote) {
	s.save(key, encode(v), EpochID{})
	rows := s.voteRows[v.Account]
	if i, dup := slices.BinarySearch(rows, key); !dup {
		rows = slices.Insert(rows, i, key)
	}
	if len(rows) > consensus.MaxVotes && !s.chain.Guilty(v.Account) {
		s.drop(rows[0])
		rows = rows[1:]
	}
	s.voteRows[v.Account] = rows
}

// pacing is when this device settles and commits.
type pacing struct {
	quiet   Time    // of the last thing that could move the head
	unrest  Time    // of the first such since the head was last settled
	settled EpochID // the head last settled on
	work    Time    // when there was first something to commit on this head
	on      EpochID // that head
	wait    Time    // for those who were ahead when last looked
	losses  int     // own commits lost in a row
	packed  Time    // when key packages last came
	asked   Time    // all, for what leads to where the group is
}

// disturbed says that something came that could have moved the head.
func (s *Session) disturbed() {
	s.pacing.quiet = s.now
	if s.pacing.unrest == 0 {
		s.pacing.unrest = s.now
	}
}

// settleAt is when the present head may be settled on.
func (s *Session) settleAt() Time {
	if s.alone() || s.unrivalled() {
		return s.pacing.quiet
	}
	return min(s.pacing.quiet+s.pace.SettleAfter, s.pacing.unrest+s.pace.SettleCap)
}

// unrivalled reports that nobody but this device could have made a commit in
// the head's place: it alone was in the epoch before.
func (s *Session) unrivalled() bool {
	h := s.head()
	p := s.held[h.parent]
	return p != nil && p.roster != nil && len(p.roster.leaves) == 1 && p.roster.leaves[0].Device == s.cfg.Self.Device
}

// alone reports that no other account is in the head's epoch or its parent:
// there is nobody to wait for.
func (s *Session) alone() bool {
	h := s.head()
	if h == nil {
		return true
	}
	p := s.held[h.parent]
	return len(h.roster.accounts) == 1 && (p == nil || p.roster == nil || len(p.roster.accounts) == 1)
}

// settle votes for the head once it has been quiet.
func (s *Session) settle() {
	h := s.head()
	if h == nil {
		return
	}
	if s.pacing.settled == h.id && s.pacing.unrest == 0 {
		if s.meta.Probation && s.stirred { // somebody else's vote may have ended it
			s.vote(h)
		}
		return
	}
	if s.pacing.settled != h.id && s.pacing.unrest == 0 {
		s.disturbed()
	}
	if at := s.settleAt(); s.now < at {
		s.wake(at)
		return
	}
	s.pacing.settled, s.pacing.unrest = h.id, 0
	s.chain.Settle()
	s.vote(h)
}

// vote says that h is the head, unless this device said so already, its word
// is not asked, or it is on probation.
func (s *Session) vote(h *held) {
	s.endProbation(h)
	if s.meta.Voted == h.id || !s.active() || s.meta.Probation {
		return
	}
	seq, ok := s.chain.NextSeq(s.cfg.Self.Account, h.id)
	if !ok || !s.eligible(h) {
		return
	}
	if s.meta.Voted != (EpochID{}) && !s.chain.Within(h.id, s.meta.Voted) {
		s.meta.Turn++
	}
	s.meta.Voted, s.meta.VoteSeq = h.id, seq
	s.hear(consensus.Vote{Account: s.cfg.Self.Account, Device: s.cfg.Self.Device, Seq: seq, Head: h.id})
	s.stand(h) // saves meta
	s.sayHeaders()
}

// endProbation lets a newcomer vote once most of those who could vote on the
// branch it was let into stand there, or that branch has outgrown the window.
func (s *Session) endProbation(h *held) {
	if !s.meta.Probation {
		return
	}
	into, ok := s.chain.Into(s.meta.Joined)
	p, _ := s.chain.Epoch(into.Parent)
	if !ok || 2*s.chain.Weight(into.ID) > voters(p) || h.number >= into.Child.Number+s.pace.Window {
		s.meta.Probation = false
		s.saveMeta()
	}
}

// eligible reports whether my account's vote at h weighs anything: on the
// epochs a fork can still begin at, and on those further up below which it does
// not stand yet. Whoever sat on a committee of long ago, and said then where it
// stands, keeps silent: else in the end a large group would vote as a whole.
func (s *Session) eligible(h *held) bool {
	for n, id := range s.lineage(h) {
		if _, ok := slices.BinarySearchFunc(s.chain.Electors(id), s.cfg.Self.Account, compareAccount); ok {
			return true
		}
		if uint64(n) >= s.pace.Window && s.chain.Within(s.meta.Voted, id) {
			return false
		}
	}
	return false
}

// publishOwn sends an envelope of mine to everybody and logs it here.
func (s *Session) publishOwn(raw []byte) EnvelopeID {
	e, ok := parseEnvelope(raw)
	if !ok {
		panic("session: made an envelope that cannot be read")
	}
	id := e.id()
	s.logEnvelope(id, &e)
	s.publish(raw, IntentID{})
	return id
}
