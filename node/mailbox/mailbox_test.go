package mailbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/store"
)

// The story of the house: an invitee is away, the inviter leaves a Welcome and
// goes for good, two of the holders crash, the invitee comes back.
func TestWelcomeOutlivesItsSender(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 12)
		inviter, invitee := w.nodes[1], w.nodes[2]
		invitee.crash()
		time.Sleep(time.Minute)
		welcome := "welcome " + strings.Repeat("w", 40<<10)
		start := time.Now()
		out, err := inviter.leave(2, welcome)
		if err != nil || out.Holders != holders {
			t.Fatal(out, err)
		}
		t.Logf("deposited with %d holders in %v", out.Holders, time.Since(start))
		inviter.crash()
		held := w.kept()
		crashed := 0
		for _, n := range held {
			if n != inviter && crashed < 2 {
				n.crash()
				crashed++
			}
		}
		time.Sleep(time.Hour)
		invitee.start()
		start = time.Now()
		var got []Item
		n, err := invitee.box.Poll(t.Context(), invitee.owner, 0, nil, func(i Item) error {
			got = append(got, i)
			return nil
		})
		if n != 1 || err != nil || len(got) != 1 || string(got[0].Payload) != welcome || got[0].Kind != kindTest {
			t.Fatal(n, err, invitee.box.Counts())
		}
		t.Logf("fetched in %v", time.Since(start))
		// Acknowledged: the living holders have nothing left, and it comes once.
		for _, n := range held {
			if items, _ := n.box.Kept(); n.up && items != 0 {
				t.Error("a holder keeps what was acknowledged")
			}
		}
		if again := invitee.fetches(); len(again) != 0 {
			t.Error("delivered again")
		}
	})
}

func TestFriendsHoldToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4)
		sender, friend, away := w.nodes[0], w.nodes[1], w.nodes[3]
		friend.known[sender.id()] = true
		away.crash()
		sender.box.config.Closest = noDHT
		out, err := sender.leave(3, "for later", friend.id())
		if err != nil || out.Friends != 1 || out.Holders != 0 {
			t.Fatal(out, err)
		}
		sender.crash()
		away.start()
		away.box.config.Closest = noDHT
		var got []string
		deliver := func(i Item) error { got = append(got, string(i.Payload)); return nil }
		if n, err := away.box.PollPeer(t.Context(), away.owner, friend.id(), deliver); n != 1 || err != nil || got[0] != "for later" {
			t.Fatal(n, err, got)
		}
	})
}

// Some holders keep nothing of what they take, and give garbage without end.
func TestLyingHolders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 8)
		asked := 0
		for _, n := range w.nodes[5:] {
			n.mesh.Serve(protocol, maxRequest, func(_ context.Context, _ peer.ID, raw []byte) []byte {
				var r request
				if decMode.Unmarshal(raw, &r) != nil {
					return nil
				}
				a := answer{Version: version, Status: statusOK}
				if r.Op == opGet {
					asked++
					a.Last, a.More = itemID{byte(asked >> 8), byte(asked)}, true
					for i := range 20 {
						a.Items = append(a.Items, fmt.Appendf(nil, "garbage %d %d", asked, i))
					}
				}
				return encode(a)
			})
		}
		if out, err := w.nodes[1].leave(2, "true"); err != nil || out.Holders != holders {
			t.Fatal(out, err)
		}
		if got := w.nodes[2].fetches(); !slices.Equal(got, []string{"true"}) {
			t.Fatal(got)
		}
		if asked == 0 || asked > 3*(maxItems/20+1) {
			t.Errorf("asked the liars %d times", asked)
		}
		if c := w.nodes[2].box.Counts(); c["holder has more than is taken at once"] != 3 || c["item does not open"] == 0 {
			t.Error(c)
		}
	})
}

