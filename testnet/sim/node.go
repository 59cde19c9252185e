package sim

import (
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
)

// A node does for its sessions what package node does for them in the product:
// it hands them events one at a time and performs their effects in field order.
// Here it can also stop dead between any two of those.

// node is one device of an account.
type node struct {
	w       *World
	idx     int
	name    string
	account string
	id      session.Identity
	up      bool
	boots   int
	disk    *Disk
	backup  *Disk
	seats   map[string]*seat
	clock   clock
	busy    time.Duration // until when it computes
	inbox   []delivery    // what came meanwhile
	drains  bool          // a drain is on the queue
	pool    []session.Package
	stops   func(p point, write int) bool // the crash asked for, or nil
	stopped string                        // why the node is down, if not by a verb
}

// seat is a node's place in one group.
type seat struct {
	n      *node
	group  *Group
	s      *session.Session
	eng    *meter
	rule   consensus.Rule // zero, but where another is measured
	live   bool           // a session runs
	alarm  int            // which Wake counts
	rings  time.Duration  // when that is, in true time; zero: never
	luck   *Rand          // the session's
	moved  time.Duration
	byz    *byzantine
	anchor anchor // what a liar speaks under (lies.go)
	// What its faces saw, for the books and for scripts.
	head   session.EpochID
	number uint64
	heads  []session.EpochID // all it ever had: who was in them it has known
	keys   []usedKey         // used, and nothing has left since
	texts  []string
	seq    uint64 // of the latest text shown
	moves  int    // of the head
	undone []int  // how many commits each fork that was lost here had
	reorgs int    // of those, to another branch
	gaps   int    // texts that it says it lacks
	// Commits that its engine found invalid, by their hash.
	refused []sum
}

type usedKey struct{ epoch, record string }

// delivery is an event on its way into a session.
type delivery struct {
	group string
	ev    session.Event
}

// point is a place between two effects where a node can stop.
type point uint8

const (
	beforeSave point = iota
	afterSave
	afterErase
	afterPublish
	afterDirect
	pointCount
)

var pointNames = [pointCount]string{"before-save", "after-save", "after-erase", "after-publish", "after-direct"}

func (p point) String() string { return pointNames[p] }

// arrive is an envelope from the overlay.
func (w *World) arrive(to int, group string, from int, bytes []byte) {
	w.enter(to, group, session.Received{From: w.nodes[from].peer(), Envelope: bytes})
}

// peer tells a node that a neighbour came or went.
func (w *World) peer(at int, group string, other int, up bool) {
	if !w.nodes[at].up {
		return
	}
	if up {
		w.enter(at, group, session.PeerUp{Peer: w.nodes[other].peer()})
	} else {
		w.enter(at, group, session.PeerDown{Peer: w.nodes[other].peer()})
	}
}

func (n *node) peer() session.Peer { return session.Peer(n.name) }

// enter gives a node an event for a group, now or when it has time.
func (w *World) enter(to int, group string, ev session.Event) {
	n := w.nodes[to]
	if !n.up {
		return
	}
	if n.busy > w.now || len(n.inbox) > 0 {
		n.inbox = append(n.inbox, delivery{group, ev})
		n.drainLater()
		return
	}
	n.take(group, ev)
}

// drainLater empties the inbox when the node has computed what it is at.
func (n *node) drainLater() {
	if n.drains {
		return
	}
	n.drains = true
	boot := n.boots
	n.w.queue.push(max(n.busy, n.w.now), classWork, func() {
		if n.boots != boot {
			return
		}
		n.drains = false
		for n.up && len(n.inbox) > 0 && n.busy <= n.w.now {
			d := n.inbox[0]
			n.inbox = n.inbox[1:]
			n.take(d.group, d.ev)
		}
		if len(n.inbox) > 0 {
			n.drainLater()
		}
	})
}

// take steps a session and performs what it asks, after the time it took.
func (n *node) take(group string, ev session.Event) {
	s := n.seats[group]
	if s == nil || !s.live {
		return
	}
	if s.byz != nil && s.byz.swallow(ev) {
		return
	}
	n.w.tape.add(n, func(m *node) { m.take(group, ev) })
	if n.w.trace.on {
		n.w.note(Entry{Kind: "step", Node: n.name, Group: group, Text: eventName(ev)})
	}
	e := s.s.Step(n.clock.read(n.w.now), ev)
	if _, welcomed := ev.(session.Welcomed); welcomed && !n.w.quick {
		s.holds()
	}
	n.after(s, e)
}

