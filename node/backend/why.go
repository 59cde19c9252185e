package backend

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// Why answers for a group; or for one of its members, by name; an epoch, as E7
// or by its print; or a message, by its number or id.
func (b *Backend) Why(ctx context.Context, ref, about string) (api.Why, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Why{}, err
	}
	if about == "" {
		return b.whyGroup(ctx, g)
	}
	return b.whyThing(ctx, g, about)
}

// whyThing finds what is asked about in a group. Members choose their names, and
// may choose one that looks like an epoch: where two kinds of things fit, neither
// is taken for the other.
func (b *Backend) whyThing(ctx context.Context, g *node.Group, about string) (api.Why, error) {
	epoch, isEpoch, unknown := b.whyEpoch(ctx, g, about)
	a, err := b.findMember(g, about)
	switch {
	case errors.Is(err, api.Ambiguous):
		return api.Why{}, err
	case err == nil && isEpoch:
		which := fmt.Sprintf("%s, or the member %s (%s)", epoch.Subject, b.n.NameOf(a), hexOf(a[:4]))
		return api.Why{}, api.NewError(api.CodeAmbiguous, api.Quote(about)+" may be "+which+".", "Say the member's account, or more of the epoch's id; `covey group epochs --json` shows it.")
	case err == nil:
		return b.whyMember(ctx, g, a)
	case isEpoch || unknown != nil:
		return epoch, unknown
	}
	return b.whyMessage(ctx, g, about)
}

// whyGroup says how the group stands as seen from here.
func (b *Backend) whyGroup(ctx context.Context, g *node.Group) (api.Why, error) {
	var v session.View
	w := api.Why{Subject: g.Title()}
	err := g.Look(ctx, func(s *session.Session) { v, w.Missing = s.View(), s.Missing() })
	if err != nil {
		return api.Why{}, err
	}
	online := 0
	for _, m := range v.Members {
		if shown := b.showMember(m); shown.Online && !shown.Me {
			online++
		}
	}
	switch {
	case v.Standing == session.TakenOut:
		w.Verdict, w.Fix = "You are not in this group any more.", "ask a member to run `covey group invite`"
		if !g.Left() {
			w.Cause = api.Sentence(v.Why)
		}
	case v.Standing != session.TakingPart:
		w.Verdict, w.Cause = "This device only reads here.", api.Sentence(v.Why)
		w.Fix = "ask a member to remove and invite you again"
	case len(w.Missing) > 0:
		w.Verdict = "Something that others have is missing here."
		w.Cause = fmt.Sprintf("%d of %d other members are reachable now", online, len(v.Members)-1)
		w.Fix, w.Privacy = "`covey group repair "+api.Word(g.Title())+"`", "No keys leave this node."
	case v.Rivals > 0:
		w.Verdict = fmt.Sprintf("The group has forked: %s held beside the head, and %d of %d voters stand with the head.", rivals(v.Rivals), v.Agreed, v.Voters)
		w.Cause = "Members changed the group at the same time, or while they could not reach each other."
		w.Fix = "nothing: the branch that most stand with wins by itself"
		w.Facts, err = b.forks(ctx, g)
	case v.Agreed*2 <= v.Voters && len(v.Members) > 1:
		w.Verdict = fmt.Sprintf("%d of %d members have said that they see the epoch that you see.", v.Agreed, v.Voters)
		w.Cause = fmt.Sprintf("%d of %d other members are reachable now", online, len(v.Members)-1)
		w.Fix = "nothing: the others say so when they are back"
	default:
		w.Verdict = fmt.Sprintf("All is well: %d of %d members agree on epoch %d.", v.Agreed, v.Voters, v.Number)
	}
	return w, err
}

// forks are the facts of every epoch with more than one child.
func (b *Backend) forks(ctx context.Context, g *node.Group) (facts []string, err error) {
	err = g.Look(ctx, func(s *session.Session) {
		children := map[session.EpochID]int{}
		for _, t := range s.Tree() {
			if children[t.Parent]++; children[t.Parent] == 2 {
				facts = append(facts, s.WhyFork(t.Parent)...)
			}
		}
	})
	return facts, err
}

