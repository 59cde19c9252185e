// Package mls is RFC 9420 for one member: an epoch is a value, and a commit
// leads to another.
//
//	start, _ := mls.Create(rand, config, own, mls.GroupOptions{})
//	both, _ := start.Commit(rand, key, mls.CommitOptions{Proposals: adds, Now: now})
//	a := both.Next                                   // start is as it was
//	b, _ := mls.Join(config, hers, both.Welcome, mls.JoinOptions{})
//	one, _ := b.Process(rival1, mls.Received{})      // any number of rivals
//	two, _ := b.Process(rival2, mls.Received{})      // side by side
//
// The package example is the same in full.
//
// # Walk
//
// names.go says what the words are; framing.go, proposal.go, keypackage.go and
// groupinfo.go are the objects on the wire. epoch.go is the state of a group.
// From there:
//
//	create.go, welcome.go, external.go   how a member gets in
//	commit.go, process.go                how an epoch leads to the next: both
//	                                     through list.go (§12.2) and apply.go
//	                                     (§12.3, §12.4); candidate.go is the
//	                                     outcome, to be looked at
//	keys.go, protect.go                  messages (§6, §9, §15)
//	propose.go, origin.go                proposals apart; groups out of groups
//	save.go                              state on disk
//	checks.go, errors.go                 what can be wrong, and what to do then
//	describe.go, inspect.go              for people
//	primitive.go                         what other pure rooms may use
//
// Below are internal/wire (encoding), internal/suite (the only door to
// primitives), internal/tree (the ratchet tree) and internal/schedule (every
// secret of an epoch).
//
// # What a caller owes
//
//  1. Randomness, time, signature keys and pre-shared keys are arguments.
//  2. Cells that a call returns are written before its message leaves or is
//     believed, and never rolled back.
//  3. There is one MessageKeys for each EpochID. Processing one commit twice
//     gives two equal epochs, each with message keys: keep one of them. An
//     epoch that may yet lose can read; it should not send.
//  4. An own commit is kept as a Candidate by its CommitID: its author cannot
//     process it, as a path is not encrypted to the leaf that made it.
//  5. A Welcome does not leave before its commit is accepted (§14).
//  6. A key package is used once; it is erased when the join is durable
//     (§16.8).
//  7. Whoever knows of valid proposals commits before it sends (§12.4).
//  8. Erase ends an epoch's secrets, MessageKeys.Erase its messages. Epochs own
//     their secrets: erasing one touches no other.
//
// # Decisions
//
// Names of states are hashes. EpochID covers the GroupContext, so the whole
// transcript, and the confirmation tag, so the secrets; a joiner finds both in
// its GroupInfo. An epoch number names nothing once a group has forked.
//
// Looking is not using. Processing consumes no key unless it succeeds: a commit
// whose proposal or pre-shared key is missing can be tried again (ErrMissing),
// and a forger cannot burn the keys of others.
//
// Validity reads no clock. Whoever sends a leaf checks its lifetime and must
// say what time it is; whoever receives one checks only if it asks to (§7.3
// recommends it), for clocks differ and members who judge apart stay apart. The
// same goes for Config: all members of a group must have the same.
//
// A client is its signature key (§12.2 leaves it to the application): adding
// two leaves with one key, or one that is in the group, is refused in O(log N).
// Identities are compared only between groups (§11.2, §11.3), by the
// Authenticator.
//
// Whom a commit removes, and whose path secret is malformed (§16.12), still
// learns the next epoch as an outsider does: its context, members and EpochID,
// without secrets and without the confirmation tag checked. So it can name what
// it cannot enter.
//
// A leaf need not list the cipher suite it uses: its key package names it, and
// official vectors hold such leaves. Key package extensions that the leaf does
// not list are accepted too, as §13.4 wants unknown ones ignored; of our own
// making there are none.
//
// Proposals of unknown types are opaque<V>. The RFC leaves their bodies open,
// and a body without a length has no end; other implementations chose the same.
// One that any member who stays does not list makes its commit invalid.
//
// GREASE is sent where Client.GREASE asks for it. It costs some thirty bytes a
// leaf, and a group of one implementation learns nothing from it. Values of its
// form count as unsupported whoever lists them (§13.5).
//
// One signature predicate: crypto/ed25519, which is cofactorless, decides
// everywhere. Batches verify otherwise crafted signatures, and would split a
// group (internal/suite says more).
//
// The AEAD's limits (§15.2) are kept by construction: each message key seals
// one message. What ends an epoch's keys is the last generation.
//
// Not here: which of several commits wins (package consensus); what members
// may do (package session, by looking at candidates before adopting them); the
// acknowledgements that would find a malformed path early (§16.12).
package mls
