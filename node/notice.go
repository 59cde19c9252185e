package node

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// Notices of sessions become events, here and nowhere else, and with them go
// rows that faces need later: how far each message of mine has come.

// report turns notices into events and the rows that go with them.
func (g *Group) report(notices []session.Notice) (events []api.Event, rows []session.Row) {
	moved := make(map[session.IntentID]*Mine)
	note := func(r session.Row) { rows = append(rows, r) }
	for _, n := range notices {
		e, ok := g.event(n, moved, note)
		if !ok {
			continue
		}
		e.Group, e.At = g.ID(), time.UnixMilli(int64(n.At)).UTC()
		events = append(events, e)
		if n.Kind != session.NoticeRemoved {
			continue
		}
		if row := g.row(); row.Left { // which is how leaving ends
			done, _ := g.operation(session.Notice{ID: row.Leave, State: session.StateFinal}, note)
			done.Group, done.At = e.Group, e.At
			events = append(events, done)
		}
	}
	for id, m := range moved {
		rows = append(rows, session.Row{Key: mineRows + g.tag + "/" + hexOf(id[:]), Value: encode(m)})
	}
	return events, rows
}

// Mine is how far a message of mine has come; its row stands under its intent,
// so that the same intent is never sent twice, and a second row leads from the
// message's id to it.
type Mine struct {
	Message session.MessageID `cbor:"1,keyasint"`
	Seq     uint64            `cbor:"2,keyasint"`
	State   api.Delivery      `cbor:"3,keyasint"`
	Peers   int               `cbor:"4,keyasint"`
	Got     int               `cbor:"5,keyasint"`
	Of      int               `cbor:"6,keyasint"`
	Text    string            `cbor:"7,keyasint,omitempty"` // until it is in the history
	Reason  string            `cbor:"8,keyasint,omitempty"`
	People  int               `cbor:"9,keyasint,omitempty"` // others in the group when it was asked for

	readers map[session.Account]bool // once asked for
}

const (
	mineRows   = "d/" // group tag / intent
	intentRows = "i/" // group tag / message
	readerRows = "r/" // group tag / message / account that has read it
)

// Progress is the same for faces. Whoever has left is not counted among those
// who have read it, nor among those who may.
func (g *Group) Progress(m *Mine) api.Progress {
	p := api.Progress{State: m.State, Peers: m.Peers, Delivered: m.Got, Of: m.Of}
	members := g.View().Members
	p.People = max(0, min(m.People, len(members)-1))
	if m.State != api.Read {
		return p
	}
	readers := g.readers(m)
	for _, at := range members {
		if readers[at.Account] {
			p.Read++
		}
	}
	if p.People = max(p.People, p.Read); p.Read == 0 {
		p.State = api.Delivered
	}
	return p
}

// readers are the accounts that have said that they read a message.
func (g *Group) readers(m *Mine) map[session.Account]bool {
	if m.readers != nil {
		return m.readers
	}
	m.readers = make(map[session.Account]bool)
	for row, err := range g.n.store.Rows(g.readerRow(m.Message, ""), "") {
		var a session.Account
		if b, bad := hex.DecodeString(row.Key); err == nil && bad == nil && len(b) == len(a) {
			copy(a[:], b)
			m.readers[a] = true
		}
	}
	return m.readers
}

func (g *Group) readerRow(id session.MessageID, account string) string {
	return readerRows + g.tag + "/" + hexOf(id[:]) + "/" + account
}

// sentMine reads the row of an intent, from the batch under way or from disk.
func (g *Group) sentMine(id session.IntentID, moved map[session.IntentID]*Mine) *Mine {
	if m := moved[id]; m != nil {
		return m
	}
	m := new(Mine)
	if b, err := g.n.store.Get(mineRows+g.tag+"/", hexOf(id[:])); err == nil && decode(b, m) != nil {
		m = new(Mine)
	}
	moved[id] = m
	return m
}

// progressOf is how far a message has come, by the batch under way or by disk;
// nil where it is of another device of mine.
func (g *Group) progressOf(id session.MessageID, moved map[session.IntentID]*Mine) *api.Progress {
	_, m := g.mineOf(id, moved)
	if m == nil {
		return nil
	}
	p := g.Progress(m)
	return &p
}

