package session_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// The contracts of the line between a session and its driver, by number. (1)
// is FuzzBytes, (2) TestDeterminism; (4), that time and randomness are
// arguments, is what the house rules hold the imports to; (6) and (7) are
// TestOneRoute and TestKeysAreNeverRolledBack here.

// (3) Performing effects twice is harmless, as after a crash between Save and
// the rest.
func TestEffectsTwice(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := newWorldOn(t, eng, "alice", "bob", "carol", "dave")
		for _, n := range w.nodes {
			n.twice = true
		}
		lively(w)
		w.expectLively("all effects twice")
	})
}

// (5) What strangers send is bounded in memory and counted.
func TestCaps(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob")
	before := len(w.node("alice").rows)
	junk := newStream("junk")
	for i := range 5000 {
		b := make([]byte, 200)
		junk.Read(b)
		b[0], b[1] = 1, byte(1+i%2)
		copy(b[2:6], []byte{0, 0, 0, 1})
		w.step("alice", session.Received{From: "mallory", Envelope: b})
	}
	s := w.node("alice").s
	counts := s.Counts()
	if counts[session.DropParked] < 4000 {
		t.Errorf("of 5000 envelopes of nobody, %d were let go: %v", counts[session.DropParked], counts)
	}
	if grown := len(w.node("alice").rows) - before; grown > 0 {
		t.Errorf("envelopes of nobody made %d rows", grown)
	}
	w.say("bob", "still here")
	w.run(5000)
	w.expectHeard("alice", "still here")
}

// (6) One route: the commit that its author made and the one that the others
// received lead to one candidate, with nothing but the author's own row of it
// to tell them apart.
func TestOneRoute(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		before := maps.Clone(w.node("bob").rows) // the commit that let bob in came another way
		w.step("alice", session.Refresh{ID: intentOf("r")})
		w.step("bob", session.Refresh{ID: intentOf("s")})
		w.run(20_000)
		a, b := w.node("alice").rows, w.node("bob").rows
		n := 0
		for k := range a {
			if _, old := before[k]; !old && strings.HasPrefix(k, "commit/") {
				if other, ok := b[k]; ok {
					n++
					if string(other.Value) != string(a[k].Value) {
						t.Errorf("row %s differs", k)
					}
				}
			}
		}
		if n < 2 {
			t.Errorf("only %d commits in common", n)
		}
	})
}

// (7) What sending consumed stays consumed over a restart: the same message
// keys never twice, the same message never twice in the history.
func TestKeysAreNeverRolledBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		seen := map[string]bool{}
		w.lossy = func(from, to string, ev session.Event) bool {
			if r, ok := ev.(session.Received); ok && to == "bob" {
				seen[string(r.Envelope)] = true
			}
			return false
		}
		for i := range 5 {
			w.say("alice", fmt.Sprint(i))
			w.restart("alice")
			w.run(1000)
			w.restart("bob")
			for _, e := range slices.Sorted(maps.Keys(seen)) {
				w.step("bob", session.Received{From: "alice", Envelope: []byte(e)})
			}
		}
		w.run(5000)
		w.expectHistory("bob", "0", "1", "2", "3", "4")
	})
}

// A device that was restored from an old copy finds out, and stops writing.
func TestOldCopyReceivesOnly(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		for _, what := range []string{"message", "change", "vote"} {
			t.Run(what, func(t *testing.T) {
				w := groupOn(t, eng, "alice", "bob", "carol")
				alice := w.node("alice")
				old := maps.Clone(alice.rows)
				switch what {
				case "message":
					w.say("alice", "after the copy")
				case "change":
					w.step("alice", session.Refresh{ID: intentOf("r")})
				case "vote":
					w.step("bob", session.Refresh{ID: intentOf("r")})
				}
				w.run(10_000)
				w.restore("alice", old)
				w.run(5000)
				if v := alice.s.View(); v.Standing != session.OnlyReading {
					t.Fatalf("alice goes on as if nothing had been: %v", v.Standing)
				}
				published := 0
				w.lossy = func(from, _ string, ev session.Event) bool {
					if _, ok := ev.(session.Received); ok && from == "alice" {
						published++
					}
					return false
				}
				w.say("alice", "x")
				w.step("alice", session.Refresh{ID: intentOf("r2")})
				w.say("bob", "to alice")
				w.run(20_000)
				if published > 0 {
					t.Errorf("an old copy published %d envelopes", published)
				}
				w.expectState("alice", "alicex", session.StateDenied)
				// Past a change of its own it cannot follow: what that
				// change drew at random is lost with the later copy.
				if got := alice.history(); what != "change" && !slices.Contains(got, "to alice") {
					t.Errorf("an old copy does not read: %q", got)
				}
			})
		}
	})
}

