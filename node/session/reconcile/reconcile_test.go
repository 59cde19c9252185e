package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func item(n uint64) Item {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return Item{Order: n / 7, ID: sha256.Sum256(b[:])}
}

// side is a log: a set with the items behind its ids.
type side struct {
	Set
	byID map[[32]byte]Item
}

func newSide(items ...Item) *side {
	s := &side{byID: map[[32]byte]Item{}}
	for _, it := range items {
		s.add(it)
	}
	return s
}

func (s *side) add(it Item) { s.Add(it); s.byID[it.ID] = it }

// outcome is what an exchange cost and found.
type outcome struct {
	frames, bytes int
	moved         map[[32]byte]int // how often each difference was reported
}

// exchange runs a whole exchange that a opens, moving items as they are found,
// and calls between before each reply.
func exchange(a, b *side, between func()) (out outcome, err error) {
	out.moved = map[[32]byte]int{}
	frame := a.Initiate()
	me, peer := b, a
	for len(frame) > 0 {
		out.frames++
		out.bytes += len(frame)
		if len(frame) > peer.max() {
			return out, fmt.Errorf("frame of %d bytes, the limit is %d", len(frame), peer.max())
		}
		if out.frames > 10_000 {
			return out, errors.New("no end")
		}
		if between != nil {
			between()
		}
		reply, have, need, err := me.Respond(frame)
		if err != nil {
			return out, err
		}
		for _, id := range have {
			it, ok := me.byID[id]
			if !ok {
				return out, errors.New("have what is not here")
			}
			out.moved[id]++
			peer.add(it)
		}
		for _, id := range need {
			it, ok := peer.byID[id]
			if !ok {
				return out, errors.New("need what the peer does not have")
			}
			out.moved[id]++
			me.add(it)
		}
		frame, me, peer = reply, peer, me
	}
	return out, nil
}

func TestAnyTwoSetsBecomeTheirUnion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		common := rapid.IntRange(0, 3000).Draw(t, "common")
		onlyA := rapid.IntRange(0, 600).Draw(t, "onlyA")
		onlyB := rapid.IntRange(0, 600).Draw(t, "onlyB")
		clustered := rapid.Bool().Draw(t, "clustered")
		max := rapid.SampledFrom([]int{0, 3200, 9000}).Draw(t, "max")
		seed := rapid.Uint64().Draw(t, "seed")

		n := common + onlyA + onlyB
		owner := make([]byte, n)
		for i := range owner {
			switch {
			case i < common:
				owner[i] = 'c'
			case i < common+onlyA:
				owner[i] = 'a'
			default:
				owner[i] = 'b'
			}
		}
		if !clustered {
			rand.New(rand.NewPCG(seed, 1)).Shuffle(n, func(i, j int) { owner[i], owner[j] = owner[j], owner[i] })
		}
		a, b := newSide(), newSide()
		a.replyMax, b.replyMax = max, max
		for i, o := range owner {
			it := item(seed<<16 + uint64(i))
			if o != 'b' {
				a.add(it)
			}
			if o != 'a' {
				b.add(it)
			}
		}
		out, err := exchange(a, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Len() != n || !maps.Equal(a.byID, b.byID) {
			t.Fatalf("a has %d, b has %d, the union is %d", a.Len(), b.Len(), n)
		}
		if len(out.moved) != onlyA+onlyB {
			t.Fatalf("moved %d, the difference is %d", len(out.moved), onlyA+onlyB)
		}
		for _, times := range out.moved {
			if times != 1 {
				t.Fatalf("a difference was reported %d times", times)
			}
		}
	})
}

// Logs grow while they are compared; another exchange or two finds the rest.
func TestItemsArriveDuringAnExchange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		a, b := newSide(), newSide()
		for i := range 2000 {
			if r.IntN(3) > 0 {
				a.add(item(uint64(i)))
			}
			if r.IntN(3) > 0 {
				b.add(item(uint64(i)))
			}
		}
		left := 100
		_, err := exchange(a, b, func() {
			for ; left > 0 && r.IntN(20) > 0; left-- {
				a.add(item(r.Uint64N(4000)))
				b.add(item(r.Uint64N(4000)))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = exchange(b, a, nil); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(a.byID, b.byID) {
			t.Fatal("still apart")
		}
	})
}

func TestLongCatchUpIsSliced(t *testing.T) {
	full, empty := newSide(), newSide()
	for i := range 30_000 {
		full.add(item(uint64(i)))
	}
	for _, pair := range [][2]*side{{full, newSide()}, {empty, full}} {
		out, err := exchange(pair[0], pair[1], nil)
		if err != nil || pair[0].Len() != 30_000 || pair[1].Len() != 30_000 {
			t.Fatal(err, pair[0].Len(), pair[1].Len())
		}
		if out.frames > 30 {
			t.Errorf("%d frames", out.frames)
		}
		if perItem := out.bytes / 30_000; perItem > 40 {
			t.Errorf("%d bytes an item, where the ids alone are 32", perItem)
		}
	}
}

