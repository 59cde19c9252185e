package mesh

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// TestMeetsAFewThenTheRest: of a large group, some are dialled at once and the
// others one by one; whoever was connected once is dialled whenever due.
func TestMeetsAFewThenTheRest(t *testing.T) {
	k := newKeeper(nil)
	const all = 30
	for i := range all {
		k.known[peer.ID(strconv.Itoa(i))] = &acquaintance{lot: uint64(i)}
	}
	now := time.Now()
	first, _ := k.due(now)
	if len(first) != meetAtOnce {
		t.Fatalf("%d are dialled at once", len(first))
	}
	for _, p := range first {
		k.known[p].up, k.known[p].seen = true, now
	}
	const pace = all * meetEach
	if due, next := k.due(now.Add(meetLater / 3)); len(due) != 0 || next != meetLater+pace-meetLater/3 {
		t.Fatalf("%d more are due at once, further ones in %v", len(due), next)
	}
	now = now.Add(meetLater + pace)
	for i := range 3 {
		due, _ := k.due(now.Add(time.Duration(i) * pace))
		if len(due) != 1 {
			t.Fatalf("after %d pauses %d are due", i, len(due))
		}
		k.known[due[0]].up, k.known[due[0]].seen = true, now
	}
	for _, p := range first[1:] { // a partition, from some
		k.known[p].up = false
	}
	for i := range 4 {
		k.known[peer.ID("more "+strconv.Itoa(i))] = &acquaintance{up: true}
	}
	due, _ := k.due(now.Add(3 * pace))
	if len(due) != len(first) {
		t.Fatalf("of %d that were lost and others, %d are due", len(first)-1, len(due))
	}
	for i, p := range due {
		if lost := slices.Contains(first, p); lost != (i < len(first)-1) {
			t.Errorf("%s is dialled as number %d of %d, of which %d were lost", p, i, len(due), len(first)-1)
		}
	}
}
