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

// PackageOf asks a device for a key package.
func (o *Office) PackageOf(ctx context.Context, d session.Device) ([]byte, error) {
	id, ok := mesh.PeerOf(d)
	if !ok {
		return nil, errors.New("no device has that key")
	}
	return o.c.Mesh.Ask(ctx, id, "kp", d[:], packageReply)
}

// Republish says anew which devices the account has.
func (o *Office) Republish() { o.publish() }

// find gets a key package of every device of an account: from devices that are
// known and, unless all of them answer, through the DHT, whose walk takes longer
// than all the rest. Each is checked to be the account's own.
func (o *Office) find(ctx context.Context, a session.Account) [][]byte {
	var out [][]byte
	have := make(map[session.Device]bool)
	take := func(kp []byte) {
		leaf, err := o.c.Engine.ReadKeyPackage(kp, now())
		if err == nil {
			var cert session.Certificate
			if cert, err = session.ReadCertificate(o.c.Engine, leaf.Certificate, leaf.Device); err == nil && cert.Account != a {
				err = session.ErrCertificate
			}
		}
		if err != nil {
			o.node.Drop("a key package that is not the account's")
			return
		}
		if !have[leaf.Device] {
			have[leaf.Device] = true
			out = append(out, kp)
		}
	}
	known := o.node.DevicesOf(a)
	for _, d := range known {
		if kp, err := o.PackageOf(ctx, d); err == nil {
			take(kp)
		}
	}
	if o.directory != nil && (len(out) == 0 || len(out) < len(known)) {
		invitees, err := o.directory.KeyPackages(ctx, record.Identity(a))
		if err != nil {
			o.log.Debug("the directory knows no key package", "err", err)
		}
		for _, v := range invitees {
			take(v.KeyPackage)
		}
	}
	return out
}
