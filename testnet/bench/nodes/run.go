package nodes

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options of a run.
type Options struct {
	Binary   string        // the covey program, for daemons; empty is this one
	Rounds   int           // of each measurement; 0 is 3
	Messages int           // a round of latency; 0 is 50
	Sizes    []int         // of groups whose latency is taken; nil is 2, 10 and 30
	Missed   int           // messages to catch up with; 0 is 10,000
	Burst    int           // messages a round of throughput; 0 is 1,000
	Idle     int           // daemons whose memory and idle CPU are taken; 0 is 10
	Settle   time.Duration // before that; 0 is 20 s
	Crowd    int           // nodes of the group whose throughput is taken; 0 is 10
	Rest     time.Duration // before a group is measured; 0 is 3 s: receipts, votes and the mesh are done with
	Progress io.Writer     // nil: none
}

func (o *Options) defaults() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Rounds, 3)
	set(&o.Messages, 50)
	set(&o.Missed, 10_000)
	set(&o.Burst, 1000)
	set(&o.Idle, 10)
	set(&o.Crowd, 10)
	if o.Sizes == nil {
		o.Sizes = []int{2, 10, 30}
	}
	if o.Rest == 0 {
		o.Rest = 3 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = 20 * time.Second
	}
}

// Row is one measurement: the median of its rounds, and the least and the most
// of them.
type Row struct {
	What   string  `json:"what"`
	Nodes  int     `json:"nodes"`
	Rounds int     `json:"rounds"`
	N      int     `json:"n"` // values in each round
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Unit   string  `json:"unit"`
}

// Result is a whole run.
type Result struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"`
	Go      string    `json:"go"`
	System  string    `json:"system"`
	CPU     string    `json:"cpu"`
	Cores   int       `json:"cores"`
	Load    string    `json:"load"` // of the machine at the start and at the end
	Rows    []Row     `json:"rows"`
}

type runner struct {
	Options
	ctx   context.Context
	dir   string
	began time.Time
	out   *Result
}

// Run measures, in a folder of its own that is gone afterwards.
func Run(ctx context.Context, o Options) (_ *Result, err error) {
	o.defaults()
	dir, err := os.MkdirTemp("", "cb") // sockets need short names
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := os.RemoveAll(dir); err == nil {
			err = e
		}
	}()
	r := &runner{Options: o, ctx: ctx, dir: dir, began: time.Now(), out: about()}
	steps := []func() error{r.processes, r.writes}
	for _, size := range o.Sizes {
		steps = append(steps, func() error { return r.latency(size) }, func() error { return r.gossip(size) })
	}
	for _, step := range append(steps, r.throughput, r.invitation, r.catchUp) {
		if err := step(); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	r.out.Load += " to " + load()
	r.out.Seconds = time.Since(r.began).Round(100 * time.Millisecond).Seconds()
	return r.out, nil
}

// row keeps what the rounds gave.
func (r *runner) row(what string, nodes, n int, unit string, rounds []float64) {
	s := slices.Sorted(slices.Values(rounds))
	row := Row{What: what, Nodes: nodes, Rounds: len(s), N: n, Unit: unit, Low: s[0], High: s[len(s)-1], Median: s[len(s)/2]}
	if len(s)%2 == 0 {
		row.Median = (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	r.out.Rows = append(r.out.Rows, row)
	if r.Progress != nil {
		fmt.Fprintf(r.Progress, "%6.1fs  %s, %d nodes: %.4g %s\n", time.Since(r.began).Seconds(), what, nodes, row.Median, unit)
	}
}

// place is a folder for one node.
func (r *runner) place() (string, error) { return os.MkdirTemp(r.dir, "n") }

func (r *runner) path(name string) string { return filepath.Join(r.dir, name) }

// quantile of durations, in milliseconds.
func quantile(d []time.Duration, q float64) float64 {
	s := slices.Sorted(slices.Values(d))
	return ms(s[min(len(s)-1, int(q*float64(len(s))))])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
