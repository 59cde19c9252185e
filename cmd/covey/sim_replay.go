package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/cmd/covey/web"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/report"
	"github.com/covey-p2p/covey/testnet/scenario"
)

// What can be done with the folder of a run: to run it again, to show it, to put it
// beside another.

// readRun reads what a folder says of its run.
func readRun(dir string) (report.Manifest, error) {
	m, err := report.ReadManifest(dir)
	switch {
	case errors.Is(err, report.ErrNoRun):
		return m, api.NewError(api.CodeNotFound, "There is no run in "+api.Quote(dir)+".", "`covey sim run FILE.star` makes one, in a folder below "+runsDir+".")
	case err != nil:
		return m, spoiled(err)
	}
	return m, nil
}

// spoiled says that a file of a run is not as it was written.
func spoiled(err error) error {
	return api.NewError(api.CodeUsage, "A file of the run cannot be read: "+err.Error()+".", "Run the scenario again.")
}

// simReplay runs a folder's script again and compares event by event.
func (a *app) simReplay() *cobra.Command {
	var show bool
	c := verb("replay RUN", "Run a folder's scenario again, and compare it event by event", 1, 1, func(cmd *cobra.Command, args []string) error {
		m, err := readRun(args[0])
		if err != nil {
			return err
		}
		if show {
			return a.showRun(cmd.Context(), args[0])
		}
		f, so, err := again(m)
		if err != nil {
			return err
		}
		out, err := f.Run(cmd.Context(), so)
		if err != nil {
			return scriptError(err)
		}
		if out.Digest != m.Digest {
			return api.NewError(codeProblems, "The run came out differently: digest "+out.Digest+", where it was "+m.Digest+".", "Another version of covey made it ("+m.Change+"); `covey sim diff` of two folders says where they part.")
		}
		if err := a.did(out, "The same to the last event: digest %s.\n%s", out.Digest, out.Text()); err != nil {
			return err
		}
		return broken(!out.OK())
	})
	c.Flags().BoolVar(&show, "web", false, "show it on a page instead")
	return c
}

// showRun serves the page of a run until it is interrupted.
func (a *app) showRun(ctx context.Context, dir string) error {
	page, err := web.Serve(nil, web.Options{Run: dir})
	if err != nil {
		return err
	}
	if err := a.did(facts{"url": page.URL()}, "%s\nCtrl-C ends it.", page.URL()); err != nil {
		return errors.Join(err, page.Close())
	}
	return page.Wait(ctx)
}

func (a *app) simDiff() *cobra.Command {
	return verb("diff RUN RUN", "Say where two runs part", 2, 2, func(cmd *cobra.Command, args []string) error {
		var events [2][]report.Event
		for i, dir := range args {
			if _, err := readRun(dir); err != nil {
				return err
			}
			var err error
			if events[i], err = report.ReadEvents(filepath.Join(dir, "events.jsonl")); err != nil {
				return spoiled(err)
			}
		}
		text := report.Compare(events[0], events[1])
		return a.did(facts{"same": slices.Equal(events[0], events[1]), "text": text}, "%s", text)
	})
}

func (a *app) simReport() *cobra.Command {
	return verb("report RUN", "Say what a run came to, and where its page is", 1, 1, func(cmd *cobra.Command, args []string) error {
		m, err := readRun(args[0])
		if err != nil {
			return err
		}
		summary, err := os.ReadFile(filepath.Join(args[0], "summary.json"))
		if err != nil {
			return err
		}
		return a.did(json.RawMessage(summary), "%s", tui.Visible(fmt.Sprintf("%s, seed %d, rule %s, engine %s\n%s\npage   %s\nagain  %s", m.Name, m.Seed, m.Rule, m.Engine, m.About, filepath.Join(args[0], "report.html"), m.Replay)))
	})
}

// again is the file of a run, as it was, and the options it ran with.
func again(m report.Manifest) (*scenario.File, scenario.Options, error) {
	o := simOptions{seed: m.Seed, engine: m.Engine, prices: m.Prices, quiet: true}
	for name, v := range m.Params {
		o.params = append(o.params, name+"="+strings.Trim(v, `"`))
	}
	f, err := o.load(m.Script)
	if err != nil {
		return nil, scenario.Options{}, err
	}
	if f.Hash != m.Hash {
		return nil, scenario.Options{}, api.NewError(api.CodeConflict, m.Script+" is not the script that made this run.", "Bring the old one back, or run the new one: covey sim run "+m.Script)
	}
	so, err := o.options()
	so.Rule = m.Rule
	return f, so, err
}
