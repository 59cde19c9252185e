package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Manifest is where a run came from.
type Manifest struct {
	Version int    `json:"v"`
	Name    string `json:"name"`
	About   string `json:"about,omitempty"`
	Script  string `json:"script"`
	Hash    string `json:"script_sha256"`
	Seed    uint64 `json:"seed"`
	Rule    string `json:"rule"`
	Engine  string `json:"engine"`
	Prices  string `json:"prices" doc:"Of computing, in virtual time."`
	// Table says where they were measured, and Cost is all of it, in
	// nanoseconds: of each operation a base, what each level of a tree of the
	// group's size adds, each member, and each byte.
	Table  string                `json:"cost_table,omitempty"`
	Cost   map[string][4]float64 `json:"cost_ns,omitempty"`
	Params map[string]string     `json:"params,omitempty"`
	Files  map[string]string     `json:"files_sha256,omitempty"` // that the script reads
	Go     string                `json:"go"`
	System string                `json:"system"`
	Cores  int                   `json:"cores"`
	Change string                `json:"change,omitempty"`
	At     time.Time             `json:"at"`
	Digest string                `json:"digest,omitempty"`
	Replay string                `json:"replay"`
}

// Sample is the state of things at one time.
type Sample struct {
	At     time.Duration
	States int // different ones that honest members are in, over all groups
	Epoch  uint64
	Read   int // texts, by all
	Up     int // nodes
	Bytes  int // carried so far
}

// Held is one thing that was demanded of a run.
type Held struct {
	Text string
	OK   bool
}

// Run is what Close writes down.
type Run struct {
	Manifest Manifest
	Summary  any // becomes summary.json
	Text     string
	Checks   []Held
	Script   []string
	Samples  []Sample
}

// Folder is the folder of a run that goes on.
type Folder struct {
	Dir    string
	events *os.File
	buffer *bufio.Writer
}

// Create makes the folder DIR/NAME-SEED, replacing an earlier run of that name.
func Create(dir, name string, seed uint64) (*Folder, error) {
	path := filepath.Join(dir, fmt.Sprintf("%s-%d", name, seed))
	if _, err := os.Stat(path); err == nil {
		if _, err := os.Stat(filepath.Join(path, "events.jsonl")); err != nil {
			return nil, fmt.Errorf("%s is there and holds no run: name another folder with --out", path)
		}
		if err := os.RemoveAll(path); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(path, "fig"), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(path, "events.jsonl"))
	if err != nil {
		return nil, err
	}
	return &Folder{Dir: path, events: f, buffer: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Write takes lines of the trace.
func (f *Folder) Write(p []byte) (int, error) { return f.buffer.Write(p) }

// Close writes everything but the events, which are there already.
func (f *Folder) Close(r Run) error {
	if err := errors.Join(f.buffer.Flush(), f.events.Close()); err != nil {
		return err
	}
	m := r.Manifest
	m.Version, m.Go, m.System, m.Cores, m.Change = 1, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), Change()
	events, err := ReadEvents(filepath.Join(f.Dir, "events.jsonl"))
	if err != nil {
		return err
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	summary, err := json.MarshalIndent(r.Summary, "", "  ")
	if err != nil {
		return err
	}
	page, err := page(m, r.Text, r.Checks, events)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"manifest.json": append(manifest, '\n'), "summary.json": append(summary, '\n'), "REPLAY": []byte(m.Replay + "\n"),
		"script.txt": []byte(strings.Join(r.Script, "\n") + "\n"), "metrics.csv": metrics(r.Samples), "report.html": page,
		"fig/space-time.svg": SpaceTime(events), "fig/states.svg": series(r.Samples, "states that members are in", func(s Sample) float64 { return float64(s.States) }),
		"fig/bytes.svg": series(r.Samples, "bytes carried", func(s Sample) float64 { return float64(s.Bytes) }),
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(f.Dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func metrics(samples []Sample) []byte {
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"t_s", "states", "epoch", "texts_read", "nodes_up", "bytes"}}
	for _, s := range samples {
		rows = append(rows, []string{strconv.FormatFloat(s.At.Seconds(), 'f', 3, 64), strconv.Itoa(s.States), strconv.FormatUint(s.Epoch, 10), strconv.Itoa(s.Read), strconv.Itoa(s.Up), strconv.Itoa(s.Bytes)})
	}
	_ = w.WriteAll(rows) // a strings.Builder takes everything
	return []byte(b.String())
}

// Change is the change of the source that this program was built from, where
// that is known.
func Change() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}

// ErrNoRun means that a folder holds no run, or is none.
var ErrNoRun = errors.New("no run is there")

// ReadManifest reads the manifest of a run's folder.
func ReadManifest(dir string) (m Manifest, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrNoRun, err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w", filepath.Join(dir, "manifest.json"), err)
	}
	return m, nil
}
