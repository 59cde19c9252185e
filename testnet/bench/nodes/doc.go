// Package nodes measures real nodes on this machine: QUIC over loopback, real
// disks, and nothing left out between a call and the event that another face
// sees.
//
// Latency is set beside gossip alone: hosts with the very settings of ours, the
// same number of them in the same process a moment later, that pass on as many
// bytes and do nothing with them. What a node adds to that is two synced writes,
// one after the other: the sender's before it publishes, the receiver's before it
// shows; and the engine. All nodes of a group share this machine's cores and disk,
// which those of real people do not.
//
// # Walk
//
// run.go is the list of measurements and what is kept of each; party.go is a
// group of nodes in this process, gossip.go hosts with nothing but gossip,
// process.go daemons of their own, for what an operating system counts by
// process; table.go writes CSV, JSON and a table.
package nodes
