package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/local"
	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/scenario"
	"github.com/covey-p2p/covey/testnet/sim"
	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// Simulation: scenario files on virtual time, and the folders they leave.

// runsDir is where runs go unless --out names another place.
const runsDir = "runs"

func (a *app) simCommand() *cobra.Command {
	return noun("sim", "Simulate scenarios in virtual time",
		a.simRun(), a.simNew(), a.simLint(), a.simReplay(), a.simDiff(), a.simReport(), a.simShrink(), a.simSeeds(), a.simExplore())
}

// simOptions are the flags of commands that run a file.
type simOptions struct {
	seed   uint64
	runs   int
	out    string
	params []string
	sweeps []string
	engine string
	prices string
	rule   string
	on     string
	quiet  bool
}

func (o *simOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "everything random comes from it")
	f.IntVar(&o.runs, "runs", 0, "how many seeds to run, from --seed on (the file says, else 1)")
	f.StringVar(&o.out, "out", runsDir, "folder for the runs")
	f.StringArrayVarP(&o.params, "param", "p", nil, "set a parameter: NAME=VALUE")
	f.StringArrayVar(&o.sweeps, "sweep", nil, "run for each value: NAME=VALUE,VALUE")
	f.StringVar(&o.engine, "engine", "", "mls, or stand-in for thousands of members (the file says, else mls)")
	f.StringVar(&o.prices, "cpu", "table", "what computing costs in virtual time: none, table, or scaled:FACTOR")
	f.StringVar(&o.rule, "rule", "", "the rule to run under, or several to compare, with commas: "+strings.Join(rivals.Names(), ", ")+" (the file says, else the first)")
	f.StringVar(&o.on, "on", "sim", "sim, or local for real nodes on this machine, in wall time")
	f.BoolVar(&o.quiet, "quiet", false, "no progress")
}

func (o *simOptions) options() (scenario.Options, error) {
	so := scenario.Options{Seed: o.seed, Params: map[string]string{}}
	for _, p := range o.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return so, usage("%q sets nothing: write --param NAME=VALUE", p)
		}
		so.Params[name] = value
	}
	kind, factor, _ := strings.Cut(o.prices, ":")
	switch kind {
	case "none":
	case "table":
		so.Sim.Cost = sim.MeasuredCost
	case "scaled":
		x, err := strconv.ParseFloat(factor, 64)
		if err != nil || x <= 0 {
			return so, usage("--cpu %s: write scaled:5 for a machine five times as slow", o.prices)
		}
		so.Sim.Cost = sim.MeasuredCost.Scaled(x)
	default:
		return so, usage("--cpu %s: none, table, or scaled:FACTOR", o.prices)
	}
	return so, nil
}

// table names the prices behind --cpu, for the manifest.
func (o *simOptions) table() string {
	if o.prices == "none" {
		return ""
	}
	return sim.CostName
}

func usage(format string, args ...any) error {
	return api.NewError(api.CodeUsage, api.Sentence(fmt.Sprintf(format, args...)), "")
}

func (o *simOptions) load(path string) (*scenario.File, error) {
	f, err := scenario.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, api.NewError(api.CodeNotFound, "There is no file "+path+".", "`covey sim new "+path+"` makes one; testnet/scenarios holds a library.")
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fileError(at)
	}
	if err != nil {
		return nil, api.NewError(api.CodeUsage, err.Error(), "`covey sim lint "+path+"` checks it without running it.")
	}
	switch o.engine {
	case "", scenario.EngineMLS, scenario.EngineStandIn:
		if o.engine != "" {
			f.Engine = o.engine
		}
	default:
		return nil, usage("--engine %s: mls or stand-in", o.engine)
	}
	return f, nil
}

