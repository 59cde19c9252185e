package sim

import (
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// The checks of every run look in every run: none sleeps.
func TestChecksLook(t *testing.T) {
	looked := map[string]int{}
	for seed := uint64(1); seed <= 10; seed++ {
		w, how := runMixed(seed, Mixed(seed))
		if how != "" {
			t.Error(how)
		}
		for invariant, n := range w.Book.Looked {
			looked[invariant] += n
		}
	}
	p := stage(t, 1, "alice", "bob", "mallory", "dave")
	p.do("byzantine mallory room equivocate", "wait 10s")
	p.rest()
	looked["I13"] += p.Book.Looked["I13"]
	for _, invariant := range []string{"I3", "I4", "I8", "I10", "I13", "I14", "I16"} {
		if looked[invariant] == 0 {
			t.Errorf("nothing ever looked at %s: %v", invariant, looked)
		}
	}
	t.Log(looked)
}

// A member whose engine refuses what all others enter is told apart, and so is
// one that comes by the secrets of a state again.
func TestChecksSeeWorlds(t *testing.T) {
	objects := func(p *play, invariant string) {
		t.Helper()
		if broken := p.Rest(); !slices.ContainsFunc(broken, func(b check.Broken) bool { return b.Invariant == invariant }) {
			t.Errorf("%s is broken, and the books say %v", invariant, broken)
		}
	}
	p := stage(t, 1, "alice", "bob", "carol")
	last := p.leaders("alice")[2] // not who will commit
	p.seat(last).eng.spoil = func(_ session.Epoch, a session.Applied, _ error) (session.Applied, error) {
		return session.Applied{}, session.ErrInvalid
	}
	p.do("rename alice room x", "wait 20s")
	objects(p, "I10")

	p = stage(t, 1, "alice", "bob", "carol")
	was := p.seat("bob").eng.recent[0]
	p.do("rename alice room x", "wait 20s", "rename alice room y", "wait 20s")
	p.seat("bob").eng.reach(was, true)
	objects(p, "I8")
}
