package discovery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/mesh/simlink"
)

// world is directories on real hosts over simulated wires, in virtual time.
type world struct {
	t      *testing.T
	net    *simlink.Net
	nodes  []*node
	change func(*Config)
}

type node struct {
	w     *world
	place int
	mesh  *mesh.Mesh
	dir   *Directory
	store ds.Batching
	up    bool
}

// deaf hears no gossip: discovery has no use for it.
type deaf struct{}

func (deaf) PeerUp(peer.ID, bool)                       {}
func (deaf) PeerDown(peer.ID)                           {}
func (deaf) Lost(string)                                {}
func (deaf) Gossip(string, peer.ID, []byte)             {}
func (deaf) Frame(peer.ID, []byte)                      {}
func (deaf) Check(string, peer.ID, []byte) mesh.Verdict { return mesh.Accept }

// newWorld starts n nodes that know only the first, and waits until they have
// found each other.
func newWorld(t *testing.T, n int, change func(*Config)) *world {
	w := &world{t: t, net: simlink.New(30*time.Millisecond, 1), change: change}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			n.stop()
		}
		w.net.Close()
	})
	w.join()
	for range n - 1 {
		w.join(w.nodes[0])
	}
	time.Sleep(30 * time.Second)
	return w
}

// join adds a node and introduces it to others.
func (w *world) join(to ...*node) *node {
	w.t.Helper()
	n := &node{w: w, place: len(w.nodes), store: dssync.MutexWrap(ds.NewMapDatastore())}
	w.nodes = append(w.nodes, n)
	n.start()
	for _, o := range to {
		if err := n.dir.Bootstrap(w.t.Context(), o.info()); err != nil {
			w.t.Fatal(err)
		}
	}
	return n
}

func (n *node) start() {
	n.w.t.Helper()
	seed := sha256.Sum256(fmt.Append(nil, "node", n.place))
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(seed[:]))
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.mesh, err = mesh.New(mesh.Config{
		Key: key, Network: "test", Listen: []string{simlink.Address(n.place)}, Extra: n.w.net.Host(),
	}, deaf{})
	if err != nil {
		n.w.t.Fatal(err)
	}
	c := Config{Host: n.mesh.Host(), Streams: n.mesh, Network: "test", Store: n.store, Server: true}
	if n.w.change != nil {
		n.w.change(&c)
	}
	if n.dir, err = Start(c); err != nil {
		n.w.t.Fatal(err)
	}
	n.up = true
	n.w.net.Dark(n.place, false)
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

// crash stops a node without a farewell.
func (n *node) crash() {
	n.w.net.Dark(n.place, true)
	n.stop()
}

func (n *node) info() peer.AddrInfo {
	return peer.AddrInfo{ID: n.mesh.Host().ID(), Addrs: []ma.Multiaddr{ma.StringCast(simlink.Address(n.place))}}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func signingKey(name string) *mls.SigningKey {
	seed := sha256.Sum256([]byte(name))
	k, err := mls.ParseSigningKey(mls.X25519AES128SHA256Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func identity(name string) record.Identity { return record.Identity(signingKey(name).Public()) }

func bundle(packages ...string) record.Bundle {
	b := record.Bundle{LastResort: []byte("last resort"), MailKey: bytes.Repeat([]byte{7}, 32)}
	for _, p := range packages {
		b.Packages = append(b.Packages, []byte(p))
	}
	return b
}

func (n *node) publish(name string, packages ...string) Published {
	n.w.t.Helper()
	out, err := n.dir.Publish(n.w.t.Context(), signingKey(name), bundle(packages...))
	if err != nil {
		n.w.t.Fatal(err)
	}
	return out
}

// finds says which packages a node finds of somebody, or the error.
func (n *node) finds(name string) string {
	ctx, cancel := context.WithTimeout(n.w.t.Context(), time.Minute)
	defer cancel()
	b, err := n.dir.Find(ctx, identity(name))
	if err != nil {
		return err.Error()
	}
	return string(bytes.Join(b.Packages, []byte(",")))
}
