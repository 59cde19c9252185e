package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Byzantine members: what one or a few can do with all the keys of a member,
// and that it does not go beyond their weight. B8, B10 (headers), B13 and B17
// are the rule's alone, or that too, and tested with it. B6 and B16 wait for the seal.

func TestB(t *testing.T) {
	t.Run("B1_a_withheld_commit", b1)
	t.Run("B1_a_withheld_commit_before_anybody_voted", b1early)
	t.Run("B2_a_removed_members_private_chain", b2)
	t.Run("B3_a_removed_admin_strikes_back", b3)
	t.Run("B4_two_commits_for_two_halves", b4)
	t.Run("B5_two_votes_under_one_number", b5)
	t.Run("B7_balancing", b7)
	t.Run("B9_a_path_that_some_cannot_open", b9)
	t.Run("B9_most_cannot_open_it_and_nobody_does_anything", b9most)
	t.Run("B9_nobody_else_can_open_it", b9none)
	t.Run("B9_false_nacks", b9false)
	t.Run("B10_floods", b10)
	t.Run("B10_headers_that_lie", b10lies)
	t.Run("B11_a_welcome_from_a_private_fork", b11)
	t.Run("B12_old_words_about_the_group", b12)
	t.Run("B12_pleas_of_nobody_in_need", b12pleas)
	t.Run("B13_one_account_many_devices", b13)
	t.Run("B14_old_frames_again_everywhere", b14)
	t.Run("B15_an_intent_outlives_its_authors_rights", b15)
	t.Run("B19_a_joiner_after_the_evidence", b19)
	t.Run("B18_very_many_commits_by_one", b18)
	t.Run("B20_what_comes_with_a_welcome_is_made_up", b20)
	t.Run("B21_the_halves_of_evidence_come_far_apart", b21)
}

// hide gives a node a second session that hears nothing and keeps what it says.
func (p *play) hide(name string) *twin {
	p.t.Helper()
	p.do("byzantine " + name + " room private 0 9000h")
	return p.seat(name).byz.twins[0]
}

// secretly has a hidden session do something and gives it time.
func (p *play) secretly(t *twin, d string, events ...session.Event) {
	for _, ev := range events {
		t.take(ev)
	}
	p.do("wait " + d)
}

// release says what a hidden session has kept.
func (p *play) release(t *twin) {
	for _, o := range t.kept {
		t.b.tell(t.tells, o.Envelope)
	}
	t.kept, t.keep, t.hears = nil, false, nil
}

func (p *play) renames(name string) session.Event {
	return session.Configure{ID: p.newID(), Name: &name}
}

// below reports whether an epoch came after another.
func (p *play) below(id, above session.EpochID) bool {
	for e := p.groups["room"].edges[id]; e != nil; e = p.groups["room"].edges[e.parent] {
		if e.child == above {
			return true
		}
	}
	return false
}

// did is the epoch in a node's history that did something, the latest.
func (p *play) did(node, what string) session.EpochID {
	p.t.Helper()
	for _, e := range p.path(node) {
		if slices.Contains(strings.Fields(e.what), what) {
			return e.child
		}
	}
	p.t.Fatalf("nothing in %s's history is %s\n%s", node, what, p.picture())
	return session.EpochID{}
}

// noKeys fails if a session holds the state of an epoch at or below one (I4).
func (p *play) noKeys(who string, s *session.Session, above session.EpochID) {
	p.t.Helper()
	for _, b := range s.Tree() {
		if b.State && p.below(b.Epoch, above) {
			p.t.Errorf("%s holds the state of %s, after it was removed\n%s", who, p.groups["room"].label(b.Epoch), p.picture())
		}
	}
}

// others are the names but one.
func (p *play) others(name string) []string {
	return slices.DeleteFunc(slices.Clone(p.names), func(n string) bool { return n == name })
}

// heads are where some nodes are.
func (p *play) heads(names ...string) (out []session.EpochID) {
	for _, n := range names {
		out = append(out, p.seat(n).head)
	}
	return out
}

// convicts fails unless each of these nodes takes exactly these to be guilty.
func (p *play) convicts(nodes []string, guilty ...string) {
	p.t.Helper()
	for _, n := range nodes {
		var got []string
		for _, a := range p.seat(n).s.View().Convicted {
			got = append(got, p.World.names[a])
		}
		slices.Sort(got)
		if !slices.Equal(got, guilty) {
			p.t.Errorf("%s takes %v to be guilty, want %v", n, got, guilty)
		}
	}
}

