package mailbox

import (
	"context"
	"io"
	"maps"
	"sync"
	"time"

	"crypto/rand"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/store"
)

// Streams asks peers and answers them, as node/mesh does it.
type Streams interface {
	Serve(protocol string, max int, answer func(ctx context.Context, from peer.ID, request []byte) []byte)
	Ask(ctx context.Context, p peer.ID, protocol string, request []byte, max int) ([]byte, error)
}

// Config of a Box. Self, Streams, Store and Closest must be set.
type Config struct {
	Self    peer.ID
	Streams Streams
	Store   *store.Store
	// Closest is the peers of the DHT responsible for a key, closest first, at
	// most n, whose addresses the host knows.
	Closest func(ctx context.Context, key []byte, n int) ([]peer.ID, error)
	// Known says whether a depositor is a contact or a member of a group; nil
	// knows nobody.
	Known func(peer.ID) bool
	// Serve keeps items for others. A node that is seldom up should not.
	Serve bool
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Box keeps items for others, leaves items for others, and fetches one's own.
// It may be used by many goroutines.
type Box struct {
	config Config
	rand   io.Reader
	keep   *shelf
	least  int // bits of work; tests ask for less

	mu    sync.Mutex
	count map[string]uint64
}

// New opens a mailbox on what the store holds of it.
func New(c Config) (*Box, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Known == nil {
		c.Known = func(peer.ID) bool { return false }
	}
	b := &Box{config: c, rand: rand.Reader, least: leastWork, count: map[string]uint64{}}
	var err error
	if b.keep, err = openShelf(c.Store, c.Now()); err != nil {
		return nil, err
	}
	if c.Serve {
		c.Streams.Serve(protocol, maxRequest, b.answer)
	}
	return b, nil
}

// Counts is what was taken, kept, refused and dropped since the start.
func (b *Box) Counts() map[string]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.count)
}

func (b *Box) add(name string) {
	b.mu.Lock()
	b.count[name]++
	b.mu.Unlock()
}

// Kept is how many items, of how many bytes, are kept for others now.
func (b *Box) Kept() (items, bytes int) { return b.keep.size() }
