package node_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// gang is alice and bob, who are honest, and mallory, a member who sends alice
// what she likes.
type gang struct {
	*world
	t       *testing.T
	mallory *node.Node
	alice   *node.Node
	at      *node.Group // the group at alice's
}

func newGang(t *testing.T) *gang {
	w := newWorld(t, "alice", "bob", "mallory")
	w.group("room", "alice", "bob", "mallory")
	time.Sleep(time.Minute) // votes and what follows them
	return &gang{world: w, t: t, mallory: w.nodes[2], alice: w.nodes[0], at: w.nodes[0].Groups()[0]}
}

// frame has mallory send alice the body of a frame.
func (g *gang) frame(body []byte) {
	g.t.Helper()
	if err := g.mallory.Mesh().Send(g.alice.Mesh().Host().ID(), slices.Concat(g.at.Route(), body)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gang) dropped(why session.Reason) (n uint64) {
	g.t.Helper()
	if err := g.at.Look(g.t.Context(), func(s *session.Session) { n = s.Counts()[why] }); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// talk has alice and bob say something to each other, at once.
func (g *gang) talk(texts ...string) {
	g.t.Helper()
	for i, text := range texts {
		id := g.send([]string{"alice", "bob"}[i%2], "room", text).Message.ID
		other := []string{"bob", "alice"}[i%2]
		g.until(2*time.Second, text+" at "+other, func() bool {
			page, err := g.api(other).Messages(g.t.Context(), "room", api.MessageQuery{Limit: api.MaxPage})
			return err == nil && slices.ContainsFunc(page.Messages, func(m api.Message) bool { return m.ID == id })
		})
	}
}

// offer is a frame as a member would send it, but for what it offers, and
// envelopes that it brings.
func offer(t *testing.T, what []byte, envelopes ...[]byte) []byte {
	t.Helper()
	b, err := cbor.Marshal(struct {
		Floor uint32 `cbor:"1,keyasint"`
		Offer []byte `cbor:"2,keyasint,omitempty"`
	}{Offer: what})
	if err != nil {
		t.Fatal(err)
	}
	frame := session.AppendRow([]byte{1}, b)
	for _, e := range envelopes {
		frame = session.AppendRow(frame, e)
	}
	return frame
}

// Frames that no member sends are counted, cost their sender its standing, and
// disturb nobody else.
func TestLyingPeerIsScoredDown(t *testing.T) {
	for _, lie := range []struct {
		name  string
		frame func(t *testing.T) []byte
		count session.Reason
	}{
		{"not a frame", func(*testing.T) []byte { return []byte{1, 0, 0, 0, 9, 1} }, session.DropFrame},
		{"ranges that are none", func(t *testing.T) []byte { return offer(t, []byte("\x01 from here to nowhere")) }, session.DropFrame},
		{"an envelope that is none", func(t *testing.T) []byte { return offer(t, nil, []byte("trust me")) }, session.DropMalformed},
	} {
		t.Run(lie.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGang(t)
				mallory, bob := g.mallory.Mesh().Host().ID(), g.nodes[1].Mesh().Host().ID()
				if s := g.alice.Mesh().Score(mallory); s < 0 {
					t.Fatalf("mallory scores %v before she lies", s)
				}
				for range 3 {
					g.frame(lie.frame(t))
				}
				g.talk("did you hear?", "I did")
				if n := g.dropped(lie.count); n != 3 {
					t.Errorf("%d counted as %s", n, lie.count)
				}
				if s := g.alice.Mesh().Score(mallory); s > -100 {
					t.Errorf("mallory scores %v", s)
				}
				if s := g.alice.Mesh().Score(bob); s < 0 {
					t.Errorf("bob scores %v", s)
				}
				time.Sleep(5 * time.Minute)
				if s := g.alice.Mesh().Score(mallory); s < -10 {
					t.Errorf("mallory scores %v minutes later", s)
				}
			})
		})
	}
}

// A peer that sends frames without end holds up itself: of a stream there is
// one frame in memory, and everybody else is heard meanwhile.
func TestFramesWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGang(t)
		frames, most := 0, 0
		for range 20 {
			for range 50 {
				if g.mallory.Mesh().Send(g.alice.Mesh().Host().ID(), slices.Concat(g.at.Route(), offer(t, nil, make([]byte, 8<<10)))) == nil {
					frames++
				}
			}
			held := make(chan struct{})
			time.AfterFunc(time.Second, func() { close(held) })
			if err := g.at.Look(t.Context(), func(*session.Session) {
				<-held
				most = max(most, g.at.Waiting())
			}); err != nil {
				t.Fatal(err)
			}
		}
		if frames < 200 {
			t.Fatalf("only %d frames were sent: nothing is tested", frames)
		}
		if most > 3 {
			t.Errorf("%d events waited for a busy group", most)
		}
		g.talk("are you still there?", "I am")
	})
}
