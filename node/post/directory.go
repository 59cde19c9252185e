package post

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery"
	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/mailbox"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// What is left behind for those who come while this device is away, and by
// others while it was. An account's bundle lists its devices; each device's
// bundle has its key packages and its mail key. One device or several are the
// same to whoever reads them.

const rowMail = "me/mail"

// openDirectory starts the DHT's node and the mailbox, where they are wanted.
func (o *Office) openDirectory() (err error) {
	if !o.c.Directory {
		o.c.Mesh.Serve("kp", len(record.Identity{}), func(ctx context.Context, from peer.ID, id []byte) []byte {
			if len(id) != len(record.Identity{}) {
				return nil
			}
			return o.fresh(ctx, from, record.Identity(id))
		})
		return nil
	}
	mail, err := o.openMail()
	if err != nil {
		return err
	}
	key, err := o.signingKey()
	if err != nil {
		return err
	}
	o.owner, o.mailKey = mailbox.Owner{Key: key, Mail: []*mls.PrivateKey{mail}}, mail.Public().Bytes()
	o.directory, err = discovery.Start(discovery.Config{
		Host: o.c.Mesh.Host(), Streams: o.c.Mesh, Network: o.c.Network, Store: o.c.Store.Datastore("dht"),
		Client: o.c.Client, Server: o.c.Server, Fresh: o.fresh, Log: o.log,
	})
	if err != nil {
		return err
	}
	o.box, err = mailbox.New(mailbox.Config{
		Self: o.c.Mesh.Host().ID(), Streams: o.c.Mesh, Store: o.c.Store, Closest: o.directory.Closest,
		Known: o.knows, Serve: !o.c.Client,
	})
	return err
}

