package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// The driver's verbs. Each says at once whether it could ever work, and takes
// effect when everything else of that instant has: so a verb that a callback
// spoke in the middle of things replays from its line in the record.

// verb records a line and does it.
func (w *World) verb(v testnet.Verb, do func()) error {
	if w.skip != nil && w.skip(v) {
		return nil
	}
	act := func() {
		v.At, v.Timed = w.now, true
		w.Record = append(w.Record, v)
		if w.trace.on {
			w.note(Entry{Kind: "verb", Text: v.String()})
		}
		do()
	}
	if w.depth > 0 {
		w.queue.push(w.now, classVerb, act)
		return nil
	}
	w.runTo(w.now)
	if w.err == nil {
		act()
	}
	return w.err
}

func line(name string, args ...string) testnet.Verb {
	v := testnet.Verb{Name: name}
	for _, a := range args {
		v.Args = append(v.Args, testnet.Word(a))
	}
	return v
}

// Nodes implements [testnet.Driver].
func (w *World) Nodes(names ...string) error {
	if len(w.nodes)+len(names) > maxNodes {
		return fmt.Errorf("more than %d nodes", maxNodes)
	}
	for i, name := range names {
		if name == "" || strings.ContainsAny(name, " ()\"#@") || strings.Count(name, "/") > 1 {
			return fmt.Errorf("%q is no name for a node", name)
		}
		if w.byName[name] != nil || slices.Contains(names[:i], name) {
			return fmt.Errorf("there is a node %s already", name)
		}
	}
	// At once, so that the lines that follow in this instant know them.
	for _, name := range names {
		w.addNode(name)
	}
	return w.verb(line("nodes", names...), func() {})
}

// Group implements [testnet.Driver].
func (w *World) Group(group, creator string, members ...string) error {
	g, n, err := w.newGroup(group, creator, members)
	if err != nil {
		return err
	}
	return w.verb(groupLine("group", creator, group, members), func() {
		n.create(g, w.engine, nil)
		for _, account := range accountsOf(members) {
			w.invite(n, g, account)
		}
	})
}

// Formed implements [testnet.Driver]. It needs the stand-in engine.
func (w *World) Formed(group, creator string, members ...string) error {
	engine, ok := w.engine.(*standin.Engine)
	if !ok {
		return errors.New("a group can only be formed already with the stand-in engine")
	}
	g, _, err := w.newGroup(group, creator, members)
	if err != nil {
		return err
	}
	return w.verb(groupLine("formed", creator, group, members), func() {
		nodes := []*node{w.byName[creator]}
		ids := []session.Identity{nodes[0].id}
		for _, m := range members {
			nodes = append(nodes, w.byName[m])
			ids = append(ids, w.byName[m].id)
		}
		id := make([]byte, len(session.GroupID{}))
		NewRand(w.seed, "formed", group).Read(id)
		all := engine.Formed(ids)
		for _, n := range nodes {
			n.create(g, all, id)
		}
	})
}

// newGroup makes a group that its creator has yet to found.
func (w *World) newGroup(group, creator string, members []string) (*Group, *node, error) {
	if w.groups[group] != nil {
		return nil, nil, fmt.Errorf("there is a group %s already", group)
	}
	n, err := w.find(creator)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		if _, err := w.find(m); err != nil {
			return nil, nil, err
		}
	}
	g := newGroup(w, group, n.id.Account)
	w.groups[group] = g
	w.topics[group] = &topic{w: w, name: group}
	return g, n, nil
}

func groupLine(verb, creator, group string, members []string) testnet.Verb {
	v := line(verb, creator, group)
	if len(members) > 0 {
		v.Args = append(v.Args, testnet.Names(members...))
	}
	return v
}

// accountsOf are the accounts of devices, each once, in order.
func accountsOf(names []string) (out []string) {
	for _, name := range names {
		account, _, _ := strings.Cut(name, "/")
		if !slices.Contains(out, account) {
			out = append(out, account)
		}
	}
	return out
}

