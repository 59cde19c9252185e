package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim"
)

// TestFiles: what a scenario reads beside itself is in its transcript, value by
// value, so that replays without the file; and its hash is told.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("rtt.csv", "rtt\n12ms\n15ms\n40\n")
	write("links.csv", "from,to,latency,loss\n# over the sea\nn1,n2,90ms,0.1\nn2,n1,95ms\n")
	write("edges.csv", "n1,n2\nn2,n3\n")
	f, err := Load(write("x.star", `META = {"until": "30s", "engine": "stand-in"}
def main(w):
    w.net(latency = csv("rtt.csv"), topology = edges("edges.csv"))
    n = w.nodes(3)
    w.links(csv = "links.csv")
    g = n[0].create_group("g", n[1:])
    w.wait(g.converged)
    w.net(topology = ring(k = 1))
    n[1].send(g, "hello")
`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Run(t.Context(), Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	record := strings.Join(out.Record, "\n")
	for _, want := range []string{"latency measured(12ms,15ms,40ms)", "topology edges(n1-n2,n2-n3)", "latency 90ms n1 n2", "loss 0.1 n1 n2", "latency 95ms n2 n1", "topology ring(1)"} {
		if !strings.Contains(record, want) {
			t.Errorf("the transcript lacks %q:\n%s", want, record)
		}
	}
	for _, name := range []string{"rtt.csv", "links.csv", "edges.csv"} {
		if len(f.Files[name]) != 64 {
			t.Errorf("no hash of %s: %v", name, f.Files)
		}
	}
	script, err := testnet.Parse(record)
	if err != nil {
		t.Fatal(err)
	}
	w := sim.New(sim.Options{Seed: 5, Digest: true})
	if err := w.Run(script); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(out.Virtual - w.Now()); err != nil {
		t.Fatal(err)
	}
	if w.Digest() != out.Digest {
		t.Error("the transcript runs another way")
	}
	write("links.csv", "n1,n9,90ms\n")
	if _, err := f.Run(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "x.star:5:12: links: links.csv:1: no node n9") {
		t.Errorf("a link to nobody: %v", err)
	}
}
