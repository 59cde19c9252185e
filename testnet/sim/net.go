package sim

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// Link says how packets travel from one node to another.
type Link struct {
	Latency   Dist
	Loss      float64 // of gossip packets; a stream retransmits instead
	Dup       float64 // arrives twice
	Reorder   float64 // may overtake what was sent before it
	Bandwidth int     // bytes a second; zero is unlimited
}

// set is a set of nodes.
type set []uint64

func (s *set) add(i int) {
	for len(*s) <= i/64 {
		*s = append(*s, 0)
	}
	(*s)[i/64] |= 1 << (i % 64)
}

func (s *set) remove(i int) {
	if i/64 < len(*s) {
		(*s)[i/64] &^= 1 << (i % 64)
	}
}

func (s set) has(i int) bool { return i/64 < len(s) && s[i/64]>>(i%64)&1 == 1 }

// cut stops everything from one set of nodes to another. A named partition is
// a list of cuts; partitions nest and overlap, and each heals by its name.
type cut struct {
	name     string
	from, to set
}

// pair is a directed link.
type pair struct{ from, to int }

// packet names one packet of a link: the nth that was ever handed to it.
type packet struct {
	pair
	n int
}

// fate is what a script says must happen to one packet, whatever the dice say.
type fate uint8

const (
	fateNone fate = iota
	fateLose
	fateDouble
)

// flow is the state of one directed link.
type flow struct {
	sent int           // packets so far
	last time.Duration // arrival of the latest: links keep their order
}

// network decides when, and whether, bytes arrive.
type network struct {
	w       *World
	base    Link
	links   map[pair]Link
	cuts    []cut
	flows   map[pair]*flow
	uplink  []time.Duration // until when a node is busy sending
	fates   map[packet]fate
	faults  []packet // what the dice took or doubled, in order: for the shrinker
	dealt   []fate
	flying  int  // packets under way
	holds   bool // packets do not fly: the explorer takes them
	held    []held
	stats   NetStats
	visible func(a, b int) bool // topology; nil: everybody can dial everybody
	// passes, where set, stops packets of gossip by what they hold: for tests.
	passes func(to, from int, bytes []byte) bool
}

// NetStats counts what the network did since the world began.
type NetStats struct {
	Packets, Bytes         int // sent, gossip and streams alike
	Lost, Doubled, Severed int
	Redundant              int // bytes of gossip for neighbours who had it already
}

// held is a packet that the explorer takes, and what it is to its reader.
type held struct {
	pair
	stream bool
	what   string
	sum    sum // of its bytes
	group  string
	ev     session.Event
}

// hold lets the explorer have a packet.
func (n *network) hold(p pair, stream bool, what, group string, bytes []byte, ev session.Event) {
	n.held = append(n.held, held{p, stream, what, sha256.Sum256(bytes), group, ev})
}

func newNetwork(w *World, base Link) *network {
	return &network{w: w, base: base, links: map[pair]Link{}, flows: map[pair]*flow{}, fates: map[packet]fate{}}
}

// blocked says whether a partition stops packets from one node to another.
func (n *network) blocked(from, to int) bool {
	for i := range n.cuts {
		if n.cuts[i].from.has(from) && n.cuts[i].to.has(to) {
			return true
		}
	}
	return false
}

// open says whether packets can go from one node to another now.
func (n *network) open(from, to int) bool {
	return n.w.nodes[from].up && n.w.nodes[to].up && !n.blocked(from, to)
}

// partition separates the sides, each from each. Nodes of no side still hear
// everybody. oneway stops only what goes from an earlier side to a later one.
func (n *network) partition(name string, sides [][]int, oneway bool) {
	sets := make([]set, len(sides))
	for i, side := range sides {
		for _, node := range side {
			sets[i].add(node)
		}
	}
	for i := range sets {
		for j := range sets {
			if i < j || i > j && !oneway {
				n.cuts = append(n.cuts, cut{name, sets[i], sets[j]})
			}
		}
	}
	n.w.netChanged()
}

// heal ends one partition by its name, or all of them.
func (n *network) heal(name string) {
	n.cuts = slices.DeleteFunc(n.cuts, func(c cut) bool { return name == "" || c.name == name })
	n.w.netChanged()
}

func (n *network) link(p pair) Link {
	if l, ok := n.links[p]; ok {
		return l
	}
	return n.base
}

