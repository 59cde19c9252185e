package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/post"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Group runs one session: its goroutine, and nothing else, touches the
// session. Events come in through two queues; Step answers each with effects;
// the effects of a batch of events are performed in field order (effects.go).
type Group struct {
	n      *Node
	id     session.GroupID
	tag    string // of its rows
	route  route  // of its frames
	joined time.Time

	session *session.Session      // owned by run
	again   []session.Event       // answers of ours to its effects, for the next batch
	broken  atomic.Pointer[error] // why it has stopped, once it has
	hands   hands
	agreed  agreement
	reads   map[session.IntentID]bool
	starts  session.Effects // of Create, Join or Load, performed first

	net   chan incoming
	local chan *call
	ended chan struct{} // closed once nothing is stepped any more
	timer *time.Timer
	view  atomic.Pointer[session.View]
	wake  atomic.Int64 // Unix milliseconds before which lost gossip asks for nothing
	met   map[peer.ID]bool

	mu     sync.RWMutex
	topics []heardTopic // the newest first
}

// route is how a frame says which group it is for, to members only.
type route [16]byte

// incoming is an event from the network.
type incoming struct {
	session.Event
	taken chan<- struct{} // closed once it was stepped, where somebody waits for that
}

// call is something asked of a group from here, and where the answer goes.
type call struct {
	Done
	events []session.Event
	query  func(*session.Session) // instead of events
	done   chan struct{}
	err    error
}

// Done is what came of events that were handed in here.
type Done struct {
	Notices []session.Notice // of their own steps
	Cursor  uint64           // events that tell of them come after this cursor
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func (g *Group) prefix() string { return "g/" + g.tag + "/" }

// ID is the group's id for faces: derived, so that what a person pastes
// somewhere gives nothing away.
func (g *Group) ID() string { return post.PublicID(g.id) }

// SessionConfig is what a session of this device is made with.
func (n *Node) SessionConfig() session.Config {
	return session.Config{Engine: n.engine, Self: n.self.Identity(), Rand: rand.Reader, Pace: n.config.Pace}
}

// newGroup wraps a session; start runs it.
func (n *Node) newGroup(s *session.Session, starts session.Effects, joined time.Time) *Group {
	id := s.Group()
	g := &Group{
		n: n, id: id, tag: hexOf(post.Named(id, "rows")), route: route(post.Named(id, "route")), joined: joined,
		session: s, starts: starts, reads: make(map[session.IntentID]bool), met: make(map[peer.ID]bool),
		net: make(chan incoming, netQueue), local: make(chan *call, localQueue), timer: time.NewTimer(time.Hour),
		ended: make(chan struct{}), hands: hands{back: make(chan proof, 1)},
	}
	v := s.View()
	g.view.Store(&v)
	return g
}

// groupRow is what this node keeps of a group beside its session.
type groupRow struct {
	Joined int64 `cbor:"1,keyasint"` // Unix seconds
	Left   bool  `cbor:"2,keyasint,omitempty"`
	// Leave is the intent by which this node asked to go.
	Leave session.IntentID `cbor:"3,keyasint"`
	// Name is what the group was called then, for when its keys are gone.
	Name string `cbor:"4,keyasint,omitempty"`
}

const groupRows = "n/"

// loadGroups takes up every group that has rows.
func (n *Node) loadGroups() error {
	for row, err := range n.store.Rows(groupRows, "") {
		if err != nil {
			return err
		}
		var r groupRow
		if err := decode(row.Value, &r); err != nil {
			return fmt.Errorf("read a group: %w", err)
		}
		s, fx, err := n.loadSession("g/" + row.Key + "/")
		if err != nil {
			return fmt.Errorf("take up a group: %w", err)
		}
		n.enter(n.newGroup(s, fx, time.Unix(r.Joined, 0).UTC()))
	}
	return nil
}

func (n *Node) loadSession(prefix string) (*session.Session, session.Effects, error) {
	var rows []session.Row
	for row, err := range n.store.Rows(prefix, "") {
		if err != nil {
			return nil, session.Effects{}, err
		}
		switch session.KindOfRow(row.Key) {
		case session.RowUnread:
			continue
		case session.RowKeyOnly:
			row.Value = nil
		}
		rows = append(rows, row)
	}
	cfg := n.SessionConfig()
	_, cfg.Restored = n.store.Restored()
	return session.Load(cfg, now(), rows)
}

func (n *Node) enter(g *Group) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups[g.id] = g
	n.routes[g.route] = g
}