// What is not accepted stays with its holders; what was delivered does not come
// twice, whoever deposits it again.
func TestDeliverOnceOrAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 8)
		for _, from := range []int{1, 3} { // two members leave the same
			if _, err := w.nodes[from].leave(2, "the same"); err != nil {
				t.Fatal(err)
			}
		}
		calls := 0
		n, err := w.nodes[2].box.Poll(t.Context(), w.nodes[2].owner, 0, nil, func(Item) error { calls++; return errTest })
		if n != 0 || !errors.Is(err, errTest) || calls == 0 {
			t.Fatal(n, err, calls)
		}
		if got := w.nodes[2].fetches(); !slices.Equal(got, []string{"the same"}) {
			t.Fatal(got)
		}
		if _, err := w.nodes[4].leave(2, "the same"); err != nil {
			t.Fatal(err)
		}
		if got := w.nodes[2].fetches(); len(got) != 0 {
			t.Fatal(got)
		}
		if n := len(w.kept()); n != 0 {
			t.Errorf("%d nodes still hold something", n)
		}
	})
}

func TestLargePayloadsInParts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 8)
		payload := make([]byte, MaxPayload)
		for i := range payload {
			payload[i] = byte(i % 251)
		}
		if out, err := w.nodes[1].leave(2, string(payload)); err != nil || out.Holders != holders {
			t.Fatal(out, err)
		}
		var got []byte
		n, err := w.nodes[2].box.Poll(t.Context(), w.nodes[2].owner, 2, nil, func(i Item) error { got = i.Payload; return nil })
		if n != 1 || err != nil || !bytes.Equal(got, payload) {
			t.Fatal(n, err, len(got), w.nodes[2].box.Counts())
		}
		if n := len(w.kept()); n != 0 {
			t.Errorf("%d nodes still hold something", n)
		}
		if _, err := w.nodes[1].leave(2, string(payload)+"x"); !errors.Is(err, ErrPayload) {
			t.Error(err)
		}
	})
}

func TestItemsExpire(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.nodes[2].crash()
		if _, err := w.nodes[1].leave(2, "late"); err != nil {
			t.Fatal(err)
		}
		now := time.Now
		for _, n := range w.nodes[:2] {
			n.box.config.Now = func() time.Time { return now().Add((keepDays*24 + 1) * time.Hour) }
		}
		w.nodes[2].start()
		w.nodes[2].box.config.Now = w.nodes[0].box.config.Now
		if got := w.nodes[2].fetches(); len(got) != 0 {
			t.Error(got)
		}
	})
}

// Nobody but the recipient gets or deletes an item, and none of it can be read.
func TestOnlyTheRecipient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4)
		secret := "a secret " + strings.Repeat("s", 100)
		if _, err := w.nodes[1].leave(2, secret); err != nil {
			t.Fatal(err)
		}
		holder := w.nodes[0]
		rows, err := holder.store.Load(rowsItem)
		if err != nil || len(rows) != 1 {
			t.Fatal(len(rows), err)
		}
		if bytes.Contains(rows[0].Value, []byte("secret")) {
			t.Error("readable")
		}
		id := itemID(sha256.Sum256(rows[0].Value))
		today := []uint32{dayOf(time.Now())}
		now := time.Now()
		mallory := w.nodes[3]
		good := request{Op: opGet, Days: today}
		good.sign(signingKey(2), []byte(holder.id()), now)
		forged := func(change func(*request)) request {
			r := request{Op: opAck, Days: today, IDs: []itemID{id}}
			r.sign(signingKey(3), []byte(holder.id()), now)
			change(&r)
			return r
		}
		for name, r := range map[string]request{
			"as the recipient":         forged(func(r *request) { r.Recipient = recipient(2) }),
			"its own slot":             forged(func(*request) {}),
			"without signature":        forged(func(r *request) { r.Recipient = recipient(2); r.Signature = nil }),
			"another's, for another":   withSign(good, func(r *request) { r.sign(signingKey(2), []byte(w.nodes[1].id()), now) }),
			"another's, old":           withSign(good, func(r *request) { r.sign(signingKey(2), []byte(holder.id()), now.Add(-time.Hour)) }),
			"another's, from tomorrow": withSign(good, func(r *request) { r.sign(signingKey(2), []byte(holder.id()), now.Add(time.Hour)) }),
			"get made an ack":          withSign(good, func(r *request) { r.Op = opAck; r.IDs = []itemID{id} }),
		} {
			a, err := mallory.box.ask(t.Context(), holder.id(), &r)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Items) != 0 {
				t.Errorf("%s: got it", name)
			}
			if name != "its own slot" && a.Status != statusBad {
				t.Errorf("%s: %d", name, a.Status)
			}
		}
		if items, _ := holder.box.Kept(); items != 1 {
			t.Error("deleted")
		}
		if got := w.nodes[2].fetches(); len(got) != 1 {
			t.Error(got)
		}
	})
}

