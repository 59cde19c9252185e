// Package mesh carries bytes between nodes: gossip topics, framed streams, and
// the connections under them.
//
// It knows no groups, no keys of groups and no messages. Package node tells it
// which peers are known (members of my groups and contacts), which topics
// there are and who belongs in each; it tells node what came in (Handler).
//
// Walk: host.go builds a libp2p host; keeper.go keeps it connected to known
// peers; answer.go asks for signs of life, and says how far away a peer is;
// gossip.go runs topics; stream.go carries frames between two peers and answers
// requests; stale.go has a peer that connects anew prove its older connections;
// trace.go counts what is dropped, traffic.go the bytes; address.go and port.go
// read addresses.
//
// # What outsiders see
//
// A peer that is not known gets nothing of gossip: no topic names, no
// messages, and none of its messages is taken. pubsub would otherwise send
// every topic name to every peer at connecting, and flood my own messages to
// whoever subscribed. Three locks hold this, each tested:
//
//   - the blacklist is the complement of the known set, so that no gossip
//     stream is opened to a stranger; a stranger that becomes known while
//     connected is announced to pubsub anew;
//   - the peer filter lets only a topic's members graft or be asked;
//   - a known peer that subscribes to a topic it does not belong to scores
//     below the publish threshold until it does belong: flooding, which heeds
//     no filter, heeds the score.
//
// What stays visible: to those I connect to, my peer id and address; to known
// peers, the names of all my topics (random to whoever is not in them), so
// that two groups I share with nobody in common show as two names; to the
// network, that this is libp2p, and how much flows when. Messages carry no
// author, sequence number or signature of pubsub: MLS authenticates them.
//
// # Who is met
//
// All known peers are, in the end, so that people see who is there and either
// side of a partition looks for the other. But who comes into a group of a
// hundred does not need a hundred connections to take part, and a hundred who
// come together would make five thousand before any of them could: meetAtOnce
// are dialled at once, chosen by chance, the rest at leisure (keeper.due). Gossip
// passes on what it hears, and logs are compared with whoever is connected.
//
// # Network ids
//
// The network's name is part of every protocol id, of the multicast service
// name and of the topic names, so that a testnet and the rest of the world do
// not speak even where they share a wire. A pre-shared key would be stronger
// and is not used: it turns QUIC off.
//
// # Behind routers
//
// Each of multicast, port mapping, relays with hole punching, relaying for those
// who are known, and having one's addresses tested is a setting, and is off where
// that is off (switch_test.go). A relay of this network is unlimited and serves
// only those it knows; gossip and frames run over it as over any connection. Hole
// punching and port mapping are libp2p's, and no test here has a router to try
// them on.
//
// # Goroutines
//
// All end at Close, which waits for them.
//
//	bus        one; reads the host's connectedness events
//	keeper     one; re-dials known peers, and one per dial under way (≤ dialsAtOnce)
//	prove      one per peer that connects once more; ends within seconds
//	writer     one per peer with frames under way; ends after idleWriter
//	inbound    one per inbound stream, started by libp2p (≤ maxInbound; more are reset)
package mesh
