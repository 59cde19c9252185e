package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/post"
	"github.com/covey-p2p/covey/node/session"
)

// hear answers a hello of whoever connects.
func (n *Node) hear(_ context.Context, from peer.ID, request []byte) []byte {
	device, ok := mesh.PublicOf(from)
	h, err := people.ReadHello(request)
	if !ok || err != nil {
		n.meter.drop("a hello that is none")
		return nil
	}
	reply, heard, err := n.book.Hear(device, h, time.Now())
	if err != nil {
		n.meter.drop("a hello that was refused")
		return nil
	}
	if reply.Known {
		reply.Certificate, reply.Addresses = n.self.Identity().Certificate, n.ownAddresses()
	}
	if heard.Contact.State != 0 && heard.Contact.State != heard.Was {
		n.met(heard)
	}
	return reply.Encode()
}

// met tells of somebody who has become known, or asks to.
func (n *Node) met(heard people.Heard) {
	text := heard.Contact.Called() + " is a contact now."
	if heard.Contact.State == people.Request {
		text = heard.Contact.Called() + " wants to be a contact."
	}
	n.TellContact(heard.Contact, text)
	n.presence.wake()
	if heard.Group != "" {
		if g := n.byName(heard.Group); g != nil {
			n.Errand(func(ctx context.Context) {
				if _, err := g.Do(ctx, session.Invite{ID: session.IntentID(post.Named(g.id, "invitation by link "+hexOf(heard.Contact.Account[:]))), Account: heard.Contact.Account}); err != nil {
					n.log.Warn("somebody with a link to a group could not be invited", "err", err)
				}
			})
		}
	}
}

// TellContact puts a change of a contact into the log of events, without the
// words to compare: they take 20 ms of a core, and a node may meet many at once.
func (n *Node) TellContact(c people.Contact, text string) {
	shown := n.Sketch(c)
	if _, err := n.journal.Append(api.Event{Type: api.EventContact, Contact: &shown, Text: text}); err != nil {
		n.log.Warn("an event could not be written", "err", err)
	}
}

// greet says hello to a contact that has come within reach, where there is
// anything to say: they have not answered, or they may not know my name.
func (n *Node) greet(device session.Device) {
	c, ok := n.book.Of(device)
	if !ok || c.State != people.Asked {
		return
	}
	n.Errand(func(ctx context.Context) { n.SayHello(ctx, c, device) })
}

// SayHello says hello to a device of a contact, again where the other side is
// too busy to answer. While one hello to it is under way, another is not said.
func (n *Node) SayHello(ctx context.Context, c people.Contact, device session.Device) {
	if _, twice := n.greeting.LoadOrStore(device, true); twice {
		return
	}
	defer n.greeting.Delete(device)
	for wait := helloAgain; ; wait *= 2 {
		err := n.hello(ctx, c, device)
		if err == nil {
			return
		}
		n.log.Debug("a contact was not greeted", "err", err)
		if !errors.Is(err, mesh.ErrRefused) || wait > helloLast {
			return // whenever the device comes again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// hello says it once, with a stamp if it must.
func (n *Node) hello(ctx context.Context, c people.Contact, device session.Device) error {
	to, ok := mesh.PeerOf(device)
	if !ok {
		return people.ErrLink
	}
	me := n.self.Identity()
	h := people.Hello{To: c.Account, Certificate: me.Certificate, Secret: c.Secret, Text: c.Hello, Addresses: n.ownAddresses()}
	for {
		b, err := n.mesh.Ask(ctx, to, "hello", h.Encode(), people.MaxMessage)
		if err != nil {
			return err
		}
		r, err := people.ReadReply(b)
		if err != nil {
			return err
		}
		if r.Need > 0 && r.Need <= people.StampBits && h.Stamp == nil {
			stamp, ok := people.Work(me.Account, c.Account, time.Now(), func() bool { return ctx.Err() != nil })
			if !ok {
				return ctx.Err()
			}
			h.Stamp = &stamp
			continue
		}
		after, was, err := n.book.Replied(device, c.Account, r, time.Now())
		if err == nil && after.State == people.Known && was == people.Asked {
			n.TellContact(after, after.Called()+" is a contact now.")
			n.presence.wake()
		}
		return err
	}
}

// ShowContact is a contact as faces see it.
func (n *Node) ShowContact(c people.Contact) api.Contact {
	out := n.Sketch(c)
	out.Words, out.Number = people.Both(n.fingerprint(n.self.Identity().Account), n.fingerprint(c.Account))
	return out
}

// Sketch is a contact but for the words to compare.
func (n *Node) Sketch(c people.Contact) api.Contact {
	out := api.Contact{
		Account: hexOf(c.Account[:]), Name: c.Called(), Verified: c.Verified,
		Hello: c.Hello, Added: time.Unix(c.Added, 0).UTC(),
		State: map[people.State]api.ContactState{people.Asked: api.ContactAsked, people.Request: api.ContactRequest, people.Known: api.ContactKnown, people.Blocked: api.ContactBlocked}[c.State],
	}
	if c.Claims != out.Name {
		out.Claims = c.Claims
	}
	var devices []session.Device
	for _, d := range c.Devices {
		devices = append(devices, d.ID)
		if path, up := n.Path(d.ID); up {
			out.Online, out.Path = true, path
		}
	}
	if t := n.LastSeen(devices); t.Unix() > 0 {
		out.LastSeen = t
	}
	for _, g := range n.list() {
		if slices.ContainsFunc(g.View().Members, func(m session.Member) bool { return m.Account == c.Account }) {
			out.Groups = append(out.Groups, g.ID())
		}
	}
	slices.Sort(out.Groups)
	return out
}

// fingerprint remembers what takes ten milliseconds to compute.
func (n *Node) fingerprint(a session.Account) people.Fingerprint {
	if f, ok := n.prints.Load(a); ok {
		return f.(people.Fingerprint)
	}
	f := people.FingerprintOf(a)
	n.prints.Store(a, f)
	return f
}
