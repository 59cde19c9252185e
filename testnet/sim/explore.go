package sim

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/check"
)

// The explorer takes a small world and goes through every history it can have:
// every order in which packets arrive, with some of them lost, doubled, or cut
// off by a crash between any two effects.
//
//	Small    how the world begins: verbs up to a state at rest, then the verbs
//	         whose outcome is to be explored
//	hand     from there on packets do not fly; they wait to be chosen
//	choices  deliver, lose or double one of them; have its reader crash on it, at
//	         any point; let time pass to the next alarm
//	end      no packets and no alarms left in budget: the network is mended, the
//	         world comes to rest by itself, and the invariants are checked
//
// A node is a function: what it is (its rows, what its session describes of its
// memory, its alarm) and what reaches it decide what it becomes and what it
// says. So a move is played once, in a real world, wherever it is made; after
// that it is looked up, and histories are followed on shadows, which hold a hash
// for each node and for each packet. Each history that ends elsewhere is then
// played for real, and must come to the very state its shadow foretold: had the
// function left something out, that is where it shows.

// Small is a small world and the budget of its faults.
type Small struct {
	Name    string
	Options Options
	Begin   func(w *World) error // to a state at rest
	Race    func(w *World) error // what happens at once
	Lose    int                  // packets lost, at most
	Double  int                  // packets doubled, at most
	Crash   int                  // crashes, at most
	Ticks   int                  // alarms that ring while packets wait
	Exact   bool                 // a node is all that it met, in order, beside what it shows
	Most    int                  // where to give up: a number of states
}

// Explored is what an exploration found.
type Explored struct {
	Schedules *big.Int // histories, each order counted
	States    int      // distinct
	Moves     int      // distinct moves of one node, each played for real
	Ends      int      // distinct, each played for real and judged
	Depth     int      // of the longest history
	Complete  bool
	Broken    []check.Broken
	Path      []string // of the first broken history
}

type sum = [32]byte

// choice is one branch of the tree of histories: to deliver, lose or double a
// packet, to crash its reader on it at a point, or to let time pass.
type choice struct {
	what byte // d(eliver), l(ose), 2 (double), c(rash), t(ick)
	n    int  // packet
	at   point
}

// parcel is a packet as a shadow has it.
type parcel struct {
	pair
	stream bool
	sum    sum
}

// shadow is all that decides what can follow.
type shadow struct {
	now   time.Duration
	nodes []sum
	hand  []parcel
	spent [4]uint8 // lost, doubled, crashed, ticked
}

// step is a choice and what the nodes were before it: the luck of a move comes
// from that, so that it is the same move in every history.
type step struct {
	choice
	was []sum
}

// move is what a node can meet, and became what comes of it.
type move struct {
	now    time.Duration
	node   sum
	parcel parcel
	what   byte
	at     point
}

type became struct {
	node    sum
	out     []parcel
	crashed bool
}

type explorer struct {
	small Small
	seen  map[sum]*big.Int // schedules from here
	moves map[move]became
	found Explored
}

// errBroken stops an exploration that has found what it looked for.
var errBroken = errors.New("broken")

// Explore goes through all histories of a small world.
func Explore(small Small) (Explored, error) {
	x := &explorer{small: small, seen: map[sum]*big.Int{}, moves: map[move]became{}}
	x.found.Complete = true
	w, hand, err := x.replay(nil)
	if err != nil {
		return x.found, err
	}
	x.found.Schedules, err = x.from(w.shadow(*hand), nil)
	x.found.States, x.found.Moves = len(x.seen), len(x.moves)
	if errors.Is(err, errBroken) {
		x.found.Complete, err = false, nil
	}
	return x.found, err
}

// from explores all that can follow a state, and counts its schedules.
func (x *explorer) from(s shadow, path []step) (*big.Int, error) {
	key := s.hash()
	if n := x.seen[key]; n != nil {
		return n, nil
	}
	total := new(big.Int)
	x.seen[key] = total
	x.found.Depth = max(x.found.Depth, len(path))
	if len(x.seen) > x.small.Most {
		x.found.Complete = false
		return total, nil
	}
	next := x.choices(s)
	if len(next) == 0 {
		return total.SetInt64(1), x.end(s, path)
	}
	for _, c := range next {
		on := append(path[:len(path):len(path)], step{c, s.nodes})
		after, err := x.after(s, on)
		if err != nil {
			return total, err
		}
		if c.what == 'c' && after.spent == s.spent {
			continue // nothing was done there that a crash could cut off
		}
		n, err := x.from(after, on)
		if err != nil {
			return total, err
		}
		total.Add(total, n)
	}
	return total, nil
}

