package scenario

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim"
)

// world is w: the stage as a script sees it.
type world struct {
	run    *run
	stage  testnet.Stage
	nodes  map[string]*nodeValue
	groups map[string]*groupValue
	cuts   map[string]bool // partitions in force
	made   int             // names given to partitions
	luck   func(labels ...string) *sim.Rand
}

func (w *world) String() string        { return "the world" }
func (w *world) Type() string          { return "world" }
func (w *world) Freeze()               {}
func (w *world) Truth() starlark.Bool  { return true }
func (w *world) Hash() (uint32, error) { return 0, fmt.Errorf("the world is no key") }

// verb is one method of w, a node or a group.
type verb[T any] func(T, *starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

func bind[T starlark.Value](self T, name string, verbs map[string]verb[T]) (starlark.Value, error) {
	fn, ok := verbs[name]
	if !ok {
		return nil, nil
	}
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		v, err := fn(self, t, args, kw)
		if v == nil {
			v = starlark.None
		}
		return v, err
	}), nil
}

func names[T any](verbs map[string]verb[T]) []string {
	var out []string
	for name := range verbs {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func (w *world) Attr(name string) (starlark.Value, error) { return bind(w, name, worldVerbs) }
func (w *world) AttrNames() []string                      { return names(worldVerbs) }

var worldVerbs map[string]verb[*world]

func init() { // a table that its own functions reach
	worldVerbs = map[string]verb[*world]{
		"nodes": (*world).addNodes, "net": (*world).net, "links": (*world).links, "wait": (*world).wait, "settle": (*world).settle,
		"at": (*world).at, "every": (*world).every, "partition": (*world).partition, "heal": (*world).heal,
		"traffic": (*world).traffic, "churn": (*world).churn, "never": (*world).never, "eventually": (*world).eventually,
		"expect": (*world).expect, "measure": (*world).measure, "param": (*world).param, "now": (*world).now,
		"partitioned": (*world).partitioned, "show": (*world).show, "chance": (*world).chance,
	}
}

func (w *world) addNodes(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var what starlark.Value
	if err := starlark.UnpackArgs("nodes", args, kw, "names", &what); err != nil {
		return nil, err
	}
	var list []string
	if n, err := starlark.AsInt32(what); err == nil {
		if n < 1 || n > 1<<14 {
			return nil, fmt.Errorf("nodes: %d nodes: between 1 and %d", n, 1<<14)
		}
		for i := range n {
			list = append(list, "n"+strconv.Itoa(len(w.nodes)+i+1))
		}
	} else {
		it := starlark.Iterate(what)
		if it == nil {
			return nil, fmt.Errorf("nodes: write nodes(6) or nodes([\"alice\", \"bob\"])")
		}
		defer it.Done()
		var v starlark.Value
		for it.Next(&v) {
			s, err := asText(v)
			if err != nil {
				return nil, fmt.Errorf("nodes: %w", err)
			}
			list = append(list, s)
		}
	}
	if err := w.stage.Nodes(list...); err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	out := make([]starlark.Value, len(list))
	for i, name := range list {
		n := &nodeValue{w: w, name: name}
		w.nodes[name] = n
		out[i] = n
	}
	return starlark.NewList(out), nil
}

// net sets properties of all links, or of those between two nodes.
func (w *world) net(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var latency, loss, dup, reorder, bandwidth starlark.Value
	var shape *topology
	var from, to *nodeValue
	if err := starlark.UnpackArgs("net", args, kw, "latency?", &latency, "loss?", &loss, "dup?", &dup, "reorder?", &reorder, "bandwidth?", &bandwidth, "topology?", &shape, "from_?", &from, "to?", &to); err != nil {
		return nil, err
	}
	var a, b string
	if from != nil && to != nil {
		a, b = from.name, to.name
	} else if from != nil || to != nil {
		return nil, fmt.Errorf("net: from_ and to go together")
	}
	if latency != nil {
		d, err := asDist(latency)
		if err != nil {
			return nil, fmt.Errorf("net: latency: %w", err)
		}
		if err := w.stage.Link("latency", d.String(), a, b); err != nil {
			return nil, fmt.Errorf("net: %w", err)
		}
	}
	if shape != nil {
		if err := w.stage.Link("topology", shape.text, a, b); err != nil {
			return nil, fmt.Errorf("net: %w", err)
		}
	}
	for _, p := range []struct {
		name string
		v    starlark.Value
	}{{"loss", loss}, {"dup", dup}, {"reorder", reorder}, {"bandwidth", bandwidth}} {
		if p.v == nil {
			continue
		}
		x, ok := starlark.AsFloat(p.v)
		if !ok || x < 0 || p.name != "bandwidth" && x > 1 {
			return nil, fmt.Errorf("net: %s is %v: a number between 0 and 1, or bytes a second for bandwidth", p.name, p.v)
		}
		if err := w.stage.Link(p.name, strconv.FormatFloat(x, 'g', -1, 64), a, b); err != nil {
			return nil, fmt.Errorf("net: %w", err)
		}
	}
	return nil, nil
}

// links gives single links what a file beside the scenario says: a line each,
// from, to, latency and, where there is a fourth, loss.
func (w *world) links(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("links", args, kw, "csv", &name); err != nil {
		return nil, err
	}
	rows, err := w.run.file.table(name)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	for i, row := range rows {
		if len(row) < 3 || len(row) > 4 {
			return nil, fmt.Errorf("links: %s:%d: a line is from,to,latency or from,to,latency,loss", name, i+1)
		}
		if i == 0 && w.nodes[row[0]] == nil && row[0] == "from" {
			continue
		}
		err := w.stage.Link("latency", row[2], row[0], row[1])
		if err == nil && len(row) == 4 {
			err = w.stage.Link("loss", row[3], row[0], row[1])
		}
		if err != nil {
			return nil, fmt.Errorf("links: %s:%d: %w", name, i+1, err)
		}
	}
	return nil, nil
}

func (w *world) wait(t *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var what starlark.Value
	timeout := starlark.Value(starlark.String("60s"))
	if err := starlark.UnpackArgs("wait", args, kw, "what", &what, "timeout?", &timeout); err != nil {
		return nil, err
	}
	fn, ok := what.(starlark.Callable)
	if !ok {
		d, err := asDuration(what)
		if err != nil {
			return nil, fmt.Errorf("wait: %w, or a function such as g.converged", err)
		}
		return nil, w.pass(w.stage.Wait(d))
	}
	most, err := asDuration(timeout)
	if err != nil {
		return nil, fmt.Errorf("wait: timeout: %w", err)
	}
	held, err := w.until(t, fn, most)
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, fmt.Errorf("wait: %s did not hold within %v", fn.Name(), most)
	}
	return nil, nil
}

// until lets time pass until a function of the script holds.
func (w *world) until(t *starlark.Thread, fn starlark.Callable, most time.Duration) (bool, error) {
	var failed error
	held := w.stage.Until(func() bool {
		v, err := starlark.Call(t, fn, nil, nil)
		if err != nil {
			failed = err
			return true
		}
		return bool(v.Truth())
	}, most)
	return held, w.pass(failed)
}

// pass returns the first thing that went wrong: in a callback, or here.
func (w *world) pass(err error) error {
	if w.run.err != nil {
		return w.run.err
	}
	return err
}

func (w *world) settle(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	most := starlark.Value(starlark.String("5m"))
	if err := starlark.UnpackArgs("settle", args, kw, "most?", &most); err != nil {
		return nil, err
	}
	d, err := asDuration(most)
	if err != nil {
		return nil, fmt.Errorf("settle: %w", err)
	}
	return nil, w.pass(w.stage.Settle(d))
}

// at calls a function at a time since the beginning.
func (w *world) at(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var when starlark.Value
	var fn starlark.Callable
	if err := starlark.UnpackArgs("at", args, kw, "time", &when, "do", &fn); err != nil {
		return nil, err
	}
	at, err := asDuration(when)
	if err != nil {
		return nil, fmt.Errorf("at: %w", err)
	}
	w.stage.At(at, func() { w.run.call(fn) })
	return nil, nil
}

func (w *world) every(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var period starlark.Value
	var fn starlark.Callable
	if err := starlark.UnpackArgs("every", args, kw, "period", &period, "do", &fn); err != nil {
		return nil, err
	}
	d, err := asDuration(period)
	if err != nil || d < time.Millisecond {
		return nil, fmt.Errorf("every: %v is no period: write at least \"1ms\"", period)
	}
	w.repeat(d, func() time.Duration { w.run.call(fn); return d })
	return nil, nil
}

// repeat calls f after a while, and then after what f says, for ever.
func (w *world) repeat(first time.Duration, f func() time.Duration) {
	var again func()
	again = func() {
		if w.run.err == nil {
			w.stage.At(w.stage.Now()+max(f(), time.Millisecond), again)
		}
	}
	w.stage.At(w.stage.Now()+first, again)
}

func (w *world) partition(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	name, oneway := "", false
	if err := starlark.UnpackArgs("partition", nil, kw, "name?", &name, "oneway?", &oneway); err != nil {
		return nil, err
	}
	var sides [][]string
	for _, a := range args {
		side, err := nodeNames(a)
		if err != nil {
			return nil, fmt.Errorf("partition: %w", err)
		}
		sides = append(sides, side)
	}
	if name == "" {
		w.made++
		name = "cut" + strconv.Itoa(w.made)
	}
	if err := w.stage.Partition(name, oneway, sides...); err != nil {
		return nil, fmt.Errorf("partition: %w", err)
	}
	w.cuts[name] = true
	return starlark.String(name), nil
}

func (w *world) heal(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	name := ""
	if err := starlark.UnpackArgs("heal", args, kw, "name?", &name); err != nil {
		return nil, err
	}
	if err := w.stage.Heal(name); err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	if name == "" {
		clear(w.cuts)
	}
	delete(w.cuts, name)
	w.run.healed = w.stage.Now()
	w.run.converged = 0
	return nil, nil
}

// traffic lets members talk, at random, until the run ends.
func (w *world) traffic(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	var senders, rate, until starlark.Value
	size := 40
	if err := starlark.UnpackArgs("traffic", args, kw, "group", &g, "senders", &senders, "rate", &rate, "size?", &size, "until?", &until); err != nil {
		return nil, err
	}
	who, err := nodeNames(senders)
	if err != nil {
		return nil, fmt.Errorf("traffic: senders: %w", err)
	}
	gap, err := asDist(rate)
	if err != nil {
		return nil, fmt.Errorf("traffic: rate: %w, or poisson(per_min = 30)", err)
	}
	if size < 8 || size > 1<<15 {
		return nil, fmt.Errorf("traffic: size is %d: between 8 and %d bytes", size, 1<<15)
	}
	end := time.Duration(1<<63 - 1)
	if until != nil {
		if end, err = asDuration(until); err != nil {
			return nil, fmt.Errorf("traffic: until: %w", err)
		}
	}
	luck := w.luck("traffic", g.name, strconv.Itoa(len(who)))
	n := 0
	w.repeat(gap.Sample(luck), func() time.Duration {
		if w.stage.Now() >= end {
			return end
		}
		n++
		text := fmt.Sprintf("t%d", n)
		text += strings.Repeat(".", max(0, size-len(text)))
		w.run.tried(w.stage.Send(who[luck.IntN(len(who))], g.name, text))
		return gap.Sample(luck)
	})
	return nil, nil
}

// churn lets nodes come and go.
func (w *world) churn(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var nodes, trace, until starlark.Value
	if err := starlark.UnpackArgs("churn", args, kw, "nodes", &nodes, "trace", &trace, "until?", &until); err != nil {
		return nil, err
	}
	who, err := nodeNames(nodes)
	if err != nil {
		return nil, fmt.Errorf("churn: %w", err)
	}
	c, ok := trace.(churn)
	if d, measured := trace.(dist); measured {
		c, ok = churn{d.Dist, d.Dist}, true
	}
	if !ok {
		return nil, fmt.Errorf("churn: trace is %v: write weibull(on = \"4m\", off = \"90s\") or csv(\"file.csv\")", trace)
	}
	end := w.run.file.Until
	if until != nil {
		if end, err = asDuration(until); err != nil {
			return nil, fmt.Errorf("churn: until: %w", err)
		}
	}
	for _, name := range who {
		luck := w.luck("churn", name)
		on := true
		w.repeat(c.on.Sample(luck), func() time.Duration {
			switch {
			case w.stage.Now() >= end && on:
				return end
			case on:
				w.run.tried(w.stage.Kill(name))
			default:
				w.run.tried(w.stage.Start(name))
			}
			on = !on
			if on {
				return c.on.Sample(luck)
			}
			return min(c.off.Sample(luck), max(end-w.stage.Now(), time.Millisecond))
		})
	}
	return nil, nil
}

func (w *world) param(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var name string
	var def starlark.Value
	if err := starlark.UnpackArgs("param", args, kw, "name", &name, "default", &def); err != nil {
		return nil, err
	}
	w.run.asked[name] = def.String()
	given, ok := w.run.opts.Params[name]
	if !ok {
		return def, nil
	}
	w.run.asked[name] = given
	switch def.(type) {
	case starlark.Int:
		n, err := strconv.Atoi(given)
		if err != nil {
			return nil, fmt.Errorf("param %s: %q is no whole number", name, given)
		}
		return starlark.MakeInt(n), nil
	case starlark.Float:
		x, err := strconv.ParseFloat(given, 64)
		if err != nil {
			return nil, fmt.Errorf("param %s: %q is no number", name, given)
		}
		return starlark.Float(x), nil
	case starlark.Bool:
		b, err := strconv.ParseBool(given)
		if err != nil {
			return nil, fmt.Errorf("param %s: %q is neither true nor false", name, given)
		}
		return starlark.Bool(b), nil
	case starlark.String:
		return starlark.String(given), nil
	}
	return nil, fmt.Errorf("param %s: its default is a %s: write a number, a text, True or False", name, def.Type())
}

func (w *world) now(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return starlark.Float(w.stage.Now().Seconds()), starlark.UnpackArgs("now", args, kw)
}

func (w *world) partitioned(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return starlark.Bool(len(w.cuts) > 0), starlark.UnpackArgs("partitioned", args, kw)
}

// chance is a number from 0 up to 1, drawn from the seed.
func (w *world) chance(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	w.made++
	const grain = 1 << 30
	return starlark.Float(float64(w.luck("chance", strconv.Itoa(w.made)).IntN(grain)) / grain), starlark.UnpackArgs("chance", args, kw)
}

func (w *world) show(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	if err := starlark.UnpackArgs("show", args, kw, "group", &g); err != nil {
		return nil, err
	}
	text, err := w.stage.Show(g.name)
	if err != nil {
		return nil, err
	}
	w.run.print(text)
	return starlark.String(text), nil
}

// nodeNames reads a node or a list of nodes.
func nodeNames(v starlark.Value) ([]string, error) {
	if n, ok := v.(*nodeValue); ok {
		return []string{n.name}, nil
	}
	it := starlark.Iterate(v)
	if it == nil {
		return nil, fmt.Errorf("%v is no list of nodes", v)
	}
	defer it.Done()
	var out []string
	var x starlark.Value
	for it.Next(&x) {
		n, ok := x.(*nodeValue)
		if !ok {
			return nil, fmt.Errorf("%v is no node", x)
		}
		out = append(out, n.name)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no node in the list")
	}
	slices.Sort(out)
	return out, nil
}
