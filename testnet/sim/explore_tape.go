package sim

import (
	"fmt"
	"slices"
	"time"
)

// A tape has what each node met until the packets wait: a node that is played
// from it alone, at the same times, is what it was among the others, at a tenth
// of what the whole world costs.
type tape struct{ takes [][]take }

type take struct {
	at time.Duration
	do func(n *node)
}

// add is what a node meets now.
func (t *tape) add(n *node, do func(n *node)) {
	if t == nil {
		return
	}
	for len(t.takes) <= n.idx {
		t.takes = append(t.takes, nil)
	}
	t.takes[n.idx] = append(t.takes[n.idx], take{n.w.now, do})
}

// alone sees to it that nodes from the tape are those of the world.
func (x *explorer) alone(nodes []int32) error {
	for i := range nodes {
		if w := x.solo(i); x.number(w.nodes[i], input{}) != nodes[i] {
			return fmt.Errorf("%s: %s is not what it was, from its tape", x.small.Name, w.nodes[i].name)
		}
	}
	return nil
}

// solo is a world in which one node is as it begins, and the others nothing.
func (x *explorer) solo(node int) *World {
	w := New(x.small.Options)
	for _, n := range x.first.nodes {
		w.addNode(n.name)
	}
	for name, g := range x.first.groups {
		w.groups[name] = newGroup(w, name, g.by)
		w.topics[name] = &topic{w: w, name: name}
	}
	w.net.holds = true
	for _, t := range x.first.tape.takes[node] {
		w.now = t.at
		t.do(w.nodes[node])
	}
	w.now = x.first.now
	for name, t := range x.first.topics {
		c := &topic{w: w, name: name, subs: slices.Clone(t.subs)}
		w.topics[name] = c
		for i := range t.mesh {
			c.mesh, c.lost = append(c.mesh, slices.Clone(t.mesh[i])), append(c.lost, slices.Clone(t.lost[i]))
		}
	}
	w.queue, w.net.held, w.byHand = queue{}, nil, true
	return w
}
