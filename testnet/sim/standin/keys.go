package standin

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

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

// maxSkip is how far a sender may run ahead of what was received.
const maxSkip = 1000

func (s *state) Keys() session.Keys {
	return &keys{s.eng, s.ep, s.self, s.leaf, map[uint32]*ratchet{}}
}

// RestoreKeys implements [session.Engine].
func (e *Engine) RestoreKeys(self session.Identity, saved []byte) (session.Keys, error) {
	if len(saved) < 36 {
		return nil, fmt.Errorf("%w: saved keys", session.ErrInvalid)
	}
	st, err := e.Restore(self, saved[:36])
	if err != nil {
		return nil, err
	}
	k := st.Keys().(*keys)
	for r := (reader{b: saved[36:]}); len(r.b) > 0; {
		leaf, record := r.u32(), r.bytes()
		if r.bad || k.Record(leaf, record) != nil {
			return nil, fmt.Errorf("%w: saved keys", session.ErrInvalid)
		}
	}
	return k, nil
}

func (k *keys) Save() []byte {
	w := writer{b: binary.BigEndian.AppendUint32(slices.Clone(k.ep.id[:]), k.leaf)}
	leaves := make([]uint32, 0, len(k.used))
	for l := range k.used {
		leaves = append(leaves, l)
	}
	slices.Sort(leaves)
	for _, l := range leaves {
		w.u32(l)
		w.bytes(k.used[l].encode())
	}
	return w.b
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

func (k *keys) Record(leaf uint32, record []byte) error {
	r, old := reader{b: record}, k.of(leaf)
	next := ratchet{next: r.u32()}
	for len(r.b) > 0 && !r.bad {
		next.skipped = append(next.skipped, r.u32())
	}
	if r.bad || next.next < old.next {
		return fmt.Errorf("%w: record", session.ErrInvalid)
	}
	k.used[leaf] = &next
	return nil
}

func (k *keys) Protect(plain, aad []byte, _ io.Reader) (message, record []byte, err error) {
	r := k.of(k.leaf)
	w := writer{}
	w.bytes(k.ep.id[:])
	w.u32(k.leaf)
	w.u32(r.next)
	w.bytes(aad)
	w.bytes(plain)
	w.bytes(k.eng.Sign(k.self.Secret, "message", w.b))
	r.next++
	return w.b, r.encode(), nil
}

func (k *keys) Unprotect(message []byte) (session.Opened, error) {
	r := reader{b: message}
	id, leaf, gen := session.EpochID(r.fixed()), r.u32(), r.u32()
	o := session.Opened{Leaf: leaf, AAD: r.bytes(), Plain: r.bytes()}
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
	case gen >= rt.next+maxSkip:
		return o, fmt.Errorf("%w: too far ahead", session.ErrInvalid)
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
	o.Record = rt.encode()
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
