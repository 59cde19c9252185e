package reconcile

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// ErrFrame says that a frame is malformed: longer than MaxFrame, cut short,
// out of order, or of another version. The peer that sent it is broken or
// hostile; nothing in the set has changed.
var ErrFrame = errors.New("reconcile: malformed frame")

const version = 1

// The modes of a range.
const (
	modeSkip = iota
	modePrint
	modeList
	modeResolve

	modeMask = 0x7f
	endFlag  = 0x80
)

// bound is the upper end of a range: everything below Item, or everything.
type bound struct {
	Item
	end bool
}

func (b bound) above(a bound) bool {
	return !a.end && (b.end || b.Compare(a.Item) > 0)
}

// between is the shortest bound above a and not above b, which is larger.
func between(a, b *Item) bound {
	if a.Order != b.Order {
		return bound{Item: Item{Order: b.Order}}
	}
	n := 0
	for a.ID[n] == b.ID[n] {
		n++
	}
	out := bound{Item: Item{Order: b.Order}}
	copy(out.ID[:], b.ID[:n+1])
	return out
}

// writer builds a frame. Skips are held back, so that neighbours become one
// and the last is never written.
type writer struct {
	b       []byte
	last    bound // the upper end of what is written
	skipped bound // the upper end of the skip held back, if skip
	skip    bool
}

func newWriter(salt [saltSize]byte) *writer {
	w := &writer{b: make([]byte, 0, 512)}
	w.b = append(w.b, version)
	w.b = append(w.b, salt[:]...)
	return w
}

func (w *writer) skipTo(b bound) { w.skip, w.skipped = true, b }

// open begins a range of the mode up to b; its body is to follow.
func (w *writer) open(mode byte, b bound) {
	if w.skip {
		w.skip = false
		w.head(modeSkip, w.skipped)
	}
	w.head(mode, b)
}

func (w *writer) head(mode byte, b bound) {
	if b.end {
		w.b = append(w.b, mode|endFlag)
	} else {
		id := bytes.TrimRight(b.ID[:], "\x00")
		w.b = append(w.b, mode)
		w.b = binary.AppendUvarint(w.b, b.Order-w.last.Order)
		w.b = append(w.b, byte(len(id)))
		w.b = append(w.b, id...)
	}
	w.last = b
}

// reader takes a frame apart. After a failure everything reads as zero.
type reader struct {
	b    []byte
	last bound
	bad  bool
}

func (r *reader) raw(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) byte() byte {
	if p := r.raw(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.raw(-1)
		return 0
	}
	r.b = r.b[n:]
	return v
}

// array takes n elements of the size given; n comes first.
func (r *reader) array(size int) []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)/size) {
		r.raw(-1)
		return nil
	}
	return r.raw(int(n) * size)
}

// part is one range of a frame. The slices alias the frame.
type part struct {
	mode  byte
	low   bound
	high  bound
	print []byte // modePrint
	ids   []byte // modeResolve: whole ids
	short []byte // modeList, modeResolve: short ids
}

// next is the next range; call it while more.
func (r *reader) next() (p part) {
	p.low = r.last
	head := r.byte()
	p.mode = head & modeMask
	if head&endFlag != 0 {
		p.high.end = true
	} else {
		p.high.Order = r.last.Order + r.uvarint() // past the end it falls, and is refused below
		n := int(r.byte())
		if n > idSize {
			r.raw(-1)
			return part{}
		}
		copy(p.high.ID[:], r.raw(n))
	}
	switch p.mode {
	case modeSkip:
	case modePrint:
		p.print = r.raw(printSize)
	case modeList:
		p.short = r.array(shortSize)
	case modeResolve:
		p.ids = r.array(idSize)
		p.short = r.array(shortSize)
	default:
		r.bad = true
	}
	if !p.high.above(r.last) {
		r.bad = true
	}
	r.last = p.high
	return p
}

func (r *reader) more() bool { return !r.bad && len(r.b) > 0 }
