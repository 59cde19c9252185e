package check

import (
	"slices"
	"time"
)

// What holds at any time, in every run: I3, I4, I8, I10, I13 and I14, beside
// what check.go and text.go see as it happens.

// Kept is what a session may keep, whatever it was sent (I14). The numbers are
// chosen with room above what honest runs reach and below what a flood would
// leave if it were kept.
const (
	maxStates = 32       // a window of eight epochs, and rivals on each of some
	maxBytes  = 64 << 20 // on disk, for one group
)

// Erased says that a device has destroyed the secrets of a state. It may not
// hold them again (I8).
func (b *Book) Erased(group, device, id string) {
	m := b.member(group, device)
	if m.erased == nil {
		m.erased = map[string]bool{}
	}
	m.erased[id] = true
}

// Holds says which secrets a device has: none it has erased (I8), and none of a
// state that its account is not in (I4).
func (b *Book) Holds(at time.Duration, group, device, id string) {
	m := b.member(group, device)
	b.Looked["I4"]++
	if m.erased != nil {
		b.Looked["I8"]++
	}
	if m.erased[id] {
		b.broke(at, "I8", group, device, "holds the secrets of %s, which it had erased", b.name(id))
	}
	if e := b.epochs[id]; e != nil && e.roster != nil && !slices.Contains(e.roster, m.account) {
		b.broke(at, "I4", group, device, "holds the secrets of %s, in which it is not", b.name(id))
	}
}

// Beyond says that a device can no longer leave a state by itself: it destroyed
// what leads to any rival of it, because all who vote agreed. It breaks I3 if
// another honest device, which has not found its branch lost, is beyond a rival.
func (b *Book) Beyond(at time.Duration, group, device, id string) {
	b.Looked["I3"]++
	m := b.member(group, device)
	if m.liar || m.gone {
		return
	}
	for _, name := range sorted(b.group(group).members) {
		o := b.group(group).members[name]
		for _, other := range sorted(o.beyond) {
			if o != m && !b.descends(id, other) && !b.descends(other, id) {
				b.broke(at, "I3", group, device, "%s is final here, and its rival %s at %s", short(id), short(other), name)
			}
		}
	}
	if m.beyond == nil {
		m.beyond = map[string]bool{}
	}
	m.beyond[id] = true
}

// Finals checks I3 of a run at rest: what an honest device cannot leave is in
// its history. One that found its branch lost, and said so, has taken its word
// back.
func (b *Book) Finals(at time.Duration) {
	for _, name := range sorted(b.groups) {
		g := b.groups[name]
		for _, device := range sorted(g.members) {
			m := g.members[device]
			if m.liar || m.gone || m.at == "" {
				continue
			}
			for _, id := range sorted(m.beyond) {
				if !b.descends(m.at, id) {
					b.broke(at, "I3", name, device, "left %s, which was final here, for %s", b.name(id), b.name(m.at))
				}
			}
		}
	}
}

// Passed is the state that a device went to from another on the way to its head;
// empty if it did not.
func (b *Book) Passed(group, device, from string) string {
	for at := b.member(group, device).at; at != ""; at = b.parents[at] {
		if b.parents[at] == from {
			return at
		}
	}
	return ""
}

// Roles says who is what in the state of a device's head: the same everywhere,
// with an owner (I10). roles are "account role", sorted.
func (b *Book) Roles(at time.Duration, group, device string, roles []string) {
	m := b.member(group, device)
	e := b.epochs[m.at]
	if m.liar || e == nil {
		return
	}
	b.Looked["I10"]++
	if !slices.ContainsFunc(roles, func(r string) bool { return len(r) > 6 && r[len(r)-6:] == " owner" }) {
		b.broke(at, "I10", group, device, "%s has no owner", b.name(m.at))
	}
	if e.roles == nil {
		e.roles = slices.Clone(roles)
	} else if !slices.Equal(e.roles, roles) {
		b.broke(at, "I10", group, device, "%s has roles %v here and %v elsewhere", b.name(m.at), roles, e.roles)
	}
}

// Refuses says that a device holds the commit that led to a state to be invalid.
// An honest head at or below it breaks I10, as does one that comes there later.
func (b *Book) Refuses(at time.Duration, group, device, id string) {
	g := b.group(group)
	if b.member(group, device).liar {
		return
	}
	for _, other := range sorted(g.members) {
		if m := g.members[other]; !m.liar && m.at != "" && b.descends(m.at, id) {
			b.broke(at, "I10", group, device, "refuses the commit to %s, and %s has it in its history", b.name(id), other)
		}
	}
}

// Convicts says that a device takes an account to be guilty: one of its devices
// must be (I13).
func (b *Book) Convicts(at time.Duration, group, device, account string) {
	g := b.group(group)
	b.Looked["I13"]++
	if g.members[device].liar {
		return
	}
	for _, m := range g.members {
		if m.account == account && m.liar {
			return
		}
	}
	b.broke(at, "I13", group, device, "convicts %s, who did nothing", account)
}

// Keeps says how many states and how many bytes a device keeps of a group (I14).
func (b *Book) Keeps(at time.Duration, group, device string, states, bytes int) {
	b.Looked["I14"]++
	if states > maxStates {
		b.broke(at, "I14", group, device, "keeps %d states, of at most %d", states, maxStates)
	}
	if bytes > maxBytes {
		b.broke(at, "I14", group, device, "keeps %d bytes, of at most %d", bytes, maxBytes)
	}
}