// cast stages six with bob and carol as admins.
func cast(t *testing.T, seed uint64) *play {
	p := stage(t, seed, "alice", "bob", "carol", "dave", "erin", "frank")
	p.do("role alice room bob admin", "role alice room carol admin")
	p.settle()
	return p
}

// B1: whoever has the lowest slot commits in secret and shows it k epochs
// later. All have voted for the others by then, and nobody moves.
func b1(t *testing.T) {
	for k := 1; k <= 8; k++ {
		p := cast(t, uint64(k))
		villain := p.leaders("alice")[0]
		honest := p.others(villain)
		author := "alice"
		if villain == "alice" {
			author = "bob"
		}
		hidden := p.hide(villain)
		p.secretly(hidden, "2s", session.Refresh{ID: p.newID()})
		if len(hidden.kept) == 0 {
			t.Fatal("nothing was withheld")
		}
		from := p.seat(author).number
		for i := range k {
			p.do(fmt.Sprintf("rename %s room n%d", author, i), "wait 5s", fmt.Sprintf("send %s room t%d", author, i))
		}
		if got := p.seat(author).number - from; got != uint64(k) {
			t.Fatalf("the group went on %d epochs, not %d", got, k)
		}
		before := p.heads(honest...)
		p.release(hidden)
		p.do("wait 5s")
		if after := p.heads(honest...); !slices.Equal(before, after) {
			t.Errorf("k=%d: a withheld commit of slot 0 moved heads\n%s", k, p.picture())
		}
		p.rest()
	}
}

// B1 before anybody has voted: it may win, and then costs one epoch and no text.
func b1early(t *testing.T) {
	won := 0
	for seed := uint64(1); seed <= 20; seed++ {
		p := cast(t, seed)
		villain := p.leaders("alice")[0]
		author := p.leaders("alice")[1]
		hidden := p.hide(villain)
		p.secretly(hidden, "50ms", session.Refresh{ID: p.newID()})
		secret := hidden.s.View().Head
		p.do("refresh "+author+" room", "wait 600ms", "send "+author+" room hello", "wait 50ms")
		p.release(hidden)
		p.rest()
		if p.below(p.seat(author).head, secret) {
			won++
		}
	}
	t.Logf("released within the settle time, a commit of slot 0 won %d of 20", won)
}

// B2: bob, removed, has a chain of his own from before that, of 5 and of 50
// commits. Nobody goes there, and he gets no state of the group's.
func b2(t *testing.T) {
	for _, n := range []int{5, 50} {
		for _, kind := range []string{"renames", "renews"} {
			p := cast(t, uint64(n))
			hidden := p.hide("bob")
			made := p.seat("alice").number
			for i := range n {
				var ev session.Event = session.Refresh{ID: p.newID()}
				if kind == "renames" {
					ev = p.renames(fmt.Sprintf("mine%d", i))
				}
				p.secretly(hidden, "4s", ev)
			}
			length := hidden.s.View().Number - made
			p.do("remove alice room bob", "wait 10s")
			removal := p.did("alice", "-bob")
			before := p.heads(p.others("bob")...)
			p.release(hidden)
			p.do("wait 30s")
			if after := p.heads(p.others("bob")...); !slices.Equal(before, after) {
				t.Errorf("%d commits alone moved heads\n%s", n, p.picture())
			}
			p.do("send alice room after")
			p.rest()
			p.want("alice", "alice", "carol", "dave", "erin", "frank")
			p.noKeys("bob", p.seat("bob").s, removal)
			p.noKeys("bob's other self", hidden.s, removal)
			t.Logf("%d %s in secret: a chain of %d", n, kind, length)
		}
	}
}

