package mesh

import (
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	relayv2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// relayService makes this node a relay for known peers only. The default limit
// of a relayed connection, two minutes and 128 KiB, is lifted: over a limited
// connection gossip does not run at all, and a relay that serves only those it
// knows needs no protection from them.
func (m *Mesh) relayService() libp2p.Option {
	return libp2p.EnableRelayService(relayv2.WithInfiniteLimits(), relayv2.WithACL(forKnown{m}))
}

type forKnown struct{ *Mesh }

func (m forKnown) AllowReserve(p peer.ID, _ ma.Multiaddr) bool { return m.keeper.knows(p) }

func (m forKnown) AllowConnect(_ peer.ID, _ ma.Multiaddr, to peer.ID) bool { return m.keeper.knows(to) }
