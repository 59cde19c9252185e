package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// Schedules: whatever comes, in whatever order, at whatever moment, the same
// contents give the same head.

func TestS(t *testing.T) {
	t.Run("S1_two_commits_every_order_and_doubled", s1)
	t.Run("S2_many_siblings_at_once", s2)
	t.Run("S3_children_before_parents", s3)
	t.Run("S4_a_better_sibling_at_every_moment", s4)
	t.Run("S5_a_better_sibling_after_k_descendants_no_votes", s5)
	t.Run("S6_the_same_with_votes", s6)
	t.Run("S7_any_batches_the_same_head", s7)
	t.Run("S8_an_own_commit_loses_and_returns", s8)
	t.Run("S9_own_commit_echoed", s9)
	t.Run("S10_flip_flop_while_sending", s10)
	t.Run("S11_one_key_package_in_two_rivals", s11)
	t.Run("S12_one_intent_in_two_rivals", s12)
	t.Run("S13_a_state_that_does_not_advance", s13)
}

// race has alice and bob act on one epoch, each alone, and gives what they
// said: commits of alice, of bob, then the words of both on the control plane.
func race(t *testing.T, seed uint64, alice, bob string, names ...string) (p *play, a, b, words []said) {
	t.Helper()
	p = stage(t, seed, names...)
	p.do("role alice room bob admin")
	p.settle()
	p.apart(p.names...)
	all := p.listen(3*second, func() { p.do(alice, bob) })
	a, b = by(all, "alice", aCommit), by(all, "bob", aCommit)
	words = append(by(all, "alice", aWord), by(all, "bob", aWord)...)
	if len(a) != 1 || len(b) != 1 {
		t.Fatalf("alice made %d aCommit, bob %d\n%s", len(a), len(b), p.picture())
	}
	return p, a, b, words
}

// rivals are pairs of commits of each two classes.
var rivals = [][2]string{
	{"refresh alice room", "refresh bob room"},
	{"rename alice room x", "refresh bob room"},
	{"remove alice room dave", "rename bob room y"},
	{"remove alice room dave", "remove bob room dave"},
	{"remove alice room bob", "remove bob room dave"},
}

func s1(t *testing.T) {
	for _, r := range rivals {
		heads := map[string]string{}
		for dup := range 3 {
			permutations(4, func(order []int) {
				p, a, b, _ := race(t, 1, r[0], r[1], "alice", "bob", "carol", "dave")
				two := []said{a[0], b[0]}
				p.hand("carol", pick([]said{two[0], two[1], two[dup%2], two[dup/2]}, order)...)
				heads[p.headAt("carol")] = fmt.Sprint(order)
				if dup == 0 && slices.IsSorted(order) {
					p.do("heal")
					p.rest()
				}
			})
		}
		if len(heads) != 1 {
			t.Errorf("%v: orders decide: %v", r, heads)
		}
	}
}

func s2(t *testing.T) {
	for _, n := range []int{3, 50} {
		p := stage(t, 2, numbered(n)...)
		at := p.seat("m0").number
		p.apart(p.names...)
		for _, name := range p.names {
			p.do("refresh " + name + " room")
		}
		p.do("wait 10s")
		siblings := 0
		for _, e := range p.groups["room"].order {
			if e.number == at+1 {
				siblings++
			}
		}
		if siblings != n {
			t.Errorf("%d siblings of %d", siblings, n)
		}
		healed := p.Now()
		p.do("heal")
		agree := p.Until(func() bool { return p.agreed() && p.seat("m0").number > at }, time.Minute)
		t.Logf("%d siblings: agreed %v after they met", n, p.Now()-healed)
		if !agree {
			t.Fatalf("no agreement\n%s", p.picture())
		}
		p.rest()
	}
}

func s3(t *testing.T) {
	heads, texts := map[string]bool{}, map[string]bool{}
	permutations(5, func(order []int) {
		p := stage(t, 3, "alice", "bob", "carol")
		p.apart("alice", "bob", "carol")
		all := p.listen(0, func() {
			p.do("rename alice room one", "wait 3s", "rename alice room two", "wait 3s", "send alice room hi", "rename alice room three", "wait 3s")
		})
		chain := append(by(all, "alice", aCommit), by(all, "alice", aMessage)...)
		chain = append(chain, by(all, "alice", aWord)[0])
		if len(chain) != 5 {
			t.Fatalf("alice said %d things, want three aCommit, a text and a header", len(chain))
		}
		p.hand("carol", pick(chain, order)...)
		heads[p.headAt("carol")] = true
		texts[strings.Join(p.textsAt("carol"), " ")] = true
		if order[0] == 4 && order[1] == 3 {
			p.do("heal")
			p.rest()
		}
	})
	if len(heads) != 1 || !texts["hi"] || len(texts) != 1 {
		t.Errorf("orders decide: heads %v, texts %v", heads, texts)
	}
}