// A member cannot silence another with things in its name.
func TestForgedOldCopy(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob")
	w.say("alice", "one")
	w.run(3000)
	for k, r := range w.node("bob").rows { // echo all of alice's envelopes back
		if k[:2] == "e/" {
			w.step("alice", session.Received{From: "bob", Envelope: r.Value})
		}
	}
	w.run(3000)
	if v := w.node("alice").s.View(); v.Standing != session.TakingPart {
		t.Errorf("alice took its own echo for proof of another copy: %s", v.Why)
	}
}

// The audience guard: what was said where mallory had been removed is not sent
// again where mallory is, until the removal has come about there too.
func TestAudienceGuard(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		names := []string{"alice", "bob", "carol", "dave", "mallory"}
		w := groupOn(t, eng, names...)
		left, right := []string{"alice"}, []string{"bob", "carol", "dave", "mallory"}
		w.part(left, right)
		w.step("alice", session.Remove{ID: intentOf("rm"), Account: w.node("mallory").id.Account})
		w.run(20_000)
		w.say("alice", "mallory is out")
		for i := range 12 {
			for _, n := range right {
				w.step(n, session.Refresh{ID: intentOf(fmt.Sprint(n, i))})
			}
			w.run(15_000)
		}
		w.heal()
		w.run(120_000)
		w.agree("alice", "bob", "carol", "dave")
		for _, n := range []string{"bob", "carol", "dave"} {
			w.expectHistory(n, "mallory is out")
		}
		w.expectHistory("mallory")
	})
}

// A Welcome does not leave before its commit is agreed on.
func TestWelcomeIsHeld(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "carol")
	w.add("dave", "dave")
	w.lossy = func(from, to string, ev session.Event) bool { return to != "dave" && from == "alice" }
	w.step("alice", session.Invite{ID: intentOf("dave"), Account: w.node("dave").id.Account, KeyPackages: [][]byte{w.node("dave").pack()}})
	w.run(8000) // nobody else can have voted
	if w.node("dave").s != nil {
		t.Error("dave was let in by a commit that nobody had seen")
	}
	w.lossy = nil
	w.run(60_000)
	w.meet("alice", "bob")
	w.meet("alice", "carol")
	w.run(60_000)
	w.agree("alice", "bob", "carol", "dave")
}

// A driver that knows its rows to be an older copy says so to Load: nothing is
// said again, not even once. Let in anew, the device misses nothing and writes.
func TestRestoredCopy(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		bob := w.node("bob")
		w.say("bob", "before")
		w.run(10_000)
		old := maps.Clone(bob.rows)
		w.say("bob", "after the copy")
		w.run(10_000)
		published := 0
		w.lossy = func(from, _ string, ev session.Event) bool {
			if _, ok := ev.(session.Received); ok && from == "bob" {
				published++
			}
			return false
		}
		bob.cfg = func(c *session.Config) { c.Restored = "the rows are older than their keys" }
		w.restore("bob", old)
		bob.cfg = nil
		w.say("alice", "can you read?")
		w.step("bob", session.Refresh{ID: intentOf("r")})
		w.run(5000)
		w.restart("bob")
		w.run(5000)
		if v := bob.s.View(); v.Standing != session.OnlyReading || published > 0 {
			t.Fatalf("standing %v, %d envelopes published", v.Standing, published)
		}
		if !slices.Contains(bob.history(), "can you read?") {
			t.Error("it does not read")
		}
		w.step("alice", session.Remove{ID: intentOf("rm"), Account: bob.id.Account})
		w.run(5000)
		w.step("alice", session.Invite{ID: intentOf("again"), Account: bob.id.Account})
		w.run(60_000)
		w.agree("alice", "bob")
		if m := bob.s.Missing(); len(m) > 0 {
			t.Error("missing: ", m)
		}
		w.say("bob", "here again")
		w.run(5000)
		if !slices.Contains(w.node("alice").heard(), "here again") {
			t.Error("it does not write")
		}
	})
}
