package node

import "time"

const (
	// netQueue is what waits for a group from the network: when it is full the
	// newest gossip is dropped, and the next exchange of logs brings it back.
	netQueue = 1024
	// localQueue is what waits from people here: when it is full they are told
	// to wait.
	localQueue = 256
	// maxBatch and maxBatchBytes bound the events of one group that share one
	// synced write: large enough that the disk is no limit, small enough that
	// nobody waits long and that the store takes it whole.
	maxBatch      = 512
	maxBatchBytes = 256 << 10

	// maxGroups bounds the groups of a node: each is a goroutine and a session
	// in memory.
	maxGroups = 1024
	// maxInvitations bounds the invitations that wait for an answer, and
	// invitationLife how long they do: the key packages they answer live as
	// long.
	maxInvitations = 64
	invitationLife = 30 * 24 * time.Hour
	// maxWelcome is the size of a Welcome on a stream, in bytes: one for a tree
	// of 10,000 members fits.
	maxWelcome = 4 << 20
	// maxPackages bounds the key packages given out and not used yet;
	// packageLife is how long one is kept for its Welcome.
	maxPackages = 512
	packageLife = 30 * 24 * time.Hour
	// packageEvery is how often one peer may ask for a key package.
	packageEvery = 2 * time.Second
	// packageReply is the size of an answer with a key package, in bytes.
	packageReply = 16 << 10
	// errandsAtOnce is how many Welcomes, key packages and hellos are fetched
	// or carried at a time; each waits for somebody else's machine.
	errandsAtOnce = 32
	// retryWelcome is how often a Welcome that could not be delivered is tried
	// again, besides whenever its device comes up; welcomeLife is how long.
	retryWelcome = 2 * time.Minute
	welcomeLife  = 14 * 24 * time.Hour
	// retryHello is how often somebody who has not answered is greeted again.
	retryHello = 10 * time.Minute

	// settleTopic is how long a new topic is listened on before it is spoken
	// on: others take it up within a gossip round trip.
	settleTopic = 5 * time.Second
	// lostEvery is how often dropped gossip may start an exchange of logs.
	lostEvery = time.Second
	// keepOps is how many operations are remembered for questions about them.
	keepOps = 4096
	// stopWait is how long Stop waits for what was handed in before it.
	stopWait = 5 * time.Second
	// whereMessage is the size of a question after addresses and of its answer,
	// in bytes; askWhere is how many members are asked for one peer.
	whereMessage = 4 << 10
	askWhere     = 3
	// maxLinkAddresses is how many addresses a link holds.
	maxLinkAddresses = 4
	// presenceQueue is the comings and goings that wait to be noted.
	presenceQueue = 256
)
