package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/node/api"
)

func (a *app) sendCommand() *cobra.Command {
	var reply, react, wait, key string
	var timeout time.Duration
	c := verb("send GROUP [TEXT|-]", "Send a message; without TEXT, or with -, what comes on standard input", 1, -1, func(cmd *cobra.Command, args []string) error {
		goal, err := parseWait(wait)
		if err != nil {
			return err
		}
		text := strings.Join(args[1:], " ")
		if text == "" || text == "-" {
			b, err := io.ReadAll(io.LimitReader(a.in, api.MaxText+2))
			if err != nil {
				return err
			}
			text = strings.TrimRight(string(b), "\n")
		}
		switch {
		case text == "":
			return api.NewError(api.CodeUsage, "There is nothing to send.", "Give the text as an argument, or on standard input.")
		case len(text) > api.MaxText:
			return api.NewError(api.CodeTooLarge, fmt.Sprintf("A message holds %d bytes at most.", api.MaxText), "Send it in parts.")
		case !utf8.ValidString(text):
			return api.NewError(api.CodeUsage, "That is no text: it is not UTF-8.", "A message holds text; encode a file first, such as with base64.")
		}
		ctx := cmd.Context()
		if key != "" {
			ctx = api.WithKey(ctx, api.Key(key))
		}
		m := api.NewMessage{Text: text, ReplyTo: reply}
		if react != "" {
			m.Kind, m.ReplyTo = "reaction", react
		}
		sent, err := a.client().Send(ctx, args[0], m)
		if err != nil {
			return err
		}
		sent.Message, err = a.follow(cmd.Context(), sent, goal, timeout)
		if shown := a.show(sent.Message, func(w io.Writer) { fmt.Fprintln(w, progressLine(sent.Message)) }); err == nil {
			err = shown
		}
		return err
	})
	f := c.Flags()
	f.StringVar(&reply, "reply-to", "", "message that this answers, by its id")
	f.StringVar(&react, "react", "", "message that TEXT, a sign, is a reaction to, by its id")
	f.StringVar(&wait, "wait", "queued", "return once it is queued, handed, delivered[:N|all], or read[:N|all] by those who let it be known")
	f.DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait at most")
	f.StringVar(&key, "key", "", "name of the intent: the same name twice is sent once")
	return c
}

// goal is what --wait waits for.
type goal struct {
	state api.Delivery
	count int // devices, or people who have read it; -1 for all
}

func parseWait(s string) (goal, error) {
	state, count, counted := strings.Cut(s, ":")
	g := goal{state: api.Delivery(state), count: 1}
	bad := api.NewError(api.CodeUsage, fmt.Sprintf("--wait %s is not known.", s), "Say queued, handed, delivered, delivered:3, delivered:all, or read in place of delivered.")
	counts := g.state == api.Delivered || g.state == api.Read
	switch {
	case g.state != api.Queued && g.state != api.Handed && !counts, counted && !counts:
		return g, bad
	case count == "all":
		g.count = -1
	case counted:
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return g, bad
		}
		g.count = n
	}
	return g, nil
}

func (g goal) met(p api.Progress) bool {
	switch g.state {
	case api.Queued:
		return true
	case api.Handed:
		return p.State == api.Handed || p.State == api.Delivered || p.State == api.Read
	}
	if p.State != api.Delivered && p.State != api.Read {
		return false
	}
	have, of := p.Delivered, p.Of
	if g.state == api.Read {
		have, of = p.Read, p.People
	}
	if g.count < 0 {
		return have >= of
	}
	return have >= g.count
}

// follow watches a message until it is where it should be.
func (a *app) follow(ctx context.Context, sent api.Sent, g goal, timeout time.Duration) (api.Message, error) {
	m := sent.Message
	if m.Progress == nil || g.met(*m.Progress) {
		return m, nil
	}
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for e, err := range a.client().Watch(limit, api.WatchOptions{From: sent.Cursor, Types: []api.EventType{api.EventDelivery}, Group: m.Group}) {
		if err != nil {
			return m, err
		}
		if e.Delivery == nil || e.Delivery.Message != m.ID {
			continue
		}
		m.Progress = &e.Delivery.Progress
		switch {
		case g.met(*m.Progress):
			return m, nil
		case m.Progress.State == api.Held:
			return m, api.NewError(api.CodeDenied, api.Sentence(e.Text), "`covey group why GROUP` says more.")
		}
	}
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	switch p := m.Progress; {
	case p.State == api.Read && g.state == api.Read:
		return m, api.NewError(api.CodePartial, fmt.Sprintf("%d of %d people had read it within %s.", p.Read, p.People, timeout), "Only who has turned read receipts on says so; nothing needs to be sent again.")
	case g.state == api.Read:
		return m, api.NewError(api.CodeWait, fmt.Sprintf("It is %s; nobody had said within %s that they read it.", progressLine(m), timeout), "Only who has turned read receipts on says so; nothing needs to be sent again.")
	case g.state == api.Delivered && (p.State == api.Delivered || p.State == api.Read):
		return m, api.NewError(api.CodePartial, fmt.Sprintf("%d of %d devices had it within %s.", m.Progress.Delivered, m.Progress.Of, timeout), "The others fetch it when they are back; nothing needs to be sent again.")
	}
	return m, api.NewError(api.CodeWait, fmt.Sprintf("It is %s, and was not %s within %s.", m.Progress.State, g.state, timeout), "It goes on by itself; nothing needs to be sent again.")
}

func progressLine(m api.Message) string {
	p := m.Progress
	if p == nil {
		return ""
	}
	switch p.State {
	case api.Handed:
		return fmt.Sprintf("handed to %s", plural(p.Peers, "peer"))
	case api.Delivered:
		return fmt.Sprintf("delivered %d/%d", p.Delivered, p.Of)
	case api.Read:
		return fmt.Sprintf("delivered %d/%d, read by %d/%d", p.Delivered, p.Of, p.Read, p.People)
	}
	return string(p.State)
}
