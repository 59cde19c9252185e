package bench

import (
	"fmt"
	"image/color"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// shades are told apart without colour too: each protocol has its own marks
// and dashes.
var shades = map[string]struct {
	color  color.Color
	glyph  draw.GlyphDrawer
	dashes []vg.Length
}{
	"mls":         {color.RGBA{0x22, 0x70, 0x5e, 255}, draw.CircleGlyph{}, nil},
	"pairwise":    {color.RGBA{0xb0, 0x4a, 0x2f, 255}, draw.TriangleGlyph{}, []vg.Length{6, 3}},
	"sender-keys": {color.RGBA{0x4a, 0x5a, 0xa8, 255}, draw.BoxGlyph{}, []vg.Length{2, 2}},
}

const figureWidth, figureHeight = 16 * vg.Centimeter, 10 * vg.Centimeter

// drawTime draws a table's wall times with their intervals, both axes
// logarithmic.
func drawTime(w io.Writer, t Table) error {
	return drawLines(w, t, "time", milliseconds, func(p Point) (y, low, high float64) {
		s := p.Wall()
		return ms(s.Median), ms(s.Low), ms(s.High)
	})
}

// drawBytes draws the bytes of one run.
func drawBytes(w io.Writer, t Table) error {
	return drawLines(w, t, "bytes uploaded", bytesLabel, func(p Point) (y, low, high float64) {
		b := float64(p.Bytes)
		return b, b, b
	})
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func drawLines(w io.Writer, t Table, label string, format func(float64) string, of func(Point) (y, low, high float64)) error {
	p := plot.New()
	p.Title.Text = t.Title
	p.X.Label.Text, p.Y.Label.Text = t.X, label
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = powers(func(v float64) string { return fmt.Sprintf("%g", v) }), powers(format)
	dress(p)
	for _, name := range []string{"mls", "pairwise", "sender-keys"} {
		var line plotter.XYs
		var bars errorBars
		for _, pt := range t.Points {
			y, low, high := of(pt)
			if pt.Protocol != name || y <= 0 {
				continue
			}
			line = append(line, plotter.XY{X: float64(pt.X), Y: y})
			bars.XYs = append(bars.XYs, plotter.XY{X: float64(pt.X), Y: y})
			bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{y - low, high - y})
		}
		if len(line) == 0 {
			continue
		}
		l, s, err := plotter.NewLinePoints(line)
		if err != nil {
			return err
		}
		shade := shades[name]
		l.Color, l.Dashes, s.Color, s.Shape = shade.color, shade.dashes, shade.color, shade.glyph
		e, err := plotter.NewYErrorBars(bars)
		if err != nil {
			return err
		}
		e.Color = shade.color
		p.Add(l, s, e)
		p.Legend.Add(name, l, s)
	}
	c := vgsvg.New(figureWidth, figureHeight)
	whole := draw.New(c)
	whole.SetColor(color.White) // a card of its own, read in the light and in the dark
	whole.Fill(whole.Rectangle.Path())
	p.Draw(draw.Crop(whole, 3*vg.Millimeter, -9*vg.Millimeter, 3*vg.Millimeter, -4*vg.Millimeter)) // the last label hangs over
	_, err := c.WriteTo(w)
	return err
}

// dress gives a figure its looks: what is measured is dark, what helps to read
// it is grey.
func dress(p *plot.Plot) {
	ink, grey, faint := color.Gray{0x22}, color.Gray{0x88}, color.Gray{0xe6}
	p.BackgroundColor = color.White
	p.Title.Padding, p.Title.TextStyle.Color, p.Title.TextStyle.Font.Size = 4*vg.Millimeter, ink, 13
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.LineStyle.Color = grey, grey
		a.Label.TextStyle.Color, a.Label.Padding = ink, 2*vg.Millimeter
		a.Tick.Label.Color, a.Tick.Label.Font.Size = ink, 9
		a.Tick.Length, a.Padding = 6, 0
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding, p.Legend.ThumbnailWidth = 1.5*vg.Millimeter, 11*vg.Millimeter
	p.Legend.XOffs, p.Legend.YOffs = 3*vg.Millimeter, -2*vg.Millimeter
	p.Legend.TextStyle.Color, p.Legend.TextStyle.Font.Size = ink, 10
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
}

type errorBars struct {
	plotter.XYs
	plotter.YErrors
}

// powers marks 1, 2 and 5 of each power of ten, and labels them.
func powers(format func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		var ticks []plot.Tick
		for p := 1e-4; p <= high*10; p *= 10 {
			for _, m := range []float64{1, 2, 5} {
				if v := p * m; v >= low*0.999 && v <= high*1.001 {
					ticks = append(ticks, plot.Tick{Value: v, Label: format(v)})
				}
			}
		}
		return ticks
	})
}

func milliseconds(v float64) string {
	switch {
	case v < 1:
		return fmt.Sprintf("%.3g µs", v*1000)
	case v < 1000:
		return fmt.Sprintf("%.3g ms", v)
	}
	return fmt.Sprintf("%.3g s", v/1000)
}

func bytesLabel(v float64) string {
	switch {
	case v < 1e3:
		return fmt.Sprintf("%.3g B", v)
	case v < 1e6:
		return fmt.Sprintf("%.3g kB", v/1e3)
	}
	return fmt.Sprintf("%.3g MB", v/1e6)
}
