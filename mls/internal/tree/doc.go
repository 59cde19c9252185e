// Package tree is the ratchet tree and TreeKEM (RFC 9420 §4, §7, §12.4).
//
// A [Tree] is the public side of one epoch, a [Private] what one member knows
// of the private side. Both are values: changing one makes another, and the two
// share all that did not change. Rival commits are rival trees side by side.
//
// A commit goes
//
//	Tree ──Edit: Update Remove Add──► Tree after proposals (§12.3)
//	     ──NewPath──► Path ──Seal──► UpdatePath        its maker
//	     ──Apply──► next Tree; Private.Open ──► next Private, commit secret
//
// and a join Parse → Hash compared → Verify → Private.Join.
//
// Read math.go (Appendix C), leaf.go, credential.go and updatepath.go (the
// structs), node.go (the persistent node, hashes), tree.go and edit.go (looking
// and changing), route.go (paths and resolutions), kem.go and private.go
// (TreeKEM), rules.go and verify.go (what is checked), index.go and support.go
// (questions about all members in O(log N)), encode.go and record.go (the whole
// tree, and the tree in pieces).
//
// # Decisions
//
// A pointer tree with path copying. Applying a path makes one node a level;
// whatever a fork does not touch it shares. Hashes are computed when a node is
// made, so nothing here is lazy and nothing needs a lock.
//
// Nodes hold bytes. The encoded leaf or parent lies behind its hash in one
// allocation, and fields are read where they lie: what is hashed, signed, sent
// and stored is one and the same.
//
// The index is a hint and the tree the truth (index.go): keys that are gone need
// not be taken out, which halves the cost of a path.
//
// Public keys are parsed when used, not kept: for X25519 that is a length
// check, and for the NIST curves 1 % of the multiplication that follows.
package tree
