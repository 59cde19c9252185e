package scenario

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// TestRivalRules runs the comparison and holds it to the recorded one: in how
// many of three runs each rule keeps each demand.
func TestRivalRules(t *testing.T) {
	const path = "../scenarios/rival-rules.star"
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(f.Rules, " ") != strings.Join(rivals.Names(), " ") {
		t.Errorf("the file compares %v; there are %v", f.Rules, rivals.Names())
	}
	runs := 3
	points, err := f.Under(t.Context(), f.Rules, Options{Seed: 1}, runs, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Compare(points, runs)
	var b strings.Builder
	fmt.Fprintf(&b, "held in, of %d runs\n", runs)
	for _, d := range c.Demands {
		fmt.Fprintf(&b, "%s:", d.Text)
		for i, rule := range c.Names {
			fmt.Fprintf(&b, " %s %d", rule, d.Held[i])
		}
		b.WriteByte('\n')
	}
	golden := strings.TrimSuffix(path, ".star") + "-compared.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("not what was recorded:\n%s", b.String())
	}
	figure := string(c.Figure())
	if strings.Count(figure, "<circle") != len(c.Measures)*len(c.Names)*runs {
		t.Error("the figure lacks runs")
	}
}

// TestRuleGivesUp: where a script cannot go on under a rule, that is what came
// of the rule, not the end of the comparison.
func TestRuleGivesUp(t *testing.T) {
	f, err := Parse("x.star", []byte(`META = {"until": "60s", "engine": "stand-in"}
def main(w):
    n = w.nodes(4)
    g = n[0].create_group("g", n[1:])
    w.wait(g.converged)
    w.partition(n[:2], n[2:])
    n[0].commit(g, refresh())
    n[2].commit(g, refresh())
    w.wait("10s")
    w.heal()
    w.wait(g.converged, timeout = "20s")
    w.expect(True, "came this far")
    w.measure(states = g.states)
`))
	if err != nil {
		t.Fatal(err)
	}
	points, err := f.Under(t.Context(), []string{rivals.Real, "first-seen"}, Options{Seed: 1}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := points[0].Held("expect", "came this far"), points[1].Held("expect", "came this far"); a != 1 || b != 0 {
		t.Errorf("held %d and %d times", a, b)
	}
	if text := points[1].Outcomes[0].Checks[0].String(); !strings.Contains(text, "converged did not hold within 20s") {
		t.Errorf("why: %s", text)
	}
}
