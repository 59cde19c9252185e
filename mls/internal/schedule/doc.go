// Package schedule holds every secret of an epoch (RFC 9420 §8, §9).
//
// Read epoch.go in the order of §8: a commit secret and the last init secret
// give a joiner secret; the joiner secret and the pre-shared keys (psk.go) give
// an [Epoch]. transcript.go is §8.2. From the encryption secret grow the
// message keys: [Ratchets] (ratchets.go, §9), whose state is written down in
// cells (cell.go). key.go protects one message with one of them (§6.3).
//
// An Epoch never changes, except that Erase ends it. Ratchets are the one
// mutable thing of an epoch: there must be exactly one for each, shared by all
// that hold the epoch, or two messages could be sealed with one key.
//
// # Decisions
//
// State is cells, not a log. What Next and Use change comes back as a list of
// cells, each a short key and its new value; the caller writes them before the
// message leaves or is believed. A cell written again replaces itself, so the
// state on disk is always just the unconsumed secrets (§9.2), needs no
// compaction, and loads back equal. A log of "generation 7 used" would be
// shorter, but only by keeping the encryption secret from which every used key
// can be had again. Cost: the first message of a sender writes the secrets that
// branch off its path in the secret tree, at most one per level.
//
// Looking is not using. Key changes nothing; only Use does, and it is called
// once the message has been decrypted and its signature verified. Any member
// can derive any other's keys, so one who consumed keys on sight would let a
// forger burn the messages of others.
//
// The secret tree is a frontier: those nodes whose parent is consumed and which
// are not. It starts as the root and grows only where somebody speaks, so an
// epoch of ten thousand silent members costs one secret.
package schedule
