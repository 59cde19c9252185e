package sim

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Crashes: a machine dies between any two effects, comes back with an old disk,
// or with one that is full, damaged or lies. What was said is neither lost nor
// doubled, and nobody signs two things of what it signs one of. K4, two
// processes on one store, is node/store's (TestLockNamesTheHolder).

func TestK(t *testing.T) {
	t.Run("K1_a_crash_at_every_write", k1)
	t.Run("K2_yesterdays_disk", k2)
	t.Run("K3_disks_that_fail", k3)
}

// k1Scripts are what a node may be in the middle of; each is about bob.
var k1Scripts = map[string]string{
	"sending":          "send bob room one\nsend bob room two\nsend alice room three",
	"committing":       "refresh bob room",
	"two commits":      "refresh alice room\nrefresh bob room",
	"letting in":       "invite bob room erin",
	"removing":         "remove bob room dave",
	"losing a fork":    "partition (alice carol) (bob dave)\nwait 2s\nrefresh alice room\nrefresh bob room\nsend bob room apart\nwait 6s\nheal",
	"being let in":     "remove alice room bob\nwait 6s\ninvite alice room bob",
	"beyond a window":  "partition (alice carol dave) (bob)\nwait 2s\n" + repeated("rename alice room a%d\nwait 2s\n", 10) + "rename bob room mine\nwait 3s\nheal",
	"changing a right": "role alice room carol admin\nsend bob room meanwhile",
}

// bobsOwn are those of which the outcome hangs on what bob was asked.
var bobsOwn = map[string]bool{"letting in": true, "removing": true}

func repeated(line string, n int) (out string) {
	for i := range n {
		out += fmt.Sprintf(line, i)
	}
	return out
}

// K1: bob's machine dies at every point between two effects, at each of the
// first times it comes by, in the middle of nine things; he starts again five
// seconds later. Everybody ends in one state, with every text that was durable
// when the machine died, each once (Rest), and none that the run without the
// crash does not have. What bob was asked and had not stored is not done.
func k1(t *testing.T) {
	crashed := 0
	for _, name := range sortedKeys(k1Scripts) {
		calm := k1run(t, k1Scripts[name], "")
		for at := range pointCount {
			for nth := 1; nth <= 4; nth++ {
				p := k1run(t, k1Scripts[name], fmt.Sprintf("crash bob %s %d", pointNames[at], nth))
				if p.byName["bob"].boots > 0 {
					crashed++
				}
				for _, n := range calm.names {
					for _, text := range p.textsAt(n) {
						if !slices.Contains(calm.textsAt(n), text) {
							t.Errorf("%s, crash %s %d: %s has read %q, which it does not without the crash", name, pointNames[at], nth, n, text)
						}
					}
					if got, want := p.rosterAt(n), p.rosterAt("alice"); len(got) > 0 && !slices.Equal(got, want) {
						t.Errorf("%s, crash %s %d: %s sees %v, alice %v", name, pointNames[at], nth, n, got, want)
					}
				}
				if !bobsOwn[name] && !slices.Equal(p.rosterAt("alice"), calm.rosterAt("alice")) {
					t.Errorf("%s, crash %s %d: %v, without the crash %v", name, pointNames[at], nth, p.rosterAt("alice"), calm.rosterAt("alice"))
				}
				p.convicts(calm.names) // nobody signed two things of what is signed once
			}
		}
	}
	if crashed < 100 {
		t.Errorf("only %d of the runs crashed: too few to mean anything", crashed)
	}
	t.Logf("%d crashes", crashed)
}

func k1run(t *testing.T, script, crash string) *play {
	t.Helper()
	p := stage(t, 1, "alice", "bob", "carol", "dave")
	p.do("nodes erin", "role alice room bob admin")
	p.settle()
	if crash != "" {
		p.do(crash)
	}
	p.do(script, "wait 5s", "start bob")
	p.rest()
	return p
}

// K2: bob's disk is put back to how it was before he sent, committed or voted.
// He notices, signs nothing more, uses no key twice (I7), and reads on; let in
// anew he writes again.
func k2(t *testing.T) {
	for _, what := range []string{"send bob room lost", "refresh bob room", "refresh alice room"} {
		p := stage(t, 1, "alice", "bob", "carol")
		p.do("disk bob backup", what, "wait 10s", "kill bob", "disk bob restore", "start bob", "wait 60s")
		if v := p.seat("bob").s.View(); v.Standing != session.OnlyReading {
			t.Errorf("%s: bob goes on with an old disk: %v", what, v.Standing)
		}
		said := p.listen(10*second, func() { p.do("send alice room hello", "refresh bob room", "send bob room x") })
		for _, s := range said {
			if s.by == "bob" {
				t.Errorf("%s: bob says something of kind %d with an old disk", what, s.kind)
			}
		}
		p.do("remove alice room bob", "wait 8s", "invite alice room bob", "wait 20s", "send bob room again")
		p.settle()
		p.convicts([]string{"alice", "carol"})
		if !slices.Contains(p.textsAt("alice"), "again") {
			t.Errorf("%s: bob cannot write after he was let in anew\n%s", what, p.picture())
		}
	}
}

// K3: bob's disk is full, lies about what is durable, or loses a row. A full one
// stops him with nothing half done, and he goes on when there is room; one that
// lied is an old copy after the crash; a lost row is an error with a name.
func k3(t *testing.T) {
	p := stage(t, 1, "alice", "bob", "carol")
	p.do("disk bob full", "refresh bob room", "send alice room hello", "wait 10s")
	if slices.Contains(p.textsAt("bob"), "hello") {
		t.Error("bob shows what he could not store")
	}
	p.do("disk bob ok", "start bob")
	p.rest()
	p.wantTexts("bob", "hello")

	p = stage(t, 2, "alice", "bob", "carol")
	p.do("disk bob lie", "send bob room lost", "refresh bob room", "wait 10s", "kill bob", "disk bob ok", "start bob", "wait 20s", "send alice room hello")
	p.settle()
	p.convicts([]string{"alice", "carol"})
	if !slices.Contains(p.textsAt("carol"), "hello") {
		t.Error("the others do not go on")
	}

	p = stage(t, 3, "alice", "bob", "carol")
	p.do("kill bob", "disk bob damage")
	if _, err := p.byName["bob"].disk.load("room"); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged row loads: %v", err)
	}
}