// after performs effects when the computing that made them is done.
func (n *node) after(s *seat, e session.Effects) {
	if took := s.eng.take(); took > 0 {
		n.performAfter(took, s, e)
	} else {
		s.perform(e)
	}
}

func (n *node) performAfter(took time.Duration, s *seat, e session.Effects) {
	n.busy = n.w.now + took
	boot := n.boots
	n.w.queue.push(n.busy, classWork, func() {
		if n.boots == boot && n.up {
			s.perform(e)
		}
	})
}

// perform does what a Step asked, in field order.
func (s *seat) perform(e session.Effects) {
	n := s.n
	if s.byz != nil {
		e = s.byz.twist(e)
	}
	if len(e.Save) > 0 {
		if n.stop(beforeSave) {
			return
		}
		if err := n.disk.put(s.group.name, e.Save); err != nil {
			n.fail(err.Error())
			return
		}
		n.spend(e.Spent)
		if n.w.trace.on {
			n.w.note(Entry{Kind: "save", Node: n.name, Group: s.group.name, Count: len(e.Save), Size: batchSize(e.Save)})
		}
		if n.stop(afterSave) {
			return
		}
	}
	n.wasted(s, e)
	for _, epoch := range e.Erase {
		n.disk.erase(s.group.name, epoch)
		n.w.Book.Erased(s.group.name, n.name, epochName(epoch))
		n.w.note(Entry{Kind: "erase", Node: n.name, Group: s.group.name, Epoch: hex.EncodeToString(epoch[:4])})
	}
	if len(e.Erase) > 0 && n.stop(afterErase) {
		return
	}
	s.shown()
	for _, out := range e.Publish {
		s.publish(out)
		if n.stop(afterPublish) {
			return
		}
	}
	for _, d := range e.Direct {
		s.direct(d)
		if n.stop(afterDirect) {
			return
		}
	}
	for _, f := range e.Fetch {
		s.fetch(f)
	}
	for i := range e.Notify {
		s.notice(&e.Notify[i])
	}
	s.beyond(e.Erase, e.Notify)
	s.wake(e.Wake)
}

// wasted tells the books of rows whose wrapping key the same step erases: they
// are gone before anybody can read them.
func (n *node) wasted(s *seat, e session.Effects) {
	if len(e.Erase) == 0 {
		return
	}
	last := map[string]session.Row{}
	for _, r := range e.Save {
		last[r.Key] = r
	}
	for _, key := range sortedKeys(last) {
		r := last[key]
		if len(r.Value) > 0 && r.Wrap != (session.EpochID{}) && slices.Contains(e.Erase, r.Wrap) {
			n.w.Book.Report(n.w.now, "I12", s.group.name, n.name, "saves %s and erases its key in one step", r.Key)
		}
	}
}

func batchSize(rows []session.Row) (n int) {
	for _, r := range rows {
		n += len(r.Key) + len(r.Value)
	}
	return n
}

// stop crashes the node here if a fault asks for it.
func (n *node) stop(p point) bool {
	if n.stops == nil || !n.stops(p, n.disk.writes) {
		return false
	}
	n.stops = nil
	n.fail("crash " + p.String())
	return true
}

// fail stops a node dead.
func (n *node) fail(why string) {
	n.stopped = why
	n.w.note(Entry{Kind: "down", Node: n.name, Text: why})
	n.crash()
}

// crash loses all that was memory.
func (n *node) crash() {
	n.up = false
	n.boots++
	n.inbox, n.drains, n.busy = nil, false, 0
	if lost := n.disk.crash(NewRand(n.w.seed, "crash", n.name, itoa(n.boots))); lost > 0 {
		n.w.note(Entry{Kind: "fault", Node: n.name, Count: lost, Text: "its disk had lied"})
	}
	for _, g := range sortedKeys(n.seats) {
		s := n.seats[g]
		s.live, s.s, s.keys = false, nil, nil
		s.alarm++
		n.w.Book.Unanswered(g, n.name)
		n.w.topics[g].reset(n.idx)
	}
	n.w.netChanged()
	n.w.presence(n)
}

