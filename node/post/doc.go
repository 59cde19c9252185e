// Package post brings what one device has for another: Welcomes, and the key
// packages that they answer, whether the other is here or away.
//
// Walk: a session that invites wants key packages (wanted.go): of each device
// of the account, fresh ones from the device itself where it can be reached,
// else one of the bundle that it left in the DHT. What this device gives out,
// it keeps the private half of (packages.go). The Welcome is a parcel
// (parcels.go), a row from the write on that made it until its device, or
// enough holders of a mailbox, have it. What comes in is opened
// (invitations.go): a Welcome from a contact is joined at once; from anybody
// else it has cost a stamp and waits for a person. directory.go publishes this
// device's bundle and looks into its mailbox.
//
// # Who invites
//
// Any member may make the commit that lets somebody in, so whoever brings a
// Welcome may be a stranger although a friend asked for it. Consent is about
// who asked, as the group's own signed intent says (session.View.Inviter); a
// stamp is owed by who brings it.
//
// # On the wire
//
// A delivery names the account that it is for, carries the sender's
// certificate and signature, so that it can be left with others, and the
// Welcome. The answer is one byte: held, which means durable, or that a stamp
// is due. Who is blocked is answered as if all were well.
package post
