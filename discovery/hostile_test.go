package discovery

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	libp2precord "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio"
	"google.golang.org/protobuf/proto"

	"github.com/covey-p2p/covey/discovery/record"
)

// lie has a node answer the DHT's protocol by itself: it routes honestly, says
// that it stores everything, stores nothing, and gives what give says.
func (n *node) lie(give func(key string) []byte) {
	h := n.mesh.Host()
	h.SetStreamHandler("/covey/test/kad/1.0.0", func(s network.Stream) {
		defer s.Close()
		r := msgio.NewVarintReaderSize(s, network.MessageSizeMax)
		for {
			b, err := r.ReadMsg()
			if err != nil {
				return
			}
			var m pb.Message
			if proto.Unmarshal(b, &m) != nil {
				return
			}
			reply := pb.NewMessage(m.GetType(), m.GetKey(), 0)
			switch m.GetType() {
			case pb.Message_PUT_VALUE:
				reply.Record = m.GetRecord()
			case pb.Message_GET_VALUE:
				if v := give(string(m.GetKey())); v != nil {
					reply.Record = libp2precord.MakePutRecord(string(m.GetKey()), v)
				}
			}
			if m.GetType() == pb.Message_GET_VALUE || m.GetType() == pb.Message_FIND_NODE {
				var infos []peer.AddrInfo
				for _, p := range n.dir.dht.RoutingTable().ListPeers() {
					infos = append(infos, h.Peerstore().PeerInfo(p))
				}
				reply.CloserPeers = pb.PeerInfosToPBPeers(h.Network(), infos)
			}
			out, err := proto.Marshal(reply)
			if err != nil || msgio.NewVarintWriter(s).WriteMsg(out) != nil {
				return
			}
		}
	})
}

func signed(t *testing.T, name string, change func(*record.Bundle)) []byte {
	t.Helper()
	b := bundle("forged")
	b.Seq, b.NotAfter = 1<<62, record.Time(time.Now().Add(time.Hour).UnixMilli())
	change(&b)
	v, err := record.Sign(b, signingKey(name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Half of the network lies: a record is still published, the liars are not
// counted as holders who give back, and it is found.
func TestLiars(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 12, nil)
		first := w.nodes[1].publish("alice", "old")
		old, err := w.nodes[1].dir.dht.GetValue(t.Context(), record.Key(identity("alice"), 0))
		if err != nil {
			t.Fatal(err)
		}
		lies := []func(string) []byte{
			func(string) []byte { return nil },
			func(string) []byte { return []byte("garbage") },
			func(string) []byte { return signed(t, "mallory", func(*record.Bundle) {}) },
			func(string) []byte { return old },
			func(string) []byte {
				return signed(t, "alice", func(b *record.Bundle) { b.NotAfter = record.Time(time.Now().Add(-time.Minute).UnixMilli()) })
			},
			func(string) []byte { return bytes.Repeat([]byte{1}, record.MaxSize+1) },
		}
		for i, give := range lies {
			w.nodes[6+i].lie(give)
		}
		time.Sleep(time.Minute)
		out := w.nodes[1].publish("alice", "new")
		if out.Seq <= first.Seq || out.Checked == 0 {
			t.Errorf("%+v", out)
		}
		counts := w.nodes[1].dir.Counts()
		if counts["holder does not give back what it took"] == 0 {
			t.Error("no liar was noticed: ", counts)
		}
		w.nodes[1].crash()
		for _, i := range []int{2, 3, 4, 5} {
			if got := w.nodes[i].finds("alice"); got != "new" {
				t.Errorf("node %d: %s", i, got)
			}
		}
		counts = w.nodes[2].dir.Counts()
		for _, want := range []string{"version", "key", "expired"} {
			if counts["record refused: "+want] == 0 {
				t.Errorf("never refused: %s; %v", want, counts)
			}
		}
	})
}

// Holders that go on serving an old bundle, and are quick, do not hide the new one.
func TestStaleHolders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 9, nil)
		w.nodes[1].publish("alice", "old")
		old, err := w.nodes[1].dir.dht.GetValue(t.Context(), record.Key(identity("alice"), 0))
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[1].publish("alice", "new")
		for _, n := range w.nodes[6:] {
			n.lie(func(string) []byte { return old })
		}
		w.nodes[1].crash()
		for range 4 {
			n := w.join(w.nodes[0]) // holds nothing itself
			time.Sleep(10 * time.Second)
			if got := n.finds("alice"); got != "new" {
				t.Errorf("node %d: %s", n.place, got)
			}
		}
	})
}

