package tui

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/node/api"
)

// TestVisible is what a hostile name or message must not do to a terminal.
func TestVisible(t *testing.T) {
	rows := []struct{ why, in, want string }{
		{"plain", "hello", "hello"},
		{"lines stay", "a\nb", "a\nb"},
		{"colour sequence", "\x1b[31mred", `\u001b[31mred`},
		{"title sequence", "\x1b]0;owned\a", `\u001b]0;owned\u0007`},
		{"8-bit control", "\u009b31m", `\u009b31m`},
		{"carriage return overwrites a line", "good\rbad", `good\u000dbad`},
		{"right-to-left override", "a\u202egpj.exe", `a\u202egpj.exe`},
		{"line separator in disguise", "a\u2028b", `a\u2028b`},
		{"other scripts stay", "שלום שלום 漢字 é", "שלום שלום 漢字 é"},
	}
	for _, r := range rows {
		if got := Visible(r.in); got != r.want {
			t.Errorf("%s: %q, want %q", r.why, got, r.want)
		}
	}
}

func TestVisibleNeverControls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		for _, out := range []string{Visible(s), name(s)} {
			for _, r := range out {
				if r != '\n' && (unicode.IsControl(r) || deceives(r)) {
					t.Fatalf("%q lets %U through", out, r)
				}
			}
		}
		if strings.Contains(name(s), "\n") {
			t.Fatalf("a name of two lines: %q", name(s))
		}
	})
}

func TestFate(t *testing.T) {
	rows := []struct {
		p    *api.Progress
		want string
	}{
		{nil, ""},
		{&api.Progress{State: api.Queued}, "queued"},
		{&api.Progress{State: api.Handed, Peers: 3}, "handed to 3"},
		{&api.Progress{State: api.Delivered, Delivered: 2, Of: 4}, "delivered 2/4"},
		{&api.Progress{State: api.Read, Delivered: 4, Of: 4, Read: 1, People: 3}, "delivered 4/4, read by 1/3"},
		{&api.Progress{State: "later"}, "later"},
	}
	for _, r := range rows {
		if got := fate(r.p); got != r.want {
			t.Errorf("%+v: %q, want %q", r.p, got, r.want)
		}
	}
}

func TestAgreement(t *testing.T) {
	g := api.Group{Members: 5, Agreed: 5, Epoch: api.EpochRef{Number: 7}}
	if got := agreement(g); got != "epoch 7 ✓ agreed 5/5" {
		t.Errorf("%q", got)
	}
	g.Agreed, g.Rivals = 3, 1
	if got := agreement(g); got != "epoch 7 agreed 3/5, 1 rival" {
		t.Errorf("%q", got)
	}
}
