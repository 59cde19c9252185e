package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/testnet"
)

// TestFromRecord: what was done by hand runs as a scenario and does the same.
func TestFromRecord(t *testing.T) {
	const record = `@0s nodes n1 n2 n3 the-4th
@1s group n1 "a lab" (n2 n3 the-4th)
@5.25s send n1 "a lab" "say \"hi\""
@6s read n2 "a lab"
@7s partition cut (n1 n2) (n3 the-4th)
@7s partition half oneway (n1) (n2)
@9s refresh n3 "a lab"
@9.02s latency uniform(5ms,20ms)
@9.03s latency 30ms n1 n2
@9.04s loss 0.05
@12s heal half
@12.5s heal
@14s role n1 "a lab" n2 admin
@20s kill n2
@22s start n2
@24s remove n1 "a lab" the-4th
@30s invite n1 "a lab" the-4th
@40s leave n3 "a lab"`
	verbs, err := testnet.Parse(record)
	if err != nil {
		t.Fatal(err)
	}
	text := FromRecord(verbs)
	path := filepath.Join("testdata", "recorded.star")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text {
		t.Errorf("%v; it is not the recorded one (record anew with -update):\n%s", err, text)
	}
	f, err := Parse("recorded.star", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Run(t.Context(), Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if !out.OK() || len(out.Checks) != 1 {
		t.Error(out.Text())
	}
	again, err := testnet.Parse(strings.Join(out.Record, "\n"))
	if err != nil || len(again) != len(verbs) {
		t.Fatalf("%v; %d verbs were done:\n%s", err, len(again), strings.Join(out.Record, "\n"))
	}
	for i, v := range again {
		was := verbs[i]
		v.Timed, v.At, was.Timed, was.At = false, 0, false, 0
		if v.String() != was.String() {
			t.Errorf("%q was done for %q", v, was)
		}
	}
}

// TestFromRecordUnfinished: where something is cut or down nothing is hoped for.
func TestFromRecordUnfinished(t *testing.T) {
	for _, record := range []string{"", "nodes n1 n2\ngroup n1 lab (n2)\npartition cut (n1) (n2)", "nodes n1 n2\ngroup n1 lab (n2)\nkill n2"} {
		verbs, err := testnet.Parse(record)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse("recorded.star", []byte(FromRecord(verbs)))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := f.Run(t.Context(), Options{Seed: 1}); err != nil || len(out.Checks) != 0 {
			t.Errorf("%q: %v", record, err)
		}
	}
}
