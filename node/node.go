package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/fleet"
	"github.com/covey-p2p/covey/node/journal"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/post"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Config of a Node; Dir alone is enough.
type Config struct {
	Dir     string // holds everything of the node
	Name    string // for a new account; kept from then on
	Network string // nodes of other networks are never spoken to; empty is "main"
	Version string // shown to people

	Listen    []string // multiaddresses; empty for all interfaces; a port 0 is chosen once and kept
	Bootstrap []string // multiaddresses of peers to dial at the start
	DHT       DHT      // of the network's own: whether to take part, and how
	Multicast bool     // find nodes on the local network
	MapPorts  bool     // ask the router for a port
	Relay     bool     // be reached through relays, and punch holes
	Serve     bool     // relay for known peers
	Probe     bool     // have others test which addresses can be reached
	AskAlways bool     // invitations of contacts wait for an answer too
	// ReadReceipts has authors told when a person here has read their messages.
	ReadReceipts bool

	Key      store.Key            // opens the store; nil is a key file in Dir
	Log      *slog.Logger         // nil: none
	Registry *prometheus.Registry // nil: no metrics
	Pace     session.Pace         // for measurements
	Extra    []libp2p.Option      // simulated links, in tests
	// GossipBytes is the largest envelope to flood; a larger one is announced and
	// fetched by stream. Zero is session.MaxGossipBytes.
	GossipBytes int
}

// DHT says how a node takes part in the network's DHT, and so in its mailboxes.
type DHT string

// Ways to take part.
const (
	DHTAuto   DHT = "auto"   // serve, unless nobody can reach us; also the empty value
	DHTServer DHT = "server" // serve whatever is known: on one machine or one network
	DHTClient DHT = "client" // ask only: for a node that is seldom up
	DHTOff    DHT = "off"
)

// Node is a running node.
type Node struct {
	config  Config
	log     *slog.Logger
	started time.Time

	store    *store.Store
	journal  *journal.Journal
	book     *people.Book
	mesh     *mesh.Mesh
	engine   session.Engine
	self     *people.Self
	siblings *people.Siblings
	fleet    *fleet.Fleet
	presence *presence
	post     *post.Office
	ops      *journal.Operations
	errands  chan struct{} // a place per errand under way
	meter    *meter
	prints   sync.Map                // session.Account → people.Fingerprint
	greeting sync.Map                // session.Device → true: a hello is under way
	guide    atomic.Pointer[peer.ID] // who knew an address last (where.go)

	mu     sync.RWMutex
	groups map[session.GroupID]*Group
	routes map[route]*Group

	ctx      context.Context // ends at Stop; the root of what the node starts
	cancel   context.CancelFunc
	done     sync.WaitGroup
	stopping sync.Once
	shutdown chan struct{} // closed when somebody asks over the API to stop
	ask      sync.Once
}

// Start opens the directory, or makes it, and runs the node.
func Start(c Config) (_ *Node, err error) {
	if c.Network == "" {
		c.Network = "main"
	}
	switch c.DHT {
	case "", DHTAuto, DHTServer, DHTClient, DHTOff:
	default:
		return nil, api.NewError(api.CodeUsage, fmt.Sprintf("%q is no way to take part in the DHT.", c.DHT), "Say auto, server, client or off.")
	}
	n := &Node{
		config: c, log: c.Log, started: time.Now(), engine: session.MLS{},
		groups: make(map[session.GroupID]*Group), routes: make(map[route]*Group),
		errands: make(chan struct{}, errandsAtOnce), shutdown: make(chan struct{}),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			n.Stop()
		}
	}()
	n.meter = newMeter(n, c.Registry)
	if err := n.open(); err != nil {
		return nil, err
	}
	n.presence = newPresence(n)
	if err := n.connect(); err != nil {
		return nil, err
	}
	n.done.Go(n.presence.run)
	n.done.Go(func() { n.post.Run(n.ctx) })
	n.done.Go(n.tidy)
	for _, g := range n.list() {
		g.start()
	}
	n.presence.wake()
	return n, nil
}

// open reads everything that is durable.
func (n *Node) open() (err error) {
	if n.store, err = store.Open(n.config.Dir, store.Options{Key: n.config.Key, Holder: "a covey node", Log: n.log}); err != nil {
		return err
	}
	if n.self, err = people.OpenSelf(n.store, n.engine, n.config.Name); err != nil {
		return err
	}
	if n.siblings, err = people.OpenSiblings(n.store); err != nil {
		return err
	}
	if n.journal, err = journal.Open(n.store); err != nil {
		return err
	}
	n.ops = journal.NewOperations(n.store)
	if n.book, err = people.Open(n.store, n.engine, n.self.Identity().Account); err != nil {
		return err
	}
	if err := n.loadGroups(); err != nil {
		return err
	}
	return n.acceptRestored()
}

