package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// FuzzBytes: whatever the network brings, Step takes it or counts it.
func FuzzBytes(f *testing.F) {
	w := groupOn(f, standin.New(), "alice", "bob")
	var seeds [][]byte
	w.lossy = func(_, _ string, ev session.Event) bool {
		switch e := ev.(type) {
		case session.Received:
			seeds = append(seeds, e.Envelope)
		case session.Frame:
			seeds = append(seeds, e.Bytes)
		}
		return false
	}
	w.say("alice", "x")
	w.step("bob", session.Refresh{ID: intentOf("r")})
	w.run(5000)
	for i, s := range seeds {
		f.Add(byte(i%5), s)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		w := groupOn(t, standin.New(), "alice", "bob")
		w.t = t
		before := w.node("alice").s.View().History
		switch kind % 5 {
		case 0:
			w.step("alice", session.Received{From: "bob", Envelope: b})
		case 1:
			w.step("alice", session.Frame{From: "bob", Bytes: b})
		case 2:
			w.step("alice", session.Welcomed{Bytes: b})
		case 3:
			w.step("alice", session.Fetched{KeyPackages: [][]byte{b}})
		case 4:
			w.step("alice", session.Invite{ID: intentOf("i"), Account: w.node("bob").id.Account, KeyPackages: [][]byte{b}})
		}
		w.run(2000)
		if w.node("alice").s.View().History != before {
			t.Error("bytes from nowhere made a message")
		}
		session.DecodeHistory(b)
		session.DecodeContent(b)
		session.WelcomeGroup(b)
		session.CheckEnvelope(b)
	})
}

// schedule runs a byte string as a schedule: two bytes say who does what, and
// how long until the next.
func schedule(w *world, names []string, b []byte) (said map[string][]string) {
	said = map[string][]string{}
	id, outgrown := 0, false
	w.schedules++
	round := strings.Repeat("'", w.schedules-1)
	for ; len(b) >= 2 && id < 40; b = b[2:] {
		id++
		name := names[int(b[0]>>4)%len(names)]
		other := names[int(b[1]>>4)%len(names)]
		key := fmt.Sprint(id, name, round)
		switch b[0] & 15 {
		case 0, 1, 2:
			text := fmt.Sprint("t", id, round)
			said[name] = append(said[name], text)
			w.say(name, text)
		case 3, 4:
			w.step(name, session.Refresh{ID: intentOf(key)})
		case 5:
			w.part([]string{name}, slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == name }))
		case 6:
			w.part([]string{name}, []string{other})
		case 7, 8:
			w.heal()
		case 9:
			w.restart(name)
		case 10:
			w.node(name).crashAt = w.node(name).steps + 1 + int(b[1])%7
		case 11:
			w.step(name, session.SetRole{ID: intentOf(key), Account: w.node(other).id.Account, Role: consensus.RoleAdmin})
		case 12:
			n := fmt.Sprint("name ", id)
			w.step(name, session.Configure{ID: intentOf(key), Name: &n})
		case 13:
			w.now += 5000 // a clock jumps; the world is late
		case 14:
			w.step(name, session.Tick{})
		case 15: // both sides outgrow the window, once: it is slow
			if !outgrown {
				outgrown = true
				half := [][]string{names[:2], names[2:]}
				w.part(half[0], half[1])
				for i := range 10 {
					for _, n := range names {
						w.step(n, session.Refresh{ID: intentOf(fmt.Sprint(key, n, i))})
					}
					w.run(4000)
				}
			}
		}
		w.run(session.Time(b[1]&15) * 300)
	}
	w.heal()
	w.run(200_000)
	return said
}

// FuzzSchedule: any schedule of texts, changes, cuts and crashes comes to one
// epoch, and to the same messages everywhere.
func FuzzSchedule(f *testing.F) {
	f.Add([]byte("\x03\x11\x14\x22\x25\x00\x00\x1f\x13\x2f\x07\x00"))
	f.Add([]byte("the quick brown fox jumps over the lazy dog"))
	f.Add([]byte(strings.Repeat("\x03\x0f\x13\x0f\x05\x00", 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		names := []string{"alice", "bob", "carol", "dave"}
		w := newWorldOn(t, standin.New(), names...)
		w.gather(names...)
		said := schedule(w, names, b)
		w.agree(names...)
		var want []string
		for _, texts := range said {
			want = append(want, texts...)
		}
		slices.Sort(want)
		for _, n := range names {
			got := w.node(n).history()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s has %q, want %q\n%s", n, got, want, w.node(n).s.Describe())
			}
		}
	})
}
