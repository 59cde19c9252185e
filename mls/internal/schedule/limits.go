package schedule

// Limits on what one sender can make us do and keep (RFC 9420 §15.3).
const (
	// MaxForward is how many generations a message may lie ahead of the next one
	// expected from its sender. Each costs one HMAC to pass (0.4 µs), so a forged
	// leap costs us at most half a millisecond. Chosen as OpenMLS and mls-rs
	// chose (1000, 1024).
	MaxForward = 1024

	// MaxKept is how many passed-over keys are kept for one ratchet. A leap that
	// would need more is ErrTooFar: no key is let go, since its message may be on
	// its way, and whoever reads a log out of order comes to it later. The price:
	// with so many of a sender's messages lost for good, its next in that epoch
	// cannot be read. Two ratchets of 1024 keys of at most 44 bytes: a member can
	// make us keep 90 kB by leaping, and nobody else can.
	MaxKept = 1024

	// MaxLeaves bounds the secret tree so that node numbers fit 32 bits.
	MaxLeaves = 1 << 30

	// MaxGeneration is the last generation of a ratchet. The one after it could
	// not be told from 0.
	MaxGeneration = 1<<32 - 2

	// MaxPSKs is the number of pre-shared keys one commit may name: the count
	// is a uint16 (RFC 9420 §8.4).
	MaxPSKs = 1<<16 - 1
)

const _ uint = MaxKept - MaxForward // see MaxKept
