package check

import (
	"slices"
	"time"
)

// Looks says that a person at a device was shown texts and lets their authors
// know, by an intent that the device was asked.
func (b *Book) Looks(group, device, id string, bodies []string) {
	g := b.group(group)
	for _, body := range bodies {
		if t := g.texts[body]; t != nil {
			if t.looked == nil {
				t.looked = map[string][]string{}
			}
			t.looked[device] = append(t.looked[device], id)
		}
	}
}

// Told says that a device heard that an account has read a text. It breaks I16
// if the text is not the device's own, or nobody of that account was shown it.
func (b *Book) Told(at time.Duration, group, device, account, body string) {
	g := b.group(group)
	b.Looked["I16"]++
	t := g.texts[body]
	if t == nil || t.device != device {
		b.broke(at, "I16", group, device, "hears that %s has read %q, which is not its own", account, body)
		return
	}
	shown := slices.ContainsFunc(sorted(t.looked), func(d string) bool { return g.members[d].account == account })
	if !shown {
		b.broke(at, "I16", group, device, "hears that %s has read %q, who was not shown it", account, body)
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[account] = true
}

// Heard checks, for a run that has come to rest, that an author knows of each
// account that was shown a text of its, where the two can reach each other, both
// are in the group, and what the reader's device was asked is durable (I16).
func (b *Book) Heard(at time.Duration, part func(device string) int) {
	for _, name := range sorted(b.groups) {
		g := b.groups[name]
		for _, body := range g.order {
			t := g.texts[body]
			author := g.members[t.device]
			for _, device := range sorted(t.looked) {
				m := g.members[device]
				durable := slices.ContainsFunc(t.looked[device], func(id string) bool {
					i := m.intents[id]
					return i != nil && i.state == Final && !i.open
				})
				if durable && m.account != author.account && b.takesPart(author) && b.takesPart(m) && part(device) == part(t.device) && !t.told[m.account] {
					b.broke(at, "I16", name, t.device, "never learnt that %s has read %q", device, body)
				}
			}
		}
	}
}

// takesPart says that a device is there, honest, and in the group by its head.
func (b *Book) takesPart(m *member) bool {
	return !m.liar && !m.away && !m.gone && !m.stranded && m.at != "" && slices.Contains(b.Roster(m.at), m.account)
}
