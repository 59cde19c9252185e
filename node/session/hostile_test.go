package session_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/session/reconcile"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// exchange is what a sync frame says, and how many envelopes come with it.
type exchange struct {
	Floor   uint32               `cbor:"1,keyasint"`
	Offer   []byte               `cbor:"2,keyasint,omitempty"`
	Missing []session.EnvelopeID `cbor:"3,keyasint,omitempty"`
	More    bool                 `cbor:"4,keyasint,omitempty"`
	carries int
}

func readExchange(t testing.TB, frame []byte) (x exchange) {
	t.Helper()
	for i, b := 0, frame[1:]; len(b) > 0; i++ {
		n := binary.BigEndian.Uint32(b)
		if i > 0 {
			x.carries++
		} else if err := cbor.Unmarshal(b[4:4+n], &x); err != nil {
			t.Fatal(err)
		}
		b = b[4+n:]
	}
	return x
}

func (x exchange) frame(t testing.TB) []byte {
	t.Helper()
	b, err := cbor.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return session.AppendRow([]byte{1}, b)
}

// A peer that offers what others have, and thousands of names that nobody has,
// and sends none of it, costs a moment and a bounded number of questions.
func TestWhoOffersAndNeverSends(t *testing.T) {
	w := groupOn(t, standin.New(), "alice", "bob", "mallory")
	w.part([]string{"alice"}, []string{"bob", "mallory"})
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprint("text ", i))
		w.say("bob", want[i])
	}
	w.run(3000)

	const names, minute = 2000, 60_000
	var made reconcile.Set
	for i := range names {
		made.Add(reconcile.Item{Order: 1, ID: sha256.Sum256([]byte(fmt.Sprint("made up ", i)))})
	}
	lies, questions, replies := 0, 0, 0
	lie := func(offer []byte) {
		lies++
		w.queue = append(w.queue, delivery{at: w.now + w.delay, seq: w.seq, to: "alice",
			ev: session.Frame{From: "mallory", Device: w.node("mallory").id.Device, Bytes: exchange{Offer: offer, More: true}.frame(t)}})
		w.seq++
	}
	w.lossy = func(from, to string, ev session.Event) bool {
		f, ok := ev.(session.Frame)
		switch {
		case from == "mallory" && to == "alice": // what she says is true, but for what she keeps back
			return !ok || readExchange(t, f.Bytes).carries > 0
		case from == "alice" && to == "mallory" && ok:
			x := readExchange(t, f.Bytes)
			replies++
			questions += len(x.Missing)
			if offer, _, _, err := made.Respond(x.Offer); err == nil && offer != nil {
				lie(offer)
			}
		}
		return false
	}
	delete(w.apart, [2]string{"alice", "mallory"})
	delete(w.apart, [2]string{"mallory", "alice"})
	w.meet("alice", "mallory")
	w.run(300) // she is asked first
	if questions < len(want) {
		t.Fatalf("mallory was asked %d questions: nothing is tested", questions)
	}
	w.heal()
	lie(made.Initiate())
	w.run(2000)
	if got := w.node("alice").heard(); len(got) != len(want) {
		t.Errorf("alice has %d of %d texts after two seconds", len(got), len(want))
	}
	for range minute / 500 {
		lie(made.Initiate())
		w.run(500)
	}
	if lies < minute/500 || questions < names {
		t.Fatalf("%d lies, %d questions: nothing is tested", lies, questions)
	}
	// askAgain is five seconds.
	if most := (names + len(want)) * (minute/5000 + 2); questions > most {
		t.Errorf("%d questions, at most %d are due", questions, most)
	}
	if replies > lies+minute/1000 {
		t.Errorf("%d replies to %d lies", replies, lies)
	}
	w.say("bob", "are you still there?")
	w.run(1000)
	if got := w.node("alice").heard(); len(got) != len(want)+1 {
		t.Errorf("alice has %d texts", len(got))
	}
}
