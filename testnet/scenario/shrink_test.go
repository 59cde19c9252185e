package scenario

import (
	"strings"
	"testing"
)

// TestShrink: of all that a script does, what is left is what it fails by.
func TestShrink(t *testing.T) {
	f, err := Parse("x.star", []byte(`META = {"until": "90s", "engine": "stand-in"}
def main(w):
    n = w.nodes(4)
    g = n[0].create_group("g", n[1:])
    w.wait(g.converged)
    w.never(lambda: g.forked_for("8s"), "a fork lasts 8 s")
    w.traffic(g, senders = n, rate = poisson(per_min = 60), until = "50s")
    w.net(loss = 0.05)
    n[3].commit(g, refresh())
    w.wait("5s")
    w.partition(n[:2], n[2:], name = "p") # too short to matter
    w.wait("2s")
    w.heal()
    n[2].send(g, "hello")
    w.partition(n[:2], n[2:], name = "p")
    n[0].commit(g, refresh())
    n[1].send(g, "still here")
    w.wait("20s")
    w.heal()
    n[2].kill()
    w.wait("5s")
    n[2].start()
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Shrink(t.Context(), Options{Seed: 2}, 300, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.How != "never: a fork lasts 8 s" || s.Outcome.OK() {
		t.Fatalf("it fails by %q: %v", s.How, s.Outcome.Checks)
	}
	var left []string
	for _, line := range s.Left {
		_, text, _ := strings.Cut(line, " ")
		left = append(left, text)
	}
	const want = "nodes n1 n2 n3 n4\ngroup n1 g (n2 n3 n4)\npartition p (n1 n2) (n3 n4)\nrefresh n1 g"
	if got := strings.Join(left, "\n"); got != want {
		t.Errorf("after %d runs there are left, of %d:\n%s", s.Runs, s.Of, got)
	}
	if cut := s.Outcome.Record[2]; !strings.HasPrefix(cut, "@9") {
		t.Errorf("of two partitions that say the same the wrong one is left: %s", cut)
	}
	hopes, err := Parse("x.star", []byte(`META = {"until": "60s", "engine": "stand-in"}
def main(w):
    n = w.nodes(4)
    g = n[0].create_group("g", n[1:])
    w.wait(g.converged)
    n[2].send(g, "hello")
    w.partition(n[:2], n[2:], name = "p")
    w.wait("5s")
    w.heal()
    n[1].kill()
    n[0].commit(g, remove(n[3]))
    w.wait("20s")
    w.expect(g.epochs() < 3, "few epochs")
`))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = hopes.Shrink(t.Context(), Options{Seed: 2}, 300, nil); err != nil || len(s.Left) != 3 {
		t.Errorf("what is asked for stays where something must come of it: %v, %v", s.Left, err)
	}
	calm, err := Parse("x.star", []byte("def main(w):\n    w.nodes(2)\nMETA = {\"until\": \"2s\"}"))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := calm.Shrink(t.Context(), Options{}, 10, nil); s != nil || err != nil {
		t.Errorf("what holds was shrunk: %v, %v", s, err)
	}
}
