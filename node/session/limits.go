package session

// Every cap of a session, with its reason. Times are milliseconds.
const (
	// maxNameBytes bounds a display name or a group's name: a line of text.
	maxNameBytes = 128
	// maxCertificateBytes: two keys, a signature and a name.
	maxCertificateBytes = 512
	// maxCertificates bounds the cache of certificates found good: those who vote,
	// and those whom a commit adds, with room to spare. Beyond it, everything is
	// verified once more; whose a leaf is stands in the roster.
	maxCertificates = 1 << 9
	// maxWords is how many statements sessions that share a process look for among
	// each other's: what all hear within seconds, in a thousand groups.
	maxWords = 1 << 12
	// minSweep is how many rosters of sessions that are gone are of no account.
	minSweep = 64

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
	// maxBatchBytes bounds the intents one commit carries, so that a commit
	// stays within gossip; what is over waits for the next epoch.
	maxBatchBytes = 48 << 10
	// maxFoundingBytes bounds those of a commit made alone, which nobody has to be
	// sent: nine hundred devices found a group in one epoch.
	maxFoundingBytes = maxEnvelopeBytes / 2
	// maxPackages bounds the devices added by one intent.
	maxPackages = 16

	// maxArray and maxMapPairs bound what the decoder allocates: the longest
	// list of ours is one entry per member.
	maxArray    = 1 << 16
	maxMapPairs = 1 << 12 // a message's devices that have it

	// maxParked and maxParkedBytes bound envelopes whose epoch is unknown here
	// (a child before its parent). Anybody on the topic can send such; the
	// oldest goes first, and sync brings back what was real.
	maxParked      = 256
	maxParkedBytes = 4 << 20
	// maxAheadBytes bounds messages that came before too many of their authors':
	// ten thousand short ones, when a log is caught up with in no order. Beyond
	// it the last of one author's go, and are asked for again.
	maxAheadBytes = 8 << 20
	// maxRefused bounds the remembered hashes of envelopes found invalid, so
	// that a replay costs a lookup. Oldest first.
	maxRefused = 4096
	// maxUnread bounds the envelopes in the log that are remembered as not
	// read, in case a key comes: a window's worth of a busy group. The lowest
	// epochs go first.
	maxUnread = 4096

	// maxWishes, maxPool and maxOutbox bound what waits here: changes of mine,
	// changes of others, messages of mine. A person does not reach them;
	// a program that does is told.
	maxWishes = 1024
	maxPool   = 4096
	maxOutbox = 4096
	// flushBytes is how much of envelopes one Step makes of the outbox: after a partition a whole
	// outbox may wait, and a Step should stay a fraction of a second.
	flushBytes = 1 << 20
	// maxVersions is how often one of those requests is kept, signed for as many
	// heads: its author signs it anew only where the guard no longer holds.
	maxVersions = 4
	// intentEpochs is for how many epochs an intent may be committed after it
	// was signed: what its author forgot must not come true much later.
	intentEpochs = 64
)

// Pacing: local advice, no decision about commits reads it.
const (
	// settleAfter is how long the head must have had no rival before this
	// device votes for it: twice the 99th percentile of a gossip round trip.
	settleAfter = 1000
	// settleCap ends the wait under a stream of rivals.
	settleCap = 3000
	// ackAfter is how long a device waits, before it says that it has seen where
	// all stand, for a vote of its own that says so too.
	ackAfter = 2 * settleAfter
	// slotDelay is what each member ahead in slot order adds to the wait
	// before committing: one gossip hop to all.
	slotDelay = 400
	// slotAhead caps the members counted as ahead: a dead queue must not take
	// longer than a rival commit costs.
	slotAhead = 8
	// vouchEvery is how old the keys of an account must be here before this
	// device vouches for its renewing them again: one that floods the group so
	// makes an epoch a minute, in which all else settles many times over.
	vouchEvery = 60_000
	// maxSpread bounds how far losing widens the time in which those beyond the
	// caps take their turns: to half a minute, in which dozens find a place.
	maxSpread = 8
	// maxRounds is how many commits one Step may make: alone in a group there is
	// nobody to wait for, so all that was asked for is done at once.
	maxRounds = 64
	// silentAhead caps those ahead who were not heard lately; onlineFor is how
	// lately: twice the time in which every member of a busy group speaks.
	silentAhead = 16
	onlineFor   = 120_000
	// gather is how long even the first in line waits for what others ask for
	// at the same time: a fraction of a hop.
	gather = 100
)

