package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
)

func (a *app) idCommand() *cobra.Command {
	qr := false
	show := verb("show", "Who you are", 0, 0, func(cmd *cobra.Command, _ []string) error {
		id, err := a.client().Identity(cmd.Context())
		if err != nil {
			return err
		}
		return a.show(id, func(w io.Writer) {
			table(w, nil, [][]string{{"name", id.Name}, {"account", id.Account}, {"words", id.Words}})
			for _, d := range id.Devices {
				fmt.Fprintf(w, "device   %s\n", d.ID)
			}
			if qr {
				fmt.Fprint(w, tui.Code(id.Account))
			}
		})
	})
	show.Flags().BoolVar(&qr, "qr", false, "draw the account as a code for cameras")
	name := verb("name NAME", "Change what you call yourself", 1, 1, func(cmd *cobra.Command, args []string) error {
		id, err := a.client().SetName(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(id, func(w io.Writer) {
			fmt.Fprintf(w, "You are %s now, to whoever meets you from here on.\n", tui.Line(id.Name))
		})
	})
	c := noun("id", "Who you are", show, name)
	c.RunE = show.RunE
	return c
}
