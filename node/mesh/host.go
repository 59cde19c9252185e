package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/prometheus/client_golang/prometheus"
)

// Config of a Mesh.
type Config struct {
	Key     crypto.PrivKey // the device's key: the peer id follows from it
	Network string         // nodes of other networks are never spoken to
	Listen  []string       // multiaddresses; empty for any port on all interfaces

	Multicast bool // find nodes on the local network
	MapPorts  bool // ask the router for a port (UPnP, NAT-PMP)
	Relay     bool // be reached through relays, and punch holes from there
	Serve     bool // be a relay for known peers
	Probe     bool // have others test which of my addresses can be reached

	// Find looks a peer's addresses up where none is known; may be nil.
	Find func(context.Context, peer.ID) (peer.AddrInfo, error)

	Registry prometheus.Registerer // nil: no metrics
	Log      *slog.Logger          // nil: none
	Extra    []libp2p.Option       // simulated links, in tests
}

// Handler is told what comes in. Its methods are called from the mesh's
// goroutines, several at once, and must not wait for the mesh.
type Handler interface {
	// PeerUp says that a known peer is connected, or has become known while it
	// is; direct is false while only a relay connects us.
	PeerUp(p peer.ID, direct bool)
	// PeerDown says that a known peer is no longer connected.
	PeerDown(p peer.ID)
	// Check looks at a gossip message before it is passed on: cheap checks.
	Check(topic string, from peer.ID, data []byte) Verdict
	// Gossip hands over a message that Check accepted, before it is passed on: it
	// waits for nothing.
	Gossip(topic string, from peer.ID, data []byte)
	// Frame hands over a frame of a known peer's stream. While it blocks,
	// nothing more is read from that stream.
	Frame(from peer.ID, data []byte)
	// Lost says that gossip of a topic was dropped, here or on its way out.
	Lost(topic string)
}

// Verdict of a Check.
type Verdict int

// Verdicts. Reject is for what no honest peer would send, and costs the sender
// its standing; what is only unknown or late is to be ignored.
const (
	Accept Verdict = iota
	Ignore
	Reject
)

// Mesh is a running host. It may be used by many goroutines.
type Mesh struct {
	config  Config
	log     *slog.Logger
	handler Handler
	host    host.Host
	traffic *traffic
	pubsub  *pubsub.PubSub
	trace   *trace
	gossip  *gossip
	keeper  *keeper
	streams *streams
	mdns    mdns.Service
	emit    event.Emitter // tells pubsub of peers that have become known
	built   atomic.Bool   // New is done: before, parts of the host ask already

	mu    sync.Mutex      // held to close, and to add to done from outside of it
	ctx   context.Context // ends at Close; the root of what the mesh starts
	close context.CancelFunc
	done  sync.WaitGroup
}

// New builds a host and starts it.
func New(c Config, h Handler) (_ *Mesh, err error) {
	m := &Mesh{config: c, log: c.Log, handler: h, traffic: new(traffic)}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.ctx, m.close = context.WithCancel(context.Background())
	if m.host, err = libp2p.New(m.options()...); err != nil {
		m.close()
		return nil, fmt.Errorf("start the network host: %w", err)
	}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	if m.emit, err = m.host.EventBus().Emitter(new(event.EvtPeerProtocolsUpdated)); err != nil {
		return nil, err
	}
	m.trace = newTrace(m)
	m.gossip = newGossip(m)
	m.keeper = newKeeper(m)
	if m.pubsub, err = m.gossip.start(); err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	m.streams = newStreams(m)
	bus, err := m.host.EventBus().Subscribe([]any{new(event.EvtPeerConnectednessChanged), new(event.EvtLocalAddressesUpdated)})
	if err != nil {
		return nil, err
	}
	m.host.Network().Notify(&network.NotifyBundle{ConnectedF: m.again})
	m.done.Go(func() { m.watch(bus) })
	m.done.Go(m.keeper.run)
	if c.Multicast {
		m.mdns = mdns.NewMdnsService(m.host, "_covey-"+c.Network+"._udp", found{m})
		if err := m.mdns.Start(); err != nil {
			m.log.Warn("no multicast on this machine; peers nearby are not found by themselves", "err", err)
			m.mdns = nil
		}
	}
	m.built.Store(true)
	return m, nil
}

