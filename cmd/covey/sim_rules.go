package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/scenario"
	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// simRules runs a file under several rules, with the same seeds, and says what
// each keeps and costs.
func (a *app) simRules(ctx context.Context, f *scenario.File, so scenario.Options, o simOptions, runs int, rules []string) error {
	began := time.Now()
	points, err := f.Under(ctx, rules, so, runs, func(done, of int, _ *scenario.Outcome) { a.counted(o.quiet, began, done, of) })
	a.wipe(o.quiet, began)
	if err != nil {
		return scriptError(err)
	}
	c := scenario.Compare(points, runs)
	line := replayLine(f, so, o)
	if o.rule != "" {
		line += " --rule " + o.rule
	}
	if o.runs != 0 {
		line += fmt.Sprintf(" --runs %d", o.runs)
	}
	c.Manifest = report.Manifest{Name: f.Name, About: f.About, Script: f.Path, Hash: f.Hash, Seed: so.Seed, Rule: strings.Join(rules, ","), Engine: f.Engine, Prices: o.prices, Table: o.table(), Cost: costTable(so), Params: so.Params, Files: f.Files, At: time.Now().UTC(), Replay: line}
	dir, err := c.Write(o.out)
	if err != nil {
		return err
	}
	if err := a.show(c, func(w io.Writer) {
		fmt.Fprintf(w, "%s\nfolder  %s   (report.html and fig/rules.svg draw it)\nagain   %s\n", c.Text(), dir, line)
	}); err != nil {
		return err
	}
	for _, p := range points { // what another rule loses is what was asked
		if p.Rule == rivals.Real && len(p.Failed()) > 0 {
			return broken(true)
		}
	}
	return nil
}
