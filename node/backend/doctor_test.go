package backend

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/store"
)

// sound are the signs of a node that nothing is wrong with.
func sound() signs {
	return signs{
		name: "alice", account: "788e651f", write: 600 * time.Microsecond, disk: 3 << 20, now: time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC),
		addresses: 1, reach: "private", network: "main", known: 3, direct: 2, dht: true, packages: 33, groups: 2,
	}
}

// TestDoctorFindsEachFault makes one thing wrong at a time: the check that is
// about it says so, with what to do, and every other says that all is well.
func TestDoctorFindsEachFault(t *testing.T) {
	for _, row := range []struct {
		name    string
		verdict api.Verdict
		fault   func(*signs)
		text    string
		hint    string
	}{
		{"storage", api.CheckFail, func(s *signs) { s.writeErr = errors.Join(errors.New("put"), store.ErrFull) }, "The disk is full.", "Make room; nothing was lost, and the node goes on by itself."},
		{"storage", api.CheckWarn, func(s *signs) { s.write = 300 * time.Millisecond }, "a synced write takes 300ms; 3 MB on disk", "a slower disk than this makes sending slow"},
		{"clock", api.CheckWarn, func(s *signs) { s.behind = 26 * time.Hour }, "it stands 26h0m0s behind what it was here before", "set the clock; until then links and key packages may seem to be of the future"},
		{"network", api.CheckFail, func(s *signs) { s.addresses = 0 }, "no address to be reached at", "check that a network is up and that nothing else uses the ports of --listen"},
		{"peers", api.CheckWarn, func(s *signs) { s.direct = 0 }, "none of 3 known peers is reachable", "they may be off; `covey peers` shows when each was last seen"},
		{"peers", api.CheckWarn, func(s *signs) { s.rude = []rude{{"mal; lory", true, -12}} }, "mal; lory has sent what it should not have (score -12)", "`covey contact block 'mal; lory'`, if it goes on"},
		{"peers", api.CheckWarn, func(s *signs) { s.rude = []rude{{"12D3x", false, -1}} }, "12D3x has sent what it should not have (score -1)", "it is heard less, by itself; `covey peers` shows its score"},
		{"key packages", api.CheckWarn, func(s *signs) { s.packages = 0 }, "none are out: nobody can invite you while you are away", "keep the node running while peers are connected; it publishes them by itself"},
		{"groups", api.CheckFail, func(s *signs) {
			s.ill = []api.Check{{Verdict: api.CheckFail, Text: "lab has stopped", Hint: "restart"}}
		}, "lab has stopped", "restart"},
		{"groups", api.CheckWarn, func(s *signs) { s.ill = []api.Check{{Verdict: api.CheckWarn, Text: "lab lacks", Hint: "repair"}} }, "lab lacks", "repair"},
		{"forks", api.CheckWarn, func(s *signs) { s.rivals = 2 }, "2 rival branches are held beside the heads", "they end by themselves when members meet; `covey group why GROUP` tells of them"},
		{"contacts", api.CheckWarn, func(s *signs) { s.requests = []string{"Dan B."} }, "Dan B. asks to be a contact", "`covey contact accept 'Dan B.'`, or refuse"},
		{"invitations", api.CheckWarn, func(s *signs) { s.invitations = [][2]string{{"Dan", "chess"}} }, "Dan invites you to chess", "`covey group accept chess`, or decline"},
	} {
		s := sound()
		row.fault(&s)
		d := s.judge()
		found := 0
		for _, c := range d.Checks {
			switch {
			case c.Name == row.name && c.Verdict == row.verdict && c.Text == row.text && c.Hint == row.hint:
				found++
			case c.Verdict != api.CheckOK:
				t.Errorf("%s: also %+v", row.text, c)
			}
		}
		if found != 1 || d.Problems+d.Warnings != 1 || (d.Problems == 1) != (row.verdict == api.CheckFail) {
			t.Errorf("%s is not found: %d problems, %d warnings, %+v", row.text, d.Problems, d.Warnings, d.Checks)
		}
	}
}

func TestDoctorFindsNothing(t *testing.T) {
	for name, s := range map[string]signs{
		"sound":       sound(),
		"alone":       {name: "alice", addresses: 2, dht: true, packages: 1},
		"without DHT": func() signs { s := sound(); s.dht, s.packages = false, 0; return s }(),
	} {
		d := s.judge()
		if d.Problems+d.Warnings != 0 {
			t.Errorf("%s: %+v", name, d.Checks)
		}
		seen := map[string]bool{}
		for _, c := range d.Checks {
			seen[c.Name] = true
			if c.Text == "" || strings.Contains(c.Text, "1 groups") {
				t.Errorf("%s: %+v", name, c)
			}
		}
		for _, want := range []string{"identity", "storage", "clock", "network", "peers", "key packages", "mailboxes", "groups", "forks", "drops"} {
			if !seen[want] {
				t.Errorf("%s: nothing about %s", name, want)
			}
		}
	}
}
