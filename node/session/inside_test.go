package session

import (
	"fmt"
	"testing"
)

// FuzzInside: a member that says anything, well sealed and well signed, stops
// nobody.
func FuzzInside(f *testing.F) {
	f.Add(byte(1), []byte{0})
	for kind := controlVote; kind <= controlProof; kind++ {
		f.Add(byte(kind)<<2, []byte{0xa0})
	}
	f.Add(byte(controlVote)<<2, encode(ballot{Number: 1 << 60, Seq: 1 << 60}))
	f.Add(byte(controlHeader)<<2, encode(heading{Number: 3, Class: 200, Role: 9, Voters: []Account{{2}, {1}}}))
	name := "x"
	f.Add(byte(controlIntent)<<2, encode(request{Intent: intent{Op: 99, Role: 77, Name: &name}}))
	f.Add(byte(controlReceipt)<<2, encode(receipt{Names: make([]byte, shortName)}))
	f.Add(byte(controlProof)<<2, encode(conviction{Signed: [2][]byte{{1}, {2}}}))
	f.Add(byte(controlRead)<<2, encode(word{Messages: []MessageID{{1}}}))
	f.Add(byte(controlReadmit)<<2, encode(plea{}))
	f.Add(byte(3), []byte("message"))
	f.Fuzz(func(t *testing.T, how byte, b []byte) {
		tb := newTable(t, "alice", "bob")
		bob := tb.s["bob"]
		h := bob.head()
		var raw []byte
		switch kind := controlKind(how >> 2); {
		case kind == 0 && how&3 == 3:
			message, _, err := h.keys.Protect(b, bob.cfg.Rand)
			if err != nil {
				t.Fatal(err)
			}
			raw = bob.sealOn(h, innerMessage, message)
		case kind == 0:
			raw = bob.sealOn(h, how&3, b)
		default:
			c := control{Version: controlVersion, Kind: kind, Device: bob.cfg.Self.Device, Certificate: bob.cfg.Self.Certificate, Body: b, Count: 1 << 40}
			if kind == controlVote || kind == controlHeader { // aim at what is there
				aim(&c, h.id)
			}
			c.Signature = MLS{}.Sign(bob.cfg.Self.Secret, controlLabel, c.signed(bob.group))
			if kind >= controlIntent && (kind != controlProof || how&1 != 0) {
				raw = bob.sealOn(h, innerControl, encode(c))
			} else {
				raw = bob.sealControl(encode(c))
			}
		}
		alice := tb.s["alice"]
		alice.Step(tb.now, Received{From: "bob", Envelope: raw})
		for range 20 {
			tb.now += 1000
			alice.Step(tb.now, Tick{})
		}
		if alice.Describe() == "" || alice.View().Standing != TakingPart && alice.View().Standing != LeftBehind {
			t.Errorf("alice is %v: %s", alice.View().Standing, alice.View().Why)
		}
		alice.Tree()
		alice.WhyFork(h.id)
		alice.WhyMember(bob.cfg.Self.Account)
		fx := alice.Step(tb.now, Send{ID: testID("after"), Body: Text("after")})
		if len(fx.Notify) == 0 {
			t.Error("alice answers nothing any more")
		}
	})
}

// A statement of a later version is counted, kept and passed on, and changes
// nothing: so a member whose program does not know read receipts stays in step
// with those whose does.
func TestStatementOfALaterVersion(t *testing.T) {
	tb := newTable(t, "alice", "bob")
	alice, bob := tb.s["alice"], tb.s["bob"]
	raw := bob.sealOn(bob.head(), innerControl, bob.state(controlProof+1, word{}))
	e, _ := parseEnvelope(raw)
	view := func() string { // but for when somebody last spoke
		v := alice.View()
		for _, m := range v.Members {
			for i := range m.Devices {
				m.Devices[i].Spoke = 0
			}
		}
		return fmt.Sprint(v)
	}
	before := view()
	alice.Step(tb.now, Received{From: "bob", Envelope: raw})
	if n := alice.Counts()[DropControl]; n != 1 || !alice.logged(e.id()) {
		t.Errorf("counted %d times, in the log: %v", n, alice.logged(e.id()))
	}
	if after := view(); after != before {
		t.Errorf("it changed\n%s to\n%s", before, after)
	}
}

// aim makes a statement that names nothing name an epoch that is there.
func aim(c *control, head EpochID) {
	var b ballot
	var d heading
	switch {
	case c.Kind == controlVote && decode(c.Body, &b) == nil && b.Head == EpochID{}:
		b.Head = head
		c.Body = encode(b)
	case c.Kind == controlHeader && decode(c.Body, &d) == nil && d.Parent == EpochID{}:
		d.Parent, d.Core = head, Core{1}
		c.Body = encode(d)
	}
}

// However far two sides run apart, up to the widest spacing, each has among its
// anchors one from before they parted.
func TestAnchorsReachBack(t *testing.T) {
	widest := anchorSpacings[len(anchorSpacings)-1]
	for fork := uint64(0); fork < 3*widest; fork += 7 {
		for ahead := uint64(1); ahead <= widest; ahead++ {
			shared := false
			for n := uint64(0); n <= fork && !shared; n += anchorSpacings[0] {
				shared = anchored(n, fork+ahead) && anchored(n, fork)
			}
			if !shared {
				t.Fatalf("a side that made %d commits after E%d shares no anchor with who stayed", ahead, fork)
			}
		}
		n := 0
		for a := uint64(0); a <= fork; a++ {
			if anchored(a, fork) {
				n++
			}
		}
		if n > maxWraps {
			t.Fatalf("%d anchors at E%d, at most %d", n, fork, maxWraps)
		}
	}
}

// A removed member reads votes and headers for a while, and nothing else.
func TestRemovedReadsOnlyTheControlPlane(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	bob := tb.s["bob"]
	tb.step("alice", Remove{ID: testID("rm"), Account: bob.cfg.Self.Account})
	tb.settle()
	h := tb.s["alice"].head()
	if h.roster.has(bob.cfg.Self.Account) {
		t.Fatal("bob is still in")
	}
	for inner := innerCommit; inner <= innerControl; inner++ {
		e, _ := parseEnvelope(tb.s["alice"].sealOn(h, inner, []byte("secret")))
		if bob.held[bob.tags[e.tag]] != nil {
			t.Errorf("bob has a key for what is of kind %d", inner)
		}
	}
	e, _ := parseEnvelope(tb.s["alice"].sealControl(tb.s["alice"].state(controlVote, ballot{Head: h.id})))
	if _, ok := bob.openControl(&e); !ok {
		t.Error("bob cannot read a vote: then who is cut off could not either")
	}
	if _, ok := tb.s["carol"].openControl(&e); !ok {
		t.Error("carol cannot read a vote")
	}
}

// Devices of a group renew their keys at times spread over the second half of
// what the group allows itself, however large it is.
func TestRenewalsAreSpread(t *testing.T) {
	for _, n := range []int{2, 100, 5000, 1 << 16} {
		h := &held{roster: &roster{leaves: make([]Leaf, n)}}
		every := max(renewEvery, Time(n)*renewShare)
		least, most := every, Time(0)
		for i := range 100 {
			s := &Session{}
			s.cfg.Self.Device[0] = byte(i)
			at := s.renewAfter(h)
			least, most = min(least, at), max(most, at)
		}
		if least < every/2 || most >= every || least > every*6/10 || most < every*9/10 {
			t.Errorf("of %d hours, %d devices renew after %d to %d", every/3600_000, n, least/3600_000, most/3600_000)
		}
	}
}
