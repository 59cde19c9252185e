package nodes

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/node/mesh"
)

// envelope is how many bytes a short message takes on the wire.
const envelope = 400

// ear hands on what comes and does nothing else.
type ear struct {
	began time.Time
	got   chan<- time.Duration
}

func (ear) PeerUp(peer.ID, bool)                       {}
func (ear) PeerDown(peer.ID)                           {}
func (ear) Check(string, peer.ID, []byte) mesh.Verdict { return mesh.Accept }
func (ear) Frame(peer.ID, []byte)                      {}
func (ear) Lost(string)                                {}
func (e ear) Gossip(_ string, _ peer.ID, data []byte) {
	e.got <- time.Since(e.began) - time.Duration(binary.BigEndian.Uint64(data))
}

// connected waits until every host is connected to every other.
func (r *runner) connected(meshes []*mesh.Mesh) error {
	for end := time.Now().Add(patience); ; {
		pairs := 0
		for _, m := range meshes {
			pairs += len(m.Host().Network().Peers())
		}
		if pairs == len(meshes)*(len(meshes)-1) {
			return pause(r.ctx, r.Rest)
		}
		if time.Now().After(end) {
			return fmt.Errorf("gossip hosts did not connect within %v", patience)
		}
		if err := pause(r.ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// gossip is latency without anything that makes a messenger of it.
func (r *runner) gossip(count int) error {
	const topic = "bench"
	in := &inbox{got: make(chan time.Duration, 1<<16)}
	began := time.Now()
	meshes := make([]*mesh.Mesh, count)
	peers := make(map[peer.ID][]ma.Multiaddr, count)
	var ids []peer.ID
	for i := range meshes {
		seed := make([]byte, 32)
		rand.Read(seed) // never fails
		key, err := mesh.KeyOf(seed)
		if err != nil {
			return err
		}
		m, err := mesh.New(mesh.Config{Key: key, Network: "bench", Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}}, ear{began, in.got})
		if err != nil {
			return err
		}
		defer m.Close()
		meshes[i] = m
		peers[m.Host().ID()] = m.Host().Addrs()
		ids = append(ids, m.Host().ID())
	}
	for _, m := range meshes {
		others := make(map[peer.ID][]ma.Multiaddr, count-1)
		for p, addrs := range peers {
			if p != m.Host().ID() {
				others[p] = addrs
			}
		}
		m.Know(others)
		if err := m.Subscribe(topic, ids); err != nil {
			return err
		}
	}
	if err := r.connected(meshes); err != nil {
		return err
	}
	return r.delays("gossip alone", count, in, func(int, int) error {
		data := make([]byte, envelope)
		rand.Read(data)
		binary.BigEndian.PutUint64(data, uint64(time.Since(began)))
		_, err := meshes[0].Publish(r.ctx, topic, data)
		return err
	})
}
