package standin

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/covey-p2p/covey/node/session"
)

// keys are an epoch's message keys: per leaf, the next generation and those
// below it not yet used.
type keys struct {
	eng  *Engine
	ep   *epoch
	self session.Identity
	leaf uint32
	used map[uint32]*ratchet
}

type ratchet struct {
	next    uint32
	skipped []uint32
}

// maxSkip is how many of a sender's messages may be missing, as in package mls.
const maxSkip = 1024

func (s *state) Keys() session.Keys {
	if s.keys == nil {
		if s.loaded {
			return nil
		}
		s.keys = &keys{s.eng, s.ep, s.self, s.leaf, map[uint32]*ratchet{}}
	}
	return s.keys
}

func keysCell(id session.Core, what string) string { return fmt.Sprintf("keys/%x/%s", id[:], what) }

// Save names the epoch and each ratchet that was used.
func (k *keys) Save() ([]session.Cell, error) {
	cells := []session.Cell{{Name: keysCell(k.ep.id, "s"), Value: k.ep.id[:]}}
	leaves := make([]uint32, 0, len(k.used))
	for l := range k.used {
		leaves = append(leaves, l)
	}
	slices.Sort(leaves)
	for _, l := range leaves {
		cells = append(cells, k.cell(l))
	}
	return cells, nil
}

func (k *keys) cell(leaf uint32) session.Cell {
	return session.Cell{Name: keysCell(k.ep.id, fmt.Sprintf("%08x", leaf)), Value: k.used[leaf].encode()}
}

func (k *keys) Erase() { k.ep = nil }

func (s *state) LoadKeys(cells []session.Cell) (session.Keys, error) {
	k := &keys{s.eng, s.ep, s.self, s.leaf, map[uint32]*ratchet{}}
	prefix := keysCell(s.ep.id, "")
	for _, c := range cells {
		rest, ok := strings.CutPrefix(c.Name, prefix)
		if rest == "s" {
			continue
		}
		leaf, err := strconv.ParseUint(rest, 16, 32)
		r := reader{b: c.Value}
		rt := &ratchet{next: r.u32()}
		for len(r.b) > 0 && !r.bad {
			rt.skipped = append(rt.skipped, r.u32())
		}
		if !ok || err != nil || r.bad {
			return nil, fmt.Errorf("%w: saved keys", session.ErrInvalid)
		}
		k.used[uint32(leaf)] = rt
	}
	s.keys = k
	return k, nil
}

func (k *keys) of(leaf uint32) *ratchet {
	r := k.used[leaf]
	if r == nil {
		r = &ratchet{}
		k.used[leaf] = r
	}
	return r
}

func (r *ratchet) encode() []byte {
	w := writer{}
	w.u32(r.next)
	for _, s := range r.skipped {
		w.u32(s)
	}
	return w.b
}

func (k *keys) Protect(plain []byte, _ io.Reader) ([]byte, []session.Cell, error) {
	if k.ep == nil {
		return nil, nil, fmt.Errorf("%w: erased", session.ErrInvalid)
	}
	r := k.of(k.leaf)
	w := writer{}
	w.bytes(k.ep.id[:])
	w.u32(k.leaf)
	w.u32(r.next)
	w.bytes(plain)
	w.bytes(k.eng.Sign(k.self.Secret, "message", w.b))
	r.next++
	return w.b, []session.Cell{k.cell(k.leaf)}, nil
}

func (k *keys) Unprotect(message []byte) (session.Opened, error) {
	r := reader{b: message}
	id, leaf, gen := session.Core(r.fixed()), r.u32(), r.u32()
	o := session.Opened{Plain: r.bytes()}
	if k.ep == nil {
		return o, fmt.Errorf("%w: erased", session.ErrInvalid)
	}
	body := message[:len(message)-len(r.b)]
	sig := r.bytes()
	i, ok := find(k.ep.leaves, leaf)
	if !r.done() || id != k.ep.id || !ok || !k.eng.Verify([32]byte(k.ep.leaves[i].Device), "message", body, sig) {
		return o, fmt.Errorf("%w: message", session.ErrInvalid)
	}
	o.Device = k.ep.leaves[i].Device
	if leaf == k.leaf {
		if gen >= k.of(leaf).next {
			return o, fmt.Errorf("%w: generation %d was never made here", session.ErrOwn, gen)
		}
		return o, session.ErrConsumed
	}
	rt := k.of(leaf)
	switch {
	case gen >= rt.next && gen-rt.next > maxSkip-uint32(len(rt.skipped)):
		return o, &session.AheadError{Device: o.Device, Generation: gen}
	case gen >= rt.next:
		for g := rt.next; g < gen; g++ {
			rt.skipped = append(rt.skipped, g)
		}
		rt.next = gen + 1
	default:
		i := slices.Index(rt.skipped, gen)
		if i < 0 {
			return o, session.ErrConsumed
		}
		rt.skipped = slices.Delete(rt.skipped, i, i+1)
	}
	o.Cells = []session.Cell{k.cell(leaf)}
	return o, nil
}

// writer and reader: big-endian numbers, bytes headed by their length.
type writer struct{ b []byte }

func (w *writer) u32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) bytes(p []byte) {
	w.u32(uint32(len(p)))
	w.b = append(w.b, p...)
}

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (r *reader) bytes() []byte {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		n = uint32(len(r.b)) + 1
	}
	return r.take(int(n))
}

func (r *reader) fixed() (out [32]byte) {
	p := r.bytes()
	if len(p) != 32 {
		r.b, r.bad = nil, true
		return out
	}
	return [32]byte(p)
}

func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }
