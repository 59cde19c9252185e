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
	for _, name := range []string{"dom.js", "lanes.js", "replay.js"} {
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
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:1.5rem auto;padding:0 1rem;color-scheme:light dark}pre{overflow:auto;border:1px solid #8886;padding:.7rem}
.hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.bar{display:flex;gap:1rem;align-items:center;flex-wrap:wrap}.bar input[type=range]{width:24rem}
svg text{fill:currentColor;font:12px system-ui,sans-serif}svg .hop{stroke:#888;stroke-width:.7;opacity:.5}svg .loss{stroke:#c33;stroke-width:1.5}svg .now{stroke:#b80}
#story{max-height:24rem;overflow:auto;font:13px/1.4 ui-monospace,monospace}</style></head><body>
<h1>{{.M.Name}}</h1><p>{{.M.About}}</p>
<p>Seed {{.M.Seed}}, rule {{.M.Rule}}, engine {{.M.Engine}}, prices {{.M.Prices}}. Script {{.M.Script}} ({{slice .M.Hash 0 12}}…). {{.M.Go}} on {{.M.System}}.</p>
<p>Again: <code>{{.M.Replay}}</code></p>
<pre>{{.Text}}</pre>
<div class="bar"><label>Another run <input id="run-file" type="file" class="hide" accept=".jsonl"></label><button id="play" aria-pressed="false">Play</button><label>Time <input id="scrub" type="range" min="0" max="1000" value="1000"></label><output id="when"></output></div>
<div id="lanes"></div><p>One line a node, time to the right. A colour is a state: nodes of one colour share it. Slanted lines are bytes on their way; a cross is a loss.{{if .Cut}} The page holds the first {{.Shown}} of {{.All}} events; events.jsonl has them all.{{end}}</p>
<ol id="story" tabindex="0"></ol>
<script type="application/json" id="run">{{.Events}}</script><script type="module">{{.Script}}</script></body></html>
`))

func page(m Manifest, text string, events []Event) ([]byte, error) {
	js, err := script()
	if err != nil {
		return nil, err
	}
	shown := events[:min(len(events), inPage)]
	lines, err := json.Marshal(shown) // escapes <, > and &: it cannot end its element
	if err != nil {
		return nil, err
	}
	if len(m.Hash) < 12 {
		m.Hash = "unknown script"
	}
	var b bytes.Buffer
	err = pageTemplate.Execute(&b, struct {
		M          Manifest
		Text       string
		Events     template.JS
		Script     template.JS
		Cut        bool
		Shown, All int
	}{m, text, template.JS(lines), js, len(events) > inPage, len(shown), len(events)}) //nolint:gosec // JSON of ours
	return b.Bytes(), err
}
