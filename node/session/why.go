package session

import (
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// Facts for faces: why a message, a branch or a member is as it is. Each is
// one sentence with the numbers behind it; none is a guess.

// WhyMessage says what is known here of a message.
func (s *Session) WhyMessage(id MessageID) []string {
	if m := s.outbox[id]; m != nil {
		return s.whyMine(m)
	}
	if order, ok := s.mids[id]; ok {
		out := []string{fmt.Sprintf("It is in the history here; it came under epoch %d.", order)}
		if at, pending := s.willOwn(id); pending {
			out = append(out, fmt.Sprintf("Its receipt leaves in %d ms.", max(0, at-s.now)))
		}
		if t := s.tellingOf(id); t != nil && t.waits() {
			out = append(out, fmt.Sprintf("It was read here; its author is told so in %d ms, or as soon as it can be.", max(0, s.tellAt-s.now)))
		} else if t != nil {
			out = append(out, fmt.Sprintf("It was read here; its author was told so under epoch %d and has not answered.", t.Number))
		}
		return out
	}
	if since, ok := s.gaps[id]; ok {
		return []string{fmt.Sprintf("Others have seen it; it has been missing here for %d s.", (s.now-since)/1000)}
	}
	return []string{"Nothing is known of it here: it was never sent or received, or it left the log."}
}

// several is a number of things.
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// willOwn is when this device acknowledges a message, if it has yet to.
func (s *Session) willOwn(id MessageID) (Time, bool) {
	return s.owedAt, slices.Contains(s.owed, id) && s.head() != nil
}

func (s *Session) whyMine(m *sent) []string {
	var out []string
	switch {
	case m.Held:
		for _, a := range m.Shut {
			out = append(out, fmt.Sprintf("It waits: %s had been removed when it was written, and would read it now.", s.called(a)))
		}
	case m.Epoch == EpochID{} && !s.active():
		out = append(out, "It waits: "+s.meta.Why+".")
	case m.Epoch == EpochID{} && s.divided:
		out = append(out, "It waits: most members are on a branch that cannot be entered here yet.")
	case m.Epoch == EpochID{}:
		out = append(out, "It waits: a removal is being decided, and whoever is removed must not read it.")
	default:
		out = append(out, fmt.Sprintf("It was sent under epoch %d.", m.Number))
		if h := s.head(); h != nil && !s.chain.Within(h.id, m.Epoch) {
			out = append(out, "That epoch is on a branch that lost: who was there can read it, and it is sent again if that branch is given up.")
		}
	}
	out = append(out, fmt.Sprintf("%d of %d devices have said that they have it.", len(m.Got), m.Of))
	if m.State == StateQueued {
		out = append(out, "No peer has taken it from this device yet.")
	}
	return out
}

// WhyFork says which of an epoch's children is followed, and why the others
// are not.
func (s *Session) WhyFork(id EpochID) []string {
	kids := s.chain.Children(id)
	e, ok := s.chain.Epoch(id)
	switch {
	case !ok:
		return []string{"This epoch is not in the tree here."}
	case len(kids) == 0:
		return []string{fmt.Sprintf("No change has been made on epoch %d.", e.Number)}
	case len(kids) == 1:
		out := []string{fmt.Sprintf("%s made the one change on epoch %d; %d of %d voters stand behind it.",
			s.called(kids[0].Author), e.Number, s.chain.Weight(kids[0].ID), voters(e))}
		return append(out, s.whyNacked(kids)...)
	}
	best := &kids[0]
	out := []string{fmt.Sprintf("%d changes were made on epoch %d; that of %s leads, with %d of %d voters behind it.",
		len(kids), e.Number, s.called(best.Author), s.chain.Weight(best.ID), voters(e))}
	for i := range kids[1:] {
		out = append(out, s.whyLost(best, &kids[i+1]))
	}
	if best.Header {
		out = append(out, "This device cannot enter it: "+s.whyShut(best))
	}
	return append(out, s.whyNacked(kids)...)
}

// whyNacked says who cannot open some of these.
func (s *Session) whyNacked(kids []consensus.Candidate) (out []string) {
	for i := range kids {
		if say := s.cannotOpen(&kids[i]); len(say) > 0 {
			out = append(out, s.sayCannotOpen(&kids[i], say))
		}
	}
	return out
}

var classNames = [...]string{
	consensus.ClassRemove: "a removal", consensus.ClassChange: "an addition or a change of rules",
	consensus.ClassMaintain: "a renewal of keys", consensus.ClassResync: "a return", consensus.ClassJoin: "a join",
}

// whyLost names the first rung of the rule on which two rivals differ.
func (s *Session) whyLost(won, lost *consensus.Candidate) string {
	who := "That of " + s.called(lost.Author)
	w, l := s.chain.Weight(won.ID), s.chain.Weight(lost.ID)
	switch {
	case w != l:
		return fmt.Sprintf("%s has %s behind it, the other %d.", who, several(l, "voter"), w)
	case won.Class != lost.Class:
		return fmt.Sprintf("%s has as many behind it, but is %s, which gives way to %s.", who, classNames[lost.Class], classNames[won.Class])
	case won.Class == consensus.ClassRemove && won.Role != lost.Role:
		return who + " has as many behind it, but between removals the higher role goes first."
	case won.Slot != lost.Slot:
		return fmt.Sprintf("%s has as many behind it, but it was its author's turn only after %s, and the leader's after %d.", who, several(int(lost.Slot), "other"), won.Slot)
	default:
		return who + " was made by the same device, which must not make two; the smaller epoch name leads."
	}
}

func (s *Session) whyShut(c *consensus.Candidate) string {
	switch p := s.held[c.Parent]; {
	case s.exits[c.ID]:
		return "it takes this device out."
	case s.unopenable[c.ID]:
		return "its new keys are malformed for this device."
	case s.newerThan[c.ID]:
		return "its rules are of a newer version."
	case p == nil || p.epoch == nil:
		return "the keys of the epoch before it were erased here."
	default:
		return "it has not come yet, only word of it."
	}
}

// WhyMember says what is known of an account in the group.
func (s *Session) WhyMember(a Account) []string {
	h := s.head()
	if h == nil || !h.roster.has(a) {
		out := []string{fmt.Sprintf("%s is not in the group.", s.called(a))}
		for _, id := range sortedIDs(s.wishes) {
			if w := s.wishes[id]; w.Intent.Op == opAdd && w.Intent.Account == a {
				out = append(out, "An invitation is under way.")
			}
		}
		return out
	}
	role := [...]string{"a member", "an admin", "an owner"}[h.policy.roleOf(a)]
	places := h.roster.of(a)
	out := []string{fmt.Sprintf("%s is %s with %s.", s.called(a), role, several(len(places), "device"))}
	if at, ok := s.chain.Standing(a); !ok {
		out = append(out, "It has not said yet which epoch it is in.")
	} else if e, known := s.chain.Epoch(at); known && s.chain.Within(at, h.id) {
		out = append(out, "It agrees on the epoch this device is in.")
	} else if known && s.chain.Within(h.id, at) {
		out = append(out, fmt.Sprintf("It last said that it is in epoch %d, %d behind.", e.Number, h.number-e.Number))
	} else if known {
		out = append(out, fmt.Sprintf("It stands on another branch, at epoch %d.", e.Number))
	}
	for _, i := range places {
		if t, ok := s.lastHeard[h.roster.leaves[i].Device]; ok {
			out = append(out, fmt.Sprintf("Its device %s was heard %d s ago.", short(h.roster.leaves[i].Device[:]), (s.now-t.last)/1000))
		}
		for _, id := range sortedIDs(s.welcomes) {
			if w := s.welcomes[id]; slices.Contains(w.To, h.roster.leaves[i].Device) {
				out = append(out, fmt.Sprintf("Its Welcome was sent %s and not answered yet.", several(w.Tries, "time")))
			}
		}
	}
	if s.chain.Guilty(a) {
		out = append(out, "It has been convicted of saying two things at once, and weighs nothing.")
	}
	return out
}