// whyEpoch says what became of the changes on an epoch. It reports false where
// what is asked about is no epoch.
func (b *Backend) whyEpoch(ctx context.Context, g *node.Group, about string) (w api.Why, ok bool, err error) {
	number, byNumber := uint64(0), false
	if rest, is := strings.CutPrefix(strings.ToUpper(about), "E"); is {
		n, err := strconv.ParseUint(rest, 10, 64)
		number, byNumber = n, err == nil
	}
	err = g.Look(ctx, func(s *session.Session) {
		for _, t := range s.Tree() {
			print := g.EpochRef(t.Epoch, t.Number).Print
			if byNumber && t.Number != number || !byNumber && (len(about) < 4 || !strings.HasPrefix(print, about) && !strings.HasPrefix(hexOf(t.Epoch[:]), about)) {
				continue
			}
			ok = true
			w.Subject = fmt.Sprintf("epoch %d of %s", t.Number, g.Title())
			if t.Parent != (session.EpochID{}) {
				line := fmt.Sprintf("%s: %s %s; %s.", print, b.n.NameOf(t.Author), b.what(t), lives[t.Life])
				if t.Why != "" {
					line += " " + t.Why
				}
				w.Facts = append(w.Facts, line)
			}
			w.Facts = append(w.Facts, s.WhyFork(t.Epoch)...)
		}
	})
	if err == nil && byNumber && !ok {
		err = api.NewError(api.CodeNotFound, fmt.Sprintf("No epoch %d of %s is known here.", number, g.Title()), "`covey group epochs "+api.Word(g.Title())+"` shows those that are.")
	}
	if ok {
		w.Verdict, w.Facts = w.Facts[0], w.Facts[1:]
	}
	return w, ok, err
}

// whyMember says how a member stands.
func (b *Backend) whyMember(ctx context.Context, g *node.Group, a session.Account) (api.Why, error) {
	w := api.Why{Subject: b.n.NameOf(a) + " in " + g.Title()}
	err := g.Look(ctx, func(s *session.Session) { w.Facts = s.WhyMember(a) })
	if err != nil || len(w.Facts) == 0 {
		return w, err
	}
	w.Verdict, w.Facts = w.Facts[0], w.Facts[1:]
	for _, m := range g.View().Members {
		if shown := b.showMember(m); m.Account == a && !shown.Online && !shown.Me {
			w.Cause, w.Fix = "No device of theirs is connected now.", "nothing: what they miss is kept for them"
		}
	}
	return w, nil
}

// whyMessage says how a message stands.
func (b *Backend) whyMessage(ctx context.Context, g *node.Group, ref string) (api.Why, error) {
	page, err := b.Messages(ctx, g.ID(), api.MessageQuery{Limit: api.MaxPage})
	if err != nil {
		return api.Why{}, err
	}
	m, err := pickMessage(ref, page.Messages, "")
	if errors.Is(err, api.NotFound) {
		return api.Why{}, api.NewError(api.CodeNotFound, fmt.Sprintf("%s is no member of %s, no epoch of it, and none of its latest messages.", api.Quote(ref), g.Title()),
			"Say a member's name, an epoch such as E7, or the number of a message, which `covey read "+api.Word(g.Title())+" --json` shows.")
	}
	if err != nil {
		return api.Why{}, err
	}
	w := api.Why{Subject: "message " + m.ID[:8] + " of " + m.Name}
	if id, err := hex.DecodeString(m.ID); err == nil && len(id) == len(session.MessageID{}) {
		if err := g.Look(ctx, func(s *session.Session) { w.Facts = s.WhyMessage(session.MessageID(id)) }); err != nil {
			return w, err
		}
	}
	p := m.Progress
	switch {
	case !m.Mine:
		w.Verdict = fmt.Sprintf("It is readable here, and was read in epoch %s.", m.Epoch.Print)
	case p != nil && p.State == api.Read:
		w.Verdict = fmt.Sprintf("%d of %d people have said that they have read it.", p.Read, p.People)
		w.Cause = "Whoever has not turned read receipts on never says so."
		w.Facts = append(w.Facts, fmt.Sprintf("%d of %d devices have said that they have it.", p.Delivered, p.Of))
	case p == nil || p.State == api.Delivered && p.Delivered >= p.Of:
		w.Verdict = "Every device that it was meant for has it."
	case p.State == api.Delivered:
		w.Verdict = fmt.Sprintf("%d of %d devices have said that they have it.", p.Delivered, p.Of)
		w.Cause, w.Fix = "The others have not been reached yet.", "nothing: they fetch it when they are back"
	case p.State == api.Handed:
		w.Verdict = fmt.Sprintf("%d peers have its bytes; no device has said yet that it can read it.", p.Peers)
		w.Fix = "nothing: devices say so within seconds of being reachable"
	default:
		w.Verdict = "Nobody else has it yet."
		w.Cause, w.Fix = "No member is reachable.", "keep the node running; `covey peers` shows who comes"
	}
	return w, nil
}

// rivals counts branches, with the verb.
func rivals(n int) string {
	if n == 1 {
		return "1 rival branch is"
	}
	return fmt.Sprintf("%d rival branches are", n)
}