// choices lists the branches from a state. Of packets that are alike one stands
// for all, and a stream keeps its order.
func (x *explorer) choices(s shadow) (next []choice) {
	for i, p := range s.hand {
		if slices.ContainsFunc(s.hand[:i], func(b parcel) bool {
			return b == p || p.stream && b.stream && b.pair == p.pair
		}) {
			continue
		}
		next = append(next, choice{what: 'd', n: i})
		if !p.stream && int(s.spent[0]) < x.small.Lose {
			next = append(next, choice{what: 'l', n: i})
		}
		if !p.stream && int(s.spent[1]) < x.small.Double {
			next = append(next, choice{what: '2', n: i})
		}
		for at := beforeSave; at < pointCount && int(s.spent[2]) < x.small.Crash; at++ {
			next = append(next, choice{'c', i, at})
		}
	}
	if int(s.spent[3]) < x.small.Ticks {
		next = append(next, choice{what: 't'})
	}
	return next
}

// after is the state that the last step of a path leads to from s.
func (x *explorer) after(s shadow, path []step) (shadow, error) {
	c := path[len(path)-1].choice
	if c.what == 't' {
		w, hand, err := x.replay(path)
		if err != nil {
			return s, err
		}
		after := w.shadow(*hand)
		after.spent = s.spent
		after.spent[3]++
		return after, x.judge(w.Book.Broken, path)
	}
	p := s.hand[c.n]
	after := shadow{now: s.now, nodes: s.nodes, hand: slices.Clone(s.hand), spent: s.spent}
	if c.what == '2' {
		after.spent[1]++
	} else {
		after.hand = slices.Delete(after.hand, c.n, c.n+1)
	}
	if c.what == 'l' {
		after.spent[0]++
		return after, nil
	}
	m := move{s.now, s.nodes[p.to], p, 'd', c.at}
	if c.what == 'c' {
		m.what = 'c'
	}
	o, known := x.moves[m]
	if !known {
		var err error
		if o, err = x.play(after, p.to, path); err != nil {
			return s, err
		}
		x.moves[m] = o
	}
	after.nodes = slices.Clone(s.nodes)
	after.nodes[p.to] = o.node
	after.hand = append(after.hand, o.out...)
	if o.crashed {
		after.spent[2]++
	}
	return after, nil
}

// play makes the last move of a path in a real world. Nothing but the node that
// moved may be another than before, and what waits but grow.
func (x *explorer) play(before shadow, node int, path []step) (became, error) {
	w, hand, err := x.replay(path)
	if err != nil {
		return became{}, err
	}
	real := w.shadow(*hand)
	for i, is := range real.nodes {
		if i != node && is != before.nodes[i] {
			return became{}, fmt.Errorf("%s: what reached %s changed %s\n%v", x.small.Name, w.nodes[node].name, w.nodes[i].name, x.describe(path))
		}
	}
	if len(real.hand) < len(before.hand) || !slices.Equal(real.hand[:len(before.hand)], before.hand) {
		return became{}, fmt.Errorf("%s: packets are not those foretold", x.small.Name)
	}
	was := path[len(path)-1]
	o := became{node: real.nodes[node], out: slices.Clone(real.hand[len(before.hand):])}
	o.crashed = was.what == 'c' && w.nodes[node].stopped == explored
	return o, x.judge(w.Book.Broken, path)
}

// explored is why a node stopped that the explorer crashed.
const explored = "chosen to crash"

// replay builds the world and takes a path through it.
func (x *explorer) replay(path []step) (*World, *[]held, error) {
	o := x.small.Options
	o.Seed = 1
	w := New(o)
	if err := x.small.Begin(w); err != nil {
		return nil, nil, fmt.Errorf("%s: begin: %w", x.small.Name, err)
	}
	hand := &[]held{}
	w.net.held, w.exact = hand, x.small.Exact
	for _, name := range sortedKeys(w.topics) {
		w.topics[name].flat = true
	}
	if err := x.small.Race(w); err != nil {
		return nil, nil, fmt.Errorf("%s: race: %w", x.small.Name, err)
	}
	w.immediate()
	for _, s := range path {
		w.choose(s, hand)
		if w.err != nil {
			return nil, nil, w.err
		}
	}
	return w, hand, nil
}

// immediate lets happen what happens at this very instant.
func (w *World) immediate() { w.runTo(w.now) }

// choose takes one branch.
func (w *World) choose(s step, hand *[]held) {
	if s.what == 't' {
		at := w.rings()
		for i, n := range w.nodes {
			n.deal(s.was[i], sum{}, s.choice)
		}
		w.runTo(at)
		return
	}
	h := (*hand)[s.n]
	if s.what != '2' {
		*hand = slices.Delete(slices.Clone(*hand), s.n, s.n+1)
	}
	if s.what == 'l' {
		return
	}
	n := w.nodes[h.to]
	n.deal(s.was[h.to], h.sum, s.choice)
	n.stopped = ""
	if s.what == 'c' {
		n.stops = func(here point, _ int) bool { return here == s.at }
	}
	h.arrive()
	w.immediate()
	n.stops = nil
	if !n.up {
		n.start()
		n.stopped = explored
	}
	w.immediate()
}