// options are the host's: Noise over QUIC and TCP, nothing that needs the
// public libp2p network.
func (m *Mesh) options() []libp2p.Option {
	c := m.config
	listen := c.Listen
	if len(listen) == 0 {
		listen = []string{"/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"}
	}
	cm, _ := connmgr.NewConnManager(connLow, connHigh) // fails on nonsensical numbers only
	o := []libp2p.Option{
		libp2p.Identity(c.Key),
		libp2p.ListenAddrStrings(listen...),
		libp2p.NoTransports,
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionManager(cm),
		libp2p.BandwidthReporter(m.traffic),
		libp2p.ProtocolVersion("covey/1/" + c.Network),
		libp2p.UserAgent("covey"), // no version: it would tell nodes apart
		// Most of those who are known may be away: that a hundred dials failed does
		// not mean that no UDP or IPv6 gets out, and nobody would be dialled any more.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	}
	if c.Registry == nil {
		o = append(o, libp2p.DisableMetrics())
	} else {
		o = append(o, libp2p.PrometheusRegisterer(c.Registry))
	}
	if c.MapPorts {
		o = append(o, libp2p.NATPortMap())
	}
	if c.Probe {
		o = append(o, libp2p.EnableAutoNATv2())
	}
	if c.Relay {
		o = append(o, libp2p.EnableRelay(), libp2p.EnableHolePunching(),
			libp2p.EnableAutoRelayWithPeerSource(m.relays,
				autorelay.WithBootDelay(10*time.Second), autorelay.WithMinCandidates(1), autorelay.WithBackoff(30*time.Second)))
	} else {
		o = append(o, libp2p.DisableRelay())
	}
	if c.Serve {
		o = append(o, m.relayService())
	}
	return append(o, c.Extra...)
}

// relays is the source of candidates that autorelay asks: connected peers, those
// first that this node knows. Whoever of them serves as a relay takes it or not.
func (m *Mesh) relays(_ context.Context, num int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, num)
	defer close(out)
	if !m.built.Load() {
		return out
	}
	all := m.host.Network().Peers()
	slices.SortStableFunc(all, func(a, b peer.ID) int {
		switch x, y := m.keeper.knows(a), m.keeper.knows(b); {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	for _, p := range all[:min(len(all), num)] {
		out <- m.host.Peerstore().PeerInfo(p)
	}
	return out
}

// watch passes connectedness on. It ends when Close closes the bus.
func (m *Mesh) watch(bus event.Subscription) {
	defer bus.Close()
	for {
		select {
		case <-m.ctx.Done():
			return
		case e, ok := <-bus.Out():
			if !ok {
				return
			}
			switch e := e.(type) {
			case event.EvtLocalAddressesUpdated:
				m.keeper.wake()
			case event.EvtPeerConnectednessChanged:
				m.keeper.changed(e.Peer, e.Connectedness)
			}
		}
	}
}

// found dials what multicast finds.
type found struct{ *Mesh }

func (m found) HandlePeerFound(p peer.AddrInfo) {
	if p.ID == m.host.ID() {
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, dialTimeout)
	defer cancel()
	if err := m.host.Connect(ctx, p); err != nil {
		m.log.Debug("a peer nearby could not be reached", "err", err)
	}
}

// Host is the libp2p host, for discovery and mailboxes.
func (m *Mesh) Host() host.Host { return m.host }

// Drops is what was dropped since the start, by reason.
func (m *Mesh) Drops() map[string]uint64 { return m.trace.snapshot() }

// Traffic is the bytes in and out since the start.
func (m *Mesh) Traffic() (in, out int64) {
	return m.traffic.in.Load(), m.traffic.out.Load()
}

// Score is a peer's standing: below zero where it misbehaved.
func (m *Mesh) Score(p peer.ID) float64 { return m.gossip.scoreOf(p) }

// protocol makes the id of one of our protocols in this network.
func (m *Mesh) protocol(name string) protocol.ID {
	return protocol.ID("/covey/1/" + m.config.Network + "/" + name)
}

// Close stops everything and waits for it.
func (m *Mesh) Close() error {
	m.mu.Lock()
	m.close() // nothing enters any more
	m.mu.Unlock()
	var errs []error
	if m.mdns != nil {
		errs = append(errs, m.mdns.Close())
	}
	if m.emit != nil {
		m.emit.Close()
	}
	errs = append(errs, m.host.Close())
	m.done.Wait()
	return errors.Join(errs...)
}
