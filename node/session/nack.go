package session

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
)

// The path of a commit may be such that some members cannot open it, and those who
// can do not see that (RFC 9420 §16.12). Whoever cannot says so, where its account
// votes on the parent: a nack. It is a word, not a proof, so
//
//	shown   who says so of which commit, to all; and to the faces once two do, as
//	        one may lie: it blames nobody by itself
//	acted   by those alone who cannot open the commit themselves. Where most say
//	        the same, they do not ask whoever can to be let in again, but make
//	        another commit beside it, in turn; it has their votes, and wins
//	        (else a liar could be the only one who can, and let in whom it likes)
//
//	heeded  by the device that made the commit: where most say so, it makes no
//	        other for a while, and what it wants others do
//
// A false nack makes no honest device do anything unless it is a victim, and
// then, where its makers were not most, a commit that loses, and a wait. And most
// may do as they like in any case.

type nack struct {
	Child EpochID `cbor:"1,keyasint"` // that the commit leads to: it may be framed under many names
}

func rowNack(a Account) string { return "nack/" + hex.EncodeToString(a[:]) }

// nack says that a commit on p cannot be opened here.
func (s *Session) nack(p *held, child EpochID) {
	_, votes := slices.BinarySearchFunc(s.chain.Electors(p.id), s.cfg.Self.Account, compareAccount)
	if votes && s.active() {
		s.noteNack(s.cfg.Self.Account, child)
		s.publishOwn(s.sealControl(s.state(controlNack, nack{child})))
	}
}

func (s *Session) takeNack(account Account, c *control) outcome {
	var n nack
	if decode(c.Body, &n) != nil {
		s.count(DropControl)
		return outRefused
	}
	s.noteNack(account, n.Child)
	s.tellNacks(n.Child)
	return outLogged
}

// noteNack keeps the last few of an account: a liar crowds out its own.
func (s *Session) noteNack(a Account, child EpochID) {
	said := s.nacks[a]
	if slices.Contains(said, child) {
		return
	}
	said = append(said[max(0, len(said)-maxNacks+1):], child)
	s.nacks[a] = said
	s.save(rowNack(a), encode(said), EpochID{})
}

// cannotOpen are those who vote on a commit's parent and say that they cannot open
// it, its author aside.
func (s *Session) cannotOpen(c *consensus.Candidate) (say []Account) {
	if len(s.nacks) == 0 {
		return nil
	}
	for _, a := range s.chain.Electors(c.Parent) {
		if a != c.Author && slices.Contains(s.nacks[a], c.Child.ID) {
			say = append(say, a)
		}
	}
	return say
}

// tellNacks tells the faces what two say of a commit, or all but its author, once
// for each author.
func (s *Session) tellNacks(child EpochID) {
	c, ok := s.chain.Into(child)
	if !ok {
		return
	}
	say, others := s.cannotOpen(&c), len(s.chain.Electors(c.Parent))-1
	if made, mine := s.own[c.Parent]; mine && made == c.ID && len(say) > 1 && 2*len(say) > others {
		s.shyUntil = s.now + shyFor
	}
	if len(say) == 0 || len(say) < min(2, others) || s.blamed[c.Author] {
		return
	}
	s.blamed[c.Author] = true
	s.notify(Notice{Kind: NoticeTrouble, Epoch: child, Number: c.Child.Number, Account: c.Author, Count: len(say), Of: others,
		Reason: s.sayCannotOpen(&c, say)})
}

// sayCannotOpen is that as a sentence.
func (s *Session) sayCannotOpen(c *consensus.Candidate, say []Account) string {
	names := make([]string, 0, maxNamed+1)
	for _, a := range say[:min(len(say), maxNamed)] {
		names = append(names, s.called(a))
	}
	if more := len(say) - len(names); more > 0 {
		names = append(names, several(more, "other"))
	}
	return fmt.Sprintf("By their own word %s cannot open the change that %s made for epoch %d: the device that made it may be faulty.",
		strings.Join(names, ", "), s.called(c.Author), c.Child.Number)
}

// another reports that this device is about to make another commit beside one that
// it cannot open, or waits for others to, since most say that they cannot either.
func (s *Session) another(d consensus.Divergence) bool {
	until := s.pacing.quiet + anotherFor
	if !s.unopenable[d.Rival.ID] || s.now >= until || 2*len(s.cannotOpen(&d.Rival)) <= d.Of {
		return false
	}
	if d.Ours.ID == (CommitID{}) {
		s.beside = d.At
	}
	s.wake(until)
	return true
}
