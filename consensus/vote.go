package consensus

import (
	"bytes"
	"cmp"
	"slices"
)

// Verdict says what became of a vote.
type Verdict uint8

const (
	VoteCounts    Verdict = iota + 1 // it decides where its account stands
	VoteOlder                        // a later one decides
	VoteKnown                        // nothing new
	VoteWaits                        // its head is unknown: see Wanted
	VoteOutOfTurn                    // Seq does not fit the head's number
	VoteStranger                     // the account is not in that epoch
	VoteConvicts                     // a second content under one Seq: see Evidence
	VoteGuilty                       // the account was convicted and weighs nothing
	VoteFull                         // a cap is reached
)

var verdictNames = [...]string{
	"", "counts", "older", "known", "waits", "out of turn", "stranger", "convicts", "guilty", "full",
}

func (v Verdict) String() string { return verdictNames[v] }

// Hear takes in a vote whose signature the caller has checked.
func (c *Chain) Hear(v Vote) (Move, Verdict) {
	verdict := c.hear(v)
	return c.follow(), verdict
}

func (c *Chain) hear(v Vote) Verdict {
	s := c.seat(v.Account)
	if s == nil {
		c.counts.Full++
		return VoteFull
	}
	if s.guilt != nil {
		return VoteGuilty
	}
	at, found := slices.BinarySearchFunc(s.votes, v, compareVotes)
	if found {
		if s.votes[at].Head == v.Head {
			return VoteKnown
		}
		c.convict(s, twoVotes(s.votes[at], v))
		return VoteConvicts
	}
	s.votes = slices.Insert(s.votes, at, v)
	weighed := c.weigh(v)
	if weighed == VoteWaits && !slices.Contains(c.waiting[v.Head], s) {
		c.waiting[v.Head] = append(c.waiting[v.Head], s)
	}
	c.reseat(s)
	c.trim(s)
	switch {
	case weighed == VoteOutOfTurn:
		c.counts.OutOfTurn++
	case weighed == VoteStranger:
		c.counts.Strangers++
	case weighed == VoteCounts && s.votes[len(s.votes)-1] != v:
		if last, _ := c.deciding(s); last != v {
			return VoteOlder
		}
	}
	return weighed
}

func compareVotes(a, b Vote) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.Device[:], b.Device[:]))
}

// weigh says whether a vote can count, whatever other votes there are: it is
// read together with its head, and with nothing else.
func (c *Chain) weigh(v Vote) Verdict {
	var number uint64
	var roster []Account
	if n := c.epochs[v.Head]; n != nil {
		number, roster = n.number(), n.Child.Roster
	} else if g, ok := c.left(v.Head); ok {
		number, roster = g.number, g.roster
	} else {
		return VoteWaits
	}
	first, last := c.turns(number)
	if v.Seq < first || v.Seq > last {
		return VoteOutOfTurn
	}
	if _, ok := slices.BinarySearchFunc(roster, v.Account, compareAccounts); !ok {
		return VoteStranger
	}
	return VoteCounts
}

// turns returns the sequence numbers a vote for a head of that number may have.
func (c *Chain) turns(number uint64) (first, last uint64) {
	return c.params.Turns * number, c.params.Turns*(number+c.params.Slack+1) - 1
}

// NextSeq returns the sequence number for a's next vote, for that head; false
// where the account has used up its turns, or voted for a head so much higher
// that it must wait for this branch to grow.
func (c *Chain) NextSeq(a Account, head EpochID) (uint64, bool) {
	n := c.epochs[head]
	if n == nil {
		return 0, false
	}
	next, last := c.turns(n.number())
	if s := c.seats[a]; s != nil {
		for _, v := range s.votes {
			if v.Seq <= last {
				next = max(next, v.Seq+1)
			} else if c.weigh(v) == VoteCounts {
				return 0, false
			}
		}
	}
	return next, next <= last
}

// deciding returns the latest vote of s that can count.
func (c *Chain) deciding(s *seat) (Vote, bool) {
	for _, v := range slices.Backward(s.votes) {
		if c.weigh(v) == VoteCounts {
			return v, true
		}
	}
	return Vote{}, false
}

// known moves those who voted for an epoch before it came.
func (c *Chain) known(id EpochID) {
	seats := c.waiting[id]
	delete(c.waiting, id)
	for _, s := range seats {
		c.reseat(s)
	}
}

// trim lets go of a seat's lowest vote beyond the cap, never the deciding one.
func (c *Chain) trim(s *seat) {
	if len(s.votes) <= MaxVotes {
		return
	}
	at := 0
	if last, ok := c.deciding(s); ok && s.votes[0] == last {
		at = 1
	}
	head := s.votes[at].Head
	s.votes = slices.Delete(s.votes, at, at+1)
	c.unwait(s, head)
	c.counts.Votes++
}

// unwait takes s off the list of those who wait for a head, unless another
// vote of it names that head too.
func (c *Chain) unwait(s *seat, head EpochID) {
	if slices.ContainsFunc(s.votes, func(v Vote) bool { return v.Head == head }) {
		return
	}
	left := slices.DeleteFunc(c.waiting[head], func(x *seat) bool { return x == s })
	if len(left) == 0 {
		delete(c.waiting, head)
	} else {
		c.waiting[head] = left
	}
}

// Want is a head that accounts voted for and nobody has brought.
type Want struct {
	Head     EpochID
	Accounts int
}

// Wanted returns the unknown heads voted for, those of most accounts first.
func (c *Chain) Wanted() []Want {
	var wants []Want
	for head, seats := range c.waiting {
		wants = append(wants, Want{head, len(seats)})
	}
	slices.SortFunc(wants, func(a, b Want) int {
		return cmp.Or(cmp.Compare(b.Accounts, a.Accounts), compareEpochs(a.Head, b.Head))
	})
	return wants
}
