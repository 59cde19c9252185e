package node

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/session"
)

// Handed means that another machine has the bytes. That a peer is connected is
// no sign of it: a connection looks alive for half a minute after it was cut,
// and gossip says nothing of what became of a message. So the peers that a
// message was sent to are asked for a sign of life after it, and those count
// that give one. Where none does, the message stays queued, and the exchange of
// logs brings it when somebody comes.

// proof says how many peers have answered since some intents were published.
type proof struct {
	ids   []session.IntentID
	peers int
}

// hands is what is published and not proved to have gone anywhere. Only the
// group's goroutine touches it, but for the channel.
type hands struct {
	ids   []session.IntentID
	to    []peer.ID // of the latest publication
	asked time.Time
	busy  bool
	back  chan proof
}

// prove starts a round for what waits, unless one is under way. A message alone
// is asked about at once; in a stream of them a round every handEvery serves all.
func (g *Group) prove() {
	h := &g.hands
	if h.busy || len(h.ids) == 0 {
		return
	}
	p, to, wait := proof{ids: h.ids}, h.to, time.Until(h.asked.Add(handEvery))
	h.ids, h.busy, h.asked = nil, true, time.Now().Add(max(0, wait))
	g.n.done.Go(func() {
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-g.n.ctx.Done():
			}
		}
		p.peers = g.n.mesh.Answering(g.n.ctx, to)
		h.back <- p // has room: one round at a time
	})
}

// proved takes what came of a round.
func (g *Group) proved(p proof) {
	g.hands.busy = false
	if p.peers == 0 {
		g.n.meter.drop("gossip to peers that no longer answer")
		g.prove()
		return
	}
	for _, id := range p.ids {
		g.again = append(g.again, session.Handed{ID: id, Peers: p.peers})
	}
	g.prove()
}
