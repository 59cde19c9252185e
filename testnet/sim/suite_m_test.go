package sim

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

var long = flag.Bool("long", false, "the rows that take minutes as well")

// Messages: of branches that lose, of authors who are gone, out of order and
// late, and while a removal is about.

func TestM(t *testing.T) {
	t.Run("M1_from_a_branch_that_loses", m1)
	t.Run("M2_the_author_is_gone", m2)
	t.Run("M3_late_and_with_gaps", m3)
	t.Run("M4_silence_while_a_removal_is_about", m4)
	t.Run("M5_many_on_a_branch_that_loses", m5)
}

// M1: the smaller side lets erin in and removes dave, and all of it speak. The
// larger side's branch is followed. Members of both have every text once; dave,
// who is in the group after all, does not get what was said behind his back
// (the audience guard), and erin is let in again and has what is for her.
func m1(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "frank", "grace")
		p.do("nodes erin", "role alice room bob admin")
		p.settle()
		p.do("partition (bob alice erin) (carol dave frank grace)", "wait 2s", "refresh carol room", "remove bob room dave", "wait 6s", "invite bob room erin", "wait 12s",
			"send alice room behind", "send erin room new", "send carol room open", "wait 10s", "heal")
		p.rest()
		for _, n := range []string{"alice", "bob", "carol", "frank", "grace"} {
			p.wantTexts(n, "behind", "new", "open")
		}
		for _, text := range p.textsAt("dave") {
			if text == "behind" {
				t.Errorf("seed %d: dave reads what was said when he had been removed", seed)
			}
		}
	}
}

// M2: an author says something to one neighbour, and is gone for good. The
// others have it from that one's log; with one bit changed nobody takes it.
func m2(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	p.apart("alice")
	said := by(p.listen(2*second, func() { p.do("send alice room \"last words\"") }), "alice", aMessage)
	if len(said) != 1 {
		t.Fatal(len(said), "messages")
	}
	altered := said[0]
	altered.bytes = slices.Clone(altered.bytes)
	altered.bytes[len(altered.bytes)-1] ^= 1
	p.hand("dave", altered)
	p.hand("bob", said[0])
	p.do("kill alice", "heal", "wait 60s")
	for _, n := range []string{"bob", "carol", "dave"} {
		p.wantTexts(n, "last words")
	}
	if n := p.seat("dave").s.Counts()[session.DropSealed]; n != 1 {
		t.Errorf("the altered one was counted %d times", n)
	}
}

// M3: a message comes when its epoch is one to six epochs old, and with none, one
// or a thousand of its author's missing before it. It is read; what is missing
// is named until it comes, and then all is there.
func m3(t *testing.T) {
	for late := 1; late <= 6; late++ {
		p := stage(t, 1, "alice", "bob", "carol")
		p.apart("alice")
		said := by(p.listen(2*second, func() { p.do("send alice room slow") }), "alice", aMessage)
		for i := range late {
			p.do(fmt.Sprintf("rename bob room r%d", i)) // denied: bob is a member; he asks in vain
			p.do(fmt.Sprintf("refresh %s room", []string{"bob", "carol"}[i%2]), "wait 20s")
		}
		p.hand("bob", said...)
		p.wantTexts("bob", "slow")
		p.do("heal")
		p.rest()
		p.wantTexts("carol", "slow")
	}
	for _, gap := range []int{0, 1, 1000} {
		p := stage(t, 1, "alice", "bob", "carol")
		p.apart("alice")
		said := by(p.listen(5*second, func() {
			for i := range gap + 1 {
				p.do(fmt.Sprintf("send alice room t%d", i))
			}
		}), "alice", aMessage)
		p.hand("bob", said[gap])
		if !slices.Contains(p.textsAt("bob"), fmt.Sprint("t", gap)) {
			t.Errorf("a message after %d missing ones is not read", gap)
		}
		if m := p.seat("bob").s.Missing(); (len(m) > 0) != (gap > 0) {
			t.Errorf("%d missing, and bob says %q", gap, m)
		}
		p.do("heal")
		p.rest()
		if n := len(p.textsAt("bob")); n != gap+1 {
			t.Errorf("bob has %d of %d", n, gap+1)
		}
	}
}

// M4: alice removes dave and speaks at once. Nothing that dave could read leaves
// anybody who knows of the removal before it is decided; then it goes out once.
func m4(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	before := p.seat("alice").number
	all := p.listen(20*second, func() { p.do("remove alice room dave", "send alice room \"not for dave\"") })
	messages := by(all, "alice", aMessage)
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	first := slices.IndexFunc(all, func(s said) bool { return s.kind == aCommit })
	at := slices.IndexFunc(all, func(s said) bool { return s.kind == aMessage })
	if first < 0 || at < first {
		t.Errorf("the message left before the removal: commit at %d, message at %d", first, at)
	}
	p.rest()
	for _, n := range []string{"bob", "carol"} {
		p.wantTexts(n, "not for dave")
	}
	p.wantTexts("dave")
	if p.seat("alice").number == before {
		t.Error("no removal")
	}
}

// M5: a thousand messages (ten thousand with -long) on a branch that loses are
// read by all, once, and what is said again is not more than what was said.
func m5(t *testing.T) {
	n := 1000
	if *long {
		n = 10_000
	}
	if testing.Short() {
		n = 200
	}
	p := stage(t, 1, "alice", "bob", "carol", "dave", "erin")
	p.do("partition (alice bob) (carol dave erin)", "wait 2s", "refresh alice room", "refresh carol room", "wait 6s")
	for i := range n {
		p.do(fmt.Sprintf("send alice room t%d", i))
		if i%50 == 49 {
			p.do("wait 100ms")
		}
	}
	again := by(p.listen(60*second, func() { p.do("wait 5s", "heal") }), "alice", aMessage)
	p.rest()
	for _, name := range p.names {
		if got := len(p.textsAt(name)); got != n {
			t.Errorf("%s has %d of %d", name, got, n)
		}
	}
	if len(again) > n {
		t.Errorf("%d messages were said again, of %d", len(again), n)
	}
	t.Logf("%d of %d were said again", len(again), n)
}
