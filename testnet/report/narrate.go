package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Narrate tells a run in sentences, in the order of time: what the script did,
// who changed which epoch, who read what, where members were apart and which
// rung of the rule brought them together. Each sentence names the section of
// RFC 9420 that describes what it tells of, where there is one. What several
// nodes saw is told once, when the first of them saw it.
func Narrate(events []Event) []string {
	n := &narrator{items: map[string]*item{}, at: map[seat]place{}, changes: map[seat][]string{}, asked: map[string]bool{}}
	for i := range events {
		n.event(&events[i])
	}
	told := slices.SortedStableFunc(maps.Values(n.items), func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
	out := make([]string, 0, len(told))
	for _, it := range told {
		out = append(out, it.line())
	}
	return out
}

// Sections of RFC 9420.
const (
	secCommit  = "§12.4"
	secAdd     = "§12.1.1"
	secRemove  = "§12.1.3"
	secUpdate  = "§7.5"
	secJoin    = "§12.4.3.1"
	secBegin   = "§11"
	secMessage = "§6.3"
	secOrder   = "§14"
)

// item is one sentence, and who it holds for.
type item struct {
	at, last time.Duration
	order    int
	text     string
	nodes    []string
	tail     string // says what the nodes are, such as "read by"
	section  string
}

func (it *item) line() string {
	s := fmt.Sprintf("%9.3f s  %s", it.at.Seconds(), it.text)
	if it.tail != "" && len(it.nodes) > 0 {
		s += fmt.Sprintf("; %s %s", it.tail, some(it.nodes))
		if it.last > it.at {
			s += fmt.Sprintf(", the last at %.3f s", it.last.Seconds())
		}
	}
	s += "."
	if it.section != "" {
		s += "  [RFC 9420 " + it.section + "]"
	}
	return s
}

// maxNamed is how many nodes a sentence names; a line holds some eight names.
const maxNamed = 8

func some(nodes []string) string {
	if len(nodes) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(nodes[:maxNamed], " "), len(nodes)-maxNamed)
	}
	return strings.Join(nodes, " ")
}

// seat is a node in a group, place the epoch it is in.
type seat struct{ node, group string }

type place struct {
	id     string
	number uint64
}

func (p place) String() string { return fmt.Sprintf("epoch %d · %.4s", p.number, p.id) }

type narrator struct {
	items   map[string]*item
	at      map[seat]place
	changes map[seat][]string // of a seat's roster, until it names the epoch
	begun   []string
	asked   map[string]bool // changes that were queued once
	now     time.Duration
	told    int
}

// tell adds a sentence, or a node to one that was told before.
func (n *narrator) tell(key, text, section string) *item {
	it := n.items[key]
	if it == nil {
		it = &item{at: n.now, order: n.told, text: text, section: section}
		n.items[key] = it
		n.told++
	}
	it.last = n.now
	return it
}

func (n *narrator) event(e *Event) {
	n.now = time.Duration(e.T)
	once := fmt.Sprint(e.Kind, n.told)
	switch e.Kind {
	case "verb":
		_, what, _ := strings.Cut(e.Text, " ")
		n.tell(once, "— "+what, "")
	case "fault":
		n.tell(once, "harm: "+e.Node+" "+e.Text, "")
	case "up", "down":
		n.tell(once, strings.TrimSpace(e.Node+" is "+e.Kind+" "+e.Text), "")
	case "broken":
		n.tell(once, "BROKEN at "+e.Node+": "+e.Text, "")
	case "notice":
		what, rest, _ := strings.Cut(e.Text, ": ")
		n.notice(e, what, rest)
	}
}

var changeWords = map[string]struct{ text, section string }{
	"added": {"%s comes in", secAdd}, "removed": {"%s is removed", secRemove}, "left": {"%s leaves", secRemove},
	"device added": {"a device of %s comes in", secAdd}, "device removed": {"a device of %s goes", secRemove},
	"role": {"%s has another role", secCommit}, "keys": {"%s renews its keys", secUpdate},
}