// mineOf is the row of a message of mine and the intent it stands under, likewise.
func (g *Group) mineOf(id session.MessageID, moved map[session.IntentID]*Mine) (session.IntentID, *Mine) {
	for intent, m := range moved {
		if m.Message == id {
			return intent, m
		}
	}
	if intent, ok := g.intentOf(id); ok {
		if m, ok := g.Mine(intent); ok {
			return intent, m
		}
	}
	return session.IntentID{}, nil
}

// intentOf finds which intent of mine a message is.
func (g *Group) intentOf(id session.MessageID) (out session.IntentID, ok bool) {
	b, err := g.n.store.Get(intentRows+g.tag+"/", hexOf(id[:]))
	if err != nil || len(b) != len(out) {
		return out, false
	}
	return session.IntentID(b), true
}

// event is what one notice says. It reports false where it is nothing that
// anybody asked to know. What is to be remembered with it goes to note.
func (g *Group) event(n session.Notice, moved map[session.IntentID]*Mine, note func(session.Row)) (e api.Event, ok bool) {
	name := g.Title()
	switch n.Kind {
	case session.NoticeText:
		m := g.message(session.History{Seq: n.Seq, At: n.At, Message: n.Message, Account: n.Account, Device: n.Device, Epoch: n.Epoch, Body: n.Body})
		m.Epoch.Number = n.Number
		if m.Mine {
			m.Progress = g.progressOf(n.Message, moved)
		}
		e.Type, e.Message, e.Text = api.EventMessage, &m, m.Name+": "+m.Text
	case session.NoticeSent, session.NoticeDelivered:
		e = g.delivery(n, moved, note)
	case session.NoticeRead:
		return g.wasRead(n, moved, note)
	case session.NoticeIntent:
		return g.operation(n, note)
	case session.NoticeRoster:
		e = g.roster(n)
	case session.NoticeJoined:
		e.Type, e.Change, e.Text = api.EventGroup, &api.GroupEvent{What: "joined", Name: name}, "You are in "+name+"."
		if n.Number == 0 { // a Welcome leads to an epoch after the first
			e.Change.What, e.Text = "founded", "You have founded "+name+"."
		}
	case session.NoticeRenamed:
		e.Type, e.Change, e.Text = api.EventGroup, &api.GroupEvent{What: "renamed", Name: string(n.Body)}, "The group is called "+string(n.Body)+" now."
	case session.NoticeRemoved:
		e.Type, e.Change, e.Text = api.EventGroup, &api.GroupEvent{What: "removed", Name: name}, "You are no longer in "+name+"."
		if n.Account != (session.Account{}) {
			e.Text = fmt.Sprintf("You were removed from %s by %s in epoch %d.", name, g.n.NameOf(n.Account), n.Number)
			if n.Account == g.n.self.Identity().Account {
				e.Text = fmt.Sprintf("Another device of yours left %s in epoch %d.", name, n.Number)
				if n.Device != (session.Device{}) {
					e.Text = fmt.Sprintf("Another device of yours took this one out of %s in epoch %d.", name, n.Number)
				}
			}
		}
		if g.Left() {
			e.Change.What, e.Text = "left", "You have left "+name+"."
		}
	case session.NoticeStranded:
		e.Type, e.Change = api.EventGroup, &api.GroupEvent{What: "stranded", Name: name}
		e.Text = "You were away from " + name + " for too long: a member must let you back in, and is asked to."
	case session.NoticeEpoch, session.NoticeFork:
		e.Type, e.Epoch = api.EventEpoch, &api.EpochEvent{EpochRef: g.EpochRef(n.Epoch, n.Number), Members: len(g.View().Members), Agreed: n.Agreed}
		e.Text = fmt.Sprintf("%s is at epoch %d, %d of %d agree.", name, n.Number, n.Agreed, n.Of)
		if n.Kind == session.NoticeFork {
			e.Type, e.Text = api.EventFork, api.Sentence(n.Reason)
		}
	case session.NoticeGap:
		e.Type, e.Text = api.EventGap, api.Sentence(n.Reason)
	case session.NoticeTrouble:
		e.Type, e.Text = api.EventTrouble, api.Sentence(n.Reason)
	default:
		return e, false
	}
	return e, true
}

// agreement is how far the voters have come to stand with the head, when events
// told of it last.
type agreement struct {
	head   session.EpochID
	agreed int
}

