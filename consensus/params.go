package consensus

// Params are the constants of the rule. They are protocol, carried in the
// group's context under Version and the same for every member: two members
// with different ones would be two protocols. None is a local option.
type Params struct {
	Version uint16

	// Committee is how many accounts vote at most. Above it, votes cost more
	// traffic than they add certainty: of 64 leaves drawn where a third are
	// hostile, most are hostile once in 500 draws; where a quarter are, once
	// in 500,000.
	Committee int
	// Term is for how many epochs one committee sits: long enough that those
	// outside it can keep silent.
	Term uint64

	// Turns is how many votes an account may cast per height, and Slack is by
	// how many heights those of a longer, abandoned branch may run ahead:
	// a vote for a head of number h has Turns*h <= Seq < Turns*(h+Slack+1).
	Turns uint64
	Slack uint64

	// CoolDown is how many epochs an account waits, at most, between two
	// maintenance commits of its own; CoolDownFrom is the number of accounts
	// from which on it must wait at all.
	CoolDown     int
	CoolDownFrom int
}

// V1 returns the only parameters there are so far.
func V1() Params {
	return Params{
		Version:      1,
		Committee:    64,
		Term:         64,
		Turns:        4,
		Slack:        8,
		CoolDown:     8,
		CoolDownFrom: 3,
	}
}
