package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/sim"
	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// Options say how a file is run. The zero value is seed 0 on the simulator,
// with the engine that the file names, and computing that costs no time.
type Options struct {
	Seed   uint64
	Params map[string]string
	Rule   string // of sim/rivals; empty: the file's
	// Stage to run on; nil is a new simulator.
	Stage testnet.Stage
	// Sim configures that simulator.
	Sim sim.Options
	// Print gets what the script prints and shows, or nil.
	Print io.Writer
	// Progress, where set, is told the time reached, of the time to reach.
	Progress func(now, until time.Duration)
}

// Outcome is what came of a run.
type Outcome struct {
	Name     string             `json:"name"`
	Seed     uint64             `json:"seed"`
	Rule     string             `json:"rule,omitempty"`
	Params   map[string]string  `json:"params,omitempty"`
	Checks   []Check            `json:"checks"`
	Measures map[string]float64 `json:"measures,omitempty"`
	Groups   map[string]string  `json:"groups"` // drawn
	Virtual  time.Duration      `json:"virtual_ns"`
	Wall     time.Duration      `json:"wall_ns"`
	Events   int                `json:"events"`
	Digest   string             `json:"digest,omitempty"`
	Record   []string           `json:"-"` // verbs, timed: a script that replays
	Samples  []report.Sample    `json:"-"` // one a second
}

// OK reports whether all held.
func (o *Outcome) OK() bool {
	return !slices.ContainsFunc(o.Checks, func(c Check) bool { return !c.OK })
}

// Text is the outcome for people: nothing in it depends on the machine.
func (o *Outcome) Text() string {
	var b strings.Builder
	for _, c := range o.Checks {
		fmt.Fprintln(&b, c)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Measures)) {
		fmt.Fprintf(&b, "       %s = %.6g\n", name, o.Measures[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.Groups)) {
		b.WriteString(o.Groups[name])
	}
	return b.String()
}

// Golden is the part of the outcome that a recorded one is compared with: what
// held and what the groups came to. Times and counts are left out, for every
// better constant would change them; a digest compares those.
func (o *Outcome) Golden() string {
	var b strings.Builder
	for _, c := range o.Checks {
		mark := "BROKEN"
		if c.OK {
			mark = "ok"
		}
		fmt.Fprintf(&b, "%-6s %s: %s\n", mark, c.Kind, c.Text)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Groups)) {
		b.WriteString(o.Groups[name])
	}
	return b.String()
}

// run is one run of a file.
type run struct {
	file     *File
	opts     Options
	world    *world
	thread   *starlark.Thread
	checks   []*Check
	measured []string
	tallies  []tally           // measures that the script defines
	asked    map[string]string // parameters, as used
	liars    map[string]bool
	err      error // the first thing that went wrong in a callback
	until    time.Duration

	refused   int // verbs that the stage refused in callbacks: a node was down
	samples   []report.Sample
	longest   time.Duration
	healed    time.Duration
	converged time.Duration // when all groups were one again after the heal
}

// Run runs a file to its end. The error is of the script or the stage; whether
// everything held is in the Outcome.
func (f *File) Run(ctx context.Context, o Options) (*Outcome, error) {
	began := time.Now()
	o.Rule = cmp.Or(o.Rule, f.Rule)
	if o.Stage != nil && o.Rule != rivals.Real {
		return nil, fmt.Errorf("real nodes have one rule, %s: others are measured in the simulator", rivals.Real)
	}
	r := &run{file: f, opts: o, thread: f.thread(), asked: map[string]string{}, liars: map[string]bool{}, until: f.Until}
	r.thread.Print = func(_ *starlark.Thread, s string) { r.print(s + "\n") }
	stage, luck, err := r.stage()
	if err != nil {
		return nil, err
	}
	w := &world{run: r, stage: stage, nodes: map[string]*nodeValue{}, groups: map[string]*groupValue{}, cuts: map[string]bool{}, luck: luck}
	r.world = w
	r.watch(ctx)
	if _, err := starlark.Call(r.thread, f.main, starlark.Tuple{w}, nil); err != nil {
		return nil, explain(w.pass(err))
	}
	for stage.Now() < r.until && r.err == nil && !r.decided() {
		if err := stage.Wait(min(r.until-stage.Now(), time.Second)); err != nil {
			return nil, explain(w.pass(err))
		}
	}
	if r.err != nil {
		return nil, explain(r.err)
	}
	return r.outcome(began)
}

// decided says that wall time need not be spent: the file's own time is over, and
// all that was to come has come, or did not.
func (r *run) decided() bool {
	return !r.world.stage.Exact() && r.world.stage.Now() >= r.file.Until &&
		!slices.ContainsFunc(r.checks, func(c *Check) bool { return c.Kind == "eventually" && !c.OK && c.Why == "" })
}

func (r *run) stage() (testnet.Stage, func(...string) *sim.Rand, error) {
	if s := r.opts.Stage; s != nil {
		return s, func(labels ...string) *sim.Rand {
			return sim.NewRand(r.opts.Seed, append([]string{"scenario"}, labels...)...)
		}, nil
	}
	so := r.opts.Sim
	rule, err := rivals.Named(r.opts.Rule)
	if err != nil {
		return nil, nil, err
	}
	so.Seed, so.Digest, so.Rule = r.opts.Seed, true, rule.New
	if so.Engine == nil && r.file.Engine == EngineMLS {
		so.Engine = session.MLS{}
	}
	w := sim.New(so)
	return w, w.Luck, nil
}

