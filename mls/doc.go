// Package mls is RFC 9420 for one member: an epoch is a value, and a commit
// leads to another.
//
// # Walk
//
// names.go says what the words are; framing.go, proposal.go, keypackage.go and
// groupinfo.go are the objects on the wire. epoch.go is the state of a group.
// From there:
//
//	create.go, welcome.go, external.go   how a member gets in
//	commit.go, process.go                how an epoch leads to the next; both
//	                                     go through list.go (§12.2) and
//	                                     apply.go (§12.3, §12.4)
//	keys.go, protect.go                  messages (§6, §9, §15)
//	propose.go, origin.go                proposals apart; groups out of groups
//	checks.go, errors.go                 what can be wrong, and what to do then
package mls