func TestInitiateFromLeavesHistoryAlone(t *testing.T) {
	a, b := newSide(), newSide()
	for i := range uint64(700) {
		if it := item(i); it.Order >= 40 {
			a.add(it) // pruned below 40
			b.add(it)
		} else {
			b.add(it)
		}
	}
	late := item(699 + 7)
	b.add(late)
	reply, have, need, err := b.Respond(a.InitiateFrom(40))
	if err != nil || len(have)+len(need) != 0 {
		t.Fatal(have, need, err)
	}
	for me, peer := a, b; reply != nil; me, peer = peer, me {
		var h, n [][32]byte
		if reply, h, n, err = me.Respond(reply); err != nil {
			t.Fatal(err)
		}
		have, need = append(have, h...), append(need, n...)
	}
	if got := append(have, need...); len(got) != 1 || got[0] != late.ID {
		t.Fatalf("found %d differences, want the one above the floor", len(got))
	}
}

func TestSetAgreesWithASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		model := map[Item]bool{}
		steps := rapid.SliceOfN(rapid.Uint64Range(0, 2000), 1, 3000).Draw(t, "items")
		removing := rapid.Uint64Range(0, 3).Draw(t, "removing")
		for i, n := range steps {
			it := item(n)
			if uint64(i)%4 < removing && s.Len() > 0 { // mostly of what is there
				s.refresh()
				it = *s.item(int(n) % s.Len())
				if n%10 == 0 {
					it = item(n)
				}
				if s.Remove(it) != model[it] {
					t.Fatal("Remove misreports")
				}
				delete(model, it)
			} else {
				if s.Add(it) == model[it] {
					t.Fatal("Add misreports")
				}
				model[it] = true
			}
			if i%97 == 0 {
				s.refresh()
			}
		}
		sorted := slices.SortedFunc(maps.Keys(model), Item.Compare)
		if s.Len() != len(sorted) {
			t.Fatal("length")
		}
		s.refresh()
		var got []Item
		s.each(pos{}, pos{len(s.chunks), 0}, func(it *Item) bool { got = append(got, *it); return true })
		if !slices.Equal(got, sorted) {
			t.Fatal("order")
		}
		upTo := rapid.Uint64Range(0, 300).Draw(t, "up to")
		var copied, other Set
		for i, it := range sorted {
			if it.Order <= upTo {
				copied.Add(it)
			} else if i%3 == 0 {
				copied.Add(it)
			}
			if i%3 == 0 {
				other.Add(it)
			}
		}
		spliced := Spliced(&s, &other, upTo)
		if spliced.Len() != copied.Len() || !bytes.Equal(spliced.InitiateFrom(0), copied.InitiateFrom(0)) || s.Len() != len(sorted) {
			t.Fatalf("spliced at %d: %d items, want %d", upTo, spliced.Len(), copied.Len())
		}
		for range 20 {
			lo := rapid.IntRange(0, len(sorted)).Draw(t, "lo")
			if s.rank(s.at(lo)) != lo {
				t.Fatal("rank of at")
			}
			if got, want := s.prefix(s.at(lo)), sumOf(sorted[:lo]); got != want {
				t.Fatalf("prefix %d: %v, want %v", lo, got, want)
			}
			if lo < len(sorted) && (!s.Has(sorted[lo]) || s.rank(s.seek(bound{Item: sorted[lo]})) != lo) {
				t.Fatal("seek")
			}
		}
	})
}

func TestMalformedFrames(t *testing.T) {
	a := newSide()
	for i := range 5000 {
		a.add(item(uint64(i)))
	}
	b := newSide(slices.Collect(maps.Values(a.byID))[:4000]...)
	good, _, _, err := b.Respond(a.Initiate())
	if err != nil || good == nil {
		t.Fatal(err)
	}
	salt := string(make([]byte, saltSize))
	for name, frame := range map[string]string{
		"empty":             "",
		"version":           "\x02" + salt,
		"no salt":           "\x01",
		"unknown mode":      "\x01" + salt + "\x84",
		"print cut":         "\x01" + salt + "\x81abc",
		"list too long":     "\x01" + salt + "\x82\xff\xff\xff\xff\x0fabc",
		"varint unending":   "\x01" + salt + "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"bound not above":   "\x01" + salt + "\x00\x00\x00",
		"range after end":   "\x01" + salt + "\x80\x80",
		"order overflows":   "\x01" + salt + "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00" + "\x00\x01\x00",
		"id of 33":          "\x01" + salt + "\x00\x01\x21" + string(make([]byte, 33)),
		"larger than limit": "\x01" + salt + string(make([]byte, MaxFrame)),
		"good, then bad":    string(good) + "\x07",
	} {
		reply, have, need, err := a.Respond([]byte(frame))
		if !errors.Is(err, ErrFrame) || reply != nil || have != nil || need != nil {
			t.Errorf("%s: %v, %d bytes", name, err, len(reply))
		}
	}
	for i := range good {
		if _, _, _, err := a.Respond(good[:i]); err == nil && i > 1+saltSize {
			// A frame may end between two ranges, nowhere else.
			r := reader{b: good[1+saltSize : i]}
			for r.more() {
				r.next()
			}
			if r.bad {
				t.Fatalf("prefix of %d bytes was taken", i)
			}
		}
	}
}

