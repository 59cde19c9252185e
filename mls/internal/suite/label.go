package suite

import (
	"encoding/binary"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// prefix heads every label of RFC 9420, so that no key or signature can be used
// in another protocol or version.
const prefix = "MLS 1.0 "

// opaque appends opaque value<V>.
func opaque[B ~[]byte | ~string](b []byte, value B) []byte {
	b = wire.AppendVarint(b, len(value))
	return append(b, value...)
}

// opaqueLabel appends the label with its prefix, as opaque<V>.
func opaqueLabel(b []byte, label string) []byte {
	b = wire.AppendVarint(b, len(prefix)+len(label))
	b = append(b, prefix...)
	return append(b, label...)
}

// ExpandWithLabel (RFC 9420 §8) derives n bytes from secret:
//
//	KDF.Expand(secret, KDFLabel, length)
//	struct { uint16 length; opaque label<V> = "MLS 1.0 " + label; opaque context<V>; } KDFLabel;
func (s *Suite) ExpandWithLabel(secret Secret, label string, context []byte, n int) Secret {
	out := make(Secret, n)
	s.ExpandInto(out, secret, label, context)
	return out
}

// ExpandInto is ExpandWithLabel filling dst, with no allocation. dst may be
// secret itself.
func (s *Suite) ExpandInto(dst Secret, secret Secret, label string, context []byte) {
	var stack [onStack]byte
	b := stack[:s.hash.block()]
	b = binary.BigEndian.AppendUint16(b, uint16(len(dst)))
	b = opaqueLabel(b, label)
	b = opaque(b, context)
	s.hash.expand(dst, secret, b)
}

// DeriveSecret (RFC 9420 §8) is ExpandWithLabel with no context, Nh bytes.
func (s *Suite) DeriveSecret(secret Secret, label string) Secret {
	return s.ExpandWithLabel(secret, label, nil, s.Nh())
}

// DeriveTreeSecret (RFC 9420 §9.1) is ExpandWithLabel whose context is the
// generation.
func (s *Suite) DeriveTreeSecret(secret Secret, label string, generation uint32, n int) Secret {
	out := make(Secret, n)
	s.DeriveTreeInto(out, secret, label, generation)
	return out
}

// DeriveTreeInto is DeriveTreeSecret filling dst, which may be secret itself.
func (s *Suite) DeriveTreeInto(dst Secret, secret Secret, label string, generation uint32) {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	s.ExpandInto(dst, secret, label, context[:])
}
