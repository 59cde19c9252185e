package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	laneWidth, laneLeft, laneHeight, laneTop = 1100, 90, 26, 24
	// maxHops is how many lines a diagram draws: more shows nothing but ink.
	maxHops = 3000
)

// SpaceTime draws a run: a lane for each node, coloured by the state it is in,
// bytes on their way as thin lines, losses as crosses.
func SpaceTime(events []Event) []byte {
	lanes := map[string]int{}
	var names []string
	end := int64(1)
	for _, e := range events {
		end = max(end, e.T)
		if _, ok := lanes[e.Node]; !ok && e.Node != "" {
			lanes[e.Node] = 0
			names = append(names, e.Node)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	for i, n := range names {
		lanes[n] = laneTop + i*laneHeight
	}
	x := func(t int64) float64 { return laneLeft + float64(laneWidth-laneLeft-20)*float64(t)/float64(end) }
	height := laneTop + len(names)*laneHeight + 30
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", laneWidth, height)
	stays(&b, events, end, lanes, x)
	ways(&b, events, lanes, x)
	for _, n := range names {
		fmt.Fprintf(&b, `<text x="6" y="%d">%s</text>`+"\n", lanes[n]+4, html.EscapeString(n))
	}
	for i := range 11 {
		t := end * int64(i) / 10
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#666">%v</text>`+"\n", x(t), height-8, time.Duration(t).Round(100*time.Millisecond))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// colours gives each state a colour, in the order in which they appear, far
// from the one before; the viewer does the same.
func colours(events []Event) map[string]string {
	out := map[string]string{}
	for _, e := range events {
		if e.Epoch != "" && (e.Kind == "born" || e.Kind == "notice") && out[e.Epoch] == "" {
			i := len(out)
			hue := int(math.Round(205+float64(i)*137.508)) % 360
			out[e.Epoch] = fmt.Sprintf("hsl(%d,%d%%,%d%%)", hue, 60-8*(i%2), []int{44, 52, 38}[i%3])
		}
	}
	return out
}

// stays draws how long each node was in each state.
func stays(b *bytes.Buffer, events []Event, end int64, lanes map[string]int, x func(int64) float64) {
	type stay struct {
		from  int64
		epoch string
	}
	at, colour := map[string]stay{}, colours(events)
	leave := func(n string, to int64) {
		if s, ok := at[n]; ok && s.epoch != "" {
			fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="12" rx="2" fill="%s"/>`+"\n", x(s.from), lanes[n]-6, max(1, x(to)-x(s.from)), colour[s.epoch])
		}
		delete(at, n)
	}
	for _, e := range events {
		switch {
		case e.Kind == "down":
			leave(e.Node, e.T)
		case e.Kind == "notice" && e.Epoch != "" && (strings.HasPrefix(e.Text, "epoch") || strings.HasPrefix(e.Text, "joined")) && at[e.Node].epoch != e.Epoch:
			leave(e.Node, e.T)
			at[e.Node] = stay{e.T, e.Epoch}
		}
	}
	left := make([]string, 0, len(at))
	for n := range at {
		left = append(left, n)
	}
	slices.Sort(left)
	for _, n := range left {
		leave(n, end)
	}
}

// ways draws what was under way, and what was lost.
func ways(b *bytes.Buffer, events []Event, lanes map[string]int, x func(int64) float64) {
	sent := map[string]Event{}
	drawn := 0
	for _, e := range events {
		switch e.Kind {
		case "publish":
			sent[e.ID] = e
		case "hop":
			from, to := lanes[e.Peer], lanes[e.Node]
			if drawn++; drawn > maxHops || from == 0 || to == 0 {
				continue
			}
			t := e.T
			if s, ok := sent[e.ID]; ok && s.Node == e.Peer {
				t = s.T
			}
			fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#777" stroke-width=".6" opacity=".5"/>`+"\n", x(t), from, x(e.T), to)
		case "lost":
			if y := lanes[e.Node]; y != 0 {
				fmt.Fprintf(b, `<path d="M%.1f %dl6 6m0-6l-6 6" stroke="#a12626" stroke-width="1.5"/>`+"\n", x(e.T)-3, y-3)
			}
		}
	}
}

// series draws one number over time.
func series(samples []Sample, label string, of func(Sample) float64) []byte {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "seconds", label
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	var line plotter.XYs
	for _, s := range samples {
		line = append(line, plotter.XY{X: s.At.Seconds(), Y: of(s)})
	}
	if l, err := plotter.NewLine(line); err == nil {
		p.Add(l)
	}
	c := vgsvg.New(16*vg.Centimeter, 6*vg.Centimeter)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil // a buffer takes everything
	}
	return b.Bytes()
}
