package testnet_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/local"
	"github.com/covey-p2p/covey/testnet/sim"
)

var onLocal = flag.Bool("local", false, "also run the example on real nodes")

// splitBrain is a scenario in Go. It speaks to a Stage, so it runs wherever one
// is: in virtual time or on real nodes.
func splitBrain(s testnet.Stage) error {
	steps := []func() error{
		func() error { return s.Nodes("alice", "bob", "carol", "dave") },
		func() error { return s.Group("lab", "alice", "bob", "carol", "dave") },
		func() error { return together(s, 4) },
		func() error { return s.Partition("cut", false, []string{"alice", "bob"}, []string{"carol", "dave"}) },
		func() error { return s.Refresh("alice", "lab") }, // two commits on one epoch
		func() error { return s.Refresh("carol", "lab") },
		func() error { return s.Send("carol", "lab", "is anybody there?") },
		func() error { return s.Wait(5 * time.Second) },
		func() error { return s.Heal("cut") },
		func() error { return s.Settle(5 * time.Minute) },
		func() error { return together(s, 4) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// together waits until so many nodes are members and in one state.
func together(s testnet.Stage, members int) error {
	one := s.Until(func() bool {
		views, err := s.Views("lab")
		in := 0
		for _, v := range views {
			if v.In && v.State == views[0].State && len(v.Roster) == members {
				in++
			}
		}
		return err == nil && in == members
	}, time.Minute)
	if !one {
		return fmt.Errorf("not together after a minute")
	}
	return nil
}

// Two halves of a group go on alone, and are one again: from this seed always
// by the same steps.
func Example() {
	w := sim.New(sim.Options{Seed: 7})
	if err := splitBrain(w); err != nil {
		fmt.Println(err)
		return
	}
	text, _ := w.Show("lab")
	fmt.Print(text)
	t, _ := w.Tally("lab")
	fmt.Printf("%d commits, %d of them thrown away; %d texts lost; %d invariants broken\n", t.Commits, t.ThrownAway, t.Lost, len(w.Broken()))
	// Output:
	// lab
	//   0a alice founds
	//   1a alice +bob
	//   2a alice +dave +carol
	//   ├─ 3a alice refreshes
	//   └─ 3b carol refreshes
	//      4a alice refreshes  ◄ alice bob carol dave
	// 5 commits, 1 of them thrown away; 0 texts lost; 0 invariants broken
}

// TestExampleOnRealNodes is the same scenario on processes of this machine:
// other steps, the same end. go test ./testnet -run RealNodes -local
func TestExampleOnRealNodes(t *testing.T) {
	if !*onLocal {
		t.Skip("real processes: with -local")
	}
	dir, err := os.MkdirTemp("", "ex") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "covey")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n, err := local.New(local.Options{Dir: filepath.Join(dir, "n"), Binary: program})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := splitBrain(n); err != nil {
		t.Fatal(err)
	}
}
