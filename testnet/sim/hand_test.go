package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
)

// Delivery by hand: rows about orders and moments cut everybody off from
// everybody, take down what is said, and hand it over as they please.

// said is one envelope that somebody published.
type said struct {
	by    string
	kind  byte
	bytes []byte
}

// What an envelope holds; all but words are sealed under the branch key of an
// epoch, which is how a test can tell them apart and an observer cannot.
const (
	aCommit  = 1
	aMessage = 2
	anAside  = 3 // intents and receipts
	aWord    = 9 // votes, headers and the like, on the control plane
)

// kindOf opens an envelope far enough to say what it holds.
func (p *play) kindOf(envelope []byte) byte {
	const tag, head = 22, 38 // version, kind, order, tag; and mark
	if envelope[1] == 2 {
		return aWord
	}
	plain, ok := p.engine.Open(p.opens[[16]byte(envelope[6:tag])], envelope[:head], envelope[head:])
	if !ok {
		p.t.Fatal("an envelope of no epoch that anybody reached")
	}
	return plain[0]
}

// apart cuts the named off from everybody, each alone.
func (p *play) apart(names ...string) {
	p.t.Helper()
	var b strings.Builder
	rest := slices.DeleteFunc(slices.Clone(p.names), func(n string) bool { return slices.Contains(names, n) })
	for _, n := range names {
		fmt.Fprintf(&b, " (%s)", n)
	}
	if len(rest) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(rest, " "))
	}
	p.do("partition" + b.String())
	p.do("wait 2s") // the overlay has noticed
}

// listen takes down what is published while f runs and for a while after.
func (p *play) listen(d time.Duration, f func()) (out []said) {
	p.t.Helper()
	p.tap = func(s *seat, envelope []byte) { out = append(out, said{s.n.name, p.kindOf(envelope), envelope}) }
	f()
	p.do("wait " + d.String())
	p.tap = nil
	return out
}

// by are those of somebody, of one kind.
func by(all []said, who string, kind byte) (out []said) {
	for _, s := range all {
		if s.by == who && s.kind == kind {
			out = append(out, s)
		}
	}
	return out
}

// hand gives envelopes to a node, one after the other, at this instant.
func (p *play) hand(to string, envelopes ...said) {
	p.t.Helper()
	for _, e := range envelopes {
		p.enter(p.byName[to].idx, "room", session.Received{From: session.Peer(e.by), Envelope: e.bytes})
	}
	p.immediate()
}

// head is the label of a node's head, as Show has it.
func (p *play) headAt(name string) string { return p.groups["room"].label(p.seat(name).head) }

// permutations calls f with every order of the numbers below n.
func permutations(n int, f func(order []int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var walk func(k int)
	walk = func(k int) {
		if k == n {
			f(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			walk(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	walk(0)
}

// pick is the elements of all in an order.
func pick[T any](all []T, order []int) (out []T) {
	for _, i := range order {
		out = append(out, all[i])
	}
	return out
}

// leaders are the nodes in the order of their slots on a node's head.
func (p *play) leaders(at string) []string {
	s := p.seat(at)
	view := s.s.View()
	var leaves []uint32
	var names []string
	for _, m := range view.Members {
		for _, d := range m.Devices {
			leaves, names = append(leaves, d.Leaf), append(names, p.deviceName(d.Device))
		}
	}
	slots := consensus.Slots(consensus.EpochID(view.Group), view.Number, leaves)
	out := make([]string, len(names))
	for i, slot := range slots {
		out[slot] = names[i]
	}
	return out
}

// path are the epochs of a node's head, newest first.
func (p *play) path(at string) (out []*edge) {
	g := p.groups["room"]
	for e := g.edges[p.seat(at).head]; e != nil; e = g.edges[e.parent] {
		out = append(out, e)
	}
	return out
}
