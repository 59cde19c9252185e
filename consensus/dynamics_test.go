package consensus

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
)

// What comes of members who each have a chain of their own and vote for its
// head: the rule in motion, with the least of a network around it.

// B7: an adversary with a third of the votes keeps two halves apart. It tells
// each half that it is on its side, under a fresh number each time, for two
// contents under one number would convict it; what it told one half reaches the
// other a round later. When its turns are used up it ends, and all agree.
func TestB7Balancing(t *testing.T) {
	w := parse(t, `
		group a1 a2 a3 a4 b1 b2 b3 b4 x1 x2 x3 x4
		A . a1 change slot=1
		B . b1 change slot=0`)
	halves := [2]*Chain{w.run(w.inputs), w.run(w.inputs)}
	sides := [2]EpochID{epochID("A"), epochID("B")}
	liars := []string{"x1", "x2", "x3", "x4"}
	for i, half := range []string{"a", "b"} {
		for k := range 4 {
			v := Vote{Account: account(fmt.Sprint(half, k+1)), Seq: 24, Head: sides[i]}
			halves[0].Hear(v)
			halves[1].Hear(v)
		}
	}
	rounds := 0
	var late [2][]Vote
	for seq := uint64(24); ; rounds++ {
		moved := false
		for i, half := range halves {
			for _, v := range late[i] {
				half.Hear(v)
			}
			late[i] = nil
		}
		for i, half := range halves {
			for _, liar := range liars {
				v := Vote{Account: account(liar), Seq: seq, Head: sides[i]}
				if _, verdict := half.Hear(v); verdict == VoteCounts {
					moved = true
				}
				late[1-i] = append(late[1-i], v)
			}
			seq++
		}
		if !moved {
			break
		}
		if halves[0].Head() != sides[0] || halves[1].Head() != sides[1] {
			t.Logf("round %d: heads %v and %v", rounds, halves[0].Head(), halves[1].Head())
		}
	}
	most := int(w.params.Turns*(w.params.Slack+1)) / 2
	t.Logf("apart for %d rounds, of at most %d", rounds, most)
	if rounds > most || rounds < most-1 {
		t.Errorf("apart for %d rounds, want %d", rounds, most)
	}
	if halves[0].answers() != halves[1].answers() || len(halves[0].Evidence()) > 0 {
		t.Errorf("%s\nagainst\n%s", halves[0].Describe(named), halves[1].Describe(named))
	}
}

// member is one who votes for its head whenever it is not where it stands.
type member struct {
	name  string
	chain *Chain
	quiet int // ticks since the last input
	votes int
}

func (m *member) vote() (Vote, bool) {
	a := account(m.name)
	if at, ok := m.chain.Standing(a); ok && at == m.chain.Head() {
		return Vote{}, false
	}
	seq, ok := m.chain.NextSeq(a, m.chain.Head())
	if !ok {
		return Vote{}, false
	}
	m.votes++
	return Vote{Account: a, Seq: seq, Head: m.chain.Head()}, true
}

type letter struct {
	to, due int
	in      input
}

// TestVotingConverges: members who wait for quiet before they vote agree, all
// on one head, after few votes each; and where the network is slower than they
// wait, they still end, for turns are few.
func TestVotingConverges(t *testing.T) {
	for _, k := range []struct {
		name         string
		delay, quiet int
		most         int
	}{
		{"delays well below the wait", 4, 10, 2},
		{"delays about the wait", 12, 10, 6},
		{"delays ten times the wait", 100, 10, 36},
	} {
		t.Run(k.name, func(t *testing.T) {
			var votes, ticks []int
			for seed := range uint64(200) {
				rng := rand.New(rand.NewPCG(seed, 13))
				n := 3 + rng.IntN(7)
				most, took := vote(t, rng, n, 2+rng.IntN(n-1), k.delay, k.quiet)
				votes, ticks = append(votes, most), append(ticks, took)
			}
			sort.Ints(votes)
			sort.Ints(ticks)
			t.Logf("most votes of a member: median %d, worst %d; ticks until all is said: median %d, worst %d",
				votes[100], votes[199], ticks[100], ticks[199])
			if votes[199] > k.most {
				t.Errorf("a member cast %d votes, want at most %d", votes[199], k.most)
			}
		})
	}
}

