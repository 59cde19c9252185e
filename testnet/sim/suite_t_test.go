package sim

import (
	"fmt"
	"testing"
)

// Clocks. They pace and expire; they decide nothing. T4, that no clock is read
// at all below the line, is the import lattice's (testnet/rules_test.go).

func TestT(t *testing.T) {
	t.Run("T1_clocks_that_jump", t1)
	t.Run("T2_lifetimes_that_end_for_some", t2)
	t.Run("T3_keys_erased_at_one_only", t3)
}

// T1: on one, some or all nodes the clock jumps an hour or ten years either way,
// stands still, or runs at twice its speed, while the group forks and talks. All
// come to rest in one state with every text.
func t1(t *testing.T) {
	const tenYears = 10 * 365 * 24
	for _, jump := range []string{"1h 1", "-1h 1", fmt.Sprintf("%dh 1", tenYears), fmt.Sprintf("-%dh 1", tenYears), "0s 0", "0s 2"} {
		for _, who := range [][]string{{"bob"}, {"alice", "dave"}, {"alice", "bob", "carol", "dave"}} {
			p := stage(t, 1, "alice", "bob", "carol", "dave")
			for _, n := range who {
				p.do("clock " + n + " " + jump)
			}
			p.do("send bob room before", "partition (alice bob) (carol dave)", "wait 2s", "rename alice room left", "refresh dave room",
				"send alice room l", "send dave room r", "wait 8s", "heal", "wait 20s")
			for _, n := range who {
				p.do("clock " + n + " 0s 1") // it goes on from where it is, at the right speed
			}
			p.rest()
			for _, n := range p.names {
				p.wantTexts(n, "before", "l", "r")
			}
		}
	}
}

// T2: by the clocks of half the nodes all key packages and leaves have expired.
// Whoever makes a change may refuse a package; whoever receives one goes by what
// was signed: nobody takes another state for it.
func t2(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	p.do("nodes erin")
	for _, n := range []string{"carol", "dave"} {
		p.do(fmt.Sprintf("clock %s %dh 1", n, 2*365*24))
	}
	p.do("invite alice room erin", "wait 10s", "refresh bob room", "wait 5s", "send carol room old", "send alice room young")
	p.rest()
	p.want("carol", "alice", "bob", "carol", "dave", "erin")
	p.want("alice", "alice", "bob", "carol", "dave", "erin")
	for _, n := range p.names {
		p.wantTexts(n, "old", "young")
	}
}

// T3: bob's clock makes him erase what a late rival needs; the others keep it.
// The rival comes with more behind it: bob cannot enter it and says so, is let
// in again, and nothing that he said is lost.
func t3(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol", "dave", "erin")
	p.do("partition (alice bob) (carol dave erin)", "wait 2s", "rename alice room left", "refresh carol room", "send bob room b", "send dave room d", "wait 8s",
		"clock bob 2000h 1", "refresh bob room", "wait 60s", "clock bob -2000h 1", "heal") // set right: a key package of next year nobody takes
	p.rest()
	for _, n := range p.names {
		p.wantTexts(n, "b", "d")
	}
}
