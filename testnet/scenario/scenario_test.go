package scenario

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	update = flag.Bool("update", false, "record the outcomes anew")
	long   = flag.Bool("long", false, "run the scenarios of a thousand members too")
)

// TestLibrary runs every scenario of the library and compares its outcome with
// the recorded one, to the letter; and runs it twice, comparing the digests.
func TestLibrary(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.star")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name == "thousand-members" && !*long {
				t.Skip("a thousand members: with -long")
			}
			if f.About == "" {
				t.Error("META has no sentence on what it shows")
			}
			out, err := f.Run(t.Context(), Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if !out.OK() {
				t.Errorf("not everything held:\n%s", out.Text())
			}
			if len(out.Checks) == 0 {
				t.Error("it demands nothing")
			}
			golden := strings.TrimSuffix(path, ".star") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(out.Golden()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != out.Golden() {
				t.Errorf("the outcome is not the recorded one (record anew with -update):\n%s", out.Golden())
			}
		})
	}
}

func TestSameSeedSameRun(t *testing.T) {
	f, err := Load("../scenarios/split-brain.star")
	if err != nil {
		t.Fatal(err)
	}
	var digests []string
	for _, seed := range []uint64{3, 3, 4} {
		out, err := f.Run(t.Context(), Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, out.Digest)
	}
	if digests[0] != digests[1] || digests[0] == digests[2] || digests[0] == "" {
		t.Errorf("digests %q", digests)
	}
}

// TestErrors: each names file, line, and what to write.
func TestErrors(t *testing.T) {
	rows := []struct{ why, text, says string }{
		{"no main", `META = {"name": "x"}`, "x.star: there is no main: write def main(w)"},
		{"syntax", "def main(w)\n  pass", "x.star:2:1: got newline, want ':': a line that begins a block ends with a colon"},
		{"unknown name", "def main(w):\n    foo()", "x.star:2:5: undefined: foo: define it above"},
		{"unknown verb", "def main(w):\n    w.fly()", "x.star:2:6: world has no .fly field or method: there are at, "},
		{"unknown meta", `META = {"nmae": "x"}` + "\ndef main(w): pass", "META has no key \"nmae\""},
		{"bad duration", "def main(w):\n    w.wait(\"soon\")", "x.star:2:11: wait: \"soon\" is no duration: write \"1m30s\""},
		{"bad loss", "def main(w):\n    w.net(loss = 2)", "between 0 and 1"},
		{"runaway", "def main(w):\n    for i in range(1000000000):\n        pass", "the script ran away"},
		{"condition that never holds", "def main(w):\n    w.wait(lambda: False, timeout = \"1s\")", "did not hold within 1s"},
		{"in a callback", "META = {\"until\": \"3s\"}\ndef main(w):\n    w.at(\"1s\", lambda: 1 // 0)", "x.star:3:26: floored division by zero"},
		{"unknown measure", "def main(w):\n    w.measure(\"joy\")", "\"joy\" is none of"},
		{"foreign file", "def main(w):\n    csv(\"../secret.csv\")", "it is looked for beside the scenario"},
		{"no node", "def main(w):\n    w.partition([1], [2])", "1 is no node"},
		{"an unknown verb of a node", "def main(w):\n    w.nodes(2)[0].fly()", "there are byzantine, "},
		{"an unknown verb of a group", "def main(w):\n    w.nodes(2)[0].create_group(\"g\").fly()", "there are agreed, "},
		{"a loop without an end", "def main(w):\n    while True: pass", "x.star:2:5: this Starlark dialect does not support while loops: write for i in range"},
		{"recursion", "def f(n): return f(n)\ndef main(w): f(1)", "called recursively: write a loop"},
		{"another file", "load(\"y.star\", \"f\")\ndef main(w): pass", "put everything into one file"},
		{"a group by its name", "def main(w):\n    w.nodes(2)[0].send(\"lab\", \"x\")", "give what create_group returned"},
		{"a node twice", "def main(w):\n    w.nodes([\"a\", \"a\"])", "there is a node a already"},
	}
	for _, r := range rows {
		f, err := Parse("x.star", []byte(r.text))
		if err == nil {
			_, err = f.Run(t.Context(), Options{})
		}
		if err == nil || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %v, want %q", r.why, err, r.says)
		}
	}
}

// A parameter that nothing asks for is a slip of somebody's hand.
func TestParametersAreAskedFor(t *testing.T) {
	f, err := Parse("x.star", []byte("def main(w):\n    w.nodes(w.param(\"n\", 2))\n    w.param(\"of\", 1)"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Run(t.Context(), Options{Params: map[string]string{"n": "3"}}); err != nil {
		t.Error(err)
	}
	_, err = f.Run(t.Context(), Options{Params: map[string]string{"nodes": "3"}})
	if err == nil || err.Error() != "x.star: it asks for no parameter \"nodes\": it asks for n, of" {
		t.Errorf("an unknown parameter: %v", err)
	}
}

func TestChecksCanFail(t *testing.T) {
	const head = "META = {\"until\": \"20s\"}\ndef main(w):\n    n = w.nodes(3)\n    g = n[0].create_group(\"g\", n[1:])\n"
	rows := []struct{ text, broken string }{
		{head + "    w.never(g.converged, \"agrees\")", "BROKEN never: agrees"},
		{head + "    w.eventually(lambda: False, within = \"5s\", text = \"more\")", "BROKEN eventually: more"},
		{head + "    w.expect(False, \"luck\")", "BROKEN expect: luck"},
		{head + "    w.partition([n[0]], n[1:])\n    w.wait(\"3s\")\n    w.never(lambda: not g.converged(), \"apart\")", "BROKEN never: apart"},
	}
	for _, r := range rows {
		f, err := Parse("x.star", []byte(r.text))
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.Run(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if out.OK() || !strings.Contains(out.Text(), r.broken) {
			t.Errorf("want %q:\n%s", r.broken, out.Text())
		}
	}
}

func TestStops(t *testing.T) {
	f, err := Parse("x.star", []byte("META = {\"until\": \"10h\"}\ndef main(w):\n    n = w.nodes(2)\n    n[0].create_group(\"g\", n[1:])\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Run(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSweep(t *testing.T) {
	f, err := Load("../scenarios/split-brain.star")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSweep("n=4,6")
	if err != nil {
		t.Fatal(err)
	}
	points, err := f.Each(t.Context(), Options{Seed: 7}, 2, []Sweep{s}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 2 || len(points[0].Outcomes) != 2 || points[1].Params["n"] != "6" {
		t.Fatalf("%+v", points)
	}
	if _, ok := points[0].Median("heal_to_converged"); !ok {
		t.Error("nothing was measured")
	}
	if _, err := ParseSweep("n"); err == nil {
		t.Error("half a sweep was read")
	}
}
