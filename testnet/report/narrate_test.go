package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "record the stories anew")

// Traces of runs, as told.
func TestNarrate(t *testing.T) {
	traces, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(traces) == 0 {
		t.Fatal("no traces:", err)
	}
	for _, path := range traces {
		events, err := ReadEvents(path)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(Narrate(events), "\n") + "\n"
		golden := strings.TrimSuffix(path, ".jsonl") + ".told"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is told otherwise (record anew with -update):\n%s", path, got)
		}
	}
}
