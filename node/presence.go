package node

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// presence decides whom the mesh is to know: members of my groups and
// contacts, but nobody blocked; and it tells groups and people who comes and
// goes. One goroutine does both, so that a group hears of each change once and
// in order.
type presence struct {
	n       *Node
	changes chan change
	nudge   chan struct{}

	mu sync.RWMutex
	up map[peer.ID]bool
}

type change struct {
	peer       peer.ID
	up, direct bool
}

func newPresence(n *Node) *presence {
	return &presence{n: n, changes: make(chan change, presenceQueue), nudge: make(chan struct{}, 1), up: make(map[peer.ID]bool)}
}

// wake has the known peers looked over again: a roster or the book changed.
func (p *presence) wake() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

func (p *presence) note(c change) {
	select {
	case p.changes <- c:
	case <-p.n.ctx.Done():
	}
}

// path says how a device is reached, if it is.
func (p *presence) path(d session.Device) (api.Path, bool) {
	id, _ := mesh.PeerOf(d)
	p.mu.RLock()
	up := p.up[id]
	p.mu.RUnlock()
	switch {
	case !up:
		return "", false
	case p.n.mesh.Direct(id):
		return api.PathDirect, true
	}
	return api.PathRelay, true
}

func (p *presence) run() {
	known := make(map[peer.ID][]ma.Multiaddr)
	for {
		select {
		case <-p.n.ctx.Done():
			return
		case <-p.nudge:
		case c := <-p.changes:
			p.take(c)
		}
		if fresh := p.n.acquaintances(); !maps.EqualFunc(known, fresh, func(_, _ []ma.Multiaddr) bool { return true }) {
			known = fresh
			p.know(fresh)
			p.n.mind()
		}
		for _, g := range p.n.list() {
			g.meet(p.connected())
		}
		p.n.fleet.Tend()
	}
}

// know tells the mesh. It answers with comings and goings, which must not wait
// for this goroutine.
func (p *presence) know(fresh map[peer.ID][]ma.Multiaddr) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.n.mesh.Know(fresh)
	}()
	for {
		select {
		case <-done:
			return
		case c := <-p.changes:
			p.take(c)
		}
	}
}

// count is how many known peers are connected, by path.
func (p *presence) count() (direct, relayed int) {
	for _, id := range p.connected() {
		if p.n.mesh.Direct(id) {
			direct++
		} else {
			relayed++
		}
	}
	return direct, relayed
}

func (p *presence) connected() []peer.ID {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Sorted(maps.Keys(p.up))
}

// take notes one coming or going.
func (p *presence) take(c change) {
	p.mu.Lock()
	was := p.up[c.peer]
	if c.up {
		p.up[c.peer] = true
	} else {
		delete(p.up, c.peer)
	}
	p.mu.Unlock()
	device, ok := mesh.PublicOf(c.peer)
	if !ok {
		return
	}
	for _, g := range p.n.list() {
		g.changed(c.peer, c.up)
	}
	p.n.fleet.Moved(device)
	if was == c.up {
		return
	}
	p.tell(c, device)
	if c.up {
		p.n.post.Arrived(device)
		p.n.greet(device)
		p.n.mesh.Ponder()
	}
}

// tell puts the change into the log of events.
func (p *presence) tell(c change, device session.Device) {
	e := api.PeerEvent{Peer: c.peer.String(), Online: c.up}
	if c.up {
		e.Path = api.PathRelay
		if c.direct {
			e.Path = api.PathDirect
		}
	}
	account, ok := p.n.AccountOf(device)
	if !ok {
		return
	}
	e.Account, e.Name = hexOf(account[:]), p.n.NameOf(account)
	text := e.Name + " went offline."
	if c.up {
		text = e.Name + " is online."
	}
	if _, err := p.n.journal.Append(api.Event{Type: api.EventPeer, Peer: &e, Text: text}); err != nil {
		p.n.log.Warn("an event could not be written", "err", err)
	}
}

// acquaintances are the peers to know, with the addresses the book has.
func (n *Node) acquaintances() map[peer.ID][]ma.Multiaddr {
	out := make(map[peer.ID][]ma.Multiaddr)
	blocked := make(map[session.Account]bool)
	for _, c := range n.book.Contacts() {
		switch c.State {
		case people.Blocked:
			blocked[c.Account] = true
			continue
		case people.Request:
			continue // a stranger still
		}
		for _, d := range c.Devices {
			if id, ok := mesh.PeerOf(d.ID); ok {
				out[id] = mesh.ReadAddresses(d.Addresses)
			}
		}
	}
	for _, s := range n.siblings.All() {
		if id, ok := mesh.PeerOf(s.ID); ok && !s.Removed {
			out[id] = mesh.ReadAddresses(s.Addresses)
		}
	}
	for _, g := range n.list() {
		for _, m := range g.View().Members {
			if blocked[m.Account] {
				continue
			}
			for _, d := range m.Devices {
				if id, ok := mesh.PeerOf(d.Device); ok && out[id] == nil {
					out[id] = nil
				}
			}
		}
	}
	delete(out, n.mesh.Host().ID())
	return out
}

