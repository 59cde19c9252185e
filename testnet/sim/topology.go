package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Topologies say which nodes connect to which; without one the overlay of
// gossip.go finds its neighbours among all. They bound gossip and sync; a
// Welcome still finds its way, as by a relay.
//
//	full              everybody may connect to everybody: the overlay chooses
//	ring(K)           each to the K next on either side
//	random(K)         a ring, and chords until each has K or so
//	clusters(N,B)     N clusters, each random(6), B bridges from each to the next
//	edges(a-b,b-c)    just those
const topologies = "full, ring(k), random(k), clusters(n,bridges), edges(a-b,…)"

// shape is a topology that is read, for however many nodes there are.
type shape struct {
	name string
	args [2]int
	list [][2]string
}

func parseShape(s string) (shape, error) {
	name, rest, call := strings.Cut(s, "(")
	inside, closed := strings.CutSuffix(rest, ")")
	bad := fmt.Errorf("%q is no topology: there are %s", s, topologies)
	if call != closed {
		return shape{}, bad
	}
	sh := shape{name: name}
	parts := strings.Split(inside, ",")
	want := map[string]int{"full": 0, "ring": 1, "random": 1, "clusters": 2}[name]
	switch {
	case name == "edges" && call:
		for _, p := range parts {
			a, b, ok := strings.Cut(p, "-")
			if !ok || a == "" || b == "" {
				return shape{}, fmt.Errorf("%q is no edge: write a-b", p)
			}
			sh.list = append(sh.list, [2]string{a, b})
		}
		return sh, nil
	case name == "full" && !call:
		return sh, nil
	case want == 0 || len(parts) != want:
		return shape{}, bad
	}
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || n < 1 || n > maxNodes {
			return shape{}, fmt.Errorf("%q: %q is no number from 1 to %d", s, p, maxNodes)
		}
		sh.args[i] = n
	}
	return sh, nil
}

// edges of a shape over n nodes; luck places what is random.
func (s shape) edges(w *World) map[pair]bool {
	out, n := map[pair]bool{}, len(w.nodes)
	join := func(a, b int) {
		if a != b {
			out[pair{a, b}], out[pair{b, a}] = true, true
		}
	}
	luck := NewRand(w.seed, "topology", s.name, itoa(n))
	circle := func(members []int, k int) {
		for i := range members {
			for d := 1; d <= k; d++ {
				join(members[i], members[(i+d)%len(members)])
			}
		}
	}
	chords := func(members []int, k int) {
		circle(members, 1)
		for range len(members) * max(0, k-2) / 2 {
			join(members[luck.IntN(len(members))], members[luck.IntN(len(members))])
		}
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	switch s.name {
	case "ring":
		circle(all, s.args[0])
	case "random":
		chords(all, s.args[0])
	case "clusters":
		parts := slices.Collect(slices.Chunk(all, max(1, (n+s.args[0]-1)/s.args[0])))
		for i, part := range parts {
			chords(part, meshD)
			next := parts[(i+1)%len(parts)]
			for range s.args[1] {
				join(part[luck.IntN(len(part))], next[luck.IntN(len(next))])
			}
		}
	case "edges":
		for _, e := range s.list {
			if a, b := w.byName[e[0]], w.byName[e[1]]; a != nil && b != nil {
				join(a.idx, b.idx)
			}
		}
	}
	return out
}

// topology puts a shape in force.
func (w *World) topology(value string) error {
	s, err := parseShape(value)
	if err != nil {
		return err
	}
	return w.verb(line("topology", value), func() {
		edges, nodes := map[pair]bool(nil), -1
		w.net.visible = func(a, b int) bool {
			if nodes != len(w.nodes) { // nodes came since
				edges, nodes = s.edges(w), len(w.nodes)
			}
			return edges[pair{a, b}]
		}
		if s.name == "full" {
			w.net.visible = nil
		}
		w.netChanged()
	})
}
