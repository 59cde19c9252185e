package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/session"
)

// A member can sign any statement for the control plane. What one looks like is
// written here after what package session says of it, and uses none of its code:
//
//	statement  version, kind, device, certificate, body, count, and a signature
//	           over the group's id and all of them
//	envelope   version, kind, order, a salt; for one anchor its hint and the key
//	           hidden under it; the statement under that key
//
// Numbers are CBOR map keys.
type words = map[int]any

const (
	sayVote    = 1
	sayHeader  = 2
	sayNack    = 3
	sayReadmit = 4
)

// encoded is deterministic CBOR (RFC 8949 §4.2.1) of what such a statement has.
func encoded(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte{0xf6}
	case bool:
		if v {
			return []byte{0xf5}
		}
		return []byte{0xf4}
	case int:
		return headed(0, uint64(v))
	case uint64:
		return headed(0, v)
	case []byte:
		return append(headed(2, uint64(len(v))), v...)
	case [][]byte:
		out := headed(4, uint64(len(v)))
		for _, b := range v {
			out = append(out, encoded(b)...)
		}
		return out
	case []any:
		out := headed(4, uint64(len(v)))
		for _, w := range v {
			out = append(out, encoded(w)...)
		}
		return out
	case []words:
		out := headed(4, uint64(len(v)))
		for _, w := range v {
			out = append(out, encoded(w)...)
		}
		return out
	case words:
		out := headed(5, uint64(len(v)))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(append(out, encoded(key)...), encoded(v[key])...)
		}
		return out
	}
	panic(fmt.Sprintf("sim: no CBOR for %T", v))
}

// headed is the head of an item: its major type and its number.
func headed(major byte, n uint64) []byte {
	switch major <<= 5; {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
}

// anchor is what is left of the last state a seat reached by whose keys others
// read the control plane: one whose number is a multiple of four.
type anchor struct {
	id             session.EpochID
	number         uint64
	control, proof []byte
}

// state signs a statement and says it to everybody.
func (b *byzantine) state(kind int, body words, luck *Rand) {
	b.tell(func(int) bool { return true }, b.hide(b.sign(kind, body, luck), luck))
}

// sign makes a statement.
func (b *byzantine) sign(kind int, body words, luck *Rand) []byte {
	n := b.s.n
	return b.signed(words{1: 1, 2: kind, 3: n.id.Device[:], 4: n.id.Certificate, 5: encoded(body), 7: luck.Uint64() >> 1})
}

// signed is a statement with its own signature, whosever name is in it.
func (b *byzantine) signed(c words) []byte {
	group := b.s.s.Group()
	delete(c, 6)
	c[6] = b.s.eng.Engine.Sign(b.s.n.id.Secret, "covey control", append(slices.Clone(group[:]), encoded(c)...))
	return encoded(c)
}

// announce seals a renewal of its own keys, with the header that it must have.
func (b *byzantine) announce(e session.Epoch, made session.Built, luck *Rand) []byte {
	id, group := e.ID(), b.s.s.Group()
	name := sha256.Sum256(slices.Concat([]byte("covey commit v1"), id[:], made.Commit))
	var leaves []uint32
	at := 0
	for i, l := range e.Members() {
		if leaves = append(leaves, l.Index); l.Index == e.Self() {
			at = i
		}
	}
	role := 0
	for _, m := range b.s.s.View().Members {
		if m.Account == b.s.n.id.Account {
			role = int(m.Role)
		}
	}
	slot := consensus.Slots(session.EpochID(group), e.Number(), leaves)[at]
	d := words{1: name[:], 2: id[:], 3: made.Applied.Core[:], 4: e.Number() + 1, 5: int(consensus.ClassMaintain), 6: role, 7: uint64(slot), 8: false}
	return b.forge(e, 1, encoded(words{1: made.Commit, 2: b.sign(sayHeader, d, luck)}), luck)
}

// hide seals a statement for the last anchor.
func (b *byzantine) hide(statement []byte, luck *Rand) []byte {
	head := binary.BigEndian.AppendUint32([]byte{1, 2}, uint32(b.s.anchor.number))
	var salt [16]byte
	var key session.Key
	luck.Read(salt[:])
	luck.Read(key[:])
	under := b.s.anchor.control
	hint := sha256.Sum256(append([]byte("covey control hint"), under...))
	pad := sha256.Sum256(slices.Concat([]byte("covey wrap"), under, salt[:]))
	head = append(append(head, salt[:]...), 1)
	head = append(head, hint[:4]...)
	for i := range key {
		head = append(head, key[i]^pad[i])
	}
	plain := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(statement)))
	plain = append(plain, statement...)
	for len(plain)%64 != 0 {
		plain = append(plain, 0)
	}
	sealed, err := b.s.eng.Engine.Seal(key, head, plain, luck)
	if err != nil {
		return nil
	}
	return append(head, sealed...)
}

