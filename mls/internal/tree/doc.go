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
// not be taken out, and rival commits share all but a short list.
//
// Public keys are parsed when used, not kept: for X25519 that is a length
// check and a comparison, and for the NIST curves 1 % of the multiplication
// that follows.
//
// A key that nobody can encrypt to is refused on its way in, whether in a leaf, a
// path or a tree (V-5.1.1-public-key): else one member could make everybody's
// next path fail.
//
// Support is counted for the whole tree and not in each node: what is asked is
// always about all members.
//
// # Measured
//
// X25519, AES-128-GCM, SHA-256, Ed25519; two cores of an AMD EPYC, Go 1.26.8, a
// machine that other work shared. "Warm" means that all parents hold keys.
//
//	members                              128      1024     16384
//	fork and put a path in            5.8 µs    8.6 µs   12.5 µs
//	kept by each such fork             1.9 kB    2.8 kB    3.1 kB
//
//	members                              100      1000     10000
//	whole warm tree in memory           50 kB    488 kB    5.2 MB
//	the same on the wire                25 kB    253 kB    2.5 MB
//	written by a commit                           1.9 kB    2.5 kB
//
// Reading a tree costs 3 to 4 µs a member, verifying it one signature a leaf and
// 0.4 to 0.9 µs a node besides, even where half of the members are unmerged
// everywhere.
package tree
