// Package wire puts a bad network between a node and the kernel: what a rules
// file says is cut, lost or late never reaches the socket, or reaches it late.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"
)

// Rules say what happens to the packets that a node sends, by the UDP port of
// whom they are for. A port that is not named hears everything at once.
type Rules struct {
	To map[int]Link `json:"to,omitempty"`
}

// Link is one way from this node to another.
type Link struct {
	Cut       bool    `json:"cut,omitempty"`
	Loss      float64 `json:"loss,omitempty"` // probability
	LatencyMs float64 `json:"latency_ms,omitempty"`
	JitterMs  float64 `json:"jitter_ms,omitempty"` // uniform, added to the latency
}

// Write replaces a rules file whole, so that a reader never sees half of one.
func (r Rules) Write(path string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

const (
	// looksEvery is how soon a change of the rules takes effect.
	looksEvery = 100 * time.Millisecond
	// TakesEffect is how long after Write a running node surely follows.
	TakesEffect = 2 * looksEvery
	// maxLate bounds the packets that wait: those of a second at 10,000
	// packets a second. Further ones are dropped, as a full queue does.
	maxLate = 10_000
)

// Options make a libp2p host send through wires that follow a rules file. The
// file need not exist yet; one that cannot be read leaves the rules as they
// are.
func Options(path string) []libp2p.Option {
	return []libp2p.Option{
		libp2p.QUICReuse(reuse, quicreuse.OverrideListenUDP(func(network string, a *net.UDPAddr) (net.PacketConn, error) {
			c, err := net.ListenUDP(network, a)
			if err != nil {
				return nil, err
			}
			w := &conn{PacketConn: c, udp: c, path: path}
			w.rules.Store(&Rules{})
			return w, nil
		})),
	}
}

// reuse is QUIC's connection manager, closed with the host: libp2p closes only
// one that it made itself, and a node that starts anew needs its port.
func reuse(l fx.Lifecycle, reset quic.StatelessResetKey, token quic.TokenGeneratorKey, opts ...quicreuse.Option) (*quicreuse.ConnManager, error) {
	cm, err := quicreuse.NewConnManager(reset, token, opts...)
	if err != nil {
		return nil, err
	}
	l.Append(fx.StopHook(cm.Close))
	return cm, nil
}

// conn is a socket whose sending goes through the rules. It offers less than a
// UDP socket does: QUIC then sends packet by packet, through WriteTo, and not
// many in one call around the rules.
type conn struct {
	net.PacketConn
	udp   *net.UDPConn
	path  string
	rules atomic.Pointer[Rules]
	late  atomic.Int64

	mu     sync.Mutex // whoever does not get it at once goes by the rules as they are
	looked time.Time
	seen   time.Time // of the file last read
}

// follow reads the rules again where their file has changed. It looks when there
// is something to send, and not all the time: a hundred idle nodes would each wake
// ten times a second.
func (c *conn) follow() *Rules {
	if !c.mu.TryLock() {
		return c.rules.Load()
	}
	defer c.mu.Unlock()
	if time.Since(c.looked) < looksEvery {
		return c.rules.Load()
	}
	c.looked = time.Now()
	info, err := os.Stat(c.path)
	if err != nil || info.ModTime().Equal(c.seen) {
		return c.rules.Load()
	}
	if r, err := Read(c.path); err == nil {
		c.seen = info.ModTime()
		c.rules.Store(r)
	}
	return c.rules.Load()
}

// Read reads a rules file.
func Read(path string) (*Rules, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Rules{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Rules)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return r, nil
}

// WriteTo sends a packet as the rules say. What they take away counts as sent,
// as on any network.
func (c *conn) WriteTo(p []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return c.udp.WriteTo(p, to)
	}
	link, ok := c.follow().To[udp.Port]
	switch {
	case !ok:
		return c.udp.WriteTo(p, to)
	case link.Cut, link.Loss > 0 && rand.Float64() < link.Loss:
		return len(p), nil
	case link.LatencyMs <= 0 && link.JitterMs <= 0:
		return c.udp.WriteTo(p, to)
	}
	if c.late.Add(1) > maxLate {
		c.late.Add(-1)
		return len(p), nil
	}
	wait := time.Duration((link.LatencyMs + rand.Float64()*link.JitterMs) * float64(time.Millisecond))
	body := append([]byte(nil), p...)
	time.AfterFunc(wait, func() {
		c.late.Add(-1)
		_, _ = c.udp.WriteTo(body, to) // a socket closed meanwhile loses what was under way
	})
	return len(p), nil
}

// SyscallConn lets QUIC forbid fragments.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.udp.SyscallConn() }

// SetReadBuffer and SetWriteBuffer are the socket's.
func (c *conn) SetReadBuffer(n int) error  { return c.udp.SetReadBuffer(n) }
func (c *conn) SetWriteBuffer(n int) error { return c.udp.SetWriteBuffer(n) }
