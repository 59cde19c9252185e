package session

// Every cap of a session, with its reason. Times are milliseconds.
const (
	// maxNameBytes bounds a display name or a group's name: a line of text.
	maxNameBytes = 128
	// maxCertificateBytes: two keys, a signature and a name.
	maxCertificateBytes = 512

	// maxEnvelopeBytes is gossipsub's default message limit. A commit of a
	// fresh tree of 5,000 members stays below it; what is larger cannot be
	// published and is refused when it is made.
	maxEnvelopeBytes = 1 << 20
	// MaxGossipBytes is what a driver should put on gossip as it is; a larger
	// envelope is announced and fetched, as flooding it costs every member its
	// size times the mesh degree.
	MaxGossipBytes = 64 << 10
	// MaxTextBytes bounds the body of a message, so that it travels by gossip
	// whole. Chosen arbitrarily below MaxGossipBytes.
	MaxTextBytes = 48 << 10
	// maxBatchBytes bounds the intents one commit carries (consensus: batches);
	// what is over waits for the next epoch.
	maxBatchBytes = 48 << 10
	// maxPackages bounds the devices added by one intent.
	maxPackages = 16

	// maxArray and maxMapPairs bound what the decoder allocates: the longest
	// list of ours is one entry per member.
	maxArray    = 1 << 16
	maxMapPairs = 16 // entries of a struct of ours; the library's least

	// maxParked and maxParkedBytes bound envelopes whose epoch is unknown here
	// (a child before its parent). Anybody on the topic can send such; the
	// oldest goes first, and sync brings back what was real.
	maxParked      = 256
	maxParkedBytes = 4 << 20
	// maxRefused bounds the remembered hashes of envelopes found invalid, so
	// that a replay costs a lookup. Oldest first.
	maxRefused = 4096
)

// Pacing: local advice, no decision about commits reads it.
const (
	// settleAfter is how long the head must have had no rival before this
	// device votes for it: twice the 99th percentile of a gossip round trip.
	settleAfter = 1000
	// settleCap ends the wait under a stream of rivals.
	settleCap = 3000
	// slotDelay is what each member believed online and ahead in slot order
	// adds to the wait before committing: one gossip hop to all.
	slotDelay = 400
	// slotAhead caps the members counted as ahead: a dead queue must not take
	// longer than a rival commit costs.
	slotAhead = 8
)

// window is how many epochs behind the head a fork can still be entered: the
// dial between forward secrecy and patience.
const window = 8
