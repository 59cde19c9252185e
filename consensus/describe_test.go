package consensus

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "record testdata/describe.txt anew")

// TestDescribe draws each world of testdata/describe.txt: its lines, "----",
// the drawing, and an empty line.
func TestDescribe(t *testing.T) {
	const file = "testdata/describe.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimRight(string(data), "\n"), "\n\n") {
		lines, _, _ := strings.Cut(block, "\n----")
		verbs, settle := "", false
		for line := range strings.Lines(lines + "\n") {
			if strings.HasPrefix(line, "settle") {
				settle = true
			} else {
				verbs += line
			}
		}
		w := parse(t, verbs)
		c := w.run(w.inputs)
		if settle {
			c.Settle()
		}
		out.WriteString(lines + "\n----\n" + c.Describe(named) + "\n")
	}
	got := strings.TrimRight(out.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !*update && got != string(data) {
		t.Errorf("drawn:\n%s", got)
	}
}
