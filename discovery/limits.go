package discovery

import "time"

const (
	// bucketSize and concurrency are k and alpha of the DHT (doc.go, Decisions).
	bucketSize  = 8
	concurrency = 3

	// recordAge is how long a holder keeps what it was sent, unless it is sent
	// again; republishEvery is how often that is done, so that two in a row may
	// fail. What is actually waited is between half of it and all of it, so that
	// not everybody publishes at once after a power cut.
	recordAge      = 48 * time.Hour
	republishEvery = 12 * time.Hour

	// bundleLife is when a bundle expires, unless the caller says; it is signed
	// anew when less than a third of that is left.
	bundleLife = 14 * 24 * time.Hour

	// retryFirst and retryLast bound the wait after a bundle that nobody took.
	retryFirst = 5 * time.Second
	retryLast  = 10 * time.Minute

	// lookAround is how often the loop looks whether the network has grown or
	// something is due; settle is how long it waits after an event, since they
	// come in flocks.
	lookAround = 30 * time.Second
	settle     = 2 * time.Second

	// checksAtOnce is how many peers that come are asked at a time whether they
	// serve, before the routing table takes them. The others are asked when one of
	// these is in.
	checksAtOnce = bucketSize
	// refreshEvery is how often the routing table is looked over by walks through
	// the network, besides when that has grown.
	refreshEvery = 10 * time.Minute

	// calm is how long, at most, a node that starts puts nothing by itself, once no
	// more peers come: the network it sees grows by the second, and each doubling
	// would have everything put again. calmEach is added for each peer, so that
	// those who start together put their bundles one after another and not at once;
	// a bundle takes half a second of cores, over all who hold it and are asked for
	// those who should. calmMost ends the wait of a node to which peers never cease
	// to come.
	calm     = 20 * time.Second
	calmEach = 500 * time.Millisecond
	calmMost = time.Minute

	// lookupTimeout ends a walk to the closest peers; askTimeout one question to
	// one peer, dialling included: dead peers take up most of a search.
	lookupTimeout = 20 * time.Second
	askTimeout    = 3 * time.Second

	// readBack is how many of a key's holders are asked whether they really hold
	// what they took.
	readBack = 3

	// maxContacts is how many friends' bundles are kept and put again: 3 MB.
	maxContacts = 256

	// keepFirst is within what time a new one's bundle is first looked for, where
	// there are fewer than keepFlock; more take longer, so that a group of a
	// hundred costs each member no more than one lookup in half a minute.
	keepFirst = 10 * time.Minute
	keepFlock = 16

	// maxMeetings is how many rendezvous a node keeps: one for each group and
	// for each contact.
	maxMeetings = 512

	// meetPeriod is how long a rendezvous key is good for, and meetOverlap how
	// long before and after its end the neighbouring one is served too.
	meetPeriod  = 24 * time.Hour
	meetOverlap = 2 * time.Hour
	// maxFound bounds the peers that a search for a rendezvous returns.
	maxFound = 64

	// savedPeers is how many peers are remembered for the next start, saveEvery
	// how often.
	savedPeers = 32
	saveEvery  = 10 * time.Minute

	// freshEach is how many fresh key packages one peer is handed in freshPeriod,
	// freshAll how many all together: each leaves a private key behind. Whoever
	// is refused takes one from the bundle.
	freshEach   = 3
	freshAll    = 60
	freshPeriod = time.Hour
	// maxFreshPeers bounds who is counted.
	maxFreshPeers = 1024
)
