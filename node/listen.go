package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// A node that is back is where it was: the port that the system gave it for an
// address with port 0 is kept, so that those who know it find it again without
// any directory. Where another program has taken that port meanwhile, the node
// takes a new one and says so.

// anywhere is where a node listens that was told nothing.
var anywhere = []string{"/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"}

const portsRow = "me/ports" // address with port 0 → port

// addresses are the configured ones, with the ports of last time.
func (n *Node) addresses() ([]string, error) {
	listen := slices.Clone(n.config.Listen)
	if len(listen) == 0 {
		listen = slices.Clone(anywhere)
	}
	ports, err := n.ports()
	if err != nil {
		return nil, err
	}
	for i, a := range listen {
		port, ok := ports[a]
		if !ok {
			continue
		}
		if at := mesh.WithPort(a, port); mesh.Free(at) {
			listen[i] = at
		} else {
			n.log.Warn("the port of last time is taken", "address", a, "port", port)
			n.trouble("", fmt.Sprintf("Another program has taken port %d, where this node was reached until now; it takes a new one.", port))
		}
	}
	return listen, nil
}

func (n *Node) ports() (map[string]int, error) {
	ports := make(map[string]int)
	b, err := n.store.Get("", portsRow)
	if errors.Is(err, store.ErrNotFound) {
		return ports, nil
	}
	if err == nil {
		err = decode(b, &ports)
	}
	return ports, err
}

// keepPorts remembers what the system gave.
func (n *Node) keepPorts() error {
	old, err := n.ports()
	if err != nil {
		return err
	}
	ports := maps.Clone(old)
	listen := n.config.Listen
	if len(listen) == 0 {
		listen = anywhere
	}
	for _, at := range n.mesh.Host().Network().ListenAddresses() {
		if port, ok := mesh.PortOf(at.String()); ok {
			if general := mesh.WithPort(at.String(), 0); slices.Contains(listen, general) {
				ports[general] = port
			}
		}
	}
	if maps.Equal(old, ports) {
		return nil
	}
	return n.store.Put("", []session.Row{{Key: portsRow, Value: encode(ports)}})
}