// What a stranger tries to have stored is refused by every honest holder.
func TestHostilePuts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 6, nil)
		w.nodes[1].publish("alice", "hers")
		key := record.Key(identity("alice"), 0)
		mallory := w.nodes[5].dir
		good := signed(t, "alice", func(*record.Bundle) {})
		for name, v := range map[string][]byte{
			"garbage":       []byte("garbage"),
			"another's":     signed(t, "mallory", func(*record.Bundle) {}),
			"expired":       signed(t, "alice", func(b *record.Bundle) { b.NotAfter = 1 }),
			"eternal":       signed(t, "alice", func(b *record.Bundle) { b.NotAfter += 2 * record.MaxLife }),
			"older":         signed(t, "alice", func(b *record.Bundle) { b.Seq = 1 }),
			"one bit wrong": append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1),
			"too large":     make([]byte, record.MaxSize+1),
		} {
			rec := libp2precord.MakePutRecord(key, v)
			for _, p := range w.nodes[:5] {
				ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
				if err := mallory.wire.PutValue(ctx, p.info().ID, rec); err == nil {
					t.Errorf("%s was stored", name)
				}
				cancel()
			}
		}
		// Keys that are nobody's.
		for _, key := range []string{"/kp/", "/pk/x", "/ipns/x", "x", "/rv/abc"} {
			rec := libp2precord.MakePutRecord(key, good)
			ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
			if err := mallory.wire.PutValue(ctx, w.nodes[2].info().ID, rec); err == nil {
				t.Errorf("stored under %q", key)
			}
			cancel()
		}
		if got := w.nodes[3].finds("alice"); got != "hers" {
			t.Error(got)
		}
	})
}

// Over days: records live on while their owner is up, or a friend is, as holders
// come and go; without either they end; and nothing outlives what its owner said.
func TestChurnAndExpiry(t *testing.T) {
	if testing.Short() {
		t.Skip("three virtual days take half a minute")
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 5, nil)
		for i, name := range []string{"alice", "bob", "carol"} {
			b := bundle(name + "'s")
			b.NotAfter = record.Time(time.Now().Add(65 * time.Hour).UnixMilli())
			if _, err := w.nodes[1+i].dir.Publish(t.Context(), signingKey(name), b); err != nil {
				t.Fatal(err)
			}
		}
		// Nobody keeps bob's; node 1 keeps carol's. Both go.
		w.nodes[1].dir.Keep([]record.Identity{identity("carol")})
		time.Sleep(time.Minute)
		w.nodes[2].crash()
		w.nodes[3].crash()
		// The holders are replaced one by one.
		for _, old := range []int{4, 0} {
			time.Sleep(10 * time.Hour)
			w.join(w.nodes[1])
			time.Sleep(10 * time.Hour)
			w.nodes[old].crash()
		}
		late := w.join(w.nodes[1])
		time.Sleep(20 * time.Hour) // 60 hours in all
		for name, want := range map[string]string{
			"alice": "alice's", "carol": "carol's", "bob": ErrNotFound.Error(),
		} {
			if got := late.finds(name); got != want {
				t.Errorf("after 60 hours %s: %s, want %s", name, got, want)
			}
		}
		time.Sleep(republishEvery + 6*time.Hour)
		if got := late.finds("alice"); got != "alice's" {
			t.Error("an owner that is up expired: ", got)
		}
		if got := late.finds("carol"); got != ErrNotFound.Error() {
			t.Error("kept by a friend beyond what carol said: ", got)
		}
		if c := w.nodes[1].dir.Counts(); c["contact's bundle put again"] == 0 || c["contact's bundle expired"] == 0 {
			t.Error(c)
		}
	})
}

func TestFreshLimitIsBounded(t *testing.T) {
	var l freshLimit
	now := time.Unix(0, 0)
	allowed := 0
	for i := range 2 * maxFreshPeers {
		if l.allow(peer.ID(rune(i)), now) {
			allowed++
		}
	}
	if allowed != freshAll {
		t.Error(allowed)
	}
	if len(l.each) > maxFreshPeers {
		t.Error(len(l.each))
	}
	if !l.allow("x", now.Add(freshPeriod)) {
		t.Error("never again")
	}
}
