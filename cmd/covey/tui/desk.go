package tui

import (
	"context"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/node/api"
)

// page is how many messages are loaded when a group is opened.
const page = 200

// keep bounds the lines of one timeline: older ones are read again on demand.
const keep = 2000

// A job runs off the loop and returns what to do on it; nil for nothing.
type job func(context.Context) apply

// An apply changes the desk, on the loop, and may ask for a further job.
type apply func(*desk) job

// line is one entry of the timeline: a message, or a note that the node made.
type line struct {
	message *api.Message
	note    string
	kind    api.EventType
	at      string
	reacts  []string
	keys    bool // the note says that keys were renewed
}

// desk is what the face knows. Its loop owns it.
type desk struct {
	client *api.Client
	extra  []Command

	status api.Status
	groups []api.Group
	open   api.GroupDetail
	lines  []line
	byID   map[string]int  // message id -> index in lines
	past   uint64          // cursor of the last note that was loaded with the open group
	told   map[uint64]bool // messages of the open group that were on the screen, as their authors were told
	asks   []string        // what waits for an answer, a sentence each
	reply  string          // id of the message being answered
	notice string          // last thing said to the person, below the timeline
}

func newDesk(c *api.Client, extra []Command) *desk {
	return &desk{client: c, extra: extra, byID: map[string]int{}}
}

// say shows a sentence.
func say(s string) apply { return func(d *desk) job { d.notice = s; return nil } }

// failed shows what went wrong and what to do about it.
func failed(err error) apply { return say(api.AsError(err).Error()) }

// refresh reads the lists again.
func (d *desk) refresh() job {
	c := d.client
	return func(ctx context.Context) apply {
		status, err := c.Status(ctx)
		if err != nil {
			return failed(err)
		}
		groups, err := c.Groups(ctx)
		if err != nil {
			return failed(err)
		}
		asks := waiting(ctx, c)
		return func(d *desk) job {
			d.status, d.groups, d.asks = status, groups, asks
			if d.open.ID == "" && len(groups) > 0 {
				return d.enter(groups[0].ID)
			}
			return nil
		}
	}
}

// waiting lists invitations and requests, with the command that answers each.
func waiting(ctx context.Context, c *api.Client) []string {
	invitations, err := c.Invitations(ctx)
	if err != nil {
		return []string{api.AsError(err).Error()}
	}
	contacts, err := c.Contacts(ctx)
	if err != nil {
		return append(asking(invitations, nil), api.AsError(err).Error())
	}
	return asking(invitations, contacts)
}

func asking(invitations []api.Invitation, contacts []api.Contact) (asks []string) {
	var groups, people []string
	for _, i := range invitations {
		groups = append(groups, i.Name)
	}
	for _, k := range contacts {
		people = append(people, k.Name)
	}
	for _, i := range invitations {
		who := name(i.FromName)
		if i.Stranger {
			who += " (nobody you know)"
		}
		asks = append(asks, who+" invites you to "+name(i.Name)+": /accept "+typed(i.Name, i.ID, groups))
	}
	for _, k := range contacts {
		if k.State == api.ContactRequest {
			ask := name(k.Name) + " would like to be a contact"
			if k.Hello != "" {
				ask += " (“" + name(k.Hello) + "”)"
			}
			asks = append(asks, ask+": /yes "+typed(k.Name, k.Account, people))
		}
	}
	return asks
}

// typed is what somebody types to mean one of several: its name, or, where that is
// also another's or is not seen as it is, the beginning of its id.
func typed(called, id string, all []string) string {
	same := 0
	for _, other := range all {
		if strings.EqualFold(other, called) {
			same++
		}
	}
	if same == 1 && called != "" && name(called) == called {
		return called
	}
	return id[:min(8, len(id))]
}

// enter opens a group.
func (d *desk) enter(group string) job {
	c := d.client
	return func(ctx context.Context) apply {
		g, err := c.Group(ctx, group)
		if err != nil {
			return failed(err)
		}
		p, err := c.Messages(ctx, g.ID, api.MessageQuery{Limit: page})
		if err != nil {
			return failed(err)
		}
		notes, err := happened(ctx, c, g.ID, p)
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job {
			d.open, d.lines, d.byID, d.reply, d.past, d.told = g, nil, map[string]int{}, "", 0, map[uint64]bool{}
			for _, m := range p.Messages {
				for len(notes) > 0 && notes[0].At.Before(m.Received) {
					d.note(notes[0])
					notes = notes[1:]
				}
				d.add(m)
			}
			for _, e := range notes {
				d.note(e)
			}
			return d.seen()
		}
	}
}

// happened is what the node's log has told of a group besides messages, from
// the first message of a page on: who came and went, whose device changed, and
// what became of forks stays in the timeline.
func happened(ctx context.Context, c *api.Client, group string, p api.Page) (notes []api.Event, err error) {
	told := []api.EventType{api.EventMember, api.EventFork, api.EventGap, api.EventGroup}
	for e, err := range c.Watch(ctx, api.WatchOptions{Types: told, Group: group, Once: true}) {
		if err != nil {
			return nil, err
		}
		entered := e.Type == api.EventGroup && (e.Change.What == "joined" || e.Change.What == "founded")
		if early := p.More && e.At.Before(p.Messages[0].Received); !entered && !early {
			notes = append(notes, e)
		}
	}
	return notes, nil
}

