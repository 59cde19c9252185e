package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const events = `{"t":0,"k":"up","n":"a"}
{"t":1000,"k":"notice","n":"a","e":"e1","num":1,"text":"joined"}
{"t":2000,"k":"publish","n":"a","id":"p1","size":9}
{"t":3000,"k":"hop","n":"b","p":"a","id":"p1"}
{"t":3500,"k":"lost","n":"b","p":"a","text":"</script><img src=x onerror=alert(1)>"}
{"t":4000,"k":"notice","n":"b","e":"e2","num":2,"text":"epoch"}
`

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(dir, "walk", 7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(events + `{"t":5000,"k":"cut sho`)); err != nil {
		t.Fatal(err)
	}
	run := Run{
		Manifest: Manifest{Name: "walk", Seed: 7, Hash: strings.Repeat("ab", 32), Replay: "covey sim run walk.star --seed 7"},
		Summary:  map[string]bool{"ok": true}, Text: "<b>ok</b>", Script: []string{"nodes a b"},
		Samples: []Sample{{At: time.Second, States: 1}, {At: 2 * time.Second, States: 2}},
	}
	if err := f.Close(run); err != nil {
		t.Fatal(err)
	}
	if filepath.Base(f.Dir) != "walk-7" {
		t.Errorf("the folder is %s", f.Dir)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(f.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := read("REPLAY"); got != "covey sim run walk.star --seed 7\n" {
		t.Errorf("REPLAY: %q", got)
	}
	if got := read("metrics.csv"); strings.Count(got, "\n") != 3 {
		t.Errorf("metrics.csv: %q", got)
	}
	page := read("report.html")
	if strings.Contains(page, "<img src=x") || strings.Contains(page, "<b>ok</b>") {
		t.Error("what an event says is markup in the report")
	}
	for _, want := range []string{"drawLanes", "&lt;b&gt;ok", "seed 7"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Contains(page, "\nimport ") || strings.Contains(page, "\nexport ") {
		t.Error("the viewer is not one module")
	}
	svg := read("fig/space-time.svg")
	if strings.Count(svg, "<rect") != 2 || strings.Count(svg, "<line") != 1 || strings.Count(svg, "<path") != 1 {
		t.Errorf("the diagram: %s", svg)
	}
	m, err := ReadManifest(f.Dir)
	if err != nil || m.Seed != 7 || m.Go == "" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := Create(dir, "walk", 7); err != nil {
		t.Errorf("a run cannot be made anew: %v", err)
	}
}

func TestFolderKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "mine-0"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, "mine", 0); err == nil {
		t.Error("a folder that holds no run was replaced")
	}
	if _, err := ReadManifest(dir); err == nil {
		t.Error("a folder that holds no run has a manifest")
	}
}

func TestEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(events)
	a, err := ReadEvents(path)
	if err != nil || len(a) != 6 {
		t.Fatalf("%d events, %v", len(a), err)
	}
	if got := Compare(a, a); got != "the same, all 6 events" {
		t.Error(got)
	}
	b := append([]Event(nil), a...)
	b[2].Size = 10
	if got := Compare(a, b); !strings.HasPrefix(got, "the same for 2 events, until 2µs") {
		t.Error(got)
	}
	if got := Compare(a, a[:4]); !strings.HasPrefix(got, "the same for 4 events, then one ends") {
		t.Error(got)
	}
	write("not json\n" + events)
	if _, err := ReadEvents(path); err == nil || !strings.Contains(err.Error(), ":1:") {
		t.Errorf("a broken line in the middle: %v", err)
	}
}
