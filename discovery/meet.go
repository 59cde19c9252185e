package discovery

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multihash"
)

// Those who share a secret, such as the members of a group or two contacts, meet
// under keys of the DHT that change every day and that only they can compute:
// each says there that it can be reached, and each looks there for the others.

// meeting is a rendezvous that is kept. The directory's mu guards it.
type meeting struct {
	next time.Time
	busy bool
}

// Meet replaces the set of secrets under which this node can be found. Beyond
// 512 the rest is left out.
func (d *Directory) Meet(secrets [][]byte) {
	secrets = secrets[:min(len(secrets), maxMeetings)]
	set := make(map[string]bool, len(secrets))
	for _, s := range secrets {
		set[string(s)] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.meetings {
		if !set[s] {
			delete(d.meetings, s)
		}
	}
	for s := range set {
		if d.meetings[s] == nil {
			d.meetings[s] = &meeting{}
		}
	}
	d.wake()
}

// Seek finds peers that share the secret. Who they really are, the secret's use
// must show: a holder of the key can name anybody. The host then knows their
// addresses.
func (d *Directory) Seek(ctx context.Context, secret []byte) ([]peer.AddrInfo, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	seen := map[peer.ID]bool{d.config.Host.ID(): true}
	var out []peer.AddrInfo
	for _, key := range d.meetingKeys(secret) {
		for p := range d.dht.FindProvidersAsync(ctx, key, maxFound) {
			if seen[p.ID] || len(out) == maxFound {
				continue
			}
			seen[p.ID] = true
			d.config.Host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		d.counts.add("rendezvous: nobody there")
		return nil, ErrNotFound
	}
	d.counts.add("rendezvous: found peers")
	return out, nil
}

// meetingKeys are the keys of a secret that are in use now: one, or two around
// the change of the day.
func (d *Directory) meetingKeys(secret []byte) []cid.Cid {
	now := d.config.Now()
	keys := []cid.Cid{meetingKey(secret, now)}
	for _, t := range []time.Time{now.Add(-meetOverlap), now.Add(meetOverlap)} {
		if k := meetingKey(secret, t); k != keys[0] {
			keys = append(keys, k)
		}
	}
	return keys
}

func meetingKey(secret []byte, t time.Time) cid.Cid {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("covey rendezvous 1"))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(t.Unix()/int64(meetPeriod/time.Second))))
	mh, err := multihash.Encode(mac.Sum(nil), multihash.SHA2_256)
	if err != nil {
		panic(err) // only for hashes the library does not know
	}
	return cid.NewCidV1(cid.Raw, mh)
}

// meetNext is when a meeting is announced again: when the key of the next day
// comes into use, or after the usual time.
func (d *Directory) meetNext() time.Time {
	now := d.config.Now()
	change := now.Truncate(meetPeriod).Add(meetPeriod - meetOverlap)
	if !change.After(now) {
		change = change.Add(meetPeriod)
	}
	return time.Now().Add(min(Jitter(republishEvery), change.Sub(now)+Jitter(meetOverlap/2)))
}

// meetDue says where it is due that this node can be reached.
func (d *Directory) meetDue() {
	if d.dht.RoutingTable().Size() == 0 {
		return
	}
	now := time.Now()
	due := map[string]*meeting{}
	d.mu.Lock()
	for s, m := range d.meetings {
		if !m.busy && !m.next.After(now) {
			m.busy = true
			due[s] = m
		}
	}
	d.mu.Unlock()
	for s, m := range due {
		if d.ctx.Err() != nil {
			return
		}
		ok := true
		for _, key := range d.meetingKeys([]byte(s)) {
			ctx, cancel := context.WithTimeout(d.ctx, lookupTimeout)
			if err := d.dht.Provide(ctx, key, true); err != nil {
				ok = false
			}
			cancel()
		}
		next := d.meetNext()
		if !ok {
			d.counts.add("rendezvous: not announced")
			next = time.Now().Add(Jitter(retryLast))
		}
		d.mu.Lock()
		m.busy, m.next = false, next
		d.mu.Unlock()
	}
}
