package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet"
)

// call makes one call to a node's API.
func (n *Net) call(name string, do func(context.Context, *api.Client) error) error {
	d, err := n.find(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.ctx, callWait)
	defer cancel()
	if err := do(ctx, d.client); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// acquaint makes one node and others contacts of each other: a link of the one,
// used by all the others.
func (n *Net) acquaint(name string, others []string) error {
	strangers := map[string]*Node{} // by account
	for _, o := range others {
		d, err := n.find(o)
		if err != nil {
			return err
		}
		if !n.knows[[2]string{name, o}] {
			strangers[d.account] = d
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	return n.call(name, func(ctx context.Context, c *api.Client) error {
		l, err := c.NewLink(ctx, api.NewLink{Uses: len(strangers)})
		if err != nil {
			return err
		}
		err = n.each(slices.Collect(maps.Values(strangers)), func(d *Node) error {
			_, err := d.client.AddContact(ctx, api.NewContact{Link: l.URL})
			return err
		})
		if err != nil {
			return err
		}
		// Its events tell who has come: no asking again and again.
		for e, err := range c.Watch(ctx, api.WatchOptions{Types: []api.EventType{api.EventContact}}) {
			if err != nil {
				return err
			}
			if d := strangers[e.Contact.Account]; d != nil && e.Contact.State == api.ContactKnown {
				n.knows[[2]string{name, d.Name}] = true
				delete(strangers, d.account)
			}
			if len(strangers) == 0 {
				return nil
			}
		}
		return fmt.Errorf("%d nodes did not become contacts of %s within %v", len(strangers), name, callWait)
	})
}

// Group implements [testnet.Driver].
func (n *Net) Group(group, creator string, members ...string) error {
	if n.groups[group] {
		return fmt.Errorf("there is a group %s already", group)
	}
	if err := n.acquaint(creator, members); err != nil {
		return err
	}
	var accounts []string
	for _, m := range members {
		d, err := n.find(m)
		if err != nil {
			return err
		}
		accounts = append(accounts, d.account)
	}
	verb := n.verb("group", testnet.Word(creator), testnet.Word(group), testnet.Names(members...))
	err := n.asked(verb, creator, func(ctx context.Context, c *api.Client) error {
		_, err := c.CreateGroup(ctx, api.NewGroup{Name: group, Invite: accounts})
		return err
	})
	n.groups[group] = n.groups[group] || err == nil
	return err
}

// asked makes a call to a node's API that is a verb, and keeps the verb for
// Record if it was done.
func (n *Net) asked(v testnet.Verb, name string, do func(context.Context, *api.Client) error) error {
	err := n.call(name, do)
	if err == nil {
		n.note(v)
	}
	return err
}

// Open starts nodes with a group open among them, and waits until all are in
// it and agree.
func (n *Net) Open(group string, names []string, most time.Duration) error {
	if err := n.Nodes(names...); err != nil {
		return err
	}
	if err := n.Group(group, names[0], names[1:]...); err != nil {
		return err
	}
	var failed error
	in := 0 // so many of the nodes are known to be in: each is asked until it is, not all every time
	agreed := n.Until(func() bool {
		for ; in < len(names); in++ {
			d, err := n.find(names[in])
			if err == nil && !d.Up() {
				err = fmt.Errorf("%s: its daemon has ended; %s says why", d.Name, d.LogPath())
			}
			var v testnet.View
			if err == nil {
				v, err = n.view(d, group)
			}
			if failed = err; err != nil || len(v.Roster) != len(names) {
				return err != nil
			}
		}
		views, err := n.Views(group)
		failed = err
		return err != nil || !slices.ContainsFunc(views, func(v testnet.View) bool {
			return !v.In || v.State != views[0].State || len(v.Roster) != len(names)
		})
	}, most)
	if failed == nil && !agreed {
		text, err := n.Show(group)
		failed = errors.Join(n.ctx.Err(), err, fmt.Errorf("the nodes did not agree within %v:\n%s", most, text))
	}
	return failed
}

// about is a verb of a node about another.
func (n *Net) about(v testnet.Verb, by, who string, do func(ctx context.Context, c *api.Client, account string) error) error {
	d, err := n.find(who)
	if err != nil {
		return err
	}
	return n.asked(v, by, func(ctx context.Context, c *api.Client) error { return do(ctx, c, d.account) })
}

// Invite implements [testnet.Driver].
func (n *Net) Invite(by, group, who string) error {
	if err := n.acquaint(by, []string{who}); err != nil {
		return err
	}
	return n.about(n.verb("invite", words(by, group, who)...), by, who, func(ctx context.Context, c *api.Client, account string) error {
		_, err := c.Invite(ctx, group, account)
		return err
	})
}

// Remove implements [testnet.Driver].
func (n *Net) Remove(by, group, who string) error {
	return n.about(n.verb("remove", words(by, group, who)...), by, who, func(ctx context.Context, c *api.Client, account string) error {
		_, err := c.Remove(ctx, group, account)
		return err
	})
}

// Role implements [testnet.Driver].
func (n *Net) Role(by, group, who, role string) error {
	return n.about(n.verb("role", words(by, group, who, role)...), by, who, func(ctx context.Context, c *api.Client, account string) error {
		_, err := c.SetRole(ctx, group, account, api.Role(role))
		return err
	})
}

// Leave implements [testnet.Driver].
func (n *Net) Leave(who, group string) error {
	return n.asked(n.verb("leave", words(who, group)...), who, func(ctx context.Context, c *api.Client) error { _, err := c.Leave(ctx, group); return err })
}

// Refresh implements [testnet.Driver].
func (n *Net) Refresh(who, group string) error {
	return n.asked(n.verb("refresh", words(who, group)...), who, func(ctx context.Context, c *api.Client) error { _, err := c.Rotate(ctx, group); return err })
}

// Rename implements [testnet.Driver]. The group goes by its first name here.
func (n *Net) Rename(by, group, name string) error {
	return errors.New("groups of real nodes are found by their names, so a testnet does not rename them; the simulator does")
}

// Send implements [testnet.Driver].
func (n *Net) Send(who, group, text string) error {
	return n.asked(n.verb("send", words(who, group, text)...), who, func(ctx context.Context, c *api.Client) error {
		_, err := c.Send(ctx, group, api.NewMessage{Text: text})
		return err
	})
}

// Read implements [testnet.Driver].
func (n *Net) Read(who, group string) error {
	return n.asked(n.verb("read", words(who, group)...), who, func(ctx context.Context, c *api.Client) error {
		page, err := c.Messages(ctx, group, api.MessageQuery{Limit: api.MaxPage})
		if err != nil {
			return err
		}
		var read api.ReadUpTo
		for _, m := range page.Messages {
			read.Seq, read.Shown = m.Seq, append(read.Shown, m.Seq)
		}
		_, err = c.MarkRead(ctx, group, read)
		return err
	})
}

// Views implements [testnet.Stage].
func (n *Net) Views(group string) ([]testnet.View, error) {
	nodes := n.List()
	views := make([]testnet.View, len(nodes))
	place := make(map[*Node]int, len(nodes))
	for i, d := range nodes {
		place[d] = i
	}
	err := n.each(nodes, func(d *Node) (err error) {
		views[place[d]], err = n.view(d, group)
		return err
	})
	return views, err
}

// view asks one node for its view of a group.
func (n *Net) view(d *Node, group string) (testnet.View, error) {
	v := testnet.View{Node: d.Name, Account: d.Name, Up: d.Up()}
	if !v.Up {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(n.ctx, callWait)
	defer cancel()
	g, err := d.client.Group(ctx, group)
	switch {
	case errors.Is(err, api.NotFound), errors.Is(err, api.NoDaemon):
		return v, nil
	case err != nil:
		return v, err
	case g.State != api.GroupActive:
		return v, nil
	}
	v.In, v.State, v.Number, v.Read = true, g.Epoch.ID+g.Authenticator, g.Epoch.Number, int(g.Seq)
	for _, m := range g.Roster {
		v.Roster = append(v.Roster, n.nameOf(m.Account))
	}
	slices.Sort(v.Roster)
	return v, nil
}

// nameOf is the node of an account, or the beginning of the account where it is
// none of ours.
func (n *Net) nameOf(account string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.nodes {
		if d.account == account {
			return d.Name
		}
	}
	return account[:min(8, len(account))]
}

// Show implements [testnet.Driver]: who is in which state, and the tree as the
// first node that runs draws it.
func (n *Net) Show(group string) (string, error) {
	views, err := n.Views(group)
	if err != nil {
		return "", err
	}
	states := map[string][]string{}
	var order, out []string
	for _, v := range views {
		if !v.In {
			out = append(out, v.Node)
			continue
		}
		key := fmt.Sprintf("epoch %d %s", v.Number, v.State[:min(8, len(v.State))])
		if states[key] == nil {
			order = append(order, key)
		}
		states[key] = append(states[key], v.Node)
	}
	slices.Sort(order)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", group)
	for _, key := range order {
		fmt.Fprintf(&b, "  %s  ◄ %s\n", key, strings.Join(states[key], " "))
	}
	if len(out) > 0 {
		fmt.Fprintf(&b, "  not in it: %s\n", strings.Join(out, ", "))
	}
	return b.String(), nil
}
