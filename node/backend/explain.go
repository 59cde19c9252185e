package backend

import (
	"context"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
)

// words are what a person may meet on a screen and not know.
var words = map[string][]string{
	"epoch":     {"One state of a group: who is in it and with which keys. Every change makes a new one."},
	"head":      {"The epoch that this node acts in: where the rule, given what is known here, ends."},
	"agreed":    {"How many members have said that they see the same epoch as you."},
	"rival":     {"A branch of epochs beside the head. It comes from changes made at the same time; one wins, the rest are done again on it."},
	"settled":   {"Locally quiet: no rival has been heard of for a second. It is no agreement."},
	"final":     {"Out of reach of a fork: a quorum has sealed it."},
	"queued":    {"Durable on this machine; nobody else has it yet."},
	"handed":    {"At least one other machine has the bytes. Nobody has said yet that they can read it."},
	"delivered": {"So many devices have said that they have the message and can read it."},
	"read":      {"So many people have said that they have read it, of those who were in the group. Whoever has not turned read receipts on never says so."},
	"held":      {"Not sent again by itself, because somebody new could read it; a person must decide."},
	"stranded":  {"Away for so long that the keys to follow the others are gone. A member lets you back in."},
	"stamp":     {"A second of computing that a stranger pays for writing to you."},
	"words":     {"What two people compare, aloud, to be sure of each other's key."},
	"window":    {"How many epochs back a fork can still be entered. Longer is more patient and less secret."},
	"direct":    {"Connected without anybody in between."},
	"relay":     {"Connected through another peer, which sees that you talk and how much, but not what."},
}

// codes explain what errors ask of the caller.
var codes = map[api.Code]string{
	api.CodeUsage: "The request is malformed. Repeating it does not help.", api.CodeNoDaemon: "Nothing answers on the node's socket.",
	api.CodeDenied: "Not allowed: by a token's scope, by the group's roles, or by a block.", api.CodeNotFound: "Nothing has that name.",
	api.CodeAmbiguous: "Several things have that name.", api.CodeConflict: "It exists already, or the key was used for something else.",
	api.CodeExpired: "Too late for this link, token or invitation.", api.CodeTooLarge: "Over a limit that has a name and a number.",
	api.CodeBusy: "A queue is full. Repeat it in a moment.", api.CodeNotReady: "The node is starting or stopping. Repeat it.",
	api.CodeOffline: "Nobody who could answer is reachable.", api.CodeLostRace: "Another change was faster. Look, then repeat it.",
	api.CodeAlarm: "Something that protects you does not hold. A person must look.", api.CodeStorage: "The disk refused. Nothing that was acknowledged is lost.",
	api.CodeWait: "It was accepted, but what was waited for did not come in time.", api.CodePartial: "Some got it, some did not.",
	api.CodeTooMany: "A quota is used up.", api.CodeLocked: "Another process holds the directory.", api.CodeVersion: "Client and node are of different versions.",
	api.CodeStranger: "They have not accepted you yet.", api.CodeStopped: "The connection or the node went away. Repeating it with the same key is safe.",
	api.CodeInternal: "A defect of ours.",
}

