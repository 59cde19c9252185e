package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/covey-p2p/covey/node/api"
)

// Lines are what a person types or a pipe brings, line by line. A reader may be
// given up between two lines, and the next one goes on from there.
type Lines struct {
	next chan string
	err  error // set before next is closed
}

// maxLine is the length of a line, in bytes.
const maxLine = 64 << 10

// ReadLines reads lines from r.
func ReadLines(r io.Reader) *Lines {
	l := &Lines{next: make(chan string)}
	go func() { // ends with the input, or with the program, as nothing ends a read
		defer close(l.next)
		in := bufio.NewScanner(r)
		in.Buffer(nil, maxLine)
		for in.Scan() {
			l.next <- in.Text()
		}
		l.err = in.Err()
	}()
	return l
}

// Plain is the same face as lines: for a screen reader, a pipe, or a terminal
// that can do no more. It reads lines until they or the context end.
func Plain(ctx context.Context, c *api.Client, in *Lines, out io.Writer, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &plain{desk: newDesk(c, o.Extra), out: out}
	start := p.desk.refresh()
	if o.Group != "" {
		start = p.desk.then(p.desk.enter(o.Group), p.desk.refresh())
	}
	p.do(ctx, start)
	p.mu.Lock()
	p.greet()
	p.mu.Unlock()
	p.tellShown(ctx)

	watched := make(chan struct{})
	go func() { // prints events; ends with the context
		defer close(watched)
		for e, err := range c.Watch(ctx, api.WatchOptions{From: api.Now}) {
			if err != nil {
				p.print(api.AsError(err).Error())
				return
			}
			p.event(ctx, e)
		}
	}()
	err := p.lines(ctx, in)
	cancel()
	<-watched
	return err
}

func (p *plain) lines(ctx context.Context, in *Lines) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case text, more := <-in.next:
			if !more {
				return in.err
			}
			if strings.TrimSpace(text) == "/quit" {
				return nil
			}
			p.line(ctx, text)
		}
	}
	return nil
}

// plain owns the desk behind a lock: lines come from two goroutines, the
// keyboard's and the event log's.
type plain struct {
	mu    sync.Mutex
	desk  *desk
	out   io.Writer
	shown []api.Message // printed since authors were told last
}

// do runs a job and what follows from it, to the end.
func (p *plain) do(ctx context.Context, j job) {
	for j != nil {
		a := j(ctx)
		if a == nil {
			return
		}
		p.mu.Lock()
		j = a(p.desk)
		if p.desk.notice != "" {
			p.printLocked(p.desk.notice)
			p.desk.notice = ""
		}
		p.mu.Unlock()
	}
}

func (p *plain) line(ctx context.Context, s string) {
	p.mu.Lock()
	group := p.desk.open.ID
	j := p.desk.enterLine(s)
	p.mu.Unlock()
	p.do(ctx, j)
	p.mu.Lock()
	if p.desk.open.ID != group {
		p.greet()
	}
	p.mu.Unlock()
	p.tellShown(ctx)
}

func (p *plain) event(ctx context.Context, e api.Event) {
	p.mu.Lock()
	j := p.desk.event(e)
	if s := p.tell(e); s != "" {
		p.printLocked(s)
	}
	p.mu.Unlock()
	p.do(ctx, j)
	p.tellShown(ctx)
}

// tellShown has authors told of what was printed.
func (p *plain) tellShown(ctx context.Context) {
	p.mu.Lock()
	j := p.desk.tell(p.shown)
	p.shown = nil
	p.mu.Unlock()
	p.do(ctx, j)
}

// tell is an event as one line; "" for one that is not worth a line.
func (p *plain) tell(e api.Event) string {
	switch e.Type {
	case api.EventMessage:
		if e.Message.Mine {
			return ""
		}
		return p.spoken(*e.Message)
	case api.EventDelivery:
		return "your message: " + fate(&e.Delivery.Progress)
	case api.EventPeer, api.EventRead:
		return ""
	}
	return Visible(e.Text)
}

// spoken is a message as a line, which is about to be printed.
func (p *plain) spoken(m api.Message) string {
	p.shown = append(p.shown, m)
	who := name(m.Name)
	if m.Mine {
		who = "you"
	}
	if m.Kind != "text" {
		return clock(m.Sent) + " " + who + ": [" + name(m.Kind) + "] " + name(m.Text)
	}
	return clock(m.Sent) + " " + who + ": " + Visible(m.Text)
}

// greet says where the person is: group, agreement, and the last messages.
func (p *plain) greet() {
	d := p.desk
	if d.open.ID == "" {
		p.printLocked("No group yet. /link makes an invitation, /add LINK takes one, /new NAME makes a group, /help lists the rest.")
		return
	}
	p.printLocked(fmt.Sprintf("Group %s, %s, %s, state %s.", name(d.open.Name), plural(d.open.Members, "member", "members"), agreement(d.open.Group), d.open.Epoch.Print))
	const last = 10
	for _, l := range d.lines[max(0, len(d.lines)-last):] {
		if l.message != nil {
			p.printLocked(p.spoken(*l.message))
		}
	}
	for _, a := range d.asks {
		p.printLocked("Waiting for you: " + a)
	}
}

func (p *plain) print(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.printLocked(s)
}

func (p *plain) printLocked(s string) { fmt.Fprintln(p.out, s) }
