package sim

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// Group is one group of a world.
type Group struct {
	w    *World
	name string
	by   session.Account // who founded it
	mail []letter        // Welcomes for nodes that could not be reached

	edges map[session.EpochID]*edge // every epoch anybody derived
	order []*edge                   // in order of appearance

	entered map[sum]session.EpochID // what a commit led to, by its hash
}

func newGroup(w *World, name string, by session.Account) *Group {
	return &Group{w: w, name: name, by: by, edges: map[session.EpochID]*edge{}, entered: map[sum]session.EpochID{}}
}

// letter waits in a mailbox until its reader can be reached.
type letter struct {
	to, from int
	bytes    []byte
}

// addNode makes a node and, with the first of an account, the account.
func (w *World) addNode(name string) {
	account, _, _ := strings.Cut(name, "/")
	n := &node{w: w, idx: len(w.nodes), name: name, account: account, up: true, disk: newDisk(&w.shelf), seats: map[string]*seat{}, clock: newClock()}
	secrets := NewRand(w.seed, "account", account)
	accountSecret, deviceSecret := make([]byte, 32), make([]byte, 32)
	secrets.Read(accountSecret)
	NewRand(w.seed, "device", name).Read(deviceSecret)
	id, err := session.NewIdentity(w.engine, accountSecret, deviceSecret, account)
	if err != nil {
		panic("sim: an identity of our own making is refused: " + err.Error())
	}
	n.id = id
	w.nodes, w.byName[name] = append(w.nodes, n), n
	w.names[id.Account], w.devices[id.Device] = account, n
	w.people[account] = append(w.people[account], n)
}

// seatFor is a node's place in a group, made where there is none.
func (w *World) seatFor(n *node, g *Group) *seat {
	s := n.seats[g.name]
	if s == nil {
		s = &seat{n: n, group: g}
		s.eng = &meter{Engine: w.engine, s: s}
		s.rule = g.rule()
		n.seats[g.name] = s
		w.Book.Seat(w.now, g.name, n.name, n.account)
	}
	return s
}

// rule makes the rule for one session of the group.
func (g *Group) rule() consensus.Rule {
	if g.w.rule == nil {
		return consensus.Rule{}
	}
	return g.w.rule(g.by)
}

// config is what a session is given; its luck is its own, and new each boot.
func (s *seat) config() session.Config {
	n := s.n
	s.luck = NewRand(n.w.seed, "session", n.name, s.group.name, itoa(n.boots))
	return session.Config{
		Engine:  s.eng,
		Rule:    s.rule,
		Self:    n.id,
		Rand:    s.luck,
		Commons: &n.w.commons,
		Spared:  s.eng.spared,
	}
}

// create founds a group, by an engine that may have the others in it already; its
// id is then given, else drawn.
func (n *node) create(g *Group, by session.Engine, id []byte) {
	n.w.tape.add(n, func(m *node) { m.create(m.w.groups[g.name], by, id) })
	s := n.w.seatFor(n, g)
	cfg := s.config()
	cfg.Rand = io.MultiReader(bytes.NewReader(id), s.luck)
	s.eng.Engine = by
	made, e, err := session.Create(cfg, n.clock.read(n.w.now), g.name)
	s.eng.Engine = n.w.engine
	if err != nil {
		panic("sim: a group cannot be founded: " + err.Error())
	}
	s.run(made)
	n.after(s, e)
}

// run seats a session.
func (s *seat) run(made *session.Session) {
	s.s, s.live, s.moved = made, true, s.n.w.now
	s.n.w.topics[s.group.name].subscribe(s.n.idx)
}

// welcome tries to enter a group, or tells the session that is there already.
func (n *node) welcome(g *Group, bytes []byte) {
	if !n.up {
		return
	}
	s := n.w.seatFor(n, g)
	if s.live {
		n.w.enter(n.idx, g.name, session.Welcomed{Bytes: bytes, Packages: n.pool})
		return
	}
	n.w.tape.add(n, func(m *node) { m.welcome(m.w.groups[g.name], bytes) })
	made, e, err := session.Join(s.config(), n.clock.read(n.w.now), bytes, n.pool)
	if err != nil {
		n.w.note(Entry{Kind: "lost", Node: n.name, Group: g.name, Text: "welcome: " + err.Error()})
		return
	}
	s.run(made)
	n.after(s, e)
}

