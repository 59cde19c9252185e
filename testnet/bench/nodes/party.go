package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/backend"
	"github.com/covey-p2p/covey/node/session"
)

const (
	// patience is how long anything may take.
	patience = 2 * time.Minute
	// pace is the time between two messages whose latency is taken.
	pace = 100 * time.Millisecond
	// callers send at once when throughput is taken.
	callers = 16
	// speakers talk while somebody is away.
	speakers = 4
	// group is what the group is called.
	group = "room"
)

// party is a group of nodes in this process.
type party struct {
	r     *runner
	nodes []*node.Node
	apis  []*backend.Backend
	dirs  []string
}

func (p *party) start(i int) error {
	n, err := node.Start(node.Config{Dir: p.dirs[i], Name: fmt.Sprint("n", i), Network: "bench", DHT: node.DHTOff, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		return err
	}
	p.nodes[i] = n
	p.apis[i], err = backend.New(n)
	return err
}

// gather starts nodes that have the first as a contact.
func (r *runner) gather(count int) (_ *party, err error) {
	p := &party{r: r, nodes: make([]*node.Node, count), apis: make([]*backend.Backend, count)}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	for i := range count {
		dir, err := r.place()
		if err != nil {
			return nil, err
		}
		p.dirs = append(p.dirs, dir)
		if err := p.start(i); err != nil {
			return nil, err
		}
	}
	link, err := p.apis[0].NewLink(r.ctx, api.NewLink{Uses: count})
	if err != nil {
		return nil, err
	}
	for i := 1; i < count; i++ {
		if _, err := p.apis[i].AddContact(r.ctx, api.NewContact{Link: link.URL}); err != nil {
			return nil, err
		}
	}
	return p, p.until("contacts", func() bool { return len(p.nodes[0].Book().Contacts()) == count-1 })
}

// together measures a group of so many nodes, whose events are listened to.
func (r *runner) together(count int, measure func(context.Context, *party, *inbox) error) error {
	p, err := r.gather(count)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	return measure(ctx, p, p.listen(ctx))
}

// open makes the group and waits until all are in it and see each other.
func (p *party) open() error {
	var names []string
	for i := 1; i < len(p.nodes); i++ {
		names = append(names, fmt.Sprint("n", i))
	}
	if _, err := p.apis[0].CreateGroup(p.r.ctx, api.NewKey(), api.NewGroup{Name: group, Invite: names}); err != nil {
		return err
	}
	for i := range p.nodes {
		if err := p.until("agreement", func() bool {
			g, err := p.apis[i].Group(p.r.ctx, group)
			return err == nil && g.Members == len(p.nodes) && g.Online >= len(p.nodes)-1
		}); err != nil {
			return err
		}
	}
	return pause(p.r.ctx, p.r.Rest)
}

func (p *party) stop() {
	for _, n := range p.nodes {
		if n != nil {
			n.Stop()
		}
	}
}

func (p *party) until(what string, ok func() bool) error {
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			return fmt.Errorf("no %s within %v", what, patience)
		}
		if err := pause(p.r.ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// inbox tells how long after it was sent each text was shown by each other
// node.
type inbox struct {
	sent sync.Map // text → time
	got  chan time.Duration
}

func (p *party) listen(ctx context.Context) *inbox {
	in := &inbox{got: make(chan time.Duration, 1<<16)}
	for i := 1; i < len(p.apis); i++ {
		from := p.nodes[i].Journal().Cursor()
		go func() { // ends with the context
			for e, err := range p.apis[i].Events(ctx, from) {
				if err != nil {
					return
				}
				if e.Type == api.EventMessage {
					if at, ok := in.sent.Load(e.Message.Text); ok {
						in.got <- time.Since(at.(time.Time))
					}
				}
			}
		}()
	}
	return in
}

func (in *inbox) take(ctx context.Context, count int) ([]time.Duration, error) {
	out := make([]time.Duration, 0, count)
	end := time.After(patience)
	for len(out) < count {
		select {
		case d := <-in.got:
			out = append(out, d)
		case <-end:
			return nil, fmt.Errorf("%d of %d deliveries did not happen within %v", count-len(out), count, patience)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// say has a node send a text.
func (p *party) say(ctx context.Context, from int, in *inbox, text string) error {
	if in != nil {
		in.sent.Store(text, time.Now())
	}
	_, err := p.apis[from].Send(ctx, api.NewKey(), group, api.NewMessage{Text: text})
	return err
}

// latency is from Send to the other nodes' event, ten messages a second.
func (r *runner) latency(count int) error {
	return r.together(count, func(ctx context.Context, p *party, in *inbox) error {
		return r.delays("message", count, in, func(round, i int) error {
			return p.say(ctx, 0, in, fmt.Sprint("round ", round, " message ", i))
		})
	})
}

// delays gives a message every pace and takes how long each needed to the
// others, and the processor time of a message: that of all nodes from one to the
// next, so with what they do when nobody speaks.
func (r *runner) delays(what string, count int, in *inbox, say func(round, i int) error) error {
	var half, most, spent []float64
	for round := range r.Rounds {
		before, _ := cpuSeconds(os.Getpid())
		for i := range r.Messages {
			if err := say(round, i); err != nil {
				return err
			}
			if err := pause(r.ctx, pace); err != nil {
				return err
			}
		}
		all, err := in.take(r.ctx, r.Messages*(count-1))
		if err != nil {
			return err
		}
		half, most = append(half, quantile(all, .5)), append(most, quantile(all, .99))
		if after, ok := cpuSeconds(os.Getpid()); ok {
			spent = append(spent, 1000*(after-before)/float64(r.Messages))
		}
	}
	if len(spent) > 0 {
		r.row(what+", CPU of all nodes", count, r.Messages, "ms", spent)
	}
	r.row(what+", p50", count, r.Messages*(count-1), "ms", half)
	r.row(what+", p99", count, r.Messages*(count-1), "ms", most)
	return nil
}

// burst sends from many callers at once, by each of the first so many nodes in
// turn.
func (p *party) burst(ctx context.Context, senders int, in *inbox, count int, name string) error {
	errs := make([]error, callers)
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := c; i < count && errs[c] == nil; i += callers {
				err := p.say(ctx, i%senders, in, fmt.Sprint(name, i))
				for busy(err) && ctx.Err() == nil { // told to wait: not dropped
					time.Sleep(5 * time.Millisecond)
					err = p.say(ctx, i%senders, in, fmt.Sprint(name, i))
				}
				errs[c] = err
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// busy reports that a node told its caller to wait.
func busy(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && (e.Code == api.CodeBusy || e.Code == api.CodeTooMany)
}

// throughput is as fast as one node takes messages, until the others have all.
func (r *runner) throughput() error {
	return r.together(r.Crowd, func(ctx context.Context, p *party, in *inbox) error {
		var rate, lost []float64
		for round := range r.Rounds {
			before, began := p.drops(), time.Now()
			if err := p.burst(ctx, 1, in, r.Burst, fmt.Sprint("round ", round, " message ")); err != nil {
				return err
			}
			if _, err := in.take(ctx, r.Burst*(r.Crowd-1)); err != nil {
				return err
			}
			rate = append(rate, float64(r.Burst)/time.Since(began).Seconds())
			lost = append(lost, float64(p.drops()-before))
		}
		r.row("messages sustained", r.Crowd, r.Burst, "1/s", rate)
		r.row("gossip dropped meanwhile", r.Crowd, r.Burst*(r.Crowd-1), "messages", lost)
		return nil
	})
}

// drops is what gossip dropped, which the exchange of logs brings back.
func (p *party) drops() (total uint64) {
	for _, n := range p.nodes {
		for _, c := range n.Drops() {
			total += c
		}
	}
	return total
}

// invitation is from the invitation of a contact to its first message.
func (r *runner) invitation() error {
	var took []float64
	for range r.Rounds {
		p, err := r.gather(2)
		if err != nil {
			return err
		}
		began := time.Now()
		_, err = p.apis[0].CreateGroup(r.ctx, api.NewKey(), api.NewGroup{Name: group, Invite: []string{"n1"}})
		if err == nil {
			err = p.until("membership", func() bool { g, err := p.apis[0].Group(r.ctx, group); return err == nil && g.Members == 2 })
		}
		if err == nil {
			err = p.say(r.ctx, 0, nil, "welcome")
		}
		if err == nil {
			err = p.until("first message", func() bool { g, err := p.apis[1].Group(r.ctx, group); return err == nil && g.Seq > 0 })
		}
		took = append(took, ms(time.Since(began)))
		p.stop()
		if err != nil {
			return err
		}
	}
	r.row("invitation to first message", 2, 1, "ms", took)
	return nil
}

// catchUp is from the start of a node that was away until it can read all that
// the others have said: several, as one keeps only so much for those who are
// away.
func (r *runner) catchUp() error {
	const away = speakers
	p, err := r.gather(speakers + 1)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.open(); err != nil {
		return err
	}
	has := func(i int, seq uint64) func() bool {
		return func() bool { g, err := p.apis[i].Group(r.ctx, group); return err == nil && g.Seq == seq }
	}
	var took []float64
	for round := range r.Rounds {
		if err := p.nodes[away].Stop(); err != nil {
			return err
		}
		if err := p.burst(r.ctx, speakers, nil, r.Missed, fmt.Sprint("missed ", round, " message ")); err != nil {
			return err
		}
		all := uint64((round + 1) * r.Missed)
		for i := range speakers {
			if err := p.until("exchange", has(i, all)); err != nil {
				return err
			}
		}
		began := time.Now()
		if err := p.start(away); err != nil {
			return err
		}
		if err := p.until("catching up", has(away, all)); err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
	}
	r.row("caught up after its start", speakers+1, r.Missed, "s", took)
	return nil
}

// writes is one synced write of three rows, as a message makes.
func (r *runner) writes() error {
	p, err := r.gather(1)
	if err != nil {
		return err
	}
	defer p.stop()
	var rounds []float64
	for round := range r.Rounds {
		var all []time.Duration
		for i := range 2 * r.Messages {
			rows := make([]session.Row, 3)
			for j := range rows {
				rows[j] = session.Row{Key: fmt.Sprint(round, i, j), Value: make([]byte, 300)}
			}
			began := time.Now()
			if err := p.nodes[0].Store().Put("bench/", rows); err != nil {
				return err
			}
			all = append(all, time.Since(began))
		}
		rounds = append(rounds, quantile(all, .5))
	}
	r.row("synced write, p50", 1, 2*r.Messages, "ms", rounds)
	return nil
}
