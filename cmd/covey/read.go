package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) readCommand() *cobra.Command {
	var q api.MessageQuery
	var since string
	var mark bool
	c := verb("read GROUP", "Read messages", 1, 1, func(cmd *cobra.Command, args []string) error {
		if since != "" {
			t, err := parseSince(since)
			if err != nil {
				return err
			}
			q.Since = t
		}
		page, err := a.client().Messages(cmd.Context(), args[0], q)
		if err != nil {
			return err
		}
		err = a.show(page, func(w io.Writer) {
			if len(page.Messages) == 0 {
				fmt.Fprintln(w, "No messages.")
			}
			for _, m := range page.Messages {
				fmt.Fprintln(w, messageLine(m))
			}
			if page.More {
				fmt.Fprintln(w, "There is more: --limit, --after, --before.")
			}
		})
		if err != nil || !mark {
			return err
		}
		return a.markRead(cmd.Context(), args[0], page.Messages)
	})
	f := c.Flags()
	f.BoolVar(&q.Unread, "unread", false, "only what you have not read")
	f.StringVar(&since, "since", "", "only what came since: a time such as 2026-01-31T15:04, or an age such as 2h")
	f.IntVar(&q.Limit, "limit", 0, "how many at most")
	f.Uint64Var(&q.After, "after", 0, "only those after this number")
	f.Uint64Var(&q.Before, "before", 0, "only those before this number")
	f.BoolVar(&mark, "mark", false, "mark them as read, and with read-receipts on let their authors know")
	return c
}

// markRead marks messages that were just shown as read.
func (a *app) markRead(ctx context.Context, group string, shown []api.Message) error {
	if len(shown) == 0 {
		return nil
	}
	var read api.ReadUpTo
	for _, m := range shown {
		read.Seq, read.Shown = max(read.Seq, m.Seq), append(read.Shown, m.Seq)
	}
	_, err := a.client().MarkRead(ctx, group, read)
	return err
}

func parseSince(s string) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return time.Now().Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, api.NewError(api.CodeUsage, api.Quote(s)+" is neither a time nor an age.", "Say 2h, 2026-01-31 or 2026-01-31T15:04.")
}

// messageLine is a message for people: what others wrote cannot command the
// terminal, and further lines are indented.
func messageLine(m api.Message) string {
	text := strings.ReplaceAll(tui.Visible(m.Text), "\n", "\n        ")
	who := tui.Line(m.Name)
	if m.Mine {
		who = "you"
	}
	line := fmt.Sprintf("%s  %s: %s", m.Received.Local().Format("15:04"), who, text)
	if m.Mine && m.Progress != nil {
		line += "  [" + progressLine(m) + "]"
	}
	if m.Orphan {
		line += "  [from a branch that lost]"
	}
	return line
}

func (a *app) tailCommand() *cobra.Command {
	var follow, mark bool
	var lines int
	c := verb("tail GROUP", "The latest messages, and with -f those to come", 1, 1, func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		status, err := a.client().Status(ctx)
		if err != nil {
			return err
		}
		g, err := a.client().Group(ctx, args[0])
		if err != nil {
			return err
		}
		last := g.Seq
		if lines > 0 { // a limit of 0 would be the usual one
			page, err := a.client().Messages(ctx, g.ID, api.MessageQuery{Limit: lines})
			if err != nil {
				return err
			}
			if err := a.tell(ctx, g.ID, page.Messages, mark); err != nil {
				return err
			}
			if n := len(page.Messages); n > 0 {
				last = page.Messages[n-1].Seq
			}
		}
		if !follow {
			return nil
		}
		for e, err := range a.client().Watch(ctx, api.WatchOptions{From: status.Cursor, Types: []api.EventType{api.EventMessage}, Group: g.ID}) {
			if err != nil {
				return err
			}
			if e.Message == nil || e.Message.Seq <= last {
				continue
			}
			if err := a.tell(ctx, g.ID, []api.Message{*e.Message}, mark); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with those to come")
	c.Flags().BoolVar(&mark, "mark", false, "mark them as read, and with read-receipts on let their authors know")
	c.Flags().IntVarP(&lines, "lines", "n", 10, "how many")
	return c
}

// tell writes messages, and marks them as read where that is wanted.
func (a *app) tell(ctx context.Context, group string, messages []api.Message, mark bool) error {
	for _, m := range messages {
		if err := a.line(m); err != nil {
			return err
		}
	}
	if !mark {
		return nil
	}
	return a.markRead(ctx, group, messages)
}

// line writes one message: a line, or a JSON object.
func (a *app) line(m api.Message) error {
	return a.show(m, func(w io.Writer) { fmt.Fprintln(w, messageLine(m)) })
}

func (a *app) watchCommand() *cobra.Command {
	var from, group string
	var types []string
	var once bool
	c := verb("watch", "Everything that happens, as it happens", 0, 0, func(cmd *cobra.Command, _ []string) error {
		o := api.WatchOptions{From: api.Now, Group: group, Once: once}
		if _, err := a.client().Status(cmd.Context()); err != nil {
			return err // once it runs, it may come and go
		}
		if from != "now" {
			var err error
			if o.From, err = strconv.ParseUint(from, 10, 64); err != nil {
				return api.NewError(api.CodeUsage, api.Quote(from)+" is no cursor.", "Give the cursor of the last event that you handled, 0 for everything, or now.")
			}
		}
		for _, t := range types {
			o.Types = append(o.Types, api.EventType(t))
		}
		if group != "" {
			g, err := a.client().Group(cmd.Context(), group)
			if err != nil {
				return err
			}
			o.Group = g.ID
		}
		for e, err := range a.client().Watch(cmd.Context(), o) {
			if err != nil {
				return err
			}
			err := a.show(e, func(w io.Writer) {
				fmt.Fprintf(w, "%d  %s  %-10s  %s\n", e.Cursor, e.At.Local().Format("15:04:05"), e.Type, tui.Line(e.Text))
			})
			if err != nil {
				return err
			}
		}
		return cmd.Context().Err()
	})
	f := c.Flags()
	f.StringVar(&from, "from", "now", "cursor after which to begin; 0 is everything")
	f.StringSliceVar(&types, "types", nil, "only these: "+strings.Trim(fmt.Sprint(api.EventTypes), "[]"))
	f.StringVar(&group, "group", "", "only of this group")
	f.BoolVar(&once, "once", false, "end where the past ends")
	return c
}