// deal gives a node's sessions the luck of a move, and notes that it was made.
func (n *node) deal(was, met sum, c choice) {
	if c.what == '2' { // to its reader the same as the only one
		c.what = 'd'
	}
	n.met = sha256.Sum256(fmt.Append(n.met[:], met, c.what, c.at, n.w.now))
	for _, g := range sortedKeys(n.seats) {
		if s := n.seats[g]; s.luck != nil {
			*s.luck = *NewRand(n.w.seed, "explore", g, string(was[:]), string(met[:]), string([]byte{c.what, byte(c.at)}))
		}
	}
}

// rings is when the next alarm does; now if none will.
func (w *World) rings() time.Duration {
	var next time.Duration
	for _, n := range w.nodes {
		for _, s := range n.seats {
			if n.up && s.live && s.rings > w.now && (next == 0 || s.rings < next) {
				next = s.rings
			}
		}
	}
	return max(next, w.now)
}

// end mends the network, lets the world come to rest, and judges it.
func (x *explorer) end(s shadow, path []step) error {
	x.found.Ends++
	w, hand, err := x.replay(path)
	if err != nil {
		return err
	}
	if real := w.shadow(*hand); !slices.Equal(real.nodes, s.nodes) || !slices.Equal(real.hand, s.hand) {
		return fmt.Errorf("%s: a history did not end as its moves foretold: something decides that is not in a node's state\n%v", x.small.Name, x.describe(path))
	}
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
	err = w.Settle(2 * time.Minute)
	broken := w.Rest()
	if err != nil {
		broken = append(broken, check.Broken{At: w.now, Invariant: "I2", Why: err.Error()})
	}
	return x.judge(broken, path)
}

func (x *explorer) judge(broken []check.Broken, path []step) error {
	if len(broken) == 0 {
		return nil
	}
	x.found.Broken, x.found.Path = broken, x.describe(path)
	return errBroken
}

// describe says a path in words.
func (x *explorer) describe(path []step) (lines []string) {
	for i, s := range path {
		w, hand, err := x.replay(path[:i])
		if err != nil {
			return append(lines, err.Error())
		}
		if s.what == 't' {
			lines = append(lines, "time passes to "+w.rings().String())
			continue
		}
		h := (*hand)[s.n]
		verb := map[byte]string{'d': "deliver", 'l': "lose", '2': "deliver and keep", 'c': "crash " + s.at.String() + " on"}[s.what]
		lines = append(lines, fmt.Sprintf("%s %s from %s to %s", verb, h.what, w.nodes[h.from].name, w.nodes[h.to].name))
	}
	return lines
}

// shadow is what a real world looks like to the explorer.
func (w *World) shadow(hand []held) shadow {
	s := shadow{now: w.now}
	for _, n := range w.nodes {
		s.nodes = append(s.nodes, n.sum())
	}
	for _, h := range hand {
		s.hand = append(s.hand, parcel{h.pair, h.stream, h.sum})
	}
	return s
}

// sum hashes all that decides what a node does with what reaches it.
func (n *node) sum() sum {
	h := sha256.New()
	write := func(parts ...string) {
		for _, p := range parts {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
			h.Write([]byte(p))
		}
	}
	write(itoa(n.boots))
	if n.w.exact {
		write(string(n.met[:]))
	}
	for _, g := range sortedKeys(n.disk.groups) {
		for _, r := range n.disk.groups[g] {
			write(r.key, string(r.value), fmt.Sprint(r.wrap != nil && r.wrap.erased))
		}
		if s := n.seats[g]; s != nil && s.live {
			write(s.s.Describe(), s.rings.String())
		}
	}
	return sum(h.Sum(nil))
}

// hash names a state. The hand is a set: in which order packets were sent does
// not decide what can follow, but for those of one stream.
func (s shadow) hash() sum {
	hand := slices.Clone(s.hand)
	slices.SortStableFunc(hand, func(a, b parcel) int {
		if c := cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)); c != 0 {
			return c
		}
		switch {
		case a.stream != b.stream && a.stream:
			return 1
		case a.stream != b.stream:
			return -1
		case a.stream:
			return 0
		}
		return bytes.Compare(a.sum[:], b.sum[:])
	})
	h := sha256.New()
	h.Write(s.spent[:])
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(s.now)))
	for _, n := range s.nodes {
		h.Write(n[:])
	}
	for _, p := range hand {
		kind := byte(0)
		if p.stream {
			kind = 1
		}
		h.Write([]byte{kind, byte(p.from), byte(p.to)})
		h.Write(p.sum[:])
	}
	return sum(h.Sum(nil))
}
