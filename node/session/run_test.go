package session

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spoken is a receipt as one wrote it, and what is to be known of it.
type spoken struct {
	raw   []byte
	id    EnvelopeID
	order uint32
	run   string
	place int
}

// receiptAt is a receipt of a device under an epoch, at a place of a run.
func (tb *table) receiptAt(by string, h *held, run string, place int) spoken {
	s := tb.s[by]
	last := sha256.Sum256([]byte(run))
	l := link(last[:15])
	for range maxRun - place {
		_, l, _ = s.before(l)
	}
	tb.counted++
	c := control{Version: controlVersion, Kind: controlReceipt, Device: s.cfg.Self.Device, Body: encode(receipt{}), Count: 1<<20 + tb.counted}
	c.Signature = MLS{}.Sign(s.cfg.Self.Secret, controlLabel, c.signed(s.group))
	raw := s.sealMarked(h, s.markOf(l, uint8(place)), innerControl, encode(c))
	e, _ := parseEnvelope(raw)
	return spoken{raw, e.id(), e.order, run, place}
}

// standing are those of the receipts that no other stands for.
func standing(all []spoken) map[EnvelopeID]bool {
	out := map[EnvelopeID]bool{}
	for _, r := range all {
		out[r.id] = !slices.ContainsFunc(all, func(o spoken) bool {
			lowest := 1
			for o.place%(2*lowest) == 0 {
				lowest *= 2
			}
			return o.run == r.run && r.place < o.place && r.place > o.place-lowest
		})
	}
	return out
}

// expect compares what somebody's log has of some receipts with what it should.
func (tb *table) expect(t rapid.TB, who string, all []spoken) {
	t.Helper()
	s, want := tb.s[who], standing(all)
	for _, r := range all {
		row, kept := tb.rows[who][rowEnvelope(r.id, logged{r.order, uint32(len(r.raw)), false})]
		if is := [...]bool{s.logged(r.id), s.set.Has(item(r.id, r.order)), kept}; is != [...]bool{want[r.id], want[r.id], want[r.id]} || kept && string(row) != string(r.raw) {
			t.Errorf("%s: place %d of run %s: in log, set and rows %v, should be %v", who, r.place, r.run, is, want[r.id])
		}
	}
}

// runsTable is a group of which some have two epochs.
func runsTable(t *testing.T, names ...string) *table {
	tb := newTable(t, names...)
	tb.step("alice", Refresh{ID: testID("another epoch")})
	tb.settle()
	return tb
}

// someReceipts are those of a few runs, and of somebody who copies marks.
func (tb *table) someReceipts(t *rapid.T, name string) (all []spoken) {
	for _, who := range []string{"bob", "carol"} {
		h := tb.s[who].head()
		if p := tb.s[who].held[h.parent]; rapid.Bool().Draw(t, "before") {
			h = p
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "runs of "+who) {
			places := rapid.SliceOfNDistinct(rapid.IntRange(1, rapid.SampledFrom([]int{5, maxRun}).Draw(t, "up to")), 1, 5, rapid.ID).Draw(t, "places")
			for _, place := range places {
				run := fmt.Sprint(name, who, i)
				all = append(all, tb.receiptAt(who, h, run, place))
				for range rapid.IntRange(0, 2).Draw(t, "copies") {
					all = append(all, tb.receiptAt("carol", h, run, place))
				}
			}
		}
	}
	return all
}

// Whatever the order in which receipts come, how often, and whoever restarts in
// between: the same stay in the log.
func TestRunsInAnyOrder(t *testing.T) {
	tb := runsTable(t, "alice", "bob", "carol")
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		all := tb.someReceipts(t, fmt.Sprint("order ", n))
		order := rapid.Permutation(slices.Concat(all, all[:rapid.IntRange(0, len(all)).Draw(t, "twice")])).Draw(t, "order")
		restart := rapid.IntRange(0, 2*len(order)).Draw(t, "restart")
		for i, r := range order {
			tb.step("alice", Received{From: "bob", Envelope: r.raw})
			if i == restart {
				tb.restart("alice")
			}
		}
		tb.expect(t, "alice", all)
	})
}

// Two who know different receipts of the same runs have the same after they have
// compared their logs; and then nothing is sent any more. It makes no difference
// that dave has no key for some: he came in later.
func TestRunsCompared(t *testing.T) {
	tb := runsTable(t, "alice", "bob", "carol")
	tb.cfg["dave"], tb.all = testConfig(t, "dave", "dave"), append(tb.all, "dave")
	tb.step("alice", Invite{ID: testID("dave"), Account: tb.cfg["dave"].Self.Account, KeyPackages: [][]byte{tb.key("dave")}})
	tb.settle()
	if dave := tb.s["dave"]; dave == nil || dave.held[tb.s["bob"].head().parent] != nil {
		t.Fatal("dave was there before, or is not there: nothing is tested")
	}
	tb.compare("dave", "alice")
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		all := tb.someReceipts(t, fmt.Sprint("compared ", n))
		known := map[EnvelopeID]bool{}
		for _, r := range rapid.Permutation(all).Draw(t, "order") {
			for _, who := range []string{"alice", "dave"} {
				if rapid.Bool().Draw(t, who+" hears") {
					tb.step(who, Received{From: "bob", Envelope: r.raw})
					known[r.id] = true
				}
			}
		}
		heard := slices.DeleteFunc(slices.Clone(all), func(r spoken) bool { return !known[r.id] })
		tb.compare("alice", "dave")
		tb.expect(t, "alice", heard)
		tb.expect(t, "dave", heard)
		if n := tb.compare("dave", "alice") + tb.compare("alice", "dave"); n > 0 {
			t.Errorf("%d envelopes are sent again", n)
		}
	})
}