// spend lets go of key packages that let somebody in.
func (n *node) spend(used [][]byte) {
	if len(used) > 0 {
		n.pool = slices.DeleteFunc(slices.Clone(n.pool), func(p session.Package) bool {
			return slices.ContainsFunc(used, func(u []byte) bool { return bytes.Equal(p.Public, u) })
		})
	}
}

// offered is the key package that the directory has of a device now.
func (n *node) offered() []byte {
	n.w.tape.add(n, func(m *node) { m.offered() })
	if len(n.pool) == 0 {
		luck := NewRand(n.w.seed, "package", n.name, n.w.now.String())
		p, err := n.w.engine.NewKeyPackage(n.id, n.clock.read(n.w.now), luck)
		if err != nil {
			return nil
		}
		n.pool = append(n.pool, p)
	}
	return n.pool[len(n.pool)-1].Public
}

// start runs a node from its disk.
func (n *node) start() {
	n.up, n.stopped = true, ""
	n.w.note(Entry{Kind: "up", Node: n.name})
	n.w.netChanged()
	for _, name := range sortedKeys(n.seats) {
		s := n.seats[name]
		rows, err := n.disk.load(name)
		if err != nil {
			n.fail(err.Error())
			return
		}
		if len(rows) == 0 { // it had joined, and that was not durable yet
			n.w.topics[name].leave(n.idx)
			continue
		}
		made, e, err := session.Load(s.config(), n.clock.read(n.w.now), rows)
		if err != nil {
			n.fail("load: " + err.Error())
			return
		}
		s.run(made)
		s.catchUp()
		n.after(s, e)
	}
	n.w.presence(n)
	n.w.deliverMail()
}

// damage spoils one row of each group.
func (n *node) damage() {
	luck := NewRand(n.w.seed, "damage", n.name, itoa(n.boots))
	for _, g := range sortedKeys(n.disk.groups) {
		if rows := n.disk.groups[g]; len(rows) > 0 {
			n.disk.damage(g, rows[luck.IntN(len(rows))].key)
		}
	}
}

// restore brings the backup back and starts from it.
func (n *node) restore() {
	if n.backup == nil {
		return
	}
	if n.up {
		n.fail("stopped to restore a backup")
	}
	n.disk.restore(n.backup)
	n.start()
}

// presence tells the books whether the node is there to be owed anything.
func (w *World) presence(n *node) {
	for _, g := range sortedKeys(n.seats) {
		w.Book.Away(g, n.name, !n.up)
	}
}

// deliverMail hands over what waited for its reader.
func (w *World) deliverMail() {
	for _, name := range sortedKeys(w.groups) {
		g := w.groups[name]
		waiting := g.mail
		g.mail = nil
		for _, l := range waiting {
			if !w.net.open(l.from, l.to) {
				g.mail = append(g.mail, l)
				continue
			}
			w.net.stream(pair{l.from, l.to}, l.bytes, "mail "+name, func() { w.nodes[l.to].welcome(g, l.bytes) })
		}
	}
}

// reached is a state that the seat's engine derived.
func (s *seat) reached(e session.Epoch) {
	w := s.n.w
	if w.opens != nil {
		w.opens[[16]byte(e.Export("covey branch tag", 16))] = session.Key(e.Export("covey branch", 32))
	}
	if w.quick {
		return
	}
	id := e.ID()
	if e.Number()%4 == 0 {
		s.anchor = anchor{id, e.Number(), e.Export("covey control", 32), e.Export("covey readmit", 32)}
	}
	var roster []string
	if name := hex.EncodeToString(id[:]); w.Book.Roster(name) == nil || len(e.Members()) <= wholeRosters {
		roster = w.roster(e)
	}
	w.Book.Epoch(w.now, s.group.name, s.n.name, hex.EncodeToString(id[:]), e.Number(), commitment(e), roster)
}

