package reconcile

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Initiate opens an exchange over everything.
func (s *Set) Initiate() []byte { return s.InitiateFrom(0) }

// InitiateFrom opens an exchange over the items whose Order is at least from:
// what lies below, such as history that only one side still keeps, is left
// alone.
func (s *Set) InitiateFrom(from uint64) []byte {
	w := newWriter(s.salt())
	low := bound{Item: Item{Order: from}}
	if from > 0 {
		w.skipTo(low)
	}
	s.refresh()
	a := answer{Set: s, w: w, salt: s.salt()}
	if r := s.rank(s.seek(low)); s.total.n-r <= leaf {
		a.refine(low, bound{end: true})
	} else {
		a.print(s.seek(low), bound{end: true})
	}
	return w.b
}

// salt is drawn from the whole set (doc.go, Decisions).
func (s *Set) salt() (salt [saltSize]byte) {
	h := digest([saltSize]byte{}, s.total)
	copy(salt[:], h[:])
	return salt
}

// Respond takes a frame of the peer's. It returns the reply to send, nil when
// the exchange is over, and the ids just found out: have are items here that
// the peer lacks, need are items of the peer's that are not here. An error is
// always ErrFrame; then nothing else is returned.
func (s *Set) Respond(frame []byte) (reply []byte, have, need [][32]byte, err error) {
	if len(frame) < 1+saltSize || len(frame) > MaxFrame || frame[0] != version {
		return nil, nil, nil, ErrFrame
	}
	s.refresh()
	a := answer{Set: s, salt: [saltSize]byte(frame[1:]), budget: scanMax}
	a.w = newWriter(a.salt)
	r := reader{b: frame[1+saltSize:]}
	full := false
	for r.more() {
		p := r.next()
		if r.bad {
			break
		}
		if full = full || !a.take(&p); full {
			continue // the rest is read only to judge the whole frame alike
		}
	}
	if r.bad {
		return nil, nil, nil, ErrFrame
	}
	if len(a.w.b) == 1+saltSize {
		return nil, a.have, a.need, nil
	}
	return a.w.b, a.have, a.need, nil
}

// answer is the reply to one frame as it grows.
type answer struct {
	*Set
	w          *writer
	salt       [saltSize]byte
	have, need [][32]byte
	budget     int // items that may yet be hashed for this frame

	// Scratch for one range.
	shorts []uint64
	seen   []bool
}

// take answers one range. It reports false when the reply is full, and has
// then covered that range and all above it by one fingerprint.
func (a *answer) take(p *part) bool {
	if p.mode != modeSkip && a.room() < branch*64 {
		a.rest(p.low)
		return false
	}
	switch p.mode {
	case modePrint:
		lo, hi := a.seek(p.low), a.seek(p.high)
		if got := a.fingerprint(lo, hi); string(got[:]) == string(p.print) {
			a.w.skipTo(p.high)
		} else {
			a.refine(p.low, p.high)
		}
	case modeList:
		return a.compare(p)
	case modeResolve:
		a.learn(p)
		a.w.skipTo(p.high)
	default:
		a.w.skipTo(p.high)
	}
	return true
}

// room is how many bytes the reply may still grow by, the rest set aside.
func (a *answer) room() int { return a.max() - reserve - len(a.w.b) }

// rest covers everything from low up by one fingerprint.
func (a *answer) rest(low bound) { a.print(a.seek(low), bound{end: true}) }

// print writes the fingerprint of the items from lo up to high.
func (a *answer) print(lo pos, high bound) {
	a.w.open(modePrint, high)
	got := a.fingerprint(lo, a.seek(high))
	a.w.b = append(a.w.b, got[:]...)
}

func (a *answer) fingerprint(lo, hi pos) (out [printSize]byte) {
	t, u := a.prefix(hi), a.prefix(lo)
	t.sub(&u)
	h := digest(a.salt, t)
	copy(out[:], h[:])
	return out
}

func digest(salt [saltSize]byte, s sum) [sha256.Size]byte {
	var b [saltSize + 40]byte
	copy(b[:], salt[:])
	for i, w := range s.w {
		binary.LittleEndian.PutUint64(b[saltSize+8*i:], w)
	}
	binary.LittleEndian.PutUint64(b[saltSize+32:], uint64(s.n))
	return sha256.Sum256(b[:])
}

func (a *answer) short(id *[32]byte) uint64 {
	var b [saltSize + idSize]byte
	copy(b[:], a.salt[:])
	copy(b[saltSize:], id[:])
	h := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(h[:])
}