// found makes a new or joined group durable, with other rows that belong to
// the same act, and runs it.
func (n *Node) found(s *session.Session, fx session.Effects, with []session.Row) (*Group, error) {
	g := n.newGroup(s, fx, time.Now().UTC())
	n.mu.RLock()
	full := len(n.groups) >= maxGroups
	_, twice := n.groups[g.id]
	n.mu.RUnlock()
	switch {
	case full:
		return nil, api.NewError(api.CodeTooMany, fmt.Sprintf("This node is in %d groups already.", maxGroups), "Leave one first.")
	case twice:
		return nil, api.NewError(api.CodeConflict, "This node is in that group already.", "`covey group ls` lists them.")
	}
	with = append(with, session.Row{Key: groupRows + g.tag, Value: encode(groupRow{Joined: g.joined.Unix()})})
	first := &batch{fx: fx, rows: with, steps: 1}
	g.starts = session.Effects{}
	if err := g.save(first); err != nil {
		return nil, StorageError(err)
	}
	n.enter(g)
	g.listen()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		close(g.ended)
		return nil, stopping()
	}
	n.done.Go(func() { g.run(first) })
	n.presence.wake()
	return g, nil
}

// start runs a group that was loaded.
func (g *Group) start() {
	g.listen()
	first := &batch{fx: g.starts, steps: 1}
	g.n.done.Go(func() {
		if err := g.save(first); err != nil {
			g.fail(err)
			first = new(batch)
		}
		g.run(first)
	})
}

// run is the group's goroutine. It ends when the node stops.
func (g *Group) run(first *batch) {
	defer g.timer.Stop()
	defer close(g.ended)
	g.grew() // from here on
	g.act(first)
	for b := new(batch); g.Broken() == nil; {
		if len(g.again) == 0 {
			select {
			case <-g.n.ctx.Done():
				if err := g.save(b); err != nil {
					g.n.log.Debug("the last of a group was not written; peers have it", "err", err)
				}
				return
			case <-g.timer.C:
				g.step(b, session.Tick{})
			case in := <-g.net:
				g.take(b, in)
			case c := <-g.local:
				g.serve(b, c)
			case p := <-g.hands.back:
				g.proved(p)
			}
		}
		for _, ev := range g.again {
			g.step(b, ev)
		}
		g.again = g.again[:0]
		g.drain(b)
		if g.holds(b) {
			continue
		}
		done := b
		b = new(batch)
		if err := g.save(done); err != nil {
			g.fail(err)
			done.finish(StorageError(err))
			continue
		}
		done.finish(nil)
		g.act(done)
	}
}

// drain takes what else waits into the batch: people's wishes first.
func (g *Group) drain(b *batch) {
	for b.steps < maxBatch && b.bytes < maxBatchBytes {
		select {
		case c := <-g.local:
			g.serve(b, c)
			continue
		default:
		}
		select {
		case in := <-g.net:
			g.take(b, in)
		default:
			return
		}
	}
}

func (g *Group) take(b *batch, in incoming) {
	g.step(b, in.Event)
	if in.taken != nil {
		close(in.taken)
	}
}

func (g *Group) serve(b *batch, c *call) {
	if c.query != nil {
		c.query(g.session)
		b.calls = append(b.calls, c)
		return
	}
	for _, ev := range c.events {
		if r, ok := ev.(session.Read); ok {
			g.reads[r.ID] = true
		}
		c.Notices = append(c.Notices, g.step(b, ev)...)
	}
	b.calls = append(b.calls, c)
}

// post hands an event of the network over; it waits where the group is busy.
func (g *Group) post(ev session.Event) { g.hand(incoming{Event: ev}) }

func (g *Group) hand(in incoming) {
	select {
	case g.net <- in:
	case <-g.ended:
	}
}

// frame hands a peer's frame over and waits until it was stepped: the stream it
// came by is not read meanwhile, so that a peer that sends without end holds up
// itself, and few frames of one peer are in memory.
func (g *Group) frame(f session.Frame) {
	taken := make(chan struct{})
	g.hand(incoming{f, taken})
	select {
	case <-taken:
	case <-g.ended:
	}
}

// Do has the group take events from here, one after another and nothing between
// them, and waits until what follows is durable.
func (g *Group) Do(ctx context.Context, events ...session.Event) (Done, error) {
	c := &call{events: events, done: make(chan struct{})}
	err := g.ask(ctx, c)
	return c.Done, err
}

// Wish is Do where the group's events tell what became of it.
func (g *Group) Wish(ctx context.Context, ev session.Event) error {
	_, err := g.Do(ctx, ev)
	return err
}

// Look runs a function on the session, between its steps.
func (g *Group) Look(ctx context.Context, f func(*session.Session)) error {
	return g.ask(ctx, &call{query: f, done: make(chan struct{})})
}

func (g *Group) ask(ctx context.Context, c *call) error {
	select {
	case g.local <- c:
	case <-g.n.ctx.Done():
		return stopping()
	default:
		return api.NewError(api.CodeBusy, "The group is busy.", "Try again in a moment.")
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return api.NewError(api.CodeStopped, "The call was given up before the node answered.", "It may have been done; repeating it with the same key is safe.")
	case <-g.ended:
		if err := g.Broken(); err != nil {
			return StorageError(err)
		}
		return stopping()
	}
}

func stopping() error {
	return api.NewError(api.CodeNotReady, "The node is stopping.", "Try again once it is back.")
}