func s4(t *testing.T) {
	for _, ms := range []int{0, 1, 500, 999, 1000, 1001, 1500, 2999, 3000, 3001} {
		for _, first := range []int{0, 1} {
			p, a, b, words := race(t, 4, "refresh alice room", "remove bob room dave", "alice", "bob", "carol", "dave", "erin")
			two := [][]said{{a[0]}, {b[0]}}
			p.hand("carol", two[first]...)
			p.do(fmt.Sprintf("wait %dms", ms))
			p.hand("carol", two[1-first]...)
			p.do("wait 1s")
			p.hand("carol", words...)
			p.do("heal")
			p.rest()
		}
	}
}

func s5(t *testing.T) {
	for k := 1; k <= 8; k++ {
		p := stage(t, 5, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin")
		p.settle()
		from := p.seat("carol").number
		p.apart(p.names...)
		all := p.listen(0, func() {
			p.do("remove bob room dave")
			for i := range k {
				p.do(fmt.Sprintf("rename alice room n%d", i), "wait 3s", fmt.Sprintf("send alice room t%d", i))
			}
			p.do("wait 3s")
		})
		p.hand("carol", by(all, "alice", aCommit)...)
		p.do("wait 100ms")
		if got := p.seat("carol").number; got != from+uint64(k) {
			t.Fatalf("carol at %d, want %d epochs further than %d", got, k, from)
		}
		before := p.headAt("carol")
		b := by(all, "bob", aCommit)
		p.hand("carol", b[0])
		p.do("wait 100ms")
		if p.headAt("carol") == before {
			t.Errorf("k=%d: carol stays at %s, though a removal outranks it and nobody has voted", k, before)
		}
		p.do("heal")
		p.rest()
		if k < 8 { // beyond the window texts come again; within it they are read on the branch that lost
			p.want("carol", "alice", "bob", "carol", "erin")
		}
	}
}

func s6(t *testing.T) {
	for k := 1; k <= 8; k++ {
		p := stage(t, 6, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin")
		p.settle()
		p.apart("bob")
		all := p.listen(0, func() {
			p.do("remove bob room dave")
			for i := range k {
				p.do(fmt.Sprintf("rename alice room n%d", i), "wait 4s")
			}
		})
		before := p.headAt("carol")
		b := by(all, "bob", aCommit)
		for _, n := range []string{"alice", "carol", "dave", "erin"} {
			p.hand(n, b[0])
			if p.headAt(n) != before {
				t.Errorf("k=%d: %s left %s for a late branch with one vote", k, n, before)
			}
		}
		p.do("heal")
		p.rest()
	}
}

func s7(t *testing.T) {
	heads := map[string]string{}
	for cut1 := 0; cut1 <= 6; cut1++ {
		for cut2 := cut1; cut2 <= 6; cut2++ {
			p, a, b, words := race(t, 7, "rename alice room x", "remove bob room dave", "alice", "bob", "carol", "dave")
			all := slices.Concat(a, words, b)
			all = all[:min(6, len(all))]
			i, j := min(cut1, len(all)), min(cut2, len(all))
			for _, batch := range [][]said{all[:i], all[i:j], all[j:]} {
				p.hand("carol", batch...)
				p.do("wait 50ms")
			}
			heads[p.headAt("carol")] = fmt.Sprint(i, j)
		}
	}
	if len(heads) != 1 {
		t.Errorf("batches decide: %v", heads)
	}
}

// S8: alice's commit is known to erin, frank and grace, who voted for it; alice
// hears only of bob's, which outranks hers, and follows it; then of the votes.
func s8(t *testing.T) {
	p := stage(t, 8, "alice", "bob", "carol", "dave", "erin", "frank", "grace")
	p.do("role alice room bob admin")
	p.settle()
	p.do("partition (alice) (bob) (carol) (dave) (erin) (frank) (grace)", "wait 2s")
	all := p.listen(3*second, func() { p.do("rename alice room x", "remove bob room dave") })
	a, b := by(all, "alice", aCommit), by(all, "bob", aCommit)
	ca, cb := a[0], b[0]
	mine := p.headAt("alice")
	votes := p.listen(3*second, func() {
		for _, n := range []string{"erin", "frank", "grace"} {
			p.hand(n, ca)
		}
	})
	p.hand("alice", cb)
	p.do("wait 100ms")
	if p.headAt("alice") == mine {
		t.Fatalf("alice keeps her commit against a removal of equal weight\n%s", p.picture())
	}
	theirs := p.headAt("alice")
	p.hand("bob", ca)
	for _, v := range votes {
		if v.kind == aWord {
			p.hand("alice", v)
			p.hand("bob", v)
		}
	}
	p.do("wait 100ms")
	for _, n := range []string{"alice", "bob"} {
		if p.headAt(n) != mine {
			t.Errorf("%s is at %s, not at alice's %s, for which four stand\n%s", n, p.headAt(n), mine, p.picture())
		}
	}
	if theirs == mine {
		t.Error("nothing was lost and nothing came back")
	}
	p.do("heal")
	p.rest()
}

func s9(t *testing.T) {
	p := stage(t, 9, "alice", "bob", "carol")
	all := p.listen(3*second, func() { p.do("refresh alice room", "send alice room hi") })
	at, n := p.headAt("alice"), len(p.groups["room"].order)
	for i := range 3 {
		p.hand("alice", all...)
		p.do("wait 1s")
		if i == 1 {
			p.do("kill alice", "start alice", "wait 3s")
		}
	}
	p.rest()
	if p.headAt("alice") != at || len(p.groups["room"].order) != n {
		t.Errorf("an echo made an epoch\n%s", p.picture())
	}
	p.wantTexts("bob", "hi")
	p.wantTexts("alice", "hi")
}

func s10(t *testing.T) {
	p := stage(t, 10, "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
	p.do("role alice room bob admin")
	p.settle()
	p.do("partition (alice) (bob) (carol) (dave) (erin) (frank) (grace) (heidi)", "wait 2s")
	all := p.listen(3*second, func() { p.do("rename alice room x", "remove bob room heidi") })
	ca, cb := by(all, "alice", aCommit), by(all, "bob", aCommit)
	votesOf := func(branch said, names ...string) []said {
		return slices.DeleteFunc(p.listen(3*second, func() {
			for _, n := range names {
				p.hand(n, branch)
			}
		}), func(s said) bool { return s.kind != aWord })
	}
	forA := votesOf(ca[0], "dave", "erin")
	forB := votesOf(cb[0], "frank", "grace")
	moves := [][]said{ca, cb, forA, forB}
	seen := map[string]int{}
	for i, m := range moves {
		p.hand("carol", m...)
		p.do("wait 100ms", fmt.Sprintf("send carol room t%d", i), "wait 100ms")
		seen[p.headAt("carol")]++
	}
	if len(seen) < 2 || p.seat("carol").moves < 4 {
		t.Errorf("carol did not move to and fro: %v in %d moves", seen, p.seat("carol").moves)
	}
	p.do("heal")
	p.rest()
	p.wantTexts("dave", "t0", "t1", "t2", "t3")
}

func s11(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		p := stage(t, seed, "alice", "bob", "carol")
		p.do("nodes dave", "partition (alice) (bob) (carol dave)", "wait 2s")
		p.do("invite alice room dave", "invite bob room dave", "wait 20s", "heal")
		p.rest()
		p.want("carol", "alice", "bob", "carol", "dave")
		if n := len(p.seat("carol").s.View().Members); n != 4 {
			t.Errorf("%d members", n)
		}
		p.do("send dave room hi")
		p.rest()
		p.wantTexts("alice", "hi")
	}
}

func s12(t *testing.T) {
	rivalsSeen := 0
	for seed := uint64(1); seed <= 30; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room carol admin")
		p.settle()
		at := p.seat("alice").number
		p.do("remove carol room dave", "wait 45ms", "partition (alice) (bob) (carol) (dave erin)", "wait 15s", "heal")
		p.rest()
		p.want("alice", "alice", "bob", "carol", "erin")
		rivals := 0
		for _, e := range p.groups["room"].order {
			if e.number == at+1 && strings.Contains(e.what, "-dave") {
				rivals++
			}
		}
		if rivals > 1 {
			rivalsSeen++
		}
		removals := 0
		for _, e := range p.path("alice") {
			if strings.Contains(e.what, "-dave") {
				removals++
			}
		}
		if removals != 1 {
			t.Errorf("seed %d: removed %d times\n%s", seed, removals, p.picture())
		}
	}
	if rivalsSeen == 0 {
		t.Error("no two rivals ever carried the intent: this row shows nothing")
	}
}

// stuck is a state whose authenticator is its parent's.
type stuck struct {
	session.Epoch
	was []byte
}

func (s stuck) Authenticator() []byte { return s.was }

func s13(t *testing.T) {
	p := stage(t, 13, "alice", "bob", "carol")
	at := p.headAt("bob")
	writes := 0
	p.seat("bob").eng.spoil = func(parent session.Epoch, a session.Applied, err error) (session.Applied, error) {
		if err == nil && a.Next != nil {
			a.Next = stuck{a.Next, parent.Authenticator()}
			writes = p.byName["bob"].disk.writes
		}
		return a, err
	}
	p.do("refresh alice room", "wait 3s")
	if p.headAt("bob") != at {
		t.Errorf("bob entered a state whose authenticator is that of the one before\n%s", p.picture())
	}
	if writes == 0 {
		t.Error("the fault was never put in")
	}
}
