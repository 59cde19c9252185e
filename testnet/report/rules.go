package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Rules is a comparison of rules on one scenario: what each kept of what the
// scenario demands, and its measures over all runs.
type Rules struct {
	Manifest Manifest
	Runs     int
	Names    []string `json:"Rules"`
	Says     []string // of each rule, in a line
	Demands  []Demand
	Measures []Measure
}

// Demand is one thing that must hold, and in how many runs it did, by rule.
type Demand struct {
	Text string
	Held []int
}

// Measure is one number: of each rule, one value a run.
type Measure struct {
	Name   string
	Values [][]float64
}

// Median of a rule's values; false where there are none.
func (m Measure) Median(rule int) (float64, bool) {
	v := slices.Sorted(slices.Values(m.Values[rule]))
	if len(v) == 0 {
		return 0, false
	}
	return v[len(v)/2], true
}

// Text is the comparison for a terminal: demands, then measures as median and,
// where the runs differ, the range.
func (r *Rules) Text() string {
	rows := [][]string{append([]string{fmt.Sprintf("of %d runs, held in", r.Runs)}, r.Names...)}
	for _, d := range r.Demands {
		row := []string{d.Text}
		for _, n := range d.Held {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	rows = append(rows, append([]string{"median (range)"}, r.Names...))
	var alike []string // measures that no rule changes
	for _, m := range r.Measures {
		row := []string{m.Name}
		for i := range r.Names {
			row = append(row, m.cell(i))
		}
		if len(slices.Compact(slices.Clone(row[1:]))) == 1 {
			alike = append(alike, m.Name+" "+row[1])
			continue
		}
		rows = append(rows, row)
	}
	width := make([]int, len(r.Names)+1)
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], len(c))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		if n == len(r.Demands)+1 {
			b.WriteByte('\n')
		}
		for i, c := range row {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s", width[i], c)
			} else {
				fmt.Fprintf(&b, "  %*s", width[i], c)
			}
		}
		b.WriteByte('\n')
	}
	if len(alike) > 0 {
		fmt.Fprintf(&b, "the same under all: %s\n", strings.Join(alike, ", "))
	}
	return b.String()
}

func (m Measure) cell(rule int) string {
	mid, ok := m.Median(rule)
	if !ok {
		return "-"
	}
	low, high := slices.Min(m.Values[rule]), slices.Max(m.Values[rule])
	if low == high {
		return number(mid)
	}
	return fmt.Sprintf("%s (%s-%s)", number(mid), number(low), number(high))
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }

// Write makes the folder DIR/NAME-rules-SEED: manifest.json, rules.csv with
// every value of every run, fig/rules.svg, report.html and REPLAY.
func (r *Rules) Write(dir string) (string, error) {
	path := filepath.Join(dir, fmt.Sprintf("%s-rules-%d", r.Manifest.Name, r.Manifest.Seed))
	if err := os.MkdirAll(filepath.Join(path, "fig"), 0o755); err != nil {
		return "", err
	}
	m := &r.Manifest
	m.Version, m.Go, m.System, m.Cores, m.Change = 1, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), Change()
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", err
	}
	figure := r.Figure()
	var page bytes.Buffer
	if err := rulesPage.Execute(&page, struct {
		*Rules
		Figure template.HTML
		Text   string
	}{r, template.HTML(figure), r.Text()}); err != nil { //nolint:gosec // a figure of ours, its text escaped
		return "", err
	}
	var errs []error
	for name, b := range map[string][]byte{
		"manifest.json": append(manifest, '\n'), "rules.csv": r.csv(), "fig/rules.svg": figure,
		"report.html": page.Bytes(), "REPLAY": []byte(m.Replay + "\n"),
	} {
		errs = append(errs, os.WriteFile(filepath.Join(path, name), b, 0o644))
	}
	return path, errors.Join(errs...)
}

func (r *Rules) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"measure", "rule", "seed", "value"}}
	for _, m := range r.Measures {
		for i, rule := range r.Names {
			for n, v := range m.Values[i] {
				rows = append(rows, []string{m.Name, rule, strconv.FormatUint(r.Manifest.Seed+uint64(n), 10), strconv.FormatFloat(v, 'g', -1, 64)})
			}
		}
	}
	_ = w.WriteAll(rows) // a buffer takes everything
	return b.Bytes()
}

