package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/bench"
)

func (a *app) benchCommand() *cobra.Command {
	return noun("bench", "Measure what group messaging costs", a.benchThesis(), a.benchCompare())
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

func (a *app) benchCompare() *cobra.Command {
	return verb("compare DIR DIR", "Put two reports side by side", 2, 2, func(_ *cobra.Command, args []string) error {
		text, err := bench.Compare(args[0], args[1])
		if err != nil {
			return api.NewError(api.CodeNotFound, api.Sentence(err.Error()), "")
		}
		a.say("%s", text)
		return nil
	})
}
