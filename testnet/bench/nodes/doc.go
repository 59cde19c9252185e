// Package nodes measures real nodes on this machine: QUIC over loopback, real
// disks, and nothing left out between a call and the event that another face
// sees.
//
// Latency is set beside gossip alone: hosts with the very settings of ours, the
// same number of them in the same process a moment later, that pass on as many
// bytes and do nothing with them. What a node adds to that is two synced writes,
// one after the other: the sender's before it publishes, the receiver's before it
// shows; and the engine. All nodes of a group share this machine's cores and disk,
// which those of real people do not: with TMPDIR in memory the disk is left out,
// and the processor time of a message, in all nodes together, is told beside its
// latency.
//
// # Walk
//
// run.go is the list of measurements and what is kept of each; party.go is a
// group of nodes in this process, gossip.go hosts with nothing but gossip,
// process.go daemons of their own, for what an operating system counts by
// process; table.go writes CSV, JSON and a table.
//
// # Where a message's time goes
//
// Between two nodes, from the call to the other's face: medians of 120 messages,
// ten a second, once. The load of the machine was above 10, with the nodes before
// all else on it (chrt -f 5); their directories were in memory, and the disk was stood
// in for by a call of the system of 50 µs for each sync of the database's value
// log and of 250 µs for each of its row log.
//
//	                                                   µs  since the call
//	call, looked up and in the group's goroutine       72          72
//	Step: encrypted, signed, sealed twice             181         253
//	its events and rows made                           87         340
//	written: on its way to the database's goroutine    69         409
//	         sync of the value log, nothing in it      81         490
//	         12 rows into memory and log               99         589
//	         sync of the row log                      276         865
//	         and back                                  39         904
//	published, over pubsub's loop, on the socket      111       1,015
//	loopback, and read                                237       1,252
//	validated, and in the other group's goroutine      79       1,331
//	Step: opened, decrypted, signature verified       163       1,494
//	its events and rows made                           41       1,535
//	written: 9 rows, as above                         534       2,069
//	shown                                               9       2,078
//
// Validation, which passing on waits for, is a look at the envelope's form; it
// waits for neither Step nor disk. No ticker and no pause is in the way. Among ten
// and thirty in one process the median grows by what the others do with their own
// copies meanwhile: they share two cores and one disk, which those of real people
// do not. The same code, likewise before all else, medians of three rounds of 50:
//
//	                     2 nodes   10 nodes   30 nodes
//	gossip alone, p50     0.45 ms    0.73 ms     1.7 ms
//	message, no disk      1.2 ms     2.5 ms      6.6 ms
//	message, disk, once   1.8 ms     4.4 ms       13 ms
//	CPU of a message      5.6 ms      19 ms       56 ms, all nodes together
//	of gossip alone       1.6 ms     6.8 ms       23 ms, likewise
//
// What was tried, each against the same code in turn, with the disk stood in for:
//
//	published while the write is under way    0.71 of the median at 2, no less at 10, 30
//	no peer asked whether it took the message 0.93 at 30, within the spread
//	and nobody sends receipts, besides        no less at 2 and 10, 0.90 at 30; CPU 0.83,
//	                                          0.77, 0.73
//	passing on gives way to what can run      0.94 at 10, 0.82 at 30, but gossip drops
//	                                          9,000 times in a burst of 1,000 among ten
//	passing on waits for 5 ms                 no less
//	more threads for Go                       no less
//	no sync of a value log that did not grow  0.94 at 10, on the disk
//
// The first is the one that would help people: between two of them it spares a
// whole sync, which is 10 ms and more on a slow disk. It needs message keys that
// are set aside durably before they are used, a device that knows its own message
// again when it comes back after a crash, and a failed write that has been
// published already. Even so, 1.3 times gossip cannot be had while a message is
// on disk before it is shown: gossip and what the receiver does are more than that.
// Receipts, gossiped to all and logged by all, do not hold a message up and take a
// quarter of the processor time; sent to the author alone, while it can be reached,
// they would not, and that is not done.
package nodes
