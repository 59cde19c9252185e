package discovery

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	ds "github.com/ipfs/go-datastore"
	libp2precord "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/mls"
)

// publication is a bundle of mine that is kept in the DHT. The directory's mu
// guards it; whoever has set busy is the only one to sign and put it.
type publication struct {
	key    *mls.SigningKey
	bundle record.Bundle
	value  []byte        // the bundle, signed
	next   time.Time     // when it is put again
	wait   time.Duration // before the next attempt, while nobody takes it
	busy   bool
}

// Published says how far a bundle got.
type Published struct {
	Seq     uint64
	Slots   int // keys, of record.Slots, under which somebody took it
	Holders int // peers that took it, over all keys
	Checked int // of those asked, how many gave it back
}

// Publish signs the bundle as the key's owner and keeps it in the DHT until it
// is published again or withdrawn. Who it is of, its number, its peer and the
// addresses are filled in; a zero NotAfter is two weeks from now. With ErrAlone, or where nobody took it, the
// directory tries again by itself.
func (d *Directory) Publish(ctx context.Context, key *mls.SigningKey, b record.Bundle) (Published, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return Published{}, err
	}
	defer leave()
	id := record.Identity(key.Public())
	b.Identity = id
	b.Seq = d.lastSeq(ctx, id)
	if b.NotAfter == 0 {
		b.NotAfter = d.now() + record.Time(bundleLife.Milliseconds())
	}
	p := &publication{key: key, bundle: b, busy: true}
	if err := d.sign(ctx, p); err != nil {
		return Published{}, err
	}
	d.mu.Lock()
	d.mine[id] = p
	d.mu.Unlock()
	out := d.put(ctx, p)
	if out.Slots == 0 {
		if err = ctx.Err(); err == nil {
			err = ErrAlone
		}
	}
	return out, err
}

// Withdraw stops keeping an identity's bundle in the DHT, where it expires.
func (d *Directory) Withdraw(id record.Identity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mine, id)
}

// lastSeq is the largest number that the identity has signed, as far as is known
// here: what this store remembers and, once after a start, what the DHT has.
func (d *Directory) lastSeq(ctx context.Context, id record.Identity) uint64 {
	d.mu.Lock()
	p, last := d.mine[id], uint64(0)
	if p != nil {
		last = p.bundle.Seq
	}
	d.mu.Unlock()
	if p != nil {
		return last
	}
	if v, err := d.memory.Get(ctx, seqKey(id)); err == nil && len(v) == 8 {
		last = binary.BigEndian.Uint64(v)
	}
	if b, err := d.find(ctx, id); err == nil {
		last = max(last, b.Seq)
	}
	return last
}

func seqKey(id record.Identity) ds.Key { return ds.NewKey("/seq/" + hex.EncodeToString(id[:])) }

// sign numbers the bundle, says where its owner is, and signs it. The number is
// durable before anybody sees it.
func (d *Directory) sign(ctx context.Context, p *publication) error {
	b := p.bundle
	b.Seq = record.Next(b.Seq, d.now())
	b.Peer, b.Addresses = []byte(d.config.Host.ID()), d.addresses()
	value, err := record.Sign(b, p.key)
	if err != nil {
		return err
	}
	d.mu.Lock()
	p.bundle, p.value = b, value
	d.mu.Unlock()
	return d.memory.Put(ctx, seqKey(b.Identity), binary.BigEndian.AppendUint64(nil, b.Seq))
}

