package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/namespace"
	dssync "github.com/ipfs/go-datastore/sync"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	libp2precord "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/covey-p2p/covey/discovery/record"
)

// ErrNotFound says that nobody who was asked knows.
var ErrNotFound = errors.New("discovery: not found")

// ErrAlone says that no peer of the network is connected. What was to be
// published will be once there is.
var ErrAlone = errors.New("discovery: no peer of the network is connected")

// Streams asks peers and answers them: one request, one answer, as node/mesh
// does it.
type Streams interface {
	Serve(protocol string, max int, answer func(ctx context.Context, from peer.ID, request []byte) []byte)
	Ask(ctx context.Context, p peer.ID, protocol string, request []byte, max int) ([]byte, error)
}

// Config of a Directory. Host and Streams must be set.
type Config struct {
	Host    host.Host
	Streams Streams
	Network string // nodes of other networks are never spoken to
	// Store keeps the DHT's records and what the directory has to remember; nil
	// is memory. The caller closes it after the directory.
	Store ds.Batching
	// Peers are those to begin with, beside the saved ones; may be nil.
	Peers func() []peer.AddrInfo
	// Client only asks: for nodes that are seldom up or cannot be reached. False
	// serves unless it is known that nobody can reach us.
	Client bool
	// Server serves whatever is known, as in a testnet on one machine.
	Server bool
	// Fresh makes a key package of the identity for a peer that wants to invite
	// it, and keeps its private keys; nil refuses. It may be nil itself.
	Fresh func(ctx context.Context, from peer.ID, id record.Identity) []byte
	// Now is the clock that records expire by; nil is the machine's.
	Now func() time.Time
	Log *slog.Logger // nil: none
}

// Directory is a running node of the DHT. It may be used by many goroutines.
type Directory struct {
	config Config
	log    *slog.Logger
	dht    *dht.IpfsDHT
	wire   *pb.ProtocolMessenger
	values *records.ValueStore // the same rows as the dht's own
	memory ds.Batching         // what the directory remembers
	counts counts
	fresh  freshLimit

	ctx   context.Context // ends at Close
	stop  context.CancelFunc
	done  sync.WaitGroup
	nudge chan struct{} // capacity 1: look now
	calm  chan struct{} // closed once the network around has come to rest

	mu       sync.Mutex // guards what follows; never held while waiting
	closed   bool
	mine     map[record.Identity]*publication
	contacts map[record.Identity]*contact
	meetings map[string]*meeting
}