func withSign(r request, f func(*request)) request {
	f(&r)
	return r
}

// A stranger who floods gets so far and no further, an honest deposit still
// finds room, and what friends leave pushes the flood out.
func TestFloodIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 4)
		holder, flood := w.nodes[0], w.nodes[1]
		r := rand.New(rand.NewPCG(1, 1))
		put := func(from *node, in slotID, size int) status {
			item := make([]byte, size+48)
			for i := range 32 {
				item[i] = byte(r.Uint32())
			}
			d := &deposit{b: from.box, slot: in, day: dayOf(time.Now()), item: item, id: sha256.Sum256(item)}
			if !d.work(t.Context(), 8) {
				t.Fatal("no work")
			}
			a, err := from.box.ask(t.Context(), holder.id(), d.request())
			if err != nil {
				t.Fatal(err)
			}
			return a.Status
		}
		seen := map[status]int{}
		for range 200 {
			seen[put(flood, slotID{1}, smallest)]++
		}
		if seen[statusOK] != strangerItems || seen[statusQuota] != 200-strangerItems {
			t.Error(seen)
		}
		if put(flood, slotID{9}, smallest) != statusQuota {
			t.Error("another slot, another budget")
		}
		if got := put(w.nodes[2], slotID{2}, largest); got != statusOK {
			t.Error("an honest stranger pays for the flood:", got)
		}
		if n := holder.box.Counts()["deposit: over the depositor's budget"]; n == 0 {
			t.Error(holder.box.Counts())
		}
		// A day later it may again.
		holder.box.config.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		d := slotID{3}
		holder.box.keep.mu.Lock()
		before := holder.box.keep.day
		holder.box.keep.mu.Unlock()
		if put(flood, d, smallest) != statusOK || before == holder.box.keep.day {
			t.Error("for ever")
		}
	})
}

