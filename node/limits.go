package node

import "time"

const (
	// netQueue is what waits for a group from the network: when it is full the
	// newest gossip is dropped, and the next exchange of logs brings it back.
	netQueue = 2048
	// localQueue is what waits from people here: when it is full they are told
	// to wait.
	localQueue = 256
	// farewell is for how long somebody who is no longer in the group is still
	// published to: a round of gossip. What else it gets meanwhile it cannot open.
	farewell = time.Second

	// maxBatch and maxBatchBytes bound the events of one group that share one
	// synced write: large enough that the disk is no limit, small enough that
	// nobody waits long and that the store takes it whole.
	maxBatch      = 512
	maxBatchBytes = 256 << 10
	// holdFor is how long a batch that nobody can tell of waits for one that
	// somebody can, to share its write. What a crash takes with it, the next
	// exchange of logs brings back.
	holdFor = time.Second

	// maxGroups bounds the groups of a node: each is a goroutine and a session
	// in memory.
	maxGroups = 1024
	// errandsAtOnce is how many Welcomes, key packages and hellos are fetched
	// or carried at a time; each waits for somebody else's machine.
	errandsAtOnce = 32

	// settleTopic is how long a new topic is listened on before it is spoken
	// on: others take it up within a gossip round trip.
	settleTopic = 5 * time.Second
	// handEvery is how often peers are asked whether they took what was sent.
	handEvery = 200 * time.Millisecond
	// lostEvery is how often dropped gossip may start an exchange of logs.
	lostEvery = time.Second
	// whereMessage is the size of a question after addresses and of its answer,
	// in bytes; askWhere is how many members are asked for one peer: of a
	// newcomer only its inviter may know, and to say no costs little.
	whereMessage = 4 << 10
	askWhere     = 64
	// maxLinkAddresses is how many addresses a link holds.
	maxLinkAddresses = 4
	// helloAgain is how soon a hello is said again that got no answer, and helloLast
	// the last such wait, each twice the one before. A connection that stays up
	// would give no other occasion.
	helloAgain = time.Second
	helloLast  = 8 * time.Second
	// speaksFor is how long a member that said something is taken to be there where
	// it is not connected: in that time all of a group of fifty meet, and then the
	// connections tell.
	speaksFor = 2 * time.Minute
	// presenceQueue is the comings and goings that wait to be noted.
	presenceQueue = 256
)
