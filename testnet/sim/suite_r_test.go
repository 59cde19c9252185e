package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// Removals and roles: two who want each other gone, one who acts while it is
// removed, rights that end while they are used. All check I1, I4, I9 and I10
// at rest.

func TestR(t *testing.T) {
	t.Run("R1_mutual_removal", r1)
	t.Run("R1_removals_in_a_circle", r1circle)
	t.Run("R2_the_removed_acts_meanwhile", r2)
	t.Run("R3_removal_and_leave", r3)
	t.Run("R4_rights_end_while_used", r4)
	t.Run("R5_the_last_owner", r5)
	t.Run("R6_out_and_in_again", r6)
	t.Run("R7_a_majority_is_removed", r7)
}

// ended is how what a node was asked ended, by what it was.
func (p *play) ended(node, what string) string { return p.Book.How("room", node, what) }

// role is what a node takes an account to be.
func (p *play) role(node, account string) consensus.Role {
	for _, m := range p.seat(node).s.View().Members {
		if p.World.names[m.Account] == account {
			return m.Role
		}
	}
	return 0
}

// once counts the epochs in a node's history that did something.
func (p *play) once(node, what string) (n int) {
	for _, e := range p.path(node) {
		if slices.Contains(strings.Fields(e.what), what) {
			n++
		}
	}
	return n
}

// first is which of some nodes has the lowest slot in the state a node is at.
func (p *play) first(at string, of ...string) string {
	for _, n := range p.leaders(at) {
		if slices.Contains(of, n) {
			return n
		}
	}
	return ""
}

// R1: an owner and an admin, and two admins, remove each other at once. An
// admin may not remove an owner; of two admins the one with the lower slot
// stays, whoever was faster.
func r1(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin", "role alice room carol admin")
		p.settle()
		p.apart(p.names...)
		p.do("remove alice room bob", "remove bob room alice", "wait 5s", "heal")
		p.rest()
		p.want("alice", "alice", "carol", "dave", "erin")
		if got := p.ended("bob", "remove alice"); got != check.Denied {
			t.Errorf("seed %d: an admin's removal of an owner ended %q", seed, got)
		}
	}
	winners := map[string]int{}
	for seed := uint64(1); seed <= 12; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin", "role alice room carol admin")
		p.settle()
		want := p.first("alice", "bob", "carol")
		p.apart(p.names...)
		p.do("remove bob room carol", "remove carol room bob", "wait 5s", "heal")
		p.rest()
		p.want("alice", "alice", want, "dave", "erin")
		winners[want]++
	}
	if len(winners) < 2 {
		t.Errorf("the same admin won every time: %v", winners)
	}
}

// R1: three admins remove each other in a circle. The lowest slot acts; of the
// other two one is out, and the other, still an admin, has its own way next.
func r1circle(t *testing.T) {
	next := map[string]string{"bob": "carol", "carol": "dave", "dave": "bob"}
	for seed := uint64(1); seed <= 12; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin", "role alice room carol admin", "role alice room dave admin")
		p.settle()
		first := p.first("alice", "bob", "carol", "dave")
		p.apart(p.names...)
		for _, n := range []string{"bob", "carol", "dave"} {
			p.do("remove " + n + " room " + next[n])
		}
		p.do("wait 5s", "heal")
		p.rest()
		left := next[next[first]] // first removed next[first], whose own removal is void; this one removes first
		p.want("alice", "alice", left, "erin")
		for _, n := range []string{"bob", "carol", "dave"} {
			if got := p.once("alice", "-"+n); n != left && got != 1 {
				t.Errorf("seed %d: %s was removed %d times\n%s", seed, n, got, p.picture())
			}
		}
	}
}

// R2: bob is removed by the larger side while he acts on the smaller, up to
// three epochs ahead. He is out at the end, and what he did is not.
func r2(t *testing.T) {
	acts := map[string]string{"adds": "invite bob room frank", "renames": "rename bob room mine", "renews": "refresh bob room", "removes": "remove bob room carol"}
	for _, name := range sortedKeys(acts) {
		for ahead := range 4 {
			p := stage(t, uint64(20+ahead), "alice", "bob", "carol", "dave", "erin")
			p.do("nodes frank", "role alice room bob admin")
			p.settle()
			p.do("partition (alice carol dave) (bob erin frank)", "wait 2s")
			for i := range ahead {
				p.do(fmt.Sprintf("rename bob room n%d", i), "wait 4s")
			}
			p.do(acts[name], "remove alice room bob", "wait 25s")
			p.do("send bob room mine", "send carol room ours", "wait 2s", "heal")
			p.rest()
			p.want("alice", "alice", "carol", "dave", "erin")
			if got := p.seat("alice").s.View().Name; got != "room" {
				t.Errorf("%s, %d ahead: the group is called %q\n%s", name, ahead, got, p.picture())
			}
			if !slices.Contains(p.textsAt("erin"), "ours") {
				t.Errorf("%s, %d ahead: erin came over without what was said there", name, ahead)
			}
			if slices.Contains(p.textsAt("bob"), "ours") {
				t.Errorf("%s, %d ahead: bob reads what was said after his removal", name, ahead)
			}
		}
	}
}