// counter is a holder without a network.
func counter(t *testing.T, known ...peer.ID) *Box {
	t.Helper()
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	b, err := New(Config{Self: "holder", Store: st, Known: func(p peer.ID) bool { return slices.Contains(known, p) }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *Box) say(from peer.ID, r request) answer {
	var a answer
	if err := decMode.Unmarshal(b.answer(context.Background(), from, encode(r)), &a); err != nil {
		panic(err)
	}
	return a
}

// deposits makes sound requests of the size, each another item.
func deposits(size, bits int) func() request {
	n := uint64(0)
	return func() request {
		n++
		item := binary.BigEndian.AppendUint64(make([]byte, 0, size+48), n)[:size+48]
		r := request{Version: version, Op: opPut, Slot: slotID{byte(n)}, Day: dayOf(time.Now()), Item: item}
		r.Work, _ = work(r.Slot, sha256.Sum256(item), bits, func() bool { return false })
		return r
	}
}

// Each check of a holder by a request that is sound but for its reason.
func TestHolderChecks(t *testing.T) {
	b := counter(t, "friend")
	next := deposits(smallest, leastWork)
	good := next()
	with := func(change func(*request)) request {
		r := good
		change(&r)
		return r
	}
	resized := func(n int) request {
		return with(func(r *request) {
			r.Item = make([]byte, n)
			r.Work, _ = work(r.Slot, sha256.Sum256(r.Item), leastWork, func() bool { return false })
		})
	}
	owner := func(change func(*request)) request {
		r := request{Op: opGet, Days: []uint32{1}}
		change(&r)
		r.sign(signingKey(1), []byte("holder"), time.Now())
		return r
	}
	for name, c := range map[string]struct {
		from peer.ID
		r    request
		want status
	}{
		"sound":                   {"a", good, statusOK},
		"again":                   {"a", good, statusOK},
		"without work":            {"b", with(func(r *request) { r.Work++ }), statusWork},
		"work for another slot":   {"b", with(func(r *request) { r.Slot = slotID{99} }), statusWork},
		"a friend, without work":  {"friend", with(func(r *request) { r.Work++ }), statusOK},
		"empty":                   {"a", resized(0), statusBad},
		"between two sizes":       {"a", resized(2 * smallest), statusBad},
		"too large":               {"a", resized(largest + overhead + 1), statusBad},
		"for the day before last": {"a", with(func(r *request) { r.Day -= 2 }), statusBad},
		"for the day after next":  {"a", with(func(r *request) { r.Day += 2 }), statusBad},
		"for the last of days":    {"a", with(func(r *request) { r.Day = 1<<32 - 1 }), statusBad},
		"yesterday's":             {"a", with(func(r *request) { r.Day-- }), statusOK},
		"of another version":      {"a", with(func(r *request) { r.Version = 2 }), statusBad},
		"of no kind":              {"a", with(func(r *request) { r.Op = 9 }), statusBad},
		"get":                     {"a", owner(func(*request) {}), statusOK},
		"get of too many days":    {"a", owner(func(r *request) { r.Days = make([]uint32, maxDays+3) }), statusBad},
		"ack of too many":         {"a", owner(func(r *request) { r.Op = opAck; r.IDs = make([]itemID, slotItems+1) }), statusBad},
	} {
		if a := b.say(c.from, c.r); a.Status != c.want || (c.want == statusWork) != (a.Bits >= leastWork) {
			t.Errorf("%s: %+v, want %d", name, a, c.want)
		}
	}
	if b.say("a", owner(func(*request) {})).Status != statusOK {
		t.Fatal("get")
	}
	for range getsDay {
		b.say("eager", owner(func(*request) {}))
	}
	if got := b.say("eager", owner(func(*request) {})).Status; got != statusQuota {
		t.Error("asks without end: ", got)
	}
}

func TestHolderBudgets(t *testing.T) {
	count := func(b *Box, from peer.ID, next func() request, change func(*request)) map[status]int {
		out := map[status]int{}
		for range 80 {
			r := next()
			change(&r)
			out[b.say(from, r).Status]++
		}
		return out
	}
	cheap := counter(t, "friend")
	cheap.least = 0
	if got := count(cheap, "a", deposits(smallest, 0), func(*request) {}); got[statusOK] != strangerItems || got[statusQuota] != 80-strangerItems {
		t.Error("items of a stranger: ", got)
	}
	got := count(cheap, "b", deposits(largest, 0), func(r *request) { r.Item[9] = 'b' })
	if want := strangerDay / (largest + 48); got[statusOK] != want || got[statusQuota] != 80-want {
		t.Error("bytes of a stranger: ", got)
	}
	got = count(cheap, "friend", deposits(smallest, 0), func(r *request) { r.Slot = slotID{200}; r.Item[9] = 'f' })
	if got[statusOK] != slotItems || got[statusFull] != 80-slotItems {
		t.Error("items of a slot: ", got)
	}
	got = count(cheap, "friend", deposits(largest, 0), func(r *request) { r.Slot = slotID{201}; r.Item[9] = 'g' })
	if want := slotBytes / (largest + 48); got[statusOK] != want || got[statusFull] != 80-want {
		t.Error("bytes of a slot: ", got)
	}
}

// Peers beyond those that are remembered share one budget; friends have theirs.
func TestManyStrangersShareABudget(t *testing.T) {
	b := counter(t, "friend")
	b.least = 0
	for i := range maxPeers {
		b.keep.mayGet(peer.ID(fmt.Sprint(i)), false, time.Now())
	}
	next := deposits(smallest, 0)
	got := map[status]int{}
	for i := range 2 * strangerItems {
		got[b.say(peer.ID(fmt.Sprint("late", i)), next()).Status]++
	}
	if got[statusOK] != strangerItems || len(b.keep.budget) != maxPeers {
		t.Error(got, len(b.keep.budget))
	}
	if b.say("friend", next()).Status != statusOK {
		t.Error("a friend is refused")
	}
}

// What waits for other parts is bounded, and what a second depositor left of a
// message that has come is let go.
func TestPartsThatWait(t *testing.T) {
	b := counter(t)
	n := 0
	r := &round{b: b, o: Owner{Key: signingKey(1), Mail: []*mls.PrivateKey{mailKey(1)}}, to: recipient(1),
		deliver: func(Item) error { n++; return nil },
		holders: map[itemID][]peer.ID{}, done: map[itemID]bool{}, partly: map[messageID]*pile{}}
	give := func(item []byte) itemID {
		id := itemID(sha256.Sum256(item))
		r.take(found{id: id, item: item, holder: "h"})
		return id
	}
	sealed := func(first byte) [][]byte {
		items, err := seal(anyBytes{}, recipient(1), mailKey(1).Public().Bytes(), 1, append([]byte{first}, make([]byte, largest)...))
		if err != nil || len(items) != 2 {
			t.Fatal(len(items), err)
		}
		return items
	}
	one, two := sealed(1), sealed(1)
	give(one[0])
	give(two[0])
	give(one[1])
	if left := give(two[1]); n != 1 || !r.done[left] || r.waiting != 0 || len(r.partly) != 0 {
		t.Error(n, r.done[left], r.waiting, len(r.partly))
	}
	for i := range 2 * maxWaiting / largest {
		give(sealed(byte(i + 2))[0])
	}
	if r.waiting > maxWaiting || b.Counts()["item dropped: too many incomplete"] == 0 {
		t.Error(r.waiting, b.Counts())
	}
}

// Who deposits keeps the item as well, and does not work for ever.
func TestDepositorsOwnShelfAndPatience(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		sender := w.nodes[1]
		w.nodes[0].mesh.Serve(protocol, maxRequest, func(context.Context, peer.ID, []byte) []byte {
			return encode(answer{Version: version, Status: statusWork, Bits: patience + 30})
		})
		sender.box.config.Closest = func(context.Context, []byte, int) ([]peer.ID, error) {
			return []peer.ID{w.nodes[0].id()}, nil
		}
		if _, err := sender.leave(2, "met"); !errors.Is(err, ErrNobody) {
			t.Fatal(err)
		}
		var got []string
		deliver := func(i Item) error { got = append(got, string(i.Payload)); return nil }
		if n, err := w.nodes[2].box.PollPeer(t.Context(), w.nodes[2].owner, sender.id(), deliver); n != 1 || err != nil {
			t.Fatal(n, err, got)
		}
	})
}

