// Package sim runs sessions in virtual time: one goroutine, one seed.
//
// A [World] does for sessions what package node does in the product: it hands
// them events and performs their effects in field order. Everything around them
// is simulated, and every fault of it is asked for by name:
//
//	queue.go   events by time; verbs last of their instant
//	net.go     links: latency, loss, doubling, overtaking, bandwidth; partitions
//	gossip.go  an overlay of some six neighbours, IHAVE for three heartbeats
//	node.go    a node: one disk, one clock, sessions, and five places to crash
//	disk.go    batches that are whole, full, lied about, damaged, or an old copy
//	clock.go   clocks that jump, run fast, or stand still
//	fault.go   members that mute, withhold, equivocate, drip, flood, censor …
//	meter.go   the engine behind a meter: what computing costs, what keys were used
//	check/     the invariants, over plain strings; it imports nothing it judges
//	mixed.go   the script of a seed: all of that at once
//	shrink.go  a failing script cut short
//	explore.go every history of a small world (explore_*.go: its states, its moves)
//	digest.go  all that a session has in memory, as one hash
//
// # One seed, one trace
//
// The same script from the same seed gives the same trace, byte for byte, on one
// architecture; a test runs seeds twice and replays their records. There is no
// wall clock and no goroutine. Chance is drawn from named streams, one for each
// link, member and generator (rand.go), so taking a line out of a script leaves
// the luck of all others as it was: that is what makes a failing run shrink.
//
// Whatever drives a world speaks verbs; each is recorded with its time, and the
// record is a script that replays:
//
//	w := sim.New(sim.Options{Seed: 7})
//	w.Nodes("alice", "bob", "carol")
//	w.Group("room", "alice", "bob", "carol")
//	w.Settle(time.Minute)
//	w.Partition("", false, []string{"alice"}, []string{"bob", "carol"})
//	w.Refresh("alice", "room")
//	w.Wait(5 * time.Second)
//	w.Heal("")
//	w.Settle(time.Minute)
//	broken := w.Rest()
//
// # What is simplified
//
// A neighbour that has a post is not sent it again (its bytes are counted), a
// mesh link is also the connection over which two sessions sync, the directory
// of key packages always answers, and a disk's rows are not encrypted: an erased
// wrapping key makes them unreadable by decree. The default engine is
// [github.com/covey-p2p/covey/testnet/sim/standin]; Options.Engine takes the
// real one.
//
// # Measured
//
// An hour of ordinary chat ([Chat]) among 1,000 people in groups of ten takes
// 16.5 s on two cores of an AMD EPYC that had little else to do, and among 100
// one second. A node takes 60 kB of heap when its group is formed and 150 kB after the
// hour, of which some 40 are the rows of its disk; testnet/FOUND.md has the table.
// To measure yours:
//
//	go test ./testnet/sim -run '^$' -bench BenchmarkChat -benchtime 1x
//
// One group, formed already, prices of package mls, a message and a commit, 20
// virtual seconds: testnet/FOUND.md has the series.
//
// What computing costs (cost.go) is measured from package mls by TestPrices.
// testnet/FOUND.md has the numbers, the suite row by row, and every bug found.
package sim