// notice is what a session told its faces.
func (n *narrator) notice(e *Event, what, rest string) {
	s, p := seat{e.Node, e.Group}, place{e.Epoch, e.Number}
	switch what {
	case "joined":
		if !slices.Contains(n.begun, e.Group) {
			n.begun = append(n.begun, e.Group)
			n.tell("begin "+e.Group, fmt.Sprintf("%s begins %s, in %s", e.Node, e.Group, p), secBegin)
		} else {
			it := n.tell("join "+e.Group+p.id, "a Welcome to "+p.String()+" is opened", secJoin)
			it.nodes, it.tail = add(it.nodes, e.Node), "by"
		}
		n.move(s, p)
	case "roster":
		change, who, _ := strings.Cut(rest, ": ")
		n.changes[s] = append(n.changes[s], change+": "+who)
	case "epoch":
		n.epoch(s, p)
	case "fork":
		n.fork(s, p, e.Count, rest)
	case "text":
		_, body, _ := strings.Cut(rest, " ")
		n.read(s, p, body)
	case "intent":
		if rest == "queued" && !n.asked[e.ID] {
			n.asked[e.ID] = true // told only if it is queued again
		} else if rest == "queued" {
			n.tell("again "+e.ID+n.now.String(), fmt.Sprintf("%s asks again for its change %.4s, which was undone", e.Node, e.ID), secOrder)
		}
	case "removed":
		delete(n.at, s)
		n.tell("gone "+e.Node+e.Group+n.now.String(), fmt.Sprintf("%s learns that it is no longer in %s", e.Node, e.Group), secRemove)
		n.agree(e.Group)
	case "stranded":
		n.tell("stranded "+e.Node+e.Group+n.now.String(), fmt.Sprintf("%s cannot follow: its branch lost beyond the window; it asks to be let in again", e.Node), secOrder)
	case "gap", "trouble":
		it := n.tell(what+rest, rest, "")
		it.nodes, it.tail = add(it.nodes, e.Node), "said by"
	}
}

func add(nodes []string, node string) []string {
	if slices.Contains(nodes, node) {
		return nodes
	}
	return append(nodes, node)
}

// epoch is a head that moved.
func (n *narrator) epoch(s seat, p place) {
	changes := n.changes[s]
	delete(n.changes, s)
	if n.at[s] == p {
		return
	}
	key := "epoch " + s.group + p.id
	if n.items[key] == nil {
		var parts []string
		section := secCommit
		for _, c := range changes {
			what, who, _ := strings.Cut(c, ": ")
			w, known := changeWords[what]
			if !known {
				continue
			}
			parts = append(parts, fmt.Sprintf(w.text, who))
			if !strings.Contains(section, w.section) {
				section = w.section + ", " + section
			}
		}
		text := s.node + " commits " + p.String()
		if len(parts) > 0 {
			text += ": " + strings.Join(parts, ", ")
		}
		n.tell(key, text, section).tail = "entered by"
	} else {
		it := n.tell(key, "", "")
		it.nodes = add(it.nodes, s.node)
	}
	n.move(s, p)
}

// move puts a seat into an epoch, and says where that brings all together or
// leaves them apart.
func (n *narrator) move(s seat, p place) {
	n.at[s] = p
	sides := map[string][]string{}
	for _, o := range slices.SortedFunc(maps.Keys(n.at), func(a, b seat) int { return cmp.Compare(a.node, b.node) }) {
		if q := n.at[o]; o.group == s.group && q.number == p.number {
			sides[q.id] = append(sides[q.id], o.node)
		}
	}
	if len(sides) > 1 {
		var parts []string
		for _, id := range slices.Sorted(maps.Keys(sides)) {
			parts = append(parts, fmt.Sprintf("%.4s at %s", id, some(sides[id])))
		}
		n.tell(fmt.Sprintf("apart %s%d", s.group, p.number), fmt.Sprintf("%s is apart: epoch %d is %s", s.group, p.number, strings.Join(parts, ", and ")), secOrder)
	}
	n.agree(s.group)
}

func (n *narrator) agree(group string) {
	var all []place
	for s, p := range n.at {
		if s.group == group {
			all = append(all, p)
		}
	}
	if len(all) > 1 && !slices.ContainsFunc(all, func(p place) bool { return p != all[0] }) {
		key := "agreed " + group + all[0].id
		delete(n.items, key) // said when the last of them is there
		n.tell(key, fmt.Sprintf("all %d are in %s", len(all), all[0]), "")
	}
}

// fork is a race whose outcome a node was told.
func (n *narrator) fork(s seat, p place, undone int, why string) {
	why, _, _ = strings.Cut(why, " What was undone")
	it := n.tell("fork "+s.group+why, strings.TrimSuffix(why, "."), secOrder)
	if undone > 0 {
		it.nodes, it.tail = add(it.nodes, s.node), "changing over:"
		n.tell("epoch "+s.group+p.id, s.node+" enters "+p.String(), secCommit).tail = "entered by"
	}
}

// read is a text that a node shows; the first is its author.
func (n *narrator) read(s seat, p place, body string) {
	key := "text " + s.group + body
	if n.items[key] == nil {
		n.tell(key, fmt.Sprintf("%s says %q in %s", s.node, body, p), secMessage).tail = "read by"
		return
	}
	it := n.tell(key, "", "")
	it.nodes = add(it.nodes, s.node)
}
