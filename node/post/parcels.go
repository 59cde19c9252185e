package post

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/node/mailbox"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// parcel is a Welcome on its way to one device.
type parcel struct {
	parcelRow
	under bool
	tries int
	due   time.Time // not to be tried before
}

type parcelRow struct {
	Device session.Device `cbor:"1,keyasint"`
	Bytes  []byte         `cbor:"2,keyasint"`
	Made   int64          `cbor:"3,keyasint"` // Unix seconds
	Left   bool           `cbor:"4,keyasint,omitempty"`
}

const parcelRows = "w/"

// delivery is what goes over the wire, or lies in a mailbox.
type delivery struct {
	Version     uint8           `cbor:"1,keyasint"`
	To          session.Account `cbor:"2,keyasint"`
	From        session.Device  `cbor:"3,keyasint"`
	Certificate []byte          `cbor:"4,keyasint"` // of From
	Welcome     []byte          `cbor:"5,keyasint"`
	Stamp       *people.Stamp   `cbor:"6,keyasint,omitempty"`
	Signature   []byte          `cbor:"7,keyasint"` // by From, over To and the Welcome
}

const (
	deliveryVersion = 1
	deliveryLabel   = "covey delivery"

	// Answers.
	deliveryHeld  = 1 // durable at the other side
	deliveryStamp = 2 // say it again with a stamp
)

func (d *delivery) signed() []byte {
	sum := sha256.Sum256(d.Welcome)
	return append(d.To[:], sum[:]...)
}

// welcomeItem is the mailbox's kind of a delivery.
const welcomeItem mailbox.Kind = 1

// Take takes charge of the Welcomes among what a session sends: the rows are to
// be written with what made them; Wake is to follow.
func (o *Office) Take(direct []session.Direct) (rows []session.Row) {
	for _, d := range direct {
		if d.Kind != session.DirectWelcome {
			continue
		}
		key := nameOf(d.Device[:], d.Bytes)
		o.mu.Lock()
		p := o.parcels[key]
		if p == nil {
			p = &parcel{parcelRow: parcelRow{Device: d.Device, Bytes: d.Bytes, Made: time.Now().Unix()}}
			o.parcels[key] = p
		}
		rows = append(rows, session.Row{Key: parcelRows + key, Value: encode(p.parcelRow)})
		o.mu.Unlock()
	}
	return rows
}

// deliverDue tries to deliver what is due, the longest due first, and no more at
// once than leaves room for other errands: hundreds who are away must not keep
// one who is here waiting.
func (o *Office) deliverDue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	under, due := 0, make([]string, 0, len(o.parcels))
	for key, p := range o.parcels {
		switch {
		case p.under:
			under++
		case !now.Before(p.due):
			due = append(due, key)
		}
	}
	slices.SortFunc(due, func(a, b string) int { return cmp.Or(o.parcels[a].due.Compare(o.parcels[b].due), cmp.Compare(a, b)) })
	for _, key := range due[:min(len(due), max(0, parcelsAtOnce-under))] {
		p := o.parcels[key]
		p.under = o.node.Errand(func(ctx context.Context) {
			done := o.carry(ctx, key, p)
			o.mu.Lock()
			p.under = false
			p.due = time.Now().Add(min(seekFirst<<min(p.tries, 16), retryLast))
			p.tries++
			if done {
				delete(o.parcels, key)
			}
			o.mu.Unlock()
			o.Wake() // there is room for another
		})
	}
}

// carry tries to deliver one parcel, and, where its device is away, leaves it
// in mailboxes as well. It reports whether the device itself has it.
func (o *Office) carry(ctx context.Context, key string, p *parcel) bool {
	err := o.deliver(ctx, p)
	if err == nil {
		if err := o.c.Store.Put(parcelRows, []session.Row{{Key: key}}); err != nil {
			o.log.Warn("a delivered welcome could not be crossed off; it is delivered again", "err", err)
		}
		return true
	}
	o.log.Debug("a welcome could not be delivered yet", "err", err)
	if o.box == nil || p.Left {
		return false
	}
	if err := o.leave(ctx, p); err != nil {
		o.log.Debug("a welcome could not be left in mailboxes yet", "err", err)
		return false
	}
	p.Left = true
	if err := o.c.Store.Put(parcelRows, []session.Row{{Key: key, Value: encode(p.parcelRow)}}); err != nil {
		o.log.Warn("a welcome that was left with others could not be noted as such", "err", err)
	}
	return false
}

// wrap makes a delivery of a parcel.
func (o *Office) wrap(p *parcel) (delivery, error) {
	account, known := o.node.AccountOf(p.Device)
	if !known {
		return delivery{}, errors.New("nobody knows whose device it is")
	}
	me := o.c.Self.Identity()
	d := delivery{Version: deliveryVersion, To: account, From: me.Device, Certificate: me.Certificate, Welcome: p.Bytes}
	d.Signature = o.c.Engine.Sign(me.Secret, deliveryLabel, d.signed())
	return d, nil
}

// pay puts a stamp on a delivery.
func (o *Office) pay(ctx context.Context, d *delivery) error {
	stamp, ok := people.Work(o.c.Self.Identity().Account, d.To, time.Now(), func() bool { return ctx.Err() != nil })
	if !ok {
		return ctx.Err()
	}
	d.Stamp = &stamp
	return nil
}

// deliver hands a parcel to its device, paying for it if it must.
func (o *Office) deliver(ctx context.Context, p *parcel) error {
	to, ok := mesh.PeerOf(p.Device)
	d, err := o.wrap(p)
	if err != nil || !ok {
		return errors.Join(err, errors.New("no device has that key"))
	}
	for {
		reply, err := o.c.Mesh.Ask(ctx, to, "deliver", encode(d), 8)
		switch {
		case err != nil:
			return err
		case len(reply) == 1 && reply[0] == deliveryHeld:
			return nil
		case len(reply) != 1 || reply[0] != deliveryStamp || d.Stamp != nil:
			return errors.New("the other side answers in a way that this version does not know")
		}
		if err := o.pay(ctx, &d); err != nil {
			return err
		}
	}
}

// leave puts a parcel into mailboxes: with the peers that the DHT names, and
// with friends who may meet the device. Whoever is no contact pays beforehand.
func (o *Office) leave(ctx context.Context, p *parcel) error {
	d, err := o.wrap(p)
	if err != nil {
		return err
	}
	b, err := o.directory.Find(ctx, record.Identity(p.Device))
	if err != nil {
		return err
	}
	if c, ok := o.c.Book.Contact(d.To); !ok || c.State != people.Known {
		if err := o.pay(ctx, &d); err != nil {
			return err
		}
	}
	friends := o.node.Friends()
	_, err = o.box.Deposit(ctx, mailbox.Recipient(p.Device), b.MailKey, welcomeItem, encode(d), friends[:min(len(friends), maxFriends)])
	return err
}
