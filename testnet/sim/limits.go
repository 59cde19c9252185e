package sim

import "time"

// What a world will not exceed, and why.
const (
	// maxCSV values of a measured distribution: chosen arbitrarily, above any
	// published latency table we know of.
	maxCSV = 1 << 20
	// maxMeasured of them are kept, and stand in transcripts: a line of some
	// 40 kB at most, and no percentile anybody reports is off by more than 1/8192.
	maxMeasured = 4096
	// maxNodes in a world: the largest of the scaling series, 10,000, with
	// room; node sets are bit sets of this length.
	maxNodes = 1 << 14
)

// The gossip overlay, with gossipsub v1.1's names and default values.
const (
	meshD      = 6               // neighbours a node forwards to
	meshLow    = 5               // below this it looks for more
	meshHigh   = 12              // above this it takes no more
	lazyD      = 6               // peers told IHAVE at each heartbeat
	heartbeat  = time.Second     // upkeep and IHAVE period
	gossipRuns = 3               // heartbeats a message is offered for
	fanoutHops = 64              // a message that hopped further is a loop
	seenFor    = 2 * time.Minute // seen-cache: older copies are new again
)

// A stream hides loss behind retransmission, as QUIC does.
const (
	retransmits     = 6                      // 6.3 s in all, then it arrives
	retransmitAfter = 100 * time.Millisecond // doubled at each try
)

// maxTimer is the longest a node sleeps: a Wake further away, as a clock set
// back by years asks for, is looked at again then.
const maxTimer = 100 * time.Hour

// The directory of key packages, that is the DHT: how long a look-up takes.
const directoryTakes = 300 * time.Millisecond

const (
	// untilGrain is how finely Until looks.
	untilGrain = 10 * time.Millisecond
	// quietFor is how long no face must have heard anything for a world to be
	// at rest: above every pacing constant of a session, of which the longest
	// is the half minute between two exchanges that nothing asked for.
	quietFor = 35 * time.Second
	// vouchedBy is after how long keys that were renewed lately can be renewed
	// again: the minute that others wait before they vouch, and some turns.
	vouchedBy = 75 * time.Second
)

// wholeRosters is the largest group of which every member's roster of every
// state is compared whole; above it the first one's stands for all, and the
// exporter-derived value, which is a function of the roster, for the rest.
const wholeRosters = 128

// shelfLength is how many rows the disks of a world may write before a row that
// another writes then is stored a second time: some seconds of a thousand nodes.
const shelfLength = 1 << 16

// certificateBytes is what the signature of a certificate covers, but for a name.
const certificateBytes = 85

// maxHeard bounds what a replaying member remembers: chosen arbitrarily.
const maxHeard = 1 << 14

// maxGrind bounds how many commits a grinding member tries: each is a whole
// commit of the engine, and a thousand take the lowest id there is to be had.
const maxGrind = 1000
