package session_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// A world is a few sessions on one table: effects of one become events of the
// others in one order, after a fixed delay. It is kept small on purpose; the
// simulator is testnet/sim.
type world struct {
	t         testing.TB
	eng       session.Engine
	now       session.Time
	nodes     []*node
	queue     []delivery
	seq       int
	apart     map[[2]string]bool
	lossy     func(from, to string, ev session.Event) bool
	delay     session.Time
	schedules int       // run so far, so that no two say the same
	sum       hash.Hash // over all effects, in order, if set
}

func (w *world) trace(n *node, fx session.Effects) {
	if w.sum != nil {
		fmt.Fprintf(w.sum, "%s %d %v\n", n.name, w.now, fx)
	}
}

type delivery struct {
	at  session.Time
	seq int
	to  string
	ev  session.Event
}

type node struct {
	w        *world
	name     string
	id       session.Identity
	rand     *stream
	s        *session.Session
	rows     map[string]session.Row
	wrapped  map[session.EpochID]bool // wrapping keys destroyed
	packages []session.Package
	wake     session.Time
	notices  []session.Notice
	steps    int
	down     bool
	twice    bool // every effect is performed twice
	crashAt  int  // the step in which the machine dies right after Save
	cfg      func(*session.Config)
}

// stream is a stream of bytes from a seed.
type stream struct {
	seed [32]byte
	n    uint64
	buf  []byte
}

func newStream(seed string) *stream { return &stream{seed: sha256.Sum256([]byte(seed))} }

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.buf) == 0 {
			s.n++
			h := sha256.Sum256(binary.BigEndian.AppendUint64(s.seed[:], s.n))
			s.buf = h[:]
		}
		p[i], s.buf = s.buf[0], s.buf[1:]
	}
	return len(p), nil
}

func newWorldOn(t testing.TB, eng session.Engine, names ...string) *world {
	w := &world{t: t, eng: eng, now: 1_000_000, apart: map[[2]string]bool{}, delay: 50}
	for _, name := range names {
		w.add(name, name)
	}
	return w
}

// add makes a node of a device called name, of the account called account.
func (w *world) add(name, account string) *node {
	n := &node{w: w, name: name, rand: newStream("node " + name), rows: map[string]session.Row{}, wrapped: map[session.EpochID]bool{}}
	secret := func(what string) []byte {
		h := sha256.Sum256([]byte(what))
		return h[:]
	}
	var err error
	if n.id, err = session.NewIdentity(w.eng, secret("account "+account), secret("device "+name), account); err != nil {
		w.t.Fatal(err)
	}
	w.nodes = append(w.nodes, n)
	return n
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	w.t.Fatalf("no node %q", name)
	return nil
}

func (n *node) config() session.Config {
	c := session.Config{Engine: n.w.eng, Self: n.id, Rand: n.rand}
	if n.cfg != nil {
		n.cfg(&c)
	}
	return c
}

// pack makes a fresh key package and gives out its public half.
func (n *node) pack() []byte {
	p, err := n.w.eng.NewKeyPackage(n.id, n.w.now, n.rand)
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.packages = append(n.packages, p)
	return p.Public
}

func intentOf(s string) session.IntentID {
	h := sha256.Sum256([]byte(s))
	return session.IntentID(h[:16])
}

// create founds the group.
func (w *world) create(name string) {
	n := w.node(name)
	s, fx, err := session.Create(n.config(), w.now, "room")
	if err != nil {
		w.t.Fatal(err)
	}
	n.s = s
	n.perform(fx)
}

// step gives one event to one node and performs what follows.
func (w *world) step(name string, ev session.Event) {
	n := w.node(name)
	if n.s == nil || n.down {
		return
	}
	n.steps++
	n.perform(n.s.Step(w.now, ev))
}