// B3: carol removes bob; bob, of equal role, shows a removal of carol from
// before. Once two have voted hers stands; before that the slot decides, and
// all agree.
func b3(t *testing.T) {
	struck := 0
	for seed := uint64(1); seed <= 20; seed++ {
		late := seed%2 == 0
		p := cast(t, seed)
		hidden := p.hide("bob")
		p.secretly(hidden, "50ms", session.Remove{ID: p.newID(), Account: p.byName["carol"].id.Account})
		p.do("remove carol room bob", "wait 700ms")
		if late {
			p.do("wait 4s")
		}
		before := p.heads("alice", "dave", "erin", "frank")
		p.release(hidden)
		p.do("wait 5s")
		if late && !slices.Equal(before, p.heads("alice", "dave", "erin", "frank")) {
			t.Errorf("seed %d: a late removal of the remover moved heads that had voted\n%s", seed, p.picture())
		}
		p.rest()
		if late {
			p.want("alice", "alice", "carol", "dave", "erin", "frank")
		} else if !slices.Contains(p.rosterAt("alice"), "carol") {
			struck++
		}
	}
	t.Logf("before anybody voted the removed one struck back in %d of 10", struck)
}

// B4: mallory shows one commit to half of the group and another to the rest.
// All come to one, and all know what she did, and nobody else is blamed.
func b4(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		p := stage(t, seed, "alice", "bob", "mallory", "dave", "erin", "frank")
		p.do("byzantine mallory room equivocate", "wait 10s")
		p.do("send alice room hello", "wait 5s")
		p.rest()
		p.convicts(p.others("mallory"), "mallory")
	}
}

// B5: mallory is one person to one half, another to the other, while they are
// apart: she votes twice under one number.
func b5(t *testing.T) {
	caught := 0
	for seed := uint64(1); seed <= 10; seed++ {
		p := stage(t, seed, "alice", "bob", "mallory", "dave", "erin", "frank")
		p.do("role alice room dave admin")
		p.settle()
		p.do("partition (alice bob) (dave erin frank)", "byzantine mallory room twofaced alice bob", "wait 2s")
		p.do("rename alice room a", "rename dave room d", "wait 10s", "heal")
		p.rest()
		if len(p.seat("alice").s.View().Convicted) == 0 {
			p.convicts(p.others("mallory")) // her two selves happened to count differently
			continue
		}
		p.convicts(p.others("mallory"), "mallory")
		caught++
	}
	if caught < 5 {
		t.Errorf("two votes under one number were seen in %d of 10", caught)
	}
}

// B7: two who are of two minds, on a link that comes and goes between two even
// halves. It ends, and all agree.
func b7(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := stage(t, seed, "a1", "a2", "a3", "b1", "b2", "b3", "x1", "x2")
		p.do("role a1 room b1 admin")
		p.settle()
		p.do("byzantine x1 room twofaced a1 a2 a3", "byzantine x2 room twofaced b1 b2 b3")
		for i := range 8 {
			p.do("partition (a1 a2 a3) (b1 b2 b3)", "wait 1s",
				fmt.Sprintf("rename a1 room a%d", i), fmt.Sprintf("rename b1 room b%d", i), "wait 3s", "heal", "wait 700ms")
		}
		p.rest()
	}
}

// B9: bob's commit has a path that some cannot open. Where they are few they
// are let in again; where they are most, another commit has it.
func b9(t *testing.T) {
	for _, k := range []struct {
		victims string
		offline bool
	}{{"dave", false}, {"dave", true}, {"dave erin", false}, {"dave erin frank", false}, {"carol dave erin frank", false}, {"alice carol dave erin", false}} {
		for seed := uint64(1); seed <= 4; seed++ {
			p := cast(t, seed)
			p.do("byzantine bob room malform " + k.victims)
			if k.offline {
				p.do("kill " + k.victims)
			}
			p.do("refresh bob room", "wait 8s", "send alice room hello", "wait 4s")
			if k.offline {
				p.do("start " + k.victims)
			}
			p.do("rename alice room other", "wait 8s", "send carol room bye")
			p.rest()
			if roster := p.rosterAt("alice"); len(roster) != 6 {
				t.Errorf("%s: %v are left\n%s", k.victims, roster, p.picture())
			}
		}
	}
}

// B9: most cannot open bob's commit, and nobody has anything to do. They say so, one
// of them makes another, and all are there; bob's device gives it a rest.
func b9most(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := cast(t, seed)
		p.do("byzantine bob room malform alice carol dave erin", "refresh bob room", "wait 20s")
		if !p.agreedAmong(p.names) || len(p.path("alice")) != len(p.path("frank")) || p.seat("alice").number != 4 {
			t.Errorf("seed %d: apart, or let in again\n%s", seed, p.picture())
		}
		for _, n := range []string{"alice", "frank"} {
			said := 0
			for _, b := range p.seat(n).s.Tree() {
				said += len(b.Shut)
			}
			if said != 4 {
				t.Errorf("seed %d: %s knows of %d who cannot open it", seed, n, said)
			}
		}
		p.seat("bob").byz = nil
		p.rest()
	}
}

