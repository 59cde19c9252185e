package report

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"regexp"
)

//go:embed viewer
var viewer embed.FS

// Viewer are the files of a page that shows a run, for the node's own page.
func Viewer() fs.FS {
	sub, err := fs.Sub(viewer, "viewer")
	if err != nil {
		panic("report: the viewer is embedded under its name")
	}
	return sub
}

// inPage is how many events a report carries inside itself; a longer run keeps
// the rest in events.jsonl, and the page says so.
const inPage = 60_000

var moduleLine = regexp.MustCompile(`(?m)^import .*$`)
var exportWord = regexp.MustCompile(`(?m)^export `)

// script is the viewer as one module.
func script() (template.JS, error) {
	var b bytes.Buffer
	for _, name := range []string{"dom.js", "run.js", "lanes.js", "replay.js"} {
		src, err := viewer.ReadFile("viewer/" + name)
		if err != nil {
			return "", err
		}
		src = moduleLine.ReplaceAll(src, nil)
		b.Write(exportWord.ReplaceAll(src, nil))
	}
	b.WriteString("\nload(document.getElementById('run').textContent);\n")
	return template.JS(b.String()), nil //nolint:gosec // our own files, embedded
}

var pageTemplate = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.M.Name}} · seed {{.M.Seed}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:1.5rem auto;padding:0 1rem}h1{margin:0}.about{font-size:1.1rem;margin:.2rem 0 1rem}
pre{overflow:auto;font:13px/1.5 ui-monospace,monospace;margin:.5rem 0}code{user-select:all;background:#8882;padding:.1rem .35rem;border-radius:4px}details{margin:1rem 0;border:1px solid #8885;border-radius:6px;padding:.4rem .8rem}summary{cursor:pointer}
table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0;vertical-align:top}.ok td:first-child{color:#2f7d5b}.bad{font-weight:600}.bad td:first-child{color:#c33}
.hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.bar{display:flex;gap:1rem;align-items:center;flex-wrap:wrap}button,select{font:inherit;padding:.1rem .7rem}.dim{opacity:.7;font-size:.9rem}figure{margin:0}
{{.Style}}</style></head><body>
<h1>{{.M.Name}}</h1><p class="about">{{.M.About}}</p>
<table>{{range .Checks}}<tr class="{{if .OK}}ok{{else}}bad{{end}}"><td>{{if .OK}}✓{{else}}✗{{end}}</td><td>{{.Text}}</td></tr>{{end}}</table>
<div class="bar"><button id="play" aria-pressed="false">Play</button><label>Time <input id="scrub" type="range" min="0" max="1000" value="1000"></label><output id="when"></output></div>
<figure><div id="lanes"></div><figcaption class="dim">One line a node, time to the right. A colour is an epoch: nodes of one colour share one state. Slanted lines are bytes on their way, a cross is a loss, a red ground a partition. Below: how the epochs came about; what lost is dashed. Click or drag the slider to move in time; Ctrl and the wheel zoom, Shift and the wheel go sideways.{{if .Cut}} The page holds the first {{.Shown}} of {{.All}} events; events.jsonl has them all.{{end}}</figcaption></figure>
<ol id="story" tabindex="0" aria-label="What happened"></ol>
<details open><summary>Outcome</summary><pre>{{.Text}}</pre></details>
<details><summary>Where it came from</summary><table>
<tr><td>seed</td><td>{{.M.Seed}}</td></tr><tr><td>rule</td><td>{{.M.Rule}}</td></tr><tr><td>engine</td><td>{{.M.Engine}}, prices {{.M.Prices}}{{with .M.Table}} ({{.}}){{end}}</td></tr>
<tr><td>script</td><td>{{.M.Script}}, SHA-256 {{.M.Hash}}</td></tr>{{range $name, $sum := .M.Files}}<tr><td>read</td><td>{{$name}}, SHA-256 {{$sum}}</td></tr>{{end}}
{{range $name, $value := .M.Params}}<tr><td>parameter</td><td>{{$name}} = {{$value}}</td></tr>{{end}}<tr><td>digest</td><td>{{.M.Digest}}</td></tr>
<tr><td>made by</td><td>{{.M.Go}} on {{.M.System}}, {{.M.Cores}} cores, change {{or .M.Change "unknown"}}, {{.M.At.Format "2006-01-02 15:04"}} UTC</td></tr></table>
<p><label>Show another run's events here <input id="run-file" type="file" accept=".jsonl"></label></p></details>
<p>Again: <code>{{.M.Replay}}</code></p>
<script type="application/json" id="run">{{.Events}}</script><script type="module">{{.Script}}</script></body></html>
`))

// page writes the report. Checks are the lines of the summary's outcome that
// say what held.
func page(m Manifest, text string, checks []Held, events []Event) ([]byte, error) {
	js, err := script()
	if err != nil {
		return nil, err
	}
	style, err := viewer.ReadFile("viewer/replay.css")
	if err != nil {
		return nil, err
	}
	shown := events[:min(len(events), inPage)]
	lines, err := json.Marshal(shown) // escapes <, > and &: it cannot end its element
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, struct {
		M          Manifest
		Text       string
		Checks     []Held
		Style      template.CSS
		Events     template.JS
		Script     template.JS
		Cut        bool
		Shown, All int
	}{m, text, checks, template.CSS(style), template.JS(lines), js, len(events) > inPage, len(shown), len(events)}) //nolint:gosec // files and JSON of ours
	return b.Bytes(), err
}
