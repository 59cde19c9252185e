package session

import (
	"slices"
	"strings"
	"testing"
)

// What members say they cannot open is shown, and one of them alone is not told to
// the faces; nobody is harmed by it, and a restart does not forget it.
func TestNacksAreShown(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol", "dave")
	alice := tb.s["alice"]
	tb.step("carol", Refresh{ID: testID("r")})
	tb.settle()
	h := alice.head()
	made, _ := alice.chain.Into(h.id)
	if made.Author != tb.cfg["carol"].Self.Account {
		t.Fatal("carol made no commit")
	}
	say := func(who string, child EpochID) (troubles []string) {
		t.Helper()
		s := tb.s[who]
		fx := alice.Step(tb.now, Received{From: Peer(who), Envelope: s.sealControl(s.state(controlNack, nack{child}))})
		tb.save("alice", fx)
		for _, n := range fx.Notify {
			if n.Kind == NoticeTrouble {
				troubles = append(troubles, n.Reason)
			}
		}
		return troubles
	}
	shown := func() (out []Account) {
		for _, b := range alice.Tree() {
			out = append(out, b.Shut...)
		}
		return out
	}
	if told := say("bob", h.id); len(told) > 0 || !slices.Equal(shown(), []Account{tb.cfg["bob"].Self.Account}) {
		t.Errorf("one says so: the faces are told %q, the tree shows %d", told, len(shown()))
	}
	if told := say("bob", h.id); len(told) > 0 || len(shown()) != 1 {
		t.Error("said twice by one it counts twice")
	}
	if say("carol", h.id); len(shown()) != 1 {
		t.Error("whoever made a commit cannot but open it")
	}
	told := say("dave", h.id)
	if len(told) != 1 || !strings.Contains(told[0], "carol") || !strings.Contains(told[0], "bob") || !strings.Contains(told[0], "dave") {
		t.Errorf("two say so: the faces are told %q", told)
	}
	if why := strings.Join(alice.WhyFork(h.parent), " "); !strings.Contains(why, told[0]) {
		t.Errorf("asked why, alice says %q", why)
	}
	for i := range 2 * maxNacks {
		if told := say("bob", EpochID{byte(i), 1}); len(told) > 0 {
			t.Errorf("told of what is not there: %q", told)
		}
	}
	if n := len(alice.nacks[tb.cfg["bob"].Self.Account]); n != maxNacks {
		t.Errorf("of bob's %d are kept", n)
	}
	tb.restart("alice")
	alice = tb.s["alice"]
	if got := shown(); !slices.Equal(got, []Account{tb.cfg["dave"].Self.Account}) {
		t.Errorf("after a restart the tree shows %d who cannot open it, and bob's was crowded out by his own", len(got))
	}
	if v := alice.View(); v.Standing != TakingPart || v.Head != h.id {
		t.Error("words moved alice")
	}
}