// B9: nobody can open a commit but who made it, and he says nothing after: whoever
// asked to be let in again would wait for him.
func b9none(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := cast(t, seed)
		villain := p.leaders("alice")[0]
		honest := p.others(villain)
		p.do("byzantine "+villain+" room malform "+strings.Join(honest, " "), "refresh "+villain+" room", "wait 600ms",
			"byzantine "+villain+" room mute", "wait 20s", "send "+honest[0]+" room hello", "wait 2s")
		if !p.agreedAmong(honest) || p.seat(honest[0]).number != 4 {
			t.Errorf("seed %d: nobody goes on\n%s", seed, p.picture())
		}
		p.wantTexts(honest[4], "hello")
	}
}

// B9: two say of every commit that they cannot open it, which is not so: all goes on
// as if they had not.
func b9false(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := cast(t, seed)
		p.do("rename alice room a", "wait 10s", "rename alice room b", "wait 10s")
		from, luck := p.seat("alice").number, NewRand(seed, "B9")
		liars := []string{"bob", "erin"}
		for _, n := range liars {
			p.do("byzantine " + n + " room mute")
		}
		for i := range 6 {
			p.do(fmt.Sprintf("rename %s room n%d", []string{"alice", "carol"}[i%2], i), "wait 500ms")
			for _, n := range liars {
				head := p.seat("alice").head
				p.seat(n).byz.state(sayNack, words{1: head[:]}, luck)
			}
			p.do("wait 4s")
		}
		honest := []string{"alice", "carol", "dave", "frank"}
		if made := p.seat("alice").number - from; made != 6 || !p.agreedAmong(honest) {
			t.Errorf("seed %d: of six changes, %d epochs\n%s", seed, made, p.picture())
		}
		p.want("alice", "alice", "bob", "carol", "dave", "erin", "frank")
	}
}

// B10: a flood of what nobody can open. The group goes on, and what is kept of
// it is bounded.
func b10(t *testing.T) {
	p := stage(t, 10, "alice", "bob", "carol", "mallory")
	p.do("byzantine mallory room flood 200", "wait 60s", "send alice room hello", "refresh bob room", "wait 10s")
	for _, n := range []string{"alice", "bob", "carol"} {
		rows, bytes := 0, 0
		for _, r := range p.byName[n].disk.groups["room"] {
			rows, bytes = rows+1, bytes+len(r.value)
		}
		t.Logf("%s: %d rows, %d bytes on disk after 12,000 envelopes of junk", n, rows, bytes)
		if rows > 2000 || bytes > 8<<20 {
			t.Errorf("%s keeps %d rows, %d bytes", n, rows, bytes)
		}
	}
	p.seat("mallory").byz = nil
	p.rest()
	p.wantTexts("bob", "hello")
}

// B11: bob, removed, invites into his own fork: erin, who is in the group, and
// grace, who is not. Erin stays where she is; grace learns that it is not the
// group.
func b11(t *testing.T) {
	p := cast(t, 11)
	p.do("nodes grace")
	hidden := p.hide("bob")
	p.secretly(hidden, "4s", session.Remove{ID: p.newID(), Account: p.byName["erin"].id.Account})
	for _, n := range []string{"erin", "grace"} {
		p.seatFor(p.byName[n], p.groups["room"])
		p.secretly(hidden, "15s", session.Invite{ID: p.newID(), Account: p.byName[n].id.Account, KeyPackages: [][]byte{p.byName[n].offered()}})
	}
	if len(hidden.mail) == 0 {
		t.Fatal("nobody is invited into the fork")
	}
	p.do("remove alice room bob", "wait 10s")
	before := p.heads(p.others("bob")...)
	for _, d := range hidden.mail {
		p.World.devices[d.Device].welcome(p.groups["room"], d.Bytes)
	}
	p.release(hidden)
	p.do("wait 10s")
	if !slices.Equal(before, p.heads(p.others("bob")...)) {
		t.Errorf("an invitation into a fork moved heads\n%s", p.picture())
	}
	p.do("send alice room hello")
	p.rest()
	p.want("erin", "alice", "carol", "dave", "erin", "frank")
	p.wantTexts("erin", "hello")
	if v := p.seat("grace").s; v != nil && v.View().Standing == session.TakingPart {
		t.Errorf("grace takes a fork of one to be the group\n%s", p.picture())
	}
}