// grew tells that most voters, or now all of them, stand with a head that has
// not moved. Votes are many and the session tells of none: these two steps are
// what people wait for.
func (g *Group) grew() (n session.Notice, grew bool) {
	head, number, agreed, of := g.session.Agreement()
	was := g.agreed
	g.agreed = agreement{head, agreed}
	if head != was.head || agreed <= was.agreed {
		return n, false
	}
	most := was.agreed*2 <= of && agreed*2 > of
	return session.Notice{Kind: session.NoticeEpoch, At: now(), Epoch: head, Number: number, Agreed: agreed, Of: of}, most || agreed == of
}

// Title is the group's name, or what to say where it has none.
func (g *Group) Title() string {
	if name := g.View().Name; name != "" {
		return name
	}
	if row := g.row(); row.Name != "" {
		return row.Name
	}
	return "group " + g.ID()[:8]
}

// delivery is progress of a message of mine.
func (g *Group) delivery(n session.Notice, moved map[session.IntentID]*Mine, note func(session.Row)) api.Event {
	m := g.sentMine(n.ID, moved)
	if m.Message != n.Message { // the first of many
		note(session.Row{Key: intentRows + g.tag + "/" + hexOf(n.Message[:]), Value: n.ID[:]})
		m.Message = n.Message
	}
	d := &api.DeliveryEvent{Message: hexOf(n.Message[:])}
	if n.Kind == session.NoticeDelivered {
		m.Got, m.Of = n.Count, n.Of
		m.reached(api.Delivered)
		d.By = hexOf(n.Account[:])
		d.Progress = g.Progress(m)
		return api.Event{Type: api.EventDelivery, Delivery: d, Text: fmt.Sprintf("Delivered to %s, %d of %d devices.", g.n.NameOf(n.Account), m.Got, m.Of)}
	}
	text := ""
	switch n.State {
	case session.StateQueued:
		m.State, text = api.Queued, api.Sentence(cmp.Or(n.Reason, "queued; nobody else has it yet"))
		m.People = len(g.View().Members) - 1
	case session.StateHanded:
		m.State, m.Peers, text = api.Handed, n.Count, fmt.Sprintf("Handed to %d peers.", n.Count)
	case session.StateDelivered, session.StateFinal:
		text, m.Got = "Delivered to everybody.", max(m.Got, m.Of)
		m.reached(api.Delivered)
	case session.StateDenied, session.StateExpired:
		m.State, m.Reason, text = api.Held, n.Reason, api.Sentence("not sent: "+n.Reason)
	default:
		text = api.Sentence("it moved on: " + n.Reason)
	}
	d.Progress = g.Progress(m)
	return api.Event{Type: api.EventDelivery, Delivery: d, Text: text}
}

// reached notes a state; what somebody has read stays read.
func (m *Mine) reached(state api.Delivery) {
	if m.State != api.Read {
		m.State = state
	}
}

// wasRead notes that somebody has read a message of mine, once.
func (g *Group) wasRead(n session.Notice, moved map[session.IntentID]*Mine, note func(session.Row)) (api.Event, bool) {
	intent, m := g.mineOf(n.Message, moved)
	if m == nil || g.readers(m)[n.Account] {
		return api.Event{}, false
	}
	moved[intent] = m
	m.readers[n.Account] = true
	m.State = api.Read
	note(session.Row{Key: g.readerRow(n.Message, hexOf(n.Account[:])), Value: []byte{1}})
	d := &api.DeliveryEvent{Message: hexOf(n.Message[:]), By: hexOf(n.Account[:]), Progress: g.Progress(m)}
	text := fmt.Sprintf("Read by %s, %d of %d people.", g.n.NameOf(n.Account), d.Progress.Read, d.Progress.People)
	return api.Event{Type: api.EventDelivery, Delivery: d, Text: text}, true
}

// operation is progress of a change that somebody here asked for.
func (g *Group) operation(n session.Notice, note func(session.Row)) (api.Event, bool) {
	if g.reads[n.ID] {
		delete(g.reads, n.ID)
		return api.Event{Type: api.EventRead, Text: "Read."}, true
	}
	op := api.Operation{ID: hexOf(n.ID[:]), Group: g.ID(), State: opState(n.State), Reason: n.Reason}
	note(g.n.ops.Set(op))
	text := map[api.OpState]string{
		api.OpQueued: "The change is queued.", api.OpHanded: "The change is with peers.", api.OpBound: "A commit carries the change.",
		api.OpLanded: "The change is made.", api.OpFinal: "The change is final.", api.OpSuperseded: "The change was not needed: somebody was faster.",
		api.OpDenied: "The group does not allow the change.", api.OpExpired: "The change waited too long.",
	}[op.State]
	if op.Reason != "" {
		text = api.Sentence(op.Reason)
	}
	return api.Event{Type: api.EventOperation, Operation: &api.OperationEvent{ID: op.ID, State: op.State, Reason: op.Reason}, Text: text}, true
}

