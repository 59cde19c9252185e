package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// The explorer takes a small world and goes through every history it can have:
// every order in which packets arrive, with some of them lost, doubled, or cut
// off by a crash. Two paths that lead to the same state are followed on once.
//
//	Small    how the world begins: verbs up to a state at rest, then the verbs
//	         whose outcome is to be explored
//	hand     from there on packets do not fly; they wait to be chosen
//	choices  deliver, lose or double one of them; crash a node and start it
//	         again; let time pass to the next alarm
//	end      no packets and no alarms left in budget: the network is mended, the
//	         world comes to rest by itself, and the invariants are checked
//
// A state is what decides all that can follow: each node's durable rows, what
// its session describes of its memory, its alarm, and the packets in the hand.

// Small is a small world and the budget of its faults.
type Small struct {
	Name    string
	Begin   func(w *World) error // to a state at rest
	Race    func(w *World) error // what happens at once
	Lose    int                  // packets lost, at most
	Double  int                  // packets doubled, at most
	Crash   int                  // crashes, at most
	Ticks   int                  // alarms that ring while packets wait
	MaxRuns int                  // where to give up: a number of ends
}

// Explored is what an exploration found.
type Explored struct {
	Runs, States, Seen int // histories run to their end, distinct states, states met again
	Depth              int // of the longest
	Complete           bool
	Broken             []check.Broken
	Path               []string // of the first broken history
}

// choice is one branch of the tree of histories.
type choice struct {
	what byte // d(eliver), l(ose), 2 (double), c(rash), t(ick)
	n    int  // packet or node
}

// Explore goes through all histories of a small world.
func Explore(s Small) (Explored, error) {
	x := &explorer{small: s, seen: map[[32]byte]bool{}}
	x.found.Complete = true
	if err := x.from(nil); err != nil {
		return x.found, err
	}
	x.found.States = len(x.seen)
	return x.found, nil
}

type explorer struct {
	small Small
	seen  map[[32]byte]bool
	found Explored
}

// from explores all that can follow a path. The path is run anew each time: a
// session cannot be copied, and does not need to be.
func (x *explorer) from(path []choice) error {
	if len(x.found.Broken) > 0 || x.found.Runs >= x.small.MaxRuns {
		x.found.Complete = x.found.Complete && x.found.Runs < x.small.MaxRuns
		return nil
	}
	w, hand, err := x.replay(path)
	if err != nil {
		return err
	}
	state := w.state(*hand, x.spent(path))
	if x.seen[state] {
		x.found.Seen++
		return nil
	}
	x.seen[state] = true
	x.found.Depth = max(x.found.Depth, len(path))
	next := x.choices(w, *hand, path)
	if len(next) == 0 {
		return x.end(w, hand, path)
	}
	for _, c := range next {
		if err := x.from(append(path[:len(path):len(path)], c)); err != nil {
			return err
		}
	}
	return nil
}

// replay builds the world and takes a path through it.
func (x *explorer) replay(path []choice) (*World, *[]held, error) {
	w := New(Options{Seed: 1})
	if err := x.small.Begin(w); err != nil {
		return nil, nil, fmt.Errorf("%s: begin: %w", x.small.Name, err)
	}
	hand := &[]held{}
	w.net.held = hand
	for _, name := range sortedKeys(w.topics) {
		w.topics[name].flat = true
	}
	if err := x.small.Race(w); err != nil {
		return nil, nil, fmt.Errorf("%s: race: %w", x.small.Name, err)
	}
	w.immediate()
	for _, c := range path {
		w.choose(c, hand)
		if w.err != nil {
			return nil, nil, w.err
		}
	}
	return w, hand, nil
}

// immediate lets happen what happens at this very instant.
func (w *World) immediate() { w.runTo(w.now) }

// choose takes one branch.
func (w *World) choose(c choice, hand *[]held) {
	switch c.what {
	case 'd', 'l', '2':
		h := (*hand)[c.n]
		if c.what != '2' {
			*hand = append((*hand)[:c.n:c.n], (*hand)[c.n+1:]...)
		}
		if c.what != 'l' && w.nodes[h.to].up {
			h.arrive()
		}
	case 'c':
		w.nodes[c.n].fail("chosen to crash")
		w.nodes[c.n].start()
	case 't':
		if w.queue.len() > 0 {
			w.runTo(w.queue.heap[0].at)
		}
	}
	w.immediate()
}