// R3: dave leaves, and alice removes him. He goes once, and both asked for it.
func r3(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		for _, lines := range []string{
			"partition (alice carol) (dave bob)\nwait 2s",
			"partition (alice) (bob) (carol) (dave)\nwait 2s",
			"",
		} {
			p := stage(t, seed, "alice", "bob", "carol", "dave")
			p.do(lines, "remove alice room dave", "leave dave room", "wait 5s", "heal")
			p.rest()
			p.want("alice", "alice", "bob", "carol")
			if n := p.once("alice", "-dave"); n != 1 {
				t.Errorf("seed %d: dave left %d times\n%s", seed, n, p.picture())
			}
			if got := p.ended("alice", "remove dave"); got != check.Landed && got != check.Final && got != check.Superseded {
				t.Errorf("seed %d: alice's removal ended %q", seed, got)
			}
		}
	}
}

// R4: bob is demoted while he removes dave. Where nobody had voted, the removal
// comes first and the demotion after it; where most had voted for the demotion,
// the removal is refused, for whoever carries it.
func r4(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin")
		p.settle()
		p.apart(p.names...)
		p.do("role alice room bob member", "remove bob room dave", "wait 200ms", "heal")
		p.rest()
		p.want("carol", "alice", "bob", "carol", "erin")
		if p.role("carol", "bob") != consensus.RoleMember {
			t.Errorf("seed %d: bob is still an admin\n%s", seed, p.picture())
		}

		p = stage(t, seed, "alice", "bob", "carol", "dave", "erin")
		p.do("role alice room bob admin")
		p.settle()
		p.do("partition (bob) (alice carol dave erin)", "wait 2s")
		p.do("role alice room bob member", "remove bob room dave", "wait 10s", "heal")
		p.rest()
		p.want("carol", "alice", "bob", "carol", "dave", "erin")
		if got := p.ended("bob", "remove dave"); got != check.Denied {
			t.Errorf("seed %d: the removal of one no longer an admin ended %q\n%s", seed, got, p.picture())
		}
	}
}

// R5: the last owner cannot go, be removed, or step down; and of two who step
// down at once on two sides one stays.
func r5(t *testing.T) {
	p := stage(t, 5, "alice", "bob", "carol")
	p.do("role alice room bob admin")
	p.settle()
	p.do("leave alice room", "role alice room alice member", "remove bob room alice", "wait 5s")
	p.rest()
	p.want("carol", "alice", "bob", "carol")
	if p.role("carol", "alice") != consensus.RoleOwner {
		t.Error("the group has no owner")
	}
	for _, who := range [][2]string{{"alice", "leave"}, {"alice", "role alice member"}, {"bob", "remove alice"}} {
		if got := p.ended(who[0], who[1]); got != check.Denied {
			t.Errorf("%s: %s ended %q", who[0], who[1], got)
		}
	}
	for seed := uint64(1); seed <= 8; seed++ {
		for _, how := range [][2]string{{"leave alice room", "leave bob room"}, {"role alice room alice member", "role bob room bob member"}, {"remove alice room bob", "leave alice room"}} {
			p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
			p.do("role alice room bob owner")
			p.settle()
			p.do("partition (alice carol) (bob dave) (erin)", "wait 2s", how[0], how[1], "wait 8s", "heal")
			p.rest()
			owners := 0
			for _, a := range p.rosterAt("erin") {
				if p.role("erin", a) == consensus.RoleOwner {
					owners++
				}
			}
			if owners != 1 {
				t.Errorf("seed %d, %v: %d owners\n%s", seed, how, owners, p.picture())
			}
		}
	}
}

// R6: dave is taken out and let in again, by one side and by both, and on one
// side a third gets his leaf.
func r6(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		for i, sides := range [][2]string{
			{"remove alice room dave\nwait 6s\ninvite alice room dave", ""},
			{"remove alice room dave\nwait 6s\ninvite alice room dave", "remove bob room dave\nwait 6s\ninvite bob room dave"},
			{"remove alice room dave\nwait 6s\ninvite alice room frank", "remove bob room dave\nwait 6s\ninvite bob room dave"},
			{"remove alice room dave\nwait 6s\ninvite alice room frank", "send bob room t\nsend dave room u"},
		} {
			p := stage(t, seed, "alice", "bob", "carol", "dave", "erin")
			p.do("nodes frank", "role alice room bob admin")
			p.settle()
			p.do("partition (alice carol) (bob erin)", "wait 2s") // dave and frank hear both
			p.do(sides[0], sides[1], "wait 20s", "heal")
			p.rest()
			roster := p.rosterAt("alice")
			if in := slices.Contains(roster, "frank"); in != (i >= 2) {
				t.Errorf("seed %d, %d: frank in: %v\n%s", seed, i, in, p.picture())
			}
			p.do("send alice room after")
			p.rest()
			for _, n := range roster {
				if n != "alice" && !slices.Contains(p.textsAt(n), "after") {
					t.Errorf("seed %d, %d: %s, who is in, does not read\n%s", seed, i, n, p.picture())
				}
			}
		}
	}
}

// R7: an owner's side removes most of the group while those go on. The larger
// side has the fork; what the owner asked for is then asked again, and, since
// nobody is in its way any more, done. (Groups that want neither name other
// electors: that is decided in the rule's own tests.)
func r7(t *testing.T) {
	names := numbered(50)
	p := stage(t, 7, names...)
	ours, theirs := names[:24], names[24:]
	p.do("partition ("+strings.Join(ours, " ")+") ("+strings.Join(theirs, " ")+")", "wait 2s")
	p.do("refresh m35 room")
	for _, n := range theirs {
		p.do("remove m0 room " + n)
	}
	p.do("wait 10s")
	p.want("m1", ours...)
	fork := p.seat("m32").head
	p.do("heal")
	p.rest()
	p.want("m1", ours...)
	if !slices.ContainsFunc(p.path("m1"), func(e *edge) bool { return e.child == fork }) {
		t.Errorf("the smaller side won\n%s", p.picture())
	}
}
