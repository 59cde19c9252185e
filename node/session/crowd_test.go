package session

import "testing"

// Anybody can seal a commit or its header anew, and each time it is one envelope
// more. Of one that was turned away a few are noted, and always one of the commit.
func TestTurnedAwayIsNotedOnce(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	alice, bob := tb.s["alice"], tb.s["bob"]
	h := bob.head()
	var last [2][]byte // the last commit, and its header
	var all [][]byte
	for range 6 {
		e, _ := parseEnvelope(tb.announce("alice", "bob", tb.craft("alice", Edit{})))
		plain, _ := MLS{}.Open(h.branch, e.head, e.sealed)
		_, body, _ := unpad(plain)
		var a announced
		if err := decode(body, &a); err != nil {
			t.Fatal(err)
		}
		last = [2][]byte{body, a.Header}
		all = append(all, e.raw)
	}
	for _, raw := range all {
		tb.step("bob", Received{From: "carol", Envelope: raw})
	}
	if len(bob.crowds) != 2 {
		t.Fatalf("%d were turned away, want 2", len(bob.crowds))
	}
	for range 100 {
		tb.step("bob", Received{From: "carol", Envelope: alice.sealControl(last[1])})
	}
	for range 100 {
		tb.step("bob", Received{From: "carol", Envelope: alice.sealOn(h, innerCommit, last[0])})
	}
	for _, c := range bob.crowds {
		if len(c.Envelopes) > maxCarriers {
			t.Errorf("%d envelopes of one commit are noted", len(c.Envelopes))
		}
	}
}