func (n *node) perform(fx session.Effects) {
	w := n.w
	w.trace(n, fx)
	for _, r := range fx.Save {
		if r.Value == nil {
			delete(n.rows, r.Key)
		} else {
			n.rows[r.Key] = r
		}
	}
	n.packages = slices.DeleteFunc(n.packages, func(p session.Package) bool {
		return slices.ContainsFunc(fx.Spent, func(used []byte) bool { return bytes.Equal(p.Public, used) })
	})
	for _, e := range fx.Erase {
		n.wrapped[e] = true
		maps.DeleteFunc(n.rows, func(_ string, r session.Row) bool { return r.Wrap == e })
	}
	if n.steps == n.crashAt && n.steps > 0 {
		n.crashAt = 0
		w.restart(n.name)
		return
	}
	if n.twice {
		fx.Publish = slices.Concat(fx.Publish, fx.Publish)
		fx.Direct = slices.Concat(fx.Direct, fx.Direct)
		fx.Fetch = slices.Concat(fx.Fetch, fx.Fetch)
	}
	for _, out := range fx.Publish {
		for _, to := range w.nodes {
			if to != n {
				w.send(n.name, to.name, session.Received{From: session.Peer(n.name), Envelope: out.Envelope})
			}
		}
	}
	for _, d := range fx.Direct {
		n.direct(d)
	}
	for _, f := range fx.Fetch {
		var kps [][]byte
		for _, to := range w.nodes {
			if to.id.Account == f.Account {
				kps = append(kps, to.pack())
			}
		}
		w.send(n.name, n.name, session.Fetched{Account: f.Account, KeyPackages: kps})
	}
	n.notices = append(n.notices, fx.Notify...)
	n.wake = fx.Wake
}

func (n *node) direct(d session.Direct) {
	w := n.w
	switch d.Kind {
	case session.DirectSync:
		frame := d.Bytes
		for _, key := range d.Rows {
			if r, kept := n.rows[key]; kept {
				frame = session.AppendRow(slices.Clone(frame), r.Value)
			}
		}
		w.send(n.name, string(d.Peer), session.Frame{From: session.Peer(n.name), Bytes: frame, Device: n.id.Device})
	case session.DirectWelcome:
		for _, to := range w.nodes {
			if to.id.Device == d.Device {
				w.send(n.name, to.name, session.Welcomed{Bytes: d.Bytes})
			}
		}
	}
}

func (w *world) send(from, to string, ev session.Event) {
	if w.apart[[2]string{from, to}] || w.lossy != nil && w.lossy(from, to, ev) {
		return
	}
	w.seq++
	w.queue = append(w.queue, delivery{w.now + w.delay, w.seq, to, ev})
}

// run lets so many milliseconds pass.
func (w *world) run(ms session.Time) {
	end := w.now + ms
	for {
		at, i := end+1, -1
		for j, d := range w.queue {
			if d.at < at || d.at == at && i >= 0 && d.seq < w.queue[i].seq {
				at, i = d.at, j
			}
		}
		var tick *node
		for _, n := range w.nodes {
			if n.s != nil && !n.down && n.wake != 0 && n.wake < at {
				at, tick = n.wake, n
			}
		}
		if at > end {
			break
		}
		w.now = max(w.now, at)
		if tick != nil {
			tick.wake = 0
			w.step(tick.name, session.Tick{})
			continue
		}
		d := w.queue[i]
		w.queue = slices.Delete(w.queue, i, i+1)
		w.deliver(d)
	}
	w.now = end
}

func (w *world) deliver(d delivery) {
	n := w.node(d.to)
	wel, ok := d.ev.(session.Welcomed)
	if !ok {
		w.step(d.to, d.ev)
		return
	}
	if n.s != nil {
		wel.Packages = n.packages
		w.step(d.to, wel)
		return
	}
	s, fx, err := session.Join(n.config(), w.now, wel.Bytes, n.packages)
	if err != nil {
		w.t.Logf("%s: %v", n.name, err)
		return
	}
	n.s = s
	n.perform(fx)
	for _, other := range w.nodes {
		if other != n && other.s != nil {
			w.meet(n.name, other.name)
		}
	}
}

func (w *world) meet(a, b string) {
	if w.apart[[2]string{a, b}] || w.apart[[2]string{b, a}] {
		return
	}
	w.step(a, session.PeerUp{Peer: session.Peer(b)})
	w.step(b, session.PeerUp{Peer: session.Peer(a)})
}

// part cuts all links between two sides; heal mends every link.
func (w *world) part(left, right []string) {
	for _, a := range left {
		for _, b := range right {
			w.apart[[2]string{a, b}], w.apart[[2]string{b, a}] = true, true
			w.step(a, session.PeerDown{Peer: session.Peer(b)})
			w.step(b, session.PeerDown{Peer: session.Peer(a)})
		}
	}
}

