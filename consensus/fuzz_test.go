package consensus

import (
	"fmt"
	"slices"
	"testing"
)

// FuzzChain reads a byte string as a schedule: candidates, votes, evidence,
// refusals, erasure, pruning, restarts. Whatever it says, the invariants of
// check hold after every step, moves lead from head to head, lives follow their
// diagram, and what was said so far gives the same head in another order.
func FuzzChain(f *testing.F) {
	for _, schedule := range []string{
		"", "\x00\x00\x00\x00\x00\x01\x01\x01", "add a fork, then vote on it, and so on and on",
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
		"\x07\x00\x01\x02\x06\x00\x01\x10\x08\x07\x07\x07\x03\x01\x00\x02\x20\x09\x05\x01\x01\x00\x01\x01",
	} {
		f.Add([]byte(schedule))
	}
	f.Fuzz(func(t *testing.T, schedule []byte) {
		if len(schedule) > 400 {
			return
		}
		newFuzzer(t, schedule).run()
	})
}

type fuzzer struct {
	t      *testing.T
	bytes  []byte
	c      *Chain
	epochs []Epoch // named by candidates so far, whether held or not
	made   []Candidate
	votes  []Vote
	told   []input // while the set of inputs alone decides
	pure   bool
	lives  map[CommitID]Life
}

func newFuzzer(t *testing.T, schedule []byte) *fuzzer {
	root := Epoch{ID: epochID("."), Number: 3, Roster: accounts(people[:4]...)}
	f := &fuzzer{t: t, bytes: schedule, epochs: []Epoch{root}, pure: true, lives: map[CommitID]Life{}}
	f.watch(New(root, epochID("genesis"), V1()))
	return f
}

func (f *fuzzer) watch(c *Chain) {
	f.c = c
	c.Trace = func(turn Turn) {
		if !slices.Contains(legal[turn.From], turn.To) {
			f.t.Fatalf("no such step: %+v", turn)
		}
		f.lives[turn.Commit] = turn.To
	}
}

// next reads the schedule; it ends in zeros.
func (f *fuzzer) next(n int) int {
	if len(f.bytes) == 0 {
		return 0
	}
	b := f.bytes[0]
	f.bytes = f.bytes[1:]
	return int(b) % n
}

func (f *fuzzer) run() {
	for len(f.bytes) > 0 {
		was := f.c.Head()
		m := f.step(f.next(16))
		if m != nil && (m.From != was || m.To != f.c.Head()) {
			f.t.Fatalf("the head went from %v to %v, told %+v", was, f.c.Head(), m)
		}
		f.c.check()
	}
	_ = f.c.Describe(named)
	if !f.pure {
		return
	}
	slices.Reverse(f.told)
	again := New(f.epochs[0], epochID("genesis"), V1())
	for _, in := range f.told {
		again.tell(in)
	}
	if n := f.c.Counts(); n.Unfit > 0 || n.Votes > 0 || n.Crowded > 0 {
		return // a header that lies may have had others judged by it; of a crowd the first stay (TestCrowdsAgree)
	}
	if again.answers() != f.c.answers() {
		f.t.Fatalf("%s\nbackwards\n%s", f.c.answers(), again.answers())
	}
}

func (f *fuzzer) step(op int) *Move {
	switch {
	case op < 6:
		return f.add()
	case op < 11:
		return f.vote()
	}
	f.pure = f.pure && op == 15
	switch op {
	case 11:
		if len(f.made) > 0 {
			m := f.c.Refuse(f.made[f.next(len(f.made))].ID)
			return &m
		}
	case 12:
		line := f.c.Ancestors(f.c.Head())
		_, _ = f.c.Prune(line[f.next(len(line))])
	case 13:
		if len(f.made) > 0 {
			f.c.Erased(f.made[f.next(len(f.made))].ID)
		}
	case 14:
		before := f.c.answers()
		f.watch(Restore(f.c.Snapshot()))
		if f.c.answers() != before {
			f.t.Fatalf("restored\n%s\nwas\n%s", f.c.answers(), before)
		}
	case 15:
		f.c.Settle()
	}
	return nil
}

func (f *fuzzer) add() *Move {
	var k Candidate
	if kind := f.next(8); kind < 6 || len(f.made) == 0 {
		p := f.epochs[f.next(len(f.epochs))]
		name := fmt.Sprint(f.next(64), "-", len(f.made))
		what := f.next(256)
		k = Candidate{
			ID: commitID(name), Parent: p.ID, Author: account(people[what%5]), Class: Class(what / 5 % 5),
			Slot: uint32(what % 3), Role: Role(what % 2), Carries: what%7 == 0, Header: what%6 == 0,
			Child: Epoch{ID: epochID(name), Number: p.Number + 1, Roster: p.Roster},
		}
		switch kind {
		case 4:
			k.Child.Roster = accounts(people[what%3 : 3+what%4]...)
		case 5:
			k.Child.Number += uint64(what % 3)
		}
	} else { // say one again, as it was, or with a lie
		k = f.made[f.next(len(f.made))]
		switch f.next(6) {
		case 0:
			k.Header = !k.Header
		case 1:
			k.ID = commitID(fmt.Sprint("anew", len(f.made)))
		case 2:
			k.Header = true
			k.Child.ID = f.epochs[f.next(len(f.epochs))].ID
		}
		f.pure = false
	}
	f.epochs = append(f.epochs, k.Child)
	f.made = append(f.made, k)
	f.told = append(f.told, input{kind: 'c', candidate: k})
	m, _ := f.c.Add(k)
	return &m
}

func (f *fuzzer) vote() *Move {
	e := f.epochs[f.next(len(f.epochs))]
	who := f.next(12)
	v := Vote{
		Account: account(people[who%6]), Device: device(fmt.Sprint(who / 6)), Head: e.ID,
		Seq: 4*e.Number + uint64(f.next(40)),
	}
	f.votes = append(f.votes, v)
	f.told = append(f.told, input{kind: 'v', vote: v})
	m, _ := f.c.Hear(v)
	return &m
}
