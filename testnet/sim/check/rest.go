package check

import (
	"slices"
	"strings"
	"time"
)

// Rest checks a run that has come to rest: I1, I2, I5, I9, I15 and I16. part says
// which devices can reach each other: agreement is owed within a part. It
// returns these and all that was broken before, and keeps only the latter: a
// run that goes on may come to another rest.
func (b *Book) Rest(at time.Duration, part func(device string) int) []Broken {
	before := len(b.Broken)
	b.Agree(at, part)
	b.Ended(at, part)
	b.Delivered(at, part)
	b.Finals(at)
	b.Heard(at, part)
	all := b.Broken
	b.Broken = b.Broken[:before:before]
	return all
}

// Agree checks I1 and I15: the honest members that can reach each other hold
// the same state, by a secret it derives, and the roster of that state is who
// they are.
func (b *Book) Agree(at time.Duration, part func(device string) int) {
	for _, name := range sorted(b.groups) {
		g := b.groups[name]
		heads := map[int]*member{}
		for _, device := range sorted(g.members) {
			m := g.members[device]
			if m.liar || m.away {
				continue
			}
			if m.stranded {
				if b.amongLiars(g, m, part) {
					continue
				}
				b.broke(at, "I15", name, device, "is stranded and was not readmitted")
				continue
			}
			if m.gone || m.at == "" {
				continue
			}
			p := part(device)
			first := heads[p]
			if first == nil {
				heads[p] = m
				continue
			}
			e, f := b.epochs[m.at], b.epochs[first.at]
			if e == nil || f == nil || e.secret != f.secret {
				b.broke(at, "I1", name, device, "is at %s, and %s at %s", b.name(m.at), first.device, b.name(first.at))
			}
		}
		b.seated(at, g, heads, part)
	}
}

// amongLiars says that there are liars in a group, and that of those whom a device
// can reach no honest one takes part: nobody need let it in again.
func (b *Book) amongLiars(g *group, m *member, part func(device string) int) bool {
	liars := false
	for _, o := range g.members {
		liars = liars || o.liar
		if !o.liar && !o.away && !o.stranded && !o.gone && o.at != "" && part(o.device) == part(m.device) {
			return false
		}
	}
	return liars
}

// seated checks that a device whose account the head's roster names knows so,
// and one it does not name does not believe itself a member.
func (b *Book) seated(at time.Duration, g *group, heads map[int]*member, part func(string) int) {
	for _, device := range sorted(g.members) {
		m := g.members[device]
		head := heads[part(device)]
		if m.liar || m.away || head == nil || b.epochs[head.at] == nil {
			continue
		}
		in := slices.Contains(b.epochs[head.at].roster, m.account)
		switch {
		case in && (m.gone || m.at == "") && b.byLiar(g, head.at, m.account):
		case in && m.gone:
			b.broke(at, "I15", g.name, device, "believes it was removed, and the group at %s has it", b.name(head.at))
		case in && m.at == "":
			b.broke(at, "I15", g.name, device, "was added at %s and never got in", b.name(head.at))
		case !in && m.at != "" && !m.gone:
			b.broke(at, "I2", g.name, device, "was removed by %s and does not know", b.name(head.at))
		}
	}
}

// byLiar reports that the commit by which an account last came into the group, as
// seen from a state, is a liar's: it may have kept the Welcome.
func (b *Book) byLiar(g *group, at, account string) bool {
	in := at
	for e := at; e != "" && slices.Contains(b.Roster(e), account); e = b.parents[e] {
		in = e
	}
	for _, m := range g.members {
		if m.liar && m.account == b.authors[in] {
			return true
		}
	}
	return false
}

func (b *Book) name(id string) string {
	if e := b.epochs[id]; e != nil {
		return short(id) + "(" + strings.Join(e.roster, " ") + ")"
	}
	return short(id) + "(unknown)"
}

// The states an intent goes through, as the harness spells them.
const (
	Queued     = "queued"
	Handed     = "handed"
	Bound      = "bound"
	Landed     = "landed"
	Final      = "final"
	Delivered  = "delivered"
	Superseded = "superseded"
	Denied     = "denied"
	Expired    = "expired"
)

