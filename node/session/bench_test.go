package session_test

import (
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// crowd is a group of n that has come to rest, two of whose sessions are kept.
func crowd(b *testing.B, eng session.Engine, n int) *world {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("m%03d", i))
	}
	w := newWorldOn(b, eng, names...)
	w.create(names[0])
	for _, name := range names[1:] {
		w.step(names[0], session.Invite{ID: intentOf("invite " + name), Account: w.node(name).id.Account})
	}
	w.run(60_000)
	w.agree(names...)
	w.lossy = func(_, to string, _ session.Event) bool { return to != names[0] && to != names[1] }
	return w
}

// What one member pays to send a message, and to take one in.
func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{2, 50} {
		w := crowd(b, session.MLS{}, n)
		alice, bob := w.nodes[0], w.nodes[1]
		var sent [][]byte
		b.Run(fmt.Sprintf("send/members=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				fx := alice.s.Step(w.now, session.Send{ID: intentOf(fmt.Sprint(b.N, i, len(sent))), Body: session.Text("a line of text of the usual length, more or less")})
				for _, out := range fx.Publish {
					sent = append(sent, out.Envelope)
				}
				if i%1000 == 0 { // the outbox is bounded: let it drain
					b.StopTimer()
					alice.perform(fx)
					w.queue = nil
					b.StartTimer()
				}
			}
		})
		b.Run(fmt.Sprintf("receive/members=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				bob.s.Step(w.now, session.Received{From: "m000", Envelope: sent[i%len(sent)]})
				i++
			}
		})
	}
}

// What a renewal of keys costs its maker, and each of the others.
func BenchmarkCommit(b *testing.B) {
	for _, eng := range []struct {
		name string
		e    session.Engine
	}{{"mls", session.MLS{}}, {"standin", standin.New()}} {
		w := crowd(b, eng.e, 50)
		b.Run(eng.name+"/members=50", func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				name := fmt.Sprint("n", i)
				w.step("m000", session.Configure{ID: intentOf(eng.name + name), Name: &name})
				w.run(5000)
			}
		})
	}
}