func (n *network) flow(p pair) *flow {
	f := n.flows[p]
	if f == nil {
		f = &flow{}
		n.flows[p] = f
	}
	return f
}

// dice is the luck of one packet: a function of the seed, the link and the
// packet's number on it, and of nothing else.
func (n *network) dice(p packet) *Rand {
	return NewRand(mix(n.w.seed^mix(uint64(p.from)<<40|uint64(p.to)<<20))+uint64(p.n), "packet")
}

// depart counts what sets out, and says which flow it is of; nil where it goes no
// further, being severed at once.
func (n *network) depart(p pair, bytes []byte, what string) *flow {
	f := n.flow(p)
	f.sent++
	n.stats.Packets++
	n.stats.Bytes += len(bytes)
	if !n.open(p.from, p.to) {
		n.sever(p, what)
		return nil
	}
	return f
}

// send carries a gossip packet: it may be lost, doubled or overtaken. what is
// for the trace; arrive runs at the far end, at most twice.
func (n *network) send(p pair, bytes []byte, what string, arrive func()) {
	f := n.depart(p, bytes, what)
	if f == nil {
		return
	}
	l, key := n.link(p), packet{p, f.sent}
	luck := n.dice(key)
	end := fateNone
	// Each die is thrown whether or not it counts, so that changing one knob
	// leaves the others' luck alone.
	lose, double, reorder := luck.Chance(l.Loss), luck.Chance(l.Dup), luck.Chance(l.Reorder)
	switch forced, ok := n.fates[key]; {
	case ok:
		end = forced
	case lose:
		end = fateLose
	case double:
		end = fateDouble
	}
	if end != fateNone {
		n.faults, n.dealt = append(n.faults, key), append(n.dealt, end)
	}
	if n.passes != nil && !n.passes(p.to, p.from, bytes) {
		end = fateLose
	}
	if end == fateLose {
		n.stats.Lost++
		n.w.note(Entry{Kind: "lost", Node: n.w.nodes[p.from].name, Peer: n.w.nodes[p.to].name, Count: f.sent, Text: what})
		return
	}
	at := n.leave(p.from, len(bytes), l) + l.Latency.Sample(luck)
	if reorder {
		at += l.Latency.Sample(luck)
	} else {
		at = max(at, f.last)
		f.last = at
	}
	n.land(p, at, what, arrive)
	if end == fateDouble {
		n.stats.Doubled++
		n.land(p, at+l.Latency.Sample(luck), what, arrive)
	}
}

// stream carries a frame over a reliable stream: in order, later rather than
// lost, unless a partition severs it.
func (n *network) stream(p pair, bytes []byte, what string, arrive func()) {
	f := n.depart(p, bytes, what)
	if f == nil {
		return
	}
	l := n.link(p)
	luck := n.dice(packet{p, f.sent})
	at := n.leave(p.from, len(bytes), l) + l.Latency.Sample(luck)
	for tries := 0; luck.Chance(l.Loss) && tries < retransmits; tries++ {
		at += retransmitAfter << tries
	}
	at = max(at, f.last)
	f.last = at
	n.land(p, at, what, arrive)
}

// leave is when the last byte leaves a node whose uplink is shared by all it
// sends.
func (n *network) leave(from, size int, l Link) time.Duration {
	if l.Bandwidth <= 0 {
		return n.w.now
	}
	for len(n.uplink) <= from {
		n.uplink = append(n.uplink, 0)
	}
	at := max(n.w.now, n.uplink[from]) + time.Duration(float64(size)/float64(l.Bandwidth)*float64(time.Second))
	n.uplink[from] = at
	return at
}

// land puts the arrival on the queue; a cut or crash on the way severs it.
func (n *network) land(p pair, at time.Duration, what string, arrive func()) {
	n.flying++
	n.w.queue.push(at, classWork, func() {
		n.flying--
		if !n.open(p.from, p.to) {
			n.sever(p, what)
			return
		}
		arrive()
	})
}

func (n *network) sever(p pair, what string) {
	n.stats.Severed++
	n.w.note(Entry{Kind: "lost", Node: n.w.nodes[p.from].name, Peer: n.w.nodes[p.to].name, Text: "severed " + what})
}

func (l Link) String() string {
	return fmt.Sprintf("latency %v loss %v dup %v reorder %v bandwidth %d", l.Latency, l.Loss, l.Dup, l.Reorder, l.Bandwidth)
}
