// Package store keeps rows on disk: a batch is all or nothing.
//
// A batch goes down in one order, and each step is durable before the next:
//
//	1  slots    a key for every epoch named for the first time
//	2  rows     one synced transaction of the database, with its number
//	3  witness  that number, in the slot file
//	4  slots    the keys of erased epochs are overwritten
//
// A crash after 1 leaves keys nobody uses, before 3 a witness that is behind,
// before 4 a note inside the batch by which the next Open completes the
// erasure. A batch of more than one transaction's size goes by way of a record
// that the next Open completes or drops (long.go). Batches that wait while another
// is written go down together in the next transaction, so that many groups share
// one sync.
//
// # Files
//
//	store.json  format, what kind of key, and the wrapped data key
//	key         the key itself, where it is a file (mode 0600)
//	lock        the process that has the store open
//	slots       a key for every live epoch (slots.go)
//	db/         the rows, encrypted (badger)
//	salvage/    logs as they were before an Open that found batches missing
//
// # Erasure
//
// The database is a log-structured tree: what is deleted stays in old tables
// and logs until compaction happens to drop it, and in every backup. Rows that
// must die with an epoch are therefore sealed (XChaCha20-Poly1305, the row's key
// as additional data) under a random key of that epoch, which exists only in the
// slot file. That file has a fixed size, grows in fixed steps and is overwritten
// in place: two copies of one sealed, checksummed table, written and synced one
// after the other, so that a torn write leaves the other and a change ends in
// both. Then no copy of the rows, whenever it was taken, can be read by anybody
// who has not also kept an old copy of the slot file.
//
// Not promised: a file system that copies on write, a drive that remaps blocks,
// swap, and a backup of the slot file can each keep an old copy of it. A stolen
// drive is met by the key at rest, not by erasure.
//
// # Copies that came back
//
// Whoever restores an old backup would otherwise use keys twice and sign two
// commits on one parent. The slot file remembers the number of the last batch,
// the database the number of the last slot table; whichever is older than the
// other says has been put back. Both restored together look sound from inside:
// that takes a [Witness] elsewhere. A restored store opens, and [Store.Restored]
// gives the reason until [Store.Accept] is called; its owner only receives.
//
// # Disk full
//
// The database maps its files into memory, so a full disk would end the process
// by a signal rather than by an error. Every batch is refused with [ErrFull]
// while the file system has less free than rotations and compactions may take at
// worst. What is stored stays readable, and erasing still works: it writes in
// place. Another program that takes the last of the reserve while a compaction is
// under way can still end the process; what was acknowledged is in the log then.
//
// Close would have the database write its tables, and the database tries that
// for ever where the disk is full or the directory gone. So Close looks first,
// waits no longer than closeWithin, and says [ErrUnclosed]: the rows are in the
// log, and the next Open takes them from there. The goroutine that waits for the
// database is the only one of this package's own; it ends with the database, or
// with the process.
//
// # Decisions
//
// One process at a time, by an advisory lock on a file that names the holder.
// After a failed write or sync the store refuses further batches until it is
// opened again: what the kernel still holds after a failed sync is unknown.
//
// The database's own encryption (AES-CTR, key rotated by itself) covers keys and
// values but does not authenticate them. Somebody who can write to the disk can
// damage rows, which is found by checksums where it is an accident; rows under an
// epoch are authenticated.
//
// # Measured
//
// By bench_test.go, once, with rows of 200 bytes, on two cores of an AMD EPYC
// that other work kept busy (load 8 to 12); a bare 500-byte write and fsync took
// between 0.3 and 2.7 ms there, so the first three say little but the ratio:
//
//	synced batch of 2 rows             1.9 ms   of 20: 1.5 ms
//	16 writers of 2 rows each          0.14 ms a batch, 7.9 batches a sync
//	erase an epoch (two syncs)         1.7 ms
//	load 10,000 rows, 2,000 sealed     12 ms
//	open and close, 10,000 rows        64 ms, all tables checked
//	open and close, 200,000 rows       279 ms, likewise
package store
