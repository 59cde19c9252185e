package local_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet/local"
	"github.com/covey-p2p/covey/testnet/scenario"
)

var long = flag.Bool("long", false, "run scenarios on real nodes, minutes each")

// binary builds the program once; every node is a process of it.
func binary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	path := filepath.Join(t.TempDir(), "covey")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
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

// TestScenarioOnRealNodes runs a file of the library in wall time.
func TestScenarioOnRealNodes(t *testing.T) {
	if !*long {
		t.Skip("two minutes in wall time: with -long")
	}
	f, err := scenario.Load("../scenarios/split-brain.star")
	must(t, err)
	out, err := f.Run(t.Context(), scenario.Options{Stage: network(t), Params: map[string]string{"n": "4"}})
	must(t, err)
	if !out.OK() {
		t.Error(out.Text())
	}
}
