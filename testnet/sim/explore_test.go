package sim

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
	others "github.com/covey-p2p/covey/testnet/sim/rivals"
)

// small is a world of the named at rest, and what two of them then do at once.
func small(name, members, race string, faults Small) Small {
	names := strings.Fields(members)
	script := func(text string) func(*World) error {
		return func(w *World) error {
			verbs, err := testnet.Parse(text)
			if err != nil {
				return err
			}
			return w.Run(verbs)
		}
	}
	s := faults
	s.Name = name
	s.Begin = script("nodes " + members + "\ngroup alice room (" + strings.Join(names[1:], " ") + ")\nsettle\nrole alice room bob admin\nsettle\n")
	s.Race = script(race + "\nwait 900ms\n") // both have committed, and heard nothing
	s.Options.Engine = withEngine(Options{}).Engine
	if s.Most == 0 {
		s.Most = 1 << 26
	}
	return s
}

// The races: two commits on one epoch, of each two classes.
const (
	keys    = "refresh alice room\nrefresh bob room"
	change  = "rename alice room a\nrefresh bob room"
	removal = "remove alice room carol\nrename bob room b"
	mutual  = "remove alice room bob\nremove bob room carol"
)

// TestExplore goes through every history of some small worlds: two or three
// members, two rival commits, and packets that come in every order, are lost,
// doubled, or meet a machine that stops between any two effects. At the end of
// each, nobody is apart from anybody and nothing is owed.
func TestExplore(t *testing.T) {
	worlds := []Small{
		small("two members, a crash", "alice bob", keys, Small{Crash: 1}),
		small("two members, alarms between", "alice bob", change, Small{Ticks: 1}),
		small("three members", "alice bob carol", change, Small{Lose: 1}),
		small("a removal and a rival", "alice bob carol", removal, Small{Lose: 1}),
		small("two removals", "alice bob carol", mutual, Small{Lose: 1}),
	}
	if !testing.Short() {
		worlds = append(worlds,
			small("two members, all faults", "alice bob", keys, Small{Lose: 1, Double: 1, Crash: 1}),
			small("three members, doubled", "alice bob carol", keys, Small{Double: 1}),
			small("three members, a crash", "alice bob carol", keys, Small{Crash: 1}),
		)
	}
	if *long {
		worlds = append(worlds,
			small("three members, all faults", "alice bob carol", keys, Small{Lose: 1, Double: 1, Crash: 1}),
			small("a removal, all faults", "alice bob carol", "remove alice room carol", Small{Lose: 1, Double: 1, Crash: 1}),
			small("a removal, a renewal and a crash", "alice bob carol", "remove alice room carol\nrefresh bob room", Small{Crash: 1}),
			small("two members, all faults and an alarm", "alice bob", keys, Small{Lose: 1, Double: 1, Crash: 1, Ticks: 1}),
		)
	}
	for _, s := range worlds {
		t.Run(strings.ReplaceAll(s.Name, " ", "_"), func(t *testing.T) {
			if *long { // each is a process of its own, but for the memory it takes
				t.Parallel()
			}
			start := time.Now()
			x, err := Explore(s)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d states, %d steps, of at most %d in a row: %d moves, %d ends, in %v",
				x.States, x.Steps, x.Depth, x.Moves, x.Ends, time.Since(start).Round(time.Millisecond))
			if len(x.Broken) > 0 {
				t.Errorf("%v\n%s", x.Broken, strings.Join(x.Path, "\n"))
			} else if !x.Complete || x.Ends == 0 {
				t.Error("not all was explored")
			}
		})
	}
}

// TestExploreWhole follows every order of worlds small enough: the ends must be
// those that are found where only what can matter is followed.
func TestExploreWhole(t *testing.T) {
	worlds := []Small{
		small("two members, a crash", "alice bob", keys, Small{Crash: 1}),
		small("two members, all faults", "alice bob", keys, Small{Lose: 1, Double: 1, Crash: 1}),
		small("three members, two lost", "alice bob carol", change, Small{Lose: 2}),
		small("three members, doubled", "alice bob carol", keys, Small{Double: 1}),
	}
	if !testing.Short() {
		worlds = append(worlds,
			small("two members, two crashes", "alice bob", keys, Small{Crash: 2}),
			small("two members, all faults of a change", "alice bob", change, Small{Lose: 1, Double: 1, Crash: 1}),
			small("a removal and a rival", "alice bob carol", removal, Small{Lose: 1}),
			small("two removals", "alice bob carol", mutual, Small{Lose: 1}),
			small("two members, an alarm and a packet lost", "alice bob", change, Small{Lose: 1, Ticks: 1}),
		)
	}
	for _, s := range worlds {
		t.Run(strings.ReplaceAll(s.Name, " ", "_"), func(t *testing.T) {
			all := s
			all.Whole = true
			x, y := newExplorer(s), newExplorer(all)
			if err := errors.Join(x.explore(), y.explore()); err != nil {
				t.Fatal(err)
			}
			t.Logf("%v schedules; %d states of %d, %d steps of %d, %d ends", y.found.Schedules, x.found.States, y.found.States, x.found.Steps, y.found.Steps, len(y.ends))
			if len(x.ends) == 0 || !maps.Equal(x.ends, y.ends) {
				t.Errorf("%d ends, and %d where every order is followed", len(x.ends), len(y.ends))
			}
		})
	}
}

// An explorer that cannot find anything is none: with a rule that goes by who
// came first, it shows the history in which two members part.
func TestExploreFinds(t *testing.T) {
	r, err := others.Named("first-seen")
	if err != nil {
		t.Fatal(err)
	}
	s := small("first seen", "alice bob carol", change, Small{})
	s.Options.Rule = r.New
	x, err := Explore(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Broken) == 0 {
		t.Fatalf("a rule that goes by arrival broke nothing in %d steps", x.Steps)
	}
	t.Logf("%v\n%s", x.Broken[0], strings.Join(x.Path, "\n"))
}
