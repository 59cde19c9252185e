package node

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/post"
	"github.com/covey-p2p/covey/node/session"
)

// What the post asks of the node.

var _ post.Node = (*Node)(nil)

// Drop counts something dropped.
func (n *Node) Drop(reason string) { n.meter.drop(reason) }

// Friends are connected contacts and members.
func (n *Node) Friends() []peer.ID { return n.presence.connected() }

// Welcomed hands a Welcome to a group that is here.
func (n *Node) Welcomed(ctx context.Context, id session.GroupID, w session.Welcomed) (here bool, err error) {
	g := n.group(id)
	if g == nil {
		return false, nil
	}
	_, err = g.Do(ctx, w)
	return true, err
}

// Joined runs a session that a Welcome made.
func (n *Node) Joined(s *session.Session, fx session.Effects, rows []session.Row) error {
	_, err := n.found(s, fx, rows)
	return err
}

// Fetched answers a group's Fetch.
func (n *Node) Fetched(id session.GroupID, f session.Fetched) {
	if g := n.group(id); g != nil {
		g.post(f)
	}
}

func (n *Node) group(id session.GroupID) *Group {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.groups[id]
}

// mind tells the post whose bundles to keep with others, and under which
// secrets to be found: those of contacts and members.
func (n *Node) mind() {
	var ids []record.Identity
	add := func(id [32]byte) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, c := range n.book.Contacts() {
		if c.State == people.Known {
			add(c.Account)
			for _, d := range c.Devices {
				add(d.ID)
			}
		}
	}
	var secrets [][]byte
	for _, g := range n.list() {
		v := g.View()
		for _, m := range v.Members {
			add(m.Account)
			for _, d := range m.Devices {
				add(d.Device)
			}
		}
		for _, t := range v.Topics {
			secrets = append(secrets, t[:])
		}
	}
	n.post.Mind(ids, secrets)
}

// DevicesOf are the devices known of an account, from the book and from groups.
func (n *Node) DevicesOf(a session.Account) []session.Device {
	var out []session.Device
	add := func(d session.Device) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if c, ok := n.book.Contact(a); ok {
		for _, d := range c.Devices {
			add(d.ID)
		}
	}
	for _, g := range n.list() {
		for _, m := range g.View().Members {
			if m.Account == a {
				for _, d := range m.Devices {
					add(d.Device)
				}
			}
		}
	}
	return out
}
