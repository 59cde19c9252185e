package consensus

import (
	"bytes"
	"slices"
)

// Evidence is two things one device signed and no honest device signs both of.
// It proves itself: whoever holds the signed bytes of both needs neither the
// tree nor other votes. Its effect is that the account weighs nothing; it never
// voids a commit, for that would be a late reorganisation for free.
type Evidence struct {
	Kind    EvidenceKind
	Account Account
	Commits [2]Candidate // TwoCommits: the lower child first
	Votes   [2]Vote      // TwoVotes: the lower head first
}

// EvidenceKind says which law was broken.
type EvidenceKind uint8

const (
	// TwoCommits: two commits by one leaf on one parent, leading to two states.
	TwoCommits EvidenceKind = iota + 1
	// TwoVotes: two votes by one device under one sequence number, for two heads.
	TwoVotes
)

func (k EvidenceKind) String() string {
	return [...]string{"", "two commits", "two votes"}[k]
}

// Convicts reports whether e proves what it says, the signatures aside.
//
// It asks for one leaf, or one device, not one account: two devices of an
// account that have not heard of each other may commit on one parent, or vote
// under one number, and are both honest. It asks for two states, not two
// CommitIDs: any member can frame another's signed commit a second time. And
// external commits are no evidence: who makes one has no leaf yet, no vote, and
// every reason to try again.
func (e Evidence) Convicts() bool {
	switch e.Kind {
	case TwoCommits:
		a, b := &e.Commits[0], &e.Commits[1]
		return a.Author == e.Account && b.Author == e.Account &&
			a.Parent == b.Parent && a.Slot == b.Slot &&
			a.Class < ClassResync && b.Class < ClassResync &&
			a.ID != b.ID && a.Child.ID != b.Child.ID
	case TwoVotes:
		a, b := &e.Votes[0], &e.Votes[1]
		return a.Account == e.Account && b.Account == e.Account &&
			a.Device == b.Device && a.Seq == b.Seq && a.Head != b.Head
	}
	return false
}

func twoCommits(a, b *Candidate) Evidence {
	if compareEpochs(a.Child.ID, b.Child.ID) > 0 {
		a, b = b, a
	}
	return Evidence{Kind: TwoCommits, Account: a.Author, Commits: [2]Candidate{*a, *b}}
}

func twoVotes(a, b Vote) Evidence {
	if bytes.Compare(a.Head[:], b.Head[:]) > 0 {
		a, b = b, a
	}
	return Evidence{Kind: TwoVotes, Account: a.Account, Votes: [2]Vote{a, b}}
}

// Convict takes in evidence another member gathered, whose signatures the
// caller has checked. It reports whether it convicts; a second conviction of
// the same account changes nothing.
func (c *Chain) Convict(e Evidence) (Move, bool) {
	ok := e.Convicts()
	if s := c.seat(e.Account); ok && s != nil && s.guilt == nil {
		c.convict(s, e)
	}
	return c.follow(), ok
}

func (c *Chain) convict(s *seat, e Evidence) {
	s.guilt = &e
	c.guilty++
	votes := s.votes
	s.votes = nil
	for _, v := range votes {
		c.unwait(s, v.Head)
	}
	c.reseat(s)
}

// Evidence returns one proof for each convicted account, in order of account.
func (c *Chain) Evidence() []Evidence {
	var out []Evidence
	for _, s := range c.seated() {
		if s.guilt != nil {
			out = append(out, *s.guilt)
		}
	}
	return out
}

// Convicted is how many accounts were convicted.
func (c *Chain) Convicted() int { return c.guilty }

// Guilty reports whether an account was convicted.
func (c *Chain) Guilty(a Account) bool {
	s := c.seats[a]
	return s != nil && s.guilt != nil
}

// seated returns all seats in order of account.
func (c *Chain) seated() []*seat {
	out := make([]*seat, 0, len(c.seats))
	for _, s := range c.seats {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *seat) int { return compareAccounts(a.account, b.account) })
	return out
}
