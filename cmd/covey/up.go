package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) upCommand() *cobra.Command {
	var name, group string
	up := verb("up", "Begin, or go on: run a node and talk", 0, 0, func(cmd *cobra.Command, _ []string) error {
		return a.up(cmd.Context(), name, group)
	})
	up.Long = "Makes an account where there is none, runs a node, and opens the chat. The node\nends with the chat; `covey daemon start` leaves one running instead, and `up`\nthen joins it."
	nodeFlags(up.Flags())
	a.wireFlag(up)
	up.Flags().StringVar(&name, "name", "", "your name, for a new account")
	up.Flags().StringVar(&group, "group", "", "group to open first")
	return up
}

// forPeople refuses JSON where a person is spoken with.
func (a *app) forPeople(what string) error {
	if !a.json {
		return nil
	}
	return api.NewError(api.CodeUsage, "`covey "+what+"` talks with a person.", "Scripts use `covey watch --json` and `covey send --json`.")
}

func (a *app) up(ctx context.Context, name, group string) error {
	if err := a.forPeople("up"); err != nil {
		return err
	}
	if _, err := a.client().Status(ctx); err == nil {
		a.say("A node is running already; joining it.")
		return a.chat(ctx, group)
	}
	if name == "" && !a.hasAccount() {
		name = a.askName()
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(a.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	for {
		s, err := a.serve(name, log)
		if err != nil {
			return err
		}
		err = errors.Join(a.chatUntil(ctx, s.node.Asked(), group), s.stop())
		if err != nil || !s.node.Fleet().Again() {
			return err
		}
	}
}

// chatUntil is chat that ends, too, when the node is asked to.
func (a *app) chatUntil(ctx context.Context, asked <-chan struct{}, group string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the chat
		select {
		case <-asked:
			cancel()
		case <-ctx.Done():
		}
	}()
	return a.chat(ctx, group)
}

func (a *app) hasAccount() bool {
	_, err := os.Stat(filepath.Join(a.dir, "store.json"))
	return err == nil
}

func (a *app) askName() string {
	fallback := userName()
	if !a.interactive() {
		return fallback
	}
	fmt.Fprintf(a.out, "Your name [%s]: ", fallback)
	line, _ := bufio.NewReader(a.in).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line
	}
	return fallback
}

func (a *app) chatCommand() *cobra.Command {
	c := verb("chat [GROUP]", "Talk, on a node that runs", 0, 1, func(cmd *cobra.Command, args []string) error {
		if err := a.forPeople("chat"); err != nil {
			return err
		}
		if _, err := a.client().Status(cmd.Context()); err != nil {
			return err
		}
		return a.chat(cmd.Context(), first(args))
	})
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// chat opens the face that fits the terminal.
func (a *app) chat(ctx context.Context, group string) error {
	if group != "" {
		if _, err := a.client().Group(ctx, group); err != nil {
			return err
		}
	}
	return a.face(ctx, a.client(), tui.Options{Group: group})
}

// face is the screen, or lines where there is none.
func (a *app) face(ctx context.Context, c *api.Client, o tui.Options) error {
	if a.interactive() && os.Getenv("TERM") != "dumb" {
		return tui.Run(ctx, c, o)
	}
	if a.lines == nil {
		a.lines = tui.ReadLines(a.in)
	}
	err := tui.Plain(ctx, c, a.lines, a.out, o)
	if ctx.Err() != nil {
		return nil
	}
	return err
}
