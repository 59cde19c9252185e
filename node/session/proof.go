package session

import (
	"encoding/hex"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// A device that signs two votes under one number, or two headers of commits on
// one epoch, convicts its account wherever both are read. Not everybody reads
// both: one who joins later, or came back when the first was forgotten. So whoever
// convicts keeps the two statements as they were signed and, unless another has
// said so meanwhile, says them to all; and they go with each Welcome, and again to
// who comes in by who asked for it, as the Welcome may be the liar's. Nobody is
// convicted by hearsay, and nobody here whom others would not convict by the same.

// conviction is a proof as it is passed on.
type conviction struct {
	Signed [2][]byte `cbor:"1,keyasint"`
}

// charge is one as it is kept.
type charge struct {
	Proof conviction `cbor:"1,keyasint"`
	Said  bool       `cbor:"2,keyasint"` // by somebody, to all
	sayAt Time       // when this device does; zero: not thought of yet
}

func rowProof(a Account) string { return "proof/" + hex.EncodeToString(a[:]) }

// convictionOf is what shows to others what the rule found; false where a half
// is this device's own word.
func convictionOf(e *consensus.Evidence) (conviction, bool) {
	a, b := e.Votes[0].Signed, e.Votes[1].Signed
	if e.Kind == consensus.TwoCommits {
		a, b = e.Commits[0].Signed, e.Commits[1].Signed
	}
	return conviction{[2][]byte{[]byte(a), []byte(b)}}, a != "" && b != ""
}

// evidence is what a proof proves, if anything.
func (s *Session) evidence(p *conviction) (e consensus.Evidence, ok bool) {
	for i, signed := range p.Signed {
		c, ok := s.readControl(signed)
		account, known := s.speaker(&c, nil)
		if !ok || !known {
			return e, false
		}
		e.Account = account
		var b ballot
		var d heading
		switch {
		case c.Kind == controlVote && decode(c.Body, &b) == nil:
			e.Kind, e.Votes[i] = consensus.TwoVotes, b.vote(account, &c, signed)
		case c.Kind == controlHeader && decode(c.Body, &d) == nil && d.fits():
			e.Kind, e.Commits[i] = consensus.TwoCommits, d.candidate(account, signed)
		}
	}
	return e, e.Convicts()
}

// convict takes in a proof that somebody passed on, or of before this device's
// tree was planted.
func (s *Session) convict(p *conviction) (Account, bool) {
	e, ok := s.evidence(p)
	if ok {
		s.chain.Convict(e)
		s.stirred = true
	}
	return e.Account, ok
}

func (s *Session) keepProof(a Account, p *charge) {
	s.proofs[a] = p
	s.save(rowProof(a), encode(p), EpochID{})
}

// accuse keeps the proof of what was found here, and says what nobody else said.
func (s *Session) accuse() {
	if n := s.chain.Convicted(); n != s.accused {
		s.accused = n
		for _, e := range s.chain.Evidence() {
			if p, ok := convictionOf(&e); ok && s.proofs[e.Account] == nil {
				s.keepProof(e.Account, &charge{Proof: p})
			}
		}
	}
	h := s.head()
	if len(s.proofs) == 0 || h == nil || !s.active() || s.alone() {
		return
	}
	for _, a := range sortedIDs(s.proofs) {
		p := s.proofs[a]
		switch {
		case p.Said:
		case p.sayAt == 0:
			p.sayAt = s.now + s.pace.SettleAfter + s.turn(h)
			s.wake(p.sayAt)
		case s.now < p.sayAt:
			s.wake(p.sayAt)
		default:
			p.Said = true
			s.keepProof(a, p)
			s.publishOwn(s.sealControl(s.state(controlProof, p.Proof)))
		}
	}
}

// proofsFor are the proofs against accounts that have a say where a joiner's tree
// begins or in the epoch it enters.
func (s *Session) proofsFor(root []Account, h *held) (out []conviction) {
	for _, a := range sortedIDs(s.proofs) {
		_, was := slices.BinarySearchFunc(root, a, compareAccount)
		if (was || h.roster.has(a)) && len(out) < maxEvidence {
			out = append(out, s.proofs[a].Proof)
		}
	}
	return out
}

// passOn tells whoever was let in at this device's wish of all that is proved: who
// made the commit, and so the Welcome, may be the one it is proved of.
func (s *Session) passOn(h *held) {
	if !s.active() {
		return
	}
	for _, a := range sortedIDs(s.proofs) {
		if h.roster.has(a) {
			s.publishOwn(s.sealOn(h, innerControl, s.state(controlProof, s.proofs[a].Proof)))
		}
	}
}

// takeProof takes what another passed on.
func (s *Session) takeProof(c *control) outcome {
	p := new(conviction)
	if decode(c.Body, p) != nil {
		s.count(DropControl)
		return outRefused
	}
	a, ok := s.convict(p)
	if !ok {
		s.count(DropControl)
		return outRefused
	}
	if k := s.proofs[a]; k == nil {
		s.keepProof(a, &charge{Proof: *p, Said: true})
	} else if !k.Said {
		k.Said = true
		s.keepProof(a, k)
	}
	return outLogged
}
