package sim

import (
	"testing"
	"time"
)

// In a large group nearly all are beyond the cap of the wait before committing.
// They take turns all the same: who want to renew their keys at once, which none
// can do for another, do so by hardly more commits than they are.
func TestTurnsInALargeGroup(t *testing.T) {
	w := New(Options{Seed: 1, Link: Link{Latency: Lognormal{50 * time.Millisecond, 250 * time.Millisecond}}})
	var names []string
	for i := range 60 {
		names = append(names, "n"+itoa(i+1))
	}
	w.Nodes(names...)
	w.Formed("room", names[0], names[1:]...)
	w.Wait(10 * time.Second)
	for _, n := range names[:4] {
		w.Refresh(n, "room")
	}
	w.Wait(time.Minute)
	if made := len(w.groups["room"].order) - 1; made < 4 || made > 5 || !w.agreed() {
		picture, _ := w.Show("room")
		t.Errorf("%d commits, agreed %v\n%s", made, w.agreed(), picture)
	}
}
