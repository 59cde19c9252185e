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
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/local"
	"github.com/covey-p2p/covey/testnet/scenario"
)

// openWithin is how long the nodes may take to be in the group and agree; a
// hundred on a busy machine take a minute.
const openWithin = 3 * time.Minute

// A testnet: real daemons on this machine, faults between them, and a way into
// each.

func (a *app) testnetCommand() *cobra.Command {
	dir := ""
	c := noun("testnet", "Run a network of nodes on this machine, and hurt it",
		a.testnetUp(&dir),
		a.testnetDo(&dir, "partition SIDE SIDE…", "Separate nodes: partition n1,n2 n3-n5", 2, -1, partitionLine),
		a.testnetDo(&dir, "heal", "End every partition", 0, 0, func([]string) (string, error) { return "heal", nil }),
		a.testnetDo(&dir, "latency DURATION [FROM TO]", "Make links slow: latency 200ms, or uniform(50ms,150ms)", 1, 3, verbLine("latency")),
		a.testnetDo(&dir, "loss PROBABILITY [FROM TO]", "Make links lose packets: loss 0.1", 1, 3, verbLine("loss")),
		a.testnetDo(&dir, "kill NODE…", "Kill nodes at once, as kill -9 does", 1, -1, each("kill")),
		a.testnetDo(&dir, "start NODE…", "Start nodes that were killed", 1, -1, each("start")),
		a.testnetDo(&dir, "verb LINE", "Do any line of a transcript: verb 'send n1 lab \"hi\"'", 1, 1, func(s []string) (string, error) { return s[0], nil }),
		a.testnetLs(&dir), a.testnetExec(&dir), a.testnetShell(&dir), a.testnetLogs(&dir), a.testnetRecord(&dir), a.testnetDown(&dir))
	c.PersistentFlags().StringVar(&dir, "at", filepath.Join(os.TempDir(), "covey-testnet-"+strconv.Itoa(os.Getuid())), "folder of the testnet")
	return c
}

// testnetDo makes a command that is one or more verbs of a transcript.
func (a *app) testnetDo(dir *string, use, short string, least, most int, lines func([]string) (string, error)) *cobra.Command {
	return verb(use, short, least, most, func(cmd *cobra.Command, args []string) error {
		text, err := lines(args)
		if err != nil {
			return api.NewError(api.CodeUsage, api.Sentence(err.Error()), "")
		}
		r, err := remote(*dir)
		if err != nil {
			return err
		}
		var said strings.Builder
		for line := range strings.SplitSeq(text, "\n") {
			out, err := r.Verb(cmd.Context(), line)
			if err != nil {
				return api.NewError(api.CodeUsage, api.Sentence(err.Error()), "`covey testnet ls` lists the nodes.")
			}
			said.WriteString(out)
		}
		return a.show(facts{"done": strings.Split(text, "\n"), "output": said.String()}, func(w io.Writer) { io.WriteString(w, said.String()) })
	})
}

func remote(dir string) (*local.Remote, error) {
	r, err := local.Connect(dir)
	if errors.Is(err, local.ErrNone) {
		return nil, api.NewError(api.CodeNotFound, "No testnet runs in "+dir+".", "`covey testnet up 5` starts one; --at names another folder.")
	}
	return r, err
}

func verbLine(name string) func([]string) (string, error) {
	return func(args []string) (string, error) {
		if len(args) == 2 {
			return "", fmt.Errorf("a link has two ends: %s VALUE FROM TO", name)
		}
		return name + " " + strings.Join(args, " "), nil
	}
}

func each(name string) func([]string) (string, error) {
	return func(args []string) (string, error) {
		nodes, err := nodeList(args)
		for i := range nodes {
			nodes[i] = name + " " + nodes[i]
		}
		return strings.Join(nodes, "\n"), err
	}
}

func partitionLine(args []string) (string, error) {
	line := "partition cut"
	for _, side := range args {
		nodes, err := nodeList([]string{side})
		if err != nil {
			return "", err
		}
		line += " (" + strings.Join(nodes, " ") + ")"
	}
	return line, nil
}

// nodeList reads "n1,n2", "n3-n5", "3-5", or several of them.
func nodeList(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		for part := range strings.SplitSeq(arg, ",") {
			from, to, span := strings.Cut(part, "-")
			first, err := strconv.Atoi(strings.TrimPrefix(from, "n"))
			if err != nil {
				out = append(out, part) // a name that is no number
				continue
			}
			last := first
			if span {
				if last, err = strconv.Atoi(strings.TrimPrefix(to, "n")); err != nil || last < first {
					return nil, fmt.Errorf("%q is no span of nodes: write n3-n5", part)
				}
			}
			for i := first; i <= last; i++ {
				out = append(out, "n"+strconv.Itoa(i))
			}
		}
	}
	return out, nil
}

