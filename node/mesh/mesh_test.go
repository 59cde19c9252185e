package mesh

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/covey-p2p/covey/node/mesh/simlink"
)

// ear is a Handler that writes down what it hears.
type ear struct {
	mu     sync.Mutex
	gossip []string
	frames []string
	up     map[peer.ID]int
	lost   int
}

func (e *ear) PeerUp(p peer.ID, _ bool) { e.mu.Lock(); e.up[p]++; e.mu.Unlock() }
func (e *ear) PeerDown(p peer.ID)       { e.mu.Lock(); e.up[p] = 0; e.mu.Unlock() }
func (e *ear) Lost(string)              { e.mu.Lock(); e.lost++; e.mu.Unlock() }
func (e *ear) Gossip(topic string, _ peer.ID, data []byte) {
	e.mu.Lock()
	e.gossip = append(e.gossip, topic+": "+string(data))
	e.mu.Unlock()
}
func (e *ear) Frame(_ peer.ID, data []byte) {
	e.mu.Lock()
	e.frames = append(e.frames, string(data))
	e.mu.Unlock()
}

func (e *ear) Check(_ string, _ peer.ID, data []byte) Verdict {
	switch {
	case bytes.HasPrefix(data, []byte("garbage")):
		return Reject
	case bytes.HasPrefix(data, []byte("early")):
		return Ignore
	}
	return Accept
}

// met is how often a peer has come up since it was last down.
func (e *ear) met(p peer.ID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.up[p]
}

func (e *ear) framed() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.frames)
}

func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.gossip)
}

// world is hosts on simulated wires, in a bubble.
type world struct {
	t     *testing.T
	net   *simlink.Net
	nodes []*Mesh
	ears  []*ear
}

func keyOf(place int) crypto.PrivKey {
	seed := bytes.Repeat([]byte{byte(place + 1)}, 32)
	k, _, _ := crypto.GenerateEd25519Key(bytes.NewReader(seed))
	return k
}

func newWorld(t *testing.T, count int, change func(place int, c *Config)) *world {
	w := &world{t: t, net: simlink.New(50*time.Millisecond, 1)}
	for i := range count {
		w.nodes, w.ears = append(w.nodes, nil), append(w.ears, nil)
		w.start(i, change)
	}
	t.Cleanup(func() {
		for _, m := range w.nodes {
			m.Close()
		}
		w.net.Close()
	})
	return w
}

func (w *world) start(place int, change func(int, *Config)) {
	w.t.Helper()
	c := Config{Key: keyOf(place), Network: "test", Listen: []string{simlink.Address(place)}, Extra: w.net.Host()}
	if change != nil {
		change(place, &c)
	}
	e := &ear{up: make(map[peer.ID]int)}
	m, err := New(c, e)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[place], w.ears[place] = m, e
}

func (w *world) id(place int) peer.ID { return w.nodes[place].host.ID() }

func (w *world) ids(places ...int) (out []peer.ID) {
	for _, p := range places {
		out = append(out, w.id(p))
	}
	return out
}

// know tells a node which others it knows, and where they are.
func (w *world) know(place int, others ...int) {
	known := make(map[peer.ID][]ma.Multiaddr)
	for _, o := range others {
		if o != place {
			known[w.id(o)] = []ma.Multiaddr{ma.StringCast(simlink.Address(o))}
		}
	}
	w.nodes[place].Know(known)
}

// gather makes all nodes members of a topic, known to each other, and gives them
// time to meet.
func (w *world) gather(topic string) {
	w.t.Helper()
	var all []int
	for i := range w.nodes {
		all = append(all, i)
	}
	for i, n := range w.nodes {
		w.know(i, all...)
		if err := n.Subscribe(topic, w.ids(all...)); err != nil {
			w.t.Fatal(err)
		}
	}
	time.Sleep(5 * time.Second)
}

