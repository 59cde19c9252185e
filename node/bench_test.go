package node_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/backend"
)

// Real nodes over QUIC on loopback, on real disks, in one process. Run with
// -benchtime=1x or more; the figures are the metrics, not ns/op.

type party struct {
	nodes []*node.Node
	apis  []*backend.Backend
	dirs  []string
}

func (p *party) start(b *testing.B, i int) {
	b.Helper()
	n, err := node.Start(node.Config{Dir: p.dirs[i], Name: fmt.Sprint("n", i), Network: "bench", DHT: node.DHTOff, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		b.Fatal(err)
	}
	if p.apis[i], err = backend.New(n); err != nil {
		b.Fatal(err)
	}
	p.nodes[i] = n
}

func waitFor(b *testing.B, what string, ok func() bool) {
	b.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("no " + what)
		}
	}
}

// newParty is a group of so many nodes, all in one epoch and connected.
func newParty(b *testing.B, count int) *party {
	b.Helper()
	p := &party{nodes: make([]*node.Node, count), apis: make([]*backend.Backend, count)}
	for i := range count {
		p.dirs = append(p.dirs, b.TempDir())
		p.start(b, i)
	}
	b.Cleanup(func() {
		for _, n := range p.nodes {
			n.Stop()
		}
	})
	link, err := p.apis[0].NewLink(b.Context(), api.NewLink{Uses: count})
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for i := 1; i < count; i++ {
		if _, err := p.apis[i].AddContact(b.Context(), api.NewContact{Link: link.URL}); err != nil {
			b.Fatal(err)
		}
		names = append(names, fmt.Sprint("n", i))
	}
	waitFor(b, "contacts", func() bool {
		all, _ := p.apis[0].Contacts(b.Context())
		return len(all) == count-1
	})
	if _, err := p.apis[0].CreateGroup(b.Context(), api.NewKey(), api.NewGroup{Name: "room", Invite: names}); err != nil {
		b.Fatal(err)
	}
	for i := range count {
		waitFor(b, "agreement", func() bool {
			g, err := p.apis[i].Group(b.Context(), "room")
			return err == nil && g.Members == count && g.Online >= min(count-1, 8)
		})
	}
	time.Sleep(2 * time.Second)
	return p
}

// arrivals tells when each text is shown by each node but the first.
func (p *party) arrivals(ctx context.Context) (<-chan time.Duration, *sync.Map) {
	sent := new(sync.Map)
	out := make(chan time.Duration, 1<<16)
	for i := 1; i < len(p.apis); i++ {
		from := p.nodes[i].Journal().Cursor()
		go func() {
			for e, err := range p.apis[i].Events(ctx, from) {
				if err != nil {
					return
				}
				if e.Type == api.EventMessage {
					if at, ok := sent.Load(e.Message.Text); ok {
						out <- time.Since(at.(time.Time))
					}
				}
			}
		}()
	}
	return out, sent
}

func quantile(d []time.Duration, q float64) float64 {
	slices.Sort(d)
	return float64(d[min(len(d)-1, int(q*float64(len(d))))].Microseconds()) / 1000
}

// From Send to the other faces' event, at 10 messages a second.
func BenchmarkLatency(b *testing.B) {
	for _, count := range []int{2, 10, 30} {
		b.Run(fmt.Sprintf("nodes=%d", count), func(b *testing.B) {
			p := newParty(b, count)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			got, sent := p.arrivals(ctx)
			var all []time.Duration
			for b.Loop() {
				const messages = 100
				for i := range messages {
					text := fmt.Sprint(b.N, len(all), i)
					sent.Store(text, time.Now())
					if _, err := p.apis[0].Send(ctx, api.NewKey(), "room", api.NewMessage{Text: text}); err != nil {
						b.Fatal(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				for range messages * (count - 1) {
					select {
					case d := <-got:
						all = append(all, d)
					case <-time.After(time.Minute):
						b.Fatal("a message is lost")
					}
				}
			}
			b.ReportMetric(quantile(all, .5), "p50-ms")
			b.ReportMetric(quantile(all, .99), "p99-ms")
		})
	}
}

// As fast as one node takes them from 16 callers, until the others have all.
func BenchmarkThroughput(b *testing.B) {
	for _, count := range []int{2, 10} {
		b.Run(fmt.Sprintf("nodes=%d", count), func(b *testing.B) {
			p := newParty(b, count)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			got, sent := p.arrivals(ctx)
			const messages, callers = 2000, 16
			begin := time.Now()
			total := 0
			for b.Loop() {
				var wg sync.WaitGroup
				for c := range callers {
					wg.Go(func() {
						for i := range messages / callers {
							text := fmt.Sprint(total, c, " ", i)
							sent.Store(text, time.Now())
							if _, err := p.apis[0].Send(ctx, api.NewKey(), "room", api.NewMessage{Text: text}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				for range messages * (count - 1) {
					select {
					case <-got:
					case <-time.After(time.Minute):
						b.Fatal("a message is lost")
					}
				}
				total += messages
			}
			b.ReportMetric(float64(total)/time.Since(begin).Seconds(), "msgs/s")
		})
	}
}

// A node that was away while 10,000 messages were sent, from its start until it
// has them all.
func BenchmarkCatchUp(b *testing.B) {
	p := newParty(b, 2)
	const messages = 10_000
	for b.Loop() {
		p.nodes[1].Stop()
		var wg sync.WaitGroup
		for c := range 16 {
			wg.Go(func() {
				for i := range messages / 16 {
					if _, err := p.apis[0].Send(b.Context(), api.NewKey(), "room", api.NewMessage{Text: fmt.Sprint(c, " ", i)}); err != nil {
						time.Sleep(10 * time.Millisecond)
					}
				}
			})
		}
		wg.Wait()
		want, err := p.apis[0].Group(b.Context(), "room")
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		p.start(b, 1)
		waitFor(b, "catching up", func() bool {
			g, err := p.apis[1].Group(b.Context(), "room")
			return err == nil && g.Seq == want.Seq
		})
		b.ReportMetric(time.Since(begin).Seconds(), "s/catch-up")
		b.ReportMetric(float64(want.Seq), "msgs")
	}
}

// From the invitation until the newcomer shows the first message, and from
// Start to ready.
func BenchmarkInviteAndStart(b *testing.B) {
	for b.Loop() {
		p := &party{nodes: make([]*node.Node, 2), apis: make([]*backend.Backend, 2), dirs: []string{b.TempDir(), b.TempDir()}}
		begin := time.Now()
		p.start(b, 0)
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "start-ms")
		p.start(b, 1)
		link, _ := p.apis[0].NewLink(b.Context(), api.NewLink{})
		p.apis[1].AddContact(b.Context(), api.NewContact{Link: link.URL})
		waitFor(b, "contact", func() bool {
			c, err := p.apis[1].Contact(b.Context(), "n0")
			return err == nil && c.State == api.ContactKnown
		})
		begin = time.Now()
		if _, err := p.apis[0].CreateGroup(b.Context(), api.NewKey(), api.NewGroup{Name: "room", Invite: []string{"n1"}}); err != nil {
			b.Fatal(err)
		}
		waitFor(b, "member", func() bool { g, err := p.apis[0].Group(b.Context(), "room"); return err == nil && g.Members == 2 })
		p.apis[0].Send(b.Context(), api.NewKey(), "room", api.NewMessage{Text: "welcome"})
		waitFor(b, "first message", func() bool { g, err := p.apis[1].Group(b.Context(), "room"); return err == nil && g.Seq > 0 })
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "invite-to-message-ms")
		for _, n := range p.nodes {
			n.Stop()
		}
	}
}
