package session_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// lively is a schedule in which everything a session does happens at least
// once: joins, texts, rivals, a removal, a role, a partition and its healing.
func lively(w *world) {
	w.gather("alice", "bob", "carol", "dave")
	w.say("alice", "a0")
	w.step("bob", session.Refresh{ID: intentOf("rb")})
	w.step("carol", session.Refresh{ID: intentOf("rc")})
	w.run(3000)
	w.step("alice", session.SetRole{ID: intentOf("role"), Account: w.node("carol").id.Account, Role: consensus.RoleAdmin})
	w.say("dave", "d0")
	w.run(6000)
	w.part([]string{"alice", "bob"}, []string{"carol", "dave"})
	w.step("bob", session.Refresh{ID: intentOf("rb2")})
	w.step("carol", session.Refresh{ID: intentOf("rc2")})
	w.say("alice", "a1")
	w.say("carol", "c1")
	w.run(6000)
	w.heal()
	w.run(10_000)
	w.step("carol", session.Remove{ID: intentOf("rm"), Account: w.node("dave").id.Account})
	w.say("carol", "c2")
	w.run(60_000)
}

func (w *world) expectLively(what string) {
	w.t.Helper()
	w.agree("alice", "bob", "carol")
	want := []string{"a0", "a1", "c1", "c2", "d0"}
	for _, name := range []string{"alice", "bob", "carol"} {
		got := w.node(name).history()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			w.t.Errorf("%s: %s has %q\n%s", what, name, got, w.node(name).s.Describe())
		}
	}
	if got := w.node("dave").history(); slices.Contains(got, "c2") {
		w.t.Errorf("%s: dave read what was said after its removal", what)
	}
}

// A machine that dies right after any Save, before anything was sent, ends
// where it would have ended.
func TestCrashAtEverySave(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		base := newWorldOn(t, eng, "alice", "bob", "carol", "dave")
		lively(base)
		base.expectLively("no crash")
		every := 1
		if testing.Short() {
			every = 11
		}
		for _, n := range base.nodes {
			for k := 1; k <= n.steps && !t.Failed(); k += every {
				w := newWorldOn(t, eng, "alice", "bob", "carol", "dave")
				w.node(n.name).crashAt = k
				lively(w)
				w.expectLively(fmt.Sprintf("%s crashed in step %d", n.name, k))
			}
		}
	})
}

// The same inputs give the same effects, byte for byte.
func TestDeterminism(t *testing.T) {
	run := func(eng session.Engine) []byte {
		w := newWorldOn(t, eng, "alice", "bob", "carol", "dave")
		w.sum = sha256.New()
		lively(w)
		return w.sum.Sum(nil)
	}
	for range 5 {
		if !bytes.Equal(run(standin.New()), run(standin.New())) || !bytes.Equal(run(session.MLS{}), run(session.MLS{})) {
			t.Fatal("two runs of one schedule differ")
		}
	}
}