func (s *seat) publish(out session.Outgoing) {
	w, t := s.n.w, s.n.w.topics[s.group.name]
	peers := len(t.mesh[s.n.idx])
	if w.tap != nil {
		w.tap(s, out.Envelope)
	}
	p := t.publish(s.n.idx, out.Envelope)
	if w.trace.on {
		w.note(Entry{Kind: "publish", Node: s.n.name, Group: s.group.name, ID: p.id, Size: len(out.Envelope), Count: peers})
	}
	if out.ID != (session.IntentID{}) {
		idx, name, boot := s.n.idx, s.group.name, s.n.boots
		w.queue.push(w.now, classWork, func() {
			if s.n.boots == boot {
				w.enter(idx, name, session.Handed{ID: out.ID, Peers: peers})
			}
		})
	}
}

func (s *seat) direct(d session.Direct) {
	w := s.n.w
	to := w.byName[string(d.Peer)]
	if d.Peer == "" {
		to = w.devices[d.Device]
	}
	if to == nil {
		w.note(Entry{Kind: "lost", Node: s.n.name, Group: s.group.name, Text: "nobody has that name"})
		return
	}
	bytes, size := d.Bytes, 0
	for _, key := range d.Rows {
		size += 4 + len(s.n.disk.get(s.group.name, key))
	}
	bytes = slices.Grow(bytes, size)
	for _, key := range d.Rows {
		if v := s.n.disk.get(s.group.name, key); v != nil {
			bytes = session.AppendRow(bytes, v)
		}
	}
	if w.trace.on {
		w.note(Entry{Kind: "direct", Node: s.n.name, Peer: to.name, Group: s.group.name, Size: len(bytes)})
	}
	from, group, kind := s.n, s.group, d.Kind
	if kind == session.DirectWelcome && !w.net.open(from.idx, to.idx) {
		group.mail = append(group.mail, letter{to: to.idx, from: from.idx, bytes: bytes})
		return
	}
	if w.net.holds {
		var ev session.Event = session.Frame{From: from.peer(), Bytes: bytes, Device: from.id.Device}
		if kind == session.DirectWelcome {
			ev = session.Welcomed{Bytes: bytes}
		}
		w.net.hold(pair{from.idx, to.idx}, true, "direct "+group.name, group.name, bytes, ev)
		return
	}
	w.net.stream(pair{from.idx, to.idx}, bytes, "direct "+group.name, func() {
		if kind == session.DirectWelcome {
			to.welcome(group, bytes)
			return
		}
		w.enter(to.idx, group.name, session.Frame{From: from.peer(), Bytes: bytes, Device: from.id.Device})
	})
}

// fetch looks an account up in the directory.
func (s *seat) fetch(f session.Fetch) {
	w, n, boot := s.n.w, s.n, s.n.boots
	if w.byHand {
		w.err = errors.New("somebody is looked up, which takes time that the explorer does not let pass")
		return
	}
	w.queue.push(w.now+directoryTakes, classWork, func() {
		if !n.up || n.boots != boot {
			return
		}
		var found [][]byte
		for _, d := range w.people[w.names[f.Account]] {
			if p := d.offered(); p != nil {
				found = append(found, p)
			}
		}
		w.enter(n.idx, s.group.name, session.Fetched{Account: f.Account, KeyPackages: found})
	})
}

// wake sets the one alarm of a session.
func (s *seat) wake(at session.Time) {
	s.alarm++
	s.rings = 0
	if at == 0 {
		return
	}
	s.rings = s.n.w.now + s.n.clock.until(s.n.w.now, at)
	if !s.n.w.byHand {
		s.arm()
	}
}

// arm has the alarm ring at its time.
func (s *seat) arm() {
	n, alarm, boot := s.n, s.alarm, s.n.boots
	w := n.w
	w.queue.push(s.rings, classWork, func() {
		if s.alarm == alarm && n.boots == boot && n.up {
			w.enter(n.idx, s.group.name, session.Tick{})
		}
	})
}
