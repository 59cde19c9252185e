package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/report"
)

func (a *app) explainCommand() *cobra.Command {
	c := verb("explain THING", "What something means: a simulated run, a group, an id, a name, an error code, a word", 1, 1, func(cmd *cobra.Command, args []string) error {
		if _, err := fs.Stat(os.DirFS(args[0]), "events.jsonl"); err == nil {
			return a.explainRun(args[0])
		}
		e, err := a.client().Explain(cmd.Context(), args[0])
		if _, there := os.Stat(args[0]); there == nil && (errors.Is(err, api.NotFound) || errors.Is(err, api.NoDaemon)) {
			return api.NewError(api.CodeNotFound, api.Quote(args[0])+" is no folder of a run.", "`covey sim run FILE.star` makes one; `covey inspect` takes files of MLS apart.")
		}
		if err != nil {
			return err
		}
		return a.show(e, func(w io.Writer) {
			fmt.Fprintln(w, tui.Line(e.Title))
			for _, l := range e.Lines {
				fmt.Fprintln(w, "  "+tui.Line(l))
			}
			for _, l := range e.Next {
				fmt.Fprintln(w, "  → "+tui.Line(l+a.aim()))
			}
		})
	})
	c.Long = `Explain what something means.

The folder of a simulated run (covey sim run) is told event by event: who changed
which epoch, who was apart, which rung of the rule decided, with the sections of
RFC 9420. So is a group of this node. An id of anything, a name, an error code or
a word from the screen is explained in a few lines.`
	return c
}

// explainRun tells a simulated run; no node is needed for it.
func (a *app) explainRun(dir string) error {
	m, err := readRun(dir)
	if err != nil {
		return err
	}
	events, err := report.ReadEvents(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return spoiled(err)
	}
	e := api.Explanation{Kind: "run", Title: fmt.Sprintf("%s, seed %d: %s", m.Name, m.Seed, m.About), Lines: report.Narrate(events), Next: []string{m.Replay, "covey sim replay " + dir}}
	return a.show(e, func(w io.Writer) {
		fmt.Fprintln(w, tui.Line(e.Title))
		for _, l := range e.Lines {
			fmt.Fprintln(w, tui.Line(l))
		}
	})
}
