package discovery

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/discovery/record"
)

const (
	freshProtocol = "kp"
	freshRequest  = 32 // the identity asked for
)

// Invitee is one device that can be invited.
type Invitee struct {
	Bundle     *record.Bundle
	KeyPackage []byte // not judged here: whose it is, mls tells
	Fresh      bool   // made for us just now; otherwise it may have been used
}

// KeyPackages finds a key package for every device of an account, or for the one
// device whose identity it is: a fresh one from its owner where it is online, one
// of the bundle otherwise. Devices that nothing is found of are left out; if
// there is none, it is ErrNotFound.
func (d *Directory) KeyPackages(ctx context.Context, id record.Identity) ([]Invitee, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	first, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	bundles := make([]*record.Bundle, 1+len(first.Devices))
	bundles[0] = first
	var wg sync.WaitGroup
	for i, device := range first.Devices {
		wg.Go(func() { bundles[1+i], _ = d.find(ctx, device) })
	}
	wg.Wait()
	invitees := make([]Invitee, len(bundles))
	for i, b := range bundles {
		if b != nil {
			wg.Go(func() { invitees[i] = d.invitee(ctx, b) })
		}
	}
	wg.Wait()
	var out []Invitee
	for _, v := range invitees {
		if v.KeyPackage != nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil, ErrNotFound
	}
	return out, nil
}

// invitee asks a bundle's owner, and falls back on the bundle.
func (d *Directory) invitee(ctx context.Context, b *record.Bundle) Invitee {
	if kp := d.askFresh(ctx, b); kp != nil {
		d.counts.add("key package from its owner")
		return Invitee{Bundle: b, KeyPackage: kp, Fresh: true}
	}
	d.counts.add("key package from a bundle")
	return Invitee{Bundle: b, KeyPackage: b.Pick([]byte(d.config.Host.ID()))}
}

// askFresh asks the owner for a key package; nil if that does not work.
func (d *Directory) askFresh(ctx context.Context, b *record.Bundle) []byte {
	p, err := peer.IDFromBytes(b.Peer)
	if err != nil || p == d.config.Host.ID() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for _, raw := range b.Addresses {
		if a, err := ma.NewMultiaddrBytes(raw); err == nil {
			d.config.Host.Peerstore().AddAddr(p, a, peerstore.TempAddrTTL)
		}
	}
	kp, err := d.config.Streams.Ask(ctx, p, freshProtocol, b.Identity[:], record.MaxPackage)
	if err != nil || len(kp) == 0 {
		return nil
	}
	return kp
}

// answerFresh hands out a key package, within limits.
func (d *Directory) answerFresh(ctx context.Context, from peer.ID, request []byte) []byte {
	if len(request) != freshRequest || d.config.Fresh == nil {
		d.counts.add("request for a key package: malformed")
		return nil
	}
	if !d.fresh.allow(from, time.Now()) {
		d.counts.add("request for a key package: too many")
		return nil
	}
	kp := d.config.Fresh(ctx, from, record.Identity(request))
	if kp == nil {
		d.counts.add("request for a key package: not mine")
		return nil
	}
	d.counts.add("key package handed out")
	return kp
}

// freshLimit counts what was handed out in the present period.
type freshLimit struct {
	mu    sync.Mutex
	since time.Time
	all   int
	each  map[peer.ID]int
}

func (l *freshLimit) allow(p peer.ID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each == nil || now.Sub(l.since) >= freshPeriod {
		l.since, l.all, l.each = now, 0, map[peer.ID]int{}
	}
	if l.all >= freshAll || l.each[p] >= freshEach || len(l.each) >= maxFreshPeers {
		return false
	}
	l.all++
	l.each[p]++
	return true
}
