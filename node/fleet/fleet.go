// Package fleet keeps the devices of one account together: it takes new ones in,
// and sees to it that each is in every group of this device, and one that was
// removed in none.
//
// Walk: a new device shows a code (Show) and is taken in by the device that holds
// the account's key (Adopt, adopted); what both check is in node/people. From then
// on each looks over its groups whenever anything changed (Tend): a sibling that is
// missing and can be reached is asked for a key package and let in, one that was
// removed is taken out. What a group then makes of it is for its session.
package fleet

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/journal"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/post"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Node is what a Fleet asks of the node that it serves.
type Node interface {
	// Errand runs something that waits for another machine; false where too
	// much is under way.
	Errand(func(context.Context)) bool
	// Path says how a device is reached, if it is.
	Path(session.Device) (api.Path, bool)
	Seats() []Seat
	// Acquaint has the known peers and the groups looked over.
	Acquaint()
	// AskStop asks whoever runs the node to stop it.
	AskStop()
	LinkAddresses() [][]byte
	// Drop counts.
	Drop(reason string)
}

// Seat is a group of this device.
type Seat interface {
	View() *session.View
	Wish(context.Context, session.Event) error
}

// Config of a Fleet. All of it must be set.
type Config struct {
	Node    Node
	Self    *people.Self
	Book    *people.Book
	Known   *people.Siblings
	Store   *store.Store
	Journal *journal.Journal
	Mesh    *mesh.Mesh
	Post    *post.Office
	Log     *slog.Logger
	Network string
}

// Fleet is the devices of this account.
type Fleet struct {
	c      Config
	again  atomic.Bool // the node was stopped in order to be started once more
	tended map[place]tended
}

// place is a device in a group.
type place struct {
	seat   Seat
	device session.Device
}

// tended is when a group was last asked to put a device right, and how long it is
// given before it is asked again.
type tended struct {
	at    time.Time
	pause time.Duration
}

const (
	// afterAdoption is how long a device that was taken into an account goes on,
	// so that its answer leaves, before it is started anew.
	afterAdoption = 200 * time.Millisecond
	// tendFirst is how soon a group is asked again for a device that it lacks or
	// should not have, longer than a commit with all its waits; tendMost is how
	// seldom at most.
	tendFirst = 20 * time.Second
	tendMost  = time.Hour

	adoptionTaken = 1 // the answer
)

// New serves those who take this device in.
func New(c Config) *Fleet {
	f := &Fleet{c: c, tended: make(map[place]tended)}
	c.Mesh.Serve("adopt", people.MaxAdoption, f.adopted)
	return f
}

// Known are the other devices, those removed among them.
func (f *Fleet) Known() []people.Sibling { return f.c.Known.All() }

// Holds reports whether the account's key is on this device.
func (f *Fleet) Holds() bool { return f.c.Self.Holds() }

// Again reports that the node was stopped in order to be started once more.
func (f *Fleet) Again() bool { return f.again.Load() }

// Show makes a code by which this device can be taken into an account. Its error
// is people.ErrInUse.
func (f *Fleet) Show() (people.Code, error) {
	if f.inUse() {
		return people.Code{}, people.ErrInUse
	}
	return f.c.Known.Show(f.c.Self.Identity().Device, f.c.Network, f.c.Node.LinkAddresses(), time.Now()), nil
}

// inUse reports whether the account of this device has groups or people: then it
// cannot be given up for another.
func (f *Fleet) inUse() bool {
	return len(f.c.Node.Seats()) > 0 || len(f.c.Book.Contacts()) > 0 || len(f.c.Post.Invitations()) > 0 || len(f.c.Known.All()) > 0
}

// adopted answers the device that takes this one into its account.
func (f *Fleet) adopted(_ context.Context, from peer.ID, request []byte) []byte {
	device, ok := mesh.PublicOf(from)
	a, err := people.ReadAdoption(request)
	if !ok || err != nil || a.Siblings[0].ID != device || f.inUse() {
		f.c.Node.Drop("an adoption that is none")
		return nil
	}
	cert, err := f.c.Known.Adopt(f.c.Self, a, time.Now())
	if err == nil {
		err = post.ForgetPackages(f.c.Store) // they name the account that was
	}
	if err != nil {
		f.c.Log.Info("an adoption was refused", "err", err)
		f.c.Node.Drop("an adoption that was refused")
		return nil
	}
	text := "This device belongs to the account of " + cert.Name + " from its next start on."
	if _, err := f.c.Journal.Append(api.Event{Type: api.EventTrouble, Text: text}); err != nil {
		f.c.Log.Warn("an event could not be written", "err", err)
	}
	f.again.Store(true)
	time.AfterFunc(afterAdoption, f.c.Node.AskStop)
	return []byte{adoptionTaken}
}

