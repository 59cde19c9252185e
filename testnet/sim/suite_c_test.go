package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// Contention and liveness: everybody wants something at once, leaders are
// away, censor or drip, and changes still come about soon.

func TestC(t *testing.T) {
	t.Run("C1_all_want_something_at_once", c1)
	t.Run("C2_leaders_away", c2)
	t.Run("C3_a_leader_censors", c3)
	t.Run("C4_one_member_drips", c4)
	t.Run("C5_k_members_drip", c5)
	t.Run("C6_a_bad_network", c6)
	t.Run("C7_too_much_at_once", c7)
	t.Run("C8_wrong_about_who_is_online", c8)
	t.Run("C9_some_are_silent_for_good", c9)
}

// guests are as many outsiders as there are members.
func (p *play) guests(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("g%d", i))
	}
	p.do("nodes " + strings.Join(names, " "))
	return names
}

// rush has every member invite an outsider at one moment, and measures until
// all members hold one state that has every guest.
func (p *play) rush(n int) (took time.Duration, epochs uint64, commits int) {
	p.t.Helper()
	guests := p.guests(n)
	from, edges, at := p.seat("m0").number, len(p.groups["room"].order), p.Now()
	for i, g := range guests {
		p.do("invite " + p.names[i] + " room " + g)
	}
	in := func() bool {
		for _, name := range p.names {
			r := p.rosterAt(name)
			for _, g := range guests {
				if _, ok := slices.BinarySearch(r, g); !ok {
					return false
				}
			}
		}
		return p.agreedAmong(p.names)
	}
	if !p.Until(in, 2*time.Minute) {
		p.t.Fatalf("not all wishes came about in two minutes: %d members\n%s", len(p.rosterAt("m0")), p.picture())
	}
	// Looking the key packages up is not part of agreeing.
	return p.Now() - at - directoryTakes, p.seat("m0").number - from, len(p.groups["room"].order) - edges
}

// agreedAmong says whether all of the named hold one state.
func (p *play) agreedAmong(names []string) bool {
	for _, n := range names {
		if p.seat(n).head != p.seat(names[0]).head {
			return false
		}
	}
	return true
}

func c1(t *testing.T) {
	for _, n := range []int{8, 50, 200} {
		if n == 200 && testing.Short() {
			continue
		}
		p := stageWith(t, Options{Seed: 1, Link: Link{Latency: Lognormal{40 * time.Millisecond, 200 * time.Millisecond}}}, numbered(n)...)
		took, epochs, commits := p.rush(n)
		t.Logf("%d members: agreed after %v, %d epochs, %d commits made", n, took.Round(time.Millisecond), epochs, commits)
		if epochs > 4 || commits > 3*int(epochs) {
			t.Errorf("%d members: %d epochs by %d commits", n, epochs, commits)
		}
		if n == 50 && took > 3*second {
			t.Errorf("50 members took %v", took)
		}
		p.rest()
	}
}

func c2(t *testing.T) {
	for _, dead := range []int{1, 10, 27} { // of 30
		p := stage(t, 2, numbered(30)...)
		order := p.leaders("m0")
		for _, n := range order[:dead] {
			p.do("kill " + n)
		}
		p.do("wait 3s")
		who, at := order[29], p.Now()
		p.do("rename m0 room x") // denied or done: m0 may be dead
		p.do("invite " + who + " room " + p.guests(1)[0])
		ok := p.Until(func() bool { return slices.Contains(p.rosterAt(who), "g0") }, time.Minute)
		t.Logf("%d of 30 leaders away: next commit after %v", dead, p.Now()-at)
		if bound := 8 * second; !ok || p.Now()-at > bound {
			t.Errorf("%d leaders away: not within %v", dead, bound)
		}
		for _, n := range order[:dead] {
			p.do("start " + n)
		}
		p.rest()
	}
}

func c3(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		p := stage(t, seed, numbered(6)...)
		g := p.guests(1)[0]
		order := p.leaders("m0")
		censor, author := order[0], order[5]
		p.do(fmt.Sprintf("byzantine %s room censor %s", censor, author))
		from := p.seat(author).number
		p.do("invite " + author + " room " + g)
		if !p.Until(func() bool { return slices.Contains(p.rosterAt(author), g) }, time.Minute) {
			t.Fatalf("seed %d: the censored change never came about\n%s", seed, p.picture())
		}
		if epochs := p.seat(author).number - from; epochs > 2 {
			t.Errorf("seed %d: %d epochs", seed, epochs)
		}
		p.rest()
	}
}

func c4(t *testing.T) {
	p := stage(t, 4, numbered(5)...)
	from := p.seat("m0").number
	p.do("byzantine m4 room drip 1")
	stop := false
	sent := 0
	p.Every(20*second, func() bool {
		p.do(fmt.Sprintf("send m1 room t%d", sent))
		sent++
		return !stop
	})
	p.do("wait 1h")
	stop = true
	if made := p.seat("m0").number - from; made > 8 {
		t.Errorf("one member alone made %d epochs in an hour", made)
	}
	if late := p.Book.Slowest("room", "m1"); late > 3*second {
		t.Errorf("a message took %v", late)
	}
	at := p.seat("m0").number
	p.do("remove m0 room m4")
	if !p.Until(func() bool { return !slices.Contains(p.rosterAt("m0"), "m4") }, time.Minute) {
		t.Fatalf("the dripping member stays\n%s", p.picture())
	}
	if n := p.seat("m0").number - at; n > 2 {
		t.Errorf("its removal took %d epochs", n)
	}
	p.rest()
}

