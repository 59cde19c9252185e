package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// courier carries Welcomes. Those that leave are rows until their device has
// said that it holds them; those that come in are invitations, which are
// joined at once where a contact sends them, and else wait for an answer.
type courier struct {
	n     *Node
	nudge chan struct{}

	mu          sync.Mutex
	parcels     map[string]parcel
	under       map[string]bool // on their way
	invitations map[string]invited
}

// parcel is a Welcome for one device.
type parcel struct {
	Device session.Device `cbor:"1,keyasint"`
	Bytes  []byte         `cbor:"2,keyasint"`
	Made   int64          `cbor:"3,keyasint"` // Unix seconds
	Group  string         `cbor:"4,keyasint"` // public id, for people
}

// delivery is what goes over the wire.
type delivery struct {
	Version     uint8           `cbor:"1,keyasint"`
	To          session.Account `cbor:"2,keyasint"`
	Certificate []byte          `cbor:"3,keyasint"` // of the sender
	Welcome     []byte          `cbor:"4,keyasint"`
	Stamp       *people.Stamp   `cbor:"5,keyasint,omitempty"`
}

// Answers to a delivery.
const (
	deliveryHeld  = 1 // durable at the other side
	deliveryStamp = 2 // say it again with a stamp
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

const (
	parcelRows     = "w/"
	invitationRows = "v/"
	wireVersion    = 1
)

func openCourier(n *Node) (*courier, error) {
	c := &courier{n: n, nudge: make(chan struct{}, 1), parcels: make(map[string]parcel), under: make(map[string]bool), invitations: make(map[string]invited)}
	for row, err := range n.store.Rows(parcelRows, "") {
		var p parcel
		if err == nil {
			err = decode(row.Value, &p)
		}
		if err != nil {
			return nil, err
		}
		c.parcels[row.Key] = p
	}
	for row, err := range n.store.Rows(invitationRows, "") {
		var v invited
		if err == nil {
			err = decode(row.Value, &v)
		}
		if err != nil {
			return nil, err
		}
		c.invitations[row.Key] = v
	}
	return c, nil
}

func nameOfBytes(b ...[]byte) string {
	h := sha256.New()
	for _, x := range b {
		h.Write(x)
	}
	return hexOf(h.Sum(nil)[:16])
}

// rows takes charge of the Welcomes among what a batch sends; they are durable
// with it.
func (c *courier) rows(g *Group, direct []session.Direct) (rows []session.Row) {
	for _, d := range direct {
		if d.Kind != session.DirectWelcome {
			continue
		}
		p := parcel{Device: d.Device, Bytes: d.Bytes, Made: time.Now().Unix(), Group: g.ID()}
		key := nameOfBytes(d.Device[:], d.Bytes)
		c.mu.Lock()
		c.parcels[key] = p
		c.mu.Unlock()
		rows = append(rows, session.Row{Key: parcelRows + key, Value: encode(p)})
	}
	return rows
}

// wake has all parcels tried now; arrived those for one device.
func (c *courier) wake() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

func (c *courier) arrived(d session.Device) {
	if a, ok := c.n.AccountOf(d); ok && c.n.packages.wants(a) {
		c.wake()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parcels {
		if p.Device == d {
			c.wake()
			return
		}
	}
}

// run tries to deliver whatever waits, and to fetch what is wanted for it.
func (c *courier) run() {
	tick := time.NewTicker(retryWelcome)
	defer tick.Stop()
	for {
		c.mu.Lock()
		for key, p := range c.parcels {
			if !c.under[key] {
				c.under[key] = c.n.Errand(func(ctx context.Context) { c.carry(ctx, key, p) })
			}
		}
		c.mu.Unlock()
		c.n.packages.seek()
		select {
		case <-c.n.ctx.Done():
			return
		case <-tick.C:
		case <-c.nudge:
		}
	}
}

// carry tries to deliver one parcel.
func (c *courier) carry(ctx context.Context, key string, p parcel) {
	err := c.n.deliver(ctx, p)
	c.mu.Lock()
	delete(c.under, key)
	c.mu.Unlock()
	if err != nil {
		c.n.log.Debug("a welcome could not be delivered yet", "err", err)
		return
	}
	c.drop(key)
}

func (c *courier) drop(key string) {
	if err := c.n.store.Put(parcelRows, []session.Row{{Key: key}}); err != nil {
		c.n.log.Warn("a delivered welcome could not be crossed off; it is delivered again", "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.parcels, key)
}

func (c *courier) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.parcels)
}

// expire gives up on parcels and invitations that are too old.
func (c *courier) expire() error {
	c.mu.Lock()
	var rows []session.Row
	for key, p := range c.parcels {
		if time.Since(time.Unix(p.Made, 0)) > welcomeLife {
			delete(c.parcels, key)
			rows = append(rows, session.Row{Key: parcelRows + key})
		}
	}
	for key, v := range c.invitations {
		if time.Since(time.Unix(v.Received, 0)) > invitationLife {
			delete(c.invitations, key)
			rows = append(rows, session.Row{Key: invitationRows + key})
		}
	}
	c.mu.Unlock()
	return c.n.store.Put("", rows)
}

// deliver hands a parcel to its device, paying for it if it must.
func (n *Node) deliver(ctx context.Context, p parcel) error {
	to, ok := mesh.PeerOf(p.Device)
	account, known := n.AccountOf(p.Device)
	if !ok || !known {
		return errors.New("nobody knows whose device it is")
	}
	me := n.self.Identity()
	d := delivery{Version: wireVersion, To: account, Certificate: me.Certificate, Welcome: p.Bytes}
	for range 2 {
		reply, err := n.mesh.Ask(ctx, to, "deliver", encode(d), 8)
		switch {
		case err != nil:
			return err
		case len(reply) == 1 && reply[0] == deliveryHeld:
			return nil
		case len(reply) != 1 || reply[0] != deliveryStamp || d.Stamp != nil:
			return errors.New("the other side answers in a way that this version does not know")
		}
		stamp, ok := people.Work(me.Account, account, time.Now(), func() bool { return ctx.Err() != nil })
		if !ok {
			return ctx.Err()
		}
		d.Stamp = &stamp
	}
	return errors.New("the other side wants more than a stamp")
}

// receive takes a Welcome from whoever brings it. The answer says that it is
// durable here.
func (c *courier) receive(ctx context.Context, from peer.ID, request []byte) []byte {
	var d delivery
	device, ok := mesh.PublicOf(from)
	if !ok || decode(request, &d) != nil || d.Version != wireVersion || d.To != c.n.self.Identity().Account {
		c.n.meter.drop("a delivery that is none")
		return nil
	}
	cert, err := session.ReadCertificate(c.n.engine, d.Certificate, device)
	if err != nil {
		c.n.meter.drop("a delivery without a certificate")
		return nil
	}
	reply, err := c.take(ctx, cert, d)
	if err != nil {
		c.n.log.Info("a welcome was not taken", "err", err)
		c.n.meter.drop("a welcome that does not let this device in")
		return nil
	}
	return []byte{reply}
}

func (c *courier) take(ctx context.Context, from session.Certificate, d delivery) (byte, error) {
	id, err := session.WelcomeGroup(d.Welcome)
	if err != nil {
		return 0, err
	}
	if g := c.n.group(id); g != nil {
		_, err := g.Do(ctx, session.Welcomed{Bytes: d.Welcome, Packages: c.n.packages.all()})
		return deliveryHeld, err
	}
	bearer := from.Account
	contact, known := c.n.book.Contact(bearer)
	if known && contact.State == people.Blocked {
		return deliveryHeld, nil // they do not learn that they are blocked
	}
	s, fx, used, err := session.Join(c.n.sessionConfig(), now(), d.Welcome, c.n.packages.all())
	if err != nil {
		return 0, err
	}
	v := s.View()
	// Who asked counts, not who made the commit and brings it.
	if asked, ok := c.n.book.Contact(v.Inviter); ok || v.Inviter != (session.Account{}) {
		from.Account, from.Name = v.Inviter, nameIn(&v, v.Inviter)
		contact, known = asked, ok
	}
	if known && contact.State == people.Blocked {
		return deliveryHeld, nil
	}
	friend := known && contact.State == people.Known
	if friend && !c.n.config.AskAlways {
		_, err := c.n.join(s, fx, used, "")
		return deliveryHeld, err
	}
	if !friend && !c.n.book.Spend(d.Stamp, bearer, time.Now()) {
		return deliveryStamp, nil
	}
	return deliveryHeld, c.keep(invited{
		Welcome: d.Welcome, From: from.Account, FromName: from.Name, Group: id, Name: v.Name, Members: len(v.Members), Received: time.Now().Unix(),
	}, !friend)
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
func (c *courier) keep(v invited, stranger bool) error {
	key := nameOfBytes(v.Group[:], v.From[:])
	c.mu.Lock()
	_, again := c.invitations[key]
	full := len(c.invitations) >= maxInvitations
	c.mu.Unlock()
	if full && !again {
		return errors.New("too many invitations wait for an answer")
	}
	shown := v.show(key, stranger, c.n.NameOf(v.From))
	entry := c.n.journal.Reserve([]api.Event{{Type: api.EventInvitation, Invitation: &shown, Text: shown.FromName + " invites you to " + shown.Name + "."}})
	err := c.n.store.Put("", append(entry.Rows(), session.Row{Key: invitationRows + key, Value: encode(v)}))
	entry.Done(err)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invitations[key] = v
	return nil
}

func (v *invited) show(key string, stranger bool, name string) api.Invitation {
	at := time.Unix(v.Received, 0).UTC()
	return api.Invitation{
		ID: key, Group: publicID(v.Group), Name: v.Name, From: hexOf(v.From[:]), FromName: name, Stranger: stranger,
		Members: v.Members, Received: at, Expires: at.Add(invitationLife),
	}
}

// list are the invitations that wait, the oldest first.
func (c *courier) list() []api.Invitation {
	c.mu.Lock()
	waiting := make(map[string]invited, len(c.invitations))
	for k, v := range c.invitations {
		waiting[k] = v
	}
	c.mu.Unlock()
	out := make([]api.Invitation, 0, len(waiting))
	for k, v := range waiting {
		contact, known := c.n.book.Contact(v.From)
		name := v.FromName
		if known {
			name = contact.Called()
		}
		out = append(out, v.show(k, !known || contact.State != people.Known, name))
	}
	slices.SortFunc(out, func(a, b api.Invitation) int { return a.Received.Compare(b.Received) })
	return out
}

// answer joins or declines an invitation.
func (c *courier) answer(key string, accept bool) (*Group, error) {
	c.mu.Lock()
	v, ok := c.invitations[key]
	c.mu.Unlock()
	if !ok {
		return nil, api.NewError(api.CodeNotFound, "There is no such invitation any more.", "`covey group ls` lists groups and invitations.")
	}
	var g *Group
	var err error
	if accept {
		s, fx, used, jerr := session.Join(c.n.sessionConfig(), now(), v.Welcome, c.n.packages.all())
		if jerr != nil {
			return nil, api.NewError(api.CodeExpired, "The invitation can no longer be opened.", "Ask to be invited again.")
		}
		g, err = c.n.join(s, fx, used, invitationRows+key)
	} else {
		err = c.n.store.Put("", []session.Row{{Key: invitationRows + key}})
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.invitations, key)
	return g, nil
}

// join takes part in a group by a Welcome: the session, the end of the key
// package it used, and that of the invitation are one write.
func (n *Node) join(s *session.Session, fx session.Effects, used int, ends string) (*Group, error) {
	kp := n.packages.all()[used]
	rows := []session.Row{n.packages.used(kp)}
	if ends != "" {
		rows = append(rows, session.Row{Key: ends})
	}
	g, err := n.found(s, fx, rows)
	if err == nil {
		n.packages.forget(kp)
	}
	return g, err
}

func (n *Node) group(id session.GroupID) *Group {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.groups[id]
}
