package sim

import (
	"slices"

	"github.com/covey-p2p/covey/node/session"
)

// Gossip, as gossipsub does it and no simpler than its faults need:
//
//  1. A topic is an overlay of some D neighbours a node. What a node publishes
//     goes to its neighbours; what it hears for the first time it passes on to
//     the others (hop).
//  2. Hops are packets: lost, doubled, delayed by the network. A copy that a
//     node has seen is dropped, unless the network itself doubled it: then the
//     session gets it twice, which is worse than gossipsub would do.
//  3. For three heartbeats whoever has a post offers it to six others (IHAVE);
//     one that lacks it asks and gets it. After that only sync repairs.
//  4. At the heartbeat after any change, neighbours that went are let go and
//     replaced, lost ones that are back are taken again, and everybody short of
//     the ceiling meets one new member (discovery).
//
// Two simplifications, both named: a neighbour that already has a post is not
// sent it again (its bytes are counted as Redundant), and a mesh link is also
// the connection over which two sessions sync.

// topic is the overlay of one group.
type topic struct {
	w     *World
	name  string
	subs  set     // nodes with a seat here
	mesh  [][]int // node → neighbours, sorted
	lost  [][]int // node → former neighbours, to be taken again when back
	posts []*post // still offered
	count int     // posts ever
	due   bool    // upkeep is on the queue
}

// post is one published envelope on its way.
type post struct {
	id    string
	bytes []byte
	from  int
	seen  set
	known int // members of seen
	runs  int // heartbeats it was offered for
}

func (t *topic) grow(i int) {
	for len(t.mesh) <= i {
		t.mesh, t.lost = append(t.mesh, nil), append(t.lost, nil)
	}
}

// subscribe seats a node; it has neighbours from the next heartbeat on.
func (t *topic) subscribe(i int) {
	t.grow(i)
	t.subs.add(i)
	t.changed()
	if len(t.mesh[i]) == 0 {
		return
	}
	t.w.queue.push(t.w.now, classWork, func() { // restarted before anybody noticed: its links are made anew
		for _, j := range t.mesh[i] {
			t.w.peer(i, t.name, j, true)
			if t.w.net.holds { // that the other end notices is an event of its own
				t.w.net.hold(pair{i, j}, true, "link "+t.name, t.name, nil, session.PeerUp{Peer: t.w.nodes[i].peer()})
				continue
			}
			t.w.peer(j, t.name, i, true)
		}
	})
}

// leave takes a node that runs no session here off the topic.
func (t *topic) leave(i int) {
	t.grow(i)
	t.subs.remove(i)
	for _, j := range slices.Clone(t.mesh[i]) {
		t.mesh[j] = drop(t.mesh[j], i)
		t.w.peer(j, t.name, i, false)
	}
	t.mesh[i], t.lost[i] = nil, nil
	for j := range t.lost {
		t.lost[j] = drop(t.lost[j], i)
	}
	t.changed()
}

// reset forgets what a crashed node had seen: its cache was memory.
func (t *topic) reset(i int) {
	for _, p := range t.posts {
		if p.seen.has(i) {
			p.seen.remove(i)
			p.known--
		}
	}
}

// publish sends an envelope to everybody on the topic, by way of neighbours.
func (t *topic) publish(from int, bytes []byte) *post {
	t.count++
	p := &post{id: t.name + "#" + itoa(t.count), bytes: bytes, from: from}
	p.seen.add(from)
	p.known = 1
	if t.w.net.holds { // no relay: publishers reach everybody themselves
		for i := range t.w.nodes {
			if i != from && t.subs.has(i) {
				t.w.net.hold(pair{from, i}, false, p.id, t.name, bytes, session.Received{From: t.w.nodes[from].peer(), Envelope: bytes})
			}
		}
		return p
	}
	t.relay(p, from, -1)
	t.posts = append(t.posts, p)
	t.w.queue.push(t.w.now+heartbeat, classWork, func() { t.offer(p) })
	return p
}

// relay sends a post from a node that has it to its neighbours.
func (t *topic) relay(p *post, at, from int) {
	for _, to := range t.mesh[at] {
		if to == from {
			continue
		}
		if p.seen.has(to) {
			t.w.net.stats.Redundant += len(p.bytes)
			continue
		}
		t.hop(p, at, to)
	}
}

// hop carries a post over one link.
func (t *topic) hop(p *post, from, to int) {
	arrived := 0
	t.w.net.send(pair{from, to}, p.bytes, p.id, func() {
		arrived++
		if arrived > 1 {
			t.deliver(p, from, to) // the network doubled it
			return
		}
		if p.seen.has(to) {
			t.w.net.stats.Redundant += len(p.bytes)
			return
		}
		p.seen.add(to)
		p.known++
		t.deliver(p, from, to)
		t.relay(p, to, from)
	})
}

func (t *topic) deliver(p *post, from, to int) {
	if t.w.trace.on {
		t.w.note(Entry{Kind: "hop", Node: t.w.nodes[to].name, Peer: t.w.nodes[from].name, Group: t.name, ID: p.id})
	}
	t.w.arrive(to, t.name, from, p.bytes)
}

