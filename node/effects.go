package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// batch is some events of one group and what follows from them. Their effects
// are performed together: one synced write, then the rest in field order. That
// is as if the events had come at once and the world had seen nothing between.
type batch struct {
	fx     session.Effects
	rows   []session.Row // of the node itself, keys whole
	calls  []*call
	steps  int
	bytes  int
	until  time.Time // when it is written at the latest, while it is held
	cursor uint64    // before its events
}

func (b *batch) finish(err *api.Error) {
	for _, c := range b.calls {
		c.Cursor = b.cursor
		if err != nil {
			c.err = err
		}
		close(c.done)
	}
}

// step gives the session an event and adds what it answers to the batch.
func (g *Group) step(b *batch, ev session.Event) []session.Notice {
	fx := g.session.Step(now(), ev)
	b.steps++
	for _, r := range fx.Save {
		b.bytes += len(r.Key) + len(r.Value)
	}
	b.fx.Save = append(b.fx.Save, fx.Save...)
	b.fx.Spent = append(b.fx.Spent, fx.Spent...)
	b.fx.Erase = append(b.fx.Erase, fx.Erase...)
	b.fx.Publish = append(b.fx.Publish, fx.Publish...)
	b.fx.Direct = append(b.fx.Direct, fx.Direct...)
	b.fx.Fetch = append(b.fx.Fetch, fx.Fetch...)
	b.fx.Blame = append(b.fx.Blame, fx.Blame...)
	b.fx.Notify = append(b.fx.Notify, fx.Notify...)
	b.fx.Wake = fx.Wake
	return fx.Notify
}

// holds keeps a batch open for what comes next where nobody can tell whether it
// has been written: receipts and votes for others, most of what a large group
// says, are only logged here, and go down with the next message.
func (g *Group) holds(b *batch) bool {
	if n, grew := g.grew(); grew {
		b.fx.Notify = append(b.fx.Notify, n)
	}
	fx := &b.fx
	if len(fx.Save) == 0 || len(b.rows)+len(b.calls)+len(fx.Spent)+len(fx.Erase)+len(fx.Publish)+len(fx.Direct)+len(fx.Fetch)+len(fx.Notify) > 0 ||
		b.steps >= maxBatch || b.bytes >= maxBatchBytes {
		return false
	}
	if b.until.IsZero() {
		b.until = time.Now().Add(holdFor)
	}
	left := time.Until(b.until)
	if left <= 0 {
		return false
	}
	g.timer.Reset(min(left, g.untilWake(b)))
	return true
}

// save makes a batch durable: the session's rows, the events that tell of it,
// and the Welcomes it sends, all or nothing; then erased keys end.
func (g *Group) save(b *batch) error {
	if b.changes() {
		v := g.session.View()
		g.view.Store(&v)
	}
	events, extra := g.report(b.fx.Notify)
	entry := g.n.journal.Reserve(events)
	b.cursor = entry.Cursor()
	saved := session.Latest(b.fx.Save)
	rows := make([]session.Row, 0, len(saved)+len(b.rows)+len(extra)+len(events))
	for _, r := range saved {
		r.Key = g.prefix() + r.Key
		rows = append(rows, r)
	}
	rows = append(rows, b.rows...)
	rows = append(rows, extra...)
	rows = append(rows, g.n.post.Take(b.fx.Direct)...)
	rows = append(rows, g.n.post.Spend(b.fx.Spent)...)
	rows = append(rows, entry.Rows()...)
	err := g.n.store.Apply("", rows, b.fx.Erase)
	entry.Done(err)
	return err
}

// changes reports whether a batch says anything of who is in the group or where
// its head is. Messages, most of what happens, do not.
func (b *batch) changes() bool {
	return slices.ContainsFunc(b.fx.Notify, func(n session.Notice) bool {
		switch n.Kind {
		case session.NoticeText, session.NoticeSent, session.NoticeDelivered, session.NoticeRead, session.NoticeIntent:
			return false
		}
		return true
	})
}

// loses reports whether a batch says that somebody is no longer in the group.
func (b *batch) loses() bool {
	return slices.ContainsFunc(b.fx.Notify, func(n session.Notice) bool {
		return n.Kind == session.NoticeRoster &&
			(n.Change == session.ChangeRemoved || n.Change == session.ChangeLeft || n.Change == session.ChangeDeviceRemoved)
	})
}

// act does what follows once a batch is durable.
func (g *Group) act(b *batch) {
	changes := b.changes()
	if changes {
		g.listen()
	}
	for _, out := range b.fx.Publish {
		g.publish(out)
	}
	g.prove()
	for _, d := range b.fx.Direct {
		g.direct(d)
	}
	for _, p := range b.fx.Blame {
		g.n.mesh.Blame(peer.ID(p))
	}
	for _, f := range b.fx.Fetch {
		g.n.post.Fetch(g.id, f.Account)
	}
	switch {
	case changes && b.loses():
		g.n.done.Go(func() {
			select {
			case <-time.After(farewell):
				g.members()
			case <-g.n.ctx.Done():
			}
		})
	case changes:
		g.members()
	}
	if b.steps == 0 { // somebody only looked: when to wake is as it was
		return
	}
	g.timer.Reset(g.untilWake(b))
}

// untilWake is how long from now the session wants a Tick.
func (g *Group) untilWake(b *batch) time.Duration {
	if b.fx.Wake == 0 {
		return time.Hour
	}
	return max(0, time.Duration(b.fx.Wake-now())*time.Millisecond)
}

