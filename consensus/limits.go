package consensus

// What one Chain keeps at most. These are local, unlike Params: reaching one
// costs memory's protection, never a different answer from the same contents,
// and everything turned away is counted in Counts and can be offered again.
const (
	// MaxHeld is how many candidates the tree holds. Headers are kept for
	// 1,024 epochs; this leaves sixty-four rivals for each.
	MaxHeld = 1 << 16
	// MaxParked is how many candidates wait for their parent: the deepest
	// gap one missing commit should leave behind, several times over.
	MaxParked = 256
	// MaxVotes is how many votes of one account are kept: the highest
	// sequence numbers count, the older ones are there to catch a second
	// content under the same number. Sixteen are two windows of an account that
	// votes once an epoch; half a kilobyte each, as they were signed.
	MaxVotes = 16
	// MaxVoters is how many accounts' votes are kept; ten times what the
	// largest group we measure has.
	MaxVoters = 1 << 14
	// MaxTwins is how many commits of one account on one parent are taken
	// before somebody else needs another one: two convict, and an account has
	// a few devices that may not have heard each other.
	MaxTwins = 4
	// MaxSought is how many epochs are remembered that Seek named: one for
	// each account that can be needed by, in a large group.
	MaxSought = 4096
	// MaxNames is under how many further CommitIDs one commit is known: any
	// member can frame it anew without end.
	MaxNames = 8
	// MaxRefused and MaxGone are how many invalid commits and left-behind
	// epochs are remembered by name, first in first out: forgetting one
	// costs a second look at it.
	MaxRefused = 4096
	MaxGone    = 4096
)