// choices lists the branches from here. Of packets that are alike, from one
// node to another, the first stands for the order they were sent in.
func (x *explorer) choices(w *World, hand []held, path []choice) (next []choice) {
	lost, doubled, crashed, ticked := x.budget(path)
	for i, h := range hand {
		if h.stream && x.earlier(hand[:i], h) {
			continue // a stream keeps its order
		}
		next = append(next, choice{'d', i})
		if !h.stream && lost < x.small.Lose {
			next = append(next, choice{'l', i})
		}
		if !h.stream && doubled < x.small.Double {
			next = append(next, choice{'2', i})
		}
	}
	if len(hand) == 0 && ticked >= x.small.Ticks {
		return nil
	}
	if ticked < x.small.Ticks && w.queue.len() > 0 {
		next = append(next, choice{'t', 0})
	}
	if crashed < x.small.Crash && len(hand) > 0 {
		for i := range w.nodes {
			next = append(next, choice{'c', i})
		}
	}
	return next
}

func (x *explorer) earlier(before []held, h held) bool {
	for _, b := range before {
		if b.stream && b.pair == h.pair {
			return true
		}
	}
	return false
}

func (x *explorer) budget(path []choice) (lost, doubled, crashed, ticked int) {
	for _, c := range path {
		switch c.what {
		case 'l':
			lost++
		case '2':
			doubled++
		case 'c':
			crashed++
		case 't':
			ticked++
		}
	}
	return
}

func (x *explorer) spent(path []choice) [4]byte {
	lost, doubled, crashed, ticked := x.budget(path)
	return [4]byte{byte(lost), byte(doubled), byte(crashed), byte(ticked)}
}

// end mends the network, lets the world come to rest, and judges it.
func (x *explorer) end(w *World, hand *[]held, path []choice) error {
	x.found.Runs++
	w.net.held = nil
	for _, name := range sortedKeys(w.topics) {
		w.topics[name].flat = false
		w.topics[name].changed()
	}
	for i := range w.nodes { // as after an outage: everybody meets again
		for j := range w.nodes {
			if i != j {
				for _, g := range sortedKeys(w.nodes[i].seats) {
					w.enter(i, g, session.PeerUp{Peer: w.nodes[j].peer()})
				}
			}
		}
	}
	err := w.Settle(2 * time.Minute)
	broken := w.Rest()
	if err != nil {
		broken = append(broken, check.Broken{At: w.now, Invariant: "I2", Why: err.Error()})
	}
	if len(broken) > 0 {
		x.found.Broken = broken
		x.found.Path = x.describe(path)
	}
	return nil
}

// describe says a path in words.
func (x *explorer) describe(path []choice) (lines []string) {
	for i := range path {
		w, hand, err := x.replay(path[:i])
		if err != nil {
			return append(lines, err.Error())
		}
		c := path[i]
		switch c.what {
		case 'c':
			lines = append(lines, "crash and start "+w.nodes[c.n].name)
		case 't':
			lines = append(lines, "time passes to "+w.queue.heap[0].at.String())
		default:
			h := (*hand)[c.n]
			verb := map[byte]string{'d': "deliver", 'l': "lose", '2': "deliver and keep"}[c.what]
			lines = append(lines, fmt.Sprintf("%s %s from %s to %s", verb, h.what, w.nodes[h.from].name, w.nodes[h.to].name))
		}
	}
	return lines
}

// state hashes all that decides what can follow.
func (w *World) state(hand []held, spent [4]byte) [32]byte {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			var n [4]byte
			binary.BigEndian.PutUint32(n[:], uint32(len(p)))
			h.Write(n[:])
			h.Write([]byte(p))
		}
	}
	h.Write(spent[:])
	write(w.now.String())
	for _, n := range w.nodes {
		for _, g := range sortedKeys(n.disk.groups) {
			for _, key := range sortedKeys(n.disk.groups[g]) {
				write(key, string(n.disk.groups[g][key].value))
			}
			if s := n.seats[g]; s != nil && s.live {
				write(s.s.Describe())
			}
		}
	}
	// The hand is a set: in which order packets were sent does not decide what
	// can follow, but for those of one stream.
	packets := map[string]int{}
	for _, p := range hand {
		packets[fmt.Sprint(p.from, p.to, p.stream, hex.EncodeToString(p.sum[:]))]++
	}
	for _, k := range sortedKeys(packets) {
		write(k, itoa(packets[k]))
	}
	return [32]byte(h.Sum(nil))
}