// vote runs n members, of whom some commit on the root at once, until nothing
// is under way and nobody wants to vote. It returns how many votes the most
// eager cast and how long it took.
func vote(t *testing.T, rng *rand.Rand, n, rivals, delay, quiet int) (most, took int) {
	w := parse(t, "group "+strings.Join(names(n), " "))
	var members []*member
	for _, name := range names(n) {
		members = append(members, &member{name: name, chain: w.chain()})
	}
	var post []letter
	send := func(from, now int, in input) {
		for to := range members {
			due := now
			if to != from {
				due += 1 + rng.IntN(delay)
			}
			post = append(post, letter{to, due, in})
		}
	}
	for i := range rivals {
		e := Epoch{ID: epochID(fmt.Sprint("e", i)), Number: 6, Roster: w.root.Roster}
		send(i, 0, input{kind: 'c', candidate: Candidate{
			ID: commitID(fmt.Sprint(i)), Parent: w.root.ID, Child: e, Author: account(names(n)[i]),
			Class: ClassChange, Slot: uint32(rivals - i),
		}})
	}
	for now := 0; ; now++ {
		var rest []letter
		for _, l := range post {
			if l.due > now {
				rest = append(rest, l)
				continue
			}
			members[l.to].chain.tell(l.in)
			members[l.to].quiet = 0
		}
		post = rest
		idle := len(post) == 0
		for i, m := range members {
			if m.quiet++; m.quiet > quiet {
				if v, ok := m.vote(); ok {
					send(i, now, input{kind: 'v', vote: v})
					m.quiet = 0
				}
			} else {
				idle = false
			}
		}
		if idle && len(post) == 0 {
			took = now
			break
		}
		if now > 100_000 {
			t.Fatal("no end")
		}
	}
	for _, m := range members {
		if m.chain.answers() != members[0].chain.answers() {
			t.Fatalf("%s\nagainst\n%s", m.chain.Describe(named), members[0].chain.Describe(named))
		}
		most = max(most, m.votes)
	}
	stand, of := members[0].chain.Agreed(members[0].chain.Head())
	if stand < of && most < 30 {
		t.Fatalf("%d of %d agree, after %d votes\n%s", stand, of, most, members[0].chain.Describe(named))
	}
	return most, took
}

// TestVotingExhaustively: three members, two rival commits, two turns: all
// schedules of deliveries and votes. Every one ends, and ends in one head.
func TestVotingExhaustively(t *testing.T) {
	w := parse(t, `
		group alice bob carol
		A . alice change slot=1
		B . bob change slot=0`)
	w.params.Turns, w.params.Slack = 2, 0
	x := &explorer{t: t, w: w, seen: map[string]bool{}, heads: map[EpochID]int{}}
	x.messages = append(x.messages, w.inputs...)
	// The authors have their own commits.
	x.explore([3]uint64{0b01, 0b10, 0b00})
	t.Logf("%d states, %d ends: %v", len(x.seen), x.ends, x.heads)
	if x.ends == 0 || len(x.heads) != 2 {
		t.Error("the model does not reach both heads")
	}
}

// explorer walks all states of three members. A state is the messages so far
// and, for each member, which of them it has.
type explorer struct {
	t        *testing.T
	w        *world
	messages []input
	seen     map[string]bool
	ends     int
	heads    map[EpochID]int
}

func (x *explorer) explore(has [3]uint64) {
	key := fmt.Sprint(has, x.messages)
	if x.seen[key] {
		return
	}
	x.seen[key] = true
	all := uint64(1)<<len(x.messages) - 1
	moved := false
	var heads [3]EpochID
	for i, name := range people[:3] {
		for m := range x.messages {
			if has[i]&(1<<m) == 0 {
				next := has
				next[i] |= 1 << m
				moved = true
				x.explore(next)
			}
		}
		me := member{name: name, chain: x.chain(has[i])}
		heads[i] = me.chain.Head()
		if v, ok := me.vote(); ok {
			next := has
			next[i] |= 1 << len(x.messages)
			moved = true
			x.messages = append(x.messages, input{kind: 'v', vote: v})
			x.explore(next)
			x.messages = x.messages[:len(x.messages)-1]
		}
	}
	if moved {
		return
	}
	x.ends++
	x.heads[heads[0]]++
	if slices.Max([]uint64{has[0] ^ all, has[1] ^ all, has[2] ^ all}) != 0 || heads[0] != heads[1] || heads[1] != heads[2] {
		x.t.Fatalf("ends with heads %v", heads)
	}
}

func (x *explorer) chain(has uint64) *Chain {
	c := x.w.chain()
	for m, in := range x.messages {
		if has&(1<<m) != 0 {
			c.tell(in)
		}
	}
	return c
}
