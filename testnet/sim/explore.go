package sim

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/covey-p2p/covey/testnet/sim/check"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// The explorer takes a small world and goes through every history it can have:
// every order in which packets arrive, with some of them lost, doubled, or cut
// off by a crash between any two effects.
//
//	Small   how the world begins: verbs up to a state at rest, then the verbs
//	        whose outcome is to be explored
//	hand    from there on packets do not fly; they wait to be chosen
//	from    deliver, lose or double one of them; have its reader crash on it, at
//	        any point; let time pass to the next alarm
//	move    one node takes one packet: played once, on that node alone
//	end     no packets and no alarms left in budget: the network is mended, the
//	        world comes to rest by itself, and the invariants are checked
//
// A node is a function: what it is (its rows, its session's memory, its alarm)
// and what reaches it decide what it becomes and what it says. So a move is
// played once, wherever it is made; after that it is looked up, and histories
// are followed on shadows, which have a number for each node and each packet.
// Each history that ends elsewhere is then played for real, from its beginning:
// every packet sent on the way, and every node at the end, must be those foretold.
// Had the function left something out, that is where it shows.
//
// Of histories that differ in nothing that can matter one is followed:
//
//  1. A node that will say nothing, whatever it takes of what waits for it and in
//     whichever order, is silent. While others are not, the silent wait: what the
//     others do does not hang on them, and they have all their choices later.
//     Where all are silent, one after the other takes its packets. (In the words
//     of model checkers, the moves of those who are not silent are a persistent
//     set. That a budget is shared does no harm: it limits how many faults there
//     are in a history, in whichever order.) Not so while an alarm may yet ring:
//     time passes for all, and then every order is followed.
//  2. Who is to crash is settled at the beginning, as who may is not silent.
//  3. A state is not followed again with less of the budget left than it was.
//  4. An envelope that its reader has on disk already is thrown away, if taking it
//     does nothing: it never will, as no crash takes the envelope from there.
//
// TestExploreWhole follows every order on worlds small enough, and finds the
// same ends.

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
	Most    int                  // where to give up: a number of states
	// Progress, where set, is told now and then how far it is; its error ends it.
	Progress func(Explored) error

	// Whole has every order followed, and counted: for very small worlds.
	Whole bool
}

// Explored is what an exploration found.
type Explored struct {
	Schedules *big.Int // histories, each order counted, where all are followed; else nil
	States    int      // distinct
	Steps     int      // from one of them to another
	Moves     int      // distinct moves of one node, each played for real
	Ends      int      // distinct, each played for real and judged
	Depth     int      // of the longest history
	Complete  bool
	Broken    []check.Broken
	Path      []string // of the first broken history
}

type explorer struct {
	small Small
	found Explored
	seen  map[key]frontier  // states, and with how much of the budget spent
	ways  map[key]*big.Int  // schedules from a state, where they are counted
	mute  map[key]bool      // who says nothing
	inert map[[2]int32]bool // packets that do nothing to a node that has them
	ends  map[sum]bool
	*digester

	names   []string // of nodes
	first   *World   // as it begins
	tape    *tape    // while that one is made
	opening []int32  // what was sent by then
	nodes   []*state
	numbers map[sum]int32 // of nodes
	parcels []held
	packets map[parcel]int32
	posts   map[sum]int
	hands   []hand
	dealt   map[string]int32   // hands by what is in them
	more    map[[2]int32]int32 // a hand and a packet
	less    map[[2]int32]int32
	moves   map[input]became
	live    map[int32][]*World // worlds in which some node is at a state
	kept    []int32            // of those, the oldest first
}

// errBroken stops an exploration that has found what it looked for.
var errBroken = errors.New("broken")

// errMost stops one that has found too much.
var errMost = errors.New("too many states")

// Explore goes through all histories of a small world.
func Explore(small Small) (Explored, error) {
	x := newExplorer(small)
	err := x.explore()
	x.count()
	x.found.Complete = err == nil
	if errors.Is(err, errBroken) || errors.Is(err, errMost) {
		err = nil
	}
	return x.found, err
}

func newExplorer(small Small) *explorer {
	small.Options.Seed = 1
	if small.Options.Engine == nil { // one for all its worlds: who is played alone meets epochs of others
		small.Options.Engine = standin.New()
	}
	return &explorer{
		small: small, seen: map[key]frontier{}, ways: map[key]*big.Int{}, mute: map[key]bool{}, inert: map[[2]int32]bool{},
		ends: map[sum]bool{}, digester: newDigester(), numbers: map[sum]int32{}, packets: map[parcel]int32{}, posts: map[sum]int{},
		dealt: map[string]int32{"": 0}, hands: make([]hand, 1), more: map[[2]int32]int32{}, less: map[[2]int32]int32{},
		moves: map[input]became{}, live: map[int32][]*World{},
	}
}

