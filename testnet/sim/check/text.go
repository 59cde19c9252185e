package check

import (
	"slices"
	"time"
)

// Sent says that the harness handed a text to a device's session as the intent
// id, in the state the device then held: its roster is the audience; excluded
// are the accounts the device had by then seen leave the group. The text is
// owed to its audience once the device has said that it is durable, but for
// whoever was out of the group when it left (Got).
func (b *Book) Sent(at time.Duration, group, device, id, body string, excluded []string) {
	g, m := b.group(group), b.member(group, device)
	if g.texts[body] != nil {
		panic("check: the harness sent the same text twice: " + body)
	}
	var number uint64
	if e := b.epochs[m.at]; e != nil {
		number = e.number
	}
	g.texts[body] = &text{
		epoch: m.at, number: number,
		body: body, author: m.account, device: device, at: at, id: id,
		audience: b.Roster(m.at), excluded: slices.Clone(excluded),
	}
	g.order = append(g.order, body)
}

// Got says that a device shows a text of an author, which a state carried. It
// breaks I5 if it shows it a second time or nobody sent it, and I6 if the
// author had seen the device's account leave and the state that carried the
// text is not one that came after that: one in which the group let it in again.
func (b *Book) Got(at time.Duration, group, device, author, body, epoch string) {
	g, m := b.group(group), b.member(group, device)
	t := g.texts[body]
	if t == nil {
		b.broke(at, "I5", group, device, "shows %q, which nobody sent", body)
		return
	}
	if t.author != author {
		b.broke(at, "I5", group, device, "shows %q of %s as by %s", body, t.author, author)
	}
	if m.got[body]++; m.got[body] == 1 {
		g.late[t.device] = max(g.late[t.device], at-t.at)
		if device == t.device {
			b.left(t, epoch)
		}
	}
	if m.got[body] == 2 {
		b.broke(at, "I5", group, device, "shows %q twice", body)
	}
	if slices.Contains(t.excluded, m.account) && !b.descends(epoch, b.removal(t.epoch, m.account)) && !b.letIn(epoch, t.epoch, m.account) {
		b.broke(at, "I6", group, device, "reads %q, sent by %s after it saw %s removed", body, t.device, m.account)
	}
}

// left says that a text went out, in a state. An author holds a text back while
// a removal is about, so that whoever goes does not read it: it is not owed to
// an account that was there when it was written and is not in that state.
func (b *Book) left(t *text, epoch string) {
	if roster := b.Roster(epoch); roster != nil {
		t.audience = slices.DeleteFunc(slices.Clone(t.audience), func(a string) bool { return !slices.Contains(roster, a) })
	}
}

// letIn reports that an account is in a state, and was in none of some states
// before it, after what it has in common with another: where the removal was
// done again on this branch, and the group then let the account in.
func (b *Book) letIn(epoch, other, account string) bool {
	out := false
	for at := epoch; at != "" && !b.descends(other, at); at = b.parents[at] {
		out = out || !slices.Contains(b.Roster(at), account)
	}
	return out && slices.Contains(b.Roster(epoch), account)
}

// removal is the state by which an account had gone when the history was at a
// state that does not have it.
func (b *Book) removal(at, account string) string {
	for {
		before := b.parents[at]
		if before == "" || slices.Contains(b.Roster(before), account) {
			return at
		}
		at = before
	}
}

// Delivered checks, for a run that has come to rest, that each text is read by
// each device it is owed to: one that its author can reach, whose account was
// in its audience and is in the head's roster, and that did not leave and come
// back since (I5). A gap that the device reported aloud is a delay that became
// a loss, and still counts as one.
func (b *Book) Delivered(at time.Duration, part func(device string) int) {
	for _, name := range sorted(b.groups) {
		g := b.groups[name]
		for _, body := range g.order {
			t := g.texts[body]
			sender := g.members[t.device]
			if i := sender.intents[t.id]; i != nil && i.returned && !sender.liar && !slices.ContainsFunc(b.Roster(sender.at), t.notFor) {
				b.broke(at, "I9", name, t.device, "gives back %q, though nobody is there whom it was not for", body)
			}
			if !sender.promised(t) || sender.liar || sender.gone || sender.at == "" {
				continue
			}
			for _, device := range sorted(g.members) {
				m := g.members[device]
				if b.owed(t, m) && m.got[body] == 0 && part(device) == part(t.device) {
					b.broke(at, "I5", name, device, "never got %q, sent by %s at %v to %s", body, t.device, t.at, list(t.audience))
				}
			}
		}
	}
}

// notFor says that a text was not for an account: it was out of the group when
// the text was written, or when it left.
func (t *text) notFor(account string) bool {
	return !slices.Contains(t.audience, account) || slices.Contains(t.excluded, account)
}

// promised says that a device accepted a text and did not take that back.
func (m *member) promised(t *text) bool {
	i := m.intents[t.id]
	return i != nil && i.state != "" && i.state != Denied && i.state != Expired
}

func (b *Book) owed(t *text, m *member) bool {
	return !m.liar && !m.away && !m.gone && m.at != "" && m.device != t.device &&
		m.joined <= t.at && m.first <= t.number && slices.Contains(t.audience, m.account) && b.stayed(t, m)
}

// stayed reports that the account of a device is in the group, and has not been
// taken out and let in again on the way from what the text's state and the
// device's have in common. (Numbers of epochs do not tell: branches share them.)
func (b *Book) stayed(t *text, m *member) bool {
	was := slices.Contains(b.Roster(m.at), m.account)
	if !was {
		return false
	}
	for at := m.at; at != "" && !b.descends(t.epoch, at); {
		at = b.parents[at]
		is := slices.Contains(b.Roster(at), m.account)
		if is && !was {
			return false // it came back
		}
		was = is
	}
	return true
}

// Slowest is the longest that a copy of a text of a device was under way.
func (b *Book) Slowest(group, device string) time.Duration { return b.group(group).late[device] }

// Counts are texts sent, and copies read, owed, missing and shown again.
type Counts struct{ Sent, Read, Owed, Missing, Doubled int }

// Count sums a group's texts.
func (b *Book) Count(group string) Counts {
	g, c := b.group(group), Counts{}
	c.Sent = len(g.order)
	for _, m := range g.members {
		for _, n := range m.got {
			c.Read += n
			c.Doubled += max(0, n-1)
		}
		for _, body := range g.order {
			if t := g.texts[body]; g.members[t.device].promised(t) && b.owed(t, m) {
				c.Owed++
				if m.got[body] == 0 {
					c.Missing++
				}
			}
		}
	}
	return c
}
