// Package standin is an engine with hashes in place of cryptography: it keeps
// the semantics of an MLS group and none of its secrecy, so that a schedule of
// a thousand members costs what scheduling costs.
//
// What it keeps: a state is a value; a child's secret is a hash over its
// parent's secret and the commit, so only who holds the parent can enter the
// child; an own commit cannot be processed; a removed member gets no next
// state; entering needs a Welcome that answers one's key package; each message
// key is used once, whatever branch asks; leaves are taken leftmost-blank
// first. What it does not: anybody who reads its bytes can open them. A finding
// made on it is repeated on package mls.
//
// An Engine shares what members of one simulation have in common (the public
// part of each epoch, once), so a thousand sessions hold one roster.
package standin
