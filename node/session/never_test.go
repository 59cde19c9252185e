package session_test

import (
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// A wish that can never come about ends, and says why in a sentence.
func TestWishesThatCannotBe(t *testing.T) {
	const day = 24 * 3600_000
	rows := []struct {
		name  string
		wish  func(w *world) // asked by bob, an admin, as "wish"
		state session.State
		why   string
	}{
		{"remove_who_left", func(w *world) {
			w.step("carol", session.Leave{ID: intentOf("leave")})
			w.run(10_000)
			w.step("bob", session.Remove{ID: intentOf("wish"), Account: w.node("carol").id.Account})
		}, session.StateSuperseded, "somebody did it already"},
		{"role_of_who_left", func(w *world) {
			w.step("alice", session.Remove{ID: intentOf("out"), Account: w.node("carol").id.Account})
			w.run(10_000)
			w.step("bob", session.SetRole{ID: intentOf("wish"), Account: w.node("carol").id.Account, Role: 1})
		}, session.StateSuperseded, "they are not in the group any more"},
		{"rights_end_while_it_waits", func(w *world) {
			w.part([]string{"bob"}, []string{"alice", "carol"})
			w.step("bob", session.Remove{ID: intentOf("wish"), Account: w.node("carol").id.Account})
			w.step("alice", session.SetRole{ID: intentOf("demote"), Account: w.node("bob").id.Account})
			w.run(20_000)
			w.heal()
		}, session.StateDenied, "the group's rules do not allow it"},
		{"never_had_the_right", func(w *world) {
			w.step("bob", session.Remove{ID: intentOf("wish"), Account: w.node("alice").id.Account})
		}, session.StateDenied, "the group's rules do not allow it"},
		{"no_key_package", func(w *world) {
			w.step("bob", session.Invite{ID: intentOf("wish"), Account: session.Account{9}})
		}, session.StateExpired, "no key package of theirs could be found"},
		{"key_package_of_another", func(w *world) {
			w.step("bob", session.Invite{ID: intentOf("wish"), Account: session.Account{9}, KeyPackages: [][]byte{w.node("dave").pack()}})
		}, session.StateDenied, "no key package that was given is of that account"},
		{"key_package_ran_out_and_nobody_has_another", func(w *world) {
			pkg, account := w.node("dave").pack(), w.node("dave").id.Account
			w.nodes = w.nodes[:3] // and so nobody answers for dave
			w.step("bob", session.Invite{ID: intentOf("wish"), Account: account, KeyPackages: [][]byte{pkg}})
			w.now += 100 * day // a machine that slept
		}, session.StateExpired, "no key package of theirs could be found"},
		{"key_package_ran_out_and_there_is_another", func(w *world) {
			pkg := w.node("dave").pack()
			w.step("bob", session.Invite{ID: intentOf("wish"), Account: w.node("dave").id.Account, KeyPackages: [][]byte{pkg}})
			w.now += 100 * day
		}, session.StateLanded, ""},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			w := groupOn(t, session.MLS{}, "alice", "bob", "carol")
			w.add("dave", "dave")
			w.step("alice", session.SetRole{ID: intentOf("admin"), Account: w.node("bob").id.Account, Role: 1})
			w.run(10_000)
			r.wish(w)
			w.run(30_000)
			var last session.Notice
			for _, n := range w.node("bob").notices {
				if n.Kind == session.NoticeIntent && n.ID == intentOf("wish") && n.State != session.StateFinal {
					last = n
				}
			}
			if last.State != r.state || !strings.Contains(last.Reason, r.why) {
				t.Errorf("ends as %v: %q, want %v: %q\n%s", last.State, last.Reason, r.state, r.why, w.node("bob").s.Describe())
			}
		})
	}
}