// ownAddresses are what others are told, those first that reach the furthest.
func (n *Node) ownAddresses() [][]byte { return n.mesh.Addresses() }

// LinkAddresses are fewer, so that a link fits a code that a camera reads.
func (n *Node) LinkAddresses() [][]byte {
	all := n.ownAddresses()
	return all[:min(len(all), maxLinkAddresses)]
}

// AccountOf finds whose a device is: in the book, else in a group.
func (n *Node) AccountOf(d session.Device) (session.Account, bool) {
	if n.siblings.Is(d) {
		return n.self.Identity().Account, true
	}
	if c, ok := n.book.Of(d); ok {
		return c.Account, true
	}
	for _, g := range n.list() {
		if a, ok := g.View().AccountOf(d); ok {
			return a, true
		}
	}
	return session.Account{}, false
}

// NameOf is what an account is called here: as the book has it, else as it
// calls itself in a group, else the beginning of its id.
func (n *Node) NameOf(a session.Account) string {
	if a == n.self.Identity().Account {
		return n.self.Name()
	}
	if c, ok := n.book.Contact(a); ok {
		return c.Called()
	}
	for _, g := range n.list() {
		v := g.View()
		if i, ok := slices.BinarySearchFunc(v.Members, a, func(m session.Member, a session.Account) int { return bytes.Compare(m.Account[:], a[:]) }); ok && v.Members[i].Name != "" {
			return v.Members[i].Name
		}
	}
	return hexOf(a[:4])
}

// ear is what the mesh speaks to.
type ear struct{ n *Node }

func (e ear) PeerUp(p peer.ID, direct bool) { e.n.presence.note(change{p, true, direct}) }
func (e ear) PeerDown(p peer.ID)            { e.n.presence.note(change{peer: p}) }

// Check looks at gossip before it is passed on; no key is needed for it.
func (e ear) Check(topic string, _ peer.ID, data []byte) mesh.Verdict {
	if len(data) < 1 {
		return mesh.Reject
	}
	switch data[0] {
	case gossipEnvelope:
		if _, ok := session.CheckEnvelope(data[1:]); !ok {
			e.n.meter.drop("gossip that is no envelope")
			return mesh.Reject
		}
	case gossipAnnounce:
		if len(data) != announceSize {
			e.n.meter.drop("gossip that is no announcement")
			return mesh.Reject
		}
	default:
		return mesh.Ignore // of a later version
	}
	return mesh.Accept
}

func (e ear) Gossip(topic string, from peer.ID, data []byte) {
	if g := e.n.onTopic(topic); g != nil {
		g.hear(from, data)
	}
}

func (e ear) Frame(from peer.ID, data []byte) {
	if len(data) < len(route{}) {
		e.n.meter.drop("a frame that is too short")
		e.n.mesh.Blame(from)
		return
	}
	e.n.mu.RLock()
	g := e.n.routes[route(data[:len(route{})])]
	e.n.mu.RUnlock()
	device, ok := mesh.PublicOf(from)
	if g == nil || !ok || !g.Admits(from) && !slices.Contains(g.View().Former, device) {
		e.n.meter.drop("a frame of somebody who is not in the group")
		return
	}
	g.frame(session.Frame{From: session.Peer(from), Bytes: data[len(route{}):], Device: device})
}

func (e ear) Lost(topic string) {
	if g := e.n.onTopic(topic); g != nil {
		g.lost()
	}
}

func (n *Node) onTopic(topic string) *Group {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, g := range n.groups {
		if g.on(topic) {
			return g
		}
	}
	return nil
}

// Reachable reports whether any connection to a peer is up.
func (n *Node) Reachable(p peer.ID) bool {
	return n.mesh.Host().Network().Connectedness(p) != network.NotConnected
}

// LastSeen is when any device of a list was last connected.
func (n *Node) LastSeen(devices []session.Device) (t time.Time) {
	for _, d := range devices {
		if id, ok := mesh.PeerOf(d); ok {
			if s := n.mesh.Seen(id); s.After(t) {
				t = s
			}
		}
	}
	return t.UTC()
}

// Speaks reports that a member's device is there, whether it is connected to this
// one or not: it said something lately, and its connection has not ended since.
func (n *Node) Speaks(at session.Place) bool {
	spoke := time.UnixMilli(int64(at.Spoke))
	return time.Since(spoke) < speaksFor && spoke.After(n.LastSeen([]session.Device{at.Device}))
}
