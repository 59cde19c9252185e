package post

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mailbox"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// invited is a Welcome that waits for an answer.
type invited struct {
	Welcome  []byte          `cbor:"1,keyasint"`
	From     session.Account `cbor:"2,keyasint"`
	FromName string          `cbor:"3,keyasint"`
	Group    session.GroupID `cbor:"4,keyasint"`
	Name     string          `cbor:"5,keyasint"`
	Members  int             `cbor:"6,keyasint"`
	Received int64           `cbor:"7,keyasint"` // Unix seconds
}

const invitationRows = "v/"

var errNotOurs = errors.New("a delivery that is none, or not for us")

// receive takes a Welcome from whoever brings it. The answer says that it is
// durable here.
func (o *Office) receive(ctx context.Context, _ peer.ID, request []byte) []byte {
	reply, err := o.accept(ctx, request)
	if err != nil {
		return nil
	}
	return []byte{reply}
}

// collect takes a Welcome out of the mailbox. One that wants a stamp it does
// not have is thrown away.
func (o *Office) collect(ctx context.Context, item mailbox.Item) error {
	if item.Kind != welcomeItem {
		o.node.Drop("a mailbox item of an unknown kind")
		return nil
	}
	_, err := o.accept(ctx, item.Payload)
	var e *api.Error
	if errors.As(err, &e) && e.Retryable {
		return err // it stays where it is
	}
	return nil
}

// accept opens a delivery and does what it asks for, as far as that needs no
// person.
func (o *Office) accept(ctx context.Context, raw []byte) (byte, error) {
	var d delivery
	me := o.c.Self.Identity()
	if decode(raw, &d) != nil || d.Version != deliveryVersion || d.To != me.Account {
		o.node.Drop("a delivery that is none")
		return 0, errNotOurs
	}
	cert, err := session.ReadCertificate(o.c.Engine, d.Certificate, d.From)
	if err != nil || !o.c.Engine.Verify(d.From, deliveryLabel, d.signed(), d.Signature) {
		o.node.Drop("a delivery that nobody vouches for")
		return 0, errNotOurs
	}
	reply, err := o.open(ctx, cert, d)
	if err != nil {
		o.log.Info("a welcome was not taken", "err", err)
		o.node.Drop("a welcome that does not let this device in")
	}
	return reply, err
}

func (o *Office) open(ctx context.Context, bearer session.Certificate, d delivery) (byte, error) {
	id, err := session.WelcomeGroup(d.Welcome)
	if err != nil {
		return 0, err
	}
	packed := o.packed()
	if here, err := o.node.Welcomed(ctx, id, session.Welcomed{Bytes: d.Welcome, Packages: keys(packed)}); here {
		return deliveryHeld, err
	}
	if c, ok := o.c.Book.Contact(bearer.Account); ok && c.State == people.Blocked {
		return deliveryHeld, nil // they do not learn that they are blocked
	}
	s, fx, err := session.Join(o.node.SessionConfig(), now(), d.Welcome, keys(packed))
	if err != nil {
		return 0, err
	}
	v := s.View()
	from, name := bearer.Account, bearer.Name
	if v.Inviter != (session.Account{}) { // who asked counts, not who brings it
		from, name = v.Inviter, nameIn(&v, v.Inviter)
	}
	if from == o.c.Self.Identity().Account { // another device of mine asked for it
		return deliveryHeld, o.node.Joined(s, fx, nil)
	}
	contact, known := o.c.Book.Contact(from)
	switch {
	case known && contact.State == people.Blocked:
		return deliveryHeld, nil
	case known && contact.State == people.Known && !o.c.AskAlways:
		return deliveryHeld, o.node.Joined(s, fx, nil)
	case !known || contact.State != people.Known:
		if !o.c.Book.Spend(d.Stamp, bearer.Account, time.Now()) {
			return deliveryStamp, nil
		}
	}
	return deliveryHeld, o.keep(invited{
		Welcome: d.Welcome, From: from, FromName: name, Group: id, Name: v.Name, Members: len(v.Members), Received: time.Now().Unix(),
	})
}

func nameIn(v *session.View, a session.Account) string {
	for _, m := range v.Members {
		if m.Account == a {
			return m.Name
		}
	}
	return ""
}

// keep puts an invitation where a person finds it.
func (o *Office) keep(v invited) error {
	key := nameOf(v.Group[:], v.From[:])
	o.mu.Lock()
	_, again := o.invitations[key]
	full := len(o.invitations) >= maxInvitations
	o.mu.Unlock()
	if full && !again {
		return errors.New("too many invitations wait for an answer")
	}
	shown := o.show(key, &v)
	var events []api.Event
	if !again {
		events = []api.Event{{Type: api.EventInvitation, Invitation: &shown, Text: shown.FromName + " invites you to " + shown.Name + "."}}
	}
	entry := o.c.Journal.Reserve(events)
	err := o.c.Store.Put("", append(entry.Rows(), session.Row{Key: invitationRows + key, Value: encode(v)}))
	entry.Done(err)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.invitations[key] = v
	return nil
}

func (o *Office) show(key string, v *invited) api.Invitation {
	at := time.Unix(v.Received, 0).UTC()
	contact, known := o.c.Book.Contact(v.From)
	name := v.FromName
	if known {
		name = contact.Called()
	}
	return api.Invitation{
		ID: key, Group: PublicID(v.Group), Name: v.Name, From: hex.EncodeToString(v.From[:]), FromName: name,
		Stranger: !known || contact.State != people.Known, Members: v.Members, Received: at, Expires: at.Add(invitationLife),
	}
}

// Invitations are those that wait, the oldest first.
func (o *Office) Invitations() []api.Invitation {
	o.mu.Lock()
	waiting := make(map[string]invited, len(o.invitations))
	for k, v := range o.invitations {
		waiting[k] = v
	}
	o.mu.Unlock()
	out := make([]api.Invitation, 0, len(waiting))
	for k, v := range waiting {
		out = append(out, o.show(k, &v))
	}
	slices.SortFunc(out, func(a, b api.Invitation) int { return a.Received.Compare(b.Received) })
	return out
}

// Answer joins or declines an invitation. It returns the group joined.
func (o *Office) Answer(key string, accept bool) (id session.GroupID, err error) {
	o.mu.Lock()
	v, ok := o.invitations[key]
	o.mu.Unlock()
	if !ok {
		return id, api.NewError(api.CodeNotFound, "There is no such invitation any more.", "`covey group ls` lists groups and invitations.")
	}
	ends := []session.Row{{Key: invitationRows + key}}
	if accept {
		packed := o.packed()
		s, fx, jerr := session.Join(o.node.SessionConfig(), now(), v.Welcome, keys(packed))
		if jerr != nil {
			return id, api.NewError(api.CodeExpired, "The invitation can no longer be opened.", "Ask to be invited again.")
		}
		err = o.node.Joined(s, fx, ends)
	} else {
		err = o.c.Store.Put("", ends)
	}
	if err != nil {
		return id, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.invitations, key)
	return v.Group, nil
}

// contactOf is the contact whose device a peer is.
func (o *Office) contactOf(p peer.ID) (people.Contact, bool) {
	d, ok := mesh.PublicOf(p)
	if !ok {
		return people.Contact{}, false
	}
	return o.c.Book.Of(d)
}