// The shelf's bounds, whatever is put on it: a model of its sums.
func TestShelfKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &shelf{store: shared, slots: map[slotID]map[itemID]*entry{}, budget: map[peer.ID]*budget{}}
		now := time.Unix(1_900_000_000, 0)
		n := 0
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "wait")) * time.Second)
			n++
			size := rapid.SampledFrom([]int{smallest, 4 * smallest, largest, largest}).Draw(t, "size") + 48
			e := &entry{
				Size: size, Friend: rapid.Bool().Draw(t, "friend"), Taken: now.Unix(),
				Expires: now.Add(24 * time.Hour).Unix(), slot: slotID{byte(rapid.IntRange(0, 60).Draw(t, "slot"))},
				id: sha256.Sum256(fmt.Append(nil, n)),
			}
			from := peer.ID(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "from")))
			evicted, why := s.reserve(from, e, now)
			for _, o := range evicted {
				if o.Friend && o.Expires > now.Unix() {
					t.Fatal("a friend's item was evicted")
				}
				if !e.Friend && o.Expires > now.Unix() {
					t.Fatal("a stranger pushed something out")
				}
			}
			if e.Friend && why == statusFull && s.others > 0 && s.total > totalBytes-size {
				t.Fatal("a friend found no room beside strangers' items")
			}
			total, others, count := 0, 0, 0
			for _, slot := range s.slots {
				inSlot := 0
				for _, o := range slot {
					total += o.Size
					inSlot += o.Size
					count++
					if !o.Friend {
						others += o.Size
					}
				}
				if len(slot) == 0 || len(slot) > slotItems || inSlot > slotBytes {
					t.Fatal("a slot's bound")
				}
			}
			if total != s.total || others != s.others || count != s.count {
				t.Fatal("the sums are wrong")
			}
			if total > totalBytes || others > strangerBytes {
				t.Fatal("the bounds are broken")
			}
		}
	})
}