const (
	ruleLeft, ruleCell, ruleRow, ruleTop = 390, 128, 34, 64
	held, partly, broke, bar             = "#2f7d5b", "#c98a1b", "#b3362f", "#5b7fa6"
)

// Figure draws the comparison: a row for each demand, green where it held in
// all runs and red where in none, and one for each measure, a dot for each run
// and a bar at the median, on one scale a row.
func (r *Rules) Figure() []byte {
	width := ruleLeft + ruleCell*len(r.Names) + 10
	height := ruleTop + ruleRow*(len(r.Demands)+len(r.Measures)) + 40
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="rules compared" font-family="system-ui,sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	for i, rule := range r.Names {
		weight := ""
		if i == 0 {
			weight = ` font-weight="700"`
		}
		text(&b, ruleLeft+ruleCell*i+ruleCell/2, 30, "middle", "#111", weight, rule)
	}
	y := ruleTop
	text(&b, 10, y-14, "start", "#666", "", fmt.Sprintf("held, of %d runs", r.Runs))
	for _, d := range r.Demands {
		text(&b, 10, y+21, "start", "#111", "", d.Text)
		for i, n := range d.Held {
			fill := partly
			if n == r.Runs {
				fill = held
			} else if n == 0 {
				fill = broke
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s"/>`+"\n", ruleLeft+ruleCell*i+6, y+4, ruleCell-12, ruleRow-8, fill)
			text(&b, ruleLeft+ruleCell*i+ruleCell/2, y+22, "middle", "#fff", ` font-weight="600"`, fmt.Sprintf("%d/%d", n, r.Runs))
		}
		y += ruleRow
	}
	y += 30
	text(&b, 10, y-8, "start", "#666", "", "a dot is a run; the bar is the median")
	for _, m := range r.Measures {
		r.measured(&b, m, y)
		y += ruleRow
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// measured draws one measure of every rule.
func (r *Rules) measured(b *bytes.Buffer, m Measure, y int) {
	most := 1e-9
	for _, v := range m.Values {
		for _, x := range v {
			most = max(most, x)
		}
	}
	text(b, 10, y+21, "start", "#111", "", strings.ReplaceAll(m.Name, "_", " "))
	fmt.Fprintf(b, `<line x1="10" x2="%d" y1="%d" y2="%d" stroke="#ddd"/>`+"\n", ruleLeft+ruleCell*len(r.Names), y+ruleRow, y+ruleRow)
	for i := range r.Names {
		mid, ok := m.Median(i)
		if !ok {
			text(b, ruleLeft+ruleCell*i+ruleCell-8, y+21, "end", "#999", "", "-")
			continue
		}
		x := func(v float64) float64 { return float64(ruleLeft+ruleCell*i+8) + v/most*float64(ruleCell-64) }
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="12" fill="%s" opacity=".55"/>`+"\n", x(0), y+11, max(1, x(mid)-x(0)), bar)
		for n, v := range m.Values[i] {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%d" r="2" fill="#222" opacity=".6"/>`+"\n", x(v), y+13+n%5*2)
		}
		text(b, ruleLeft+ruleCell*i+ruleCell-8, y+21, "end", "#111", "", number(mid))
	}
}

func text(b *bytes.Buffer, x, y int, anchor, fill, more, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="%s"%s>%s</text>`+"\n", x, y, anchor, fill, more, html.EscapeString(s))
}

var rulesPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Manifest.Name}}: rules compared</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:1.5rem auto;padding:0 1rem;color-scheme:light}pre{overflow:auto;border:1px solid #8886;padding:.7rem}td{padding:.1rem .8rem .1rem 0}</style></head><body>
<h1>{{.Manifest.Name}}: rules compared</h1><p>{{.Manifest.About}}</p>
<p>{{.Runs}} runs under each rule, the same seeds from {{.Manifest.Seed}} on; engine {{.Manifest.Engine}}, prices {{.Manifest.Prices}}. Script {{.Manifest.Script}} ({{printf "%.12s" .Manifest.Hash}}…). {{.Manifest.Go}} on {{.Manifest.System}}.</p>
<p>Again: <code>{{.Manifest.Replay}}</code></p>
<figure>{{.Figure}}</figure>
<table>{{range $i, $rule := .Names}}<tr><td><b>{{$rule}}</b></td><td>{{index $.Says $i}}</td></tr>{{end}}</table>
<pre>{{.Text}}</pre></body></html>
`))
