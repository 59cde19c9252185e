package session

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
)

// Export derives a secret of the head's epoch: equal among those who agree.
func (s *Session) Export(label string, size int) []byte {
	if h := s.head(); h != nil && h.epoch != nil {
		return h.epoch.Export(label, size)
	}
	return nil
}

// Describe draws the session for people who debug it. Nothing in it is secret
// but who is in the group and what it is called.
func (s *Session) Describe() string {
	var b strings.Builder
	h := s.head()
	fmt.Fprintf(&b, "%s", s.meta.Status)
	if s.meta.Why != "" {
		fmt.Fprintf(&b, ": %s", s.meta.Why)
	}
	if h == nil {
		return b.String() + "\nno head\n"
	}
	agreed, of := s.chain.Agreed(h.id)
	fmt.Fprintf(&b, "\nhead   E%d %s, revision %d, %d of %d voters agree, %s\n", h.number, short(h.id[:]), h.policy.Revision, agreed, of, s.quietness())
	b.WriteString("tree\n")
	for _, line := range strings.Split(strings.TrimRight(s.chain.Describe(consensus.Drawing{Account: s.called}), "\n"), "\n") {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	for _, t := range s.Tree() {
		if c, ok := s.chain.Get(t.Commit); ok && len(t.Shut) > 0 {
			fmt.Fprintf(&b, "nack   %s %s\n", short(t.Epoch[:]), s.sayCannotOpen(&c, t.Shut))
		}
	}
	s.describeRoster(&b, h)
	s.describeKept(&b)
	s.describeAsked(&b)
	fmt.Fprintf(&b, "log    %d envelopes, %d bytes, from order %d; parked %d (%d bytes); missing %d; peers %d\n",
		len(s.log), s.logBytes, s.meta.Floor, len(s.parked.order), s.parked.bytes, len(s.gaps), len(s.peers))
	for _, r := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "  %6d %-11s %s\n", s.counts[r], r, Reasons[r])
	}
	return b.String()
}

func short(b []byte) string { return hex.EncodeToString(b[:2]) }

func (st status) String() string {
	return [...]string{"takes part", "taken out", "an old copy", "left behind", "outdated"}[st]
}

// quietness says how settled the head is.
func (s *Session) quietness() string {
	switch {
	case s.divided:
		return "divided"
	case s.pacing.unrest != 0:
		return fmt.Sprintf("settles in %d ms", max(0, s.settleAt()-s.now))
	case s.meta.Probation:
		return "settled, on probation"
	}
	return "settled"
}

// called is an account's own name for itself, where it has one, or its start.
func (s *Session) called(a Account) string {
	h := s.head()
	if name := s.nameIn(h, a); name != "" {
		return name
	}
	if h != nil {
		for _, id := range s.lineage(h) { // perhaps it was removed
			if name := s.nameIn(s.held[id], a); name != "" {
				return name
			}
		}
	}
	return short(a[:])
}

// nameIn is the name that an account goes by in an epoch, or "".
func (s *Session) nameIn(h *held, a Account) string {
	if h == nil || h.roster == nil {
		return ""
	}
	if i := slices.Index(h.roster.account, a); i >= 0 {
		return h.roster.name[i]
	}
	return ""
}

func (s *Session) describeRoster(b *strings.Builder, h *held) {
	slots := s.slots(h)
	fmt.Fprintf(b, "roster %d accounts, %d devices\n", len(h.roster.accounts), len(h.roster.leaves))
	for i, l := range h.roster.leaves {
		if i == maxDescribed {
			fmt.Fprintf(b, "  and %d more\n", len(h.roster.leaves)-i)
			break
		}
		role := [...]string{"member", "admin", "owner"}[h.policy.roleOf(h.roster.account[i])]
		heard := "not heard"
		if t, ok := s.lastHeard[l.Device]; ok {
			heard = fmt.Sprintf("heard %d s ago", (s.now-t.last)/1000)
		}
		if l.Index == h.self {
			heard = "this device"
		}
		fmt.Fprintf(b, "  leaf %d slot %d %s %s %s, %s\n", l.Index, slots[i], s.called(h.roster.account[i]), short(l.Device[:]), role, heard)
	}
}

// describeKept lists the epochs that have secrets here.
func (s *Session) describeKept(b *strings.Builder) {
	kept := slices.DeleteFunc(sortedIDs(s.held), func(id EpochID) bool { return s.held[id].epoch == nil && s.held[id].keys == nil })
	slices.SortStableFunc(kept, func(x, y EpochID) int { return cmp.Compare(s.held[x].number, s.held[y].number) })
	fmt.Fprintf(b, "kept   %d epochs, %d anchors\n", len(kept), len(s.anchors))
	for _, id := range kept {
		h, what := s.held[id], []string{}
		if h.epoch != nil {
			what = append(what, "state")
		}
		if h.keys != nil {
			what = append(what, "message keys")
		}
		if h.past != 0 {
			what = append(what, "left behind")
		}
		fmt.Fprintf(b, "  E%d %s %s\n", h.number, short(id[:]), strings.Join(what, ", "))
	}
}

// describeAsked lists what I and others want done, and what I have to say.
func (s *Session) describeAsked(b *strings.Builder) {
	ops := [...]string{opRenew: "renew keys", opAdd: "add", opRemove: "remove", opRole: "role", opName: "rename", opReadmit: "readmit", opDevice: "take out a device of"}
	states := [...]string{"", "queued", "handed", "bound", "landed", "final", "delivered", "superseded", "denied", "expired"}
	for _, id := range sortedIDs(s.wishes) {
		w := s.wishes[id]
		fmt.Fprintf(b, "asked  %s %s %s, %s\n", short(id[:]), ops[w.Intent.Op], s.called(w.Intent.Account), states[w.State])
	}
	for _, id := range sortedIDs(s.pool) {
		p := s.pool[id]
		in := &p.Versions[len(p.Versions)-1].Intent
		fmt.Fprintf(b, "others %s %s %s, until E%d\n", short(id[:]), ops[in.Op], s.called(in.Account), in.Until)
	}
	for _, id := range s.outOrder(all) {
		m := s.outbox[id]
		fmt.Fprintf(b, "outbox %s %s, %d of %d devices", short(id[:]), states[m.State], len(m.Got), m.Of)
		if m.Held {
			b.WriteString(", held back")
		}
		b.WriteString("\n")
	}
	for _, t := range s.tellings {
		how := "waits"
		if !t.waits() {
			how = fmt.Sprintf("told under E%d", t.Number)
		}
		fmt.Fprintf(b, "read   %s of %s, %s\n", several(len(t.Word.Messages), "message"), short(t.Word.Author[:]), how)
	}
	for _, id := range sortedIDs(s.welcomes) {
		w := s.welcomes[id]
		fmt.Fprintf(b, "welcome for %d devices, sent %d times\n", len(w.To), w.Tries)
	}
}
