package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// TestTopologies: whatever the shape, neighbours are only those it has, all is
// heard by all, and the transcript does it again.
func TestTopologies(t *testing.T) {
	for _, shape := range []string{"full", "ring(1)", "ring(2)", "random(4)", "clusters(3,1)", "edges(n1-n2,n2-n3,n3-n4,n3-n5,n5-n6,n6-n7,n7-n8,n8-n9)"} {
		w := New(Options{Seed: 3, Digest: true})
		var names []string
		for i := range 9 {
			names = append(names, fmt.Sprintf("n%d", i+1))
		}
		if err := errors.Join(w.Nodes(names...), w.Link("topology", shape, "", ""), w.Group("g", "n1", names[1:]...), w.Settle(5*time.Minute), w.Send("n9", "g", "hello"), w.Settle(5*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if broken := w.Broken(); len(broken) > 0 {
			t.Errorf("%s: %v", shape, broken)
		}
		if w.net.visible != nil {
			for i, peers := range w.topics["g"].mesh {
				for _, j := range peers {
					if !w.net.visible(i, j) {
						t.Errorf("%s: n%d and n%d are neighbours", shape, i+1, j+1)
					}
				}
			}
		}
		var lines []string
		for _, v := range w.Record {
			lines = append(lines, v.String())
		}
		script, err := testnet.Parse(strings.Join(lines, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		again := New(Options{Seed: 3, Digest: true})
		if err := errors.Join(again.Run(script), again.Wait(w.Now()-again.Now())); err != nil {
			t.Fatal(err)
		}
		if again.Digest() != w.Digest() {
			t.Errorf("%s: its transcript runs another way", shape)
		}
	}
	w := New(Options{})
	for _, bad := range []string{"star", "ring", "ring(0)", "ring(x)", "clusters(3)", "edges(a)", "full(2)", "random(3"} {
		if err := w.Link("topology", bad, "", ""); err == nil {
			t.Errorf("%q is taken for a topology", bad)
		}
	}
}
