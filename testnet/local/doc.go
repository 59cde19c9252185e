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
// # Walk
//
// net.go starts, kills and ends nodes; driver.go does the verbs through each
// node's own API; stage.go keeps time and looks; faults.go writes the wires'
// files; supervisor.go lets other terminals speak to a Net; friends.go are the
// members that answer.
package local