// detail reads the open group again.
func (d *desk) detail() job {
	if d.open.ID == "" {
		return nil
	}
	c, id := d.client, d.open.ID
	return func(ctx context.Context) apply {
		g, err := c.Group(ctx, id)
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job {
			if d.open.ID == g.ID {
				d.open = g
			}
			return nil
		}
	}
}

// seen marks the open group as read.
func (d *desk) seen() job {
	c, id := d.client, d.open.ID
	return func(ctx context.Context) apply {
		if _, err := c.MarkRead(ctx, id, api.ReadUpTo{}); err != nil {
			return failed(err)
		}
		groups, err := c.Groups(ctx)
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job { d.groups = groups; return nil }
	}
}

// tell has the authors of messages told that they were on the screen, where the
// person lets them know.
func (d *desk) tell(shown []api.Message) job {
	if !d.status.ReadReceipts {
		return nil
	}
	read := api.ReadUpTo{}
	for _, m := range shown {
		if !m.Mine && !d.told[m.Seq] && m.Group == d.open.ID {
			d.told[m.Seq] = true
			read.Seq, read.Shown = max(read.Seq, m.Seq), append(read.Shown, m.Seq)
		}
	}
	if len(read.Shown) == 0 {
		return nil
	}
	c, id := d.client, d.open.ID
	return func(ctx context.Context) apply {
		if _, err := c.MarkRead(ctx, id, read); err != nil {
			return failed(err)
		}
		return nil
	}
}

// add puts a message into the timeline, once.
func (d *desk) add(m api.Message) {
	if m.Kind == "reaction" {
		if i, ok := d.byID[m.ReplyTo]; ok {
			if _, done := d.byID[m.ID]; !done {
				d.byID[m.ID] = i
				d.lines[i].reacts = append(d.lines[i].reacts, name(m.Text))
			}
		}
		return
	}
	if _, ok := d.byID[m.ID]; ok {
		return
	}
	d.byID[m.ID] = len(d.lines)
	d.lines = append(d.lines, line{message: &m, at: clock(m.Sent)})
	d.trim()
}

// note puts a sentence of the node's into the timeline, once: it may come with
// the group, and again as news.
func (d *desk) note(e api.Event) {
	if e.Group == d.open.ID && e.Group != "" {
		if e.Cursor <= d.past {
			return
		}
		d.past = e.Cursor
	}
	l := line{note: Visible(e.Text), kind: e.Type, at: clock(e.At), keys: e.Member != nil && e.Member.Change == "keys"}
	if n := len(d.lines); l.keys && n > 0 && d.lines[n-1].keys {
		d.lines[n-1] = l // of renewals in a row, each device's once a day, the last is shown
		return
	}
	d.lines = append(d.lines, l)
	d.trim()
}

func (d *desk) trim() {
	if len(d.lines) <= keep {
		return
	}
	cut := keep / 4
	d.lines = slices.Delete(d.lines, 0, cut)
	for id, i := range d.byID {
		if i < cut {
			delete(d.byID, id)
		} else {
			d.byID[id] = i - cut
		}
	}
}

// event takes in one line of the node's log.
func (d *desk) event(e api.Event) job {
	here := e.Group != "" && e.Group == d.open.ID
	switch e.Type {
	case api.EventMessage:
		if !here {
			return d.refresh()
		}
		d.add(*e.Message)
		return d.seen()
	case api.EventDelivery:
		if i, ok := d.byID[e.Delivery.Message]; here && ok {
			p := e.Delivery.Progress
			d.lines[i].message.Progress = &p
		}
		if d.status.Queued > 0 && e.Delivery.Progress.State != api.Queued {
			return d.refresh() // fewer wait now
		}
		return nil
	case api.EventOperation:
		switch e.Operation.State {
		case api.OpDenied, api.OpSuperseded, api.OpExpired:
			d.note(e)
		}
		return nil
	case api.EventEpoch:
		if here {
			return d.detail()
		}
		return d.refresh()
	case api.EventPeer:
		if d.open.ID != "" {
			return d.then(d.detail(), d.refresh())
		}
		return d.refresh()
	case api.EventMember, api.EventFork, api.EventGap:
		if here {
			d.note(e)
			return d.detail()
		}
	case api.EventTrouble, api.EventTrimmed:
		d.note(e)
	case api.EventGroup:
		if here && e.Change.What != "joined" && e.Change.What != "founded" {
			d.note(e)
			return d.then(d.detail(), d.refresh())
		}
		return d.refresh()
	case api.EventContact, api.EventInvitation:
		d.notice = Visible(e.Text)
		return d.refresh()
	}
	return nil
}

// then runs one job after another.
func (d *desk) then(first, second job) job {
	return func(ctx context.Context) apply {
		a := first(ctx)
		return func(d *desk) job {
			if a != nil {
				a(d)
			}
			return second
		}
	}
}

// find returns the message that a person means: by its last digits, or the
// newest of somebody else where none are given.
func (d *desk) find(ref string) *api.Message {
	for _, l := range slices.Backward(d.lines) {
		m := l.message
		if m == nil || ref == "" && m.Mine || ref != "" && !strings.HasPrefix(m.ID, ref) {
			continue
		}
		return m
	}
	return nil
}
