// Package record is the signed, expiring list of key packages a member leaves behind.
//
// Whoever wants to invite somebody who is away finds their [Bundle] in the DHT:
// 32 key packages for one use each, a last one for any number, the peer that can
// be asked for a fresh one while it is online, and the key to which mailbox items
// are sealed. The bundle of an account also names the devices whose own bundles
// are to be fetched with it; an account of one device needs one lookup.
//
// Strangers store it, so everything about it is judged from its bytes, a clock
// and the signature predicate of mls: [Validate] says whether a value may be under a
// key, [Select] which of several is to stay. Both are functions, of every input.
//
// # Encoding
//
//	version     u8, 1
//	identity    32, the Ed25519 key that signs: an account's or a device's
//	seq         u64, grows with every change
//	not after   u64, Unix milliseconds
//	devices     u8 n, n × 32
//	peer        u8 n, n bytes
//	addresses   u8 n, n × (u8 m, m bytes)
//	mail key    u8 n, n bytes
//	last resort u16 n, n bytes
//	packages    u8 n, n × (u16 m, m bytes)
//	signature   64, labelled "covey/kp/1", over all that precedes
//
// Integers are big-endian. There is one encoding of each bundle: what is decoded
// encodes to the same bytes.
//
// # Decisions
//
// The key is a hash of the identity and the slot, so a record found by walking
// the DHT does not lead back to whom it is for (it does name them inside: the DHT
// hides nothing from those who store). The same bytes lie under four keys, thus
// with four sets of holders; to censor a member one must sit closest to all four.
// The slot is not in them, so that a friend who has the bundle can put it again
// under every key.
//
// A single-use package cannot be taken out of a store where the last writer wins.
// Two inviters who meet the same one are made unlikely by [Bundle.Pick]: it is
// chosen by a hash of who asks. Should it happen, the second Welcome still opens
// while the owner keeps the private key for its grace period.
//
// Seq is the clock in milliseconds at the time of signing, or one more than the
// last if the clock has gone back: an owner restored from a backup does not
// publish what everybody takes for old.
package record
