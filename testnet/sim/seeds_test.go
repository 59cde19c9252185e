package sim

import (
	"cmp"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

var (
	seeds   = flag.Int("seeds", 1000, "mixed runs of TestSeeds; a night runs 10000")
	hostile = flag.Int("hostile", 1000, "runs of TestHostileSeeds")
	first   = flag.Uint64("first", 1, "the seed they begin with")
	seed    = flag.Uint64("seed", 0, "the one seed TestSeeds runs, if not zero")
	shrink  = flag.Bool("shrink", false, "cut the script of a failing seed short")
)

// TestSeeds runs the mixed scenario on one seed after the other: everything
// that honest members, networks and machines do to each other, and at the end
// nothing lost, nothing doubled, nobody apart. A failing seed prints the line
// that runs it again.
func TestSeeds(t *testing.T) { runSeeds(t, Mixed, *seeds) }

// TestHostileSeeds is the same with liars among them: of what honest members
// owe each other nothing is missing either.
func TestHostileSeeds(t *testing.T) { runSeeds(t, Hostile, *hostile) }

// runSeeds runs the scripts of so many seeds.
func runSeeds(t *testing.T, write func(uint64) []testnet.Verb, count int) {
	from, n := *first, uint64(count)
	if *seed != 0 {
		from, n = *seed, 1
	} else if testing.Short() {
		n = min(n, 100)
	}
	start, events, virtual, failed := time.Now(), 0, time.Duration(0), map[string][]uint64{}
	for r := range runMany(from, n, write) {
		events, virtual = events+r.events, virtual+r.virtual
		if r.how == "" {
			continue
		}
		kind := failureKind(r.how)
		if failed[kind] = append(failed[kind], r.seed); len(failed[kind]) == 1 {
			report(t, r.seed, r.how, write(r.seed))
		}
	}
	took := time.Since(start)
	t.Logf("seeds %d to %d in %v on %d cores: %.1f seeds, %.0f events and %.0f virtual seconds a second", from, from+n-1,
		took.Round(time.Millisecond), runtime.GOMAXPROCS(0), float64(n)/took.Seconds(), float64(events)/took.Seconds(), virtual.Seconds()/took.Seconds())
	for _, kind := range sortedKeys(failed) {
		slices.Sort(failed[kind])
		t.Errorf("%d seeds: %s: %v", len(failed[kind]), kind, failed[kind][:min(20, len(failed[kind]))])
	}
}

// ran is how a seed went.
type ran struct {
	seed    uint64
	how     string // it failed
	events  int
	virtual time.Duration
}

// runMany runs n seeds, as many at once as there are cores: a world is one
// goroutine, and no two share anything.
func runMany(from, n uint64, write func(uint64) []testnet.Verb) <-chan ran {
	out, next := make(chan ran), atomic.Uint64{}
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < n; i = next.Add(1) - 1 {
				w, how := runMixed(from+i, write(from+i))
				out <- ran{from + i, how, w.Events(), w.Now()}
			}
		})
	}
	go func() {
		running.Wait()
		close(out)
	}()
	return out
}

// runMixed plays a mixed script and says how it failed, if it did.
func runMixed(seed uint64, script []testnet.Verb) (w *World, how string) {
	w = New(withEngine(Options{Seed: seed}))
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

func report(t *testing.T, seed uint64, how string, script []testnet.Verb) {
	t.Helper()
	if *shrink {
		kind, last := failureKind(how), slices.MaxFunc(script, func(a, b testnet.Verb) int { return cmp.Compare(a.At, b.At) }).At
		acts := slices.IndexFunc(script, func(v testnet.Verb) bool { return v.At == last })
		mending := slices.Clone(script[acts:]) // stays, for who is parted or lied to is owed less
		whole := func(acts []testnet.Verb) []testnet.Verb { return append(slices.Clip(acts), mending...) }
		script = whole(Shrink(script[:acts], func(s []testnet.Verb) string {
			if _, how := runMixed(seed, whole(s)); failureKind(how) == kind {
				return kind
			}
			return ""
		}, 2000))
	}
	w, _ := runMixed(seed, script)
	picture, _ := w.Show("room")
	var b strings.Builder
	for _, v := range script {
		fmt.Fprintln(&b, v)
	}
	t.Errorf("seed %d: %s\n%s\nagain: go test ./testnet/sim -run '%s$' -seed %d -shrink\n%s", seed, how, picture, t.Name(), seed, b.String())
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
