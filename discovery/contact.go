package discovery

import (
	"context"
	"encoding/hex"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
)

// A bundle is signed, so anybody may put it again. Friends do so for each other:
// whoever is away for longer than holders keep records is found all the same,
// until the bundle itself expires.

// contact is a friend whose bundle is kept. The directory's mu guards it.
type contact struct {
	value []byte // the bundle, signed; nil until found
	seq   uint64
	next  time.Time
	busy  bool
}

// Keep replaces the set of identities whose bundles are kept here and put again
// for them: contacts and members of my groups. Beyond 256 the rest is left out,
// the first are kept.
func (d *Directory) Keep(ids []record.Identity) {
	ids = ids[:min(len(ids), maxContacts)]
	set := make(map[record.Identity]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.contacts {
		if !set[id] {
			delete(d.contacts, id)
		}
	}
	spread := keepFirst * time.Duration(1+len(set)/keepFlock)
	for id := range set {
		if d.contacts[id] == nil {
			d.contacts[id] = &contact{next: time.Now().Add(Jitter(spread))}
		}
	}
}

func keptKey(id record.Identity) ds.Key { return ds.NewKey("/kept/" + hex.EncodeToString(id[:])) }

// keptValue is the bundle kept of a contact, or nil.
func (d *Directory) keptValue(id record.Identity) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.contacts[id]; c != nil {
		return c.value
	}
	return nil
}

// keepNewer remembers a contact's bundle if it is newer than what is kept.
func (d *Directory) keepNewer(id record.Identity, b *record.Bundle, value []byte) {
	d.mu.Lock()
	c := d.contacts[id]
	newer := c != nil && (c.value == nil || b.Seq > c.seq)
	if newer {
		c.value, c.seq = value, b.Seq
	}
	d.mu.Unlock()
	if !newer {
		return
	}
	ctx, cancel := context.WithTimeout(d.ctx, askTimeout)
	defer cancel()
	if err := d.memory.Put(ctx, keptKey(id), value); err != nil {
		d.counts.add("contact's bundle not stored")
	}
}

// keepDue looks for the bundles of contacts that are due and puts them again.
func (d *Directory) keepDue() {
	now := time.Now()
	due := map[record.Identity]*contact{}
	d.mu.Lock()
	for id, c := range d.contacts {
		if !c.busy && !c.next.After(now) {
			c.busy = true
			due[id] = c
		}
	}
	d.mu.Unlock()
	for id, c := range due {
		if d.ctx.Err() != nil {
			return
		}
		holders := d.keepOne(id)
		d.mu.Lock()
		c.busy = false
		c.next = time.Now().Add(Jitter(republishEvery))
		if holders == 0 {
			c.next = time.Now().Add(Jitter(retryLast))
		}
		d.mu.Unlock()
	}
}

// keepOne sees to it that there is a copy here of a bundle, and puts it again
// where its owner is not about to do so.
func (d *Directory) keepOne(id record.Identity) (holders int) {
	ctx, cancel := context.WithTimeout(d.ctx, 2*lookupTimeout)
	defer cancel()
	if d.keptValue(id) == nil {
		if v, err := d.memory.Get(ctx, keptKey(id)); err == nil {
			if b, err := record.Validate(record.Key(id, 0), v, d.now()); err == nil {
				d.keepNewer(id, b, v)
			}
		}
	}
	if d.keptValue(id) == nil || !d.about(id) {
		d.find(ctx, id) // keeps what is newer
	}
	v := d.keptValue(id)
	if v == nil {
		return 0
	}
	if _, err := record.Validate(record.Key(id, 0), v, d.now()); err != nil {
		d.counts.add("contact's bundle expired")
		return 0
	}
	if d.about(id) {
		return 1
	}
	_, holders, _ = d.putAll(ctx, id, v)
	if holders > 0 {
		d.counts.add("contact's bundle put again")
	}
	return holders
}

// about reports that the owner of a kept bundle is connected, and so looks
// after it without help: in a group of many who are all there, everybody would
// put everybody's.
func (d *Directory) about(id record.Identity) bool {
	b, err := record.Validate(record.Key(id, 0), d.keptValue(id), d.now())
	return err == nil && d.config.Host.Network().Connectedness(peer.ID(b.Peer)) == network.Connected
}
