package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/vectors"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

func TestDeserializationVectors(t *testing.T) {
	var cases []struct {
		Header string `json:"vlbytes_header"`
		Length int
	}
	vectors.Read(t, "deserialization.json", &cases)
	if len(cases) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range cases {
		header, err := hex.DecodeString(v.Header)
		if err != nil {
			t.Fatal(err)
		}
		r := wire.NewReader(header)
		if got := r.Varint(); got != v.Length || r.Done() != nil {
			t.Errorf("%x reads as %d (%v), want %d", header, got, r.Err(), v.Length)
		}
		if got := wire.AppendVarint(nil, v.Length); !bytes.Equal(got, header) {
			t.Errorf("%d is written %x, want %x", v.Length, got, header)
		}
	}
}

func TestVarintForms(t *testing.T) { // RFC 9420 §2.1.2
	for _, c := range []struct {
		why  string
		in   string
		want error
	}{
		{"longest of one byte", "3f", nil},
		{"shortest of two bytes", "4040", nil},
		{"longest of two bytes", "7fff", nil},
		{"shortest of four bytes", "80004000", nil},
		{"longest of all", "bfffffff", nil},
		{"63 in two bytes", "403f", wire.ErrVarint},
		{"16383 in four bytes", "80003fff", wire.ErrVarint},
		{"0 in four bytes", "80000000", wire.ErrVarint},
		{"reserved prefix, 8 bytes of QUIC", "c000000040000000", wire.ErrVarint},
		{"reserved prefix alone", "c0", wire.ErrVarint},
		{"nothing", "", wire.ErrShort},
		{"half of two bytes", "40", wire.ErrShort},
		{"three of four bytes", "800040", wire.ErrShort},
	} {
		in, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		r := wire.NewReader(in)
		if r.Varint(); !errors.Is(r.Done(), c.want) {
			t.Errorf("%s (%s): %v, want %v", c.why, c.in, r.Err(), c.want)
		}
	}
}

