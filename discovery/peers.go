package discovery

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
)

// Neither the routing table nor the peerstore outlives the process, so peers
// that served well are saved: whoever has been in the network before needs
// nobody's help to come back.

var savedKey = ds.NewKey("/peers")

// Bootstrap connects to the peers given, to those of the configuration and to
// the saved ones, and fills the routing table from there. It returns when the
// table has a peer; ErrAlone says that none could be reached.
func (d *Directory) Bootstrap(ctx context.Context, peers ...peer.AddrInfo) error {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range append(peers, d.beginWith()...) {
		if p.ID == d.config.Host.ID() {
			continue
		}
		d.config.Host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if err := d.config.Host.Connect(ctx, p); err != nil {
				d.counts.add("bootstrap: peer not reached")
			}
		})
	}
	wg.Wait()
	if len(d.config.Host.Network().Peers()) == 0 {
		return ErrAlone
	}
	// The table takes a peer once it has been identified and has answered.
	for d.dht.RoutingTable().Size() == 0 {
		select {
		case <-time.After(askTimeout / 30):
		case <-ctx.Done():
			return ErrAlone
		}
	}
	select {
	case <-d.dht.ForceRefresh():
	case <-ctx.Done():
	}
	d.wake()
	return nil
}

// Peers is how many peers the routing table holds.
func (d *Directory) Peers() int { return d.dht.RoutingTable().Size() }

// beginWith is whom to dial when the routing table is empty.
func (d *Directory) beginWith() []peer.AddrInfo {
	var out []peer.AddrInfo
	if d.config.Peers != nil {
		out = d.config.Peers()
	}
	return append(out, d.savedPeers()...)
}

func (d *Directory) savedPeers() (out []peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(d.ctx, askTimeout)
	defer cancel()
	b, err := d.memory.Get(ctx, savedKey)
	if err != nil {
		return nil
	}
	if err := json.Unmarshal(b, &out); err != nil {
		d.counts.add("saved peers unreadable")
		return nil
	}
	return out[:min(len(out), savedPeers)]
}

// savePeers remembers peers of the routing table that are connected and have
// addresses. An empty table leaves the last ones.
func (d *Directory) savePeers() {
	h := d.config.Host
	var good []peer.AddrInfo
	for _, p := range d.dht.RoutingTable().ListPeers() {
		if info := h.Peerstore().PeerInfo(p); len(info.Addrs) > 0 && len(good) < savedPeers {
			good = append(good, info)
		}
	}
	if len(good) == 0 {
		return
	}
	b, err := json.Marshal(good)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(d.ctx, askTimeout)
	defer cancel()
	if err := d.memory.Put(ctx, savedKey, b); err != nil {
		d.counts.add("peers not saved")
	}
}
