package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Forensics: somebody has a copy of a device's disk, and everything that was
// ever said. F3 and what the seal adds belong to puncturing and the seal.

func TestF(t *testing.T) {
	t.Run("F1_what_was_read_stays_closed", f1)
	t.Run("F2_what_can_still_be_read", f2)
	t.Run("F4_a_leaf_stolen_on_a_branch_that_loses", f4)
	t.Run("F5_removed_and_listening", f5)
}

// thief is a session from a copy of a node's disk, without its history.
type thief struct {
	p *play
	s *session.Session
}

func (p *play) steal(name string) *thief {
	p.t.Helper()
	n := p.byName[name]
	rows, err := n.disk.copyRows().load("room")
	if err != nil {
		p.t.Fatal(err)
	}
	cfg := p.seat(name).config()
	cfg.Engine, cfg.Rand = p.engine, NewRand(p.seed, "thief", name)
	s, _, err := session.Load(cfg, n.clock.read(p.now), rows)
	if err != nil {
		p.t.Fatal(err)
	}
	return &thief{p, s}
}

// reads feeds it everything that was said, twice, and returns the texts that it
// could open.
func (f *thief) reads(all []said) (texts []string) {
	for range 2 {
		for _, e := range all {
			fx := f.s.Step(f.p.byName["alice"].clock.read(f.p.now), session.Received{From: session.Peer(e.by), Envelope: e.bytes})
			for _, n := range fx.Notify {
				if n.Kind == session.NoticeText {
					_, text, _ := strings.Cut(textOf(n.Body), " ") // without its number
					texts = append(texts, text)
				}
			}
		}
	}
	return texts
}

// talk has bob and carol change the group and speak, an epoch each.
func (p *play) talk(epochs int) []said {
	return p.listen(second, func() {
		for i := range epochs {
			p.do(fmt.Sprintf("send %s room e%d", []string{"bob", "carol"}[i%2], i), "wait 2s", fmt.Sprintf("rename alice room r%d", i), "wait 6s")
		}
	})
}

// F1: alice has read twenty messages in twenty epochs. Her disk opens none of
// them again, those of the present epoch neither.
func f1(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol")
	all := p.talk(20)
	p.rest()
	f := p.steal("alice")
	if got := f.reads(all); len(got) > 0 {
		t.Errorf("a copy of the disk opens again what was read: %q", got)
	}
}

// F2: dave follows every change and misses every message. A copy of his disk
// opens those of the eight epochs of the window, and no others. (Where all agree, the
// keys go sooner: TestForwardSecrecyWindow has the times.)
func f2(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	p.apart("dave")
	all := p.talk(20)
	p.hand("dave", slices.DeleteFunc(slices.Clone(all), func(s said) bool { return s.kind == aMessage })...)
	p.do("wait 60s")
	if p.seat("dave").number != p.seat("alice").number {
		t.Fatalf("dave did not follow\n%s", p.picture())
	}
	got := p.steal("dave").reads(all)
	slices.Sort(got)
	oldest := 20 - len(got)
	for i := oldest; i < 20; i++ {
		if !slices.Contains(got, fmt.Sprintf("e%d", i)) {
			t.Errorf("of the last %d epochs, e%d cannot be read: %q", len(got), i, got)
		}
	}
	if len(got) != 8 { // the window: nobody has heard dave say that he is there too
		t.Errorf("%d epochs can be read, not the eight of the window", len(got))
	}
}

// F4: bob's disk is copied while he is on a branch that will lose. He renews his
// keys when he comes over; from then on the copy has no state.
func f4(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave", "erin")
	var f *thief
	all := p.listen(60*second, func() {
		p.do("partition (bob alice) (carol dave erin)", "wait 2s", "refresh bob room", "refresh carol room", "wait 8s")
		f = p.steal("bob")
		p.do("heal", "wait 60s", "send alice room after")
	})
	p.rest()
	renewed := p.did("alice", "refreshes")
	if got := f.reads(all); slices.Contains(got, "after") {
		t.Errorf("a copy from the branch that lost reads on: %q\n%s", got, p.picture())
	}
	p.noKeys("the copy", f.s, renewed)
}

// F5: dave is removed and keeps all he had, and hears all that is said. He
// learns that members vote, and neither content nor keys.
func f5(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	f := p.steal("dave")
	all := p.listen(30*second, func() {
		p.do("send bob room before", "wait 2s", "remove alice room dave", "wait 8s", "send alice room secret", "refresh bob room", "wait 8s", "send carol room more")
	})
	p.rest()
	got := f.reads(all)
	if !slices.Contains(got, "before") {
		t.Error("the copy reads nothing at all: nothing is tested")
	}
	for _, text := range []string{"secret", "more"} {
		if slices.Contains(got, text) {
			t.Errorf("who was removed reads %q", text)
		}
	}
	p.noKeys("dave", f.s, p.did("alice", "-dave"))
}
