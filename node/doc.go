// Package node runs sessions over a network: one process, one device, any
// number of groups.
//
// Walk: node.go starts everything and stops it. groups.go has a goroutine per
// group, which alone touches that group's session; effects.go performs what
// the session answers, in field order, one synced write for many events; hand.go
// finds out whether anybody took what was published;
// notice.go turns its notices into events for people. presence.go knows who
// can be reached and tells the mesh whom to know. package post carries Welcomes
// and gives out and fetches key packages, package fleet keeps the devices of an
// account together, hello.go makes contacts, listen.go keeps the ports, where.go
// finds members. surface.go is what node/backend needs to answer the local API.
// What decides anything is below the line: node/session and consensus.
//
// # Keys
//
// An account key vouches for device keys (a certificate); a device key signs
// the device's leaves in groups. The device key is also the key of the libp2p
// host, so that a member's peer id follows from the leaf: connections between
// members are authenticated by the transport, no further handshake is needed,
// and who may take part in a topic or send frames is a look-up in the roster.
// Both uses sign under labels of their own (RFC 9420 §5.1.2, libp2p's Noise
// and TLS handshakes), so that no signature of one can be taken for the other.
// The price: members of a group can recognise the device in other groups and
// in the DHT by one key. The alternative, a key per group, needs a host per
// group.
//
// # What outsiders see
//
// The mesh tells strangers nothing of groups (node/mesh). What a network
// observer or a holder of bytes sees:
//
//	topic     a hash of a control key of the group and the network's name: random
//	          to whoever is not in the group; it changes every few epochs
//	gossip    one byte that says envelope or announcement, then the envelope,
//	          every field of which is argued for in node/session; an announcement
//	          is a SHA-256 and a length, as a large commit would be visible by
//	          its size anyway
//	frame     to members only: 16 bytes that name the group, then the frame
//	deliver   to the invitee: who sends (a certificate), for which account, and a
//	          Welcome; whoever is not the invitee never gets it from us in clear
//
// Log lines name no group, account or key.
//
// # Rows
//
//	me/identity  seeds, certificate   me/kp/   key packages given out
//	me/ports     where it is reached  me/device/ other devices of the account
//	g/<tag>/     a session's rows     n/<tag>  when it was joined
//	d/ i/ r/     how far each message of mine has come, from its id to that, and
//	             who has read it
//	j/           the event log        c/ l/    contacts, links
//	w/ v/        Welcomes on their way, invitations that wait
//	o/           how far changes have come
//	t/ k/        tokens of bots, by hash, and answers by their keys (node/backend)
//
// A tag is a hash of the group's id, so that no key of a row names a group.
//
// # Goroutines
//
// All end at Stop, which waits for them; besides those of node/mesh and of the
// store:
//
//	group      one per group; owns its session. Its queue from the network, full,
//	           drops the newest gossip, which the next exchange of logs brings
//	           back, and holds up frames; its queue from people, full, says busy
//	hand       at most one per group, while peers are asked whether they took what
//	           was sent (hand.go)
//	farewell   one per removal, for a second, until who is gone leaves the topics
//	presence   one; owns who is known and who is announced to which group
//	post       one; owns which Welcomes are under way (node/post)
//	tidy       one; the chores of every hour
//	errand     at most errandsAtOnce; each waits for one other machine
//	timers     wake presence, or stop a node that is to start anew; they outlive
//	           Stop and then do nothing
//
// # Batches
//
// Events that wait are stepped together and share one synced write, as if they
// had come at the same moment. Nobody outside can tell: nothing of a batch is
// acknowledged, published or shown before the write. Without it, a group takes
// as many messages a second as the disk takes syncs.
//
// A batch that nobody can tell of at all, receipts and votes that members give
// each other, waits up to a second for one that somebody can. In a group of
// thirty that is two synced writes of five; what a crash takes with it comes
// with the next exchange of logs, as if it had not been heard.
//
// # Measured
//
// On two cores that other work kept busy, once each unless said otherwise:
//
//	200 kills -9 while sending   21,224 messages acknowledged, none lost or doubled
//	send --wait delivered        19 ms (median of 30, two nodes on loopback)
//	send --wait handed           17 ms (likewise)
//	a commit of 800 devices      0.3 s announced and fetched, links of 20 ms; 28 s
//	                             where the announcement is lost
//
// By `covey bench node` on two cores of an AMD EPYC that had little else to do,
// medians of three rounds, the least and the most of them behind:
//
//	                                       nodes  median  least–most
//	start of a new node, until ready           1     48 ms   43.4–63.8
//	start after kill -9                        1    132 ms   83.5–357
//	resident memory, a daemon of a group      10     65 MiB  62.6–65.5 (23 its share)
//	idle CPU of it                            10   0.85 % of a core, 0.6–1.3
//	synced write, p50                          1   0.28 ms   0.262–0.329
//	message, p50 (gossip alone)                2    2.6 ms   2.45–2.63 (0.39)
//	                                          10    7.1 ms   6.72–7.97 (1.1)
//	                                          30     18 ms   17.6–18.7 (2.8)
//	message, p99 (gossip alone)                2    3.3 ms   2.79–3.54 (0.77)
//	                                          10     14 ms   11.8–22.8 (2.3)
//	                                          30     39 ms   35.8–39.3 (9.1)
//	message, CPU of all nodes (gossip alone)   2    5.8 ms   5.4–6.0 (1.4)
//	                                          10     20 ms   20.0–26.0 (6.6)
//	                                          30     60 ms   49.4–63.8 (23)
//	messages sustained, of one sender         10    559 /s   541–609
//	invitation to first message                2     12 ms   11.8–12.4
//	10,000 missed, from start to readable      5    2.5 s    1.95–2.81
//
// Of eleven bursts of 1,000 messages among ten, gossip dropped nothing in ten, and
// 4,590 of 9,000 copies in one; comparing logs brought them.
//
// Latency is to be at most 1.3 times that of gossip and one synced write. It is
// more at every size, the more so since gossip alone became faster. Between two,
// of 2.1 ms, the sender's call, Step and rows take 0.34, its write 0.56, the way
// 0.43, the other's Step and rows 0.20 and its write 0.53. The stages one by one,
// and what was tried to cut them, are in package testnet/bench/nodes.
package node