// Start builds a DHT node on the host. It knows nobody until Bootstrap.
func Start(c Config) (_ *Directory, err error) {
	if c.Store == nil {
		c.Store = dssync.MutexWrap(ds.NewMapDatastore())
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Directory{
		config:   c,
		log:      c.Log,
		memory:   namespace.Wrap(c.Store, ds.NewKey("/directory")),
		nudge:    make(chan struct{}, 1),
		calm:     make(chan struct{}),
		mine:     map[record.Identity]*publication{},
		contacts: map[record.Identity]*contact{},
		meetings: map[string]*meeting{},
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	rows := namespace.Wrap(c.Store, ds.NewKey("/dht"))
	valid := libp2precord.NamespacedValidator{record.Namespace: validator{d}}
	if d.dht, err = dht.New(c.Host, d.options(rows, valid)...); err != nil {
		d.stop()
		return nil, fmt.Errorf("start the DHT: %w", err)
	}
	d.values = records.NewValueStore(rows, valid, recordAge)
	if d.wire, err = pb.NewProtocolMessenger(d.dht.MessageSender()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	bus, err := c.Host.EventBus().Subscribe([]any{
		new(event.EvtLocalAddressesUpdated), new(event.EvtPeerIdentificationCompleted),
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	c.Streams.Serve(freshProtocol, freshRequest, d.answerFresh)
	d.done.Go(func() { d.loop(bus) })
	return d, nil
}

func (d *Directory) options(rows ds.Batching, valid libp2precord.Validator) []dht.Option {
	mode := dht.ModeAutoServer
	switch {
	case d.config.Client:
		mode = dht.ModeClient
	case d.config.Server:
		mode = dht.ModeServer
	}
	return []dht.Option{
		dht.ProtocolPrefix(protocol.ID("/covey/" + d.config.Network)),
		dht.Validator(valid),
		dht.Datastore(rows),
		dht.Mode(mode),
		dht.BucketSize(bucketSize),
		dht.Concurrency(concurrency),
		// The library would walk through the network anew for each of the first
		// ten peers that come, and check all others again: loop does it once.
		dht.DisableAutoRefresh(),
		dht.LookupCheckConcurrency(checksAtOnce),
		dht.MaxRecordAge(recordAge),
		dht.BootstrapPeersFunc(d.beginWith),
	}
}

// Close ends everything that runs and waits for it.
func (d *Directory) Close() error {
	d.mu.Lock()
	d.closed = true // nothing joins done any more
	d.mu.Unlock()
	d.stop()
	d.done.Wait()
	return d.dht.Close()
}

// enter lets a caller's work be waited for by Close; leave ends it. The context
// ends with the caller's, or at Close.
func (d *Directory) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, context.Canceled
	}
	d.done.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.ctx, cancel)
	return ctx, func() { stop(); cancel(); d.done.Done() }, nil
}

func (d *Directory) now() record.Time { return record.Time(d.config.Now().UnixMilli()) }

// Calm waits until the network around this node has come to rest after its
// start: what is put or asked before is put and asked again. It is false if the
// context ended first.
func (d *Directory) Calm(ctx context.Context) bool {
	select {
	case <-d.calm:
		return true
	case <-ctx.Done():
	case <-d.ctx.Done():
	}
	return false
}

// rest is how long to wait for calm: the longer the more peers there are, as all
// of them may have started now.
func (d *Directory) rest() time.Duration {
	return Jitter(calm + time.Duration(len(d.config.Host.Network().Peers()))*calmEach)
}

// round is what the loop knows from one look to the next.
type round struct {
	known            int // peers in the routing table when all was last put
	saved, refreshed time.Time
	began, met       time.Time // met is when a peer came last
	quiet            *time.Timer
	resting          bool // nothing is put before the network around is calm
}

// loop does whatever is due, one thing after another.
func (d *Directory) loop(bus event.Subscription) {
	defer bus.Close()
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	now := time.Now()
	r := round{saved: now, refreshed: now, began: now, quiet: time.NewTimer(d.rest())}
	defer r.quiet.Stop()
	var soon <-chan time.Time // runs while events come
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-r.quiet.C:
			if time.Since(r.met) < calm/2 && time.Since(r.began) < calmMost {
				r.quiet.Reset(d.rest())
				continue
			}
			r.resting = true
			close(d.calm)
		case e, ok := <-bus.Out():
			if !ok {
				return
			}
			switch e.(type) {
			case event.EvtLocalAddressesUpdated:
				d.dueNow()
			case event.EvtPeerIdentificationCompleted:
				r.met = time.Now()
			}
			if soon == nil {
				soon = time.After(settle)
			}
			continue
		case <-soon:
			soon = nil
		case <-d.nudge:
		case <-tick.C:
		}
		if r.resting {
			d.look(&r)
		}
	}
}

// look does what is due now.
func (d *Directory) look(r *round) {
	// The closest peers are others once the network has doubled.
	switch n := d.dht.RoutingTable().Size(); {
	case n == 0:
		r.known = 0
	case r.known == 0 || n >= 2*r.known:
		r.known, r.refreshed = n, time.Time{}
		d.dueNow()
	}
	if time.Since(r.refreshed) >= refreshEvery {
		r.refreshed = time.Now()
		d.dht.RefreshRoutingTable()
	}
	d.publishDue()
	d.keepDue()
	d.meetDue()
	if time.Since(r.saved) >= saveEvery {
		r.saved = time.Now()
		d.savePeers()
	}
}

// wake makes the loop look now.
func (d *Directory) wake() {
	select {
	case d.nudge <- struct{}{}:
	default:
	}
}

// Jitter is between half of a time and all of it.
func Jitter(t time.Duration) time.Duration { return t/2 + rand.N(t/2) }

// validator judges what the DHT carries.
type validator struct{ d *Directory }

func (v validator) Validate(key string, value []byte) error {
	_, err := record.Validate(key, value, v.d.now())
	if err != nil {
		v.d.counts.add("record refused: " + reason(err))
	}
	return err
}

func (v validator) Select(key string, values [][]byte) (int, error) {
	if i := record.Select(key, values, v.d.now()); i >= 0 {
		return i, nil
	}
	return 0, ErrNotFound
}

// reason is one of few words, for a counter.
func reason(err error) string {
	for _, e := range []struct {
		err  error
		word string
	}{
		{record.ErrSize, "size"}, {record.ErrMalformed, "malformed"}, {record.ErrVersion, "version"},
		{record.ErrKey, "key"}, {record.ErrExpired, "expired"}, {record.ErrLife, "life"}, {record.ErrSignature, "signature"},
	} {
		if errors.Is(err, e.err) {
			return e.word
		}
	}
	return "other"
}
