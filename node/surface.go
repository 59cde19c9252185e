package node

import (
	"slices"
	"strings"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/fleet"
	"github.com/covey-p2p/covey/node/journal"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// What the answerer of the API (node/backend) needs of a node. Nothing here
// decides anything.

// Config is what the node was started with.
func (n *Node) Config() Config { return n.config }

// Started is when.
func (n *Node) Started() time.Time { return n.started }

// Self is the account and device of this node, and the name it goes by.
func (n *Node) Self() (session.Identity, string) { return n.self.Identity(), n.self.Name() }

// Rename changes the name that the account goes by.
func (n *Node) Rename(name string) error { return n.self.Rename(name) }

// Store holds everything durable; like the next three it ends with the node.
func (n *Node) Store() *store.Store { return n.store }

// Journal is the log of events.
func (n *Node) Journal() *journal.Journal { return n.journal }

// Book is the address book. Whoever changes it calls Acquaint.
func (n *Node) Book() *people.Book { return n.book }

// Mesh is the network.
func (n *Node) Mesh() *mesh.Mesh { return n.mesh }

// Acquaint has the known peers looked over: the book has changed.
func (n *Node) Acquaint() { n.presence.wake() }

// Fleet is the devices of this account.
func (n *Node) Fleet() *fleet.Fleet { return n.fleet }

// Seats are the groups as the fleet wants them.
func (n *Node) Seats() (out []fleet.Seat) {
	for _, g := range n.list() {
		out = append(out, g)
	}
	return out
}

// Groups lists the groups, by when this node came in.
func (n *Node) Groups() []*Group {
	out := n.list()
	slices.SortFunc(out, func(a, b *Group) int {
		if c := a.joined.Compare(b.joined); c != 0 {
			return c
		}
		return strings.Compare(a.tag, b.tag)
	})
	return out
}

func (n *Node) byName(id string) *Group {
	for _, g := range n.list() {
		if g.ID() == id {
			return g
		}
	}
	return nil
}

// Create founds a group.
func (n *Node) Create(name string) (*Group, error) {
	s, fx, err := session.Create(n.SessionConfig(), now(), name)
	if err != nil {
		return nil, api.NewError(api.CodeUsage, api.Sentence(err.Error()), "")
	}
	return n.found(s, fx, nil)
}

// Path says how a device is reached, if it is.
func (n *Node) Path(d session.Device) (api.Path, bool) { return n.presence.path(d) }

// Connected counts the known peers that are, by path.
func (n *Node) Connected() (direct, relayed int) { return n.presence.count() }

// Invitations are those that wait for an answer, the oldest first.
func (n *Node) Invitations() []api.Invitation { return n.post.Invitations() }

// Answer joins or declines an invitation; declining returns no group.
func (n *Node) Answer(invitation string, accept bool) (*Group, error) {
	id, err := n.post.Answer(invitation, accept)
	if err != nil || !accept {
		return nil, err
	}
	return n.group(id), nil
}

// Table is how many peers the DHT's routing table has; false where this node
// takes no part.
func (n *Node) Table() (int, bool) {
	table, _, runs := n.post.Counts()
	return table, runs
}

// Operation is how far a change has come.
func (n *Node) Operation(id string) (api.Operation, bool) { return n.ops.Get(id) }

// KeyPackages is how many are given out and not used yet.
func (n *Node) KeyPackages() int { return n.post.Packages() }

// Mail is how many deliveries of this node wait for their devices, and how many
// items in how many bytes its mailbox keeps for others.
func (n *Node) Mail() (waiting, kept, bytes int) {
	kept, bytes = n.post.Kept()
	return n.post.Waiting(), kept, bytes
}

// Drops is everything that was dropped since the start, by reason.
func (n *Node) Drops() map[string]uint64 { return n.meter.dropped() }

// AskStop asks whoever runs the node to stop it; Asked tells them.
func (n *Node) AskStop() { n.ask.Do(func() { close(n.shutdown) }) }
