package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// Moves of the explorer, in real worlds. See explore.go.

// state is what one node can be.
type state struct {
	sum   sum
	node  int
	met   input         // how it came to be
	rings time.Duration // its alarm; zero: none
	has   map[sum]bool  // envelopes on its disk
}

// input is what a node can meet. The luck of its session comes from that, and so
// is the same in every history.
type input struct {
	state int32
	now   time.Duration
	item  item
	at    uint8 // where it crashes on it: the point, and one
}

// became is what comes of it.
type became struct {
	node int32
	out  []int32
	void bool // a crash there was nothing to cut off for
}

// step is the last of a history.
type step struct {
	before *step
	input
	choice choice
}

func (s *step) depth() (n int) {
	for ; s != nil; s = s.before {
		n++
	}
	return n
}

// all are the steps up to this one, the first first.
func (s *step) all() (steps []*step) {
	for ; s != nil; s = s.before {
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	return steps
}

// explored is why a node stopped that the explorer crashed.
const explored = "chosen to crash"

// maxLive is how many worlds are kept for the moves to come: of some 300 kB each.
const maxLive = 1 << 11

// begin builds the world up to where its packets wait.
func (x *explorer) begin() (*World, error) {
	w := New(x.small.Options)
	w.tape = x.tape
	if err := x.small.Begin(w); err != nil {
		return nil, fmt.Errorf("%s: begin: %w", x.small.Name, err)
	}
	w.net.holds = true
	if err := x.small.Race(w); err != nil {
		return nil, fmt.Errorf("%s: race: %w", x.small.Name, err)
	}
	w.immediate()
	w.byHand = true
	for _, n := range w.nodes {
		for _, s := range n.seats {
			s.alarm++
		}
	}
	return w, w.err
}

// immediate lets happen what happens at this very instant.
func (w *World) immediate() { w.runTo(w.now) }

// move plays the last step of a path on its node alone. Should it break
// something, the whole path is played, and judged.
func (x *explorer) move(path *step) (became, error) {
	in := path.input
	if o, known := x.moves[in]; known {
		return o, nil
	}
	w, err := x.at(in.state, in.now)
	if err != nil {
		return became{}, err
	}
	n := w.nodes[x.nodes[in.state].node]
	if x.meet(w, n, in); w.err != nil {
		return became{}, w.err
	}
	o := became{node: x.number(n, in), out: x.sent(w, n.idx), void: in.at > 0 && n.stopped != explored}
	x.keep(w, o.node)
	x.moves[in] = o
	if len(w.Book.Broken) > 0 {
		w.Book.Broken = nil // else it is asked again for each move to come
		real, err := x.replay(path)
		if err != nil {
			return o, err
		}
		return o, x.judge(real.Book.Broken, path)
	}
	return o, nil
}

// keep keeps a world for the next move of a node that is at a state in it.
func (x *explorer) keep(w *World, number int32) {
	x.live[number] = append(x.live[number], w)
	x.kept = append(x.kept, number)
	for len(x.kept) > maxLive {
		if old := x.kept[0]; len(x.live[old]) > 0 {
			x.live[old] = x.live[old][1:]
		}
		x.kept = x.kept[1:]
	}
}

// at is a world in which one node is at a state, and it is not later than now.
func (x *explorer) at(number int32, now time.Duration) (*World, error) {
	kept := x.live[number]
	for i, w := range slices.Backward(kept) {
		if w.now <= now {
			x.live[number] = slices.Delete(kept, i, i+1)
			return w, nil
		}
	}
	var past []input
	for s := x.nodes[number]; s.met.state != none; s = x.nodes[s.met.state] {
		past = append(past, s.met)
	}
	node := x.nodes[number].node
	w := x.solo(node)
	for _, in := range slices.Backward(past) {
		x.meet(w, w.nodes[node], in)
	}
	w.net.held = nil
	return w, w.err
}

// meet has a node take an input, there and then.
func (x *explorer) meet(w *World, n *node, in input) {
	w.now = max(w.now, in.now)
	var met parcel
	if in.item != ring {
		met = x.parcels[in.item.parcel()].parcel()
	}
	for _, g := range sortedKeys(n.seats) {
		if s := n.seats[g]; s.luck != nil {
			*s.luck = *NewRand(w.seed, "explore", g, n.name, string(met.sum[:]), itoa(met.from), itoa(int(in.item&again)), itoa(n.boots), itoa(n.disk.size), w.now.String())
		}
	}
	if in.item == ring {
		n.ring()
	} else {
		if n.stopped = ""; in.at > 0 {
			n.stops = func(here point, _ int) bool { return here == point(in.at-1) }
		}
		n.handle(&x.parcels[in.item.parcel()])
	}
	w.immediate()
	n.stops = nil
	if !n.up {
		n.start()
		n.stopped = explored
	}
	w.immediate()
}

// ring sets off the alarms that are due.
func (n *node) ring() {
	for _, g := range sortedKeys(n.seats) {
		if s := n.seats[g]; s.live && s.rings > 0 && s.rings <= n.w.now {
			s.rings = 0
			n.w.enter(n.idx, g, session.Tick{})
		}
	}
}

// handle takes a packet that was held.
func (n *node) handle(h *held) {
	if welcome, ok := h.ev.(session.Welcomed); ok {
		n.welcome(n.w.groups[h.group], welcome.Bytes)
		return
	}
	n.w.enter(n.idx, h.group, h.ev)
}

func (h *held) parcel() parcel { return parcel{h.pair, h.stream, h.sum} }

// number is that of a node as it is now.
func (x *explorer) number(n *node, met input) int32 {
	name := x.sum(n)
	number, known := x.numbers[name]
	if !known {
		number = int32(len(x.nodes))
		x.numbers[name] = number
		s := &state{sum: name, node: n.idx, met: met, rings: n.rings(), has: map[sum]bool{}}
		for _, rows := range n.disk.groups {
			for _, r := range rows.under("e/") {
				if id, err := hex.DecodeString(strings.Split(r.key, "/")[2]); err == nil {
					s.has[sum(id)] = true
				}
			}
		}
		x.nodes = append(x.nodes, s)
	}
	return number
}

// rings is when a node's next alarm does; zero if none will.
func (n *node) rings() (next time.Duration) {
	for _, s := range n.seats {
		if s.live && s.rings > 0 && (next == 0 || s.rings < next) {
			next = s.rings
		}
	}
	return next
}

// sent takes what was sent since it was last asked: by one node, or by all.
func (x *explorer) sent(w *World, by int) (out []int32) {
	for _, h := range w.net.held {
		if by != none && h.from != by {
			continue
		}
		number, known := x.packets[h.parcel()]
		if !known {
			if number = int32(len(x.parcels)); !h.stream {
				h.what = h.group + "#" + itoa(x.post(h.sum))
			}
			x.packets[h.parcel()] = number
			x.parcels = append(x.parcels, h)
		}
		out = append(out, number)
	}
	w.net.held = nil
	return out
}

// post numbers what is published, for people: each world counts its own.
func (x *explorer) post(bytes sum) int {
	n, known := x.posts[bytes]
	if !known {
		n = len(x.posts) + 1
		x.posts[bytes] = n
	}
	return n
}

// sum hashes all that decides what a node does with what reaches it.
func (x *explorer) sum(n *node) sum {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
			h.Write([]byte(p))
		}
	}
	write(n.name, itoa(n.boots))
	for _, g := range sortedKeys(n.disk.groups) {
		for _, r := range n.disk.groups[g] {
			write(r.key, string(r.value), fmt.Sprint(r.wrap != nil && r.wrap.erased))
		}
		if s := n.seats[g]; s != nil && s.live {
			memory := x.of(s.s)
			write(string(memory[:]), s.rings.String())
		}
	}
	return sum(h.Sum(nil))
}