// B12: what was true of the group once is said again: Welcomes and pleas to be
// let in, of epochs before. None lets anybody in, or takes anybody back.
func b12(t *testing.T) {
	p := cast(t, 12)
	p.do("nodes grace", "partition (grace) ("+strings.Join(p.names, " ")+")", "invite alice room grace", "wait 15s")
	welcomes := slices.Clone(p.groups["room"].mail)
	if len(welcomes) == 0 {
		t.Fatal("no Welcome waits for grace")
	}
	p.do("heal")
	p.settle()
	all := p.listen(3*second, func() { p.do("remove alice room grace", "wait 5s", "rename alice room x") })
	p.settle()
	p.want("alice", "alice", "bob", "carol", "dave", "erin", "frank")
	before := p.heads(p.names...)
	for range 3 {
		for _, l := range welcomes {
			p.World.nodes[l.to].welcome(p.groups["room"], l.bytes)
		}
		for _, n := range p.names {
			p.hand(n, all...)
		}
		p.do("wait 10s")
	}
	if !slices.Equal(before, p.heads(p.names...)) {
		t.Errorf("old words moved heads\n%s", p.picture())
	}
	p.rest()
	p.want("alice", "alice", "bob", "carol", "dave", "erin", "frank")
	if v := p.seat("grace").s.View(); v.Standing == session.TakingPart {
		t.Error("grace is in again by an old Welcome")
	}
}

// B13: bob has five devices and two others have one each; the five do not
// outweigh the two.
func b13(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := &play{New(withEngine(Options{Seed: seed})), t, []string{"alice", "bob/1", "bob/2", "bob/3", "bob/4", "bob/5", "carol"}}
		p.do("nodes "+strings.Join(p.names, " "), "group alice room (bob/1 carol)")
		p.settle()
		p.do("role alice room bob/1 admin")
		p.settle()
		p.want("bob/5", "alice", "bob", "carol")
		p.do("partition (bob/1 bob/2 bob/3 bob/4 bob/5) (alice carol)", "wait 2s")
		p.do("rename bob/1 room bobs", "rename alice room theirs", "wait 10s")
		theirs := p.seat("alice").head
		p.do("heal")
		p.rest()
		if !p.below(p.seat("carol").head, theirs) {
			t.Errorf("seed %d: five devices of one account outweigh two accounts\n%s", seed, p.picture())
		}
	}
}

// B14: everything anybody said is said again, in every group, at any time.
func b14(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := stage(t, seed, "alice", "bob", "carol", "mallory")
		p.do("group bob other (alice mallory carol)")
		p.settle()
		p.do("byzantine mallory room replay 20", "byzantine mallory other replay 20")
		p.do("send alice room one", "remove alice room carol", "send bob other two", "wait 10s", "invite alice room carol",
			"refresh bob other", "wait 10s", "send carol room three", "wait 10s", "kill bob", "start bob", "wait 20s")
		p.seat("mallory").byz = nil
		p.byName["mallory"].seats["other"].byz = nil
		p.rest()
		p.wantTexts("bob", "one", "three")
	}
}

// B15: bob, an admin, asks for dave's removal; before anybody does it he is
// demoted. His words are said again to everybody, at every epoch after; no
// commit carries them.
func b15(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := cast(t, seed)
		p.apart("bob")
		words := p.listen(3*second, func() { p.do("remove bob room dave") })
		p.do("role alice room bob member", "wait 8s")
		asked := 0
		for _, w := range words {
			if w.by != "bob" {
				continue
			}
			asked++
			for _, n := range p.others("bob") {
				p.hand(n, w)
			}
		}
		if asked == 0 {
			t.Fatal("bob asked for nothing")
		}
		p.do("refresh carol room", "wait 8s", "heal")
		p.rest()
		p.want("alice", "alice", "bob", "carol", "dave", "erin", "frank")
	}
}

