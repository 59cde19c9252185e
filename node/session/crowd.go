package session

import (
	"encoding/hex"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// Commits beyond the few that the rule takes of one account on one epoch
// (consensus, Crowded) are not entered: they cost a look and their place in the
// log. Should an account that was not convicted turn out to stand there, by its
// vote or by the header of what it built, they are taken out of the log and
// asked for again, and then they are in.

// crowd is a commit that was turned away so.
type crowd struct {
	Parent    EpochID      `cbor:"1,keyasint"`
	Author    Account      `cbor:"2,keyasint"`
	Envelopes []EnvelopeID `cbor:"3,keyasint"` // that brought it, or its header
}

func rowCrowd(child EpochID) string { return "crowd/" + hex.EncodeToString(child[:]) }

// turnedAway reports that the rule has no room for a commit that an envelope
// brought, and remembers it, unless somebody who waits here needs it. Of a commit
// that was turned away the header is too: were it in the tree, whoever votes for
// it would be heard, and the commit never asked for.
func (s *Session) turnedAway(k *consensus.Candidate, by EnvelopeID) bool {
	child := k.Child.ID
	c := s.crowds[child]
	if c == nil && !s.chain.Crowded(*k) {
		return false
	}
	if c == nil {
		c = &crowd{Parent: k.Parent, Author: k.Author}
		s.crowds[child] = c
	}
	s.unpark(Tag(child[:])) // headers that wait for it
	if s.crowds[child] == nil {
		return false
	}
	most := maxCarriers
	if !k.Opened { // headers leave room for the commit
		most /= 2
	}
	if len(c.Envelopes) < most && !slices.Contains(c.Envelopes, by) {
		c.Envelopes = append(c.Envelopes, by)
		s.save(rowCrowd(child), encode(c), EpochID{})
	}
	s.count(DropCrowded)
	return true
}

// needs hears of a commit by an account on an epoch that is not in the tree: if
// that was turned away, it may be needed now.
func (s *Session) needs(account Account, d *heading) {
	c := s.crowds[d.Parent]
	if c == nil {
		if !s.chain.Guilty(account) {
			s.chain.Seek(d.Parent)
			s.between()
		}
		return
	}
	if s.chain.Needed(d.child(), c.Author) || account != c.Author && !s.chain.Guilty(account) && !s.spread(c, account) {
		s.seek(d.Parent)
	}
}

// between looks anew at headers that hang below what was turned away: something
// below them is needed.
func (s *Session) between() {
	if len(s.crowds) == 0 {
		return
	}
	tags := make(map[Tag]bool, len(s.crowds))
	for id := range s.crowds {
		tags[Tag(id[:])] = true
	}
	for _, id := range slices.Clone(s.parked.order) {
		if w := s.parked.by[id]; w != nil && tags[w.tag] {
			s.unpark(w.tag)
		}
	}
}

// spread reports that an account built on so many of an author's commits on one
// epoch that it stands at none of them, and no other makes a difference.
func (s *Session) spread(c *crowd, account Account) bool {
	n := 0
	for _, twin := range s.chain.Children(c.Parent) {
		if twin.Author == c.Author && slices.ContainsFunc(s.chain.Children(twin.Child.ID), func(k consensus.Candidate) bool { return k.Author == account }) {
			n++
		}
	}
	return n >= consensus.MaxTwins
}

// seek has a commit that was turned away brought again.
func (s *Session) seek(child EpochID) {
	c := s.crowds[child]
	if c == nil {
		return
	}
	s.chain.Seek(child)
	delete(s.crowds, child)
	s.drop(rowCrowd(child))
	for _, id := range c.Envelopes {
		if s.logged(id) {
			s.unlog(id)
		}
		delete(s.asked, id)
	}
	s.askAll()
}

// thinCrowds forgets what was turned away and has left the log.
func (s *Session) thinCrowds() {
	for _, child := range sortedIDs(s.crowds) {
		if !slices.ContainsFunc(s.crowds[child].Envelopes, s.logged) {
			delete(s.crowds, child)
			s.drop(rowCrowd(child))
		}
	}
}