// lie says a header of no commit, or a wrong one of a commit of its own, and
// votes for what it claims.
func (b *byzantine) lie(n int) {
	w := b.s.n.w
	head := b.theirs()
	e := b.s.eng.state(head)
	if e == nil {
		return
	}
	luck := NewRand(w.seed, "lie", b.s.n.name, itoa(n))
	some := func() []byte { x := make([]byte, 32); luck.Read(x); return x }
	d := words{1: some(), 2: head[:], 3: some(), 4: e.Number() + 1, 5: luck.IntN(5), 6: 2, 7: 0, 8: luck.Chance(0.5)}
	account, to := b.s.n.id.Account, session.EpochID{}
	switch luck.IntN(7) {
	case 0: // everybody left
		d[10] = othersIn(w, e, account)
	case 1: // somebody nobody knows came
		d[9] = [][]byte{some()}
	case 2: // it leads from elsewhere to the state where all are
		core := e.Core()
		d[2], d[3] = b.s.group.order[luck.IntN(len(b.s.group.order))].child[:], core[:]
	case 3: // it is of no commit, and all that is said is for where all are
		to = head
	case 4: // on no epoch
		d[2] = some()
	case 5: // one alone votes there
		d[11] = [][]byte{account[:]}
	case 6: // what is true of a commit is said before it, but for its class
		if built, err := e.Commit(session.Edit{}, luck); err == nil {
			b.s.saw(e, built.Applied)
			copy(b.s.eng.recent[1:], b.s.eng.recent[:]) // its own session will not enter it
			b.s.eng.recent[0] = built.Applied.Next
			d[3], d[5] = built.Applied.Core[:], 0
			defer b.tell(func(int) bool { return true }, b.announce(e, built, luck))
		}
	}
	b.state(sayHeader, d, luck)
	if to == (session.EpochID{}) {
		to = session.ChildOf(session.EpochID(d[2].([]byte)), session.Core(d[3].([]byte)))
	}
	b.state(sayVote, words{1: to[:], 2: d[4], 3: 4*(e.Number()+1) + uint64(n%36), 5: make([]byte, 32), 6: make([]byte, 32)}, luck)
}

func othersIn(w *World, e session.Epoch, but session.Account) (out [][]byte) {
	for _, l := range e.Members() {
		if a := w.devices[l.Device].id.Account; a != but {
			out = append(out, a[:])
		}
	}
	slices.SortFunc(out, slices.Compare)
	return slices.CompactFunc(out, slices.Equal)
}

// plead asks that it, or another, be let in again, which nobody needs.
func (b *byzantine) plead(n int) {
	w, self := b.s.n.w, b.s.n
	e := b.among()
	if e == nil {
		return
	}
	luck := NewRand(w.seed, "plead", self.name, itoa(n))
	whom := self
	if luck.Chance(0.5) {
		whom = w.devices[e.Members()[luck.IntN(len(e.Members()))].Device]
	}
	p, err := w.engine.NewKeyPackage(self.id, self.clock.read(w.now), luck)
	if err != nil {
		return
	}
	l, err := w.engine.ReadKeyPackage(p.Public, self.clock.read(w.now))
	if err != nil {
		return
	}
	id, account, device, author := w.newID(), whom.id.Account, whom.id.Device, self.id.Device
	if luck.Chance(0.3) {
		author = device // whose signature it is not
	}
	in := words{1: id[:], 2: 5, 3: author[:], 4: account[:], 5: device[:],
		8: []words{{1: l.Device[:], 2: l.Stamp[:]}}, 9: b.guardOf(e, device, luck), 10: e.Number() + 64}
	group := b.s.s.Group()
	in[11] = b.s.eng.Engine.Sign(self.id.Secret, "covey intent", append(slices.Clone(group[:]), encoded(in)...))
	at := b.s.anchor.id
	mac := sha256.Sum256(slices.Concat([]byte("covey readmit"), b.s.anchor.proof, encoded(in)))
	b.state(sayReadmit, words{1: words{1: in, 2: [][]byte{p.Public}}, 2: []words{{1: at[:], 2: mac[:]}}}, luck)
}

// guardOf is the guard of a plea: for the leaf that is there, or for another.
func (b *byzantine) guardOf(e session.Epoch, d session.Device, luck *Rand) []byte {
	stamp := make([]byte, 32)
	luck.Read(stamp)
	for _, l := range e.Members() {
		if l.Device == d && luck.Chance(0.8) {
			stamp = l.Stamp[:]
		}
	}
	g := sha256.Sum256(slices.Concat([]byte("covey readmit guard"), d[:], stamp))
	return g[:]
}

// theirs is where an honest member stands: a liar is nobody's fool.
func (b *byzantine) theirs() session.EpochID {
	for _, o := range b.s.n.w.nodes {
		if s := o.seats[b.s.group.name]; s != nil && s.live && s.byz == nil && s.head != (session.EpochID{}) {
			return s.head
		}
	}
	return b.s.head
}

// among is the state honest members are in, of which a liar that was let in by
// its own package knows the leaves, entered or not.
func (b *byzantine) among() session.Epoch {
	head := b.theirs()
	for _, o := range b.s.n.w.nodes {
		if s := o.seats[b.s.group.name]; s != nil && s.live {
			if e := s.eng.state(head); e != nil {
				return e
			}
		}
	}
	return nil
}
