package sim

import (
	"encoding/binary"
	"slices"

	"github.com/covey-p2p/covey/node/session"
)

// Whoever makes a Welcome says with it what the joiner is to know of the group,
// and can say anything: the sidecar is sealed with a key of the epoch that both
// are in, and signed by nobody. What it looks like is written here after what
// package session says of it, like the rest of a liar's words (lies.go).

// slander changes the Welcomes among what is about to leave: no vote of anybody
// is in them but what it makes up, two under one number for each member, and as
// many proofs that these convict; and the last two commits are its own.
func (b *byzantine) slander(out []session.Direct) []session.Direct {
	out = slices.Clone(out)
	for i, d := range out {
		if d.Kind == session.DirectWelcome {
			out[i].Bytes = b.slandered(d.Bytes)
		}
	}
	return out
}

func (b *byzantine) slandered(body []byte) []byte {
	v, _ := decoded(body)
	in := v.(words)
	group, eng := b.s.s.Group(), b.s.eng.Engine
	for _, e := range b.s.eng.recent {
		if e == nil {
			continue
		}
		key := session.Key(e.Export("covey sidecar", 32))
		plain, ok := eng.Open(key, group[:], in[4].([]byte))
		if !ok {
			continue
		}
		v, _ := decoded(plain)
		luck := NewRand(b.s.n.w.seed, "slander", b.s.n.name)
		in[4], _ = eng.Seal(key, group[:], encoded(b.lies(v.(words), e, luck)), luck)
		return encoded(in)
	}
	return body
}

// lies is what is said instead of what came with a Welcome into e.
func (b *byzantine) lies(side words, e session.Epoch, luck *Rand) words {
	var votes [][]byte
	var proofs []words
	for _, l := range e.Members() {
		if l.Device == b.s.n.id.Device {
			continue
		}
		var pair [][]byte
		for range 2 {
			head := make([]byte, 32)
			luck.Read(head)
			ballot := words{1: head, 2: e.Number(), 3: 4*e.Number() + 8, 5: make([]byte, 32), 6: make([]byte, 32)}
			c := words{1: 1, 2: sayVote, 3: l.Device[:], 4: l.Certificate, 5: encoded(ballot), 7: luck.Uint64() >> 1}
			pair = append(pair, b.signed(c))
		}
		votes = append(votes, pair...)
		proofs = append(proofs, words{1: pair})
	}
	side[4], side[6] = votes, proofs
	trail := side[1].([]any)
	for i := range trail[max(0, len(trail)-2):] { // before that it may not have been there
		at := &trail[len(trail)-1-i]
		v, _ := decoded((*at).([]byte))
		c := v.(words)
		c[3], c[4] = b.s.n.id.Device[:], b.s.n.id.Certificate
		*at = b.signed(c)
	}
	return side
}

// decoded reads what encoded writes, and a nothing, and returns what is behind it.
func decoded(b []byte) (v any, rest []byte) {
	major, n := b[0]>>5, uint64(b[0]&31)
	b = b[1:]
	if n >= 24 {
		size := 1 << (n - 24)
		var wide [8]byte
		copy(wide[8-size:], b[:size])
		n, b = binary.BigEndian.Uint64(wide[:]), b[size:]
	}
	switch major {
	case 0:
		return n, b
	case 2:
		return b[:n:n], b[n:]
	case 4:
		list := make([]any, n)
		for i := range list {
			list[i], b = decoded(b)
		}
		return list, b
	case 5:
		m := words{}
		for range n {
			var key any
			key, b = decoded(b)
			m[int(key.(uint64))], b = decoded(b)
		}
		return m, b
	case 7:
		if n == 22 {
			return nil, b
		}
		return n == 21, b
	}
	panic("sim: no such CBOR is written here")
}