// The worst frames we could think of cost a bounded reply and bounded work.
func TestHostileFramesAreBounded(t *testing.T) {
	a := newSide()
	for i := range 50_000 {
		a.add(item(uint64(i)))
	}
	cut := func(mode byte, step uint64, body string) []byte {
		f := append([]byte{version}, make([]byte, saltSize)...)
		for len(f) < MaxFrame-100 {
			f = append(f, mode)
			f = binary.AppendUvarint(f, step)
			f = append(f, 0)
			f = append(f, body...)
		}
		return f
	}
	one := string(binary.BigEndian.AppendUint64([]byte{1}, 42))
	for name, frame := range map[string][]byte{
		"wrong prints":     cut(modePrint, 1, string(make([]byte, printSize))),
		"empty lists":      cut(modeList, 1, "\x00"),
		"one-entry lists":  cut(modeList, 1000, one),
		"resolves":         cut(modeResolve, 1, "\x00"+one),
		"resolve it all":   append(append([]byte{version}, make([]byte, saltSize)...), "\x83\x00"+one...),
		"one whole print":  append(append([]byte{version}, make([]byte, saltSize)...), "\x81"+string(make([]byte, printSize))...),
		"list of the lot":  append(append([]byte{version}, make([]byte, saltSize)...), "\x82"+one...),
		"list of nothing":  append(append([]byte{version}, make([]byte, saltSize)...), "\x82\x00"...),
		"nothing but salt": append([]byte{version}, make([]byte, saltSize)...),
	} {
		reply, have, need, err := a.Respond(frame)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(reply) > MaxFrame || len(need) > MaxFrame/idSize || len(have) > MaxFrame/shortSize {
			t.Errorf("%s: reply of %d bytes, have %d, need %d", name, len(reply), len(have), len(need))
		}
	}
}

// A frame that names short ids which are not here cannot make us hash a set of
// any size.
func TestScanIsBounded(t *testing.T) {
	a := newSide()
	for i := range scanMax + 1000 {
		a.add(Item{Order: uint64(i), ID: item(uint64(i)).ID})
	}
	for i, want := range map[int]int{0: 1, scanMax - 10: 1, scanMax + 500: 0} {
		ans := answer{Set: &a.Set}
		f := append([]byte{version}, make([]byte, saltSize)...)
		f = append(f, modeResolve|endFlag, 0, 1)
		id := item(uint64(i)).ID
		f = binary.BigEndian.AppendUint64(f, ans.short(&id))
		if _, have, _, err := a.Respond(f); err != nil || len(have) != want {
			t.Errorf("item %d: found %d, want %d (%v)", i, len(have), want, err)
		}
	}
}

// The same set gives the same frame: nothing is drawn at random.
func TestFramesAreAFunctionOfTheSet(t *testing.T) {
	a, b := newSide(), newSide()
	for i := range 3000 {
		a.add(item(uint64(i)))
		b.add(item(uint64(2999 - i)))
	}
	if !bytes.Equal(a.Initiate(), b.Initiate()) {
		t.Fatal("order of arrival shows")
	}
	b.add(item(5000))
	one, _, _, _ := b.Respond(a.Initiate())
	two, _, _, _ := b.Respond(a.Initiate())
	if !bytes.Equal(one, two) {
		t.Fatal("replies differ")
	}
}

func FuzzRespond(f *testing.F) {
	base := newSide()
	for i := range 3000 {
		base.add(item(uint64(i)))
	}
	other := newSide()
	for i := range 2500 {
		other.add(item(uint64(i * 2)))
	}
	frame := base.Initiate()
	for me, peer := other, base; frame != nil; me, peer = peer, me {
		f.Add(frame)
		frame, _, _, _ = me.Respond(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		n := base.Len()
		reply, have, need, err := base.Respond(frame)
		if err != nil && !errors.Is(err, ErrFrame) {
			t.Fatal(err)
		}
		if base.Len() != n || len(reply) > MaxFrame || len(have) > n || len(need)*idSize > len(frame) {
			t.Fatal("out of bounds")
		}
		for _, id := range have {
			if _, ok := base.byID[id]; !ok {
				t.Fatal("have what is not here")
			}
		}
		if reply != nil {
			if _, _, _, err := other.Respond(reply); err != nil {
				t.Fatal("our own reply is malformed")
			}
		}
	})
}
