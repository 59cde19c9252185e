package mesh

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-yamux/v5"
	"github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
)

// That a connection is there says little: QUIC takes half a minute to give one
// up. What is asked of a peer here is one round trip, now.

// Answering asks peers for a sign of life, all at once, and counts those that
// give one in time: what was sent to these before went over connections that
// live. It asks no more than maxAnswering.
func (m *Mesh) Answering(ctx context.Context, peers []peer.ID) int {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var count atomic.Int64
	var all sync.WaitGroup
	for _, p := range peers[:min(len(peers), maxAnswering)] {
		all.Go(func() {
			if _, err := m.Ping(ctx, p); err == nil {
				count.Add(1)
			}
		})
	}
	all.Wait()
	return int(count.Load())
}

// RTT is how long a round trip to a peer takes, as its transport has seen of what
// was sent anyway; 0 where nothing is known of it. To measure by pings, every
// member of a group of fifty every other, took most of what they did while idle.
func (m *Mesh) RTT(p peer.ID) (rtt time.Duration) {
	for _, c := range m.host.Network().ConnsToPeer(p) {
		var q *quic.Conn
		var y *yamux.Session
		took := time.Duration(0)
		switch {
		case c.As(&q):
			took = q.ConnectionStats().SmoothedRTT
		case c.As(&y):
			took = y.RTT()
		}
		if took > 0 && (rtt == 0 || took < rtt) {
			rtt = took
		}
	}
	return rtt
}

// Ping measures a round trip to a connected peer, now.
func (m *Mesh) Ping(ctx context.Context, p peer.ID) (time.Duration, error) {
	s, err := m.host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(ctx, "ping"), "ping"), p, ping.ID)
	if err != nil {
		return 0, err
	}
	return echo(ctx, s)
}

// alive pings over one connection.
func (m *Mesh) alive(c network.Conn) bool {
	ctx, cancel := context.WithTimeout(m.ctx, answerWithin)
	defer cancel()
	s, err := c.NewStream(network.WithAllowLimitedConn(ctx, "ping"))
	if err != nil {
		return false
	}
	s.SetDeadline(time.Now().Add(answerWithin))
	if multistream.SelectProtoOrFail(ping.ID, s) != nil {
		s.Reset()
		return false
	}
	_, err = echo(ctx, s)
	return err == nil
}

// echo sends some bytes, reads them again, and ends the stream.
func echo(ctx context.Context, s network.Stream) (time.Duration, error) {
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	out, in := make([]byte, ping.PingSize), make([]byte, ping.PingSize)
	rand.Read(out)
	begin := time.Now()
	if _, err := s.Write(out); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(s, in); err != nil {
		return 0, err
	}
	if !bytes.Equal(in, out) {
		return 0, ErrRefused
	}
	return time.Since(begin), nil
}