// offer is IHAVE and IWANT at one heartbeat, seen from those who lack the post:
// each live holder would have told six peers drawn at random.
func (t *topic) offer(p *post) {
	online := t.online()
	if missing := len(online) - t.holders(p, online); missing > 0 {
		luck := NewRand(t.w.seed, "ihave", p.id, itoa(p.runs))
		chance := float64(lazyD) / float64(max(len(online)-1, lazyD))
		for _, to := range online {
			if p.seen.has(to) {
				continue
			}
			for _, from := range online {
				if p.seen.has(from) && luck.Chance(chance) && t.w.net.canDial(from, to) {
					t.ask(p, from, to)
					break
				}
			}
		}
	}
	if p.runs++; p.runs < gossipRuns {
		t.w.queue.push(t.w.now+heartbeat, classWork, func() { t.offer(p) })
		return
	}
	t.posts = slices.DeleteFunc(t.posts, func(q *post) bool { return q == p })
}

// ask is the round trip of IHAVE and IWANT, then the post.
func (t *topic) ask(p *post, from, to int) {
	small := make([]byte, 64) // an IHAVE or IWANT that names one post
	t.w.net.stream(pair{from, to}, small, "ihave "+p.id, func() {
		t.w.net.stream(pair{to, from}, small, "iwant "+p.id, func() { t.hop(p, from, to) })
	})
}

func (t *topic) online() []int {
	var out []int
	for i := range t.w.nodes {
		if t.subs.has(i) && t.w.nodes[i].up {
			out = append(out, i)
		}
	}
	return out
}

func (t *topic) holders(p *post, online []int) (n int) {
	if p.known < len(online) { // the common case is that all have it
		for _, i := range online {
			if p.seen.has(i) {
				n++
			}
		}
		return n
	}
	for _, i := range online {
		if !p.seen.has(i) {
			return n
		}
		n++
	}
	return n
}

// changed asks for upkeep at the next heartbeat.
func (t *topic) changed() {
	if t.due || t.w.net.holds {
		return
	}
	t.due = true
	next := (t.w.now/heartbeat + 1) * heartbeat
	t.w.queue.push(next, classWork, t.upkeep)
}

// upkeep mends the overlay; see 4 above.
func (t *topic) upkeep() {
	t.due = false
	online := t.online()
	for _, i := range online {
		t.grow(i)
	}
	t.release()
	t.retake(online)
	luck := NewRand(t.w.seed, "mesh", t.name, t.w.now.String())
	for _, i := range online {
		want := 0
		if n := len(t.mesh[i]); n < meshLow {
			want = meshD - n
		} else if n < meshHigh {
			want = 1
		}
		if t.w.net.visible != nil { // a topology is the overlay, whole
			want = len(online)
		}
		t.meet(i, online, want, luck)
	}
}

// release lets go of neighbours that cannot be reached either way.
func (t *topic) release() {
	for i := range t.mesh {
		for _, j := range slices.Clone(t.mesh[i]) {
			if i < j && (!t.w.net.open(i, j) && !t.w.net.open(j, i) || !t.w.net.allowed(i, j)) {
				t.mesh[i] = drop(t.mesh[i], j)
				t.mesh[j] = drop(t.mesh[j], i)
				t.lost[i], t.lost[j] = insert(t.lost[i], j), insert(t.lost[j], i)
				t.w.peer(i, t.name, j, false)
				t.w.peer(j, t.name, i, false)
			}
		}
	}
}

// retake links lost neighbours that can be reached again.
func (t *topic) retake(online []int) {
	for _, i := range online {
		for _, j := range slices.Clone(t.lost[i]) {
			if i < j && t.w.net.canDial(i, j) {
				t.join(i, j)
			}
		}
	}
}

// meet links a node with members drawn at random.
func (t *topic) meet(i int, online []int, want int, luck *Rand) {
	if want <= 0 || len(online) < 2 {
		return
	}
	var can []int
	for _, j := range online {
		if j != i && (len(t.mesh[j]) < meshHigh || t.w.net.visible != nil) && !slices.Contains(t.mesh[i], j) && t.w.net.canDial(i, j) {
			can = append(can, j)
		}
	}
	for ; want > 0 && len(can) > 0; want-- {
		k := luck.IntN(len(can))
		t.join(i, can[k])
		can = slices.Delete(can, k, k+1)
	}
}

func (t *topic) join(i, j int) {
	t.mesh[i], t.mesh[j] = insert(t.mesh[i], j), insert(t.mesh[j], i)
	t.lost[i], t.lost[j] = drop(t.lost[i], j), drop(t.lost[j], i)
	t.w.peer(i, t.name, j, true)
	t.w.peer(j, t.name, i, true)
}

// canDial says whether two nodes can make a connection: both ways, over the
// topology if there is one.
func (n *network) canDial(a, b int) bool {
	return n.open(a, b) && n.open(b, a) && n.allowed(a, b)
}

func (n *network) allowed(a, b int) bool { return n.visible == nil || n.visible(a, b) }

// netChanged follows any change of who can reach whom.
func (w *World) netChanged() {
	w.changed = w.now
	for _, name := range sortedKeys(w.topics) {
		w.topics[name].changed()
	}
}

func insert(list []int, v int) []int {
	i, found := slices.BinarySearch(list, v)
	if found {
		return list
	}
	return slices.Insert(list, i, v)
}

func drop(list []int, v int) []int {
	if i, found := slices.BinarySearch(list, v); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}
