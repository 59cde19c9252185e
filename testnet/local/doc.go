// Package local is a network of real nodes on this machine: one process each,
// on loopback, from one binary, with no root and no containers.
//
// A Net is a [testnet.Stage]: the same verbs and scenario files that drive the
// simulator drive it, in wall time; only outcomes are compared, for the same
// calls do not give the same course of things.
//
// Nodes speak QUIC over UDP sockets that wire.Options has put between them and
// the kernel: what is cut, lost or late is so before it reaches the socket. The
// supervisor rewrites one small file a node to change that.
//
// # What ready means
//
// `covey testnet up N` says that the nodes are up once each of them, asked over
// its own API, is in the group, has all N in its roster, and is in the same epoch
// with the same authenticator. It does not mean that everybody is connected to
// everybody: in a group of more than seven that comes in the minute or minutes
// after (node/mesh), and each node puts its key packages into the DHT in the first
// half minute. Both take cores that the machine then has less of.
//
// # Measured
//
// On two cores which five other programs kept busy, load 17 to 42 and no idle
// moment, with `covey testnet up N`; what it says, median and range:
//
//	5 nodes     1.0 s   0.8 to 1.2, 5 runs
//	20 nodes    3.0 s   2.5 to 4.6, 7 runs; 2.4 s of cores (2.0 to 2.7, 5 runs)
//	50 nodes    9.7 s   9.2 to 10.3, 3 runs; 11 s of cores (10.6 to 13, 3 runs)
//	100 nodes   45 s    once; 70 s of cores
//
// Of the 2.4 s, a half is the start of twenty daemons, a tenth that they become
// contacts, the rest joining and a hundred connections. Fifty nodes, after that, on
// the same machine: 55 MiB each, 68 after a hundred seconds (15 and 28 where what
// they share is divided); 0.7 of a core for all of them from then on, and up to
// 1.05 in the first hundred seconds. A message is at all fifty in 1.2 s, and at the
// other half of a partition of 40 s, with what had been said there, 15 s after it
// ends; a killed node that is started again has what it missed in 2.6 s. Once each.
//
// # Walk
//
// net.go starts, kills and ends nodes; driver.go does the verbs through each
// node's own API; stage.go keeps time and looks; faults.go writes the wires'
// files; supervisor.go lets other terminals speak to a Net; friends.go are the
// members that answer.
package local
