package session

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// What a commit is, as its author signed it: its header. It goes on the control
// plane, to those who cannot open the commit, and with the commit itself, without
// which nobody takes it: so of every commit in the tree there is a signed word that
// those can read who come later, or that stands against its author. Where the author
// does not say it to all, those who vote for the commit do: else a liar could take
// the group along a way of which whoever came in on a rival's side, or was cut off
// beyond the window, has no sign, and waits for ever below it.

// heading is a commit by its author's word.
type heading struct {
	Commit  CommitID        `cbor:"1,keyasint"`
	Parent  EpochID         `cbor:"2,keyasint"`
	Core    Core            `cbor:"3,keyasint"` // of the child
	Number  uint64          `cbor:"4,keyasint"` // of the child
	Class   consensus.Class `cbor:"5,keyasint"`
	Role    Role            `cbor:"6,keyasint"`
	Slot    uint32          `cbor:"7,keyasint"`
	Carries bool            `cbor:"8,keyasint"`
	In      []Account       `cbor:"9,keyasint,omitempty"`  // accounts that joined
	Out     []Account       `cbor:"10,keyasint,omitempty"` // and that left
	Voters  []Account       `cbor:"11,keyasint,omitempty"` // where they are drawn, and anew
}

// announced is a commit as it travels.
type announced struct {
	Commit []byte `cbor:"1,keyasint"`
	Header []byte `cbor:"2,keyasint"` // the statement
}

// headingOf is what a commit of mine is.
func (s *Session) headingOf(v *verdict) heading {
	c := &v.cand
	d := heading{
		Commit: c.ID, Parent: c.Parent, Core: v.core, Number: c.Child.Number,
		Class: c.Class, Role: c.Role, Slot: c.Slot, Carries: c.Carries,
	}
	p, _ := s.chain.Epoch(c.Parent)
	e := c.Child
	by := thin(&e, p)
	d.In, d.Out, d.Voters = by.In, by.Out, e.Voters
	return d
}

// headed checks the header that came with a commit against what was found of it,
// and keeps it.
func (s *Session) headed(p *held, v *verdict, signed []byte) error {
	c, ok := s.readControl(signed)
	account, known := s.speaker(&c, nil)
	at, here := p.roster.device(c.Device)
	var d heading
	if !ok || !known || !here || account != v.cand.Author || p.roster.leaves[at].Index != v.leaf ||
		c.Kind != controlHeader || decode(c.Body, &d) != nil {
		return fmt.Errorf("%w: a commit without its author's header", ErrInvalid)
	}
	if v.newer { // what it carries cannot be read
		v.cand.Carries = d.Carries
	}
	if !bytes.Equal(c.Body, encode(s.headingOf(v))) {
		return fmt.Errorf("%w: its header is of another commit", ErrInvalid)
	}
	v.cand.Signed = consensus.Word(signed)
	return nil
}

// awaitHeader notes that a commit came before anybody said its header.
func (s *Session) awaitHeader(id CommitID) {
	if len(s.headless) >= maxHeadless {
		delete(s.headless, sortedIDs(s.headless)[0])
	}
	s.headless[id] = true
}

// sayHeaders says for their authors the headers of the commits that led to the
// head, as far as nobody did.
func (s *Session) sayHeaders() {
	for _, id := range sortedIDs(s.headless) {
		if c, ok := s.chain.Get(id); ok && s.onPath(id) {
			s.publishOwn(s.sealControl([]byte(c.Signed)))
			delete(s.headless, id)
		}
	}
}

// takeHeader takes a commit by its author's word. What can be checked without
// the commit is: the rest, a lie costs its author its weight (consensus).
func (s *Session) takeHeader(account Account, c *control, e *envelope, signed []byte) outcome {
	var d heading
	if decode(c.Body, &d) != nil || !d.fits() {
		s.count(DropControl)
		return outRefused
	}
	if d.Number <= s.chain.Root().Number {
		return outLogged // from before this device's time
	}
	p, ok := s.chain.Epoch(d.Parent)
	if !ok {
		s.needs(account, &d)
		e.tag = Tag(d.Parent[:]) // until that epoch is known
		return outParked
	}
	if _, in := slices.BinarySearchFunc(p.Roster, account, compareAccount); !in {
		s.count(DropStranger)
		return outRefused
	}
	delete(s.headless, d.Commit)
	cand := d.candidate(account, signed)
	d.from(p, &cand)
	if s.turnedAway(&cand, e.id()) {
		return outLogged
	}
	_, known := s.chain.Get(d.Commit)
	if s.propose(cand) == consensus.AddHeld && !known {
		s.saveCandidate(savedCandidate{Cand: cand})
	}
	return outLogged
}

// child is where the commit leads.
func (d *heading) child() EpochID { return ChildOf(d.Parent, d.Core) }

// candidate is what a heading says, but for who is in its child.
func (d *heading) candidate(author Account, signed []byte) consensus.Candidate {
	return consensus.Candidate{
		ID: d.Commit, Parent: d.Parent, Child: consensus.Epoch{ID: d.child(), Number: d.Number, Voters: d.Voters},
		Author: author, Class: d.Class, Role: d.Role, Slot: d.Slot, Carries: d.Carries, Header: true,
		Signed: consensus.Word(signed),
	}
}

// from says who is in the child, given the parent.
func (d *heading) from(p consensus.Epoch, c *consensus.Candidate) {
	by := delta{d.In, d.Out}
	by.fill(&c.Child, p)
}

// fits reports that a heading is one that could be true of some commit.
func (d *heading) fits() bool {
	sorted := func(list []Account) bool {
		for i := range list[:max(0, len(list)-1)] {
			if compareAccount(list[i], list[i+1]) >= 0 {
				return false
			}
		}
		return true
	}
	return d.Class <= consensus.ClassJoin && d.Role <= consensus.RoleOwner && len(d.In)+len(d.Out) <= maxHeading &&
		len(d.Voters) <= consensus.V1().Committee && sorted(d.In) && sorted(d.Out) && sorted(d.Voters)
}