// Adopt takes the device of a code into this account.
func (f *Fleet) Adopt(ctx context.Context, c people.Code) (people.Sibling, error) {
	cert, err := f.c.Self.Vouch(c.Device)
	id, ok := mesh.PeerOf(c.Device)
	switch {
	case err != nil:
		return people.Sibling{}, err
	case !ok:
		return people.Sibling{}, people.ErrCode
	}
	if err := f.c.Known.Room(c.Device); err != nil {
		return people.Sibling{}, err
	}
	now := time.Now().Unix()
	a := people.Adoption{Secret: c.Secret, Certificate: cert, Contacts: f.c.Book.Handed(),
		Siblings: []people.Sibling{{ID: f.c.Self.Identity().Device, Addresses: f.c.Node.LinkAddresses(), Since: now}}}
	for _, s := range f.c.Known.All() {
		if !s.Removed {
			a.Siblings = append(a.Siblings, s)
		}
	}
	if err := f.c.Mesh.Connect(ctx, peer.AddrInfo{ID: id, Addrs: mesh.ReadAddresses(c.Addresses)}); err != nil {
		return people.Sibling{}, api.NewError(api.CodeNotReady, "The new device cannot be reached.", "Leave `covey device link` running there, and both on one network or on the open one.")
	}
	reply, err := f.c.Mesh.Ask(ctx, id, "adopt", a.Encode(), 8)
	if err != nil || len(reply) != 1 || reply[0] != adoptionTaken {
		return people.Sibling{}, api.NewError(api.CodeExpired, "The new device does not take the code any more.", "Have it show another with `covey device link`.")
	}
	s := people.Sibling{ID: c.Device, Addresses: c.Addresses, Since: now}
	return s, f.changed(f.c.Known.Add(s))
}

// Remove takes a device out of every group, now and whenever it is found in one.
// Its error is people.ErrDevice.
func (f *Fleet) Remove(d session.Device) error { return f.changed(f.c.Known.Remove(d)) }

// changed has all follow from a change of the devices that was made durable.
func (f *Fleet) changed(err error) error {
	if err == nil {
		f.c.Post.Republish()
		f.c.Node.Acquaint()
	}
	return err
}

// Tend looks over the groups. It, and Moved, are for one goroutine.
func (f *Fleet) Tend() {
	all := f.c.Known.All()
	if len(all) == 0 {
		return
	}
	for _, seat := range f.c.Node.Seats() {
		v := seat.View()
		for _, s := range all {
			at, in := place{seat, s.ID}, v.Has(s.ID)
			if in == !s.Removed || v.Standing != session.TakingPart {
				delete(f.tended, at)
				continue
			}
			if _, up := f.c.Node.Path(s.ID); !in && !up || !f.due(at) {
				continue
			}
			f.c.Node.Errand(func(ctx context.Context) {
				if err := f.settle(ctx, seat, s); err != nil {
					f.c.Log.Info("a device of this account could not be put right in a group yet", "err", err)
				}
			})
		}
	}
}

// Moved says that a device came or went: it may answer now.
func (f *Fleet) Moved(d session.Device) {
	for at := range f.tended {
		if at.device == d {
			delete(f.tended, at)
		}
	}
}

// due reports that it is time to ask for a device, for the first time or again.
// Each wait is twice as long: a wish that waits for others is not made truer by
// a second one.
func (f *Fleet) due(at place) bool {
	t := f.tended[at]
	if time.Since(t.at) < t.pause {
		return false
	}
	t = tended{time.Now(), min(max(2*t.pause, tendFirst), tendMost)}
	f.tended[at] = t
	time.AfterFunc(t.pause, f.c.Node.Acquaint)
	return true
}

// settle asks a group to let a device in, or to take it out.
func (f *Fleet) settle(ctx context.Context, seat Seat, s people.Sibling) error {
	var id session.IntentID
	rand.Read(id[:])
	if s.Removed {
		return seat.Wish(ctx, session.RemoveDevice{ID: id, Device: s.ID})
	}
	me := f.c.Self.Identity().Account
	kp, err := f.c.Post.PackageOf(ctx, s.ID, me)
	if err != nil {
		return err
	}
	return seat.Wish(ctx, session.Invite{ID: id, Account: me, KeyPackages: [][]byte{kp}})
}
