package session

import (
	"encoding/hex"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// A device that signs two votes under one number, or two headers of commits on
// one epoch, convicts its account wherever both are read. Who joins later reads
// neither: so the two statements, as they were signed, go with its Welcome, and
// whoever asked for it to be let in says them again, as the Welcome may be the
// liar's. Nobody is convicted by hearsay.

// saying is a statement as it was signed, and what two of one device must share or
// differ in to convict it.
type saying struct {
	device Device
	vote   consensus.Vote
	header consensus.Candidate
	signed []byte
}

// against reports what two sayings prove, if anything.
func (w *saying) against(o *saying) (consensus.Evidence, bool) {
	e := consensus.Evidence{Kind: consensus.TwoVotes, Account: w.vote.Account, Votes: [2]consensus.Vote{w.vote, o.vote}}
	if w.vote.Head == (EpochID{}) {
		e = consensus.Evidence{Kind: consensus.TwoCommits, Account: w.header.Author, Commits: [2]consensus.Candidate{w.header, o.header}}
	}
	return e, w.device == o.device && (w.vote.Head == EpochID{}) == (o.vote.Head == EpochID{}) && e.Convicts()
}

// conviction is a proof as it is kept and passed on.
type conviction struct {
	Signed [2][]byte `cbor:"1,keyasint"`
}

func rowProof(a Account) string { return "proof/" + hex.EncodeToString(a[:]) }

// readSaying reads a vote or header that anybody may have brought.
func (s *Session) readSaying(signed []byte) (w saying, account Account, ok bool) {
	c, ok := s.readControl(signed)
	if !ok {
		return w, account, false
	}
	if account, ok = s.speaker(&c, nil); !ok {
		return w, account, false
	}
	w, ok = sayingOf(&c, account, signed)
	return w, account, ok
}

// sayingOf is what a statement says, whose signature was checked; false where it
// is neither vote nor header.
func sayingOf(c *control, account Account, signed []byte) (w saying, ok bool) {
	w.device, w.signed = c.Device, signed
	switch c.Kind {
	case controlVote:
		var b ballot
		ok = decode(c.Body, &b) == nil && b.Head != (EpochID{})
		w.vote = consensus.Vote{Account: account, Device: c.Device, Seq: b.Seq, Head: b.Head}
	case controlHeader:
		var d heading
		ok = decode(c.Body, &d) == nil && d.fits()
		w.header = d.candidate(account)
	}
	return w, ok
}

// hearSaying keeps the latest statements of an account, in memory, in case the
// other half comes. With both, and the account
// convicted, it keeps the two for good.
func (s *Session) hearSaying(c *control, account Account, signed []byte) {
	w, ok := sayingOf(c, account, signed)
	if !ok || s.proofs[account] != nil {
		return
	}
	said := s.sayings[account]
	for i := range said {
		if _, guilty := w.against(&said[i]); guilty {
			delete(s.sayings, account)
			s.keepProof(account, &conviction{[2][]byte{said[i].signed, signed}})
			return
		}
	}
	if len(said) >= maxSayings {
		said = said[1:]
	}
	s.sayings[account] = append(said, w)
}

func (s *Session) keepProof(a Account, p *conviction) {
	s.proofs[a] = p
	s.save(rowProof(a), encode(p), EpochID{})
}

// convict takes in a proof that came with a Welcome, or from this device's rows.
func (s *Session) convict(p *conviction) (Account, bool) {
	a, account, ok := s.readSaying(p.Signed[0])
	b, other, fits := s.readSaying(p.Signed[1])
	e, guilty := a.against(&b)
	if !ok || !fits || account != other || !guilty {
		return account, false
	}
	s.chain.Convict(e)
	return account, true
}

// evidence are the proofs against accounts that have a say where a joiner's tree
// begins or in the epoch it enters.
func (s *Session) evidence(side *sidecar, h *held) (out []conviction) {
	for _, a := range sortedIDs(s.proofs) {
		_, was := slices.BinarySearchFunc(side.Root.Roster, a, compareAccount)
		if (was || h.roster.has(a)) && len(out) < maxEvidence {
			out = append(out, *s.proofs[a])
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
			s.publishOwn(s.sealOn(h, innerControl, s.state(controlProof, s.proofs[a])))
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
	if s.proofs[a] == nil {
		s.keepProof(a, p)
	}
	s.stirred = true
	return outLogged
}
