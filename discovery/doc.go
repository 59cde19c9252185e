// Package discovery finds key packages and addresses through the DHT.
//
// A [Directory] runs one node of a Kademlia DHT of our own network. It does five
// things with it:
//
//	Publish      puts my bundles (discovery/record) and keeps them there
//	KeyPackages  finds somebody's bundle and asks them, if they are online, for a
//	             fresh key package; otherwise takes one from the bundle
//	Keep         puts friends' bundles again while they are away
//	Meet, Seek   rendezvous: those who share a secret find each other
//	Closest      the peers responsible for a key, for mailboxes
//
// The DHT is a hint and never an authority. Everything taken from it is signed by
// whom it is about or checked by whoever uses it; everything put is put under four
// keys and read back from those who say they hold it, since the library reports
// success when every holder has refused. Whoever sits closest to all the keys of
// a member can still hide them: contacts' copies and direct streams are the way
// around, and they are tried first.
//
// # Walk
//
// publish.go: a bundle is signed for each slot, stored here, sent to the closest
// peers of each key, and asked back. directory.go's loop does so again twice a
// day, and when addresses change or the network grows; it begins once no more
// peers come (Calm), and looks the routing table over then, as the library would
// for each of the first that come. find.go: a bundle is
// looked for in all slots at once, the newest valid one wins. fresh.go: its owner
// is asked. contact.go, meet.go, peers.go: friends, rendezvous, bootstrap.
//
// # What strangers see
//
// The DHT's nodes see which keys are asked for, and by whom. Keys are hashes, but
// a bundle names its owner to whoever stores or finds it, so that a holder can
// tell who looks for whom. Rendezvous keys are hashes of a secret and the day:
// they tell nobody who does not have the secret what they are for, but their
// holders see the addresses of those who meet there.
//
// # Goroutines
//
// All end at Close, which waits for them.
//
//	loop      one; publishes again, keeps contacts' bundles, meets, saves peers
//	batch     bounded by the closest peers of four keys; while a put or a search runs
//	dht       the library's own: routing table refresh, sweep of old records
//
// # Decisions
//
// k is 8 and not the 20 of public networks: a bundle lies under four keys, so on
// 32 peers as it is, and a node of a small network does not burn a core to
// refresh its routing table. Values are sent to holders by our own calls, not by
// the library's PutValue: only so is it known who took them. Quorums of the
// library are not used: they leak goroutines until the context ends.
package discovery