func (w *world) publish(place int, topic, text string) int {
	w.t.Helper()
	to, err := w.nodes[place].Publish(w.t.Context(), topic, []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(to)
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

func TestKnownPeersMeetAndGossip(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 5, nil)
		w.gather("room")
		if n := w.publish(0, "room", "hello"); n != 4 {
			t.Errorf("handed to %d peers, want 4", n)
		}
		time.Sleep(time.Second)
		for i := 1; i < 5; i++ {
			if got := w.ears[i].heard(); !slices.Equal(got, []string{"room: hello"}) {
				t.Errorf("node %d heard %v", i, got)
			}
		}
		if got := w.ears[0].heard(); len(got) != 0 {
			t.Errorf("the publisher heard itself: %v", got)
		}
	})
}

// A stranger that is connected, and even subscribes to the topic, gets no
// message, and none of its own is taken; nor does a known peer that is no
// member.
func TestOutsidersGetNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4, nil) // 0, 1: members; 2: a stranger; 3: a contact, no member
		w.know(0, 1, 3)
		w.know(1, 0, 3)
		w.know(2, 0, 1)
		w.know(3, 0, 1)
		for i := range 4 {
			members := w.ids(0, 1)
			if i >= 2 {
				members = w.ids(0, 1, 2, 3) // what they would like
			}
			w.nodes[i].Subscribe("secret", members)
		}
		time.Sleep(5 * time.Second)
		if c := w.nodes[2].host.Network().Connectedness(w.id(0)); c.String() != "Connected" {
			t.Fatalf("the stranger is %v: nothing is tested", c)
		}
		if n := w.publish(0, "secret", "for members"); n != 1 {
			t.Errorf("handed to %d peers, want 1", n)
		}
		w.publish(2, "secret", "from a stranger")
		time.Sleep(3 * time.Second)
		for i, want := range [][]string{nil, {"secret: for members"}, nil, nil} {
			if got := w.ears[i].heard(); !slices.Equal(got, want) {
				t.Errorf("node %d heard %q, want %q", i, got, want)
			}
		}
		for name := range w.nodes[2].gossip.heard[w.id(0)] {
			t.Errorf("the stranger learned the topic name %q", name)
		}
	})
}

// The locks open as soon as somebody belongs, without a reconnection.
func TestStrangerBecomesMemberWhileConnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, nil)
		w.know(1, 0)
		w.nodes[1].Subscribe("room", w.ids(0, 1))
		time.Sleep(5 * time.Second)
		w.nodes[0].Subscribe("room", w.ids(0, 1))
		w.know(0, 1)
		time.Sleep(2 * time.Second)
		w.publish(0, "room", "welcome")
		w.publish(1, "room", "thanks")
		time.Sleep(time.Second)
		if got := w.ears[1].heard(); !slices.Equal(got, []string{"room: welcome"}) {
			t.Errorf("the newcomer heard %q", got)
		}
		if got := w.ears[0].heard(); !slices.Equal(got, []string{"room: thanks"}) {
			t.Errorf("the old member heard %q", got)
		}
	})
}

// After a removal some take up the new topic before others; and who was
// removed hears nothing on it.
func TestTopicRotation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, nil)
		w.gather("old")
		w.nodes[1].Subscribe("new", w.ids(0, 1)) // first, while 0 does not know it
		w.nodes[2].Subscribe("new", w.ids(0, 1, 2))
		time.Sleep(5 * time.Second)
		w.nodes[0].Subscribe("new", w.ids(0, 1))
		w.know(0, 1)
		w.know(1, 0)
		time.Sleep(2 * time.Second)
		w.publish(0, "new", "without you")
		time.Sleep(time.Second)
		if got := w.ears[1].heard(); !slices.Equal(got, []string{"new: without you"}) {
			t.Errorf("the member heard %q", got)
		}
		if got := w.ears[2].heard(); len(got) != 0 {
			t.Errorf("the removed one heard %q", got)
		}
	})
}