func (w *world) heal() {
	pairs := slices.SortedFunc(maps.Keys(w.apart), func(a, b [2]string) int {
		return bytes.Compare([]byte(a[0]+a[1]), []byte(b[0]+b[1]))
	})
	clear(w.apart)
	for _, p := range pairs {
		if p[0] < p[1] {
			w.meet(p[0], p[1])
		}
	}
}

// restart loads a node again from its rows.
func (w *world) restart(name string) {
	n := w.node(name)
	rows := make([]session.Row, 0, len(n.rows))
	for _, k := range slices.Sorted(maps.Keys(n.rows)) {
		r := n.rows[k]
		if session.KindOfRow(k) != session.RowWhole {
			r.Value = nil
		}
		rows = append(rows, r)
	}
	s, fx, err := session.Load(n.config(), w.now, rows)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	n.s, n.down = s, false
	n.perform(fx)
	for _, other := range w.nodes {
		if other != n && other.s != nil && !other.down {
			w.meet(name, other.name)
		}
	}
}

// eachEngine runs a test over the stand-in and over the real thing.
func eachEngine(t *testing.T, f func(t *testing.T, eng session.Engine)) {
	t.Run("standin", func(t *testing.T) { f(t, standin.New()) })
	t.Run("mls", func(t *testing.T) { f(t, session.MLS{}) })
}

// restore puts an old copy of a node's rows in place of them.
func (w *world) restore(name string, rows map[string]session.Row) {
	w.node(name).rows = rows
	w.restart(name)
}

// groupOn founds a group with the first node and lets the others in.
func groupOn(t testing.TB, eng session.Engine, names ...string) *world {
	w := newWorldOn(t, eng, names...)
	w.gather(names...)
	return w
}

func (w *world) gather(names ...string) {
	w.create(names[0])
	for _, name := range names[1:] {
		if w.node(name).id.Account != w.node(names[0]).id.Account {
			w.step(names[0], session.Invite{ID: intentOf("invite " + name), Account: w.node(name).id.Account})
		}
	}
	w.run(20_000)
	for _, name := range names {
		if w.node(name).s == nil {
			w.t.Fatalf("%s did not join", name)
		}
	}
	w.agree(names...)
}

// agree fails unless all are in one epoch with one exported secret.
func (w *world) agree(names ...string) {
	w.t.Helper()
	var first string
	for _, name := range names {
		h := fmt.Sprintf("%x", w.node(name).s.Export("test agreement", 16))
		if first == "" {
			first = h
		}
		if h != first {
			for _, n := range names {
				w.t.Logf("--- %s\n%s", n, w.node(n).s.Describe())
			}
			w.t.Fatalf("%s is elsewhere than %s", name, names[0])
		}
	}
}

func (w *world) say(name, text string) {
	w.step(name, session.Send{ID: intentOf(name + text), Body: session.Text(text)})
}

// heard are the texts in a node's notices, in order.
func (n *node) heard() []string {
	var out []string
	for _, x := range n.notices {
		if x.Kind == session.NoticeText {
			c, _ := session.DecodeContent(x.Body)
			out = append(out, c.Text)
		}
	}
	return out
}

// history are the texts in a node's rows, in order.
func (n *node) history() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(n.rows)) {
		if strings.HasPrefix(k, session.HistoryPrefix) {
			h, err := session.DecodeHistory(n.rows[k].Value)
			c, err2 := session.DecodeContent(h.Body)
			if err != nil || err2 != nil {
				n.w.t.Fatal(err, err2)
			}
			out = append(out, c.Text)
		}
	}
	return out
}

func (w *world) expectHistory(name string, want ...string) {
	w.t.Helper()
	got := w.node(name).history()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s has %q, want %q", name, got, want)
	}
}

// states are the states an intent or message of a node went through.
func (n *node) states(id session.IntentID) []session.State {
	var out []session.State
	for _, x := range n.notices {
		if (x.Kind == session.NoticeIntent || x.Kind == session.NoticeSent) && x.ID == id {
			out = append(out, x.State)
		}
	}
	return out
}
