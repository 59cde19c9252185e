package store

import "time"

const (
	// DefaultMemTable is how many bytes of rows are gathered in memory, and in
	// one log, before they become a table. An eighth of what badger takes for
	// itself, since most nodes are phones' and laptops' idle processes: it is
	// set aside whole, and the collector lets the heap grow to twice of it.
	DefaultMemTable = 8 << 20

	// batchShare is how much of the memtable one transaction may take, in
	// percent; badger refuses more than 15. 8 MiB gives 1.1 MB, two snapshots
	// of a group of a thousand; a batch of more takes several (long.go).
	batchShare = 14

	// maxLong bounds a batch, in bytes: ten times what one step of a session in a
	// group of ten thousand writes. It is held in memory three times over.
	maxLong = 64 << 20

	// rowOverhead is what a row is counted for beside its key and value: header,
	// nonce and tag of a sealed one, and badger's own. Being more than the 96
	// bytes that badger counts for each row, it bounds their number too.
	rowOverhead = 128

	// MaxKey is the longest key of a row, its prefix included, in bytes.
	MaxKey = 1 << 10

	// The shape of the tree, in tables of youngest rows: how many start a
	// compaction, how many stop the writer until it is done, and how large the
	// level below may grow. Less than badger's own, so that a compaction's worst
	// case stays small: it writes everything anew before it deletes.
	youngTables = 3
	youngStall  = 6
	levelTables = 4

	// reserveTables is how many memtables' worth of disk must be free for a
	// batch to be taken: youngStall and twice levelTables for the compaction of
	// the youngest, three for one below, two for a log and one for a flush.
	reserveTables = 20

	// openTables likewise, for Open, which may have to make tables of two logs.
	// It is less, so that a full disk does not keep anybody from reading.
	openTables = 3

	// valueInTree is the longest value kept in the tree itself. Longer ones go
	// to the value log, which Tidy collects.
	valueInTree = 1 << 20

	// valueLog is the size of one value log file, sparse until used.
	valueLog = 64 << 20

	// cacheBlocks and cacheIndex bound what is kept decrypted in memory.
	cacheBlocks = 8 << 20
	cacheIndex  = 4 << 20

	// stripe is the step in which a copy of the slot table grows: some 330
	// epochs, more than most nodes keep alive, in one write.
	stripe = 16 << 10

	// maxStripes bounds the slot table: 87,000 live epochs.
	maxStripes = 256

	// checkAtOpen is how many bytes of tables, youngest first, have their
	// checksums compared at Open: half a second's worth.
	checkAtOpen = 512 << 20

	// witnessEvery is after how many changes of the slot table an outside
	// witness is told: such a one may be slow, and is told at each Open anyway.
	witnessEvery = 64

	// closeWithin is how long Close waits for the database to put down what is in
	// memory, which takes a healthy disk a second. Giving up loses nothing.
	closeWithin = 15 * time.Second

	// sweepMax is how many rows of erased epochs one batch takes out.
	sweepMax = 1000
)