// What gossip carries: a byte that says what, and the thing.
const (
	gossipEnvelope = 1
	gossipAnnounce = 2 // of an envelope too large for gossip: SHA-256 32, length u32
	announceSize   = 1 + 32 + 4
)

// publish floods an envelope to the group. What is too large is announced, and
// whoever hears compares logs with whoever it heard it from.
func (g *Group) publish(out session.Outgoing) {
	topic := g.speaksOn()
	if topic == "" {
		return
	}
	data := append([]byte{gossipEnvelope}, out.Envelope...)
	whole := len(out.Envelope) <= cmp.Or(g.n.config.GossipBytes, session.MaxGossipBytes)
	if !whole {
		sum := sha256.Sum256(out.Envelope)
		data = binary.BigEndian.AppendUint32(append([]byte{gossipAnnounce}, sum[:]...), uint32(len(out.Envelope)))
	}
	to, err := g.n.mesh.Publish(g.n.ctx, topic, data)
	if err != nil {
		g.n.log.Debug("gossip was not sent; the log keeps it", "err", err)
		return
	}
	g.n.meter.published(whole)
	if whole && len(to) > 0 && out.ID != (session.IntentID{}) {
		g.hands.ids, g.hands.to = append(g.hands.ids, out.ID), to
	}
}

// hear takes gossip in. It never waits: what there is no room for, the next
// exchange of logs brings.
func (g *Group) hear(from peer.ID, data []byte) {
	var ev session.Event = session.Received{From: session.Peer(from), Envelope: data[1:]}
	if data[0] == gossipAnnounce {
		ev = session.PeerUp{Peer: session.Peer(from)} // compare logs with it
	}
	select {
	case g.net <- incoming{Event: ev}:
	default:
		g.n.meter.drop("gossip while the group was busy")
		g.lost()
	}
}

// lost has logs compared with some member, soon but not for every message that
// was dropped.
func (g *Group) lost() {
	at := time.Now().UnixMilli()
	next := g.wake.Load()
	if at < next || !g.wake.CompareAndSwap(next, at+lostEvery.Milliseconds()) {
		return
	}
	for _, p := range g.Peers() {
		if g.n.Reachable(p) {
			select {
			case g.net <- incoming{Event: session.PeerUp{Peer: session.Peer(p)}}:
			default:
				g.wake.Store(0)
			}
			return
		}
	}
}

// direct sends a frame to one peer, or a Welcome to one device.
func (g *Group) direct(d session.Direct) {
	if d.Kind == session.DirectWelcome {
		g.n.post.Wake() // its row is durable
		return
	}
	frame := append(g.route[:], d.Bytes...)
	for _, key := range d.Rows {
		value, err := g.n.store.Get(g.prefix(), key)
		if err != nil {
			g.n.meter.drop("an envelope asked for that is no longer kept")
			continue
		}
		frame = session.AppendRow(frame, value)
	}
	if err := g.n.mesh.Send(peer.ID(d.Peer), frame); err != nil && !errors.Is(err, g.n.ctx.Err()) {
		g.n.log.Debug("a frame was not sent; it is asked for again", "err", err)
	}
}

// heardTopic is a topic that the group listens on.
type heardTopic struct {
	name  string
	since time.Time
}

// listen takes up topics that are new, so that nothing said on them is missed.
func (g *Group) listen() {
	v := g.View()
	peers := g.Peers()
	fresh := make([]heardTopic, 0, len(v.Topics))
	if v.Standing == session.TakingPart || v.Standing == session.OnlyReading {
		for _, secret := range v.Topics {
			fresh = append(fresh, heardTopic{name: g.n.topicName(secret), since: time.Now()})
		}
	}
	g.mu.Lock()
	old := g.topics
	for i, t := range fresh {
		if j := slices.IndexFunc(old, func(o heardTopic) bool { return o.name == t.name }); j >= 0 {
			fresh[i].since = old[j].since
		}
	}
	g.topics = fresh
	g.mu.Unlock()
	for _, t := range fresh {
		if !slices.ContainsFunc(old, func(o heardTopic) bool { return o.name == t.name }) {
			if err := g.n.mesh.Subscribe(t.name, peers); err != nil {
				g.n.log.Warn("a topic could not be joined", "err", err)
			}
		}
	}
	for _, o := range old {
		if !g.on(o.name) {
			g.n.mesh.Unsubscribe(o.name)
		}
	}
}

// members tells the mesh who belongs on the topics now. Where somebody has gone
// that waits for a moment, so that the removal still reaches the one removed:
// gossip sends after Publish has returned.
func (g *Group) members() {
	peers := g.Peers()
	g.mu.RLock()
	topics := g.topics
	g.mu.RUnlock()
	for _, t := range topics {
		if err := g.n.mesh.Subscribe(t.name, peers); err != nil {
			g.n.log.Warn("a topic could not be joined", "err", err)
		}
	}
	g.n.presence.wake()
}

func (g *Group) on(topic string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.ContainsFunc(g.topics, func(t heardTopic) bool { return t.name == topic })
}

// speaksOn is the newest topic that has been listened on for long enough for
// others to have taken it up; where none has, the newest of the oldest.
func (g *Group) speaksOn() string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	best := -1
	for i, t := range g.topics {
		if time.Since(t.since) >= settleTopic {
			return t.name
		}
		if best < 0 || t.since.Before(g.topics[best].since) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return g.topics[best].name
}

// topicName binds a group's topic to the network.
func (n *Node) topicName(secret [32]byte) string {
	h := sha256.Sum256(append([]byte("covey topic "+n.config.Network+" "), secret[:]...))
	return hexOf(h[:16])
}
