package mesh

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

// keeper knows whom this node wants to be connected to, and sees to it.
type keeper struct {
	m     *Mesh
	nudge chan struct{} // capacity 1: look now
	dials chan struct{} // a place per dial under way

	mu      sync.RWMutex
	known   map[peer.ID]*acquaintance
	leisure time.Time // the next to be met of those who are not needed at once
}

// acquaintance is a known peer.
type acquaintance struct {
	up    bool
	next  time.Time // not to be dialled before
	wait  time.Duration
	seen  time.Time // last connected
	dials bool      // one is under way
	lot   uint64    // whom to dial first, by chance: not everybody the same
}

func newKeeper(m *Mesh) *keeper {
	return &keeper{m: m, nudge: make(chan struct{}, 1), dials: make(chan struct{}, dialsAtOnce), known: make(map[peer.ID]*acquaintance)}
}

// Know replaces the set of known peers: those who may gossip with this node
// and are kept connected. Addresses may be empty.
func (m *Mesh) Know(peers map[peer.ID][]ma.Multiaddr) {
	fresh, gone := m.keeper.replace(peers)
	for p, addrs := range peers {
		m.host.Peerstore().AddAddrs(p, addrs, peerstore.PermanentAddrTTL)
	}
	for _, p := range gone {
		m.host.ConnManager().Unprotect(p, "known")
		m.pubsub.BlacklistPeer(p) // closes its gossip stream
		m.handler.PeerDown(p)
	}
	for _, p := range fresh {
		m.host.ConnManager().Protect(p, "known")
		if c := m.host.Network().Connectedness(p); c != network.NotConnected {
			m.keeper.changed(p, c)
			// pubsub turned it away when it connected: let it look again.
			m.emit.Emit(event.EvtPeerProtocolsUpdated{Peer: p, Added: []protocol.ID{m.gossip.protocols()[0]}})
		}
	}
	if len(fresh) > 0 {
		m.keeper.wake()
	}
}

func (k *keeper) replace(peers map[peer.ID][]ma.Multiaddr) (fresh, gone []peer.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	running := len(k.known) > 0 // who is known from the start does not hear of us now
	for p := range k.known {
		if _, ok := peers[p]; !ok {
			gone = append(gone, p)
			delete(k.known, p)
		}
	}
	for p := range peers {
		if _, ok := k.known[p]; !ok && p != k.m.host.ID() {
			fresh = append(fresh, p)
			a := &acquaintance{lot: rand.Uint64()}
			if running && p < k.m.host.ID() {
				a.next = time.Now().Add(yieldFor)
			}
			k.known[p] = a
		}
	}
	return fresh, gone
}

func (k *keeper) knows(p peer.ID) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.known[p] != nil
}

// Seen says when a known peer was last connected; now, where it is.
func (m *Mesh) Seen(p peer.ID) time.Time {
	m.keeper.mu.RLock()
	defer m.keeper.mu.RUnlock()
	a := m.keeper.known[p]
	switch {
	case a == nil:
		return time.Time{}
	case a.up:
		return time.Now()
	}
	return a.seen
}

// Direct reports whether a connection to a peer goes through no relay. That it
// is unlimited says nothing: relays that know both sides set no limit.
func (m *Mesh) Direct(p peer.ID) bool {
	return slices.ContainsFunc(m.host.Network().ConnsToPeer(p), func(c network.Conn) bool {
		_, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT)
		return err != nil
	})
}

