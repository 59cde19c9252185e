// Package people is the address book: whom this node knows, and how somebody
// comes to be known.
//
// Walk: a link (link.go) says where an account is and carries a secret that
// its maker honours a few times, for a while. Whoever has it says hello
// (hello.go): a certificate, by which an account vouches for the device that
// the connection has authenticated, and the secret. A good secret makes both
// sides known to each other at once, since making the link was consent. Anybody
// else must pay with a stamp (stamp.go) and becomes a request, which waits for
// a person. Saying hello to somebody who asked is how they are accepted: there
// is no other message, so nothing can be lost between two halves of an answer.
// Words (words.go) are what two people compare to be sure of each other's key.
//
// An account may have several devices (device.go). Its key stays on the first; a
// new one shows a code and is vouched for. What a linked device cannot do follows:
// take in others, or change the name.
//
// # Decisions
//
// The account's key is not copied to the account's other devices, so that one
// which is lost can be shut out: it is taken out of every group, and nobody it
// vouches for is of the account. What stays is its certificate, which has no end:
// contacts that meet it outside a group still take it for a device of the account,
// and may invite it with the account, until another device finds it in the group
// and takes it out. And any device may take out any other, the first too: groups
// know accounts and not which of their devices comes first. Whoever loses the
// first device keeps the account on the others, and cannot add to them.
//
// A new device is told of contacts once, when it is taken in; after that each
// keeps a book of its own, and what was read on one is unread on the other. It has
// what is said from then on.
//
// A link is not signed. Whoever can change a link on its way can replace the
// whole of it; comparing words catches that, and nothing else would.
//
// Whoever is blocked is answered as a stranger is who waits: they do not learn
// that they are blocked.
//
// The words are of each key by itself, side by side, not of both together:
// an attacker who stands between two people may choose a key for each side,
// and would find two that collide with half the bits. Each half has 64 bits,
// and 2^16 rounds make each guess dear: 80 bits of work.
package people
