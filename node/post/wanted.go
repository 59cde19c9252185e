package post

import (
	"context"
	"errors"
	"time"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/session"
)

// want is a session that needs key packages of an account.
type want struct {
	group   session.GroupID
	account session.Account
}

// chase is how getting them goes.
type chase struct {
	since time.Time
	under bool
	tries int
	due   time.Time // not to be tried before
}

// Fetch gets key packages of an account for a group: as soon as there is one,
// however long that takes. An invitation to somebody who has left none behind
// waits for them. A session that is taken up again asks again by itself.
func (o *Office) Fetch(group session.GroupID, account session.Account) {
	w := want{group, account}
	o.mu.Lock()
	if o.wanted[w] == nil {
		o.wanted[w] = &chase{since: time.Now()}
	}
	o.mu.Unlock()
	o.Wake()
}

// seekDue tries to get what is wanted.
func (o *Office) seekDue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for w, c := range o.wanted {
		if c.under || time.Now().Before(c.due) {
			continue
		}
		c.under = o.node.Errand(func(ctx context.Context) {
			got := o.find(ctx, w.account)
			o.mu.Lock()
			c.under, c.due = false, time.Now().Add(min(seekFirst<<min(c.tries, 8), retryEvery))
			c.tries++
			done := len(got) > 0 || time.Since(c.since) > parcelLife
			if done {
				delete(o.wanted, w)
			}
			o.mu.Unlock()
			if done {
				o.node.Fetched(w.group, session.Fetched{Account: w.account, KeyPackages: got})
			}
		})
	}
}

// PackageOf asks a device of an account for a key package. One of another
// account is an error: a new device is asked before it has started anew.
func (o *Office) PackageOf(ctx context.Context, d session.Device, a session.Account) ([]byte, error) {
	id, ok := mesh.PeerOf(d)
	if !ok {
		return nil, errors.New("no device has that key")
	}
	kp, err := o.c.Mesh.Ask(ctx, id, "kp", d[:], packageReply)
	if err != nil {
		return nil, err
	}
	if maker, err := o.makerOf(kp, a); err != nil || maker != d {
		return nil, session.ErrCertificate
	}
	return kp, nil
}

// makerOf is the device of an account that has made a key package.
func (o *Office) makerOf(kp []byte, a session.Account) (session.Device, error) {
	leaf, err := o.c.Engine.ReadKeyPackage(kp, now())
	if err == nil {
		var cert session.Certificate
		if cert, err = session.ReadCertificate(o.c.Engine, leaf.Certificate, leaf.Device); err == nil && cert.Account != a {
			err = session.ErrCertificate
		}
	}
	if err != nil {
		o.node.Drop("a key package that is not the account's")
	}
	return leaf.Device, err
}

// Republish says anew which devices the account has.
func (o *Office) Republish() { o.publish() }

// find gets a key package of every device of an account: from devices that are
// known and, unless all of them answer, through the DHT, whose walk takes longer
// than all the rest. Each is checked to be the account's own.
func (o *Office) find(ctx context.Context, a session.Account) [][]byte {
	var out [][]byte
	have := make(map[session.Device]bool)
	known := o.node.DevicesOf(a)
	for _, d := range known {
		if kp, err := o.PackageOf(ctx, d, a); err == nil && !have[d] {
			have[d] = true
			out = append(out, kp)
		}
	}
	if o.directory != nil && (len(out) == 0 || len(out) < len(known)) {
		invitees, err := o.directory.KeyPackages(ctx, record.Identity(a))
		if err != nil {
			o.log.Debug("the directory knows no key package", "err", err)
		}
		for _, v := range invitees {
			if d, err := o.makerOf(v.KeyPackage, a); err == nil && !have[d] {
				have[d] = true
				out = append(out, v.KeyPackage)
			}
		}
	}
	return out
}