func (x *explorer) explore() error {
	x.tape = &tape{}
	w, err := x.begin()
	if err != nil {
		return err
	}
	x.first, x.tape = w, nil
	if len(w.nodes) > maxExplored {
		return fmt.Errorf("%s: of more than %d nodes there are too many histories", x.small.Name, maxExplored)
	}
	s := shadow{now: w.now}
	for i, n := range w.nodes {
		x.names = append(x.names, n.name)
		s.nodes[i] = x.number(n, input{state: none})
	}
	x.opening = x.sent(w, none)
	x.wait(&s, x.opening)
	if err := x.alone(s.nodes[:len(x.names)]); err != nil {
		return err
	}
	if x.small.Whole {
		for i := range x.names {
			s.may[i] = uint8(x.small.Crash)
		}
		x.found.Schedules, err = x.from(s, nil)
		return err
	}
	return x.victims(s, 0, x.small.Crash)
}

// victims settles who may crash, from a node on, and explores.
func (x *explorer) victims(s shadow, node, left int) error {
	if node == len(x.names)-1 || left == 0 {
		s.may[node] = uint8(left)
		_, err := x.from(s, nil)
		return err
	}
	for n := left; n >= 0; n-- {
		s.may[node] = uint8(n)
		if err := x.victims(s, node+1, left-n); err != nil {
			return err
		}
	}
	return nil
}

func (x *explorer) count() {
	x.found.States, x.found.Moves, x.found.Ends = len(x.seen), len(x.moves), len(x.ends)
}

// from explores all that can follow a state, and counts its schedules.
func (x *explorer) from(s shadow, path *step) (*big.Int, error) {
	x.found.Steps++
	key := s.key(x.small.Whole)
	if x.small.Whole && x.ways[key] != nil {
		return x.ways[key], nil
	}
	before := x.seen[key]
	if before.behind(s.spent) {
		return zero, nil
	}
	if len(x.seen) >= x.small.Most {
		return nil, errMost
	}
	x.seen[key] = before.with(s.spent)
	x.found.Depth = max(x.found.Depth, path.depth())
	if x.count(); x.small.Progress != nil && x.found.Steps%(1<<10) == 0 {
		if err := x.small.Progress(x.found); err != nil {
			return nil, err
		}
	}
	next, err := x.next(s, path)
	if err != nil {
		return nil, err
	}
	total := new(big.Int)
	for _, after := range next {
		n, err := x.from(after.shadow, after.path)
		if err != nil {
			return nil, err
		}
		if x.small.Whole {
			total.Add(total, n)
		}
	}
	if s.hands == [maxExplored]int32{} && int(s.spent[ticked]) == x.small.Ticks {
		total.SetInt64(1)
		if err := x.end(s, path); err != nil {
			return nil, err
		}
	}
	if x.small.Whole {
		x.ways[key] = total
	}
	return total, nil
}

var zero = new(big.Int)

// follows is a shadow and how it came to be.
type follows struct {
	shadow
	path *step
}

// next lists what can follow a state.
func (x *explorer) next(s shadow, path *step) (all []follows, err error) {
	moving, err := x.moving(s, path)
	if err != nil {
		return nil, err
	}
	for _, node := range moving {
		for _, it := range x.hands[s.hands[node]].open {
			for _, c := range x.choices(s, node, it) {
				after, on, o, err := x.take(s, node, it, c, path)
				if err != nil {
					return nil, err
				}
				if !o.void {
					all = append(all, follows{after, on})
				}
			}
		}
	}
	if int(s.spent[ticked]) < x.small.Ticks {
		after, err := x.ticks(s, path)
		if err != nil {
			return nil, err
		}
		all = append(all, after)
	}
	return all, nil
}

// take is what follows a choice.
func (x *explorer) take(s shadow, node int, it item, c choice, path *step) (after shadow, on *step, o became, err error) {
	on = &step{path, input{s.nodes[node], s.now, it, c.at}, c}
	after = s
	after.hands[node] = x.without(s.hands[node], it)
	if c.kind == lost {
		after.spent[lost]++
		return after, on, became{node: s.nodes[node]}, nil
	}
	if o, err = x.move(on); err != nil || o.void {
		return after, on, o, err
	}
	after.nodes[node] = o.node
	if c.kind == doubled {
		after.spent[doubled]++
		after.hands[node] = x.with(after.hands[node], it|again)
	}
	if c.at > 0 {
		after.spent[crashed]++
		after.may[node]--
	}
	x.wait(&after, o.out)
	return after, on, o, x.tidy(&after, node, o.out, on)
}

