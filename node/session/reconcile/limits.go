package reconcile

const (
	// MaxFrame is the largest frame written or read, in bytes. It holds about
	// 8,000 whole ids, a quarter of a second at 1 MB/s: large enough that the
	// round trips of a long catch-up do not matter, small enough to buffer for
	// every peer.
	MaxFrame = 256 << 10

	// branch is into how many parts a range that differs is split. 16 costs
	// 330 bytes a level and keeps 100,000 items at four levels.
	branch = 16

	// leaf is the largest range that is listed rather than split. A part costs
	// 20 bytes as a fingerprint and 8 for each item as a list; below 32 items
	// another split saves little more than the round trip it costs.
	leaf = 32

	// chunkMax is how many items share a chunk of the set: one insertion moves
	// at most that many, one prefix sum adds at most half as many.
	chunkMax = 256

	// reserve is what a reply keeps free for the fingerprint of the rest:
	// head, fingerprint, and the bound before it.
	reserve = 128

	// scanMax is how many items one frame can make us hash. An honest frame
	// needs at most the 32,000 short ids and 8,000 whole ones that fit in it
	// and its reply; a hostile one costs some 6 ms. What is cut off is found
	// by the next frame.
	scanMax = 1 << 16

	shortSize = 8
	printSize = 16
	idSize    = 32
	saltSize  = 8
)
