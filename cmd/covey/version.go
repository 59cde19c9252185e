package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/cmd/covey/web"
	"github.com/covey-p2p/covey/node/api"
)

// version is the module's, with the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v += "-" + s.Value[:12]
			}
		}
	}
	return v
}

// changed is when the source was last changed, where that is known, else nil.
func changed() *time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, s := range info.Settings {
		if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return &t
		}
	}
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return verb("version", "The versions of this program and of the node that runs", 0, 0, func(cmd *cobra.Command, _ []string) error {
		out := struct {
			Version string `json:"version"`
			Go      string `json:"go"`
			OS      string `json:"os"`
			Node    string `json:"node,omitempty"`
		}{Version: version(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
		if s, err := a.client().Status(cmd.Context()); err == nil {
			out.Node = s.Version
		}
		return a.show(out, func(w io.Writer) {
			fmt.Fprintf(w, "covey %s (%s, %s)\n", out.Version, out.Go, out.OS)
			if out.Node != "" && out.Node != out.Version {
				fmt.Fprintf(w, "The node that runs is %s: `%s` and start again.\n", out.Node, a.next("daemon stop"))
			}
		})
	})
}

func (a *app) manCommand() *cobra.Command {
	return verb("man [DIR]", "Write manual pages into a directory, or the first page to standard output", 0, 1, func(cmd *cobra.Command, args []string) error {
		cmd.Root().DisableAutoGenTag = true
		head := &doc.GenManHeader{Title: "COVEY", Section: "1", Source: "covey " + version(), Date: changed()}
		if len(args) == 0 {
			var page strings.Builder
			if err := doc.GenMan(cmd.Root(), head, &page); err != nil {
				return err
			}
			return a.show(facts{"page": page.String()}, func(w io.Writer) { io.WriteString(w, page.String()) })
		}
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return err
		}
		if err := doc.GenManTree(cmd.Root(), head, args[0]); err != nil {
			return err
		}
		return a.did(facts{"dir": args[0]}, "Manual pages are in %s.", tui.Line(args[0]))
	})
}

func (a *app) webCommand() *cobra.Command {
	var o web.Options
	c := verb("web", "Open a page for the node that runs, on this machine only", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if o.Port > 65535 {
			return portError(o.Port, errors.New("ports end at 65535"))
		}
		if _, err := a.client().Status(cmd.Context()); err != nil {
			return err
		}
		s, err := web.Serve(a.client(), o)
		if err != nil {
			return portError(o.Port, err)
		}
		err = a.show(map[string]string{"url": s.URL()}, func(w io.Writer) {
			fmt.Fprintf(w, "%s\nThe address works once. Ctrl-C ends the page.\n", s.URL())
		})
		if err != nil {
			s.Close()
			return err
		}
		return s.Wait(cmd.Context())
	})
	c.Flags().IntVar(&o.Port, "port", 0, "port to listen on; 0 is any")
	return c
}

// portError says why a page cannot be served at a port.
func portError(port int, err error) error {
	why := err.Error()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "another program listens there"
	case errors.Is(err, syscall.EACCES):
		why = "the system keeps it for itself"
	}
	return api.NewError(api.CodeUsage, fmt.Sprintf("Port %d cannot be had: %s.", port, why), "Say another with --port, or none: any that is free will do.")
}