// Two halves that were parted for ten minutes find each other again.
func TestKeeperReconnectsAfterPartition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4, nil)
		for i := range 4 {
			w.know(i, 0, 1, 2, 3)
		}
		time.Sleep(5 * time.Second)
		w.net.Partition([]int{0, 1}, []int{2, 3})
		time.Sleep(10 * time.Minute)
		if n := len(w.nodes[0].host.Network().Peers()); n != 1 {
			t.Errorf("%d peers during the partition, want 1", n)
		}
		w.net.Heal()
		time.Sleep(retryLast + dialTimeout)
		for i := range 4 {
			if n := len(w.nodes[i].host.Network().Peers()); n != 3 {
				t.Errorf("node %d has %d peers after the partition, want 3", i, n)
			}
		}
	})
}

// Hundreds of known peers that are gone do not keep one waiting who is back.
func TestGonePeersKeepNobodyWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, nil)
		known := map[peer.ID][]ma.Multiaddr{w.id(1): {ma.StringCast(simlink.Address(1))}}
		for i := range 150 {
			k, _, _ := crypto.GenerateEd25519Key(bytes.NewReader(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i))))
			id, _ := peer.IDFromPrivateKey(k)
			known[id] = []ma.Multiaddr{ma.StringCast(simlink.Address(10))}
		}
		w.nodes[0].Know(known)
		time.Sleep(15 * time.Minute)
		if w.ears[0].met(w.id(1)) == 0 {
			t.Fatal("never connected")
		}
		w.net.Dark(1, true)
		time.Sleep(time.Minute)
		w.net.Dark(1, false)
		if w.ears[0].met(w.id(1)) != 0 {
			t.Fatal("it was not noticed to go: nothing is tested")
		}
		time.Sleep(time.Minute)
		if up := w.ears[0].met(w.id(1)); up == 0 {
			t.Error("not connected again within a minute")
		}
	})
}

func TestFramesArriveInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, nil)
		w.know(0, 1)
		w.know(1, 0)
		time.Sleep(2 * time.Second)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint("frame ", i))
			if err := w.nodes[0].Send(w.id(1), []byte(want[i])); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if !slices.Equal(w.ears[1].framed(), want) {
			t.Errorf("got %d frames: %v", len(w.ears[1].framed()), w.ears[1].framed())
		}
	})
}

func TestBadFramesAreCountedAndBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, nil)
		w.know(0, 1)
		w.know(1, 0)
		w.know(2, 1)
		time.Sleep(2 * time.Second)
		if err := w.nodes[0].Send(w.id(1), make([]byte, MaxFrame+1)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("an oversized frame: %v", err)
		}
		s, err := w.nodes[0].streams.open(t.Context(), w.id(1), "sync")
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
		w.nodes[2].Send(w.id(1), []byte("from a stranger"))
		time.Sleep(2 * time.Second)
		drops := w.nodes[1].Drops()
		if drops["frame in: too large"] != 1 || drops["frame in: stream refused"] != 1 || len(w.ears[1].framed()) != 0 {
			t.Errorf("drops %v, frames %q", drops, w.ears[1].framed())
		}
		if s := w.nodes[1].Score(w.id(0)); s >= 0 {
			t.Errorf("who sent an oversized frame scores %v", s)
		}
		full := 0
		for range writerQueue * 3 {
			if errors.Is(w.nodes[0].Send(w.id(1), make([]byte, 100<<10)), ErrFull) {
				full++
			}
		}
		if full == 0 {
			t.Error("frames queue without bound")
		}
	})
}

