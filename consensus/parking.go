package consensus

import (
	"bytes"
	"slices"
)

// parking holds candidates whose parent is unknown.
type parking struct {
	spots    map[CommitID]spot
	byParent map[EpochID][]CommitID
	byAuthor map[Account][]CommitID // the oldest first
	came     uint64
}

type spot struct {
	Candidate
	came uint64
}

func newParking() parking {
	return parking{
		spots:    map[CommitID]spot{},
		byParent: map[EpochID][]CommitID{},
		byAuthor: map[Account][]CommitID{},
	}
}

// park keeps k until its parent comes. Beyond the cap, the author with most
// parked loses its oldest: a flood displaces only itself.
func (c *Chain) park(k Candidate) Status {
	if s, ok := c.parked.spots[k.ID]; ok {
		if s.opened() == k.opened() && bytes.Compare(s.Child.ID[:], k.Child.ID[:]) <= 0 || s.opened() && !k.opened() {
			return AddKnown
		}
		c.parked.drop(k.ID)
	} else {
		c.turn(k, Unknown, Parked)
	}
	c.parked.put(k)
	if len(c.parked.spots) > MaxParked {
		out := c.parked.crowded()
		c.parked.drop(out.ID)
		c.counts.Evicted++
		c.turn(out, Parked, Erased)
		if out.ID == k.ID {
			return AddFull
		}
	}
	return AddParked
}

// unpark adds a candidate whose parent has come.
func (c *Chain) unpark(k Candidate) {
	c.turn(k, Parked, Unknown)
	c.admit(k)
}

// turn tells the trace about a candidate that is not in the tree.
func (c *Chain) turn(k Candidate, from, to Life) {
	if c.Trace != nil {
		c.Trace(Turn{Commit: k.ID, Child: k.Child.ID, From: from, To: to})
	}
}

func (p *parking) put(k Candidate) {
	p.came++
	p.spots[k.ID] = spot{k, p.came}
	p.byParent[k.Parent] = append(p.byParent[k.Parent], k.ID)
	p.byAuthor[k.Author] = append(p.byAuthor[k.Author], k.ID)
}

func (p *parking) drop(id CommitID) (Candidate, bool) {
	s, ok := p.spots[id]
	if !ok {
		return Candidate{}, false
	}
	delete(p.spots, id)
	without(p.byParent, s.Parent, id)
	without(p.byAuthor, s.Author, id)
	return s.Candidate, true
}

// take removes and returns those that wait for parent, in the order of their
// names.
func (p *parking) take(parent EpochID) []Candidate {
	ids := slices.SortedFunc(slices.Values(p.byParent[parent]), compareCommits)
	var out []Candidate
	for _, id := range ids {
		k, _ := p.drop(id)
		out = append(out, k)
	}
	return out
}

// crowded returns the oldest candidate of the author who has most.
func (p *parking) crowded() Candidate {
	var worst spot
	for author, ids := range p.byAuthor {
		oldest := p.spots[ids[0]]
		more := len(ids) - len(p.byAuthor[worst.Author])
		if worst.came == 0 || author != worst.Author && (more > 0 || more == 0 && oldest.came < worst.came) {
			worst = oldest
		}
	}
	return worst.Candidate
}

// without takes id off the list under key, and the list away with the last.
func without[K comparable](lists map[K][]CommitID, key K, id CommitID) {
	rest := slices.DeleteFunc(lists[key], func(x CommitID) bool { return x == id })
	if len(rest) == 0 {
		delete(lists, key)
	} else {
		lists[key] = rest
	}
}

// Missing returns the parents that parked candidates name and nobody has
// brought, sorted.
func (c *Chain) Missing() []EpochID {
	coming := map[EpochID]bool{}
	for _, s := range c.parked.spots {
		coming[s.Child.ID] = true
	}
	var missing []EpochID
	for parent := range c.parked.byParent {
		if !coming[parent] {
			missing = append(missing, parent)
		}
	}
	slices.SortFunc(missing, compareEpochs)
	return missing
}

func compareEpochs(a, b EpochID) int   { return bytes.Compare(a[:], b[:]) }
func compareCommits(a, b CommitID) int { return bytes.Compare(a[:], b[:]) }

// memory remembers the latest names put into it, up to a cap.
type memory[K comparable, V any] struct {
	known map[K]V
	order []K
	most  int
}

func newMemory[K comparable, V any](most int) memory[K, V] {
	return memory[K, V]{known: map[K]V{}, most: most}
}

func (m *memory[K, V]) has(k K) bool { _, ok := m.known[k]; return ok }

// drop forgets k and reports whether it was known.
func (m *memory[K, V]) drop(k K) bool {
	if !m.has(k) {
		return false
	}
	delete(m.known, k)
	m.order = slices.DeleteFunc(m.order, func(x K) bool { return x == k })
	return true
}

func (m *memory[K, V]) put(k K, v V) {
	if !m.has(k) {
		m.order = append(m.order, k)
	}
	m.known[k] = v
	if len(m.order) > m.most {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
}