func (a *app) testnetUp(dir *string) *cobra.Command {
	var chat, keep bool
	group := "lab"
	c := verb("up N", "Start N nodes with a group open among them; Ctrl-C ends them", 1, 1, func(cmd *cobra.Command, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 || n > 100 {
			return api.NewError(api.CodeUsage, fmt.Sprintf("%q nodes cannot be started.", args[0]), "Say a number from 1 to 100: covey testnet up 5")
		}
		return a.runTestnet(cmd.Context(), *dir, n, group, chat, keep)
	})
	c.Flags().BoolVar(&chat, "chat", false, "open the chat of node n1, with the network beside it; the others answer")
	c.Flags().BoolVar(&keep, "keep", false, "leave the folder when the testnet ends")
	c.Flags().StringVar(&group, "group", group, "name of the group")
	return c
}

func (a *app) runTestnet(ctx context.Context, dir string, count int, group string, chat, keep bool) (err error) {
	if chat {
		if err := a.forPeople("testnet up --chat"); err != nil {
			return err
		}
	}
	began := time.Now()
	if _, err := local.Connect(dir); err == nil {
		return api.NewError(api.CodeConflict, "A testnet runs in "+dir+" already.", "`covey testnet down` ends it, --at names another folder.")
	}
	if !keep {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 && !wasTestnet(dir) {
			return api.NewError(api.CodeConflict, dir+" holds something that is no testnet.", "Name another folder with --at.")
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	net, err := local.New(local.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	sup, err := local.Supervise(net)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sup.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the testnet
		select {
		case <-sup.Down():
			cancel()
		case <-ctx.Done():
		}
	}()
	names := make([]string, count)
	for i := range names {
		names[i] = "n" + strconv.Itoa(i+1)
	}
	defer context.AfterFunc(ctx, net.Interrupt)()
	if err := net.Open(group, names, openWithin); err != nil {
		if ctx.Err() != nil {
			return nil // somebody has ended it before it was up
		}
		return err
	}
	a.say("%s up on 127.0.0.1 in %.1f s; group %q: %d members.", plural(count, "node"), time.Since(began).Seconds(), group, count)
	if a.json {
		if err := a.emit(sup.State()); err != nil {
			return err
		}
	}
	if chat {
		net.Friends(ctx, group)
		return a.testnetChat(ctx, net, sup, group)
	}
	a.say("  covey testnet exec n1 -- send %s hello     covey testnet partition n1 n2-n%d     covey testnet ls\nCtrl-C ends it.", group, count)
	<-ctx.Done()
	return nil
}

// wasTestnet reports whether a folder is what an earlier testnet left.
func wasTestnet(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "n1"))
	if err != nil {
		_, err = os.Lstat(filepath.Join(dir, "supervisor.sock"))
	}
	return err == nil
}

// testnetChat is the chat of the first node, with faults as commands.
func (a *app) testnetChat(ctx context.Context, net *local.Net, sup *local.Supervisor, group string) error {
	client, err := net.Client("n1")
	if err != nil {
		return err
	}
	do := func(name, args, about string, lines func([]string) (string, error)) tui.Command {
		return tui.Command{Name: name, Args: args, About: about, CLI: "covey testnet " + name + " " + args, Run: func(_ context.Context, words []string) (string, error) {
			text, err := lines(words)
			for line := range strings.SplitSeq(text, "\n") {
				if err == nil {
					_, err = sup.Do(line)
				}
			}
			if err != nil {
				return "", api.NewError(api.CodeUsage, api.Sentence(err.Error()), "")
			}
			return "done: " + strings.ReplaceAll(text, "\n", ", "), nil
		}}
	}
	o := tui.Options{Group: group, Beside: func() []string { return networkPanel(sup) }, Extra: []tui.Command{
		{Name: "split", Args: "SIDE SIDE", About: "Separate nodes: /split 1-2 3-5", CLI: "covey testnet partition SIDE SIDE", Run: do("split", "SIDE SIDE", "", partitionLine).Run},
		do("heal", "", "End every partition.", func([]string) (string, error) { return "heal", nil }),
		do("kill", "NODE", "Kill a node at once.", each("kill")),
		do("start", "NODE", "Start a node that was killed.", each("start")),
		do("latency", "DURATION", "Make every link slow: /latency 200ms", verbLine("latency")),
		do("loss", "PROBABILITY", "Make every link lose packets: /loss 0.1", verbLine("loss")),
	}}
	return a.face(ctx, client, o)
}

