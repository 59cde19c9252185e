package mesh

import "time"

const (
	// MaxGossip is the size of one gossip message, in bytes. Larger ones
	// pubsub would drop without a word.
	MaxGossip = 96 << 10
	// MaxFrame is the size of one frame of a stream, in bytes: a batch of
	// envelopes, the largest of which has 1 MiB.
	MaxFrame = 4 << 20

	// outboundQueue is the RPCs pubsub queues for a peer, and validateQueue the
	// messages that wait for validate. At the defaults of 32, a burst of 1,000
	// messages delivers 29 of them.
	outboundQueue = 512
	validateQueue = 512
	// meshDegree is how many peers each message is passed on to, and meshLeast and
	// meshMost when more are taken in or some let go. pubsub's own 6, 5 and 12 cost
	// a fifth more work for each message, nearly all of it copies.
	meshDegree, meshLeast, meshMost = 4, 3, 8
	// gossipRate is the messages a second that one peer may forward to us, and
	// gossipBurst how many at once: ten times what two cores deliver.
	gossipRate  = 5000
	gossipBurst = 10000
	// maxHeard bounds the topics remembered of one peer: each group has at most
	// three, and few people are in eighty groups. maxTopicName is their length.
	maxHeard     = 256
	maxTopicName = 128

	// writerQueue and writerBytes bound the frames that wait for one peer; what
	// is over is refused, and the sender's session tries again.
	writerQueue = 256
	writerBytes = 16 << 20
	// idleWriter is how long a stream is kept open for the next frame.
	idleWriter = time.Minute
	// streamTimeout is how long opening a stream, or writing or answering one
	// message on it, may take.
	streamTimeout = 20 * time.Second
	// maxInbound is the inbound streams served at once, and maxInboundPeer those
	// of one peer. Each connected member keeps one open for its frames.
	maxInbound     = 512
	maxInboundPeer = 8

	// connLow and connHigh are the connections between which the connection
	// manager trims. Known peers are never trimmed.
	connLow, connHigh = 64, 128
	// answerWithin is how long a peer has to answer a ping, and maxAnswering how
	// many are asked whether they took a message. One that answers is enough, a few
	// allow for those that are gone; in a group of thirty, asking all after every
	// message costs a tenth of the message itself.
	answerWithin = 2 * time.Second
	maxAnswering = 8
	// keepEvery is how often the keeper looks for known peers to dial,
	// dialsAtOnce how many it dials at a time. Without it, two halves of a
	// network that were parted for a minute never meet again.
	keepEvery   = 20 * time.Second
	dialsAtOnce = 4
	// meetAtOnce is how many of the known peers a node that has met nobody yet dials
	// at once: as many as gossip keeps, and a graph of so many chosen by chance hangs
	// together. The others wait for meetLater, until those who come together are in,
	// and each known peer adds meetEach to that, and to the wait before each further
	// one: sixteen connections a second, over a group of any size.
	meetAtOnce = 4
	meetLater  = 5 * time.Second
	meetEach   = 60 * time.Millisecond
	// yieldFor is how long the one of two peers with the higher id waits for the
	// other to dial, when both have heard of each other at the same time.
	yieldFor = 300 * time.Millisecond
	// retryFirst and retryLast bound the wait before a peer that could not be
	// reached is dialled again.
	retryFirst = 5 * time.Second
	retryLast  = 5 * time.Minute
	// dialTimeout ends one attempt.
	dialTimeout = 10 * time.Second
	// strangerScore lies below the publish threshold and above the graylist.
	strangerScore = -150
	// blamePerFrame is what a malformed frame costs, blamePerFlood a message over
	// gossipRate, blameMost how low that goes, above the graylist too, and blameFades
	// what is left of it after 10 s.
	blamePerFrame    = 50
	blamePerFlood    = 1
	blameMost        = 180
	blameFades       = .9
	publishThreshold = -100
)
