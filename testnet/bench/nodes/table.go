package nodes

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func about() *Result {
	return &Result{At: time.Now().UTC(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPU: processor(), Cores: runtime.NumCPU(), Load: load()}
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return "unknown"
}

// load is the machine's, over the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}

// Table prints the rows.
func (r *Result) Table(w io.Writer) {
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tnodes\tmedian\tleast–most\tunit\trounds × n")
	for _, x := range r.Rows {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s–%s\t%s\t%d × %d\n", x.What, x.Nodes, short(x.Median), short(x.Low), short(x.High), x.Unit, x.Rounds, x.N)
	}
	t.Flush()
	fmt.Fprintf(w, "%s, %d cores, %s, %s; load %s; %.0f s\n", r.CPU, r.Cores, r.System, r.Go, r.Load, r.Seconds)
	for _, v := range r.Verdicts() {
		fmt.Fprintln(w, v)
	}
}

// target is what a message may take against gossip alone, beside one synced
// write.
const target = 1.3

// Verdicts say for each size whether latency meets its target.
func (r *Result) Verdicts() (out []string) {
	value := func(what string, nodes int) float64 {
		for _, x := range r.Rows {
			if x.What == what && (nodes == 0 || x.Nodes == nodes) {
				return x.Median
			}
		}
		return 0
	}
	write := value("synced write, p50", 0)
	for _, x := range r.Rows {
		if x.What != "message, p50" {
			continue
		}
		gossip := value("gossip alone, p50", x.Nodes)
		mark, limit := "✓", target*gossip+write
		if x.Median > limit {
			mark = "✗"
		}
		out = append(out, fmt.Sprintf("%s %d nodes: %s ms, at most 1.3 × %s ms + %s ms = %s ms", mark, x.Nodes, short(x.Median), short(gossip), short(write), short(limit)))
	}
	return out
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

// Write puts nodes.csv and nodes.json into a folder.
func (r *Result) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"what", "nodes", "rounds", "n", "median", "low", "high", "unit"}}
	num := func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }
	for _, x := range r.Rows {
		rows = append(rows, []string{x.What, strconv.Itoa(x.Nodes), strconv.Itoa(x.Rounds), strconv.Itoa(x.N), num(x.Median), num(x.Low), num(x.High), x.Unit})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	j, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "nodes.csv"), b.Bytes(), 0o644), os.WriteFile(filepath.Join(dir, "nodes.json"), append(j, '\n'), 0o644))
}
