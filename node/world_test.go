package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/backend"
	"github.com/covey-p2p/covey/node/mesh/simlink"
	"github.com/covey-p2p/covey/node/session"
)

// world is nodes on simulated wires in virtual time: real libp2p over QUIC,
// real gossipsub, real MLS, real store.
type world struct {
	t     *testing.T
	net   *simlink.Net
	nodes []*node.Node
	apis  []api.Backend
	dirs  []string
	names []string
	dht   node.DHT
	gauge []*prometheus.Registry
	flood int // the largest envelope to flood
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

func newWorld(t *testing.T, names ...string) *world { return newWorldWith(t, node.DHTOff, names...) }

func newWorldWith(t *testing.T, dht node.DHT, names ...string) *world {
	return newWorldFlooding(t, dht, 0, names...)
}

// newWorldFlooding has nodes that flood no envelope above a size.
func newWorldFlooding(t *testing.T, dht node.DHT, flood int, names ...string) *world {
	w := &world{t: t, net: simlink.New(20*time.Millisecond, 1), names: names, dht: dht, flood: flood}
	for i := range names {
		w.nodes, w.apis, w.dirs = append(w.nodes, nil), append(w.apis, nil), append(w.dirs, t.TempDir())
		w.gauge = append(w.gauge, nil)
		w.start(i)
	}
	t.Cleanup(func() {
		for _, n := range w.nodes {
			if n != nil {
				n.Stop()
			}
		}
		w.net.Close()
	})
	return w
}

func (w *world) start(i int) {
	w.t.Helper()
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: level})).With("node", w.names[i])
	w.gauge[i] = prometheus.NewRegistry()
	n, err := node.Start(node.Config{
		Registry: w.gauge[i],
		Log:      log, Dir: w.dirs[i], Name: w.names[i], Network: "test", DHT: w.dht, Listen: []string{simlink.Address(i)}, Extra: w.net.Host(), GossipBytes: w.flood,
	})
	if err != nil {
		w.t.Fatalf("start %s: %v", w.names[i], err)
	}
	b, err := backend.New(n)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes[i], w.apis[i] = n, b
}

func (w *world) at(name string) int {
	for i, n := range w.names {
		if n == name {
			return i
		}
	}
	w.t.Fatalf("nobody is called %s", name)
	return 0
}

func (w *world) api(name string) api.Backend { return w.apis[w.at(name)] }

// crash takes a node off the network without a word and stops it.
func (w *world) crash(name string) {
	i := w.at(name)
	w.net.Dark(i, true)
	w.nodes[i].Stop()
	w.nodes[i] = nil
}

func (w *world) restart(name string) {
	i := w.at(name)
	w.net.Dark(i, false)
	w.start(i)
}

