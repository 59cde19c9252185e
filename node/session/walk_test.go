package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
)

func last[T any](s []T) (v T) {
	if len(s) > 0 {
		v = s[len(s)-1]
	}
	return v
}

func (n *node) got(k session.NoticeKind) (out []session.Notice) {
	for _, x := range n.notices {
		if x.Kind == k {
			out = append(out, x)
		}
	}
	return out
}

func (w *world) expectHeard(name string, want ...string) {
	w.t.Helper()
	got := w.node(name).heard()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s heard %q, want %q", name, got, want)
	}
}

func (w *world) expectState(name, intent string, want session.State) {
	w.t.Helper()
	if got := w.node(name).states(intentOf(intent)); last(got) != want {
		w.t.Errorf("%s: %s went through %v, want to end in %v", name, intent, got, want)
	}
}

func TestSend(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.say("alice", "hello")
		w.run(5000)
		for _, n := range w.nodes {
			w.expectHeard(n.name, "hello")
		}
		w.expectState("alice", "alicehello", session.StateDelivered)
	})
}

func TestTwoCommitsAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol", "dave")
		for _, n := range w.nodes {
			w.step(n.name, session.Refresh{ID: intentOf("r" + n.name)})
		}
		w.run(60_000)
		w.agree("alice", "bob", "carol", "dave")
		for _, n := range w.nodes {
			w.expectState(n.name, "r"+n.name, session.StateFinal)
		}
	})
}

func TestRemove(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.step("alice", session.Remove{ID: intentOf("rm"), Account: w.node("bob").id.Account})
		w.say("alice", "bob must not read this")
		w.run(20_000)
		w.agree("alice", "carol")
		w.expectState("alice", "rm", session.StateFinal)
		w.expectHeard("bob")
		w.expectHeard("carol", "bob must not read this")
		if len(w.node("bob").got(session.NoticeRemoved)) != 1 {
			t.Errorf("bob was not told:\n%s", w.node("bob").s.Describe())
		}
		w.step("alice", session.Invite{ID: intentOf("again"), Account: w.node("bob").id.Account})
		w.run(20_000)
		w.agree("alice", "bob", "carol")
		w.say("bob", "back")
		w.run(5000)
		w.expectHeard("alice", "bob must not read this", "back")
	})
}

func TestLeave(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.step("bob", session.Leave{ID: intentOf("leave")})
		w.run(20_000)
		w.agree("alice", "carol")
		left := func(n session.Notice) bool { return n.Change == session.ChangeLeft }
		if !slices.ContainsFunc(w.node("carol").got(session.NoticeRoster), left) {
			t.Error("carol did not see bob leave")
		}
		if len(w.node("bob").got(session.NoticeRemoved)) != 1 {
			t.Errorf("bob was not told")
		}
		w.step("alice", session.Leave{ID: intentOf("last owner")})
		w.run(1000)
		w.expectState("alice", "last owner", session.StateDenied)
	})
}

// A group that nobody else is in can be left by its only owner: its keys are gone
// at once, and what was said stays.
func TestLeaveAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		w.say("alice", "before")
		w.run(20_000)
		w.step("alice", session.Leave{ID: intentOf("not yet")})
		w.run(20_000)
		w.expectState("alice", "not yet", session.StateDenied)
		w.part([]string{"alice"}, []string{"bob"}) // who goes on without knowing
		w.step("bob", session.Refresh{ID: intentOf("rival")})
		w.step("alice", session.Remove{ID: intentOf("bob goes"), Account: w.node("bob").id.Account})
		w.run(60_000)
		w.step("alice", session.Refresh{ID: intentOf("under way")})
		w.step("alice", session.Leave{ID: intentOf("leave")})
		w.run(60_000)
		w.restart("alice")
		w.heal()
		w.run(60_000)
		alice := w.node("alice")
		if v := alice.s.View(); v.Standing != session.TakenOut || v.Why != "this account left the group, which nobody else was in" {
			t.Errorf("alice is %v: %q", v.Standing, v.Why)
		}
		if len(alice.got(session.NoticeRemoved)) != 1 {
			t.Error("alice was not told once")
		}
		for key, row := range alice.rows {
			if row.Wrap != (session.EpochID{}) {
				t.Errorf("%s, which an epoch's key opens, is kept", key)
			}
		}
		w.say("alice", "to nobody")
		w.step("alice", session.Leave{ID: intentOf("again")})
		w.run(60_000)
		w.expectHistory("alice", "before")
	})
}

