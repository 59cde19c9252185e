package session_test

import (
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// Three thousand messages of one author in one epoch reach somebody backwards or
// in no order, and all are read.
func TestMessagesInNoOrder(t *testing.T) {
	const many = 3000
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob", "carol")
		w.part([]string{"alice"}, []string{"bob", "carol"})
		var envelopes [][]byte
		for i := range many {
			fx := w.node("alice").s.Step(w.now, session.Send{ID: intentOf(fmt.Sprint("m", i)), Body: session.Text(fmt.Sprint("m", i))})
			for _, out := range fx.Publish {
				envelopes = append(envelopes, out.Envelope)
			}
			w.now++
		}
		if len(envelopes) != many {
			t.Fatal(len(envelopes), "published")
		}
		heard := func(name string, order func(i int) int) int {
			s, texts := w.node(name).s, 0
			for i := range many {
				fx := s.Step(w.now, session.Received{From: "alice", Envelope: envelopes[order(i)]})
				for _, n := range fx.Notify {
					if n.Kind == session.NoticeText {
						texts++
					}
				}
			}
			return texts
		}
		if got := heard("bob", func(i int) int { return many - 1 - i }); got != many {
			t.Errorf("backwards: %d", got)
		}
		scattered := func(i int) int { return i * 1009 % many }
		if got := heard("carol", scattered); got != many {
			t.Errorf("in no order: %d", got)
		}
		for _, name := range []string{"bob", "carol"} {
			if n := w.node(name).s.Counts()[session.DropInvalid]; n != 0 {
				t.Errorf("%s found %d invalid", name, n)
			}
		}
	})
}