// Garbage costs its sender its standing; what is only early does not.
func TestGarbageIsScoredDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, nil)
		w.gather("room")
		for i := range 5 {
			w.publish(1, "room", fmt.Sprint("early ", i))
			w.publish(2, "room", fmt.Sprint("garbage ", i))
		}
		time.Sleep(12 * time.Second) // pubsub tells scores every 10 s
		if s := w.nodes[0].Score(w.id(1)); s < 0 {
			t.Errorf("who was early scores %v", s)
		}
		if s := w.nodes[0].Score(w.id(2)); s > publishThreshold {
			t.Errorf("who sent garbage scores %v", s)
		}
		w.publish(1, "room", "still here")
		time.Sleep(time.Second)
		if got := w.ears[0].heard(); !slices.Equal(got, []string{"room: still here"}) {
			t.Errorf("heard %q", got)
		}
	})
}

// Who floods is counted and published to no more; what others say comes through.
func TestFloodIsBoundedAndScoredDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, nil)
		w.gather("room")
		const burst, perSecond, flood, honest = 200, 50, 1000, 20
		for i := range 2 { // gossipRate in small
			g := w.nodes[i].gossip
			g.mu.Lock()
			g.rates[w.id(2)] = rate.NewLimiter(perSecond, burst)
			g.mu.Unlock()
		}
		for i := range honest {
			w.publish(1, "room", fmt.Sprint("honest ", i))
			for j := range flood / honest {
				w.publish(2, "room", fmt.Sprint("flood ", i, " ", j))
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		heard := map[string]int{}
		for _, text := range w.ears[0].heard() {
			kind, _, _ := strings.Cut(strings.TrimPrefix(text, "room: "), " ")
			heard[kind]++
		}
		// Either of two may let through what the other stopped.
		if most := 2 * (burst + 3*perSecond); heard["honest"] != honest || heard["flood"] > most {
			t.Errorf("heard %v, want %d and at most %d", heard, honest, most)
		}
		if over := w.nodes[0].Drops()["gossip over rate"]; over < flood/2 {
			t.Errorf("%d counted", over)
		}
		if s := w.nodes[0].Score(w.id(2)); s > publishThreshold {
			t.Errorf("who flooded scores %v", s)
		}
		if s := w.nodes[0].Score(w.id(1)); s < 0 {
			t.Errorf("who did not scores %v", s)
		}
		if n := w.publish(0, "room", "among us"); n != 1 {
			t.Errorf("handed to %d peers, want 1", n)
		}
	})
}

func TestRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, nil)
		w.nodes[1].Serve("echo", 100, func(_ context.Context, from peer.ID, b []byte) []byte {
			if from != w.id(0) || string(b) == "no" {
				return nil
			}
			return append([]byte("you said "), b...)
		})
		w.nodes[0].Connect(t.Context(), peer.AddrInfo{ID: w.id(1), Addrs: []ma.Multiaddr{ma.StringCast(simlink.Address(1))}})
		got, err := w.nodes[0].Ask(t.Context(), w.id(1), "echo", []byte("hi"), 100)
		if err != nil || string(got) != "you said hi" {
			t.Errorf("got %q, %v", got, err)
		}
		for _, bad := range []string{"no", string(make([]byte, 101))} {
			if _, err := w.nodes[0].Ask(t.Context(), w.id(1), "echo", []byte(bad), 100); !errors.Is(err, ErrRefused) {
				t.Errorf("%d bytes: %v", len(bad), err)
			}
		}
		if _, err := w.nodes[0].Ask(t.Context(), w.id(1), "echo", []byte("hi"), 5); !errors.Is(err, ErrRefused) {
			t.Errorf("an answer over the limit: %v", err)
		}
	})
}

// Who is asked is looked for first where no address is known: a newcomer that
// only others have met.
func TestRequestsFindWhoIsAsked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, func(_ int, c *Config) {
			c.Find = func(_ context.Context, p peer.ID) (peer.AddrInfo, error) {
				return peer.AddrInfo{ID: p, Addrs: []ma.Multiaddr{ma.StringCast(simlink.Address(1))}}, nil
			}
		})
		w.nodes[1].Serve("echo", 100, func(_ context.Context, _ peer.ID, b []byte) []byte { return b })
		got, err := w.nodes[0].Ask(t.Context(), w.id(1), "echo", []byte("hi"), 100)
		if err != nil || string(got) != "hi" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// Who is asked where another is, is not looked for itself: two that have just
