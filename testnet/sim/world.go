package sim

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim/check"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// Options make a world. The zero value is a seed of zero, the stand-in engine,
// a fast quiet network and free computing.
type Options struct {
	Seed   uint64
	Link   Link           // every link until a verb says otherwise; zero: 20 ms
	Engine session.Engine // nil: a fresh stand-in
	// Rule makes the rule of one member of a group that an account founded,
	// where another is measured (rivals/); nil: the rule.
	Rule   func(founder session.Account) consensus.Rule
	Cost   Cost
	Trace  io.Writer // lines of the trace, or nil
	Digest bool      // keep a digest of the trace even without a writer
	// Skip, where set, is asked of every verb and keeps it from being done: the
	// shrinker takes verbs out of a scenario that it cannot rewrite.
	Skip func(testnet.Verb) bool
	// Quick leaves out the bookkeeping that checks invariants: for runs that
	// measure the simulator itself.
	Quick bool
}

// World is a network of nodes in virtual time: one goroutine, one seed. It is
// not safe for concurrent use. It is a [testnet.Driver].
type World struct {
	Book   *check.Book
	Record []testnet.Verb // every verb so far, timed: a script that replays

	seed    uint64
	now     time.Duration
	queue   queue
	trace   trace
	net     *network
	nodes   []*node
	byName  map[string]*node
	topics  map[string]*topic
	groups  map[string]*Group
	engine  session.Engine
	commons session.Commons
	rule    func(founder session.Account) consensus.Rule
	cost    Cost
	names   map[session.Account]string // account → name
	devices map[session.Device]*node
	people  map[string][]*node // account name → its devices
	shelf   shelf              // of rows that many disks have
	quick   bool
	skip    func(testnet.Verb) bool
	texts   int // handed out, for unique bodies
	intents int
	err     error         // what stopped the world
	changed time.Duration // when who can reach whom last changed
	// For tests: tap sees what is published, and opens has the branch key of
	// every epoch by its tag, where it is not nil.
	tap    func(s *seat, envelope []byte)
	opens  map[[16]byte]session.Key
	events int
	depth  int   // above zero: an event is happening
	byHand bool  // alarms do not ring: the explorer has them
	tape   *tape // of what nodes met, for the explorer
}

var _ testnet.Driver = (*World)(nil)

// New makes an empty world.
func New(o Options) *World {
	if o.Link.Latency == nil {
		o.Link.Latency = Constant(20 * time.Millisecond)
	}
	if o.Engine == nil {
		o.Engine = standin.New()
	}
	w := &World{
		Book: check.New(), seed: o.Seed, trace: newTrace(o.Trace, o.Digest), engine: o.Engine, rule: o.Rule, cost: o.Cost, quick: o.Quick, skip: o.Skip,
		byName: map[string]*node{}, topics: map[string]*topic{}, groups: map[string]*Group{},
		names: map[session.Account]string{}, devices: map[session.Device]*node{}, people: map[string][]*node{},
	}
	w.net = newNetwork(w, o.Link)
	return w
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Events counts what happened so far.
func (w *World) Events() int { return w.events }

// Stats is what the network did so far.
func (w *World) Stats() NetStats { return w.net.stats }

func (w *World) note(e Entry) {
	if w.trace.on {
		e.At = w.now
		w.trace.add(e)
	}
}

// step lets one thing happen; false if nothing is left to.
func (w *World) step() bool {
	if w.queue.len() == 0 || w.err != nil {
		return false
	}
	e := w.queue.pop()
	w.now = max(w.now, e.at)
	w.events++
	w.depth++
	e.do()
	w.depth--
	return true
}

// runTo lets everything happen up to and including a time.
func (w *World) runTo(end time.Duration) {
	for w.queue.len() > 0 && w.queue.heap[0].at <= end && w.step() {
	}
	if w.err == nil {
		w.now = max(w.now, end)
	}
}

// At calls f at a time since the beginning, after the verbs of that instant.
// What f does to the world it does through verbs: those are recorded, f is not.
func (w *World) At(at time.Duration, f func()) {
	w.queue.push(max(at, w.now), classWork, f)
}

// Every calls f every d, from d on, until it returns false.
func (w *World) Every(d time.Duration, f func() bool) {
	var again func()
	again = func() {
		if f() {
			w.At(w.now+d, again)
		}
	}
	w.At(w.now+d, again)
}

// Until lets time pass until cond holds, looking after each change at most
// every grain of virtual time; false if it did not within most.
func (w *World) Until(cond func() bool, most time.Duration) bool {
	end := w.now + most
	for {
		if cond() {
			return true
		}
		if w.now >= end || w.err != nil {
			return false
		}
		w.runTo(min(w.now+untilGrain, end))
	}
}

// Err is what stopped the world before its time, if anything did.
func (w *World) Err() error { return w.err }

// Wait implements [testnet.Driver].
func (w *World) Wait(d time.Duration) error {
	if d < 0 {
		return errors.New("time does not run backwards")
	}
	if w.depth > 0 {
		return errors.New("a callback cannot wait: ask for a later one with At")
	}
	w.runTo(w.now + d)
	return w.err
}

// Settle implements [testnet.Driver]: nothing is under way, no session has
// asked to be woken soon, and no face has heard anything for a while.
func (w *World) Settle(most time.Duration) error {
	end := w.now + most
	if w.depth > 0 {
		return errors.New("a callback cannot wait: ask for a later one with At")
	}
	if w.Until(w.still, most) || w.err != nil {
		return w.err
	}
	return fmt.Errorf("not at rest by %v: %s", end, w.unrest())
}

// still says that the world is at rest.
func (w *World) still() bool { return w.unrest() == "" }

// unrest says what still moves, or nothing.
func (w *World) unrest() string {
	if w.now-w.changed < quietFor {
		return "who can reach whom changed at " + w.changed.String()
	}
	if w.net.flying > 0 {
		return itoa(w.net.flying) + " packets under way"
	}
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		if len(n.inbox) > 0 {
			return n.name + " is busy"
		}
		for _, g := range sortedKeys(n.seats) {
			s := n.seats[g]
			if s.live && w.now-s.moved < quietFor {
				return n.name + " moved in " + g + " at " + s.moved.String()
			}
		}
	}
	return ""
}

