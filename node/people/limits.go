package people

import "time"

const (
	// MaxContacts bounds the book: more than anybody knows.
	MaxContacts = 4096
	// MaxRequests is how many strangers may wait for an answer; more are turned
	// away until some are answered, so that a flood costs its sender stamps and
	// us nothing.
	MaxRequests = 64
	// MaxLinks is how many links may be out at once.
	MaxLinks = 256
	// MaxName is the length of a name, in bytes, and MaxHello that of what a
	// stranger may say.
	MaxName  = 64
	MaxHello = 256
	// maxAddresses is how many addresses of a device are kept or told, and
	// maxAddress the bytes of each.
	maxAddresses = 8
	maxAddress   = 256
	// maxDevices is how many devices of one contact are kept, and how many an
	// account may have beside this one.
	maxDevices = 8
	// maxSiblings is how many other devices of the account are remembered, those
	// removed among them.
	maxSiblings = 32
	// CodeLife is how long a new device waits to be taken into an account: time
	// to carry a code from one to the other.
	CodeLife = 10 * time.Minute
	// maxAdopted is how many contacts go along to a new device; MaxAdoption, in
	// bytes, is room for them with two places each.
	maxAdopted  = 256
	MaxAdoption = 1 << 20
	// maxLink is the length of a link, in characters, and MaxMessage that of a
	// hello or its answer, in bytes.
	maxLink    = 4096
	MaxMessage = 8 << 10

	// StampBits is the work of a stamp: 2^22 hashes, about a second of one core.
	StampBits = 22
	// stampLife is how old a stamp may be, or how far from the future.
	stampLife = 24 * time.Hour

	// DefaultLinkLife and MaxLinkLife bound how long a link is honoured.
	DefaultLinkLife = 24 * time.Hour
	MaxLinkLife     = 30 * 24 * time.Hour
)
