// Package mailbox keeps sealed items for peers that are away.
//
// An invitation must reach somebody who is offline although the inviter will be
// gone too when they come back. So it is left with others: with the five peers
// of the DHT that are closest to the recipient's slot of the day, and with
// contacts and members that both may meet. They cannot read it, do not learn from
// whom it is beyond the peer that brings it, and keep it for a week or two.
//
// # Walk
//
// item.go: the payload is cut into parts if it is large, padded to one of four
// sizes, and sealed (HPKE) to the recipient's mail key from its bundle.
// deposit.go: the holders are looked up and asked all at once; a stranger pays
// for each item by some work, and more the fuller the holder is. holder.go: what
// they check, in order of cost. poll.go: the recipient asks holders of the slots
// of the past days, delivers what it has not seen, and has each item deleted by
// a signed acknowledgement. box.go is what both sides need, shelf.go what a holder
// keeps.
//
// # On the wire
//
// One request, one answer over /covey/1/<network>/mailbox, both deterministic
// CBOR (wire.go). PUT names a slot and a day; GET and ACK name the recipient and
// are signed by it for this holder and this minute.
//
//	slot = SHA-256("covey/mailbox/1" ‖ 0 ‖ day u32 ‖ recipient 32)
//
// What a holder sees: that the peer that connects leaves something of one of four
// sizes in a slot, and, when the recipient comes, whose slot it was. Slots change
// daily, so that one set of peers does not see all that somebody gets. What the
// recipient's address book reveals to holders is discussed in package discovery.
//
// # Limits
//
// Whoever deposits is somebody the holder knows (a contact, a member of a group
// of its own) or a stranger. Strangers have half of the space, a budget a day
// each, pay with work, and are evicted first, the oldest before the others. All
// numbers are in limits.go; every refusal is counted ([Box.Counts]).
//
// # Decisions
//
// Proof of contact is that the holder itself knows the depositor. A token out of
// the recipient's bundle would let the recipient's contacts pass everywhere, but
// the bundle is public, so that it would have to be encrypted to each contact
// and would tell holders who belongs together. Work costs a phone half a second
// an invitation, which it sends seldom, and a flood its price.
//
// The package has no goroutine of its own: holders answer on the goroutines of
// node/mesh, and node says when to poll.
//
// The mail key is one for as long as the recipient does not publish another: who
// takes it later reads items that others have kept. What is inside is encrypted
// once more by MLS, to keys that are erased.
package mailbox
