package local

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/local/wire"
)

// faults are what is wrong with the network now.
type faults struct {
	cuts map[string]cut // partitions by name
	base wire.Link      // of every link
	one  map[[2]string]wire.Link
}

type cut struct {
	oneway bool
	sides  [][]string
}

func (f *faults) init() { f.cuts, f.one = map[string]cut{}, map[[2]string]wire.Link{} }

// link is the way from one node to another.
func (f *faults) link(from, to string) wire.Link {
	l, ok := f.one[[2]string{from, to}]
	if !ok {
		l = f.base
	}
	for _, c := range f.cuts {
		l.Cut = l.Cut || c.stops(from, to)
	}
	return l
}

// stops reports whether a partition stops what goes that way.
func (c cut) stops(from, to string) bool {
	a := slices.IndexFunc(c.sides, func(s []string) bool { return slices.Contains(s, from) })
	b := slices.IndexFunc(c.sides, func(s []string) bool { return slices.Contains(s, to) })
	return a >= 0 && b >= 0 && a != b && (!c.oneway || a < b)
}

// write gives a node its rules.
func (f *faults) write(n *Net, d *Node) error {
	r := wire.Rules{To: map[int]wire.Link{}}
	for _, other := range n.List() {
		if l := f.link(d.Name, other.Name); other != d && l != (wire.Link{}) {
			r.To[other.Port] = l
		}
	}
	return r.Write(d.rulesPath())
}

// apply gives every node its rules, and waits until they are read.
func (n *Net) apply() error {
	var errs []error
	for _, d := range n.List() {
		if d.Up() {
			errs = append(errs, n.faults.write(n, d))
		}
	}
	time.Sleep(wire.TakesEffect)
	return errors.Join(errs...)
}

// Partition implements [testnet.Driver].
func (n *Net) Partition(name string, oneway bool, sides ...[]string) error {
	if len(sides) < 2 {
		return errors.New("a partition has two sides at least")
	}
	args := []testnet.Arg{testnet.Word(name)}
	if oneway {
		args = append(args, testnet.Word("oneway"))
	}
	seen := map[string]bool{}
	for _, side := range sides {
		for _, who := range side {
			if _, err := n.find(who); err != nil {
				return err
			}
			if seen[who] {
				return fmt.Errorf("%s is on two sides", who)
			}
			seen[who] = true
		}
		args = append(args, testnet.Names(side...))
	}
	n.note(n.verb("partition", args...))
	n.faults.cuts[name] = cut{oneway, sides}
	return n.apply()
}

// Heal implements [testnet.Driver].
func (n *Net) Heal(name string) error {
	if name == "" {
		n.note(n.verb("heal"))
		clear(n.faults.cuts)
	} else {
		if _, ok := n.faults.cuts[name]; !ok {
			return fmt.Errorf("there is no partition %s", name)
		}
		n.note(n.verb("heal", testnet.Word(name)))
		delete(n.faults.cuts, name)
	}
	return n.apply()
}

// Link implements [testnet.Driver]. Real links take a latency that is constant
// or uniform, and loss.
func (n *Net) Link(property, value, from, to string) error {
	var set func(*wire.Link)
	switch property {
	case "latency":
		low, high, err := span(value)
		if err != nil {
			return err
		}
		set = func(l *wire.Link) { l.LatencyMs, l.JitterMs = low, high-low }
	case "loss":
		p, err := strconv.ParseFloat(value, 64)
		if err != nil || p < 0 || p > 1 {
			return fmt.Errorf("%q is no probability: a number from 0 to 1", value)
		}
		set = func(l *wire.Link) { l.Loss = p }
	default:
		return fmt.Errorf("real links have no %s; the simulator's do", property)
	}
	if from == "" && to == "" {
		n.note(n.verb(property, testnet.Word(value)))
		set(&n.faults.base)
		for k, l := range n.faults.one {
			set(&l)
			n.faults.one[k] = l
		}
		return n.apply()
	}
	for _, who := range []string{from, to} {
		if _, err := n.find(who); err != nil {
			return err
		}
	}
	n.note(n.verb(property, testnet.Word(value), testnet.Word(from), testnet.Word(to)))
	l, ok := n.faults.one[[2]string{from, to}]
	if !ok {
		l = n.faults.base
	}
	set(&l)
	n.faults.one[[2]string{from, to}] = l
	return n.apply()
}

// span reads a latency, in milliseconds. A lognormal one becomes uniform from
// its median to twice that: near enough for outcomes, which is all that real
// nodes are compared by.
func span(s string) (low, high float64, err error) {
	name, args, call := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	if !call {
		args = name
	}
	parts := strings.Split(args, ",")
	v := make([]float64, len(parts))
	for i, p := range parts {
		d, err := time.ParseDuration(strings.TrimSpace(p))
		if err != nil || d < 0 {
			return 0, 0, fmt.Errorf("%q is no latency: write 20ms or uniform(10ms,50ms)", s)
		}
		v[i] = float64(d) / float64(time.Millisecond)
	}
	switch {
	case !call && len(v) == 1:
		return v[0], v[0], nil
	case name == "uniform" && len(v) == 2 && v[1] >= v[0]:
		return v[0], v[1], nil
	case name == "lognormal" && len(v) == 2:
		return v[0], 2 * v[0], nil
	}
	return 0, 0, fmt.Errorf("%q: real links take 20ms, uniform(a,b) or lognormal(median,p99)", s)
}

var errOnlySim = errors.New("real nodes do not do that; the simulator's do")

// Fate, Crash, Clock, Disk and Byzantine implement [testnet.Driver]: they need
// a world that can be stopped between two instants.
func (n *Net) Formed(string, string, ...string) error            { return errOnlySim }
func (n *Net) Fate(string, string, string, int) error            { return errOnlySim }
func (n *Net) Crash(string, string, int) error                   { return errOnlySim }
func (n *Net) Clock(string, time.Duration, float64) error        { return errOnlySim }
func (n *Net) Disk(string, string) error                         { return errOnlySim }
func (n *Net) Byzantine(string, string, string, ...string) error { return errOnlySim }
