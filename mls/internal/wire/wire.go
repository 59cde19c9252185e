package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxVarint is the largest length a vector header can carry: 30 bits
// (RFC 9420 §2.1.2).
const MaxVarint = 1<<30 - 1

// The ways input can be malformed. All are errors of the bytes alone.
var (
	ErrShort    = errors.New("wire: input ends early")
	ErrTrailing = errors.New("wire: bytes left over")
	ErrVarint   = errors.New("wire: length header has a reserved or non-minimal form (RFC 9420 §2.1.2)")
	ErrValue    = errors.New("wire: value not allowed here")
)

// Writer builds a message. The zero value is ready; it grows as needed.
type Writer struct{ b []byte }

// NewWriter returns a writer with room for n bytes.
func NewWriter(n int) *Writer { return &Writer{b: make([]byte, 0, n)} }

// Bytes is what has been written; the writer still owns it.
func (w *Writer) Bytes() []byte { return w.b }

// Len is the number of bytes written.
func (w *Writer) Len() int { return len(w.b) }

// Reset forgets what was written and keeps the room: bytes handed out before
// will be overwritten.
func (w *Writer) Reset() { w.b = w.b[:0] }

func (w *Writer) U8(v uint8)   { w.b = append(w.b, v) }
func (w *Writer) U16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *Writer) U32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *Writer) U64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }

// Raw appends bytes with no header.
func (w *Writer) Raw(p []byte) { w.b = append(w.b, p...) }

// Opaque appends opaque data<V>.
func (w *Writer) Opaque(p []byte) {
	w.Varint(len(p))
	w.b = append(w.b, p...)
}

// Optional writes the presence byte of optional<T> (RFC 9420 §2.1.1) and
// reports present, so that the value is written under the same if.
func (w *Writer) Optional(present bool) bool {
	if present {
		w.U8(1)
	} else {
		w.U8(0)
	}
	return present
}

// Varint appends a length header (RFC 9420 §2.1.2). It panics past MaxVarint:
// no caller may build a vector that cannot be sent.
func (w *Writer) Varint(n int) { w.b = AppendVarint(w.b, n) }

// AppendVarint is Varint for those who build on a buffer of their own.
func AppendVarint(b []byte, n int) []byte {
	switch {
	case n < 0 || n > MaxVarint:
		panic(fmt.Sprintf("wire: vector of %d bytes cannot be headed", n))
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	default:
		return append(b, 0x80|byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// Vector writes T items<V>: what body appends, headed by its length.
func (w *Writer) Vector(body func(*Writer)) {
	start := len(w.b)
	w.b = append(w.b, 0) // most vectors are short: guess one byte
	body(w)
	n := len(w.b) - start - 1
	if n < 1<<6 {
		w.b[start] = byte(n)
		return
	}
	var head [4]byte
	h := AppendVarint(head[:0], n)
	extra := len(h) - 1
	w.b = append(w.b, h[:extra]...)
	copy(w.b[start+1+extra:], w.b[start+1:start+1+n])
	copy(w.b[start:], h)
}

// Reader takes a message apart. Slices it returns alias the input.
type Reader struct {
	b   []byte
	err error
}

// NewReader reads from b, which must not change while results are in use.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err is the first error met, or nil.
func (r *Reader) Err() error { return r.err }

// Fail records err unless an earlier error stands, and empties the reader.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

// Empty reports whether nothing is left, which is also so after an error.
func (r *Reader) Empty() bool { return len(r.b) == 0 }

// Len is the number of bytes left.
func (r *Reader) Len() int { return len(r.b) }

// Rest is what is left, unread.
func (r *Reader) Rest() []byte { return r.b }

// Done is Err, or ErrTrailing where bytes are left.
func (r *Reader) Done() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = ErrTrailing
	}
	return r.err
}

// Raw takes the next n bytes.
func (r *Reader) Raw(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.Fail(ErrShort)
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *Reader) U8() uint8 {
	if p := r.Raw(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *Reader) U16() uint16 {
	if p := r.Raw(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *Reader) U32() uint32 {
	if p := r.Raw(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *Reader) U64() uint64 {
	if p := r.Raw(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// Varint reads a length header, refusing the reserved prefix 3 and any form
// longer than the value needs (RFC 9420 §2.1.2).
func (r *Reader) Varint() int {
	first := r.Raw(1)
	if first == nil {
		return 0
	}
	n := int(first[0] & 0x3f)
	size := 1 << (first[0] >> 6)
	if size == 8 {
		r.Fail(ErrVarint)
		return 0
	}
	for _, c := range r.Raw(size - 1) {
		n = n<<8 | int(c)
	}
	if r.err != nil {
		return 0
	}
	if (size == 2 && n < 1<<6) || (size == 4 && n < 1<<14) {
		r.Fail(ErrVarint)
		return 0
	}
	return n
}

// Opaque reads opaque data<V>. The result is empty, never nil, where no error
// stands.
func (r *Reader) Opaque() []byte {
	n := r.Varint()
	if r.err != nil {
		return nil
	}
	return r.Raw(n)
}

// Vector reads the header of T items<V> and returns a reader over the items.
// Read it with `for v := r.Vector(); v.More(); { … }` and hand its error back
// by Join.
func (r *Reader) Vector() *Reader {
	return &Reader{b: r.Opaque(), err: r.err}
}

// More reports whether an item is left and no error stands.
func (r *Reader) More() bool { return r.err == nil && len(r.b) > 0 }

// Join takes over the error of a reader obtained from Vector.
func (r *Reader) Join(v *Reader) {
	if v.err != nil {
		r.Fail(v.err)
	}
}

// Optional reads the presence byte of optional<T>, refusing all but 0 and 1.
func (r *Reader) Optional() bool {
	switch r.U8() {
	case 0:
		return false
	case 1:
		return r.err == nil
	default:
		r.Fail(ErrValue)
		return false
	}
}
