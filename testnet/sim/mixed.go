package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// Mixed writes the script of a seed: a small group in which everything happens
// that can happen to honest members, at once. It is text before it runs, so a
// failing seed is a script, and a script can be cut shorter.
//
//	people   chat, read, refresh, invite, remove, come back, change roles and names
//	network  slow, lossy, doubling, overtaking; parted in two or three, one-way
//	machines killed at random times, started later; clocks that jump
//
// Near the end all is mended and given time; then nothing may be missing.
func Mixed(seed uint64) []testnet.Verb {
	m := &mixer{luck: NewRand(seed, "mixed"), looks: NewRand(seed, "looks")}
	m.open()
	for m.at < mixedActs {
		m.at += time.Duration(m.luck.Exp() * float64(mixedPace))
		m.act()
		if m.looks.Chance(0.3) {
			m.now("read %s room", m.names[m.looks.IntN(len(m.names))])
		}
	}
	m.mend()
	return m.script
}

// The size of a mixed run.
const (
	mixedActs = 60 * time.Second        // of things happening
	mixedPace = 1200 * time.Millisecond // between two of them, on average
	mixedRest = 5 * time.Minute         // at most, to come to rest after
)

type mixer struct {
	luck   *Rand
	looks  *Rand // a stream of its own: who reads what changes nothing else of a script
	at     time.Duration
	names  []string
	in     []string // probably members
	down   []string
	parted bool
	texts  int
	script []testnet.Verb
}

// now adds a line for the present time.
func (m *mixer) now(format string, args ...any) {
	v, err := testnet.ParseLine(fmt.Sprintf(format, args...))
	if err != nil {
		panic("sim: a line of our own making: " + err.Error())
	}
	v.At, v.Timed = m.at, true
	m.script = append(m.script, v)
}

func (m *mixer) pick(list []string) string { return list[m.luck.IntN(len(list))] }

var castNames = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"}

// open sets the stage: who there is, what the network is like, who is in.
func (m *mixer) open() {
	n := 3 + m.luck.IntN(6)
	m.names = castNames[:n]
	m.in = slices.Clone(m.names[:2+m.luck.IntN(n-1)])
	m.now("nodes %s", join(m.names))
	median := 10 + m.luck.IntN(150)
	m.now("latency lognormal(%dms,%dms)", median, median*(2+m.luck.IntN(10)))
	m.now("loss %.2f", float64(m.luck.IntN(4))*0.07)
	m.now("dup %.2f", float64(m.luck.IntN(3))*0.2)
	m.now("reorder %.2f", float64(m.luck.IntN(3))*0.25)
	m.now("group %s room (%s)", m.in[0], join(m.in[1:]))
	m.at = 8 * time.Second
	if m.luck.Chance(0.5) { // else only the founder may remove anybody
		m.now("role %s room %s admin", m.in[0], m.in[1])
	}
}

func join(names []string) string {
	out := ""
	for i, n := range names {
		if i > 0 {
			out += " "
		}
		out += n
	}
	return out
}

// act does one thing.
func (m *mixer) act() {
	who, other := m.pick(m.names), m.pick(m.names)
	switch die := m.luck.IntN(100); {
	case die < 50:
		m.texts++
		m.now("send %s room t%d", who, m.texts)
	case die < 60:
		m.now("refresh %s room", who)
	case die < 66:
		m.now("invite %s room %s", who, other)
	case die < 71:
		m.now("remove %s room %s", m.pick(m.in[:min(2, len(m.in))]), other)
	case die < 73:
		m.now("leave %s room", who)
	case die < 75:
		m.now("role %s room %s %s", m.in[0], other, m.pick([]string{"member", "admin", "owner"}))
	case die < 77:
		m.now("rename %s room n%d", m.in[0], m.luck.IntN(100))
	case die < 84:
		m.part()
	case die < 94:
		m.machine(who)
	default:
		m.now("clock %s %ds", who, m.luck.IntN(7200)-3600)
	}
}

// part separates the network, or mends it.
func (m *mixer) part() {
	if m.parted {
		m.now("heal")
		m.parted = false
		return
	}
	sides := make([][]string, 2+m.luck.IntN(2))
	for _, n := range m.names {
		i := m.luck.IntN(len(sides) + 1)
		if i < len(sides) { // else it hears everybody
			sides[i] = append(sides[i], n)
		}
	}
	sides = slices.DeleteFunc(sides, func(s []string) bool { return len(s) == 0 })
	if len(sides) < 2 {
		return
	}
	line := "partition"
	if m.luck.Chance(0.2) {
		line += " oneway"
	}
	for _, s := range sides {
		line += " (" + join(s) + ")"
	}
	m.now("%s", line)
	m.parted = true
}

// machine kills a node, or starts one that is down.
func (m *mixer) machine(who string) {
	if len(m.down) > 0 && m.luck.Chance(0.6) {
		i := m.luck.IntN(len(m.down))
		m.now("start %s", m.down[i])
		m.down = slices.Delete(m.down, i, i+1)
		return
	}
	if slices.Contains(m.down, who) {
		return
	}
	if m.luck.Chance(0.5) {
		m.now("crash %s %s %d", who, point(m.luck.IntN(int(pointCount))), 1+m.luck.IntN(3))
	} else {
		m.now("kill %s", who)
	}
	m.down = append(m.down, who)
}

// mend repairs all there is to repair and gives it time.
func (m *mixer) mend() {
	m.now("heal")
	m.now("loss 0")
	for _, n := range m.names {
		m.now("start %s", n)
	}
	m.script = append(m.script, testnet.Verb{Name: "settle", Args: []testnet.Arg{testnet.Word(mixedRest.String())}})
}