func TestLongVectorAllocatesNothing(t *testing.T) {
	in := []byte{0xbf, 0xff, 0xff, 0xff, 1} // a gigabyte announced, one byte sent
	if n := testing.AllocsPerRun(100, func() {
		r := wire.NewReader(in)
		if r.Opaque() != nil || !errors.Is(r.Err(), wire.ErrShort) {
			t.Error("read what is not there")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFirstErrorStays(t *testing.T) {
	r := wire.NewReader([]byte{2, 0, 0})
	r.Optional()
	if r.U64(); r.Opaque() != nil || r.Done() != wire.ErrValue || r.More() || r.Rest() != nil {
		t.Errorf("after the first error: %v", r.Err())
	}
	outer := wire.NewReader([]byte{2, 0, 0, 9})
	v := outer.Vector()
	v.U32()
	outer.Join(v)
	if outer.U8(); outer.Err() != wire.ErrShort {
		t.Errorf("a vector's error did not reach its owner: %v", outer.Err())
	}
	if r := wire.NewReader([]byte{0, 1}); r.Optional() || r.Err() != nil || r.Len() != 1 {
		t.Error("absent optional")
	}
}

func TestReadsAliasAndDoNotOverlap(t *testing.T) {
	in := []byte{1, 'a', 1, 'b'}
	r := wire.NewReader(in)
	a := r.Opaque()
	_ = append(a, 'x') // must not reach the next field
	if b := r.Opaque(); string(b) != "b" {
		t.Errorf("appending to one field changed the next to %q", b)
	}
	empty := wire.NewReader([]byte{0})
	if got := empty.Opaque(); got == nil || len(got) != 0 {
		t.Error("an empty vector reads as nil")
	}
}

func TestVarintPanicsPastItsRange(t *testing.T) {
	for _, n := range []int{-1, wire.MaxVarint + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("length %d was written", n)
				}
			}()
			wire.NewWriter(4).Varint(n)
		}()
	}
}

// shape is a struct of the presentation language, to be drawn at random.
type shape struct {
	op byte
	of *shape
}

const (
	opU8 byte = iota
	opU16
	opU32
	opU64
	opRaw3
	opOpaque
	opVector
	opOptional
	ops
)

// shapeOf reads a shape from bytes, so that a fuzzer can draw one too.
func shapeOf(script []byte) []shape {
	var list []shape
	for i := 0; i < len(script) && len(list) < 16; i++ {
		s := shape{op: script[i] % ops}
		if s.op == opVector || s.op == opOptional {
			inner := byte(opU16)
			if i++; i < len(script) {
				inner = script[i] % ops
			}
			s.of = &shape{op: inner}
			if inner == opVector || inner == opOptional {
				s.of.of = &shape{op: opOpaque}
			}
		}
		list = append(list, s)
	}
	return list
}

// copyThrough reads one shape and writes what it read.
func copyThrough(s *shape, r *wire.Reader, w *wire.Writer) {
	switch s.op {
	case opU8:
		w.U8(r.U8())
	case opU16:
		w.U16(r.U16())
	case opU32:
		w.U32(r.U32())
	case opU64:
		w.U64(r.U64())
	case opRaw3:
		w.Raw(r.Raw(3))
	case opOpaque:
		w.Opaque(r.Opaque())
	case opVector:
		v := r.Vector()
		w.Vector(func(w *wire.Writer) {
			for v.More() {
				copyThrough(s.of, v, w)
			}
		})
		r.Join(v)
	case opOptional:
		if w.Optional(r.Optional()) {
			copyThrough(s.of, r, w)
		}
	}
}

func decode(shapes []shape, in []byte) ([]byte, error) {
	r, w := wire.NewReader(in), wire.NewWriter(0)
	for i := range shapes {
		copyThrough(&shapes[i], r, w)
	}
	return w.Bytes(), r.Done()
}

// draw writes a random value of one shape.
func draw(t *rapid.T, s *shape, w *wire.Writer) {
	long := rapid.OneOf(rapid.IntRange(0, 8), rapid.SampledFrom([]int{62, 63, 64, 65, 16382, 16383, 16384, 16385}))
	switch s.op {
	case opU8:
		w.U8(rapid.Byte().Draw(t, "u8"))
	case opU16:
		w.U16(rapid.Uint16().Draw(t, "u16"))
	case opU32:
		w.U32(rapid.Uint32().Draw(t, "u32"))
	case opU64:
		w.U64(rapid.Uint64().Draw(t, "u64"))
	case opRaw3:
		w.Raw([]byte("raw"))
	case opOpaque:
		w.Opaque(bytes.Repeat([]byte{7}, long.Draw(t, "length")))
	case opVector:
		n := long.Draw(t, "items")
		if s.of.of != nil {
			n = min(n, 70)
		}
		w.Vector(func(w *wire.Writer) {
			for range n {
				switch { // keep items short, or no vector stays near a header's edge
				case s.of.op == opOpaque:
					w.Opaque([]byte("item"))
					continue
				case s.of.of != nil:
					w.U8(0) // an empty vector, or nothing
					continue
				}
				draw(t, s.of, w)
			}
		})
	case opOptional:
		if w.Optional(rapid.Bool().Draw(t, "present")) {
			draw(t, s.of, w)
		}
	}
}

// TestLaws holds any struct of the language to the four laws of a codec:
// round trip, every strict prefix fails, trailing bytes fail, and what is
// accepted encodes back to itself.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shapes := shapeOf(rapid.SliceOfN(rapid.Byte(), 1, 6).Draw(t, "shapes"))
		w := wire.NewWriter(0)
		for i := range shapes {
			draw(t, &shapes[i], w)
		}
		in := w.Bytes()
		got, err := decode(shapes, in)
		if err != nil || !bytes.Equal(got, in) {
			t.Fatalf("round trip: %v\n in %x\nout %x", err, in, got)
		}
		for n := range in {
			if n > 100 && n < len(in)-100 {
				continue
			}
			if _, err := decode(shapes, in[:n:n]); err == nil {
				t.Fatalf("prefix of %d of %d bytes was accepted", n, len(in))
			}
		}
		if _, err := decode(shapes, append(in[:len(in):len(in)], 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Fatalf("trailing byte: %v", err)
		}
	})
}

// FuzzReader takes the first bytes for a shape and the rest for a value of it:
// nothing panics, and what is accepted encodes back to itself.
func FuzzReader(f *testing.F) {
	f.Add([]byte{opU16, opVector, opOpaque}, []byte{0, 1, 6, 2, 'a', 'b', 2, 'c', 'd'})
	f.Add([]byte{opOptional, opU32, opU64}, []byte{1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{opOpaque}, []byte{0x40, 0x3f})
	f.Add([]byte{opOpaque}, []byte{0xbf, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, script, in []byte) {
		if out, err := decode(shapeOf(script), in); err == nil && !bytes.Equal(in, out) {
			t.Fatalf("accepted %x, wrote %x", in, out)
		}
	})
}

func BenchmarkVector(b *testing.B) {
	item := make([]byte, 32)
	w := wire.NewWriter(4096)
	b.ReportAllocs()
	for b.Loop() {
		*w = *wire.NewWriter(4096)
		w.Vector(func(w *wire.Writer) {
			for range 100 {
				w.Opaque(item)
			}
		})
		r := wire.NewReader(w.Bytes())
		v := r.Vector()
		for v.More() {
			v.Opaque()
		}
		r.Join(v)
		if r.Done() != nil {
			b.Fatal(r.Err())
		}
	}
}