// B18: one member signs hundreds of commits on one epoch, and tells half of the
// others in one order and half in the other. Each takes a few, all convict, and
// all go on in one state.
func b18(t *testing.T) {
	parted := 0
	for seed := uint64(1); seed <= 6; seed++ {
		p := cast(t, seed)
		villain := slices.DeleteFunc(p.leaders("alice"), func(n string) bool { return n == "alice" })[seed%2] // the lowest slot, or the one after
		honest := p.others(villain)
		from := p.seat("alice").number
		p.do("byzantine "+villain+" room twins 300", "wait 500ms")
		if !p.agreedAmong(honest) {
			parted++
		}
		p.do("send alice room hello", "wait 10s", "rename alice room other", "wait 1m")
		if !p.agreedAmong(honest) {
			t.Fatalf("seed %d: apart\n%s", seed, p.picture())
		}
		p.convicts(honest, villain)
		for _, n := range honest {
			s := p.seat(n).s
			if away := s.Counts()[session.DropCrowded]; away < 280 {
				t.Errorf("seed %d: %s turned away %d of 300", seed, n, away)
			}
		}
		p.do("nodes grace", "invite alice room grace", "wait 20s")
		p.convicts([]string{"grace"}, villain) // by two of them, of which no header was said apart
		if made := p.seat("alice").number - from; made < 2 {
			t.Errorf("seed %d: the group went on by %d epochs only\n%s", seed, made, p.picture())
		}
		p.rest()
	}
	if parted == 0 {
		t.Error("nobody was ever apart: the orders do not differ")
	}
}

// B10: headers of no commit, of commits to where all are already, of a group
// that everybody left; and votes for what they claim. Nobody goes anywhere, and
// the group goes on.
func b10lies(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		p := cast(t, seed)
		p.do("rename alice room a", "wait 10s", "rename alice room b", "wait 10s")
		villain := p.others("alice")[seed%5]
		p.do("byzantine " + villain + " room lie 4")
		from := p.seat("alice").number
		for i := range 10 {
			p.do(fmt.Sprintf("rename alice room n%d", i), "wait 3s", fmt.Sprintf("send alice room t%d", i), "wait 2s")
		}
		if made := p.seat("alice").number - from; made < 10 {
			t.Errorf("seed %d: of ten changes, %d epochs\n%s", seed, made, p.picture())
		}
		if !p.agreedAmong(p.others(villain)) {
			t.Errorf("seed %d: apart\n%s", seed, p.picture())
		}
		p.convicts(p.others(villain), villain)
		p.rest()
	}
}

// B12: who is in the group all the time asks to be let in again, and has others
// let in again, by pleas true and forged.
func b12pleas(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		p := cast(t, seed)
		p.do("rename alice room a", "wait 10s", "rename alice room b", "wait 10s")
		villain := p.others("alice")[seed%5]
		from := p.seat("alice").number
		p.do("byzantine "+villain+" room plead 2", "wait 1m", "rename alice room other", "send alice room hello", "wait 10s")
		made := p.seat("alice").number - from
		t.Logf("seed %d: %d epochs in a minute of pleas", seed, made)
		if made > 3 {
			t.Errorf("seed %d: %d epochs\n%s", seed, made, p.picture())
		}
		if roster := p.rosterAt("alice"); len(roster) != 6 {
			t.Errorf("seed %d: %v are left\n%s", seed, roster, p.picture())
		}
		p.rest()
	}
}

// B19: mallory says two things, and a while after that grace joins, restarts, and
// lets heidi in. Both take mallory to be guilty like everybody, by what she signed.
func b19(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		p := stage(t, seed, "alice", "bob", "mallory", "dave", "erin", "frank")
		p.do("byzantine mallory room equivocate", "wait 10s", "nodes grace heidi")
		for i := range 20 { // beyond what a joiner's tree and log go back
			p.do(fmt.Sprintf("rename alice room n%d", i), "wait 5s")
		}
		p.do("kill bob", "start bob", "wait 5s", "invite alice room grace", "wait 20s", "kill grace", "start grace", "wait 5s",
			"invite grace room heidi", "wait 20s")
		p.rest()
		p.convicts([]string{"alice", "bob", "dave", "erin", "frank", "grace", "heidi"}, "mallory")
		// Whoever asked for ivan is gone before he is in: the Welcome alone has it.
		asks := slices.DeleteFunc(p.leaders("alice"), func(n string) bool { return n == "mallory" })
		last := asks[len(asks)-1]
		p.do("byzantine mallory room mute", "nodes ivan", "invite "+last+" room ivan", "wait 450ms", "kill "+last, "wait 30s")
		if p.seat("ivan") == nil || !p.seat("ivan").live {
			t.Fatalf("seed %d: ivan is not in\n%s", seed, p.picture())
		}
		p.convicts([]string{"ivan"}, "mallory")
	}
}