// addresses is where this node says that it is.
func (d *Directory) addresses() (out [][]byte) {
	for _, a := range d.config.Host.Addrs() {
		if b := a.Bytes(); len(b) <= 255 && len(out) < record.MaxAddresses {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// stale says why the bundle should be signed anew: it is old, or its owner has
// moved.
func (d *Directory) stale(p *publication) bool {
	left := time.Duration(p.bundle.NotAfter-d.now()) * time.Millisecond
	return left < bundleLife/3 || !slices.EqualFunc(p.bundle.Addresses, d.addresses(), bytes.Equal)
}

// put sends the bundle to the holders of all its keys, and says when next.
func (d *Directory) put(ctx context.Context, p *publication) Published {
	out := Published{Seq: p.bundle.Seq}
	out.Slots, out.Holders, out.Checked = d.putAll(ctx, p.bundle.Identity, p.value)
	d.mu.Lock()
	defer d.mu.Unlock()
	p.busy = false
	if out.Slots > 0 && out.Checked > 0 {
		p.wait = 0
		p.next = time.Now().Add(Jitter(republishEvery))
		d.counts.add("bundle published")
	} else {
		p.wait = min(max(2*p.wait, retryFirst), retryLast)
		p.next = time.Now().Add(p.wait)
		d.counts.add("bundle taken by nobody")
	}
	return out
}

// putAll puts a bundle under all its keys.
func (d *Directory) putAll(ctx context.Context, id record.Identity, value []byte) (slots, holders, checked int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for slot := range uint8(record.Slots) {
		wg.Go(func() {
			took, back := d.putValue(ctx, record.Key(id, slot), value)
			mu.Lock()
			defer mu.Unlock()
			slots += min(took, 1)
			holders += took
			checked += back
		})
	}
	wg.Wait()
	return slots, holders, checked
}

// putValue stores a value here and with the closest peers, and asks some of
// those who took it for it.
func (d *Directory) putValue(ctx context.Context, key string, value []byte) (holders, checked int) {
	rec := libp2precord.MakePutRecord(key, value)
	if err := d.values.Put(ctx, key, rec); err != nil {
		// A newer one is here already, or the disk is full: others may take it.
		d.counts.add("bundle not stored here")
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout+2*askTimeout)
	defer cancel()
	peers := d.closest(ctx, key)
	took := collect(ctx, peers, func(ctx context.Context, p peer.ID) (peer.ID, bool) {
		if err := d.wire.PutValue(ctx, p, rec); err != nil {
			d.counts.add("put refused or failed")
			return "", false
		}
		return p, true
	})
	ask := took[:min(len(took), readBack)]
	back := collect(ctx, ask, func(ctx context.Context, p peer.ID) (bool, bool) {
		got, _, err := d.wire.GetValue(ctx, p, key)
		ok := err == nil && got != nil && bytes.Equal(got.GetValue(), value)
		if !ok {
			d.counts.add("holder does not give back what it took")
		}
		return ok, ok
	})
	return len(took), len(back)
}

// closest is the peers responsible for a key, closest first.
func (d *Directory) closest(ctx context.Context, key string) []peer.ID {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	peers, err := d.dht.GetClosestPeers(network.WithDialPeerTimeout(ctx, askTimeout), key)
	if err != nil && len(peers) == 0 && ctx.Err() == nil {
		d.counts.add("lookup failed")
	}
	return peers
}

// collect asks all peers at once, each for askTimeout at most, and returns what
// those gave who answered, in the order of the peers.
func collect[T any](ctx context.Context, peers []peer.ID, ask func(context.Context, peer.ID) (T, bool)) []T {
	answers := make([]*T, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if v, ok := ask(ctx, p); ok {
				answers[i] = &v
			}
		})
	}
	wg.Wait()
	var out []T
	for _, a := range answers {
		if a != nil {
			out = append(out, *a)
		}
	}
	return out
}

// dueNow makes everything due that says where this node is.
func (d *Directory) dueNow() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.mine {
		p.next = time.Time{}
	}
	for _, m := range d.meetings {
		m.next = time.Time{}
	}
}

// publishDue puts again what is due, signed anew where it is stale.
func (d *Directory) publishDue() {
	now := time.Now()
	d.mu.Lock()
	var due []*publication
	for _, p := range d.mine {
		if !p.busy && !p.next.After(now) {
			p.busy = true
			due = append(due, p)
		}
	}
	d.mu.Unlock()
	for _, p := range due {
		if d.stale(p) {
			d.mu.Lock()
			p.bundle.NotAfter = d.now() + record.Time(bundleLife.Milliseconds())
			d.mu.Unlock()
			if err := d.sign(d.ctx, p); err != nil && d.ctx.Err() == nil {
				d.log.Warn("key packages could not be signed anew", "err", err)
			}
		}
		d.put(d.ctx, p)
	}
}
