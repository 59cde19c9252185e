package session

import "github.com/covey-p2p/covey/consensus"

// The names the session shares with the rule.
type (
	EpochID  = consensus.EpochID
	CommitID = consensus.CommitID
	Account  = consensus.Account
	Role     = consensus.Role

	// Device is the Ed25519 public key of one device: the signature key of its
	// leaf. Its account's key vouches for it (account.go).
	Device = consensus.Device
)

// IntentID names something I asked for, across restarts and re-issues.
type IntentID [16]byte

// MessageID names a message's plaintext, whatever epoch carries it:
// H(author device ‖ nonce), so that a message re-sent after a lost branch is
// delivered once.
type MessageID [16]byte