// replay takes a whole path through one real world. Every packet sent on the way
// must be the one foretold.
func (x *explorer) replay(path *step) (*World, error) {
	w, err := x.begin()
	if err != nil {
		return nil, err
	}
	sent := x.sent(w, none)
	if !slices.Equal(sent, x.opening) {
		return nil, fmt.Errorf("%s: it does not begin twice alike", x.small.Name)
	}
	for _, s := range path.all() {
		if s.choice.kind == lost {
			continue
		}
		n := w.nodes[x.nodes[s.state].node]
		x.meet(w, n, s.input)
		o, known := x.moves[s.input]
		out := x.sent(w, none)
		if w.err != nil || !known {
			return w, w.err
		}
		if !slices.Equal(out, o.out) {
			return nil, x.otherwise(path)
		}
	}
	return w, nil
}

func (x *explorer) otherwise(path *step) error {
	return fmt.Errorf("%s: a history did not go as its moves foretold: something decides that is not in a node's state\n%s", x.small.Name, strings.Join(x.describe(path), "\n"))
}

// end mends the network, lets the world come to rest, and judges it.
func (x *explorer) end(s shadow, path *step) error {
	b := fmt.Append(nil, s.now)
	for _, n := range s.nodes[:len(x.names)] {
		b = append(b, x.nodes[n].sum[:]...)
	}
	name := sha256.Sum256(b)
	if x.ends[name] {
		return nil
	}
	x.ends[name] = true
	w, err := x.replay(path)
	if err != nil {
		return err
	}
	for i, n := range w.nodes {
		if x.number(n, input{}) != s.nodes[i] {
			return x.otherwise(path)
		}
	}
	w.release()
	err = w.Settle(2 * time.Minute)
	broken := w.Rest()
	if err != nil {
		broken = append(broken, check.Broken{At: w.now, Invariant: "I2", Why: err.Error()})
	}
	return x.judge(broken, path)
}

// release lets packets fly and alarms ring again. As after an outage, everybody
// meets again.
func (w *World) release() {
	w.net.holds, w.byHand = false, false
	for _, n := range w.nodes {
		for _, g := range sortedKeys(n.seats) {
			if s := n.seats[g]; s.live && s.rings > 0 {
				s.arm()
			}
		}
	}
	for _, name := range sortedKeys(w.topics) {
		w.topics[name].changed()
	}
	for i := range w.nodes {
		for j := range w.nodes {
			if i != j {
				for _, g := range sortedKeys(w.nodes[i].seats) {
					w.enter(i, g, session.PeerUp{Peer: w.nodes[j].peer()})
				}
			}
		}
	}
}

func (x *explorer) judge(broken []check.Broken, path *step) error {
	if len(broken) == 0 {
		return nil
	}
	x.found.Broken, x.found.Path = broken, x.describe(path)
	return errBroken
}

// describe says a path in words.
func (x *explorer) describe(path *step) (lines []string) {
	for _, s := range path.all() {
		if s.item == ring {
			lines = append(lines, "time passes to "+s.now.String()+" and "+x.names[x.nodes[s.state].node]+"'s alarm rings")
			continue
		}
		verb := map[uint8]string{delivered: "deliver", lost: "lose", doubled: "deliver and keep"}[s.choice.kind]
		if s.at > 0 {
			verb = "crash " + point(s.at-1).String() + " on"
		}
		p := &x.parcels[s.item.parcel()]
		lines = append(lines, fmt.Sprintf("%s %s from %s to %s", verb, p.what, x.names[p.from], x.names[p.to]))
	}
	return lines
}