// Who is in no group with one knows nothing by its marks; who is, and has none of
// its keys, cannot make the next.
func TestMarksAreNoise(t *testing.T) {
	tb := newTable(t, "alice", "bob")
	bob, other := tb.s["bob"], newTable(t, "alice", "carol").s["carol"]
	other.group[0] ^= 1
	places := map[uint8]int{}
	for range 200 {
		bob.sayHave(bob.head(), nil)
		e, _ := parseEnvelope(bob.fx.Publish[len(bob.fx.Publish)-1].Envelope)
		if r, place, ok := bob.readMark(e.mark); !ok || int(place) != len(bob.said.from) || len(bob.runs[r]) != bits.OnesCount8(place) {
			t.Fatalf("a mark of place %d reads as %d, %v; %d receipts stand", len(bob.said.from), place, ok, len(bob.runs[r]))
		}
		if r, place, ok := other.readMark(e.mark); ok {
			places[place]++
			if _, known := bob.runs[r]; known {
				t.Error("the run shows to who does not know the group")
			}
		}
		e, _ = parseEnvelope(bob.sealOn(bob.head(), innerMessage, nil))
		if _, _, ok := bob.readMark(e.mark); ok {
			t.Error("a message has a mark")
		}
	}
	for place, n := range places {
		if n > 12 {
			t.Errorf("place %d shows %d times of 200", place, n)
		}
	}
}

// Receipts stand for others, and a run has an end: so the log has few of them, and
// an author who hears only what is in it has heard all.
func TestReceiptsOfManyMessages(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	const said = 3*maxRun + maxRun/2
	deaf := tb.s["alice"]
	delete(tb.s, "alice") // she says what follows, and hears nothing
	texts := map[MessageID]bool{}
	for i := range said {
		id := testID(fmt.Sprint("text ", i))
		fx := deaf.Step(tb.now, Send{ID: id, Body: Text("text")})
		texts[messageID(deaf.cfg.Self.Device, id)] = true
		tb.perform("alice", fx)
		tb.now += 1000
		for _, who := range []string{"bob", "carol"} {
			tb.step(who, Tick{})
		}
	}
	bob := tb.s["bob"]
	stand := 0
	for _, list := range bob.runs {
		stand += len(list)
	}
	if most := 2*(said/maxRun+bits.Len(maxRun)) + 4; stand > most {
		t.Errorf("%d receipts stand, of at most %d", stand, most)
	}
	tb.s["alice"] = deaf
	tb.compare("alice", "bob")
	for id := range texts {
		if m := deaf.outbox[id]; m != nil {
			t.Fatalf("a message has %d of %d receipts", len(m.Got), m.Of)
		}
	}
	// Where the log is cut, the runs that were in it are forgotten.
	bob.begin(tb.now)
	bob.cutLog(uint32(bob.head().number) + 1)
	tb.perform("bob", bob.finish())
	if left := slices.Collect(maps.Keys(bob.runs)); len(left) > 0 {
		t.Errorf("runs of a log that was cut: %x", left)
	}
	for key := range tb.rows["bob"] {
		if strings.HasPrefix(key, "run/") {
			t.Errorf("the row %s is left", key)
		}
	}
}

// A mark on anything but a receipt: whoever opens it refuses it. A later mark of
// the same run would have it leave all logs, a commit that all followed too.
func TestOnlyReceiptsHaveMarks(t *testing.T) {
	tb := newTable(t, "alice", "bob", "carol")
	alice, bob := tb.s["alice"], tb.s["bob"]
	h := bob.head()
	e, _ := parseEnvelope(tb.announce("alice", "bob", tb.craft("alice", Edit{})))
	plain, _ := MLS{}.Open(h.branch, e.head, e.sealed)
	_, commit, _ := unpad(plain)
	marked := func(inner byte, body []byte) []byte {
		return alice.sealMarked(h, alice.markOf(link{1}, 1), inner, body)
	}
	for what, raw := range map[string][]byte{
		"commit":  marked(innerCommit, commit),
		"message": marked(innerMessage, []byte("x")),
		"request": marked(innerControl, alice.state(controlIntent, request{})),
	} {
		e, _ := parseEnvelope(raw)
		if tb.step("bob", Received{From: "carol", Envelope: raw}); bob.logged(e.id()) || bob.head().id != h.id {
			t.Errorf("a %s with the mark of a receipt was taken", what)
		}
	}
	if n := bob.Counts()[DropMalformed]; n != 3 {
		t.Errorf("%d were counted", n)
	}
	receipt := marked(innerControl, alice.state(controlReceipt, receipt{}))
	e, _ = parseEnvelope(receipt)
	if tb.step("bob", Received{From: "carol", Envelope: receipt}); !bob.logged(e.id()) {
		t.Error("a receipt was not taken")
	}
	if tb.step("bob", Received{From: "carol", Envelope: alice.sealOn(h, innerCommit, commit)}); bob.head().id == h.id {
		t.Error("the commit without a mark was not taken")
	}
}