func (a *app) simRun() *cobra.Command {
	var o simOptions
	c := verb("run FILE.star", "Run a scenario", 1, 1, func(cmd *cobra.Command, args []string) error {
		f, err := o.load(args[0])
		if err != nil {
			return err
		}
		so, err := o.options()
		if err != nil {
			return err
		}
		runs := o.runs
		if runs == 0 {
			runs = f.Runs
		}
		rules := f.Rules
		if o.rule != "" {
			rules = strings.Split(o.rule, ",")
		}
		for _, name := range rules {
			if name == "" {
				return usage("--rule %s: a name is missing", o.rule)
			}
			if _, err := rivals.Named(name); err != nil {
				return usage("--rule: %v", err)
			}
		}
		if len(rules) == 1 {
			so.Rule, rules = rules[0], nil
		}
		switch o.on {
		case "sim":
		case "local":
			return a.simLocal(cmd.Context(), f, so, o)
		default:
			return usage("--on %s: sim or local", o.on)
		}
		if len(rules) > 1 && len(o.sweeps) > 0 {
			return usage("several rules and a sweep at once make too much to read: give one rule with --rule, or --param instead of --sweep")
		}
		if len(rules) > 1 {
			return a.simRules(cmd.Context(), f, so, o, runs, rules)
		}
		if runs == 1 && len(o.sweeps) == 0 {
			return a.simOne(cmd.Context(), f, so, o)
		}
		return a.simMany(cmd.Context(), f, so, o, runs)
	})
	o.flags(c)
	return c
}

// simOne runs a file once and leaves a folder.
func (a *app) simOne(ctx context.Context, f *scenario.File, so scenario.Options, o simOptions) error {
	folder, err := report.Create(o.out, f.Name, so.Seed)
	if err != nil {
		return err
	}
	so.Sim.Trace = folder
	if !a.json {
		so.Print = a.out
	}
	began := time.Now()
	so.Progress = a.progress(o.quiet)
	out, err := f.Run(ctx, so)
	a.wipe(o.quiet, began)
	if err != nil {
		return errors.Join(scriptError(err), os.RemoveAll(folder.Dir))
	}
	if err := folder.Close(runOf(f, so, o, out)); err != nil {
		return err
	}
	if err := a.show(out, func(w io.Writer) {
		fmt.Fprint(w, out.Text())
		fmt.Fprintf(w, "\n%v of virtual time in %v; %d events; digest %s\n", out.Virtual, out.Wall.Round(time.Millisecond), out.Events, out.Digest)
		fmt.Fprintf(w, "folder  %s   (report.html shows it; `covey sim replay %s --web` too)\nagain   %s\n", folder.Dir, folder.Dir, replayLine(f, so, o))
	}); err != nil {
		return err
	}
	return broken(!out.OK())
}