// Known lists the known peers.
func (m *Mesh) Known() []peer.ID {
	m.keeper.mu.RLock()
	defer m.keeper.mu.RUnlock()
	out := make([]peer.ID, 0, len(m.keeper.known))
	for p := range m.keeper.known {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// changed tells the handler of a known peer's coming and going.
func (k *keeper) changed(p peer.ID, c network.Connectedness) {
	k.mu.Lock()
	a := k.known[p]
	if a == nil {
		k.mu.Unlock()
		return
	}
	was := a.up
	a.up = c != network.NotConnected
	if was || a.up {
		a.seen = time.Now()
	}
	if a.up {
		a.wait = 0
		if !was {
			defer k.wake()
		}
	} else {
		a.next = time.Now().Add(time.Second) // both sides would otherwise dial at once
	}
	k.mu.Unlock()
	switch {
	case c != network.NotConnected:
		k.m.handler.PeerUp(p, k.m.Direct(p))
	case was:
		k.m.handler.PeerDown(p)
		k.m.streams.drop(p)
		k.wake()
	}
}

// wake makes the keeper look now.
func (k *keeper) wake() {
	select {
	case k.nudge <- struct{}{}:
	default:
	}
}

// Redial forgets how long to wait for each peer and dials at once: somebody
// asked for it, or the network changed.
func (m *Mesh) Redial() {
	m.keeper.mu.Lock()
	for _, a := range m.keeper.known {
		a.next, a.wait = time.Time{}, 0
	}
	m.keeper.mu.Unlock()
	m.keeper.wake()
}

// Ponder has peers that no address is known of looked for again: somebody who
// may know one has come.
func (m *Mesh) Ponder() {
	m.keeper.mu.Lock()
	for p, a := range m.keeper.known {
		if !a.up && len(m.host.Peerstore().Addrs(p)) == 0 {
			a.next = time.Time{}
		}
	}
	m.keeper.mu.Unlock()
	m.keeper.wake()
}

// run dials known peers that are not connected, those first that failed least,
// as hundreds who are gone must not keep one waiting who is back.
func (k *keeper) run() {
	for {
		timer := time.NewTimer(k.round())
		select {
		case <-k.m.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-k.nudge:
		}
		timer.Stop()
	}
}

// round starts what dials are due and there is room for. It returns how long
// until another is.
func (k *keeper) round() time.Duration {
	due, next := k.due(time.Now())
	for _, p := range due {
		select {
		case k.dials <- struct{}{}:
		default:
			return next // a dial that ends nudges
		}
		k.mark(p, true, nil)
		k.m.done.Go(func() {
			err := k.m.dial(k.m.ctx, p)
			<-k.dials
			k.mark(p, false, err)
			k.wake()
		})
	}
	return next
}

// due lists whom to dial now, and says how long until another is due. In a large
// group some are enough to begin with: the others are met one by one, at a pace
// at which all of the group together make the same number of connections however
// large it is. Who was met before is missed, and dialled whenever due.
func (k *keeper) due(now time.Time) (due []peer.ID, next time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next = keepEvery
	have := 0
	for p, a := range k.known {
		switch {
		case a.up || a.dials:
			have++
		case !now.Before(a.next):
			due = append(due, p)
		default:
			next = min(next, a.next.Sub(now))
		}
	}
	leisurely := func(a *acquaintance) int { // once there are enough, whoever was never met goes last
		if have < meetAtOnce || !a.seen.IsZero() {
			return 0
		}
		return 1
	}
	slices.SortFunc(due, func(a, b peer.ID) int {
		x, y := k.known[a], k.known[b]
		return cmp.Or(cmp.Compare(leisurely(x), leisurely(y)), cmp.Compare(x.wait, y.wait), x.next.Compare(y.next), cmp.Compare(x.lot, y.lot))
	})
	room := meetAtOnce - have
	due = slices.DeleteFunc(due, func(p peer.ID) bool {
		if room--; room >= 0 || !k.known[p].seen.IsZero() {
			return false
		}
		pace := time.Duration(len(k.known)) * meetEach
		if k.leisure.IsZero() { // more of them take longer to come in
			k.leisure = now.Add(meetLater + pace)
		}
		if wait := k.leisure.Sub(now); wait > 0 {
			next = min(next, wait)
			return true
		}
		k.leisure = now.Add(pace)
		return false
	})
	return due, next
}

// mark notes that a dial began or how it ended.
func (k *keeper) mark(p peer.ID, begins bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.known[p]
	if a == nil {
		return
	}
	a.dials = begins
	switch {
	case begins:
	case err != nil:
		a.wait = min(max(2*a.wait, retryFirst), retryLast)
		a.next = time.Now().Add(a.wait)
	default:
		a.next, a.wait = time.Now().Add(time.Second), 0
	}
}

// dial connects to a peer, looking its addresses up where that can help.
func (m *Mesh) dial(ctx context.Context, p peer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if len(m.host.Peerstore().Addrs(p)) > 0 {
		if err := m.host.Connect(ctx, peer.AddrInfo{ID: p}); err == nil || m.config.Find == nil {
			return err
		}
	}
	if m.config.Find == nil {
		return errNoAddress
	}
	info, err := m.config.Find(ctx, p)
	if err != nil {
		return err
	}
	return m.host.Connect(ctx, info)
}

// Connect dials a peer at given addresses, whether it is known or not.
func (m *Mesh) Connect(ctx context.Context, info peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return m.host.Connect(ctx, info)
}
