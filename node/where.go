package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/session"
)

// Members of a group tell each other where other members of it are: a newcomer
// knows nobody's address but its inviter's.

const wireVersion = 1

type question struct {
	Version uint8          `cbor:"1,keyasint"`
	Device  session.Device `cbor:"2,keyasint"`
}

type whereabouts struct {
	Version   uint8    `cbor:"1,keyasint"`
	Addresses [][]byte `cbor:"2,keyasint"`
}

// where answers a member that asks for another of the same group, and nobody
// else.
func (n *Node) where(_ context.Context, from peer.ID, request []byte) []byte {
	var q question
	if decode(request, &q) != nil || q.Version != wireVersion {
		n.meter.drop("a question after an address that is none")
		return nil
	}
	id, ok := mesh.PeerOf(q.Device)
	if !ok || !n.share(from, id) {
		n.meter.drop("a question after an address of no common group")
		return nil
	}
	out := whereabouts{Version: wireVersion}
	for _, a := range n.mesh.Host().Peerstore().Addrs(id) {
		if len(out.Addresses) < maxLinkAddresses*2 {
			out.Addresses = append(out.Addresses, a.Bytes())
		}
	}
	return encode(out)
}

// share reports whether two peers are in one group with this node.
func (n *Node) share(a, b peer.ID) bool {
	for _, g := range n.list() {
		if g.Admits(a) && g.Admits(b) {
			return true
		}
	}
	return false
}

// find looks a peer's addresses up for the mesh, by asking connected members of
// a group that it is in, then the DHT. Who knew the last is asked first: of those
// a newcomer has met, its inviter knows all addresses and the others nearly none.
func (n *Node) find(ctx context.Context, p peer.ID) (peer.AddrInfo, error) {
	d, ok := mesh.PublicOf(p)
	if !ok {
		return peer.AddrInfo{}, errNowhere
	}
	asked := 0
	connected := network.WithNoDial(ctx, "where") // else who has just gone is asked for by asking who has just gone
	others := n.presence.connected()
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] }) // next time, ask others
	if knew := n.guide.Load(); knew != nil {
		if i := slices.Index(others, *knew); i > 0 {
			others[0], others[i] = others[i], others[0]
		}
	}
	for _, other := range others {
		if other == p || !n.share(other, p) {
			continue
		}
		if asked++; asked > askWhere {
			break
		}
		b, err := n.mesh.Ask(connected, other, "where", encode(question{Version: wireVersion, Device: d}), whereMessage)
		if err != nil {
			continue
		}
		var w whereabouts
		if decode(b, &w) != nil || w.Version != wireVersion {
			continue
		}
		if addrs := dialable(mesh.ReadAddresses(w.Addresses)); len(addrs) > 0 {
			n.guide.Store(&other)
			n.mesh.Host().Peerstore().AddAddrs(p, addrs, peerstore.RecentlyConnectedAddrTTL)
			return peer.AddrInfo{ID: p, Addrs: addrs}, nil
		}
	}
	var secrets [][]byte
	for _, g := range n.list() {
		if topics := g.View().Topics; g.Admits(p) && len(topics) > 0 {
			secrets = append(secrets, topics[0][:])
		}
	}
	return n.post.FindPeer(ctx, p, secrets)
}

var errNowhere = errors.New("nobody who is reachable knows an address")

// dialable bounds what somebody else says.
func dialable(all []ma.Multiaddr) []ma.Multiaddr {
	return all[:min(len(all), 2*maxLinkAddresses)]
}
