package mailbox

import "time"

const (
	// smallest to largest are the sizes to which items are padded, each four
	// times the one before: an observer learns two bits.
	smallest = 4 << 10
	largest  = 256 << 10

	// maxParts bounds an item's parts: 2 MB, the Welcome of a group of some
	// thousands with its tree.
	maxParts = 8

	// MaxPayload is the largest payload of a deposit, in bytes.
	MaxPayload = maxParts * (largest - partHead)

	// overhead is what sealing adds to a part, and a request to that.
	overhead   = 512
	maxRequest = largest + 2*overhead

	// pageBytes is how much one answer to a GET holds, beside at least one item.
	pageBytes = 1 << 20
	maxAnswer = pageBytes + maxRequest
	// maxItems bounds what is taken from one holder in one poll: all that the
	// slots of two weeks may hold. maxWaiting bounds the parts in memory that wait
	// for others, in bytes.
	maxItems   = slotItems * maxDays
	maxWaiting = 16 << 20

	// holders is with how many of the closest peers an item is left, spare how
	// many more are looked up for those that do not answer. With five, two may
	// crash and one lie.
	holders = 5
	spare   = 5
	// maxFriends is with how many contacts and members it is left as well.
	maxFriends = 8

	// keepDays is how long an item is kept unless the depositor says, maxDays how
	// long at most; the recipient looks in the slots of that many days.
	keepDays = 7
	maxDays  = 14

	// askTimeout ends one question to one peer and dialTimeout the dialling of
	// it: dead peers are the rule here.
	askTimeout  = 10 * time.Second
	dialTimeout = 3 * time.Second
	// clockSkew is how far the clock of whoever signs may be off.
	clockSkew = 10 * time.Minute
)

// What a holder gives away.
const (
	// totalBytes is all a node keeps for others, strangerBytes what strangers may
	// take of it.
	totalBytes    = 64 << 20
	strangerBytes = 32 << 20

	// slotItems and slotBytes bound a recipient's slot of a day, so that a flood
	// to one hurts nobody else. An honest day's worth is a few invitations.
	slotItems = 64
	slotBytes = 4 << 20

	// strangerItems and strangerDay are what one stranger may leave in a day,
	// friendItems and friendDay what somebody known may.
	strangerItems = 32
	strangerDay   = 3 << 20 // one payload of all parts
	friendItems   = 1024
	friendDay     = 32 << 20
	// getsDay is how often one peer may ask in a day: hourly, for several
	// identities, and on every contact.
	getsDay = 2000
	// maxPeers is how many peers' budgets are remembered; strangers who come when
	// it is full share one until the day ends.
	maxPeers = 8192

	// leastWork is how many leading zero bits a stranger's proof of work has when
	// the space is empty: 2^18 hashes, about a tenth of a second. Each eighth of
	// the strangers' space that is full costs one more, up to mostWork, ten
	// seconds or so; who deposits gives up beyond patience.
	leastWork = 18
	mostWork  = 25
	patience  = 24
)