// refine says more about a range that differs: a list if it is small,
// otherwise the fingerprints of its parts.
func (a *answer) refine(low, high bound) {
	lo, hi := a.seek(low), a.seek(high)
	first, n := a.rank(lo), a.rank(hi)-a.rank(lo)
	if n <= leaf {
		a.w.open(modeList, high)
		a.w.b = binary.AppendUvarint(a.w.b, uint64(n))
		a.each(lo, hi, func(it *Item) bool {
			a.w.b = binary.BigEndian.AppendUint64(a.w.b, a.short(&it.ID))
			return true
		})
		return
	}
	parts := min(branch, (n+leaf/2-1)/(leaf/2))
	for i := range parts {
		to := high
		if i < parts-1 {
			r := first + n*(i+1)/parts
			to = between(a.item(r-1), a.item(r))
		}
		a.print(lo, to)
		lo = a.seek(to)
	}
}

// compare resolves a list of the peer's against the items here. The answer to
// one list goes whole into one frame, unless the list is empty: then it is cut
// wherever the frame is full. A list that could never fit is split instead.
func (a *answer) compare(p *part) bool {
	lo, hi := a.seek(p.low), a.seek(p.high)
	a.sortShorts(p.short)
	room := a.room() - idSize*4 // head, bound, counts
	var extra [][32]byte
	fits, missed := true, len(a.shorts)
	var cut Item
	a.each(lo, hi, func(it *Item) bool {
		if a.budget--; a.budget < 0 {
			fits, cut = false, *it
			return false
		}
		if i, ok := slices.BinarySearch(a.shorts, a.short(&it.ID)); ok {
			if !a.seen[i] {
				a.seen[i] = true
				missed--
			}
			return true
		}
		if (len(extra)+1)*idSize+missed*shortSize > room {
			fits, cut = false, *it
			return false
		}
		extra = append(extra, it.ID)
		return true
	})
	switch {
	case fits:
		a.resolve(p.high, extra)
		return true
	case len(p.short) == 0:
		a.resolve(bound{Item: cut}, extra)
		a.rest(bound{Item: cut})
		return false
	case len(a.w.b) == 1+saltSize || a.rank(hi)-a.rank(lo) > a.max()/idSize/2:
		a.refine(p.low, p.high)
		return true
	default:
		a.rest(p.low)
		return false
	}
}

// sortShorts reads a list into scratch.
func (a *answer) sortShorts(list []byte) {
	a.shorts = a.shorts[:0]
	for ; len(list) > 0; list = list[shortSize:] {
		a.shorts = append(a.shorts, binary.BigEndian.Uint64(list))
	}
	slices.Sort(a.shorts)
	a.shorts = slices.Compact(a.shorts)
	a.seen = slices.Grow(a.seen[:0], len(a.shorts))[:len(a.shorts)]
	clear(a.seen)
}

// resolve writes what a list and the items here lack of each other, or skips
// where that is nothing.
func (a *answer) resolve(high bound, extra [][32]byte) {
	missed := 0
	for _, seen := range a.seen {
		if !seen {
			missed++
		}
	}
	if len(extra) == 0 && missed == 0 {
		a.w.skipTo(high)
		return
	}
	a.w.open(modeResolve, high)
	a.w.b = binary.AppendUvarint(a.w.b, uint64(len(extra)))
	for i := range extra {
		a.w.b = append(a.w.b, extra[i][:]...)
	}
	a.w.b = binary.AppendUvarint(a.w.b, uint64(missed))
	for i, seen := range a.seen {
		if !seen {
			a.w.b = binary.BigEndian.AppendUint64(a.w.b, a.shorts[i])
		}
	}
}

// learn takes the peer's resolution of a list of mine.
func (a *answer) learn(p *part) {
	for ids := p.ids; len(ids) > 0; ids = ids[idSize:] {
		a.need = append(a.need, [32]byte(ids))
	}
	if len(p.short) == 0 {
		return
	}
	a.sortShorts(p.short)
	left := len(a.shorts)
	a.each(a.seek(p.low), a.seek(p.high), func(it *Item) bool {
		if i, ok := slices.BinarySearch(a.shorts, a.short(&it.ID)); ok && !a.seen[i] {
			a.seen[i] = true
			a.have = append(a.have, it.ID)
			left--
		}
		a.budget--
		return left > 0 && a.budget > 0
	})
}