// seatOf finds a node that has, or had, a place in a group.
func (w *World) seatOf(who, group string) (*seat, error) {
	n, err := w.find(who)
	if err != nil {
		return nil, err
	}
	if w.groups[group] == nil {
		return nil, fmt.Errorf("no group %s: there are %s", group, strings.Join(sortedKeys(w.groups), ", "))
	}
	return w.seatFor(n, w.groups[group]), nil
}

func (w *World) find(name string) (*node, error) {
	n := w.byName[name]
	if n == nil {
		return nil, fmt.Errorf("no node %s", name)
	}
	return n, nil
}

// ask gives a session an intent, or an event of a person, if one runs there.
func (w *World) ask(v testnet.Verb, s *seat, what string, ev func(id session.IntentID) session.Event) error {
	return w.verb(v, func() {
		if !s.live {
			w.note(Entry{Kind: "lost", Node: s.n.name, Group: s.group.name, Text: what + ": no session runs"})
			return
		}
		id := w.newID()
		s.asks(id, what)
		w.enter(s.n.idx, s.group.name, ev(id))
	})
}

// Invite implements [testnet.Driver].
func (w *World) Invite(by, group, who string) error {
	s, err := w.seatOf(by, group)
	if err != nil {
		return err
	}
	n, err := w.find(who)
	if err != nil {
		return err
	}
	return w.verb(line("invite", by, group, who), func() { w.invite(s.n, s.group, n.account) })
}

// invite looks the account's key packages up and hands them to the session.
func (w *World) invite(by *node, g *Group, account string) {
	boot := by.boots
	for _, d := range w.people[account] {
		w.seatFor(d, g)
	}
	w.queue.push(w.now+directoryTakes, classWork, func() {
		s := by.seats[g.name]
		if by.boots != boot || s == nil || !s.live {
			return
		}
		ev := session.Invite{ID: w.newID(), Account: w.people[account][0].id.Account}
		for _, d := range w.people[account] {
			if p := d.offered(); p != nil {
				ev.KeyPackages = append(ev.KeyPackages, p)
			}
		}
		s.asks(ev.ID, "invite "+account)
		w.enter(by.idx, g.name, ev)
	})
}

// Remove implements [testnet.Driver].
func (w *World) Remove(by, group, who string) error {
	return w.about("remove", by, group, who, nil, func(id session.IntentID, a session.Account) session.Event {
		return session.Remove{ID: id, Account: a}
	})
}

// Role implements [testnet.Driver].
func (w *World) Role(by, group, who, role string) error {
	roles := map[string]session.Role{"member": consensus.RoleMember, "admin": consensus.RoleAdmin, "owner": consensus.RoleOwner}
	r, known := roles[role]
	if !known {
		return fmt.Errorf("no role %q: there are member, admin, owner", role)
	}
	return w.about("role", by, group, who, []string{role}, func(id session.IntentID, a session.Account) session.Event {
		return session.SetRole{ID: id, Account: a, Role: r}
	})
}

func (w *World) about(name, by, group, who string, more []string, ev func(session.IntentID, session.Account) session.Event) error {
	s, err := w.seatOf(by, group)
	if err != nil {
		return err
	}
	n, err := w.find(who)
	if err != nil {
		return err
	}
	v := line(name, append([]string{by, group, who}, more...)...)
	what := name + " " + strings.Join(append([]string{who}, more...), " ")
	return w.ask(v, s, what, func(id session.IntentID) session.Event { return ev(id, n.id.Account) })
}

// Leave implements [testnet.Driver].
func (w *World) Leave(who, group string) error {
	s, err := w.seatOf(who, group)
	if err != nil {
		return err
	}
	return w.ask(line("leave", who, group), s, "leave", func(id session.IntentID) session.Event {
		return session.Leave{ID: id}
	})
}

// Refresh implements [testnet.Driver].
func (w *World) Refresh(who, group string) error {
	s, err := w.seatOf(who, group)
	if err != nil {
		return err
	}
	return w.ask(line("refresh", who, group), s, "refresh", func(id session.IntentID) session.Event {
		return session.Refresh{ID: id}
	})
}