// B20: mallory lets grace in and tells her what nobody said: votes of all, two
// under one number, proofs made of them, and that the last commits were hers.
// Grace takes nobody to be guilty, stands where all stand, also after two have
// committed at once, and lets heidi in, who does too.
func b20(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		p := cast(t, seed)
		villain := p.leaders("alice")[0] // who commits
		p.do("byzantine "+villain+" room slander", "nodes grace heidi", "invite "+villain+" room grace", "wait 20s")
		if p.seat("grace") == nil || !p.seat("grace").live {
			t.Fatalf("seed %d: grace is not in\n%s", seed, p.picture())
		}
		if refused := p.seat("grace").s.Counts()[session.DropControl]; refused < 5 {
			t.Fatalf("seed %d: grace was told %d lies", seed, refused)
		}
		for i := range 4 {
			p.do(fmt.Sprintf("rename alice room a%d", i), "refresh carol room", "wait 8s", fmt.Sprintf("send grace room t%d", i), "wait 1s")
		}
		p.do("invite grace room heidi", "wait 20s", "send heidi room hello")
		all := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
		p.convicts(all)
		if !p.agreedAmong(all) {
			t.Errorf("seed %d: apart\n%s", seed, p.picture())
		}
		p.rest()
	}
}

// B21: of two votes of mallory's under one number the second comes long after the
// first, many others of hers in between, and machines started anew; or only alice
// hears both, and the others so many more of hers that they forgot one. All take
// mallory to be guilty, and who joins later too.
func b21(t *testing.T) {
	for _, between := range []int{0, 3, 8, 12, 40} {
		p := stage(t, 21, "alice", "bob", "mallory", "dave", "erin")
		p.do("rename alice room a", "wait 10s", "rename alice room b", "wait 10s", "byzantine mallory room mute")
		b, luck := p.seat("mallory").byz, NewRand(21, "B21", itoa(between))
		head, number := p.seat("alice").head, p.seat("alice").number
		before := p.groups["room"].edges[head].parent
		vote := func(seq int, head session.EpochID, number uint64, to func(int) bool) {
			ballot := words{1: head[:], 2: number, 3: 4*number + uint64(seq), 5: make([]byte, 32), 6: make([]byte, 32)}
			b.tell(to, b.hide(b.sign(sayVote, ballot, luck), luck))
		}
		all := func(int) bool { return true }
		alice := func(to int) bool { return to == p.byName["alice"].idx }
		others := func(to int) bool { return !alice(to) }
		if between > 16 {
			p.do("partition (alice mallory) (bob dave erin)")
			vote(9, head, number, alice)
			vote(13, before, number-1, alice) // the same number
			p.do("wait 100ms", "heal", "partition (alice) (bob dave erin mallory)")
			for i := range between {
				vote(10+i, head, number, others)
				p.do("wait 20ms")
			}
			if p.do("wait 1s"); p.seat("bob").s.Counts()[session.DropVote] == 0 {
				t.Fatal("bob did not hear more votes than count")
			}
			p.do("heal", "wait 1m")
		} else {
			vote(9, head, number, all)
			for i := range between {
				vote(10+i, head, number, all)
				p.do("wait 50ms")
			}
			p.do("wait 5s", "kill bob", "start bob", "kill erin", "start erin", "wait 5s")
			vote(13, before, number-1, all)
			p.do("wait 30s")
		}
		honest := []string{"alice", "bob", "dave", "erin"}
		p.convicts(honest, "mallory")
		p.do("nodes grace", "kill dave", "start dave", "invite dave room grace", "wait 30s")
		p.convicts(append(honest, "grace"), "mallory")
		p.rest()
	}
}
