package mesh

import (
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Addresses are what others are told of this host, those first that reach the
// furthest.
func (m *Mesh) Addresses() (out [][]byte) {
	addrs := slices.Clone(m.host.Addrs())
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int { return reach(b) - reach(a) })
	for _, a := range addrs {
		out = append(out, a.Bytes())
	}
	return out
}

// reach orders addresses by how far they reach; QUIC before TCP.
func reach(a ma.Multiaddr) int {
	r := 0
	switch {
	case manet.IsPublicAddr(a):
		r = 8
	case !manet.IsIPLoopback(a):
		r = 4
	}
	if _, err := a.ValueForProtocol(ma.P_QUIC_V1); err == nil {
		r += 2
	}
	if _, err := a.ValueForProtocol(ma.P_IP4); err == nil {
		r++
	}
	return r
}

// ReadAddresses reads multiaddresses; what is none is left out.
func ReadAddresses(raw [][]byte) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, b := range raw {
		if a, err := ma.NewMultiaddrBytes(b); err == nil {
			out = append(out, a)
		}
	}
	return out
}