// used is a message key that was used. It counts when something leaves the
// machine: what a crash kept in memory nobody has seen.
func (s *seat) used(epoch string, record []byte) {
	if !s.n.w.quick {
		s.keys = append(s.keys, usedKey{epoch, string(record)})
	}
}

// shown tells the books of the keys used for what is about to leave.
func (s *seat) shown() {
	for _, k := range s.keys {
		s.n.w.Book.Key(s.n.w.now, s.group.name, s.n.name, k.epoch, k.record)
	}
	s.keys = nil
}

// notice is what a session tells its faces.
func (s *seat) notice(n *session.Notice) {
	w, name, who := s.n.w, s.group.name, s.n.name
	if w.trace.on {
		w.note(noticeEntry(s, n))
	}
	s.moved = w.now
	switch n.Kind {
	case session.NoticeText:
		s.read(n.Account, n.Body, n.Seq, n.Epoch)
	case session.NoticeRead:
		if body, ok := s.said(n.Message); ok {
			w.Book.Told(w.now, name, who, w.names[n.Account], body)
		}
	case session.NoticeEpoch, session.NoticeJoined:
		if n.Epoch != (session.EpochID{}) && n.Epoch != s.head {
			s.move(n.Epoch, n.Number)
		}
	case session.NoticeIntent, session.NoticeSent:
		w.Book.Moved(w.now, name, who, hexID(n.ID), stateNames[n.State])
	case session.NoticeFork:
		if n.Count > 0 {
			s.undone = append(s.undone, n.Count)
		}
	case session.NoticeGap:
		s.gaps++
	case session.NoticeRemoved:
		s.head = session.EpochID{}
		w.Book.Gone(name, who)
	case session.NoticeStranded:
		w.Book.Stranded(name, who)
	}
}

// catchUp is what a face does after a restart: a crash may have kept notices
// from it, so it reads the history's rows from where it was, and the view.
func (s *seat) catchUp() {
	w := s.n.w
	for _, r := range s.n.disk.groups[s.group.name].under(session.HistoryPrefix) {
		if h, err := session.DecodeHistory(r.value); err == nil && h.Seq > s.seq {
			s.read(h.Account, h.Body, h.Seq, h.Epoch)
		}
	}
	v := s.s.View()
	switch v.Standing {
	case session.TakenOut:
		s.head = session.EpochID{}
		w.Book.Gone(s.group.name, s.n.name)
	case session.LeftBehind:
		w.Book.Stranded(s.group.name, s.n.name)
	default:
		s.move(v.Head, v.Number)
	}
}

// read is a text that a face shows.
func (s *seat) read(author session.Account, bytes []byte, seq uint64, epoch session.EpochID) {
	body := textOf(bytes)
	s.seq = seq
	s.texts = append(s.texts, body)
	if w := s.n.w; !w.quick {
		w.Book.Got(w.now, s.group.name, s.n.name, w.names[author], body, epochName(epoch))
	}
}

// look has a person see the whole history, and lets the authors know.
func (s *seat) look(id session.IntentID) session.Event {
	read := session.Read{ID: id, Seq: s.seq}
	var bodies []string
	for _, r := range s.n.disk.groups[s.group.name].under(session.HistoryPrefix) {
		h, err := session.DecodeHistory(r.value)
		if err != nil || h.Device == s.n.id.Device {
			continue
		}
		read.Shown = append(read.Shown, session.Shown{Message: h.Message, Author: h.Device})
		bodies = append(bodies, textOf(h.Body))
	}
	s.n.w.Book.Looks(s.group.name, s.n.name, hexID(id), bodies)
	return read
}

// said is what a message says, by the rows.
func (s *seat) said(id session.MessageID) (body string, ok bool) {
	for _, r := range s.n.disk.groups[s.group.name].under(session.HistoryPrefix) {
		if h, err := session.DecodeHistory(r.value); err == nil && h.Message == id {
			return textOf(h.Body), true
		}
	}
	return "", false
}