// Rename implements [testnet.Driver].
func (w *World) Rename(by, group, name string) error {
	s, err := w.seatOf(by, group)
	if err != nil {
		return err
	}
	return w.ask(line("rename", by, group, name), s, "rename", func(id session.IntentID) session.Event {
		return session.Configure{ID: id, Name: &name}
	})
}

// Read implements [testnet.Driver].
func (w *World) Read(who, group string) error {
	s, err := w.seatOf(who, group)
	if err != nil {
		return err
	}
	return w.ask(line("read", who, group), s, "read", s.look)
}

// Send implements [testnet.Driver]. A world numbers its texts, so that the
// books can tell two alike apart.
func (w *World) Send(who, group, text string) error {
	s, err := w.seatOf(who, group)
	if err != nil {
		return err
	}
	return w.verb(line("send", who, group, text), func() {
		if !s.live || s.head == (session.EpochID{}) {
			w.note(Entry{Kind: "lost", Node: s.n.name, Group: s.group.name, Text: "send: no session runs"})
			return
		}
		w.texts++
		s.send(strconv.Itoa(w.texts) + " " + text)
	})
}

// Partition implements [testnet.Driver].
func (w *World) Partition(name string, oneway bool, sides ...[]string) error {
	nodes := make([][]int, len(sides))
	v := testnet.Verb{Name: "partition"}
	if name != "" {
		v.Args = append(v.Args, testnet.Word(name))
	}
	if oneway {
		v.Args = append(v.Args, testnet.Word("oneway"))
	}
	for i, side := range sides {
		for _, who := range side {
			n, err := w.find(who)
			if err != nil {
				return err
			}
			nodes[i] = append(nodes[i], n.idx)
		}
		v.Args = append(v.Args, testnet.Names(side...))
	}
	return w.verb(v, func() { w.net.partition(name, nodes, oneway) })
}

// Heal implements [testnet.Driver].
func (w *World) Heal(name string) error {
	v := line("heal")
	if name != "" {
		v = line("heal", name)
	}
	return w.verb(v, func() {
		w.net.heal(name)
		w.deliverMail()
	})
}

// Link implements [testnet.Driver].
func (w *World) Link(property, value, from, to string) error {
	if property == "topology" {
		if from != "" || to != "" {
			return errors.New("a topology is of the whole network")
		}
		return w.topology(value)
	}
	set, err := linkSetter(property, value)
	if err != nil {
		return err
	}
	if from == "" && to == "" {
		return w.verb(line(property, value), func() {
			set(&w.net.base)
			for p, l := range w.net.links {
				set(&l)
				w.net.links[p] = l
			}
		})
	}
	a, err := w.find(from)
	if err != nil {
		return err
	}
	b, err := w.find(to)
	if err != nil {
		return err
	}
	return w.verb(line(property, value, from, to), func() {
		p := pair{a.idx, b.idx}
		l := w.net.link(p)
		set(&l)
		w.net.links[p] = l
	})
}

func linkSetter(property, value string) (func(*Link), error) {
	if property == "latency" {
		d, err := ParseDist(value)
		return func(l *Link) { l.Latency = d }, err
	}
	if property == "bandwidth" {
		v, err := strconv.Atoi(value)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("%q is no number of bytes a second", value)
		}
		return func(l *Link) { l.Bandwidth = v }, nil
	}
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || p < 0 || p > 1 {
		return nil, fmt.Errorf("%q is no probability: a number from 0 to 1", value)
	}
	switch property {
	case "loss":
		return func(l *Link) { l.Loss = p }, nil
	case "dup":
		return func(l *Link) { l.Dup = p }, nil
	case "reorder":
		return func(l *Link) { l.Reorder = p }, nil
	}
	return nil, fmt.Errorf("a link has no %q", property)
}

