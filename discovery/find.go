package discovery

import (
	"context"
	"slices"
	"sync"

	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
)

// Find looks for an identity's bundle: the newest valid one among what is kept
// here and what the holders of all its keys have.
func (d *Directory) Find(ctx context.Context, id record.Identity) (*record.Bundle, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	b, err := d.find(ctx, id)
	if err == nil {
		d.counts.add("bundle found")
	} else {
		d.counts.add("bundle not found")
	}
	return b, err
}

func (d *Directory) find(ctx context.Context, id record.Identity) (*record.Bundle, error) {
	within, cancel := context.WithTimeout(ctx, lookupTimeout+askTimeout)
	defer cancel()
	s := &search{d: d, enough: cancel, agree: map[string]bool{}}
	if v := d.keptValue(id); v != nil {
		s.take(record.Key(id, 0), v)
	}
	var wg sync.WaitGroup
	for slot := range uint8(record.Slots) {
		wg.Go(func() { s.slot(within, record.Key(id, slot)) })
	}
	wg.Wait()
	if s.best == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, ErrNotFound
	}
	d.keepNewer(id, s.best, s.value)
	return s.best, nil
}

// search gathers the values of several keys of one identity.
type search struct {
	d      *Directory
	enough context.CancelFunc

	mu    sync.Mutex
	best  *record.Bundle
	value []byte
	agree map[string]bool // keys under which a holder has the best
}

// slot searches one key: first with those of the routing table that are nearest
// to it, who often hold it, then with the closest there are. The search ends once
// all keys but one agree: the last may be waiting for the dead.
func (s *search) slot(ctx context.Context, key string) {
	if rec, err := s.d.values.Get(ctx, key); err == nil && rec != nil {
		s.take(key, rec.GetValue())
	}
	near := s.d.dht.RoutingTable().NearestPeers(kb.ConvertKey(key), bucketSize)
	s.ask(ctx, key, near)
	rest := slices.DeleteFunc(s.d.closest(ctx, key), func(p peer.ID) bool { return slices.Contains(near, p) })
	s.ask(ctx, key, rest)
}

// ask takes what peers have under a key. The key agrees once half of those asked
// have answered and the best is among what they gave: a few liars with an old
// bundle do not end a search by being quick.
func (s *search) ask(ctx context.Context, key string, peers []peer.ID) {
	answered, newest := 0, uint64(0)
	collect(ctx, peers, func(ctx context.Context, p peer.ID) (bool, bool) {
		rec, _, err := s.d.wire.GetValue(ctx, p, key)
		if err != nil {
			return false, false
		}
		seq := uint64(0)
		if rec != nil {
			seq = s.take(key, rec.GetValue())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		answered++
		newest = max(newest, seq)
		if s.best != nil && newest == s.best.Seq && 2*answered >= len(peers) {
			if s.agree[key] = true; len(s.agree) == record.Slots-1 {
				s.enough()
			}
		}
		return true, true
	})
}

// take judges one value and returns its number, zero if it is not valid.
func (s *search) take(key string, value []byte) uint64 {
	b, err := record.Validate(key, value, s.d.now())
	if err != nil {
		s.d.counts.add("record refused: " + reason(err))
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.best == nil || b.Seq > s.best.Seq {
		s.best, s.value = b, value
		clear(s.agree)
	}
	return b.Seq
}

// FindPeer looks for a peer's addresses.
func (d *Directory) FindPeer(ctx context.Context, p peer.ID) (peer.AddrInfo, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return d.dht.FindPeer(ctx, p)
}

// Closest is the peers responsible for any bytes, closest first: at most n,
// whose addresses the host then knows.
func (d *Directory) Closest(ctx context.Context, key []byte, n int) ([]peer.ID, error) {
	ctx, leave, err := d.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	peers := d.closest(ctx, string(key))
	if len(peers) == 0 {
		return nil, ErrAlone
	}
	return peers[:min(n, len(peers))], nil
}