// window is how many epochs behind the head a fork can still be entered: the
// dial between forward secrecy and patience.
const window = 8

// Limits of catching up.
const (
	// maxFrameBytes bounds one sync frame: an inform of one envelope of the
	// largest size, or many small ones.
	maxFrameBytes = 4 << 20
	// informBytes is where an inform is split, so that its reader can act on
	// a part before the rest has come.
	informBytes = 512 << 10
	// answerBytes bounds what one frame of a peer's can make this device send:
	// a second of a home uplink. Who lacks more asks again.
	answerBytes = 8 << 20
	// askAgain is how long an envelope asked of one peer is not asked of it
	// again, and maxAsked how many such are remembered.
	askAgain = 5000
	maxAsked = 1 << 14
	// offerAgain is how soon an exchange with one peer may be opened again for
	// an envelope that could not be placed; offerEvery is how often one is
	// opened without any reason.
	offerAgain = 500
	offerEvery = 30_000
	// reapEvery is how often what is kept is looked through because of time
	// alone: no oftener than this device wakes anyway.
	reapEvery = offerEvery
	// welcomeCap is how long a Welcome waits for votes at most.
	welcomeCap = 10_000
	// welcomeAgain is the wait before a Welcome is sent a second time; each
	// further wait is twice as long. The driver keeps a copy for who is away.
	welcomeAgain = Time(10_000)
	// guardHold is how long a message that the audience guard holds back waits
	// for somebody to ask for the removal again before its author is told: two
	// sides that meet have compared logs by then.
	guardHold = 30_000
	// removalHold is how long what I send waits for a removal I asked for.
	removalHold = 10_000
)

// Receipts and gaps.
const (
	// receiptShare is how far apart the devices of a group acknowledge a message,
	// and what each adds to the pause between two receipts of one device, so that
	// all together send about eight a second; receiptWait is the least pause, a
	// quarter of a second; maxReceipts is one batch.
	receiptWait  = 250
	receiptShare = 125
	maxReceipts  = 512
	// maxRun is how many receipts are in one run, a power of two, and how many
	// messages they name in all (run.go): the last of a run of sixty-four is half a
	// kilobyte longer than the first, and stands for all. shortName is how much of a message's name a receipt gives: it is looked for
	// among what its author has out, where 64 bits meet by chance never.
	maxRun    = 64
	shortName = 8
	// sayAgain is how long receipts of a message that somebody seems to have
	// missed are waited for at least: some round trips around the world.
	sayAgain = 2000
	// maxOwed bounds the receipts that wait while this device may not speak.
	maxOwed = 8 * maxReceipts
	// tellAfter is how long word that something was read waits for more of it: a
	// page that is scrolled through. maxTellings bounds the words that wait or are
	// not answered, each of at most maxReceipts messages of one author: a person
	// reads no faster. tellKeep is how long an answer is waited for, as long as an
	// author may be away. maxShown bounds the messages remembered as told of: many
	// pages back. Who shows older ones again tells of them again.
	tellAfter   = 1000
	maxTellings = 256
	tellKeep    = readKeep
	maxShown    = 4096
	// pressAfter is how long, after receipts should have come, a message of
	// mine may lack one before everybody in reach is asked what they have: some
	// hops and rounds of IHAVE. pressEvery is how often one is asked so.
	pressAfter = 3000
	pressEvery = 10_000
	// gapAsk is how long a message that others have seen may be on its way
	// before it is asked for, gapTell before the faces are told.
	gapAsk  = 2000
	gapTell = 60_000
	// maxGaps bounds the messages known to be missing.
	maxGaps = 256
	// forkKeep is how long the state before a commit is kept for a rival, where
	// neither agreement nor the window ended it: three days, a long weekend.
	forkKeep = 72 * 3600_000
	// logKeep is how long the ciphertexts are kept for those who are away, and
	// maxLogBytes how much of them: what a phone can spare for one group.
	logKeep     = 90 * 24 * 3600_000
	maxLogBytes = 256 << 20
	// treeKeep is how many epochs the tree goes back, headers only beyond the
	// window: so long can a side be apart and still be let in by proof.
	treeKeep = 1024
	// maxEpochBytes is how much of the log one epoch may take before its members
	// begin another: the log is cut by epochs, and a window of them should fit.
	maxEpochBytes = maxLogBytes / (2 * window)
	// maxCut is how many rows one Step cuts off the log: some twenty megabytes of
	// batch, where a log of a hundred thousands comes of age at once.
	maxCut = 1 << 16
	// trimEvery is how often old ends are looked for.
	trimEvery = 3600_000
	// readKeep is how long messages of a branch left behind can be read: a
	// week, as long as their authors may be away.
	readKeep = 7 * 24 * 3600_000
	// readEpochs is for how many epochs late messages can be read after the
	// state is gone.
	readEpochs = 5
)