// Kill implements [testnet.Driver].
func (w *World) Kill(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	return w.verb(line("kill", name), func() {
		if n.up {
			n.fail("killed")
		}
	})
}

// Start implements [testnet.Driver].
func (w *World) Start(name string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	return w.verb(line("start", name), func() {
		n.stops = nil // a crash that was asked for and has not come does not come now
		if !n.up {
			n.start()
		}
	})
}

// Clock implements [testnet.Driver].
func (w *World) Clock(name string, offset time.Duration, rate float64) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	v := line("clock", name, offset.String(), strconv.FormatFloat(rate, 'g', -1, 64))
	return w.verb(v, func() { n.clock.jump(w.now, offset, rate) })
}

// Disk implements [testnet.Driver].
func (w *World) Disk(name, what string) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	faults := map[string]func(){
		"full":    func() { n.disk.limit = max(n.disk.size, 1) },
		"lie":     func() { n.disk.lying = true },
		"ok":      func() { n.disk.limit, n.disk.lying, n.disk.undo = 0, false, nil },
		"damage":  func() { n.damage() },
		"backup":  func() { n.backup = n.disk.copyRows() },
		"restore": func() { n.restore() },
	}
	do := faults[what]
	if do == nil {
		return fmt.Errorf("a disk cannot be %q: there are %s", what, strings.Join(sortedKeys(faults), ", "))
	}
	return w.verb(line("disk", name, what), func() {
		w.note(Entry{Kind: "fault", Node: name, Text: "disk " + what})
		do()
	})
}

// Byzantine implements [testnet.Driver].
func (w *World) Byzantine(who, group, how string, args ...string) error {
	s, err := w.seatOf(who, group)
	if err != nil {
		return err
	}
	b, err := newByzantine(s, how, args)
	if err != nil {
		return err
	}
	return w.verb(line("byzantine", append([]string{who, group, how}, args...)...), func() {
		w.note(Entry{Kind: "fault", Node: who, Group: group, Text: "byzantine " + how})
		w.Book.Liar(group, who)
		s.byz = b
		if b.begin != nil {
			if err := b.begin(); err != nil {
				w.note(Entry{Kind: "lost", Node: who, Group: group, Text: "byzantine: " + err.Error()})
			}
		}
	})
}

// Run does the verbs of a script. A timed line takes effect at its time; one
// without takes effect when all lines before it have.
func (w *World) Run(script []testnet.Verb) error {
	last := w.now
	for _, v := range script {
		if v.Timed {
			last = max(last, v.At)
			w.At(v.At, func() {
				if err := v.Do(w); err != nil && w.err == nil {
					w.err = err
				}
			})
			continue
		}
		if w.runTo(last); w.err != nil {
			return w.err
		}
		if err := v.Do(w); err != nil {
			return err
		}
		last = w.now
	}
	w.runTo(last)
	return w.err
}

// Crash implements [testnet.Driver].
func (w *World) Crash(name, at string, nth int) error {
	n, err := w.find(name)
	if err != nil {
		return err
	}
	p := point(slices.Index(pointNames[:], at))
	if p == point(255) {
		return fmt.Errorf("no point %q: there are %s", at, strings.Join(pointNames[:], ", "))
	}
	return w.verb(line("crash", name, at, strconv.Itoa(nth)), func() {
		left := nth
		n.stops = func(here point, _ int) bool {
			if here == p {
				left--
			}
			return here == p && left == 0
		}
	})
}

// Fate implements [testnet.Driver].
func (w *World) Fate(how, from, to string, nth int) error {
	a, err := w.find(from)
	if err != nil {
		return err
	}
	b, err := w.find(to)
	if err != nil {
		return err
	}
	f := map[string]fate{"lose": fateLose, "double": fateDouble}[how]
	if f == fateNone {
		return fmt.Errorf("a packet cannot be fated to %q", how)
	}
	return w.verb(line(how, from, to, strconv.Itoa(nth)), func() {
		w.net.fates[packet{pair{a.idx, b.idx}, nth}] = f
	})
}
