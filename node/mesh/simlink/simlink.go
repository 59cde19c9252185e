// Package simlink is simulated wires for tests: real libp2p hosts over QUIC,
// in virtual time, with partitions, crashes and loss.
//
// It is meant for testing/synctest. A bubble ends only when all its goroutines
// have: close every host, then the Net.
package simlink

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"
)

// Net is a network of numbered places, each with an address of its own. A host
// that restarts takes its place again.
type Net struct {
	sim *simnet.Simnet

	mu   sync.RWMutex
	side map[string]int // partition that an address is in; 0 without one
	dark map[string]bool
	cut  map[[2]string]bool
	loss float64
	rand *rand.Rand
}

// New makes a network whose links take latency one way and carry 20 Mbit/s.
func New(latency time.Duration, seed uint64) *Net {
	n := &Net{side: make(map[string]int), dark: make(map[string]bool), cut: make(map[[2]string]bool), rand: rand.New(rand.NewPCG(seed, 0))}
	n.sim = &simnet.Simnet{
		LatencyFunc: simnet.StaticLatency(latency),
		Logger:      slog.New(slog.NewTextHandler(io.Discard, nil)), // packets to closed hosts are no news
	}
	n.sim.Start()
	return n
}

// Close ends the network.
func (n *Net) Close() { n.sim.Close() }

func ip(place int) net.IP { return simnet.IntToPublicIPv4(place) }

// Address is where the host of a place listens.
func Address(place int) string { return fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", ip(place)) }

// Host returns what a libp2p host needs to run on this network. The host
// listens on Address of its place.
func (n *Net) Host() []libp2p.Option {
	source := new(sourceIP)
	const rate = 20_000_000
	link := simnet.LinkSettings{BitsPerSecond: rate, MTU: 1500}
	wire := func(_ string, address *net.UDPAddr) (net.PacketConn, error) {
		source.ip.Store(&address.IP)
		end := n.sim.NewEndpoint(address, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link})
		return &wire{SimConn: end, net: n, from: address.IP.String()}, nil
	}
	return []libp2p.Option{
		libp2p.QUICReuse(reuse,
			quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return source, nil }),
			quicreuse.OverrideListenUDP(wire)),
		libp2p.DisableIdentifyAddressDiscovery(), // it keeps a bubble from ever being idle
	}
}

// reuse is QUIC's connection manager, closed with the host: libp2p closes only
// one that it made itself.
func reuse(l fx.Lifecycle, reset quic.StatelessResetKey, token quic.TokenGeneratorKey, opts ...quicreuse.Option) (*quicreuse.ConnManager, error) {
	cm, err := quicreuse.NewConnManager(reset, token, opts...)
	if err != nil {
		return nil, err
	}
	l.Append(fx.StopHook(cm.Close))
	return cm, nil
}

type sourceIP struct{ ip atomic.Pointer[net.IP] }

func (s *sourceIP) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *s.ip.Load(), nil
}

// Partition parts the places into sides that do not hear each other; places
// not named form a side of their own.
func (n *Net) Partition(sides ...[]int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.side)
	for i, side := range sides {
		for _, place := range side {
			n.side[ip(place).String()] = i + 1
		}
	}
}

// Heal ends a partition.
func (n *Net) Heal() { n.Partition() }

// Dark cuts a place off, as a crash does before the host is closed: nothing
// leaves it, no farewell either.
func (n *Net) Dark(place int, dark bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dark[ip(place).String()] = dark
}

// Cut takes the way between two places away, as two routers do that let nobody
// in; both still reach everybody else.
func (n *Net) Cut(a, b int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{ip(a).String(), ip(b).String()}] = true
	n.cut[[2]string{ip(b).String(), ip(a).String()}] = true
}

// Loss is the share of packets lost.
func (n *Net) Loss(share float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = share
}

func (n *Net) passes(from, to string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.dark[from] && !n.dark[to] && n.side[from] == n.side[to] && !n.cut[[2]string{from, to}] && (n.loss == 0 || n.rand.Float64() >= n.loss)
}

// wire drops packets on their way out.
type wire struct {
	*simnet.SimConn
	net  *Net
	from string
}

func (w *wire) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); ok && !w.net.passes(w.from, u.IP.String()) {
		return len(b), nil
	}
	return w.SimConn.WriteTo(b, to)
}
