package node_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/backend"
)

// A node that is back listens where it did; where that is taken, elsewhere, and
// it says so.
func TestPortsAreKept(t *testing.T) {
	dir := t.TempDir()
	start := func() (*node.Node, []ma.Multiaddr) {
		t.Helper()
		n, err := node.Start(node.Config{
			Dir: dir, Name: "alice", Network: "test", DHT: node.DHTOff, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"},
		})
		if err != nil {
			t.Fatal(err)
		}
		at := n.Mesh().Host().Network().ListenAddresses()
		slices.SortFunc(at, func(a, b ma.Multiaddr) int { return strings.Compare(a.String(), b.String()) })
		if len(at) != 2 {
			t.Fatalf("listens on %v", at)
		}
		return n, at // TCP first
	}
	n, first := start()
	n.Stop()
	n, second := start()
	n.Stop()
	if !first[0].Equal(second[0]) || !first[1].Equal(second[1]) {
		t.Errorf("listened on %v, then on %v", first, second)
	}
	at, err := manet.ToNetAddr(first[0])
	if err != nil {
		t.Fatal(err)
	}
	squatter, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	n, third := start()
	if first[0].Equal(third[0]) || !first[1].Equal(third[1]) {
		t.Errorf("with the first port taken, on %v instead of %v", third, first)
	}
	port, _ := first[0].ValueForProtocol(ma.P_TCP)
	if said := troubles(t, n); len(said) != 1 || !strings.Contains(said[0], "taken port "+port) {
		t.Errorf("it says %q", said)
	}
	n.Stop()
	n, fourth := start()
	defer n.Stop()
	if !third[0].Equal(fourth[0]) {
		t.Errorf("the new port was not kept: %v, then %v", third, fourth)
	}
}

// troubles are what a node's log of events says needs a person.
func troubles(t *testing.T, n *node.Node) (said []string) {
	t.Helper()
	b, err := backend.New(n)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range b.Events(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == api.EventTrouble {
			said = append(said, e.Text)
		}
		if e.Cursor >= n.Journal().Cursor() {
			break
		}
	}
	return said
}
