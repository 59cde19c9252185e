package scenario

import (
	"maps"
	"slices"

	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// Compare lines up, for each demand and measure, what the points have.
func Compare(points []Point, runs int) *report.Rules {
	c := &report.Rules{Runs: runs}
	demands, names := [][2]string{}, map[string]bool{}
	for _, p := range points {
		rule, _ := rivals.Named(p.Rule)
		c.Names, c.Says = append(c.Names, p.Rule), append(c.Says, rule.Says)
		for _, o := range p.Outcomes {
			for name := range o.Measures {
				names[name] = true
			}
			for _, k := range o.Checks {
				d := [2]string{k.Kind, k.Text}
				if k.Kind != "invariant" && k.Kind != "script" && !slices.Contains(demands, d) {
					demands = append(demands, d)
				}
			}
		}
	}
	demands = append(demands, [2]string{"invariant", "no invariant breaks (agreement, delivery, …)"})
	for _, d := range demands {
		row := report.Demand{Text: d[1]}
		for _, p := range points {
			row.Held = append(row.Held, p.Held(d[0], d[1]))
		}
		c.Demands = append(c.Demands, row)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		m := report.Measure{Name: name}
		for _, p := range points {
			var values []float64
			for _, o := range p.Outcomes {
				if v, ok := o.Measures[name]; ok {
					values = append(values, v)
				}
			}
			m.Values = append(m.Values, values)
		}
		c.Measures = append(c.Measures, m)
	}
	return c
}

// Held counts in how many runs of a point a check held; invariants count as one
// check. Where a script gave up, nothing held.
func (p Point) Held(kind, text string) (held int) {
	for _, o := range p.Outcomes {
		there, ok := kind == "invariant", true
		for _, c := range o.Checks {
			switch {
			case c.Kind == "script":
				ok = false
			case c.Kind == kind && (c.Text == text || kind == "invariant"):
				there, ok = true, ok && c.OK
			}
		}
		if there && ok {
			held++
		}
	}
	return held
}
