package nodes

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "measure real nodes, half a minute")

// TestRun takes every measurement once, small: each gives a value, the files
// hold them all, and nothing stays behind.
func TestRun(t *testing.T) {
	if !*long {
		t.Skip("real nodes for half a minute: only with -long")
	}
	binary := filepath.Join(t.TempDir(), "covey")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("TMPDIR", t.TempDir())
	r, err := Run(t.Context(), Options{Binary: binary, Rounds: 1, Messages: 3, Sizes: []int{2}, Missed: 20, Burst: 20, Idle: 2, Crowd: 2, Settle: time.Second, Rest: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Rows {
		if may0 := strings.Contains(x.What, "dropped") || strings.Contains(x.What, "CPU"); x.Median <= 0 && !may0 || x.Low > x.Median || x.Median > x.High {
			t.Errorf("%+v", x)
		}
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "nodes.csv"))
	if err != nil || strings.Count(string(b), "\n") != len(r.Rows)+1 {
		t.Errorf("%v\n%s", err, b)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "cb*")); err != nil || len(left) > 0 {
		t.Error("left behind: ", left, err)
	}
}

// TestVerdict sees a miss.
func TestVerdict(t *testing.T) {
	r := Result{Rows: []Row{{What: "synced write, p50", Median: 1}, {What: "message, p50", Nodes: 2, Median: 2.2}, {What: "message, p50", Nodes: 10, Median: 2.4}, {What: "gossip alone, p50", Nodes: 2, Median: 1}, {What: "gossip alone, p50", Nodes: 10, Median: 1}}}
	v := r.Verdicts()
	if len(v) != 2 || !strings.HasPrefix(v[0], "✓") || !strings.HasPrefix(v[1], "✗") {
		t.Error(v)
	}
}
