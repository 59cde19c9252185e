// Package suite is the only door to cryptographic primitives (RFC 9420 §5).
//
// A [Suite] is one row of the table in suite.go: a KEM, a hash, an AEAD and a
// signature scheme, joined by RFC 9420 §5.1 and by HPKE base mode (RFC 9180).
// Everything above speaks of labels, secrets and keys; nothing above names a
// curve or a hash. A post-quantum suite is one more row, with its KEM beside
// dhkem.go.
//
// Read suite.go (the table), hash.go and label.go (§5.1.2, §8), kem.go and
// dhkem.go (keys), hpke.go (§5.1.3), sign.go (§5.1.2), forkjoin.go.
//
// # Decisions
//
// Keys come from seeds. Go's ecdh and ecdsa ignore the reader they are given,
// so nothing here calls GenerateKey: a seed is read from the caller's
// io.Reader and the key derived from it (RFC 9180 §7.1.3). The same reader
// gives the same bytes, on any number of cores: random seeds are drawn in
// order before work is shared out.
//
// One signature predicate. crypto/ed25519, which is cofactorless, decides what
// an Ed25519 signature is. A batch verifier accepts more (it multiplies by the
// cofactor), so a crafted signature could split a group whose members verify in
// different ways; there is none here. ECDSA signs by RFC 6979, with no
// randomness to leak or to repeat.
//
// Own HPKE. The libraries hash the whole info string again for each recipient:
// for a Welcome that is the group info once per joiner, O(N²) bytes. Here an
// [Info] is hashed once. The rest of the speed is HMAC over buffers on the
// stack. The tests hold it against crypto/hpke and circl, in both directions.
//
// X25519 and X448 come from circl, whose X25519 is faster than the standard
// library's (31 µs against 44 µs a multiplication on the machine the papers
// measured).
//
// Secrets print as ‹redacted› and are erased by Erase. Erasing is best effort:
// the runtime never moves heap objects, but primitives keep copies on stacks
// and inside expanded keys until those are reused or collected.
package suite