// fail is for a write that did not happen: the session, which is ahead of the
// disk now, is thrown away and taken up again from there.
func (g *Group) fail(cause error) {
	g.n.log.Error("a group could not be written", "err", cause)
	g.n.trouble(g.ID(), "The disk refused to take what happened in a group; nothing of it was acknowledged or sent. "+StorageError(cause).Error())
	s, fx, err := g.n.loadSession(g.prefix())
	if err != nil {
		why := errors.Join(cause, err)
		g.broken.Store(&why)
		return
	}
	g.session, g.again = s, nil
	v := s.View()
	g.view.Store(&v)
	g.timer.Reset(time.Second)
	_ = fx // what it would do again, it does on its next tick or when a peer comes
}

// StorageError says for people why the disk refused.
func StorageError(err error) *api.Error {
	var e *api.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrUnclosed):
		return api.NewError(api.CodeStorage, "The disk did not let the node close its store: it is full, or the directory is gone.", "Nothing is lost: make room, or bring the directory back, and start the node again.")
	case errors.Is(err, store.ErrGone):
		return api.NewError(api.CodeStorage, "The node's directory is gone.", "Bring it back; what was acknowledged is in it.")
	case errors.Is(err, store.ErrFull):
		return api.NewError(api.CodeStorage, "The disk is full.", "Make room; nothing was lost, and the node goes on by itself.")
	case errors.Is(err, store.ErrClosed):
		return api.NewError(api.CodeNotReady, "The node is stopping.", "Try again once it is back.")
	}
	return api.NewError(api.CodeStorage, "The disk refused: "+err.Error()+".", "Run `covey doctor`.")
}

// View is the group as of the last change of who is in it or where its head is. It is not to be changed.
func (g *Group) View() *session.View { return g.view.Load() }

// Admits reports whether a peer is a device of a member.
func (g *Group) Admits(p peer.ID) bool {
	d, ok := mesh.PublicOf(p)
	if !ok {
		return false
	}
	return g.View().Has(d)
}

// Peers are the peers of all members but this node.
func (g *Group) Peers() (out []peer.ID) {
	me := g.n.self.Identity().Device
	for _, m := range g.View().Members {
		for _, at := range m.Devices {
			if p, ok := mesh.PeerOf(at.Device); ok && at.Device != me {
				out = append(out, p)
			}
		}
	}
	return out
}

// meet announces connected members that the session has not been told of.
// Only presence calls it and changed.
func (g *Group) meet(connected []peer.ID) {
	member := make(map[peer.ID]bool)
	for _, p := range g.Peers() {
		member[p] = true
	}
	for _, p := range connected {
		if member[p] && !g.met[p] {
			g.met[p] = true
			g.post(session.PeerUp{Peer: session.Peer(p)})
		}
	}
	for p := range g.met {
		if !member[p] {
			delete(g.met, p)
			g.post(session.PeerDown{Peer: session.Peer(p)})
		}
	}
}

// Compare has the group compare logs with a peer.
func (g *Group) Compare(p peer.ID) { g.post(session.PeerUp{Peer: session.Peer(p)}) }

// Joined is when this node came in.
func (g *Group) Joined() time.Time { return g.joined }

// Broken is why the group has stopped until the node starts again, if it has.
func (g *Group) Broken() error {
	if err := g.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Fresh is the group as of now.
func (g *Group) Fresh(ctx context.Context) (v session.View, err error) {
	err = g.Look(ctx, func(s *session.Session) { v = s.View() })
	return v, err
}

// History reads one row of the group's history.
func (g *Group) History(seq uint64) (session.History, error) {
	b, err := g.n.store.Get(g.prefix(), session.HistoryKey(seq))
	if err != nil {
		return session.History{}, err
	}
	return session.DecodeHistory(b)
}

// Histories walks the group's history: upwards from a place, or, where back is
// set, downwards from before it; 0 is the end.
func (g *Group) Histories(from uint64, back bool) iter.Seq2[session.History, error] {
	key := strings.TrimPrefix(session.HistoryKey(from), session.HistoryPrefix)
	rows := g.n.store.Rows(g.prefix()+session.HistoryPrefix, key)
	if back {
		if from == 0 {
			key = ""
		}
		rows = g.n.store.RowsBack(g.prefix()+session.HistoryPrefix, key)
	}
	return func(yield func(session.History, error) bool) {
		for row, err := range rows {
			var h session.History
			if err == nil {
				h, err = session.DecodeHistory(row.Value)
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

// Leaving notes that this node asks to go, so that being taken out is no news.
func (g *Group) Leaving(id session.IntentID) error {
	row := session.Row{Key: g.tag, Value: encode(groupRow{Joined: g.joined.Unix(), Left: true, Leave: id, Name: g.View().Name})}
	return g.n.store.Put(groupRows, []session.Row{row})
}

// changed notes that a peer went, or came once more.
func (g *Group) changed(p peer.ID, up bool) {
	if !g.met[p] {
		return
	}
	delete(g.met, p)
	if !up {
		g.post(session.PeerDown{Peer: session.Peer(p)})
	}
}