// openMail reads the key that mailbox items are sealed to, or makes it.
func (o *Office) openMail() (*mls.PrivateKey, error) {
	raw, err := o.c.Store.Get("", rowMail)
	if err == nil {
		return mls.ParseKey(raw)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	k, err := mls.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	o.unheard.Store(true)
	return k, o.c.Store.Put("", []session.Row{{Key: rowMail, Value: k.Bytes()}})
}

// wait lets a time pass; false if the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// knows says whom mailbox items are taken from at no price.
func (o *Office) knows(p peer.ID) bool {
	d, ok := mesh.PublicOf(p)
	if !ok {
		return false
	}
	_, known := o.node.AccountOf(d)
	return known
}

// begin joins the DHT, looks into the mailbox as far back as anything may be
// kept and, after a while, says that this device is there.
func (o *Office) begin() {
	if o.directory == nil {
		return
	}
	o.node.Errand(func(ctx context.Context) {
		unheard := o.unheard.Load()
		if unheard && !o.directory.Calm(ctx) { // nobody is known yet of whom the DHT could tell
			return
		}
		for pause := time.Second; o.directory.Bootstrap(ctx) != nil; pause = min(2*pause, retryEvery) {
			if !wait(ctx, pause) {
				return
			}
		}
		if !unheard {
			o.pollNow(ctx, 0)
		}
		if o.directory.Calm(ctx) {
			o.publish()
		}
	})
}

// publish makes this device's bundle anew, with as many packages for one use as
// fit, those that nobody has used among them.
func (o *Office) publish() {
	if o.directory == nil {
		return
	}
	o.node.Errand(func(ctx context.Context) {
		b, err := o.bundle()
		o.unheard.Store(false)
		if err == nil {
			_, err = o.directory.Publish(ctx, o.owner.Key, b)
		}
		if err != nil && !errors.Is(err, discovery.ErrAlone) {
			o.log.Warn("this device's bundle could not be published", "err", err)
			return
		}
		if !o.c.Self.Holds() { // the account's list is made where its key is
			return
		}
		account, err := mls.ParseSigningKey(mls.X25519AES128SHA256Ed25519, o.c.Self.AccountSeed())
		if err != nil {
			return
		}
		list := record.Bundle{Devices: []record.Identity{record.Identity(o.owner.Key.Public())}}
		for _, s := range o.c.Siblings.All() {
			if !s.Removed {
				list.Devices = append(list.Devices, record.Identity(s.ID))
			}
		}
		if _, err := o.directory.Publish(ctx, account, list); err != nil {
			o.log.Debug("the account's bundle is not with others yet", "err", err)
		}
	})
}

func (o *Office) bundle() (record.Bundle, error) {
	b := record.Bundle{MailKey: o.mailKey}
	for _, g := range o.packed() {
		switch {
		case time.Since(time.Unix(g.Made, 0)) > packageLife/2: // may be taken until the bundle ends
		case g.Where == lastResort && b.LastResort == nil:
			b.LastResort = g.Public
		case g.Where == inBundle && len(b.Packages) < record.MaxPackages:
			b.Packages = append(b.Packages, g.Public)
		}
	}
	more, err := o.pack(inBundle, record.MaxPackages-len(b.Packages))
	if err != nil {
		return b, err
	}
	b.Packages = append(b.Packages, more...)
	if b.LastResort == nil {
		last, err := o.pack(lastResort, 1)
		if err != nil {
			return b, err
		}
		b.LastResort = last[0]
	}
	return b, nil
}

// poll looks into the mailbox.
func (o *Office) poll(days int) {
	if o.box != nil {
		o.node.Errand(func(ctx context.Context) { o.pollNow(ctx, days) })
	}
}

func (o *Office) pollNow(ctx context.Context, days int) {
	friends := o.node.Friends()
	if _, err := o.box.Poll(ctx, o.owner, days, friends[:min(len(friends), maxFriends)], o.collector(ctx)); err != nil {
		o.log.Debug("the mailbox was not emptied", "err", err)
	}
}

func (o *Office) collector(ctx context.Context) mailbox.Deliver {
	return func(item mailbox.Item) error { return o.collect(ctx, item) }
}

// pollAt asks one peer that has come what it holds for this device: nothing, as
// long as nobody has been told what to seal to.
func (o *Office) pollAt(d session.Device) {
	p, ok := mesh.PeerOf(d)
	if o.box == nil || !ok {
		return
	}
	o.mu.Lock()
	soon := time.Since(o.polled[p]) < pollPeer || o.unheard.Load()
	if !soon {
		o.polled[p] = time.Now()
	}
	o.mu.Unlock()
	if soon {
		return
	}
	o.node.Errand(func(ctx context.Context) {
		if _, err := o.box.PollPeer(ctx, o.owner, p, o.collector(ctx)); err != nil {
			o.log.Debug("a peer could not be asked for what it holds", "err", err)
		}
	})
}

// FindPeer looks a peer's addresses up in the DHT; first by its id, then where
// those meet who share a secret with it.
func (o *Office) FindPeer(ctx context.Context, p peer.ID, secrets [][]byte) (peer.AddrInfo, error) {
	if o.directory == nil {
		return peer.AddrInfo{}, discovery.ErrNotFound
	}
	info, err := o.directory.FindPeer(ctx, p)
	if err == nil && len(info.Addrs) > 0 {
		return info, nil
	}
	for _, s := range secrets {
		found, err := o.directory.Seek(ctx, s)
		if err != nil {
			continue
		}
		for _, f := range found {
			if f.ID == p {
				return f, nil
			}
		}
	}
	return peer.AddrInfo{}, discovery.ErrNotFound
}

// Mind tells the DHT's node whom to keep bundles of, and under which secrets to
// be found.
func (o *Office) Mind(people []record.Identity, secrets [][]byte) {
	if o.directory != nil {
		o.directory.Keep(people)
		o.directory.Meet(secrets)
	}
}

// Kept is what the mailbox keeps for others.
func (o *Office) Kept() (items, bytes int) {
	if o.box == nil {
		return 0, 0
	}
	return o.box.Kept()
}

// Counts is what was refused and dropped by the DHT's node and the mailbox, and
// how many peers are in the routing table; false where there is none.
func (o *Office) Counts() (table int, counts map[string]uint64, runs bool) {
	if o.directory == nil {
		return 0, nil, false
	}
	counts = make(map[string]uint64)
	for k, v := range o.directory.Counts() {
		counts["dht: "+k] = v
	}
	for k, v := range o.box.Counts() {
		counts["mailbox: "+k] = v
	}
	return o.directory.Peers(), counts, true
}
