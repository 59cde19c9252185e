package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

const (
	startWait  = 20 * time.Second // for a daemon to answer
	stopWait   = 20 * time.Second // for one to end
	maxLogSize = 8 << 20          // bytes, before the log begins anew at a start
	logTail    = 64 << 10         // bytes of the log that are shown
)

func (a *app) daemonCommand() *cobra.Command {
	var name string
	run := verb("run", "Run a node in the foreground", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.daemonRun(cmd.Context(), name) })
	start := verb("start", "Leave a node running in the background", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.daemonStart(cmd, name) })
	for _, c := range []*cobra.Command{run, start} {
		nodeFlags(c.Flags())
		c.Flags().StringVar(&name, "name", "", "your name, for a new account")
	}
	a.wireFlag(run)
	follow := false
	logs := verb("logs", "Show what the node in the background wrote", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.daemonLogs(cmd.Context(), follow) })
	logs.Flags().BoolVarP(&follow, "follow", "f", false, "go on as it is written")
	return noun("daemon", "Run a node, or leave one running",
		run, start,
		verb("stop", "Stop the node", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.daemonStop(cmd.Context()) }),
		verb("status", "The node at a glance", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) }),
		logs,
	)
}

// wireFlag is for commands that run a node, in testnets and tests.
func (a *app) wireFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.wire, "wire", "", "rules of a bad network to send through, for testnets")
	must(c.Flags().MarkHidden("wire"))
}

func (a *app) logFile() string { return filepath.Join(a.dir, "log") }

// daemonRun runs a node until a signal or a request over its socket ends it; one
// that ends because it has come to another account is started anew.
func (a *app) daemonRun(ctx context.Context, name string) error {
	for {
		again, err := a.runOnce(ctx, name)
		if err != nil || !again {
			return err
		}
	}
}

func (a *app) runOnce(ctx context.Context, name string) (again bool, err error) {
	s, err := a.serve(name, a.err)
	if err != nil {
		return false, err
	}
	status, err := a.client().Status(ctx)
	if err != nil {
		return false, errors.Join(err, s.stop())
	}
	err = a.show(status, func(w io.Writer) {
		fmt.Fprintf(w, "covey %s: %s is up on network %s; socket %s\n", status.Version, tui.Line(status.Name), status.Network, api.SocketPath(a.dir))
	})
	select {
	case <-ctx.Done():
	case <-s.node.Asked():
	}
	return s.node.Fleet().Again(), errors.Join(err, s.stop())
}

// daemonStart runs `daemon run` as a process of its own and waits until it
// answers.
func (a *app) daemonStart(cmd *cobra.Command, name string) error {
	if status, err := a.client().Status(cmd.Context()); err == nil {
		return a.show(status, func(w io.Writer) { fmt.Fprintln(w, "The node is running already.") })
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(a.logFile()); err == nil && info.Size() > maxLogSize {
		flags |= os.O_TRUNC
	}
	log, err := os.OpenFile(a.logFile(), flags, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	since, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"daemon", "run", "--dir", a.dir}
	if name != "" {
		args = append(args, "--name", name)
	}
	for _, k := range known {
		if f := cmd.Flags().Lookup(k.name); k.advanced && f != nil && f.Changed {
			args = append(args, "--"+k.name+"="+f.Value.String())
		}
	}
	child := exec.Command(self, args...)
	child.Stdout, child.Stderr = log, log
	detach(child)
	if err := child.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }() // ends with the daemon or with this process
	status, err := a.await(cmd.Context(), ended, since)
	if err != nil {
		return err
	}
	return a.show(status, func(w io.Writer) {
		fmt.Fprintf(w, "%s is up in the background (process %d). `%s` ends it.\n", tui.Line(status.Name), child.Process.Pid, a.next("daemon stop"))
	})
}

// await waits until a daemon that was started answers.
func (a *app) await(ctx context.Context, ended <-chan error, since int64) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		if status, err := a.client().Status(ctx); err == nil && status.Ready {
			return status, nil
		}
		select {
		case err := <-ended:
			return api.Status{}, lastWords(a.logFile(), since, err)
		case <-ctx.Done():
			return api.Status{}, api.NewError(api.CodeNotReady, fmt.Sprintf("The node has not answered within %s.", startWait), "`covey daemon logs` says what it does.")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lastWords are what a node that ended right after its start complained of, in its
// log from an offset on; its exit code says of what kind that is.
func lastWords(log string, since int64, ended error) error {
	e := api.NewError(api.CodeInternal, "The node ended right after its start.", "`covey daemon logs` shows what it wrote.")
	if exit, ok := errors.AsType[*exec.ExitError](ended); ok {
		for _, code := range []api.Code{api.CodeUsage, api.CodeDenied, api.CodeNotFound} {
			if exitCodes[code] == exit.ExitCode() {
				e.Code = code
			}
		}
	}
	f, err := os.Open(log)
	if err != nil {
		return e
	}
	defer f.Close()
	if _, err := f.Seek(since, io.SeekStart); err != nil {
		return e
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if message, ok := strings.CutPrefix(lines.Text(), "covey: "); ok {
			e.Message, e.Hint = message, ""
		} else if hint, ok := strings.CutPrefix(lines.Text(), "       "); ok {
			e.Hint = hint
		}
	}
	return e
}

func (a *app) daemonStop(ctx context.Context) error {
	if err := a.client().Shutdown(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	for {
		_, err := a.client().Status(ctx)
		if errors.Is(err, api.NoDaemon) {
			return a.show(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "The node has stopped.") })
		}
		select {
		case <-ctx.Done():
			return api.NewError(api.CodeWait, fmt.Sprintf("The node has not stopped within %s.", stopWait), "It may be writing; look again with `covey daemon status`.")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a *app) status(ctx context.Context) error {
	s, err := a.client().Status(ctx)
	if err != nil {
		return err
	}
	return a.show(s, func(w io.Writer) {
		table(w, nil, [][]string{
			{"name", s.Name}, {"account", short(s.Account)}, {"network", s.Network}, {"up", ago(s.Started)},
			{"peers", fmt.Sprint(s.Peers)}, {"groups", fmt.Sprint(s.Groups)}, {"unread", fmt.Sprint(s.Unread)},
			{"queued", fmt.Sprint(s.Queued)}, {"requests", fmt.Sprint(s.Requests)}, {"reachable", s.Reachability}, {"version", s.Version},
		})
		for _, t := range s.Trouble {
			fmt.Fprintln(w, "! "+tui.Line(t))
		}
	})
}

// daemonLogs shows the end of the log, and what is added to it.
func (a *app) daemonLogs(ctx context.Context, follow bool) error {
	f, err := os.Open(a.logFile())
	if errors.Is(err, os.ErrNotExist) {
		return api.NewError(api.CodeNotFound, "No node has run in the background here.", "Start one with `covey daemon start`.")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTail {
		f.Seek(-logTail, io.SeekEnd)
	}
	for lines := bufio.NewReader(f); ; {
		if err := a.copyLines(lines); err != nil || !follow {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// copyLines shows what is there of a log: as it is, or a JSON object a line.
func (a *app) copyLines(from *bufio.Reader) error {
	if !a.json {
		_, err := io.Copy(a.out, from)
		return err
	}
	for {
		line, err := from.ReadString('\n')
		if line != "" {
			if err := a.emit(facts{"line": strings.TrimSuffix(line, "\n")}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
