package sim

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/node/session"
)

// What a group looks like from above, where no member can stand: every epoch
// that anybody derived, what led to it, and whose head it is. Epochs are named
// by their number and a letter for each rival in order of appearance (5a, 5b),
// so that a recorded picture stays true when a hash changes.

// edge is how an epoch came about.
type edge struct {
	child, parent session.EpochID
	number        uint64
	label         string // 5a
	what          string // bob +carol
	author        string // account
	renews        bool   // does nothing but that
}

// saw records how a child of an epoch came about; the first to tell names it.
func (s *seat) saw(parent session.Epoch, a session.Applied) {
	g := s.group
	child := session.ChildOf(parent.ID(), a.Core)
	if a.Core == (session.Core{}) || g.edges[child] != nil {
		return
	}
	what := s.n.w.describe(parent, a)
	e := g.addEdge(child, parent.ID(), parent.Number()+1, what)
	device, _, _ := strings.Cut(what, " ")
	e.author, _, _ = strings.Cut(device, "/")
	s.n.w.Book.Child(epochName(child), epochName(e.parent), e.author)
	e.renews = strings.HasSuffix(what, " refreshes")
}

// founded records the first epoch.
func (s *seat) founded(e session.Epoch) {
	if s.group.edges[e.ID()] == nil {
		s.group.addEdge(e.ID(), session.EpochID{}, e.Number(), s.n.name+" founds")
	}
}

func (g *Group) addEdge(child, parent session.EpochID, number uint64, what string) *edge {
	rivals := 0
	for _, e := range g.order {
		if e.number == number {
			rivals++
		}
	}
	e := &edge{child: child, parent: parent, number: number, label: fmt.Sprintf("%d%s", number, letters(rivals)), what: what}
	g.edges[child] = e
	g.order = append(g.order, e)
	if g.w.trace.on {
		born := Entry{Kind: "born", Group: g.name, Epoch: hex.EncodeToString(child[:4]), Number: number, Text: e.label + " " + what}
		if parent != (session.EpochID{}) {
			born.ID = hex.EncodeToString(parent[:4])
		}
		g.w.note(born)
	}
	return e
}

// cooling says whether an account renewed its keys within the last few epochs
// of a head's history: as many as there are others, eight at most. The others
// vouch for it in a while, so at rest that is an excuse for a while only.
func (g *Group) cooling(head session.EpochID, account string, members int) bool {
	for back := min(members-1, 8); back > 0; back-- {
		e := g.edges[head]
		if e == nil {
			return false
		}
		if e.renews && e.author == account {
			return members >= 3
		}
		head = e.parent
	}
	return false
}

func letters(n int) string {
	if n < 26 {
		return string(rune('a' + n))
	}
	return letters(n/26-1) + string(rune('a'+n%26))
}

// describe says who did what.
func (w *World) describe(parent session.Epoch, a session.Applied) string {
	name := func(leaf uint32) string {
		for _, l := range parent.Members() {
			if l.Index == leaf {
				return w.deviceName(l.Device)
			}
		}
		return "outsider"
	}
	parts := []string{name(a.Author)}
	for _, l := range a.Added {
		parts = append(parts, "+"+w.deviceName(l.Device))
	}
	for _, l := range a.Removed {
		parts = append(parts, "-"+name(l))
	}
	if a.Context != nil {
		parts = append(parts, "policy")
	}
	if len(parts) == 1 {
		parts = append(parts, "refreshes")
	}
	return strings.Join(parts, " ")
}

func (w *World) deviceName(d session.Device) string {
	if n := w.devices[d]; n != nil {
		return n.name
	}
	return "stranger"
}

// Show implements [testnet.Driver].
func (w *World) Show(group string) (string, error) {
	g := w.groups[group]
	if g == nil {
		return "", fmt.Errorf("no group %s", group)
	}
	heads, out := map[session.EpochID][]string{}, []string{}
	for _, n := range w.nodes {
		s := n.seats[group]
		if s == nil {
			continue
		}
		if s.head == (session.EpochID{}) || !n.up {
			out = append(out, n.name+s.why())
			continue
		}
		heads[s.head] = append(heads[s.head], n.name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", group)
	children := map[session.EpochID][]*edge{}
	for _, e := range g.order {
		children[e.parent] = append(children[e.parent], e)
	}
	var draw func(parent session.EpochID, indent string)
	draw = func(parent session.EpochID, indent string) {
		kids := children[parent]
		for i, e := range kids {
			mark := ""
			if names := heads[e.child]; names != nil {
				mark = "  ◄ " + strings.Join(names, " ")
			}
			branch, below := "", ""
			if len(kids) > 1 {
				branch, below = "├─ ", "│  "
				if i == len(kids)-1 {
					branch, below = "└─ ", "   "
				}
			}
			fmt.Fprintf(&b, "%s%s%s %s%s\n", indent, branch, e.label, e.what, mark)
			draw(e.child, indent+below)
		}
	}
	draw(session.EpochID{}, "  ")
	if len(out) > 0 {
		fmt.Fprintf(&b, "  not in it: %s\n", strings.Join(out, ", "))
	}
	return b.String(), nil
}

// why says what keeps a device out.
func (s *seat) why() string {
	switch {
	case !s.n.up && s.n.stopped != "":
		return " (" + s.n.stopped + ")"
	case !s.live:
		return " (never joined)"
	}
	return " (removed)"
}

// label names an epoch as Show does.
func (g *Group) label(id session.EpochID) string {
	if e := g.edges[id]; e != nil {
		return e.label
	}
	return "?"
}

// epochName is how the books spell an EpochID.
func epochName(id session.EpochID) string { return hex.EncodeToString(id[:]) }
