package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	origin := false
	show := verb("show", "The settings as they are", 0, 0, func(*cobra.Command, []string) error {
		type shown struct {
			Name   string `json:"name"`
			Value  string `json:"value"`
			Origin string `json:"origin"`
			Help   string `json:"help"`
		}
		var all []shown
		for _, k := range known {
			value := a.settings.get(k.name)
			if k.name == "dir" {
				value = a.dir
			}
			all = append(all, shown{k.name, value, a.settings.origin[k.name], k.help})
		}
		return a.show(all, func(w io.Writer) {
			var rows [][]string
			head := []string{"setting", "value"}
			if origin {
				head = append(head, "from")
			}
			for _, s := range all {
				row := []string{s.Name, s.Value}
				if s.Value == "" {
					row[1] = "-"
				}
				if origin {
					row = append(row, s.Origin)
				}
				rows = append(rows, row)
			}
			table(w, head, rows)
		})
	})
	show.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	set := verb("set SETTING VALUE", "Write a setting into the node's file of settings", 2, 2, func(_ *cobra.Command, args []string) error {
		name, value := args[0], args[1]
		if err := a.settings.write(name, value); err != nil {
			return err
		}
		return a.show(map[string]string{"name": name, "value": value, "path": a.settings.file()}, func(w io.Writer) {
			fmt.Fprintf(w, "%s is %s from the node's next start.\n", name, value)
		})
	})
	path := verb("path", "Where the file of settings is, if there is one", 0, 0, func(*cobra.Command, []string) error {
		return a.show(map[string]string{"path": a.settings.file()}, func(w io.Writer) { fmt.Fprintln(w, a.settings.file()) })
	})
	return noun("config", "Settings", show, set, path)
}