func (b *Backend) Explain(ctx context.Context, subject string) (api.Explanation, error) {
	if lines, ok := words[strings.ToLower(subject)]; ok {
		return api.Explanation{Kind: "word", Title: strings.ToLower(subject), Lines: lines}, nil
	}
	if text, ok := codes[api.Code(subject)]; ok {
		return api.Explanation{Kind: "code", Title: "error " + subject, Lines: []string{text}}, nil
	}
	if g, err := b.findGroup(subject); err == nil {
		w, err := b.Why(ctx, g.ID(), "")
		if err != nil {
			return api.Explanation{}, err
		}
		lines, err := b.story(ctx, g)
		if err != nil {
			return api.Explanation{}, err
		}
		return api.Explanation{Kind: "group", Title: g.Title(), Lines: append(append(lines, w.Verdict), w.Facts...), Next: []string{"covey group show " + api.Word(g.Title()), "covey group epochs " + api.Word(g.Title())}}, nil
	}
	if c, err := b.findContact(subject); err == nil {
		shown := b.n.ShowContact(c)
		lines := []string{fmt.Sprintf("A contact, %s, verified: %v.", shown.State, shown.Verified), "Words: " + shown.Words}
		return api.Explanation{Kind: "contact", Title: shown.Name, Lines: lines, Next: []string{"covey contact verify " + api.Word(shown.Name)}}, nil
	}
	if op, err := b.Operation(ctx, subject); err == nil {
		return api.Explanation{Kind: "operation", Title: "operation " + op.ID[:8], Lines: []string{fmt.Sprintf("It is %s. %s", op.State, api.Sentence(op.Reason))}}, nil
	}
	for _, g := range b.n.Groups() {
		if e, ok := b.explainIn(ctx, g, strings.ToLower(subject)); ok {
			return e, nil
		}
	}
	return api.Explanation{}, api.NewError(api.CodeNotFound, "Nothing here is called "+api.Quote(subject)+".", "Give an id or a beginning of one, a name, an error code, or a word from the screen.")
}

// maxStory is how many events of a group are told, the latest: some screens.
const maxStory = 200

// story tells what became of a group, from the log of events: who came and
// went, which epochs there were, which rivals met and why one was followed.
func (b *Backend) story(ctx context.Context, g *node.Group) ([]string, error) {
	last := b.n.Journal().Cursor()
	if last == 0 {
		return nil, nil
	}
	var lines []string
	for e, err := range b.n.Journal().Events(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if section, tell := sectionOf(&e); tell && e.Group == g.ID() {
			line := e.At.Local().Format("2006-01-02 15:04:05") + "  " + e.Text
			if section != "" {
				line += "  [RFC 9420 " + section + "]"
			}
			lines = append(lines, line)
		}
		if e.Cursor >= last {
			break
		}
	}
	return lines[max(0, len(lines)-maxStory):], nil
}

// sectionOf is where RFC 9420 describes what an event tells of, and whether the
// event belongs to a group's story at all.
func sectionOf(e *api.Event) (section string, tell bool) {
	switch e.Type {
	case api.EventFork:
		return "§14", true
	case api.EventEpoch:
		return "§12.4", true
	case api.EventMember:
		return map[string]string{
			"added": "§12.1.1", "device-added": "§12.1.1", "removed": "§12.1.3", "left": "§12.1.3", "device-removed": "§12.1.3", "keys": "§7.5",
		}[e.Member.Change], true
	case api.EventGroup:
		return map[string]string{"joined": "§12.4.3.1", "founded": "§11", "removed": "§12.1.3", "left": "§12.1.3"}[e.Change.What], true
	case api.EventGap, api.EventTrouble:
		return "", true
	}
	return "", false
}

// explainIn looks for a message or an epoch of a group.
func (b *Backend) explainIn(ctx context.Context, g *node.Group, subject string) (api.Explanation, bool) {
	if len(subject) < 4 {
		return api.Explanation{}, false
	}
	if w, err := b.whyMessage(ctx, g, subject); err == nil {
		return api.Explanation{Kind: "message", Title: w.Subject, Lines: []string{w.Verdict}, Next: []string{"covey read " + api.Word(g.Title())}}, true
	}
	tree, err := b.Epochs(ctx, g.ID())
	if err != nil {
		return api.Explanation{}, false
	}
	for _, n := range tree.Nodes {
		if strings.HasPrefix(n.ID, subject) || strings.HasPrefix(n.Print, subject) {
			return api.Explanation{Kind: "epoch", Title: fmt.Sprintf("epoch %d of %s", n.Number, g.Title()), Lines: []string{api.Sentence(fmt.Sprintf("%s %s; %s", n.Name, n.What, n.Life)), api.Sentence(n.Reason)}, Next: []string{"covey group epochs " + api.Word(g.Title())}}, true
		}
	}
	return api.Explanation{}, false
}
