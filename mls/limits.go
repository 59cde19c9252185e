package mls

import "github.com/covey-p2p/covey/mls/internal/schedule"

// Bounds on what others can make this client do and keep.
const (
	// MaxForward is how many generations a message may lie ahead of its
	// sender's last (RFC 9420 §15.3).
	MaxForward = schedule.MaxForward
	// MaxKept is how many passed-over keys are kept for one sender ratchet.
	MaxKept = schedule.MaxKept
	// MaxPadding is the most zero bytes that may be added to a message: as
	// much as gossip carries in all. Chosen to catch mistakes.
	MaxPadding = 1 << 20
)