// Limits of healing.
const (
	// askFor is how long all peers are asked, again and again, for a commit of
	// which the header came, and for which nobody else stands: gossip is slower
	// than that only where it has lost it, and then the rounds bring it.
	askFor = 5000
	// pleaAgain is how often a stranded device repeats its Readmit.
	pleaAgain = 30_000
	// welcomeWait is how long a stranded device waits to be let in before it asks by
	// another key package, at first: twice the time in which nobody is let in again.
	// Of those it gave out before, maxPledged may still be used.
	welcomeWait = 120_000
	maxPledged  = 3
	// lostStatements is how far the count of statements is put forward once an
	// old copy is let in anew: more than the later copy can have made, so that
	// what comes late of it is not taken for word of yet another.
	lostStatements = 1 << 32
	// maxGone bounds the devices remembered as having left, so that they can be
	// told. The oldest go first.
	maxGone = 256
	// maxFarewells is how many frames of one of them are answered in offerEvery.
	maxFarewells = 32
	// maxEntered bounds the Welcomes remembered as used: who was let in more
	// often than this since then has key packages that are long gone.
	maxEntered = 256
	// maxNacks is how many commits are remembered that an account says it cannot
	// open: more than one would be a fault of its own. maxNamed is how many names a
	// sentence lists.
	maxNacks = 8
	maxNamed = 4
	// anotherFor is how long those who cannot open a commit try another one: the
	// waits of all who may be ahead, and two rounds of votes.
	anotherFor = 10_000
	// shyFor is how long a device makes no commit after one that most could not open.
	shyFor = 10 * 60_000
	// maxEvidence is how many proofs of a member's saying two things go with a
	// Welcome, a kilobyte each: who has more such members has another problem.
	maxEvidence = 32
	// maxWelcomeVotes is how many votes go with a Welcome, as they were signed and
	// half a kilobyte each: a committee of 64 where the joiner's tree begins, and
	// one of the epoch before the one it enters.
	maxWelcomeVotes = 128
	// maxTrail bounds the epochs whose headers come with a Welcome: a window, of
	// members who use one four times as long in a measurement, and as many as the
	// cool-down looks back.
	maxTrail = 5 * window
	// maxHeading bounds the accounts a header says joined and left: more than a
	// commit can carry, and sixty-four kilobytes of memory for each header kept.
	maxHeading = 2048
	// maxCarriers is how many envelopes of a commit that was turned away, or of its
	// header, are noted to be asked for again. Anybody can seal either anew; one of
	// the commit is enough.
	maxCarriers = 8
	// maxHeadless bounds the commits remembered as not having been said: a window
	// of epochs, four of one author on each.
	maxHeadless = 4 * window
	// maxEarly bounds the Welcomes that wait for headers.
	maxEarly = 4
)

// renewEvery is how long keys of a device are good for at most: a day, in which
// most devices are online once. renewShare is what each device adds to that, so
// that a large group makes no more than some thirty renewals a day: a window is
// then several hours, and who was apart for less can enter the other branch.
const (
	renewEvery = Time(24 * 3600_000)
	renewShare = Time(3600_000)
)

// maxDescribed is how many devices Describe lists: more does not fit a screen.
const maxDescribed = 64