// acceptRestored goes on with an older copy of the store that was put back: what
// its groups now know of it, that they only read, is durable, and key packages
// that may have been used since are forgotten. New groups are not concerned.
func (n *Node) acceptRestored() error {
	restored, why := n.store.Restored()
	if !restored {
		return nil
	}
	for _, g := range n.list() {
		if err := n.store.Put(g.prefix(), g.starts.Save); err != nil {
			return err
		}
	}
	if err := post.ForgetPackages(n.store); err != nil {
		return err
	}
	text := fmt.Sprintf("This node is an older copy of itself, put back (%s). In its groups it only reads until a member removes and invites it again.", why)
	if _, err := n.journal.Append(api.Event{Type: api.EventTrouble, Text: text}); err != nil {
		return err
	}
	return n.store.Accept()
}

// connect starts the mesh. The device's key is the host's key, so that a
// member's peer id follows from the leaf and the connection authenticates it.
func (n *Node) connect() error {
	key, err := mesh.KeyOf(n.self.DeviceSeed())
	if err != nil {
		return err
	}
	listen, err := n.addresses()
	if err != nil {
		return err
	}
	c := mesh.Config{
		Key: key, Network: n.config.Network, Listen: listen,
		Multicast: n.config.Multicast, MapPorts: n.config.MapPorts, Relay: n.config.Relay, Serve: n.config.Serve, Probe: n.config.Probe,
		Find: n.find, Log: n.log, Extra: n.config.Extra,
	}
	if n.config.Registry != nil {
		c.Registry = n.config.Registry
	}
	if n.mesh, err = mesh.New(c, ear{n}); err != nil {
		return err
	}
	if err := n.keepPorts(); err != nil {
		return err
	}
	n.mesh.Serve("hello", people.MaxMessage, n.hear)
	n.mesh.Serve("where", whereMessage, n.where)
	n.post, err = post.Open(post.Config{
		Node: n, Engine: n.engine, Self: n.self, Siblings: n.siblings, Book: n.book, Store: n.store, Journal: n.journal, Mesh: n.mesh, Log: n.log,
		Network: n.config.Network, AskAlways: n.config.AskAlways,
		Directory: n.config.DHT != DHTOff, Client: n.config.DHT == DHTClient, Server: n.config.DHT == DHTServer,
	})
	if err != nil {
		return err
	}
	n.fleet = fleet.New(fleet.Config{
		Node: n, Self: n.self, Book: n.book, Known: n.siblings, Store: n.store, Journal: n.journal, Mesh: n.mesh, Post: n.post,
		Log: n.log, Network: n.config.Network,
	})
	for _, a := range n.config.Bootstrap {
		info, err := peer.AddrInfoFromString(a)
		if err != nil {
			return fmt.Errorf("the bootstrap address %q is no multiaddress that ends in /p2p/ID: %w", a, err)
		}
		n.Errand(func(ctx context.Context) {
			if err := n.mesh.Connect(ctx, *info); err != nil {
				n.log.Warn("a bootstrap peer could not be reached", "err", err)
			}
		})
	}
	return nil
}

// Errand runs something that waits for another machine. It is dropped where
// too many are under way; whoever wants it done tries again.
func (n *Node) Errand(f func(context.Context)) bool {
	select {
	case n.errands <- struct{}{}:
	default:
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		<-n.errands
		return false
	}
	n.done.Go(func() {
		defer func() { <-n.errands }()
		f(n.ctx)
	})
	return true
}

// tidy does the chores of every hour.
func (n *Node) tidy() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
		}
		if err := errors.Join(n.journal.Trim(), n.post.Expire(), n.ops.Trim(), n.store.Tidy()); err != nil {
			n.log.Warn("the hourly chores were not all done", "err", err)
		}
	}
}

// Stop ends everything and waits for it. What was acknowledged is durable at
// any moment; Stop is for good manners.
func (n *Node) Stop() error {
	var err error
	n.stopping.Do(func() {
		n.mu.Lock()
		n.cancel() // no errand or group starts any more
		n.mu.Unlock()
		if n.journal != nil {
			n.journal.Close()
		}
		if n.post != nil {
			err = n.post.Close()
		}
		if n.mesh != nil {
			err = errors.Join(err, n.mesh.Close())
		}
		n.done.Wait()
		if n.store != nil {
			err = errors.Join(err, n.store.Close())
		}
	})
	return err
}

// Asked is closed when somebody asks over the API that the node stop.
func (n *Node) Asked() <-chan struct{} { return n.shutdown }

// now is the session's clock.
func now() session.Time { return session.Time(time.Now().UnixMilli()) }

// list is the groups, in no order that matters.
func (n *Node) list() []*Group {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := make([]*Group, 0, len(n.groups))
	for _, g := range n.groups {
		out = append(out, g)
	}
	return out
}

// trouble puts what needs a person into the log of events.
func (n *Node) trouble(group, text string) {
	if _, err := n.journal.Append(api.Event{Type: api.EventTrouble, Group: group, Text: text}); err != nil {
		n.log.Error("an event could not be written", "err", err)
	}
}
