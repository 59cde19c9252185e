package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

// The prompt takes the commands of the OpenMLS command-line client, so that
// sessions written for it can be played here. There is no server to update
// from or to reset: update waits for the network to be quiet, and reset says
// so. A client there is a node here: register names the account.

const replHelp = `>>> Available commands:
>>>   - update                update the client state
>>>   - reset                 reset the server
>>>   - register {client name} register a new client
>>>   - create group {group name} create a new group
>>>   - group {group name}    group operations
>>>     - send {message}     send message to group
>>>     - invite {client name} invite a user to the group
>>>     - read               read messages sent to the group (max 100)
>>>     - update             update the client state
>>>     - exit               leave the group's prompt
>>>   - exit                  end`

const (
	replRead  = 100
	replQuiet = 300 * time.Millisecond // without an event, the state is as new as it gets
	replWait  = 10 * time.Second
)

func (a *app) replCommand() *cobra.Command {
	return verb("repl", "A prompt with the commands of the OpenMLS client", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if err := a.forPeople("repl"); err != nil {
			return err
		}
		if _, err := a.client().Status(cmd.Context()); err != nil {
			return err
		}
		r := &repl{a: a, ctx: cmd.Context()}
		fmt.Fprintln(a.out, ">>> Type help to get a list of commands")
		in := bufio.NewScanner(a.in)
		for r.ctx.Err() == nil && in.Scan() {
			if !r.line(strings.TrimSpace(in.Text())) {
				return nil
			}
		}
		return in.Err()
	})
}

type repl struct {
	a     *app
	ctx   context.Context // of the command: a prompt has no other life
	group string          // whose prompt it is
	seen  map[string]uint64
}

// line does one command; it reports false at the end.
func (r *repl) line(s string) bool {
	verb, rest, _ := strings.Cut(s, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case s == "":
	case s == "help":
		fmt.Fprintln(r.a.out, replHelp)
	case s == "exit" && r.group != "":
		r.group = ""
	case s == "exit", s == "quit":
		return false
	case s == "update":
		r.update()
	case r.group != "":
		r.inGroup(verb, rest)
	case s == "reset":
		r.print("there is no server to reset")
	case verb == "register" && rest != "":
		if id, err := r.a.client().SetName(r.ctx, rest); r.ok(err) {
			r.print("registered new client " + id.Name)
		}
	case verb == "create" && strings.HasPrefix(rest, "group "):
		if g, err := r.a.client().CreateGroup(r.ctx, api.NewGroup{Name: strings.TrimSpace(strings.TrimPrefix(rest, "group "))}); r.ok(err) {
			r.print("created group " + g.Name + " :-)")
		}
	case verb == "group" && rest != "":
		if g, err := r.a.client().Group(r.ctx, rest); r.ok(err) {
			r.group = g.Name
			r.print("in group " + g.Name)
		}
	default:
		r.print("unknown command; type help")
	}
	return true
}

func (r *repl) inGroup(verb, rest string) {
	switch {
	case verb == "send" && rest != "":
		if _, err := r.a.client().Send(r.ctx, r.group, api.NewMessage{Text: rest}); r.ok(err) {
			r.print("sent message to " + r.group)
		}
	case verb == "invite" && rest != "":
		op, err := r.a.client().Invite(r.ctx, r.group, rest)
		if err == nil {
			_, err = r.a.untilDone(r.ctx, op, "landed", replWait)
		}
		if r.ok(err) {
			r.print("added " + rest + " to group " + r.group)
		}
	case verb == "read":
		r.read()
	default:
		r.print("unknown command; type help")
	}
}

// read shows what has come since the last read, as the client of the thesis
// does.
func (r *repl) read() {
	page, err := r.a.client().Messages(r.ctx, r.group, api.MessageQuery{After: r.seen[r.group], Limit: replRead})
	if !r.ok(err) {
		return
	}
	if r.seen == nil {
		r.seen = map[string]uint64{}
	}
	r.print(fmt.Sprintf("%s has received %d messages", r.group, len(page.Messages)))
	for _, m := range page.Messages {
		r.seen[r.group] = m.Seq
		fmt.Fprintf(r.a.out, "         %s: %s\n", tui.Line(m.Name), tui.Line(m.Text))
	}
}

// update waits until nothing has happened for a moment.
func (r *repl) update() {
	ctx, cancel := context.WithTimeout(r.ctx, replWait)
	defer cancel()
	quiet := time.AfterFunc(replQuiet, cancel)
	defer quiet.Stop()
	for _, err := range r.a.client().Watch(ctx, api.WatchOptions{From: api.Now}) {
		if err != nil {
			break
		}
		quiet.Reset(replQuiet)
	}
	r.print("updated client :)")
}

func (r *repl) print(s string) { fmt.Fprintln(r.a.out, ">>> "+tui.Line(s)) }

func (r *repl) ok(err error) bool {
	if err != nil {
		r.print(api.AsError(err).Error())
	}
	return err == nil
}