// move follows the head.
func (s *seat) move(head session.EpochID, number uint64) {
	if s.leaves(head) {
		s.reorgs++
	}
	s.head, s.number = head, number
	s.moves++
	id := hex.EncodeToString(head[:])
	s.n.w.Book.Head(s.n.w.now, s.group.name, s.n.name, id)
	s.heads = append(s.heads, head)
}

// excluded are the accounts this device has seen come and go.
func (s *seat) excluded() (out []string) {
	now := s.n.w.Book.Roster(epochName(s.head))
	for _, head := range s.heads {
		for _, account := range s.n.w.Book.Roster(epochName(head)) {
			if _, in := slices.BinarySearch(now, account); !in {
				out = append(out, account)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// asks tells the books what its person asks for.
func (s *seat) asks(id session.IntentID, what string) {
	group := s.group.name
	s.n.w.tape.add(s.n, func(m *node) { m.seats[group].asks(id, what) })
	s.n.w.Book.Asked(group, s.n.name, hexID(id), what)
}

func (s *seat) send(body string) {
	w := s.n.w
	id := w.newID()
	if !w.quick {
		w.Book.Sent(w.now, s.group.name, s.n.name, hexID(id), body, s.excluded())
	}
	s.asks(id, "send "+body)
	w.enter(s.n.idx, s.group.name, session.Send{ID: id, Body: session.Text(body)})
}

func textOf(body []byte) string {
	c, err := session.DecodeContent(body)
	if err != nil {
		return "undecodable " + hex.EncodeToString(body[:min(8, len(body))])
	}
	return c.Text
}

// newID names an intent.
func (w *World) newID() (id session.IntentID) {
	w.intents++
	NewRand(w.seed, "intent", itoa(w.intents)).Read(id[:])
	return id
}

func hexID(id session.IntentID) string { return hex.EncodeToString(id[:]) }

var stateNames = map[session.State]string{
	session.StateQueued: check.Queued, session.StateHanded: check.Handed, session.StateBound: check.Bound,
	session.StateLanded: check.Landed, session.StateFinal: check.Final, session.StateDelivered: check.Delivered,
	session.StateSuperseded: check.Superseded, session.StateDenied: check.Denied, session.StateExpired: check.Expired,
}

var noticeNames = map[session.NoticeKind]string{
	session.NoticeJoined: "joined", session.NoticeText: "text", session.NoticeSent: "sent", session.NoticeDelivered: "delivered",
	session.NoticeIntent: "intent", session.NoticeRoster: "roster", session.NoticeEpoch: "epoch", session.NoticeFork: "fork",
	session.NoticeGap: "gap", session.NoticeRemoved: "removed", session.NoticeStranded: "stranded",
	session.NoticeTrouble: "trouble", session.NoticeRenamed: "renamed", session.NoticeRead: "read",
}

var changeNames = map[session.Change]string{
	session.ChangeAdded: "added", session.ChangeRemoved: "removed", session.ChangeLeft: "left",
	session.ChangeDeviceAdded: "device added", session.ChangeDeviceRemoved: "device removed",
	session.ChangeRole: "role", session.ChangeKeys: "keys",
}

func noticeEntry(s *seat, n *session.Notice) Entry {
	e := Entry{Kind: "notice", Node: s.n.name, Group: s.group.name, Number: n.Number, Count: n.Count}
	if n.Epoch != (session.EpochID{}) {
		e.Epoch = hex.EncodeToString(n.Epoch[:4])
	}
	if n.ID != (session.IntentID{}) {
		e.ID = hexID(n.ID)[:8]
	}
	text := []string{noticeNames[n.Kind]}
	switch n.Kind {
	case session.NoticeText:
		text = append(text, textOf(n.Body))
	case session.NoticeIntent, session.NoticeSent:
		text = append(text, stateNames[n.State])
	case session.NoticeRoster:
		text = append(text, changeNames[n.Change], s.n.w.names[n.Account])
	}
	if n.Reason != "" {
		text = append(text, n.Reason)
	}
	e.Text = strings.Join(text, ": ")
	return e
}

func eventName(ev session.Event) string {
	name := fmt.Sprintf("%T", ev)
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}
