package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

var (
	seeds  = flag.Int("seeds", 300, "mixed runs of TestSeeds; the full check runs 1000, a night 10000")
	seed   = flag.Uint64("seed", 0, "the one seed TestSeeds runs, if not zero")
	shrink = flag.Bool("shrink", false, "cut the script of a failing seed short")
)

// TestSeeds runs the mixed scenario on one seed after the other: everything
// that honest members, networks and machines do to each other, and at the end
// nothing lost, nothing doubled, nobody apart. A failing seed prints the line
// that runs it again.
func TestSeeds(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	} else if testing.Short() {
		last = min(last, 100)
	}
	start, events, virtual, failed := time.Now(), 0, time.Duration(0), map[string][]uint64{}
	for s := first; s <= last; s++ {
		w, how := runMixed(s, Mixed(s))
		events, virtual = events+w.Events(), virtual+w.Now()
		if how == "" {
			continue
		}
		kind := failureKind(how)
		if failed[kind] = append(failed[kind], s); len(failed[kind]) == 1 {
			report(t, s, w, how)
		}
	}
	took := time.Since(start)
	n := float64(last - first + 1)
	t.Logf("%.0f seeds in %v: %.1f seeds, %.0f events and %.0f virtual seconds a second",
		n, took.Round(time.Millisecond), n/took.Seconds(), float64(events)/took.Seconds(), virtual.Seconds()/took.Seconds())
	for _, kind := range sortedKeys(failed) {
		t.Errorf("%d seeds: %s: %v", len(failed[kind]), kind, failed[kind][:min(20, len(failed[kind]))])
	}
}

// runMixed plays a mixed script and says how it failed, if it did.
func runMixed(seed uint64, script []testnet.Verb) (w *World, how string) {
	w = New(Options{Seed: seed})
	defer func() {
		if r := recover(); r != nil {
			how = fmt.Sprintf("panic: %v in %s", r, panicked())
		}
	}()
	if err := w.Run(script); err != nil {
		return w, "I2: " + err.Error()
	}
	if broken := w.Rest(); len(broken) > 0 {
		return w, broken[0].String()
	}
	return w, ""
}

// panicked is the innermost function of a room under test that panicked.
func panicked() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for {
		f, more := frames.Next()
		if strings.Contains(f.Function, "covey/node/session.") || strings.Contains(f.Function, "covey/consensus.") || strings.Contains(f.Function, "covey/mls.") {
			return f.Function
		}
		if !more {
			return "the simulator"
		}
	}
}

// failureKind is a failure without its names and numbers, so that seeds that
// fail alike are counted together and a shrinker knows its prey.
func failureKind(how string) string {
	words := strings.Fields(how)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool {
		return strings.ContainsAny(w, "0123456789\"()") && !strings.HasPrefix(w, "I") || slices.Contains(castNames, strings.Trim(w, ",:"))
	}), " ")
}

func report(t *testing.T, seed uint64, w *World, how string) {
	t.Helper()
	script := Mixed(seed)
	picture, _ := w.Show("room")
	if *shrink {
		kind := failureKind(how)
		script = Shrink(script, func(s []testnet.Verb) string {
			if _, how := runMixed(seed, s); failureKind(how) == kind {
				return kind
			}
			return ""
		}, 2000)
		w, how = runMixed(seed, script)
		picture, _ = w.Show("room")
	}
	var b strings.Builder
	for _, v := range script {
		fmt.Fprintln(&b, v)
	}
	t.Errorf("seed %d: %s\n%s\nagain: go test ./testnet/sim -run TestSeeds -seed %d -shrink\n%s", seed, how, picture, seed, b.String())
}

// TestSameSeedSameTrace runs seeds twice and compares what happened, byte for
// byte; and replays the record of the first run.
func TestSameSeedSameTrace(t *testing.T) {
	for s := uint64(1); s <= 20; s++ {
		digest := func(script []testnet.Verb) (string, []testnet.Verb) {
			w := New(Options{Seed: s, Digest: true})
			if err := w.Run(script); err != nil {
				t.Log(err)
			}
			return w.Digest(), w.Record
		}
		one, record := digest(Mixed(s))
		two, _ := digest(Mixed(s))
		if one != two {
			t.Errorf("seed %d: two runs, two traces: %s %s", s, one, two)
		}
		if other, _ := digest(Mixed(s + 1)); other == one {
			t.Errorf("seed %d: another script, the same trace", s)
		}
		// The record is a script of its own; only the last rest is not in it.
		record = append(record, testnet.Verb{Name: "settle", Args: []testnet.Arg{testnet.Word(mixedRest.String())}})
		if again, _ := digest(record); again != one {
			t.Errorf("seed %d: its record replays to another trace", s)
		}
	}
}