// Rest checks the invariants of a run at rest and returns everything broken.
func (w *World) Rest() []check.Broken {
	part := w.parts()
	for _, n := range w.nodes {
		for _, g := range sortedKeys(n.seats) {
			s := n.seats[g]
			members := len(w.Book.Roster(epochName(s.head)))
			w.Book.Cooling(g, n.name, s.group.cooling(s.head, n.account, members), w.lately(g))
			s.shows()
		}
	}
	return w.Book.Rest(w.now, func(device string) int { return part[w.byName[device].idx] })
}

// lately says whether the head of a group moved anywhere, or who can reach whom
// changed, too short a while ago for keys to be vouched for.
func (w *World) lately(group string) bool {
	at := w.changed
	for _, n := range w.nodes {
		if s := n.seats[group]; s != nil && s.live {
			at = max(at, s.moved)
		}
	}
	return w.now < at+vouchedBy
}

// agreed says whether all who take part and can reach each other hold one
// state.
func (w *World) agreed() bool {
	part := w.parts()
	for _, name := range sortedKeys(w.groups) {
		heads := map[int]session.EpochID{}
		for _, n := range w.nodes {
			s := n.seats[name]
			if s == nil || !n.up || !s.live || s.byz != nil || s.head == (session.EpochID{}) {
				continue
			}
			p := part[n.idx]
			if h, ok := heads[p]; ok && h != s.head {
				return false
			}
			heads[p] = s.head
		}
	}
	return true
}

// parts numbers the connected parts of the network by their first node.
func (w *World) parts() []int {
	part := make([]int, len(w.nodes))
	if len(w.net.cuts) == 0 { // all who run reach each other
		first := -1
		for i, n := range w.nodes {
			if part[i] = i; n.up {
				if first < 0 {
					first = i
				}
				part[i] = first
			}
		}
		return part
	}
	for i := range part {
		part[i] = -1
	}
	for i := range w.nodes {
		if part[i] >= 0 {
			continue
		}
		part[i] = i
		for todo := []int{i}; len(todo) > 0; {
			at := todo[0]
			todo = todo[1:]
			for j := range w.nodes {
				if part[j] < 0 && w.net.open(at, j) && w.net.open(j, at) {
					part[j] = i
					todo = append(todo, j)
				}
			}
		}
	}
	return part
}

func itoa(n int) string { return strconv.Itoa(n) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