// ticks lets time pass to the next alarm, if there is one.
func (x *explorer) ticks(s shadow, path *step) (follows, error) {
	after, sent := s, []int32(nil)
	after.spent[ticked]++
	for _, n := range s.nodes[:len(x.names)] {
		if at := x.nodes[n].rings; at > 0 && (after.now == s.now || at < after.now) {
			after.now = max(at, s.now)
		}
	}
	for i, n := range s.nodes[:len(x.names)] {
		if at := x.nodes[n].rings; at == 0 || at > after.now {
			continue
		}
		path = &step{before: path, input: input{n, after.now, ring, 0}}
		o, err := x.move(path)
		if err != nil {
			return follows{}, err
		}
		after.nodes[i] = o.node
		sent = append(sent, o.out...)
	}
	x.wait(&after, sent)
	return follows{after, path}, nil
}

// moving are the nodes whose moves are followed: all who have packets; of those
// the ones that are not silent; or one.
func (x *explorer) moving(s shadow, path *step) (nodes []int, err error) {
	var loud []int
	every := x.small.Whole || int(s.spent[ticked]) < x.small.Ticks
	for i, hand := range s.hands {
		if hand == 0 {
			continue
		}
		nodes = append(nodes, i)
		if every {
			continue
		}
		silent, err := x.silent(s, i, path)
		if err != nil {
			return nil, err
		}
		if !silent {
			loud = append(loud, i)
		}
	}
	switch {
	case every || len(nodes) == 0:
		return nodes, nil
	case len(loud) > 0:
		for _, i := range loud {
			if len(loud) == 1 {
				break
			}
			shut, err := x.shut(s, i, path)
			if err != nil {
				return nil, err
			}
			if shut {
				return []int{i}, nil
			}
		}
		return loud, nil
	}
	return nodes[:1], nil
}

// silent reports that a node says nothing, whatever becomes of its hand.
func (x *explorer) silent(s shadow, node int, path *step) (bool, error) {
	name := s.only(node)
	if is, known := x.mute[name]; known {
		return is, nil
	}
	is, err := x.whatever(s, node, path, func(after shadow, on *step, o became) (bool, error) {
		if o.void || len(o.out) > 0 {
			return o.void, nil
		}
		return x.silent(after, node, on)
	})
	if err == nil {
		x.mute[name] = is
	}
	return is, err
}

// shut reports that the others say nothing to a node while it does not move.
func (x *explorer) shut(s shadow, node int, path *step) (bool, error) {
	name := s.except(node)
	if is, known := x.mute[name]; known {
		return is, nil
	}
	for other, hand := range s.hands {
		if other == node || hand == 0 {
			continue
		}
		is, err := x.silent(s, other, path)
		if err == nil && !is {
			is, err = x.whatever(s, other, path, func(after shadow, on *step, o became) (bool, error) {
				said := slices.ContainsFunc(o.out, func(n int32) bool { return x.parcels[n].to == node })
				if said || o.void {
					return !said, nil
				}
				return x.shut(after, node, on)
			})
		}
		if err != nil {
			return false, err
		}
		if !is {
			x.mute[name] = false
			return false, nil
		}
	}
	x.mute[name] = true
	return true, nil
}

// whatever reports that something holds of each choice that a node has.
func (x *explorer) whatever(s shadow, node int, path *step, holds func(after shadow, on *step, o became) (bool, error)) (bool, error) {
	for _, it := range x.hands[s.hands[node]].open {
		for _, c := range x.choices(s, node, it) {
			after, on, o, err := x.take(s, node, it, c, path)
			if err != nil {
				return false, err
			}
			if is, err := holds(after, on, o); err != nil || !is {
				return false, err
			}
		}
	}
	return true, nil
}

// tidy throws away envelopes that their reader has, and that do nothing to it: of
// a node that changed, and of what was just sent.
func (x *explorer) tidy(s *shadow, node int, sent []int32, path *step) error {
	if x.small.Whole {
		return nil
	}
	readers := []int{node}
	for _, n := range sent {
		if to := x.parcels[n].to; !slices.Contains(readers, to) {
			readers = append(readers, to)
		}
	}
	for _, i := range readers {
		for _, it := range x.hands[s.hands[i]].items {
			idle, err := x.idle(s.nodes[i], s.now, it, path)
			if err != nil {
				return err
			}
			if idle {
				s.hands[i] = x.without(s.hands[i], it)
			}
		}
	}
	return nil
}

// idle reports that a packet is an envelope that a node has on disk, and does
// nothing to it.
func (x *explorer) idle(node int32, now time.Duration, it item, path *step) (bool, error) {
	p := &x.parcels[it.parcel()]
	if p.stream {
		return false, nil
	}
	name := [2]int32{node, int32(it)}
	is, known := x.inert[name]
	if !known {
		if x.nodes[node].has[p.sum] {
			o, err := x.move(&step{before: path, input: input{node, now, it, 0}})
			if err != nil {
				return false, err
			}
			is = o.node == node && len(o.out) == 0
		}
		x.inert[name] = is
	}
	return is, nil
}
