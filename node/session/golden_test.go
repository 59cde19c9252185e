package session_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

var update = flag.Bool("update", false, "record golden files anew")

// The five walks as text: what each member's faces are told, when, and how the
// sessions describe themselves in the end. Recorded with -update, and read by a
// person before it is committed.
func TestWalks(t *testing.T) {
	three := []string{"alice", "bob", "carol"}
	for name, walk := range map[string]func(w *world){
		"send": func(w *world) {
			w.say("alice", "hello")
			w.run(5000)
			w.expectState("alice", "alicehello", session.StateDelivered)
		},
		"commit": func(w *world) {
			topic := "lodge"
			w.step("alice", session.Configure{ID: intentOf("name"), Name: &topic})
			w.run(5000)
		},
		"rivals": func(w *world) {
			w.part([]string{"alice"}, []string{"bob", "carol"})
			w.step("alice", session.Refresh{ID: intentOf("a")})
			w.step("bob", session.Refresh{ID: intentOf("b")})
			w.say("alice", "from a branch that loses")
			w.run(3000)
			w.heal()
			w.run(20_000)
		},
		"read": func(w *world) {
			w.say("bob", "read by both")
			w.say("bob", "read by alice")
			w.say("carol", "while carol is away")
			w.run(3000)
			w.part([]string{"carol"}, []string{"alice", "bob"})
			w.sees("alice", "read by both", "read by alice", "while carol is away")
			w.sees("carol", "read by both")
			w.run(5000)
			w.heal()
			w.run(1000)
			w.sees("alice", "read by both")
			w.say("bob", "not shown to anybody")
			w.run(3000)
		},
		"join": func(w *world) {
			w.add("dave", "dave")
			w.step("bob", session.Invite{ID: intentOf("dave"), Account: w.node("dave").id.Account})
			w.run(10_000)
			w.say("dave", "here")
			w.run(3000)
		},
		"back": func(w *world) {
			w.part([]string{"carol"}, []string{"alice", "bob"})
			for i := range 4 {
				w.step("alice", session.Refresh{ID: intentOf(fmt.Sprint("a", i))})
				w.step("bob", session.Refresh{ID: intentOf(fmt.Sprint("b", i))})
				w.say("bob", fmt.Sprint("while carol is away ", i))
				w.run(10_000)
			}
			w.heal()
			w.run(10_000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := groupOn(t, standin.New(), three...)
			w.t = t
			for _, n := range w.nodes {
				n.notices = nil
			}
			start := w.now
			walk(w)
			var names []string
			for _, n := range w.nodes {
				names = append(names, n.name)
			}
			w.agree(names...)
			compare(t, filepath.Join("testdata", "walks", name+".txt"), w.transcript(start))
		})
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update records anew); got:\n%s", path, got)
	}
}

func (w *world) transcript(start session.Time) string {
	var b strings.Builder
	for _, n := range w.nodes {
		fmt.Fprintf(&b, "%s\n", n.name)
		for _, x := range n.notices {
			fmt.Fprintf(&b, "  %6.2f %s\n", float64(x.At-start)/1000, w.line(x))
		}
	}
	first := w.nodes[0]
	b.WriteString("----\n" + first.s.Describe())
	fork, shown := session.EpochID{}, false
	for _, br := range first.s.Tree() {
		if br.Life.String() == "held" || br.Life.String() == "lost" || br.Life.String() == "named" {
			fork, shown = br.Parent, true
		}
	}
	if shown {
		b.WriteString("----\n" + strings.Join(first.s.WhyFork(fork), "\n") + "\n")
	}
	for _, n := range w.nodes[1:] {
		b.WriteString(strings.Join(first.s.WhyMember(n.id.Account), " ") + "\n")
	}
	return b.String()
}

// line is one notice for people.
func (w *world) line(n session.Notice) string {
	kinds := [...]string{"", "joined", "text", "sent", "delivered", "intent", "roster", "epoch", "fork", "gap", "removed", "stranded", "trouble", "renamed", "read"}
	states := [...]string{"", "queued", "handed", "bound", "landed", "final", "delivered", "superseded", "denied", "expired"}
	changes := [...]string{"", "added", "removed", "left", "device added", "device removed", "role", "keys"}
	who := ""
	for _, x := range w.nodes {
		if x.id.Account == n.Account || x.id.Device == n.Device {
			who = " " + x.name
		}
	}
	out := kinds[n.Kind] + who
	switch n.Kind {
	case session.NoticeText:
		c, _ := session.DecodeContent(n.Body)
		out += fmt.Sprintf(" %q in E%d", c.Text, n.Number)
	case session.NoticeRead:
		out += " " + w.text(n.Message)
	case session.NoticeIntent, session.NoticeSent:
		out += " " + states[n.State]
	case session.NoticeDelivered:
		out += fmt.Sprintf(" %d of %d", n.Count, n.Of)
	case session.NoticeRoster:
		out += " " + changes[n.Change]
	case session.NoticeEpoch:
		out += fmt.Sprintf(" E%d, %d of %d agree", n.Number, n.Agreed, n.Of)
	case session.NoticeRenamed:
		out += fmt.Sprintf(" %q", n.Body)
	}
	if n.Reason != "" {
		out += ": " + n.Reason
	}
	return out
}

// Every reason has a sentence, and every sentence a reason.
func TestReasons(t *testing.T) {
	src, err := os.ReadFile("counts.go")
	if err != nil {
		t.Fatal(err)
	}
	n := strings.Count(string(src), " Reason = ")
	if n != len(session.Reasons) {
		t.Errorf("%d reasons, %d sentences", n, len(session.Reasons))
	}
	for r, says := range session.Reasons {
		if says == "" || slices.Contains([]string{"", " "}, string(r)) {
			t.Errorf("reason %q says %q", r, says)
		}
	}
}