// watch follows forks and reports progress, from within the stage's time.
func (r *run) watch(ctx context.Context) {
	r.world.repeat(looks, func() time.Duration {
		if ctx.Err() != nil {
			r.fail(ctx.Err())
		}
		whole := len(r.world.groups) > 0
		for _, name := range slices.Sorted(maps.Keys(r.world.groups)) {
			g := r.world.groups[name]
			if err := g.watch(); err != nil {
				r.fail(err)
			}
			if ok, err := g.convergedState(); err != nil || !ok {
				whole = false
			}
		}
		if now := r.world.stage.Now(); whole && r.converged == 0 && r.healed > 0 {
			r.converged = now
		}
		r.sample()
		if r.opts.Progress != nil {
			r.opts.Progress(r.world.stage.Now(), r.until)
		}
		return looks
	})
}

// samplesEvery is how far the rows of metrics.csv are apart.
const samplesEvery = time.Second

// sample takes down the state of things, once a second.
func (r *run) sample() {
	now := r.world.stage.Now()
	if n := len(r.samples); n > 0 && now < r.samples[n-1].At+samplesEvery {
		return
	}
	s := report.Sample{At: now}
	up := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.world.groups)) {
		n, views, err := r.world.groups[name].states()
		if err != nil {
			r.fail(err)
			return
		}
		s.States += n
		for _, v := range views {
			s.Epoch, s.Read = max(s.Epoch, v.Number), s.Read+v.Read
			up[v.Node] = true
		}
	}
	s.Up = len(up)
	if w, ok := r.world.stage.(*sim.World); ok {
		_, s.Bytes = w.Traffic()
	}
	r.samples = append(r.samples, s)
}

// call calls a function of the script from within the stage's time.
func (r *run) call(fn starlark.Callable) starlark.Value {
	if r.err != nil {
		return starlark.None
	}
	v, err := starlark.Call(r.thread, fn, nil, nil)
	if err != nil {
		r.fail(err)
		return starlark.None
	}
	return v
}

func (r *run) holds(fn starlark.Callable) bool { return bool(r.call(fn).Truth()) }

func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// tried counts a verb that the stage refused: chance picked a node that is down
// or no longer a member, as chance does.
func (r *run) tried(err error) {
	if err != nil {
		r.refused++
	}
}

// lasts makes the run last at least until then.
func (r *run) lasts(until time.Duration) { r.until = max(r.until, until) }

func (r *run) print(s string) {
	if r.opts.Print != nil {
		_, err := io.WriteString(r.opts.Print, s)
		if err != nil {
			r.fail(err)
		}
	}
}

func (r *run) outcome(began time.Time) (*Outcome, error) {
	for _, name := range slices.Sorted(maps.Keys(r.opts.Params)) {
		if _, ok := r.asked[name]; !ok {
			return nil, &Error{At: r.file.Path, Text: fmt.Sprintf("it asks for no parameter %q: it asks for %s", name, cmp.Or(strings.Join(slices.Sorted(maps.Keys(r.asked)), ", "), "none"))}
		}
	}
	s := r.world.stage
	o := &Outcome{Samples: r.samples, Name: r.file.Name, Seed: r.opts.Seed, Rule: r.opts.Rule, Params: r.asked, Groups: map[string]string{}, Virtual: s.Now(), Wall: time.Since(began), Measures: map[string]float64{}}
	for _, c := range r.checks {
		o.Checks = append(o.Checks, *c)
	}
	for _, name := range slices.Sorted(maps.Keys(r.world.groups)) {
		text, err := s.Show(name)
		if err != nil {
			return nil, err
		}
		o.Groups[name] = text
	}
	if w, ok := s.(*sim.World); ok {
		if err := w.Err(); err != nil {
			return nil, err
		}
		for _, text := range w.Broken() {
			o.Checks = append(o.Checks, Check{Kind: "invariant", Text: text, At: s.Now()})
		}
		o.Events, o.Digest = w.Events(), w.Digest()
		for _, v := range w.Record {
			o.Record = append(o.Record, v.String())
		}
	}
	return o, r.measure(o)
}

func (r *run) measure(o *Outcome) error {
	all := map[string]float64{"longest_fork": r.longest.Seconds(), "refused": float64(r.refused)}
	if r.healed > 0 && r.converged > 0 {
		all["heal_to_converged"] = (r.converged - r.healed).Seconds()
	}
	members := 0
	for _, g := range r.world.groups {
		views, err := g.honest()
		if err != nil {
			return err
		}
		for _, v := range views {
			all["epochs"] = max(all["epochs"], float64(v.Number))
			all["reorgs"] += float64(v.Reorgs)
			all["messages_read"] += float64(v.Read)
			members++
		}
	}
	if w, ok := r.world.stage.(*sim.World); ok {
		packets, bytes := w.Traffic()
		all["packets"], all["bytes"] = float64(packets), float64(bytes)
		if members > 0 {
			all["bytes_per_member"] = float64(bytes) / float64(members)
		}
	}
	for _, name := range r.measured {
		if v, ok := all[name]; ok {
			o.Measures[name] = v
		}
	}
	for _, t := range r.tallies {
		v := r.call(t.of)
		x, ok := starlark.AsFloat(v)
		if b, is := v.(starlark.Bool); is {
			ok = true
			if b {
				x = 1
			}
		}
		if !ok && r.err == nil {
			r.fail(fmt.Errorf("measure: %s is %v: write a function that gives a number, True or False", t.name, v))
		}
		o.Measures[t.name] = x
	}
	return explain(r.err)
}

// ErrBroken says that something a scenario demands did not hold.
var ErrBroken = errors.New("something that must hold did not")
