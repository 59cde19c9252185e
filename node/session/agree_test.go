package session

import "testing"

// An epoch is agreed on when all have said that they saw all stand there, at
// the turns they are at: that all stand there is not enough, as any of them may
// have voted for something else since.
func TestAgreedOnTakesTwoRounds(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	tb.step("alice", Refresh{ID: testID("refresh")})
	tb.settle()
	alice, bob := tb.s["alice"], tb.s["bob"].cfg.Self.Device
	into, ok := alice.chain.Into(alice.head().id)
	if !ok || !alice.agreedOn(&into) {
		t.Fatalf("all were there, and it is not agreed on:\n%s", alice.Describe())
	}
	was := alice.stances[bob]
	for what, change := range map[string]func(*stance){
		"bob has not seen all":                func(st *stance) { st.Seen = EpochID{} },
		"bob has seen all above it only":      func(st *stance) { st.Seen = into.Parent },
		"bob has seen others, or other turns": func(st *stance) { st.Sum[0] ^= 1 },
		"bob left and came back since":        func(st *stance) { st.Turn++ },
		"bob stands above":                    func(st *stance) { st.Head = into.Parent },
	} {
		st := was
		change(&st)
		alice.stances[bob] = st
		if alice.agreedOn(&into) {
			t.Errorf("%s, and it is agreed on", what)
		}
	}
	delete(alice.stances, bob)
	if alice.agreedOn(&into) {
		t.Error("bob has said nothing, and it is agreed on")
	}
}

// Of a request signed for one head and then for another, the older may come
// last; it does not take the newer one's place.
func TestRequestsComeInAnyOrder(t *testing.T) {
	tb := newTable(t, "alice", "bob")
	alice, bob := tb.s["alice"], tb.s["bob"]
	in := func(guard byte, until uint64) *request {
		i := intent{ID: testID("leave"), Op: opRemove, Author: bob.cfg.Self.Device, Account: bob.cfg.Self.Account, Until: until}
		if i.Guard = i.guard(alice.head().policy, alice.head().roster); guard != 0 {
			i.Guard[0] ^= guard
		}
		i.Signature = MLS{}.Sign(bob.cfg.Self.Secret, intentLabel, i.signed(bob.group))
		return &request{Intent: i}
	}
	alice.intoPool(in(0, 66))
	alice.intoPool(in(1, 65)) // signed for a head that is past, and late
	if r := alice.pool[testID("leave")].due(alice, alice.head()); r == nil || r.Intent.Until != 66 {
		t.Error("the request that holds here was lost")
	}
	for i := range byte(2 * maxVersions) {
		alice.intoPool(in(i+2, 70))
	}
	if n := len(alice.pool[testID("leave")].Versions); n > maxVersions {
		t.Errorf("%d versions of one request are kept", n)
	}
}
