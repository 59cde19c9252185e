package testnet

import "time"

// Driver is a network of covey nodes that does what it is told. There are two:
// testnet/sim, in virtual time, where the same calls from the same seed give
// the same trace; and testnet/local, real nodes on loopback, where only
// outcomes can be compared. Whoever is named is named by a node's name, or, for
// another device of the same account, "alice/phone". A call returns an error
// for what could never work (an unknown name); what a group then says to it is
// seen in the notices.
type Driver interface {
	// Nodes adds nodes, each a device of an account of its own; "alice/phone"
	// adds one to the account alice.
	Nodes(names ...string) error
	// Group has creator found a group and invite the members.
	Group(group, creator string, members ...string) error
	// Formed has creator and the members be a group already, which took no
	// commits and no Welcomes: to measure what goes on in one of thousands.
	Formed(group, creator string, members ...string) error

	Invite(by, group, who string) error
	Remove(by, group, who string) error
	Leave(who, group string) error
	Refresh(who, group string) error
	Role(by, group, who, role string) error // member, admin, owner
	Rename(by, group, name string) error
	Send(who, group, text string) error
	// Read has a person look at all that a node shows of a group, and lets the
	// authors know; real nodes tell them only where they are set to.
	Read(who, group string) error

	// Partition separates the sides from each other, under a name by which
	// Heal ends it; oneway stops only what goes from an earlier side to a
	// later one. Nodes of no side hear everybody.
	Partition(name string, oneway bool, sides ...[]string) error
	// Heal ends the partition of that name, or all of them.
	Heal(name string) error
	// Link changes one property of all links, or of those from one node to
	// another: latency (a distribution), loss, dup, reorder (probabilities),
	// bandwidth (bytes a second). The topology, of all links only, says which
	// nodes connect at all.
	Link(property, value, from, to string) error

	// Fate loses or doubles the nth packet of a link, whatever chance says.
	Fate(how, from, to string, nth int) error

	// Kill crashes a node, as kill -9 does; Crash does so the nth time from
	// now that it gets to a point between two effects: before-save, after-save,
	// after-erase, after-publish, after-direct. Start runs it again.
	Kill(node string) error
	Crash(node, point string, nth int) error
	Start(node string) error
	// Clock moves a node's clock by offset; from then on it runs at rate times
	// the true speed, one being right and zero stopped.
	Clock(node string, offset time.Duration, rate float64) error
	// Disk makes a node's disk full, lying, ok, or damaged; backup keeps a copy
	// of it and restore brings that back.
	Disk(node, what string) error
	// Byzantine makes a member of a group misbehave.
	Byzantine(node, group, how string, args ...string) error

	// Wait lets time pass; Settle lets it pass until nothing moves any more,
	// and fails if that takes longer than most.
	Wait(d time.Duration) error
	Settle(most time.Duration) error
	// Show draws a group: its epochs, and who stands where.
	Show(group string) (string, error)
}
