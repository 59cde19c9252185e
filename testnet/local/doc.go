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
// With `covey testnet up N`, what it says, median and range; on two cores with
// little else to do, and on two of which other programs left no moment idle (load
// 11 to 35). Cores: seconds of both, over all processes, when busy.
//
//	            quiet                          busy
//	5 nodes                                    0.8 s   0.7 to 1.2, 5 runs
//	20 nodes    1.1 s   1.1 to 1.8, 7 runs     2.4 s   1.7 to 2.7, 7 runs; cores 2.4 s
//	50 nodes    4.9 s   4.6 to 9.0, 10 runs    7.1 s   6.8 to 7.5, 4 runs; cores 11 s
//	100 nodes   37 s    once                   28, 41 and 105 s; cores 70 s, once
//
// Since fewer connections are made while a group comes together, beside other work
// (load 3 to 24): 50 nodes in 5.5, 6.0 and 5.2 s with 6.8, 6.8 and 6.9 s of cores
// (9.1 to 9.6 before), 100 in 15.1 s with 21.8 s, once (37.6 to 70 before). They end in
// 1.7 to 2.0 and 3.9 s; fifty took up to 21 s.
//
// Of the 2.4 s of cores a half is the start of twenty daemons, a tenth that they
// become contacts, the rest joining and a hundred connections.
//
// Fifty nodes after that, load 20 to 60, once each: 55 MiB a daemon, 68 after a
// hundred seconds (15 and 28 where what they share is divided); 0.7 to 1.05 of a
// core for all of them in the first hundred seconds, 0.8 from then on. A message
// is at all fifty in 1.2 s; after a partition of 40 s what was said on either side
// is everywhere in 15 s (1.1 and 1.3 s among twenty); a killed node that is started
// again has what it missed in 2.6 s.
//
// # Walk
//
// net.go starts, kills and ends nodes; driver.go does the verbs through each
// node's own API; stage.go keeps time and looks; faults.go writes the wires'
// files; supervisor.go lets other terminals speak to a Net; friends.go are the
// members that answer.
package local
