package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet/report"
)

// Manifest is what repeats a report and says where it came from.
type Manifest struct {
	Version int       `json:"v"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Go      string    `json:"go"`
	System  string    `json:"system"`
	CPU     string    `json:"cpu"`
	Cores   int       `json:"cores"`
	Change  string    `json:"change,omitempty"` // of the source, where it is known
	Repeats int       `json:"repeats"`
	Repeat  string    `json:"repeat"` // the command line
	Facts   []Fact    `json:"facts"`
}

// Write makes the folder of a report: a CSV and figures for each table,
// index.html with all of it, and manifest.json. The folder must be new or
// empty, or hold an earlier report.
func (t *Thesis) Write(dir string, o Options, began time.Time) error {
	if err := Claim(dir); err != nil {
		return err
	}
	m := Manifest{
		Version: 1, At: began.UTC(), Seconds: time.Since(began).Round(100 * time.Millisecond).Seconds(), Go: runtime.Version(),
		System: runtime.GOOS + "/" + runtime.GOARCH, CPU: processor(), Cores: runtime.NumCPU(), Change: report.Change(),
		Repeats: o.plan().repeats, Repeat: o.command(), Facts: t.Facts,
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"manifest.json": append(b, '\n')}
	for _, table := range t.Tables {
		if err := table.files(files); err != nil {
			return err
		}
	}
	if files["index.html"], err = page(m, t.Tables, files); err != nil {
		return err
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// claim makes the folder, and refuses one that holds something else.
// Claim makes the folder of a report, or takes one that is empty or an earlier
// report's: before the work, which is minutes.
func Claim(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	for _, ours := range []string{"manifest.json", "nodes.json"} {
		if _, err := os.Stat(filepath.Join(dir, ours)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("%s holds something that is no report: name a new folder", dir)
}

func (o Options) command() string {
	s := "covey bench thesis"
	if o.Quick {
		s += " --quick"
	}
	if o.Members != 0 {
		s += " --members " + strconv.Itoa(o.Members)
	}
	return s + " --out DIR"
}

// files adds a table's CSV and figures.
func (t Table) files(files map[string][]byte) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"protocol", t.X, "runs", "wall_ms", "wall_low_ms", "wall_high_ms", "cpu_ms", "messages", "bytes"}}
	for _, p := range t.Points {
		s, c := p.Wall(), p.CPU()
		rows = append(rows, []string{p.Protocol, strconv.Itoa(p.X), strconv.Itoa(len(p.Samples)), num(ms(s.Median)), num(ms(s.Low)), num(ms(s.High)), num(ms(c.Median)), strconv.Itoa(p.Messages), strconv.Itoa(p.Bytes)})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	files[t.Name+".csv"] = b.Bytes()
	if len(t.Points) <= len(Protocols()) {
		return nil // one size only: a table says it better than a figure
	}
	var clock, size bytes.Buffer
	if err := errors.Join(drawTime(&clock, t), drawBytes(&size, t)); err != nil {
		return err
	}
	files[t.Name+".svg"], files[t.Name+"-bytes.svg"] = clock.Bytes(), size.Bytes()
	return nil
}

func num(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

// processor is the CPU's name, where the system tells it.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for l := range strings.SplitSeq(string(b), "\n") {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

var pageTemplate = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>covey: what group messaging costs</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ccc;padding:.2rem .7rem;text-align:right}td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto;background:#fff}small{color:#555}</style>
<h1>What group messaging costs</h1>
<p>{{.M.CPU}}, {{.M.Cores}} cores, {{.M.System}}, {{.M.Go}}; {{.M.Repeats}} runs a point, medians with the interval that holds them at 95&nbsp;% (bootstrap). Measured {{.M.At.Format "2006-01-02 15:04"}} UTC in {{.M.Seconds}} s. Again: <code>{{.M.Repeat}}</code></p>
<ul>{{range .M.Facts}}<li>{{if .OK}}✓{{else}}✗{{end}} <b>{{.Name}}</b>: {{.Text}}</li>{{end}}</ul>
{{range .Tables}}<h2>{{.T.Title}}</h2><p>{{.T.About}} <a href="{{.T.Name}}.csv">data</a></p>{{.Time}}{{.Bytes}}
<table><tr><th>protocol<th>{{.T.X}}<th>runs<th>wall<th>95 %<th>CPU<th>messages<th>bytes</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</table>{{end}}
<p><small>The baselines do the cryptography and carry the bytes of their designs, and leave out what a product needs around it; that favours them.</small></p></html>
`))

func page(m Manifest, tables []Table, files map[string][]byte) ([]byte, error) {
	type shown struct {
		T           Table
		Time, Bytes template.HTML
		Rows        [][]string
	}
	var all []shown
	for _, t := range tables {
		s := shown{T: t, Time: picture(files[t.Name+".svg"]), Bytes: picture(files[t.Name+"-bytes.svg"])}
		for _, p := range t.Points {
			w := p.Wall()
			s.Rows = append(s.Rows, []string{p.Protocol, strconv.Itoa(p.X), strconv.Itoa(len(p.Samples)), milliseconds(ms(w.Median)), milliseconds(ms(w.Low)) + " – " + milliseconds(ms(w.High)),
				milliseconds(ms(p.CPU().Median)), strconv.Itoa(p.Messages), bytesLabel(float64(p.Bytes))})
		}
		all = append(all, s)
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, struct {
		M      Manifest
		Tables []shown
	}{m, all})
	return b.Bytes(), err
}

// picture is an SVG of ours, without its XML prologue, to stand in a page.
func picture(svg []byte) template.HTML {
	_, body, ok := bytes.Cut(svg, []byte("<svg"))
	if !ok {
		return ""
	}
	return template.HTML("<svg" + string(body)) //nolint:gosec // drawn by us from numbers
}