// introduce makes everybody a contact of the first.
func (w *world) introduce(host string, others ...string) {
	w.t.Helper()
	for _, o := range others {
		link, err := w.api(host).NewLink(w.t.Context(), api.NewLink{})
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.api(o).AddContact(w.t.Context(), api.NewContact{Link: link.URL}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.until(30*time.Second, "contacts", func() bool {
		for _, o := range others {
			c, err := w.api(o).Contact(w.t.Context(), host)
			if err != nil || c.State != api.ContactKnown {
				return false
			}
		}
		return true
	})
}

// group has the first create a group and everybody else join it.
func (w *world) group(name, host string, others ...string) {
	w.t.Helper()
	w.introduce(host, others...)
	if _, err := w.api(host).CreateGroup(w.t.Context(), api.NewKey(), api.NewGroup{Name: name, Invite: others}); err != nil {
		w.t.Fatal(err)
	}
	w.agree(name, append([]string{host}, others...)...)
}

// agree waits until all are in one epoch of a group, with all as its members.
func (w *world) agree(group string, names ...string) {
	w.t.Helper()
	w.until(2*time.Minute, "agreement in "+group+" of "+strings.Join(names, ", "), func() bool { return w.agreed(group, names...) })
}

func (w *world) agreed(group string, names ...string) bool {
	proof := ""
	for _, name := range names {
		g, err := w.api(name).Group(w.t.Context(), group)
		if err != nil || g.State != api.GroupActive || g.Members != len(names) {
			return false
		}
		if proof == "" {
			proof = g.Authenticator
		}
		if g.Authenticator != proof {
			return false
		}
	}
	return true
}

func (w *world) send(name, group, text string) api.Sent {
	w.t.Helper()
	s, err := w.api(name).Send(w.t.Context(), api.NewKey(), group, api.NewMessage{Text: text})
	if err != nil {
		w.t.Fatalf("%s sends: %v", name, err)
	}
	return s
}

// texts are what a node has of a group, in its order.
func (w *world) texts(name, group string) (out []string) {
	after := uint64(0)
	for {
		page, err := w.api(name).Messages(w.t.Context(), group, api.MessageQuery{After: after, Since: time.Unix(1, 0), Limit: api.MaxPage})
		if err != nil {
			return nil
		}
		for _, m := range page.Messages {
			out = append(out, m.Text)
			after = m.Seq
		}
		if !page.More {
			return out
		}
	}
}

// hears waits until everybody has exactly the given texts, in any order.
func (w *world) hears(group string, names []string, texts ...string) {
	w.t.Helper()
	ok := func(name string) bool {
		got := w.texts(name, group)
		count := make(map[string]int)
		for _, g := range got {
			count[g]++
		}
		for _, want := range texts {
			if count[want] != 1 {
				return false
			}
		}
		return len(got) == len(texts)
	}
	defer func() {
		if w.t.Failed() {
			for _, n := range names {
				w.t.Logf("%s has %q", n, w.texts(n, group))
			}
		}
	}()
	w.until(3*time.Minute, fmt.Sprintf("%d texts at %s", len(texts), strings.Join(names, ", ")), func() bool {
		for _, n := range names {
			if !ok(n) {
				return false
			}
		}
		return true
	})
}

func (w *world) until(limit time.Duration, what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			w.describe()
			w.t.Fatalf("no %s within %s", what, limit)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// describe logs where everybody stands.
func (w *world) describe() {
	for i, n := range w.nodes {
		if n == nil {
			w.t.Logf("%s is down", w.names[i])
			continue
		}
		up, _ := n.Connected()
		for _, g := range n.Groups() {
			v, _ := g.Fresh(w.t.Context())
			w.t.Logf("%s: %s epoch %d %x, %d members, %d of %d agree, %d topics, connected to %d, drops %v",
				w.names[i], v.Name, v.Number, v.Head[:4], len(v.Members), v.Agreed, v.Voters, len(v.Topics), up, n.Drops())
		}
		if len(n.Groups()) == 0 {
			w.t.Logf("%s: in no group; connected to %d; drops %v", w.names[i], up, n.Drops())
		}
	}
}

// progress is how far a message of somebody's has come.
func (w *world) progress(name, group, id string) api.Progress {
	w.t.Helper()
	page, err := w.api(name).Messages(w.t.Context(), group, api.MessageQuery{Limit: api.MaxPage})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range page.Messages {
		if m.ID == id && m.Progress != nil {
			return *m.Progress
		}
	}
	return api.Progress{}
}

// counts is one of a node's metrics, without labels.
func (w *world) counts(name, metric string) float64 {
	w.t.Helper()
	all, err := w.gauge[w.at(name)].Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == metric {
			return m.GetMetric()[0].GetCounter().GetValue()
		}
	}
	w.t.Fatalf("no metric %s", metric)
	return 0
}

// logged is how many envelopes a node has of its only group.
func (w *world) logged(name string) (out string) {
	w.t.Helper()
	err := w.nodes[w.at(name)].Groups()[0].Look(w.t.Context(), func(s *session.Session) {
		for line := range strings.Lines(s.Describe()) {
			if strings.HasPrefix(line, "log ") {
				out, _, _ = strings.Cut(line, ", from")
			}
		}
	})
	if err != nil || out == "" {
		w.t.Fatal("no log: ", err)
	}
	return out
}
