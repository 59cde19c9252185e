package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/bench"
	"github.com/covey-p2p/covey/testnet/bench/nodes"
)

func (a *app) benchCommand() *cobra.Command {
	return noun("bench", "Measure what group messaging costs", a.benchThesis(), a.benchNode(), a.benchCompare())
}

func (a *app) benchThesis() *cobra.Command {
	var o bench.Options
	out := "fig"
	c := verb("thesis", "The experiments of the thesis, with pairwise and sender-keys groups beside MLS", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if o.Members < 0 || o.Members > 1<<16 {
			return api.NewError(api.CodeUsage, fmt.Sprintf("A group of %d cannot be measured.", o.Members), "Up to 65,536 members can.")
		}
		if !a.json {
			o.Progress = a.out
		}
		if err := bench.Claim(out); err != nil {
			return err
		}
		began := time.Now()
		t, err := bench.Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		if err := t.Write(out, o, began); err != nil {
			return err
		}
		return a.show(t, func(w io.Writer) {
			for _, f := range t.Facts {
				mark := "✓"
				if !f.OK {
					mark = "✗"
				}
				fmt.Fprintf(w, "%s %s: %s\n", mark, f.Name, f.Text)
			}
			fmt.Fprintf(w, "report  %s\n", filepath.Join(out, "index.html"))
		})
	})
	f := c.Flags()
	f.StringVar(&out, "out", out, "folder for figures and data")
	f.BoolVar(&o.Quick, "quick", false, "few runs and small groups: seconds, and the shapes")
	f.IntVar(&o.Members, "members", 0, "the largest group of figure 6.7 (4096)")
	return c
}

func (a *app) benchNode() *cobra.Command {
	var o nodes.Options
	out := "fig"
	c := verb("node", "Real nodes on this machine: start, memory, latency beside gossip alone, throughput, catching up", 0, 0, func(cmd *cobra.Command, _ []string) error {
		for _, n := range append([]int{o.Rounds, o.Messages, o.Missed, o.Burst, o.Idle}, o.Sizes...) {
			if n < 1 {
				return api.NewError(api.CodeUsage, fmt.Sprintf("%d of something cannot be measured.", n), "Every number is 1 at least.")
			}
		}
		if slices.Contains(o.Sizes, 1) {
			return api.NewError(api.CodeUsage, "A message goes to somebody: a group of one has no latency.", "Say sizes of 2 at least.")
		}
		if !a.json {
			o.Progress = a.out
		}
		if err := os.MkdirAll(out, 0o755); err != nil { // now, not after minutes
			return err
		}
		r, err := nodes.Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		if err := r.Write(out); err != nil {
			return err
		}
		return a.show(r, func(w io.Writer) {
			r.Table(w)
			fmt.Fprintf(w, "data  %s\n", filepath.Join(out, "nodes.csv"))
		})
	})
	f := c.Flags()
	f.StringVar(&out, "out", out, "folder for nodes.csv and nodes.json")
	f.IntVar(&o.Rounds, "rounds", 3, "rounds of each measurement")
	f.IntVar(&o.Messages, "messages", 50, "messages a round of latency")
	f.IntSliceVar(&o.Sizes, "sizes", []int{2, 10, 30}, "nodes of the groups whose latency is taken")
	f.IntVar(&o.Burst, "burst", 1000, "messages a round of throughput")
	f.IntVar(&o.Missed, "missed", 10_000, "messages of four senders to catch up with; each keeps 4,096 for who is away")
	f.IntVar(&o.Idle, "idle", 10, "daemons whose memory and idle CPU are taken")
	return c
}

func (a *app) benchCompare() *cobra.Command {
	return verb("compare DIR DIR", "Put two reports side by side, of bench thesis or bench node: an earlier one and a later", 2, 2, func(_ *cobra.Command, args []string) error {
		text, err := bench.Compare(args[0], args[1])
		if err != nil {
			return &api.Error{Code: api.CodeNotFound, Message: err.Error()} // it begins with a folder's name: no capital
		}
		return a.did(facts{"text": text}, "%s", tui.Visible(strings.TrimSuffix(text, "\n")))
	})
}