var shared = store.Memory()

// Work gets dearer as strangers' space fills.
func TestPriceRises(t *testing.T) {
	s := &shelf{}
	last := 0
	for _, others := range []int{0, strangerBytes / 2, strangerBytes} {
		s.others = others
		p := s.price(leastWork)
		if p < last || p > mostWork {
			t.Errorf("%d bytes: %d bits after %d", others, p, last)
		}
		last = p
	}
	if last <= leastWork {
		t.Error("never dearer")
	}
}

func TestHolderSurvivesRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3)
		if _, err := w.nodes[1].leave(2, "kept"); err != nil {
			t.Fatal(err)
		}
		before, size := w.nodes[0].box.Kept()
		w.nodes[0].stop()
		w.nodes[1].crash()
		w.nodes[0].start()
		if items, bytes := w.nodes[0].box.Kept(); items != before || bytes != size || items == 0 {
			t.Fatal(items, bytes)
		}
		w.nodes[2].stop()
		w.nodes[2].start()
		time.Sleep(time.Minute)
		if got := w.nodes[2].fetches(); len(got) != 1 {
			t.Fatal(got, w.nodes[2].box.Counts())
		}
	})
}

func TestSealing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 100, smallest - partHead, smallest - partHead + 1, 16 << 10, largest - partHead, largest}).Draw(t, "size")
		payload := bytes.Repeat([]byte{7}, n)
		items, err := seal(anyBytes{}, recipient(1), mailKey(1).Public().Bytes(), 3, payload)
		if err != nil {
			t.Fatal(err)
		}
		var parts []part
		for _, item := range items {
			if !wellSized(len(item)) {
				t.Fatalf("%d bytes", len(item))
			}
			if _, err := open(recipient(2), mailKey(1), item); err == nil {
				t.Fatal("opens for another recipient")
			}
			if _, err := open(recipient(1), mailKey(2), item); err == nil {
				t.Fatal("opens with another key")
			}
			p, err := open(recipient(1), mailKey(1), item)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, p)
		}
		got, err := join(parts)
		if err != nil || !bytes.Equal(got, payload) || parts[0].kind != 3 {
			t.Fatal(err)
		}
		if len(parts) > 1 {
			slices.Reverse(parts)
			if _, err := join(parts); err == nil {
				t.Fatal("out of order")
			}
			if _, err := join(parts[:1]); err == nil {
				t.Fatal("a part for the whole")
			}
		}
	})
}

type anyBytes struct{}

func (anyBytes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(rand.Uint32())
	}
	return len(p), nil
}

// FuzzAnswer gives a holder any bytes.
func FuzzAnswer(f *testing.F) {
	b, err := New(Config{Self: "holder", Streams: nil, Store: shared})
	if err != nil {
		f.Fatal(err)
	}
	r := request{Version: version, Op: opPut, Slot: slotID{1}, Day: dayOf(time.Now()), Item: make([]byte, smallest+48)}
	f.Add(encode(r))
	r = request{Op: opGet, Days: []uint32{1, 2}}
	r.sign(signingKey(1), []byte("holder"), time.Now())
	f.Add(encode(r))
	r.Op = opAck
	f.Add(encode(r))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		out := b.answer(t.Context(), "peer", raw)
		var a answer
		if err := decMode.Unmarshal(out, &a); err != nil || a.Status == 0 {
			t.Fatal(err, a)
		}
	})
}

// FuzzOpen gives a recipient any item.
func FuzzOpen(f *testing.F) {
	items, err := seal(anyBytes{}, recipient(1), mailKey(1).Public().Bytes(), 1, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(items[0])
	key := mailKey(1)
	f.Fuzz(func(t *testing.T, item []byte) {
		if p, err := open(recipient(1), key, item); err == nil {
			join([]part{p})
		}
	})
}

func BenchmarkWork(b *testing.B) {
	i := 0
	for b.Loop() {
		i++
		work(slotID{byte(i)}, sha256.Sum256(fmt.Append(nil, i)), leastWork, func() bool { return false })
	}
}
