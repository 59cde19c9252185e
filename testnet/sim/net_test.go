package sim

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRandIsForEver(t *testing.T) {
	// A seed printed today must replay under every later version of this
	// package. The numbers come from another implementation of xoshiro256**.
	r := NewRand(1, "a")
	for _, want := range []uint64{5095866994553184641, 1671325317053535747, 7800437284153577999} {
		if got := r.Uint64(); got != want {
			t.Errorf("drew %d, want %d", got, want)
		}
	}
	if NewRand(1, "a", "b").Uint64() == NewRand(1, "ab").Uint64() {
		t.Error("labels run together")
	}
}

func TestDistributions(t *testing.T) {
	csv, err := ReadCSV("x.csv", strings.NewReader("rtt\n10ms\n20ms\nlisbon,30\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []Dist{
		Constant(20 * time.Millisecond), Uniform{10 * time.Millisecond, 30 * time.Millisecond},
		Lognormal{60 * time.Millisecond, 400 * time.Millisecond}, Exponential{time.Second},
		Weibull{4 * time.Minute, 0.6}, csv,
	} {
		r, all := NewRand(7, d.String()), []time.Duration{}
		for range 20000 {
			all = append(all, d.Sample(r))
		}
		slices.Sort(all)
		if got, want := all[len(all)/2], d.Median(); math.Abs(float64(got-want)) > 0.05*float64(want) {
			t.Errorf("%v: median %v, want %v", d, got, want)
		}
		if l, ok := d.(Lognormal); ok {
			if p99 := all[len(all)*99/100]; math.Abs(float64(p99-l.P99)) > 0.1*float64(l.P99) {
				t.Errorf("%v: 99th percentile %v", d, p99)
			}
		}
		if back, err := ParseDist(d.String()); err != nil || back.String() != d.String() {
			t.Errorf("%v reads back as %v, %v", d, back, err)
		}
	}
	for _, bad := range []string{"fast", "uniform(1ms)", "lognormal(5ms,1ms)", "weibull(1s,0)", "-3ms", "uniform(a,b)", "measured(1ms,x)", "measured()"} {
		if d, err := ParseDist(bad); err == nil {
			t.Errorf("%q is read as %v", bad, d)
		}
	}
}

// overlay is a world of n nodes on one topic, without sessions.
func overlay(t *testing.T, n int, l Link) (*World, *topic, map[string][]int) {
	w := New(Options{Seed: 3, Link: l})
	tp := &topic{w: w, name: "room"}
	w.topics["room"] = tp
	for i := range n {
		w.nodes = append(w.nodes, &node{w: w, idx: i, name: itoa(i), up: true, seats: map[string]*seat{}})
		tp.subscribe(i)
	}
	got := map[string][]int{}
	w.Watch(func(e *Entry) {
		if e.Kind == "hop" {
			got[e.ID] = append(got[e.ID], len(e.Node))
		}
	})
	w.runTo(2 * time.Second)
	return w, tp, got
}

func TestGossipReachesAll(t *testing.T) {
	for _, n := range []int{2, 3, 10, 50, 300} {
		w, tp, got := overlay(t, n, Link{Latency: Lognormal{40 * time.Millisecond, 300 * time.Millisecond}})
		p := tp.publish(0, []byte("hello"))
		w.runTo(10 * time.Second)
		if len(got[p.id]) != n-1 {
			t.Errorf("%d nodes: %d got it", n, len(got[p.id]))
		}
		for i := range tp.mesh {
			if d := len(tp.mesh[i]); d > meshHigh || n > meshHigh && d < meshLow {
				t.Errorf("%d nodes: node %d has %d neighbours", n, i, d)
			}
		}
	}
}

func TestGossipRepairsLoss(t *testing.T) {
	w, tp, got := overlay(t, 40, Link{Latency: Constant(30 * time.Millisecond), Loss: 0.4, Dup: 0.2})
	reached := 0
	for i := range 50 {
		p := tp.publish(i%40, []byte("x"))
		w.runTo(w.now + 6*time.Second)
		reached += p.known
	}
	if reached < 50*40*99/100 {
		t.Errorf("%d of %d copies", reached, 50*40)
	}
	if len(got["room#1"]) < 40 {
		t.Error("nothing arrived twice, though a fifth is doubled")
	}
}

func TestPartitions(t *testing.T) {
	w, tp, _ := overlay(t, 20, Link{Latency: Constant(10 * time.Millisecond)})
	sides := [][]int{nil, nil}
	for i := range 20 {
		sides[i%2] = append(sides[i%2], i)
	}
	say := func(from int) (even, odd int) {
		p := tp.publish(from, []byte("x"))
		w.runTo(w.now + 8*time.Second)
		for i := range 20 {
			if p.seen.has(i) && i%2 == 0 {
				even++
			} else if p.seen.has(i) {
				odd++
			}
		}
		return
	}
	w.net.partition("p", sides, false)
	if e, o := say(0); e != 10 || o != 0 {
		t.Errorf("apart: %d even, %d odd", e, o)
	}
	w.net.partition("q", [][]int{{0, 2, 4}, {6, 8}}, false) // a split inside a split
	if e, o := say(0); e < 3 || o != 0 {
		t.Errorf("nested: %d even, %d odd", e, o)
	}
	w.net.heal("p")
	w.runTo(w.now + 2*time.Second)
	if _, o := say(0); o != 10 {
		t.Errorf("outer healed: %d odd", o)
	}
	w.net.heal("")
	w.runTo(w.now + 2*time.Second)
	w.net.partition("", sides, true)
	if _, o := say(0); o != 0 {
		t.Errorf("one way: %d odd heard even", o)
	}
	if e, o := say(1); e != 10 || o != 10 {
		t.Errorf("one way: odd reached %d even, %d odd", e, o)
	}
	w.net.heal("")
	w.runTo(w.now + 2*time.Second)
	if e, o := say(0); e != 10 || o != 10 {
		t.Errorf("healed: %d even, %d odd", e, o)
	}
}

func TestBandwidthAndOrder(t *testing.T) {
	w, _, _ := overlay(t, 2, Link{Latency: Uniform{0, 100 * time.Millisecond}, Bandwidth: 1000})
	var at []time.Duration
	start := w.now
	for range 10 {
		w.net.stream(pair{0, 1}, make([]byte, 100), "x", func() { at = append(at, w.now) })
	}
	w.runTo(w.now + 5*time.Second)
	if len(at) != 10 || !slices.IsSorted(at) || at[9]-start < time.Second {
		t.Errorf("a thousand bytes at a thousand a second arrived %v after %v", at, start)
	}
}

func TestFates(t *testing.T) {
	w, tp, got := overlay(t, 2, Link{Latency: Constant(time.Millisecond)})
	w.net.fates[packet{pair{0, 1}, w.net.flow(pair{0, 1}).sent + 1}] = fateDouble
	p := tp.publish(0, []byte("x"))
	w.runTo(w.now + time.Second)
	if len(got[p.id]) != 2 {
		t.Errorf("doubled by fate, it arrived %d times", len(got[p.id]))
	}
}
