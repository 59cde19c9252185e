package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// sees has a person at name look at texts, and let their authors know.
func (w *world) sees(name string, texts ...string) {
	ev := session.Read{ID: intentOf(fmt.Sprint("read", name, texts, w.now))}
	for _, n := range w.node(name).got(session.NoticeText) {
		if c, _ := session.DecodeContent(n.Body); slices.Contains(texts, c.Text) {
			ev.Seq = max(ev.Seq, n.Seq)
			ev.Shown = append(ev.Shown, session.Shown{Message: n.Message, Author: n.Device})
		}
	}
	w.step(name, ev)
}

// text is what a message says, by the notices of whoever has it.
func (w *world) text(id session.MessageID) string {
	for _, n := range w.nodes {
		for _, x := range n.got(session.NoticeText) {
			if c, _ := session.DecodeContent(x.Body); x.Message == id {
				return c.Text
			}
		}
	}
	return "?"
}

// readBy is who has read what of a node's, each once, as its faces were told.
func (n *node) readBy() []string {
	var out []string
	for _, x := range n.got(session.NoticeRead) {
		for _, o := range n.w.nodes {
			if o.id.Account == x.Account {
				out = append(out, n.w.text(x.Message)+" by "+o.name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (w *world) expectRead(name string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if got := w.node(name).readBy(); !slices.Equal(got, want) {
		w.t.Errorf("%s was told %q, want %q\n%s", name, got, want, w.node(name).s.Describe())
	}
}

// Only what was shown is told, to its author alone, once, in one word for what
// was read at one time.
func TestRead(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		for _, text := range []string{"one", "two", "three"} {
			w.say("alice", text)
		}
		w.say("carol", "four")
		w.run(5000)
		spoke := 0
		w.lossy = func(from, to string, ev session.Event) bool {
			if _, ok := ev.(session.Received); ok && from == "bob" && to == "carol" {
				spoke++
			}
			return false
		}
		w.step("bob", session.Read{ID: intentOf("all, silently"), Seq: 99})
		w.run(5000)
		if spoke > 0 {
			t.Errorf("bob said %d things without having been asked to", spoke)
		}
		w.sees("bob", "one")
		w.run(300)
		w.sees("bob", "two", "one")
		w.run(5000)
		if spoke != 1 {
			t.Errorf("bob said %d things of two messages read one after the other", spoke)
		}
		w.sees("bob", "four", "two")
		w.sees("alice", "one") // its own
		w.run(5000)
		w.expectRead("alice", "one by bob", "two by bob")
		w.expectRead("carol", "four by bob")
		w.expectRead("bob")
		for _, n := range w.nodes {
			if d := n.s.Describe(); strings.Contains(d, "\nread ") {
				t.Errorf("%s is not done:\n%s", n.name, d)
			}
		}
		if n := len(w.node("alice").got(session.NoticeRead)); n != 2 {
			t.Errorf("alice was told %d times", n)
		}
		if n := w.node("alice").s.Counts()[session.DropRead]; n != 1 {
			t.Errorf("alice let go of %d, and its own message is the one", n)
		}
	})
}

// A word that its author could not understand is told again: sealed under a
// branch that lost, or under an epoch that the author had left far behind.
func TestReadIsToldAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		for _, far := range []int{1, 12} {
			for _, forked := range []bool{false, true} {
				t.Run(fmt.Sprint(far, forked), func(t *testing.T) {
					w := groupOn(t, eng, "alice", "bob", "carol", "dave")
					w.step("alice", session.SetRole{ID: intentOf("up"), Account: w.node("bob").id.Account, Role: consensus.RoleOwner})
					w.say("alice", "hello")
					w.run(10_000)
					w.part([]string{"bob"}, []string{"alice", "carol", "dave"})
					rename := func(who string, i int) {
						name := fmt.Sprint(who, i)
						w.step(who, session.Configure{ID: intentOf(name), Name: &name})
						w.run(10_000)
					}
					if forked {
						rename("bob", 0)
					}
					w.sees("bob", "hello")
					w.run(3000)
					for i := range far {
						rename("alice", i+1)
						if forked && i > 0 {
							rename("bob", i)
						}
					}
					w.expectRead("alice")
					why := strings.Join(w.node("bob").s.WhyMessage(w.node("bob").got(session.NoticeText)[0].Message), " ")
					if !strings.Contains(why, "has not answered") {
						t.Errorf("bob says %q", why)
					}
					w.restart("bob")
					w.heal()
					w.run(120_000)
					w.agree("alice", "bob", "carol", "dave")
					w.expectRead("alice", "hello by bob")
					if d := w.node("bob").s.Describe(); strings.Contains(d, "\nread ") {
						t.Errorf("bob is not done:\n%s", d)
					}
				})
			}
		}
	})
}

// What is to be told outlives a crash at whatever step, on both sides.
func TestReadOutlivesCrash(t *testing.T) {
	for _, crash := range [][]string{{"alice"}, {"bob"}, {"alice", "bob"}} {
		for at := range 24 {
			names := []string{"alice", "bob", "carol"}[:2+at%2]
			w := groupOn(t, standin.New(), names...)
			w.say("alice", "hello")
			w.run(5000)
			for _, who := range crash {
				w.node(who).crashAt = w.node(who).steps + 1 + at/2
			}
			w.sees("bob", "hello")
			w.run(60_000)
			w.expectRead("alice", "hello by bob")
			if d := w.node("bob").s.Describe(); strings.Contains(d, "\nread ") {
				t.Errorf("bob is not done:\n%s", d)
			}
		}
	}
}

// Nobody is told twice by what a network does twice, and whoever was removed
// says nothing any more.
func TestReadOfTheRemoved(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol")
	w.node("bob").twice = true
	w.say("alice", "hello")
	w.run(5000)
	w.sees("carol", "hello")
	w.run(5000)
	w.step("alice", session.Remove{ID: intentOf("rm"), Account: w.node("bob").id.Account})
	w.run(20_000)
	w.sees("bob", "hello")
	w.run(20_000)
	w.expectRead("alice", "hello by carol")
}
