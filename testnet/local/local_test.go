package local_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet/local"
	"github.com/covey-p2p/covey/testnet/scenario"
)

var long = flag.Bool("long", false, "run scenarios on real nodes, minutes each")

var program = filepath.Join(os.TempDir(), fmt.Sprintf("covey-test-%d", os.Getpid()))

// build makes the program once; every node of every test is a process of it.
var build = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("go", "build", "-o", program, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput()
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.Remove(program) // it may never have been built
	os.Exit(code)
}

func binary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	if out, err := build(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func network(t *testing.T) *local.Net {
	t.Helper()
	dir, err := os.MkdirTemp("", "cl") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	n, err := local.New(local.Options{Dir: dir, Binary: binary(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// together waits until all of the named are in one state with that many
// members.
func together(t *testing.T, n *local.Net, members int, most time.Duration) {
	t.Helper()
	if !n.Until(func() bool {
		views, err := n.Views("lab")
		if err != nil {
			t.Fatal(err)
		}
		state, in := "", 0
		for _, v := range views {
			if !v.In {
				continue
			}
			if in++; state == "" {
				state = v.State
			}
			if v.State != state || len(v.Roster) != members {
				return false
			}
		}
		return in == members
	}, most) {
		text, _ := n.Show("lab")
		t.Fatalf("not together within %v:\n%s", most, text)
	}
}

// TestRealNodes: up, talk, part, rivals, heal, kill, start, and nothing lost.
func TestRealNodes(t *testing.T) {
	n := network(t)
	must(t, n.Nodes("n1", "n2", "n3", "n4"))
	must(t, n.Group("lab", "n1", "n2", "n3", "n4"))
	together(t, n, 4, time.Minute)
	must(t, n.Send("n1", "lab", "hello"))

	must(t, n.Partition("cut", false, []string{"n1", "n2"}, []string{"n3", "n4"}))
	must(t, n.Send("n1", "lab", "left"))
	must(t, n.Send("n3", "lab", "right"))
	must(t, n.Refresh("n1", "lab"))
	must(t, n.Refresh("n3", "lab"))
	if !n.Until(func() bool {
		views, err := n.Views("lab")
		must(t, err)
		return views[0].State != views[2].State && views[0].State == views[1].State
	}, 30*time.Second) {
		t.Fatal("the two sides do not part: the cut does nothing")
	}
	must(t, n.Kill("n4"))
	must(t, n.Heal(""))
	must(t, n.Start("n4"))
	together(t, n, 4, time.Minute)
	if !n.Until(func() bool {
		views, err := n.Views("lab")
		must(t, err)
		for _, v := range views {
			if v.Read != 3 {
				return false
			}
		}
		return true
	}, 30*time.Second) {
		views, _ := n.Views("lab")
		t.Fatalf("not everybody has all three messages: %+v", views)
	}
	record := n.Record()
	if got := record[len(record)-1].String(); !strings.Contains(got, "start n4") {
		t.Errorf("the last line of the record is %q", got)
	}
}

func TestWrongVerbs(t *testing.T) {
	n := network(t)
	for _, err := range []error{n.Nodes("a/b"), n.Nodes("."), n.Kill("nobody"), n.Send("nobody", "lab", "x"), n.Heal("nothing"),
		n.Link("dup", "0.1", "", ""), n.Link("loss", "2", "", ""), n.Link("latency", "soon", "", ""), n.Partition("x", false, []string{"a"}), n.Clock("a", 0, 1)} {
		if err == nil {
			t.Error("something that cannot work was accepted")
		}
	}
}

// outcome is what a file demands, and what of it held.
func outcome(t *testing.T, f *scenario.File, o scenario.Options) (lines []string) {
	t.Helper()
	out, err := f.Run(t.Context(), o)
	must(t, err)
	for _, c := range out.Checks {
		lines = append(lines, fmt.Sprintf("%s: %s: %v", c.Kind, c.Text, c.OK))
	}
	if !out.OK() {
		t.Log(out.Text())
	}
	return lines
}

// alike runs a file in the simulator and on real nodes, and compares what held:
// the course of things is another, what is demanded is not.
func alike(t *testing.T, f *scenario.File, params map[string]string) {
	t.Helper()
	virtual := outcome(t, f, scenario.Options{Seed: 1, Params: params})
	real := outcome(t, f, scenario.Options{Seed: 1, Params: params, Stage: network(t)})
	if !slices.Equal(virtual, real) || len(real) == 0 {
		t.Errorf("in the simulator\n%s\non real nodes\n%s", strings.Join(virtual, "\n"), strings.Join(real, "\n"))
	}
}

// TestSameFile is the shortest of them: three nodes, one of them cut off, rivals.
func TestSameFile(t *testing.T) {
	f, err := scenario.Parse("three.star", []byte(`META = {"until": "12s"}
def main(w):
    w.net(latency = "5ms")
    n = w.nodes(3)
    g = n[0].create_group("lab", n[1:])
    w.wait(g.converged, timeout = "40s")
    w.partition(n[:2], n[2:])
    n[0].commit(g, refresh())
    n[2].commit(g, refresh())
    n[2].send(g, "alone")
    w.wait("4s")
    w.expect(not g.agreed(), "the two sides part")
    w.heal()
    w.eventually(g.converged, within = "30s", text = "one again")
    w.eventually(lambda: n[0].read(g) == 1, within = "30s", text = "what was said alone is heard")
    w.never(lambda: g.reads_after_removal(n[1]), "nobody reads who is out")
`))
	must(t, err)
	alike(t, f, nil)
}

// TestLibraryOnRealNodes runs files of the library in wall time.
func TestLibraryOnRealNodes(t *testing.T) {
	if !*long {
		t.Skip("two minutes each in wall time: with -long")
	}
	for name, n := range map[string]string{"split-brain": "4", "many-writers": "6"} {
		t.Run(name, func(t *testing.T) {
			f, err := scenario.Load("../scenarios/" + name + ".star")
			must(t, err)
			alike(t, f, map[string]string{"n": n})
		})
	}
}