func networkPanel(sup *local.Supervisor) []string {
	s := sup.State()
	var out []string
	for _, n := range s.Nodes {
		sign := "●"
		if !n.Up {
			sign = "✗ down"
		}
		out = append(out, n.Name+" "+sign)
	}
	for _, c := range s.Cuts {
		out = append(out, "split "+c)
	}
	return out
}

func (a *app) testnetLs(dir *string) *cobra.Command {
	return verb("ls", "List the nodes", 0, 0, func(cmd *cobra.Command, _ []string) error {
		r, err := remote(*dir)
		if err != nil {
			return err
		}
		s, err := r.State(cmd.Context())
		if err != nil {
			return err
		}
		return a.show(s, func(w io.Writer) {
			var rows [][]string
			for _, n := range s.Nodes {
				state := "up"
				if !n.Up {
					state = "down"
				}
				rows = append(rows, []string{n.Name, state, strconv.Itoa(n.Port), short(n.Account), n.Dir})
			}
			table(w, []string{"node", "state", "port", "account", "folder"}, rows)
			for _, c := range s.Cuts {
				fmt.Fprintln(w, "partition "+c)
			}
		})
	})
}

// testnetNode finds a node's folder.
func testnetNode(ctx context.Context, dir, name string) (local.NodeState, error) {
	r, err := remote(dir)
	if err != nil {
		return local.NodeState{}, err
	}
	s, err := r.State(ctx)
	if err != nil {
		return local.NodeState{}, err
	}
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return local.NodeState{}, api.NewError(api.CodeNotFound, "There is no node "+name+".", "`covey testnet ls` lists them.")
}

func (a *app) testnetExec(dir *string) *cobra.Command {
	return verb("exec NODE -- COMMAND…", "Run a covey command as one of the nodes", 2, -1, func(cmd *cobra.Command, args []string) error {
		n, err := testnetNode(cmd.Context(), *dir, args[0])
		if err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		flags := []string{"--dir", n.Dir} // first: behind a -- of the command's own they would be words
		if a.json {
			flags = append(flags, "--json")
		}
		return a.child(exec.CommandContext(cmd.Context(), self, append(flags, args[1:]...)...))
	})
}

func (a *app) testnetShell(dir *string) *cobra.Command {
	return verb("shell NODE", "Open a shell in which covey is one of the nodes", 1, 1, func(cmd *cobra.Command, args []string) error {
		n, err := testnetNode(cmd.Context(), *dir, args[0])
		if err != nil {
			return err
		}
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		c := exec.CommandContext(cmd.Context(), shell)
		c.Env = append(os.Environ(), "COVEY_DIR="+n.Dir)
		return a.child(c)
	})
}

// child runs a command in our place and takes over its exit code.
func (a *app) child(c *exec.Cmd) error {
	c.Stdin, c.Stdout, c.Stderr = a.in, a.out, a.err
	err := c.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(e.ExitCode())
	}
	return err
}

func (a *app) testnetLogs(dir *string) *cobra.Command {
	return verb("logs NODE", "Show what a node wrote", 1, 1, func(cmd *cobra.Command, args []string) error {
		n, err := testnetNode(cmd.Context(), *dir, args[0])
		if err != nil {
			return err
		}
		f, err := os.Open(filepath.Join(n.Dir, "log"))
		if err != nil {
			return err
		}
		defer f.Close()
		return a.copyLines(bufio.NewReader(f))
	})
}

func (a *app) testnetRecord(dir *string) *cobra.Command {
	c := verb("record", "Print what was done so far, as a scenario that does it again", 0, 0, func(cmd *cobra.Command, _ []string) error {
		r, err := remote(*dir)
		if err != nil {
			return err
		}
		text, err := r.Record(cmd.Context())
		if err != nil {
			return err
		}
		verbs, err := testnet.Parse(text)
		if err != nil {
			return err
		}
		fmt.Fprint(a.out, scenario.FromRecord(verbs))
		return nil
	})
	c.Long = c.Short + ":\n\n    covey testnet record > again.star\n    covey sim run again.star\n\n" +
		"It holds what testnet commands did. What nodes were told by exec, in a shell or in\n" +
		"a chat is not in it; what `covey testnet verb 'send n1 lab \"hi\"'` did is."
	return c
}

func (a *app) testnetDown(dir *string) *cobra.Command {
	return verb("down", "End the testnet", 0, 0, func(cmd *cobra.Command, _ []string) error {
		r, err := remote(*dir)
		if err != nil {
			return err
		}
		if err := r.Down(cmd.Context()); err != nil {
			return err
		}
		for {
			if _, err := local.Connect(*dir); err != nil {
				return a.did(struct{}{}, "The testnet has ended.")
			}
			select {
			case <-cmd.Context().Done():
				return cmd.Context().Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}