// gone would be looked for by way of each other without end.
func TestWhoIsConnectedOnlyIsNotLookedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, func(_ int, c *Config) {
			c.Find = func(context.Context, peer.ID) (peer.AddrInfo, error) {
				t.Error("looked for")
				return peer.AddrInfo{}, errNoAddress
			}
		})
		if got, err := w.nodes[0].Ask(network.WithNoDial(t.Context(), "test"), w.id(1), "echo", []byte("hi"), 100); err == nil {
			t.Errorf("got %q", got)
		}
	})
}

func TestNetworksDoNotMix(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, func(place int, c *Config) { c.Network = fmt.Sprint("net", place) })
		w.nodes[1].Serve("echo", 100, func(context.Context, peer.ID, []byte) []byte { return []byte("yes") })
		w.gather("room")
		w.publish(0, "room", "hello")
		w.nodes[0].Send(w.id(1), []byte("frame"))
		if _, err := w.nodes[0].Ask(t.Context(), w.id(1), "echo", nil, 10); err == nil {
			t.Error("a request crossed networks")
		}
		time.Sleep(time.Second)
		if len(w.ears[1].heard()) != 0 || len(w.ears[1].framed()) != 0 {
			t.Error("gossip or a frame crossed networks")
		}
	})
}

// A peer that crashed comes back on another address, before anybody has
// noticed that it was gone: frames and gossip reach it at once.
func TestCrashedPeerComesBackElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 2, nil)
		w.gather("room")
		w.nodes[0].Send(w.id(1), []byte("before")) // so that a stream is open
		time.Sleep(time.Second)
		zero, id := w.id(0), w.id(1)
		w.net.Dark(1, true)
		w.nodes[1].Close()
		w.start(1, func(_ int, c *Config) { c.Listen = []string{simlink.Address(7)} })
		w.nodes[1].Know(map[peer.ID][]ma.Multiaddr{zero: {ma.StringCast(simlink.Address(0))}})
		w.nodes[1].Subscribe("room", []peer.ID{zero, id})
		time.Sleep(15 * time.Second)
		w.nodes[0].Send(id, []byte("after"))
		w.publish(0, "room", "hello again")
		time.Sleep(2 * time.Second)
		if !slices.Equal(w.ears[1].framed(), []string{"after"}) || !slices.Equal(w.ears[1].heard(), []string{"room: hello again"}) {
			t.Errorf("frames %q, gossip %q", w.ears[1].framed(), w.ears[1].heard())
		}
	})
}

// TestRTT: how far away a peer is, over QUIC and over TCP, with nothing sent to
// find it out.
func TestRTT(t *testing.T) {
	t.Run("quic", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 2, nil)
			w.gather("room")
			if rtt := w.nodes[0].RTT(w.id(1)); rtt < 100*time.Millisecond || rtt > 130*time.Millisecond {
				t.Errorf("%v over a link of 50 ms", rtt)
			}
			if rtt := w.nodes[0].RTT(peer.ID("nobody")); rtt != 0 {
				t.Errorf("%v to nobody", rtt)
			}
		})
	})
	t.Run("tcp", func(t *testing.T) {
		var nodes []*Mesh
		for i := range 2 {
			m, err := New(Config{Key: keyOf(i), Network: "test", Listen: []string{"/ip4/127.0.0.1/tcp/0"}}, &ear{up: make(map[peer.ID]int)})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			nodes = append(nodes, m)
		}
		to := peer.AddrInfo{ID: nodes[1].host.ID(), Addrs: nodes[1].host.Addrs()}
		if err := nodes[0].Connect(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); nodes[0].RTT(to.ID) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) { // the transport measures it at the beginning
				t.Fatal("nothing measured")
			}
		}
	})
}