func TestRolesAndName(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		name := "lodge"
		w.step("bob", session.Configure{ID: intentOf("no"), Name: &name})
		w.run(5000)
		w.expectState("bob", "no", session.StateDenied)
		w.step("alice", session.SetRole{ID: intentOf("up"), Account: w.node("bob").id.Account, Role: consensus.RoleAdmin})
		w.run(20_000)
		w.expectState("alice", "up", session.StateFinal)
		w.step("bob", session.Configure{ID: intentOf("yes"), Name: &name})
		w.run(20_000)
		w.expectState("bob", "yes", session.StateFinal)
		w.agree("alice", "bob", "carol")
		if n := w.node("carol").got(session.NoticeRenamed); len(n) != 1 || string(n[0].Body) != name {
			t.Errorf("carol saw %v", n)
		}
	})
}

func TestPartitionWithinWindow(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol", "dave", "erin")
		left, right := []string{"alice", "bob"}, []string{"carol", "dave", "erin"}
		w.part(left, right)
		for i := range 3 {
			w.step("alice", session.Refresh{ID: intentOf(fmt.Sprint("a", i))})
			w.step("carol", session.Refresh{ID: intentOf(fmt.Sprint("c", i))})
			w.say("bob", fmt.Sprint("left ", i))
			w.say("dave", fmt.Sprint("right ", i))
			w.run(8000)
		}
		w.agree(left...)
		w.agree(right...)
		w.heal()
		w.run(60_000)
		w.agree("alice", "bob", "carol", "dave", "erin")
		for _, n := range w.nodes {
			w.expectHeard(n.name, "left 0", "left 1", "left 2", "right 0", "right 1", "right 2")
		}
	})
}

// Beyond the window the losing side is let in again by one commit.
func TestPartitionBeyondWindow(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol", "dave", "erin")
		left, right := []string{"alice", "bob"}, []string{"carol", "dave", "erin"}
		w.part(left, right)
		for i := range 12 {
			name := fmt.Sprint("left", i)
			for _, n := range left {
				w.step(n, session.Refresh{ID: intentOf(name + n)})
			}
			for _, n := range right {
				w.step(n, session.Refresh{ID: intentOf(name + n)})
			}
			w.say("bob", fmt.Sprint("left ", i))
			w.say("dave", fmt.Sprint("right ", i))
			w.run(20_000)
		}
		w.agree(left...)
		w.agree(right...)
		t.Log(w.node("alice").s.Describe(), w.node("carol").s.Describe())
		w.heal()
		w.run(120_000)
		w.agree("alice", "bob", "carol", "dave", "erin")
		var want []string
		for i := range 12 {
			want = append(want, fmt.Sprint("left ", i))
		}
		for _, n := range right {
			got := slices.DeleteFunc(w.node(n).heard(), func(s string) bool { return s[0] != 'l' })
			if len(got) != len(want) {
				t.Errorf("%s heard %q", n, got)
			}
		}
	})
}

// A year away on an unforked chain: the commits are processed one by one.
func TestLongAwayUnforked(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.part([]string{"carol"}, []string{"alice", "bob"})
		for i := range 30 {
			w.step("alice", session.Refresh{ID: intentOf(fmt.Sprint("a", i))})
			w.step("bob", session.Refresh{ID: intentOf(fmt.Sprint("b", i))})
			w.say("alice", fmt.Sprint(i))
			w.run(10_000)
		}
		w.heal()
		w.run(60_000)
		w.agree("alice", "bob", "carol")
		if got := w.node("carol").heard(); len(got) != 30 {
			t.Errorf("carol heard %d of 30", len(got))
		}
	})
}

func TestRestart(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		for i := range 6 {
			w.say("alice", fmt.Sprint("a", i))
			w.step("bob", session.Refresh{ID: intentOf(fmt.Sprint("b", i))})
			w.run(400)
			for _, n := range w.nodes {
				w.restart(n.name)
				w.run(300)
			}
		}
		w.run(60_000)
		w.agree("alice", "bob", "carol")
		for _, n := range w.nodes {
			w.expectHeard(n.name, "a0", "a1", "a2", "a3", "a4", "a5")
		}
	})
}

// The caller's key makes a Send one message, however often and however late it
// is asked for.
func TestSendIsIdempotent(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		w.say("alice", "once")
		w.say("alice", "once")
		w.restart("alice")
		w.say("alice", "once")
		w.run(10_000)
		w.expectState("alice", "aliceonce", session.StateDelivered)
		w.say("alice", "once")
		w.restart("alice")
		w.say("alice", "once")
		w.run(10_000)
		w.expectHistory("alice", "once")
		w.expectHistory("bob", "once")
	})
}