// Asked says that the harness gave a device an intent.
func (b *Book) Asked(group, device, id, what string) {
	b.member(group, device).intents[id] = &intent{what: what}
}

// Unanswered says that a device crashed: what it was asked and had not answered
// was never promised to anybody, and how the rest goes on its faces hear anew;
// of what they hear nothing, the end came with the crash.
func (b *Book) Unanswered(group, device string) {
	for _, i := range b.member(group, device).intents {
		if !i.ended {
			if i.state == "" {
				i.state = Expired
			}
			i.ended, i.open = true, true
		}
	}
}

// Moved says that a device reported a new state of its intent. A second
// terminal state, or any state after one, breaks I9.
func (b *Book) Moved(at time.Duration, group, device, id, state string) {
	m := b.member(group, device)
	i := m.intents[id]
	if i == nil {
		b.broke(at, "I9", group, device, "reports intent %s as %s, which nobody asked for", short(id), state)
		return
	}
	if i.open { // durable before the crash after all
		i.open, i.ended = false, false
	}
	if i.ended && state != i.state {
		b.broke(at, "I9", group, device, "%s went from %s to %s: the first was its end", i.what, i.state, state)
	}
	i.returned = i.returned || state == Denied && i.state != ""
	i.state = state
	switch state {
	case Final, Superseded, Denied, Expired:
		i.ended = true
	}
}

// How is the state that the intents a device was asked by that name are in; of
// several, that of the one named last in order of id. Empty if it was not asked.
func (b *Book) How(group, device, what string) (state string) {
	intents := b.member(group, device).intents
	for _, id := range sorted(intents) {
		if intents[id].what == what {
			state = intents[id].state
		}
	}
	return state
}

// Cooling says whether a device's account renewed its keys so recently that the
// rule lets it do so again only after others have committed or vouched for it;
// lately, that they may not have had the time to.
func (b *Book) Cooling(group, device string, cooling, lately bool) {
	m := b.member(group, device)
	m.cooling, m.lately = cooling, lately
}

// States counts the intents of a device by their present state.
func (b *Book) States(group, device string) map[string]int {
	out := map[string]int{}
	for _, i := range b.member(group, device).intents {
		out[i.state]++
	}
	return out
}

// needsOthers says that nobody can do it alone: be heard, or go.
func (i *intent) needsOthers(account string) bool {
	return strings.HasPrefix(i.what, "send") || i.what == "leave" || i.what == "remove "+account
}

// forLiars says that an intent is a text whose only readers are liars: they need
// not say that they have it.
func (b *Book) forLiars(g *group, m *member, id string) bool {
	for _, t := range g.texts {
		if t.id == id && t.device == m.device {
			for _, o := range g.members {
				if !o.liar && o.account != m.account && slices.Contains(t.audience, o.account) {
					return false
				}
			}
			return true
		}
	}
	return false
}

// alone says that a device can reach no other that takes part and is honest.
func (b *Book) alone(g *group, m *member, part func(device string) int) bool {
	for _, o := range g.members {
		if o != m && !o.liar && !o.away && o.at != "" && part(o.device) == part(m.device) {
			return false
		}
	}
	return true
}

// Ended checks that no intent of a member still waits in a run at rest (I2,
// I9): it landed, or its device said why not.
func (b *Book) Ended(at time.Duration, part func(device string) int) {
	for _, name := range sorted(b.groups) {
		g := b.groups[name]
		for _, device := range sorted(g.members) {
			m := g.members[device]
			if m.liar || m.away || m.gone || m.at == "" {
				continue
			}
			for _, id := range sorted(m.intents) {
				i := m.intents[id]
				if i.ended || m.cooling && i.what == "refresh" && (m.lately || b.alone(g, m, part)) {
					continue
				}
				if i.state == Queued && i.needsOthers(m.account) && (b.alone(g, m, part) || b.forLiars(g, m, id)) {
					continue
				}
				if i.state == "" || i.state == Queued || i.state == Bound {
					b.broke(at, "I9", name, device, "%s is still %q at rest", i.what, i.state)
				}
			}
		}
	}
}