func opState(s session.State) api.OpState {
	switch s {
	case session.StateQueued:
		return api.OpQueued
	case session.StateHanded:
		return api.OpHanded
	case session.StateBound:
		return api.OpBound
	case session.StateLanded:
		return api.OpLanded
	case session.StateFinal, session.StateDelivered:
		return api.OpFinal
	case session.StateSuperseded:
		return api.OpSuperseded
	case session.StateDenied:
		return api.OpDenied
	}
	return api.OpExpired
}

// roster is a member that came, went or changed.
func (g *Group) roster(n session.Notice) api.Event {
	name := g.n.NameOf(n.Account)
	m := &api.MemberEvent{Account: hexOf(n.Account[:]), Name: name}
	if n.Device != (session.Device{}) {
		m.Device = hexOf(n.Device[:])
	}
	text := ""
	switch n.Change {
	case session.ChangeAdded:
		m.Change, text = "added", name+" is in the group now."
	case session.ChangeRemoved:
		m.Change, text = "removed", name+" was removed from the group."
	case session.ChangeLeft:
		m.Change, text = "left", name+" has left the group."
	case session.ChangeDeviceAdded:
		m.Change, text = "device-added", name+" has a new device in the group."
	case session.ChangeDeviceRemoved:
		m.Change, text = "device-removed", "A device of "+name+" is no longer in the group."
	case session.ChangeRole:
		m.Change, m.Role = "role", RoleName(n.Role)
		text = fmt.Sprintf("%s is %s now.", name, m.Role)
	case session.ChangeKeys:
		m.Change, text = "keys", name+" has renewed the keys of a device."
	}
	return api.Event{Type: api.EventMember, Member: m, Text: text}
}

// Message is a row of history as faces see it, with how far it has come if it
// is mine.
func (g *Group) Message(h session.History) api.Message {
	m := g.message(h)
	if !m.Mine {
		return m
	}
	m.Progress = g.progressOf(h.Message, nil)
	return m
}

// Mine is how far the message of an intent has come.
func (g *Group) Mine(id session.IntentID) (*Mine, bool) {
	m := g.sentMine(id, map[session.IntentID]*Mine{})
	return m, m.State != ""
}

func (g *Group) message(h session.History) api.Message {
	m := api.Message{
		ID: hexOf(h.Message[:]), Group: g.ID(), Seq: h.Seq, Author: hexOf(h.Account[:]), Name: g.n.NameOf(h.Account),
		Mine: h.Account == g.n.self.Identity().Account, Kind: "text", Epoch: g.EpochRef(h.Epoch, 0),
	}
	m.Received = time.UnixMilli(int64(h.At)).UTC()
	m.Sent = m.Received
	c, err := session.DecodeContent(h.Body)
	switch {
	case err != nil:
		m.Kind, m.Text = "unreadable", "‹a message in a form that this version does not know›"
	case c.Kind == session.ContentReaction && c.Re != (session.MessageID{}):
		m.Kind, m.Text = "reaction", c.Text
	case c.Kind != session.ContentText:
		m.Kind, m.Text = fmt.Sprintf("kind-%d", c.Kind), fmt.Sprintf("‹a message of kind %d, which this version does not know›", c.Kind)
	default:
		m.Text = c.Text
	}
	if c.Re != (session.MessageID{}) {
		m.ReplyTo = hexOf(c.Re[:])
	}
	return m
}

// EpochRef names a state. Its print is of its id, which is a hash over all the
// state's history and secrets.
func (g *Group) EpochRef(id session.EpochID, number uint64) api.EpochRef {
	return api.EpochRef{ID: hexOf(id[:]), Number: number, Print: hexOf(id[:2]) + "·" + hexOf(id[2:4])}
}

// RoleName is a role in the API's words.
func RoleName(r session.Role) api.Role {
	return [...]api.Role{api.RoleMember, api.RoleAdmin, api.RoleOwner}[min(int(r), 2)]
}

// Left reports whether this node asked to go.
func (g *Group) Left() bool { return g.row().Left }

func (g *Group) row() (r groupRow) {
	if b, err := g.n.store.Get(groupRows, g.tag); err == nil && decode(b, &r) != nil {
		r = groupRow{}
	}
	return r
}
