package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxRuns of one command: a night's worth at a second each.
const maxRuns = 100_000

// Sweep is one parameter and the values it takes.
type Sweep struct {
	Name   string
	Values []string
}

// ParseSweep reads "n=8,16,32".
func ParseSweep(s string) (Sweep, error) {
	name, values, ok := strings.Cut(s, "=")
	if !ok || name == "" || values == "" {
		return Sweep{}, fmt.Errorf("%q is no sweep: write name=value,value", s)
	}
	return Sweep{name, strings.Split(values, ",")}, nil
}

// Point is all runs of one choice of parameters.
type Point struct {
	Rule     string `json:"rule"`
	Params   map[string]string
	Outcomes []*Outcome
}

// Failed are the runs of a point in which something did not hold.
func (p Point) Failed() []*Outcome {
	return slices.DeleteFunc(slices.Clone(p.Outcomes), (*Outcome).OK)
}

// Each runs a file for every choice of the sweeps and every seed from the first
// on; after is called after each run. It stops at the first error, not at the
// first broken check.
func (f *File) Each(ctx context.Context, o Options, runs int, sweeps []Sweep, after func(done, of int, out *Outcome)) ([]Point, error) {
	choices := []map[string]string{maps.Clone(o.Params)}
	for _, s := range sweeps {
		var next []map[string]string
		for _, c := range choices {
			for _, v := range s.Values {
				d := maps.Clone(c)
				if d == nil {
					d = map[string]string{}
				}
				d[s.Name] = v
				next = append(next, d)
			}
		}
		choices = next
	}
	if total := runs * len(choices); total < 1 || total > maxRuns {
		return nil, fmt.Errorf("%d runs: between 1 and %d", total, maxRuns)
	}
	var points []Point
	done := 0
	for _, params := range choices {
		p := Point{Rule: cmp.Or(o.Rule, f.Rule), Params: params}
		for i := range runs {
			one := o
			one.Params, one.Seed = params, o.Seed+uint64(i)
			out, err := f.Run(ctx, one)
			if stuck := (*Error)(nil); o.Rule != "" && errors.As(err, &stuck) && ctx.Err() == nil {
				out, err = &Outcome{Name: f.Name, Seed: one.Seed, Rule: o.Rule, Checks: []Check{{Kind: "script", Text: stuck.Error()}}}, nil
			}
			if err != nil {
				return points, fmt.Errorf("seed %d: %w", one.Seed, err)
			}
			p.Outcomes = append(p.Outcomes, out)
			done++
			if after != nil {
				after(done, runs*len(choices), out)
			}
		}
		points = append(points, p)
	}
	return points, nil
}

// Under runs the file under each of the rules, with the same seeds; where a
// script gives up under one, that is its outcome.
func (f *File) Under(ctx context.Context, rules []string, o Options, runs int, after func(done, of int, out *Outcome)) ([]Point, error) {
	var all []Point
	for i, rule := range rules {
		o.Rule = rule
		points, err := f.Each(ctx, o, runs, nil, func(done, of int, out *Outcome) {
			if after != nil {
				after(i*of+done, len(rules)*of, out)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("under %s: %w", rule, err)
		}
		all = append(all, points...)
	}
	return all, nil
}

// Median of a measure over the runs of a point; false where none has it.
func (p Point) Median(measure string) (float64, bool) {
	var v []float64
	for _, o := range p.Outcomes {
		if x, ok := o.Measures[measure]; ok {
			v = append(v, x)
		}
	}
	if len(v) == 0 {
		return 0, false
	}
	slices.Sort(v)
	return v[len(v)/2], true
}

// Speed is how much virtual time passed per wall time, over all runs.
func Speed(points []Point) float64 {
	var virtual, wall time.Duration
	for _, p := range points {
		for _, o := range p.Outcomes {
			virtual, wall = virtual+o.Virtual, wall+o.Wall
		}
	}
	if wall == 0 {
		return 0
	}
	return float64(virtual) / float64(wall)
}
