package sim

import (
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Which states a session and its disk hold, to the epoch: what suite F shows by
// messages that a thief opens, here by the secrets themselves.

func TestStatesKept(t *testing.T) {
	t.Run("all_are_there", keptByAll)
	t.Run("one_is_away", keptForOne)
}

// dump is the numbers of the epochs whose secrets a node's memory holds, after
// a look at its disk: the wrapping key of every other is destroyed.
func (p *play) dump(name string) (held []uint64) {
	p.t.Helper()
	s, live := p.seat(name), map[session.EpochID]bool{}
	for _, b := range s.s.Tree() {
		if b.State {
			live[b.Epoch] = true
			held = append(held, b.Number)
		}
	}
	for _, e := range p.groups["room"].order {
		key := s.n.disk.wraps[wrapName{"room", e.child}]
		if !live[e.child] && key != nil && !key.erased {
			p.t.Errorf("%s can still read its rows of %s\n%s", name, e.label, p.picture())
		}
	}
	slices.Sort(held)
	return held
}

// All are there and vote: of ten epochs, each holds the last alone.
func keptByAll(t *testing.T) {
	p := cast(t, 1)
	for i := range 10 {
		p.do(fmt.Sprintf("rename alice room n%d", i), "wait 10s")
	}
	p.settle()
	for _, n := range p.names {
		if held := p.dump(n); !slices.Equal(held, []uint64{p.seat(n).number}) {
			t.Errorf("%s at %d holds the states of %v", n, p.seat(n).number, held)
		}
	}
	p.rest()
}

// One is away, so that nobody knows what it would say. All others hold a
// window and no more; when it is back, the last alone.
func keptForOne(t *testing.T) {
	p := cast(t, 2)
	p.do("kill frank")
	for i := range 12 {
		p.do(fmt.Sprintf("rename alice room n%d", i), "wait 10s")
	}
	for _, n := range p.others("frank") {
		var want []uint64
		for at := p.seat(n).number - windowOf; at <= p.seat(n).number; at++ {
			want = append(want, at)
		}
		if held := p.dump(n); !slices.Equal(held, want) {
			t.Errorf("%s holds the states of %v, want %v", n, held, want)
		}
	}
	p.do("start frank", "wait 60s")
	p.rest()
	for _, n := range p.names {
		if held := p.dump(n); len(held) != 1 {
			t.Errorf("%s holds the states of %v when all are back", n, held)
		}
	}
}
