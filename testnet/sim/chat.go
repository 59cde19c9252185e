package sim

import (
	"fmt"
	"runtime"
	"time"
)

// Chat is the load by which the simulator itself is measured: people in groups
// who talk. Its zero value is ordinary chat among ten.
type Chat struct {
	Nodes int           // people, one device each; 0: 10
	Group int           // members of each group; 0: 10
	Every time.Duration // between two messages of one person, on average; 0: 10 minutes
	For   time.Duration // virtual time, once all groups are formed; 0: an hour
	Seed  uint64
}

// Pace is what came of it.
type Pace struct {
	Nodes, Groups     int
	Formed            time.Duration // wall: until all groups were formed
	Virtual, Wall     time.Duration // of the chat
	Events, Messages  int           // in that time
	Read, Should      int           // messages read, and those to be read
	Packets, BytesNet int
	// Heap of the process for each node, engine states and disks and all: when
	// the groups had just been formed, and at the end.
	BytesFormed, BytesPerNode int
}

func (p Pace) String() string {
	return fmt.Sprintf("%5d nodes in %3d groups: %6.0f virtual seconds a second (%v in %.1fs), %.0f kB a node (%.0f when formed), %d events at %.1f µs, %d messages, %d of %d read",
		p.Nodes, p.Groups, p.Virtual.Seconds()/p.Wall.Seconds(), p.Virtual, p.Wall.Seconds(), float64(p.BytesPerNode)/1000, float64(p.BytesFormed)/1000,
		p.Events, float64(p.Wall.Microseconds())/float64(max(1, p.Events)), p.Messages, p.Read, p.Should)
}

// Run lets them talk: Poisson in time, over links of lognormal(50ms,250ms), and
// in each group somebody renews keys twice an hour. The first member of a group
// founds it.
func (c Chat) Run() (Pace, error) {
	c = c.orDefault()
	before := heap()
	w := New(Options{Seed: c.Seed, Quick: true, Link: Link{Latency: Lognormal{50 * time.Millisecond, 250 * time.Millisecond}}})
	p := Pace{Nodes: c.Nodes, Virtual: c.For}
	began := time.Now()
	groups, err := c.form(w)
	if err != nil {
		return p, err
	}
	p.Formed, p.Groups = time.Since(began), len(groups)
	p.BytesFormed = (heap() - before) / c.Nodes
	began, p.Events, p.Packets, p.BytesNet = time.Now(), w.Events(), w.Stats().Packets, w.Stats().Bytes
	luck := w.Luck("chat")
	for at := time.Duration(0); ; {
		at += time.Duration(luck.Exp() * float64(c.Every) / float64(c.Nodes))
		if at >= c.For-time.Minute { // the last are read, too
			break
		}
		g := luck.IntN(len(groups))
		who := groups[g][luck.IntN(len(groups[g]))]
		p.Messages++
		p.Should += len(groups[g])
		w.At(w.Now()+at, func() { w.Send(who, groupName(g), fmt.Sprintf("message %d", p.Messages)) })
	}
	for g, members := range groups {
		for i := range int(2 * c.For / time.Hour) {
			at := time.Duration(i)*30*time.Minute + time.Duration(luck.IntN(int(25*time.Minute)))
			who := members[luck.IntN(len(members))]
			w.At(w.Now()+at, func() { w.Refresh(who, groupName(g)) })
		}
	}
	if err := w.Wait(c.For); err != nil {
		return p, err
	}
	p.Wall = time.Since(began)
	p.Events, p.Packets, p.BytesNet = w.Events()-p.Events, w.Stats().Packets-p.Packets, w.Stats().Bytes-p.BytesNet
	for _, n := range w.nodes {
		for _, g := range sortedKeys(n.seats) {
			p.Read += len(n.seats[g].texts)
		}
	}
	p.BytesPerNode = (heap() - before) / c.Nodes
	runtime.KeepAlive(w)
	return p, nil
}

func (c Chat) orDefault() Chat {
	if c.Nodes == 0 {
		c.Nodes = 10
	}
	if c.Group == 0 {
		c.Group = 10
	}
	if c.Every == 0 {
		c.Every = 10 * time.Minute
	}
	if c.For == 0 {
		c.For = time.Hour
	}
	return c
}

// form founds the groups and waits until all of each are in one state.
func (c Chat) form(w *World) ([][]string, error) {
	var groups [][]string
	for i := range c.Nodes {
		if i%c.Group == 0 {
			groups = append(groups, nil)
		}
		g := len(groups) - 1
		groups[g] = append(groups[g], "n"+itoa(i+1))
	}
	for g, members := range groups {
		if err := w.Nodes(members...); err != nil {
			return nil, err
		}
		if err := w.Group(groupName(g), members[0], members[1:]...); err != nil {
			return nil, err
		}
	}
	whole := func() bool {
		for g, members := range groups {
			for _, m := range members {
				if s := w.byName[m].seats[groupName(g)]; s == nil || !s.live {
					return false
				}
			}
			if len(w.byName[members[0]].seats[groupName(g)].s.View().Members) != len(members) {
				return false
			}
		}
		return w.agreed()
	}
	if !w.Until(whole, time.Hour) {
		return nil, fmt.Errorf("not all groups formed within an hour: %w", w.err)
	}
	return groups, w.Wait(10 * time.Second) // votes, Welcomes confirmed
}

func groupName(g int) string { return "g" + itoa(g+1) }

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
