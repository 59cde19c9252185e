package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/scenario"
	"github.com/covey-p2p/covey/testnet/sim"
	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// simShrink makes a broken run as short as it can: its transcript, where that
// breaks an invariant; else what its script does, where that breaks a demand.
func (a *app) simShrink() *cobra.Command {
	most := 2000
	c := verb("shrink RUN", "Make a broken run as short as it can be", 1, 1, func(cmd *cobra.Command, args []string) error {
		m, err := readRun(args[0])
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(args[0], "script.txt"))
		if err != nil {
			return api.NewError(api.CodeNotFound, args[0]+" holds no transcript.", "`covey sim run FILE.star` leaves one.")
		}
		script, err := testnet.Parse(string(text))
		if err != nil {
			return err
		}
		began, runs := time.Now(), 0
		fails := func(s []testnet.Verb) string {
			if cmd.Context().Err() != nil {
				return ""
			}
			runs++
			a.counted(false, began, runs, most)
			return howFails(s, m)
		}
		how := fails(script)
		if how == "" {
			return a.shrinkDemand(cmd.Context(), args[0], m, most)
		}
		short := sim.Shrink(script, fails, most)
		a.wipe(false, began)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		var lines []string
		for _, v := range short {
			lines = append(lines, v.String())
		}
		return a.shortened(args[0], m, how, lines, len(script))
	})
	c.Flags().IntVar(&most, "most", most, "runs to make at most")
	return c
}

// shrinkDemand takes out of a run what its script demands in vain without.
func (a *app) shrinkDemand(ctx context.Context, dir string, m report.Manifest, most int) error {
	f, so, err := again(m)
	if err != nil {
		return err
	}
	began := time.Now()
	s, err := f.Shrink(ctx, so, most, func(runs, _ int) { a.counted(false, began, runs, most) })
	a.wipe(false, began)
	if err != nil {
		return scriptError(err)
	}
	if s == nil {
		return api.NewError(api.CodeUsage, "Nothing in that run is broken.", "There is nothing to shrink; `covey sim report "+dir+"` says what held.")
	}
	return a.shortened(dir, m, s.How, s.Left, s.Of)
}

// shortened writes down what is left of a run.
func (a *app) shortened(dir string, m report.Manifest, how string, lines []string, of int) error {
	path := filepath.Join(dir, "short.txt")
	text := fmt.Sprintf("# seed %d, %s, rule %s: %s\n%s\n", m.Seed, m.Engine, m.Rule, how, strings.Join(lines, "\n"))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	return a.did(facts{"file": path, "of": of, "lines": lines, "how": how}, "%d lines of %d are left: %s\n%s", len(lines), of, path, text)
}

// howFails replays a transcript and says which invariants broke.
func howFails(s []testnet.Verb, m report.Manifest) string {
	o := sim.Options{Seed: m.Seed}
	if m.Engine == scenario.EngineMLS {
		o.Engine = session.MLS{}
	}
	if rule, err := rivals.Named(m.Rule); err == nil {
		o.Rule = rule.New
	}
	w := sim.New(o)
	if w.Run(s) != nil {
		return ""
	}
	if w.Settle(10*time.Minute) != nil {
		return "never at rest"
	}
	broken := w.Broken()
	if len(broken) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(broken[0], " ")
	return first
}
