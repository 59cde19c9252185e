package mailbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/discovery"
	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/mesh/simlink"
	"github.com/covey-p2p/covey/node/store"
)

// world is nodes with mailboxes: real hosts, DHT and store over simulated wires,
// in virtual time.
type world struct {
	t     *testing.T
	net   *simlink.Net
	nodes []*node
}

type node struct {
	w     *world
	place int
	mesh  *mesh.Mesh
	dir   *discovery.Directory
	store *store.Store
	box   *Box
	known map[peer.ID]bool
	owner Owner
	up    bool
}

type deaf struct{}

func (deaf) PeerUp(peer.ID, bool)                       {}
func (deaf) PeerDown(peer.ID)                           {}
func (deaf) Lost(string)                                {}
func (deaf) Gossip(string, peer.ID, []byte)             {}
func (deaf) Frame(peer.ID, []byte)                      {}
func (deaf) Check(string, peer.ID, []byte) mesh.Verdict { return mesh.Accept }

func newWorld(t *testing.T, n int) *world {
	w := &world{t: t, net: simlink.New(50*time.Millisecond, 1)}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.stop()
			n.store.Close()
		}
		w.net.Close()
	})
	for place := range n {
		n := &node{w: w, place: place, store: store.Memory(), known: map[peer.ID]bool{}}
		n.owner = Owner{Key: signingKey(place), Mail: []*mls.PrivateKey{mailKey(place)}}
		w.nodes = append(w.nodes, n)
		n.start()
	}
	time.Sleep(30 * time.Second)
	return w
}

func signingKey(n int) *mls.SigningKey {
	seed := sha256.Sum256(fmt.Append(nil, "device", n))
	k, err := mls.ParseSigningKey(mls.X25519AES128SHA256Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func mailKey(n int) *mls.PrivateKey {
	seed := sha256.Sum256(fmt.Append(nil, "mail", n))
	k, err := mls.GenerateKey(bytes.NewReader(append(seed[:], seed[:]...)))
	if err != nil {
		panic(err)
	}
	return k
}

func recipient(n int) Recipient { return Recipient(signingKey(n).Public()) }

func (n *node) start() {
	t := n.w.t
	t.Helper()
	seed := sha256.Sum256(fmt.Append(nil, "node", n.place))
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	n.w.net.Dark(n.place, false)
	n.mesh, err = mesh.New(mesh.Config{
		Key: key, Network: "test", Listen: []string{simlink.Address(n.place)}, Extra: n.w.net.Host(),
	}, deaf{})
	if err != nil {
		t.Fatal(err)
	}
	n.dir, err = discovery.Start(discovery.Config{
		Host: n.mesh.Host(), Streams: n.mesh, Network: "test", Store: n.store.Datastore("dht"), Server: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.box, err = New(Config{
		Self: n.id(), Streams: n.mesh, Store: n.store, Closest: n.dir.Closest, Serve: true,
		Known: func(p peer.ID) bool { return n.known[p] },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.box.least = 8
	n.up = true
	for _, o := range n.w.nodes {
		if o != n && o.up {
			if err := n.dir.Bootstrap(t.Context(), o.info()); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
}

func (n *node) stop() {
	if !n.up {
		return
	}
	n.up = false
	if err := n.dir.Close(); err != nil {
		n.w.t.Error(err)
	}
	if err := n.mesh.Close(); err != nil {
		n.w.t.Error(err)
	}
}

func (n *node) crash() {
	n.w.net.Dark(n.place, true)
	n.stop()
}

func (n *node) id() peer.ID { return n.mesh.Host().ID() }

func (n *node) info() peer.AddrInfo {
	return peer.AddrInfo{ID: n.id(), Addrs: []ma.Multiaddr{ma.StringCast(simlink.Address(n.place))}}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

const kindTest Kind = 1

// leave deposits for the owner of another node.
func (n *node) leave(to int, payload string, friends ...peer.ID) (Deposited, error) {
	return n.box.Deposit(n.w.t.Context(), recipient(to), mailKey(to).Public().Bytes(), kindTest, []byte(payload), friends)
}

// fetches polls and returns what came, shortened.
func (n *node) fetches(friends ...peer.ID) (out []string) {
	n.w.t.Helper()
	_, err := n.box.Poll(n.w.t.Context(), n.owner, 0, friends, func(i Item) error {
		out = append(out, string(i.Payload[:min(len(i.Payload), 20)]))
		return nil
	})
	if err != nil {
		n.w.t.Error(err)
	}
	return out
}

// kept is which nodes hold something.
func (w *world) kept() (out []*node) {
	for _, n := range w.nodes {
		if items, _ := n.box.Kept(); items > 0 {
			out = append(out, n)
		}
	}
	return out
}

var errTest = errors.New("not now")

// noDHT knows no closest peers.
func noDHT(context.Context, []byte, int) ([]peer.ID, error) { return nil, discovery.ErrAlone }
