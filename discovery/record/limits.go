package record

const (
	// MaxSize is the largest value, in bytes. kad-dht itself takes up to 4 MiB
	// and drops what is larger without a word.
	MaxSize = 64 << 10

	// MaxPackages is how many single-use key packages a bundle holds. 32 of some
	// 300 bytes are 10 KB: a month of invitations for most.
	MaxPackages = 32

	// MaxPackage is the largest key package: one with a chain of X.509
	// certificates still fits.
	MaxPackage = 8 << 10

	// MaxDevices is how many further devices an account's bundle names.
	MaxDevices = 16

	// MaxAddresses is how many addresses a bundle gives for its peer, each of at
	// most 255 bytes.
	MaxAddresses = 8

	// Slots is under how many keys the same bundle is put.
	Slots = 4

	// MaxLife is how far ahead a bundle may expire, in milliseconds: 30 days,
	// after which nobody need believe that its owner still has the keys.
	MaxLife = 30 * 24 * 60 * 60 * 1000

	// skew is how far another's clock may be ahead, in milliseconds.
	skew = 10 * 60 * 1000
)