// simLocal runs a file once on real nodes. Their course is not recorded: it
// would not come again. What is demanded of them is.
func (a *app) simLocal(ctx context.Context, f *scenario.File, so scenario.Options, o simOptions) (err error) {
	dir, err := os.MkdirTemp("", "covey-sim-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	net, err := local.New(local.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	began := time.Now()
	so.Stage, so.Progress = net, a.progress(o.quiet)
	if !a.json {
		so.Print = a.out
	}
	out, err := f.Run(ctx, so)
	a.wipe(o.quiet, began)
	if err != nil {
		return scriptError(err)
	}
	if err := a.show(out, func(w io.Writer) { fmt.Fprint(w, out.Text()) }); err != nil {
		return err
	}
	return broken(!out.OK())
}

func broken(is bool) error {
	if is {
		return api.NewError(codeProblems, "Something that must hold did not.", "The lines above that begin with BROKEN say what; `covey sim shrink` makes the run shorter.")
	}
	return nil
}

func runOf(f *scenario.File, so scenario.Options, o simOptions, out *scenario.Outcome) report.Run {
	var held []report.Held
	for _, c := range out.Checks {
		held = append(held, report.Held{Text: strings.TrimPrefix(c.String(), "ok     "), OK: c.OK})
	}
	return report.Run{
		Manifest: report.Manifest{Name: f.Name, About: f.About, Script: f.Path, Hash: f.Hash, Seed: so.Seed, Rule: out.Rule, Engine: f.Engine, Prices: o.prices, Table: o.table(), Cost: costTable(so), Params: out.Params, Files: f.Files, At: time.Now().UTC(), Digest: out.Digest, Replay: replayLine(f, so, o)},
		Summary:  out, Text: out.Text(), Checks: held, Script: out.Record, Samples: out.Samples,
	}
}

func replayLine(f *scenario.File, so scenario.Options, o simOptions) string {
	s := fmt.Sprintf("covey sim run %s --seed %d", f.Path, so.Seed)
	for _, name := range slices.Sorted(maps.Keys(so.Params)) {
		s += fmt.Sprintf(" -p %s=%s", name, so.Params[name])
	}
	if so.Rule != "" && so.Rule != f.Rule {
		s += " --rule " + so.Rule
	}
	if o.engine != "" {
		s += " --engine " + o.engine
	}
	if o.prices != "table" {
		s += " --cpu " + o.prices
	}
	return s
}

func scriptError(err error) error {
	var at *scenario.Error
	if errors.As(err, &at) {
		return &api.Error{Code: api.CodeUsage, Message: at.Error()} // it begins with a file's name: no capital
	}
	return err
}

// progress shows how far a run is, on a terminal, once it takes above two
// seconds.
func (a *app) progress(quiet bool) func(now, until time.Duration) {
	if quiet || a.json || !a.interactive() {
		return nil
	}
	began, last := time.Now(), time.Time{}
	return func(now, until time.Duration) {
		took := time.Since(began)
		if took < 2*time.Second || time.Since(last) < 500*time.Millisecond || now <= 0 {
			return
		}
		last = time.Now()
		left := time.Duration(float64(took) * (float64(until)/float64(now) - 1))
		fmt.Fprintf(a.err, "\r%v of %v, about %v left   ", now.Round(time.Second), until, left.Round(time.Second))
	}
}

// counted shows how many runs are done, once they take above two seconds.
func (a *app) counted(quiet bool, began time.Time, done, of int) {
	took := time.Since(began)
	if quiet || a.json || !a.interactive() || took < 2*time.Second {
		return
	}
	left := time.Duration(float64(took) / float64(done) * float64(of-done))
	fmt.Fprintf(a.err, "\r%d of %d runs, about %v left   ", done, of, left.Round(time.Second))
}

// wipe takes away the line that counted.
func (a *app) wipe(quiet bool, began time.Time) {
	if !quiet && !a.json && a.interactive() && time.Since(began) >= 2*time.Second {
		fmt.Fprintf(a.err, "\r%*s\r", 60, "")
	}
}

// simMany runs a file for many seeds or parameters, and tabulates.
func (a *app) simMany(ctx context.Context, f *scenario.File, so scenario.Options, o simOptions, runs int) error {
	var sweeps []scenario.Sweep
	for _, s := range o.sweeps {
		sweep, err := scenario.ParseSweep(s)
		if err != nil {
			return usage("%v", err)
		}
		sweeps = append(sweeps, sweep)
	}
	began := time.Now()
	points, err := f.Each(ctx, so, runs, sweeps, func(done, of int, out *scenario.Outcome) {
		a.counted(o.quiet, began, done, of)
	})
	a.wipe(o.quiet, began)
	if err != nil {
		return scriptError(err)
	}
	failed := 0
	for _, p := range points {
		failed += len(p.Failed())
	}
	if err := a.show(points, func(w io.Writer) { a.simTable(w, f, so, o, points) }); err != nil {
		return err
	}
	return broken(failed > 0)
}

func (a *app) simTable(w io.Writer, f *scenario.File, so scenario.Options, o simOptions, points []scenario.Point) {
	for _, p := range points {
		var params []string
		for _, name := range slices.Sorted(maps.Keys(p.Params)) {
			params = append(params, name+"="+p.Params[name])
		}
		bad := p.Failed()
		fmt.Fprintf(w, "%s  %d/%d ok", strings.TrimSpace(f.Name+" "+strings.Join(params, " ")), len(p.Outcomes)-len(bad), len(p.Outcomes))
		if len(p.Outcomes) > 0 {
			for _, m := range slices.Sorted(maps.Keys(p.Outcomes[0].Measures)) {
				if v, ok := p.Median(m); ok {
					fmt.Fprintf(w, "   %s %.4g", m, v)
				}
			}
		}
		fmt.Fprintln(w)
		for _, out := range bad[:min(len(bad), 5)] {
			one := so
			one.Seed, one.Params = out.Seed, p.Params
			for _, c := range out.Checks {
				if !c.OK {
					fmt.Fprintf(w, "  seed %d  %s\n", out.Seed, c)
				}
			}
			fmt.Fprintf(w, "  again  %s\n", replayLine(f, one, o))
		}
	}
	fmt.Fprintf(w, "%.0f virtual seconds a second\n", scenario.Speed(points))
}

const newScenario = `# What this shows, in a sentence or two.

META = {"name": %q, "about": "two rivals in one epoch; one wins everywhere", "until": "1m"}

def main(w):
    w.net(latency = lognormal(median = "60ms", p99 = "400ms"), loss = 0.01)
    nodes = w.nodes(w.param("n", 5))
    g = nodes[0].create_group("lab", nodes[1:])
    w.wait(g.converged, timeout = "60s")

    nodes[1].commit(g, refresh())
    nodes[2].commit(g, refresh())
    w.eventually(g.converged, within = "30s")
    w.never(lambda: g.forked_for("20s"), "a fork lasts 20 s")
    w.measure("longest_fork", "epochs", "reorgs")
`

func (a *app) simNew() *cobra.Command {
	return verb("new FILE.star", "Write a scenario to begin from", 1, 1, func(cmd *cobra.Command, args []string) error {
		path := args[0]
		if base := filepath.Base(path); args[0] == "" || base[0] == '.' {
			return usage("%s is no name for a file", api.Quote(args[0]))
		}
		if !strings.HasSuffix(path, ".star") {
			path += ".star"
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return api.NewError(api.CodeConflict, "There is a file "+path+" already.", "Name another.")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(file, newScenario, strings.TrimSuffix(filepath.Base(path), ".star"))
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		return a.did(facts{"file": path}, "Wrote %s. Run it: covey sim run %s", tui.Line(path), api.Word(path))
	})
}

func (a *app) simLint() *cobra.Command {
	return verb("lint FILE.star…", "Check scenarios without running them", 1, -1, func(cmd *cobra.Command, args []string) error {
		wrong := []string{}
		for _, path := range args {
			_, err := scenario.Load(path)
			if at, ok := errors.AsType[*fs.PathError](err); ok {
				wrong = append(wrong, fileError(at).Message)
			} else if err != nil {
				wrong = append(wrong, err.Error())
			}
		}
		if len(wrong) > 0 {
			if err := a.did(facts{"files": len(args), "wrong": wrong}, "%s", tui.Visible(strings.Join(wrong, "\n"))); err != nil {
				return err
			}
			return api.NewError(codeProblems, plural(len(wrong), "file")+" cannot be run.", "Each line above names the place.")
		}
		return a.did(facts{"files": len(args), "wrong": wrong}, "%s can be run.", plural(len(args), "file"))
	})
}

// costTable is what a run charged for computing.
func costTable(so scenario.Options) map[string][4]float64 {
	out := map[string][4]float64{}
	for op, p := range so.Sim.Cost {
		if p != (sim.Price{}) {
			out[sim.Op(op).String()] = [4]float64{float64(p.Base), float64(p.PerLevel), float64(p.PerMember), p.PerByte}
		}
	}
	return out
}

// simSeeds runs seeds of the mixed-fault scenario.
func (a *app) simSeeds() *cobra.Command {
	var first uint64 = 1
	count := 100
	c := verb("seeds", "Run seeds of the mixed scenario, in which everything happens", 0, 0, func(cmd *cobra.Command, _ []string) error {
		began := time.Now()
		bad := []string{}
		for i := range count {
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			seed := first + uint64(i)
			w := sim.New(sim.Options{Seed: seed})
			if err := w.Run(sim.Mixed(seed)); err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			for _, b := range w.Broken() {
				bad = append(bad, fmt.Sprintf("seed %d: %s", seed, b))
				a.say("%s", bad[len(bad)-1])
			}
			a.counted(false, began, i+1, count)
		}
		a.wipe(false, began)
		speed := float64(count) / time.Since(began).Seconds()
		if err := a.did(facts{"first": first, "seeds": count, "broken": bad, "per_second": speed}, "%s, %s broken, %.1f a second", plural(count, "seed"), fmt.Sprint(len(bad)), speed); err != nil {
			return err
		}
		return broken(len(bad) > 0)
	})
	c.Flags().Uint64Var(&first, "first", first, "the first seed")
	c.Flags().IntVar(&count, "count", count, "how many")
	return c
}

// races are what two members may do at once, for the explorer.
var races = map[string]string{
	"keys":     "refresh a g\nrefresh b g",
	"change":   "rename a g one\nrefresh b g",
	"removal":  "remove a g c\nrename b g two",
	"removals": "remove a g b\nremove b g c",
}

// simExplore goes through every history of a small world.
func (a *app) simExplore() *cobra.Command {
	var small sim.Small
	members, race, engine := 3, "keys", scenario.EngineStandIn
	c := verb("explore", "Go through every history of two rival commits in a small group", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if members < 2 || members > 4 {
			return usage("--members %d: 2 to 4; histories grow too many beyond", members)
		}
		if races[race] == "" || members == 2 && strings.Contains(races[race], "g c") {
			return usage("--race %s: %s; who removes somebody else needs three members", race, strings.Join(slices.Sorted(maps.Keys(races)), ", "))
		}
		switch engine {
		case scenario.EngineMLS:
			small.Options.Engine = session.MLS{}
		case scenario.EngineStandIn:
		default:
			return usage("--engine %s: mls or stand-in", engine)
		}
		names, began := []string{"a", "b", "c", "d"}[:members], time.Now()
		small.Name = "rivals"
		small.Begin = func(w *sim.World) error {
			return errors.Join(w.Nodes(names...), w.Group("g", names[0], names[1:]...), w.Settle(5*time.Minute), w.Role(names[0], "g", names[1], "admin"), w.Settle(5*time.Minute))
		}
		small.Race = func(w *sim.World) error {
			verbs, err := testnet.Parse(races[race])
			if err != nil {
				return err
			}
			return errors.Join(w.Run(verbs), w.Wait(900*time.Millisecond)) // both have committed, and heard nothing
		}
		small.Progress = func(far sim.Explored) error {
			a.explored(began, far)
			return cmd.Context().Err()
		}
		found, err := sim.Explore(small)
		a.wipe(false, began)
		if err != nil {
			return err
		}
		if err := a.show(exploredFacts(found), func(w io.Writer) { exploredText(w, found, small.Most, time.Since(began)) }); err != nil {
			return err
		}
		return broken(len(found.Broken) > 0)
	})
	small.Most = 1 << 24
	f := c.Flags()
	f.IntVar(&members, "members", members, "of the group")
	f.StringVar(&race, "race", race, "what two of them do at once: "+strings.Join(slices.Sorted(maps.Keys(races)), ", "))
	f.IntVar(&small.Lose, "lose", 0, "packets lost, at most")
	f.IntVar(&small.Double, "double", 0, "packets doubled, at most")
	f.IntVar(&small.Crash, "crash", 0, "crashes, at most")
	f.IntVar(&small.Ticks, "ticks", 0, "alarms that ring while packets wait")
	f.BoolVar(&small.Whole, "whole", false, "follow every order, and count them; else of those that cannot matter one")
	f.StringVar(&engine, "engine", engine, "mls, or stand-in")
	f.IntVar(&small.Most, "most", small.Most, "states to follow, at most: some 100 bytes of memory each")
	return c
}

func exploredFacts(found sim.Explored) facts {
	shown := facts{"states": found.States, "steps": found.Steps, "moves": found.Moves, "ends": found.Ends, "depth": found.Depth, "complete": found.Complete, "broken": found.Broken, "path": found.Path}
	if found.Schedules != nil {
		shown["histories"] = found.Schedules
	}
	return shown
}

func exploredText(w io.Writer, found sim.Explored, most int, took time.Duration) {
	whole := "all of them"
	if !found.Complete && len(found.Broken) == 0 {
		whole = fmt.Sprintf("as far as %d states go", most)
	}
	if found.Schedules != nil {
		fmt.Fprintf(w, "%v histories: ", found.Schedules)
	}
	fmt.Fprintf(w, "%d states, %d steps between them, at most %d in a row; %d ends; %s, in %v.\n", found.States, found.Steps, found.Depth, found.Ends, whole, took.Round(time.Millisecond))
	for _, b := range found.Broken {
		fmt.Fprintf(w, "%s\n  after %s\n", b, strings.Join(found.Path, ", "))
	}
}

// explored shows how far an exploration is, once it takes above two seconds. How
// far it has to go nobody knows.
func (a *app) explored(began time.Time, far sim.Explored) {
	if took := time.Since(began); !a.json && a.interactive() && took >= 2*time.Second {
		fmt.Fprintf(a.err, "\r%d states, %d ends, %.0f states a second   ", far.States, far.Ends, float64(far.States)/took.Seconds())
	}
}
