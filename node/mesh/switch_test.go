package mesh

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/autonatv2"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
)

// quiet is a node on loopback with every switch off.
func quiet(place int) Config {
	return Config{Key: keyOf(place), Network: fmt.Sprint("switch-", time.Now().UnixNano()), Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}}
}

func startQuiet(t *testing.T, c Config) *Mesh {
	t.Helper()
	m, err := New(c, &ear{up: make(map[peer.ID]int)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// Each switch changes what the host does, and nothing is on that is off: seen in
// the protocols that it answers and in what libp2p is told.
func TestSwitches(t *testing.T) {
	serves := func(m *Mesh, id string) bool {
		end := time.Now().Add(5 * time.Second) // services start on an event
		for !slices.Contains(m.host.Mux().Protocols(), protocol.ID(id)) {
			if time.Now().After(end) {
				return false
			}
			time.Sleep(10 * time.Millisecond)
		}
		return true
	}
	seen := map[string]string{"relay": proto.ProtoIDv2Stop, "serve": proto.ProtoIDv2Hop, "probe": autonatv2.DialProtocol}
	for name, set := range map[string]func(*Config){
		"relay":     func(c *Config) { c.Relay = true },
		"serve":     func(c *Config) { c.Serve = true; c.Extra = append(c.Extra, libp2p.ForceReachabilityPublic()) },
		"probe":     func(c *Config) { c.Probe = true },
		"map ports": func(c *Config) { c.MapPorts = true },
		"multicast": func(c *Config) { c.Multicast = true },
		"none":      func(*Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			c := quiet(1)
			set(&c)
			m := startQuiet(t, c)
			if id := seen[name]; id != "" && !serves(m, id) {
				t.Errorf("%s is not served", id)
			}
			for other, id := range seen {
				if other != name && slices.Contains(m.host.Mux().Protocols(), protocol.ID(id)) {
					t.Errorf("%s is served", id)
				}
			}
			var told libp2p.Config
			if err := told.Apply(m.options()...); err != nil {
				t.Fatal(err)
			}
			for what, is := range map[string][2]bool{
				"asks the router":    {told.NATManager != nil, c.MapPorts},
				"seeks relays":       {told.EnableAutoRelay, c.Relay},
				"punches holes":      {told.EnableHolePunching, c.Relay},
				"is a relay":         {told.EnableRelayService, c.Serve},
				"has itself tested":  {told.EnableAutoNATv2, c.Probe},
				"speaks by relay":    {told.Relay, c.Relay},
				"answers multicasts": {m.mdns != nil, c.Multicast},
			} {
				if is[0] != is[1] {
					t.Errorf("%s: %v", what, is[0])
				}
			}
		})
	}
}

// Two nodes on one machine find each other by multicast, and those of another
// network do not.
func TestMulticast(t *testing.T) {
	a, b, other := quiet(1), quiet(2), quiet(3)
	b.Network = a.Network
	other.Network = a.Network + "x"
	var all []*Mesh
	for _, c := range []Config{a, b, other} {
		c.Multicast, c.Listen = true, []string{"/ip4/0.0.0.0/udp/0/quic-v1"}
		all = append(all, startQuiet(t, c))
	}
	met := func(x, y int) bool { return len(all[x].host.Network().ConnsToPeer(all[y].host.ID())) > 0 }
	for end := time.Now().Add(10 * time.Second); !met(0, 1); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skip("no multicast between two programs of this machine")
		}
	}
	time.Sleep(500 * time.Millisecond)
	if met(0, 2) || met(1, 2) {
		t.Error("networks found each other")
	}
}

// Two nodes that cannot reach each other speak through a third that knows both,
// gossip and frames alike, and a node that it does not know gets nothing.
func TestRelay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4, func(place int, c *Config) {
			switch place {
			case 2:
				c.Serve, c.Relay = true, true
				c.Extra = append(c.Extra, libp2p.ForceReachabilityPublic())
			default:
				c.Relay = true
				c.Extra = append(c.Extra, libp2p.ForceReachabilityPrivate())
			}
		})
		w.net.Cut(0, 1)
		w.know(0, 1, 2)
		w.know(1, 0, 2)
		w.know(2, 0, 1) // and not 3
		w.know(3, 2)
		time.Sleep(time.Minute)
		circuit := func(place int) (at ma.Multiaddr) {
			for _, a := range w.nodes[place].host.Addrs() {
				if strings.Contains(a.String(), "/p2p-circuit") {
					at = a
				}
			}
			return at
		}
		if circuit(0) == nil || circuit(1) == nil || circuit(3) != nil {
			t.Fatalf("reached at %v, %v, %v", circuit(0), circuit(1), circuit(3))
		}
		w.nodes[0].Know(map[peer.ID][]ma.Multiaddr{w.id(1): {circuit(1)}, w.id(2): nil})
		for _, i := range []int{0, 1} {
			w.nodes[i].Subscribe("room", w.ids(0, 1)) // the relay is no member
		}
		w.nodes[0].Redial()
		time.Sleep(30 * time.Second)
		if w.nodes[0].Direct(w.id(1)) || !w.nodes[0].Direct(w.id(2)) || w.ears[0].met(w.id(1)) != 1 {
			t.Errorf("0 has 1 up %d times, directly %v; relay directly %v", w.ears[0].met(w.id(1)), w.nodes[0].Direct(w.id(1)), w.nodes[0].Direct(w.id(2)))
		}
		w.publish(0, "room", "through the relay")
		w.nodes[1].Send(w.id(0), []byte(strings.Repeat("a frame longer than a limited relay lets through ", 4000)))
		time.Sleep(5 * time.Second)
		if got := w.ears[1].heard(); len(got) != 1 {
			t.Errorf("gossip %q", got)
		}
		if len(w.ears[0].framed()) != 1 {
			t.Errorf("%d frames", len(w.ears[0].framed()))
		}
		if len(w.ears[2].heard()) != 0 {
			t.Error("the relay heard what it carried")
		}
	})
}
