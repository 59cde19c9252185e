package mesh

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that crashed and is back connects anew while the old connection still
// looks alive: QUIC gives it up after half a minute, and until then libp2p
// opens new streams on it, as the one that has more of them. So when a known
// peer connects once more, its older connections must show that they live.

// again is told of every connection.
func (m *Mesh) again(_ network.Network, fresh network.Conn) {
	p := fresh.RemotePeer()
	if !m.keeper.knows(p) || len(m.host.Network().ConnsToPeer(p)) < 2 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	m.done.Go(func() { m.prove(p, fresh) })
}

// prove ends all dealings with a peer of which an old connection does not
// answer, so that both sides begin anew. Closing the old one alone would do,
// but for pubsub: where its outbound stream dies it forgets what the peer has
// subscribed to, and the peer, on the new connection, has said so already.
func (m *Mesh) prove(p peer.ID, fresh network.Conn) {
	for _, c := range m.host.Network().ConnsToPeer(p) {
		if c.ID() != fresh.ID() && !m.alive(c) {
			m.trace.count("connection: stale")
			m.host.Network().ClosePeer(p)
			return
		}
	}
}