func c5(t *testing.T) {
	ks := []int{2, 5, 9}
	if testing.Short() {
		ks = ks[:1]
	}
	for _, k := range ks {
		p := stage(t, 5, numbered(50)...)
		for i := range k {
			p.do(fmt.Sprintf("byzantine m%d room drip 1", 49-i))
		}
		p.do("wait 10s")
		from, at := p.seat("m0").number, p.Now()
		p.do("invite m1 room " + p.guests(1)[0])
		ok := p.Until(func() bool { return slices.Contains(p.rosterAt("m1"), "g0") }, time.Minute)
		epochs := p.seat("m1").number - from
		t.Logf("%d of 50 drip: an honest change came about after %v and %d epochs", k, p.Now()-at, epochs)
		if !ok || k < 9 && epochs > 4 {
			t.Errorf("k=%d: %d epochs, done: %v", k, epochs, ok)
		}
	}
}

func c6(t *testing.T) {
	depths := map[int]int{}
	for seed := uint64(1); seed <= 20; seed++ {
		p := stage(t, seed, numbered(8)...)
		p.do("loss 0.2", "dup 0.5", "reorder 0.5", "role m0 room m1 admin")
		for i := range 8 {
			for j := range 8 {
				if (i+j)%3 == 0 {
					p.do(fmt.Sprintf("latency 2s m%d m%d", i, j))
				} else {
					p.do(fmt.Sprintf("latency 10ms m%d m%d", i, j))
				}
			}
		}
		for i := range 40 {
			p.do(fmt.Sprintf("send m%d room t%d", i%8, i), fmt.Sprintf("refresh m%d room", (i*3)%8), "wait 700ms")
			if i%10 == 0 {
				p.do(fmt.Sprintf("rename m%d room n%d", i%2, i))
			}
		}
		p.rest()
		for _, n := range p.nodes {
			for _, d := range n.seats["room"].undone {
				depths[d]++
			}
		}
	}
	t.Logf("branches given up, by length: %v", depths)
}

func c7(t *testing.T) {
	p := stage(t, 7, "alice", "bob", "carol")
	p.apart("alice", "bob", "carol")
	s := p.seat("alice")
	name := "x"
	for range 1100 { // above the cap of wishes
		id := p.newID()
		p.Book.Asked("room", "alice", hexID(id), "rename")
		p.enter(s.n.idx, "room", session.Configure{ID: id, Name: &name})
	}
	p.immediate()
	denied := p.Book.States("room", "alice")["denied"]
	if denied == 0 {
		t.Error("no request was refused")
	}
	t.Logf("of 1100 requests %d were refused aloud", denied)
	p.do("heal")
	p.rest()
}

func c8(t *testing.T) {
	p := stage(t, 8, numbered(9)...)
	// Each believes that others than those who are there have gone.
	for i, n := range p.nodes {
		for j, o := range p.nodes {
			if (i+j)%2 == 0 && i != j {
				p.enter(n.idx, "room", session.PeerDown{Peer: o.peer()})
			}
		}
	}
	p.guests(9)
	for i := range 9 {
		p.do(fmt.Sprintf("invite m%d room g%d", i, i))
	}
	at := p.Now()
	if !p.Until(func() bool { return len(p.rosterAt("m0")) == 18 }, time.Minute) {
		t.Fatalf("not all came about\n%s", p.picture())
	}
	t.Logf("all wrong about each other: nine changes after %v", p.Now()-at)
	p.rest()
}

// c9 has all who are left of a group renew their keys every few hours for days,
// and one of them ask for it every second.
func c9(t *testing.T) {
	rows := []struct{ n, silent int }{{5, 1}, {9, 7}, {3, 1}, {20, 17}}
	if testing.Short() {
		rows = rows[:2]
	}
	for _, row := range rows {
		p := stage(t, 9, numbered(row.n)...)
		for _, name := range p.names[row.n-row.silent:] {
			p.do("kill " + name)
		}
		left := p.names[:row.n-row.silent]
		for range 3 * 24 / 6 {
			p.do("wait 6h")
			for _, name := range left {
				p.do("refresh " + name + " room")
			}
			p.do("wait 5m")
			for _, name := range left {
				if n := p.Book.States("room", name); n["queued"]+n["bound"]+n["handed"] > 0 {
					t.Fatalf("%d of %d silent: %s still waits to renew its keys: %v\n%s", row.silent, row.n, name, n, p.picture())
				}
			}
		}
		from, stop := p.seat("m0").number, p.Now()+10*time.Minute
		p.Every(second, func() bool { p.do("refresh m1 room"); return p.Now() < stop })
		p.do("wait 10m")
		made := p.seat("m0").number - from
		t.Logf("%d of %d silent: who asks every second renewed %d times in ten minutes", row.silent, row.n, made)
		if made > 11 {
			t.Errorf("%d epochs in ten minutes", made)
		}
		p.rest()
	}
}
