package suite

import (
	"slices"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/math/fp25519"
	"github.com/cloudflare/circl/math/fp448"
)

// Points of small order, as u-coordinates below p. Nobody can encrypt to them:
// the Diffie-Hellman value is zero whatever the scalar (RFC 7748 §6). A member
// who got one into the tree would make every later path fail, so they are no
// keys here from the start. Comparing costs nothing beside a multiplication.
var (
	smallOrder25519 = []fp25519.Elt{
		{0},
		{1},
		{
			0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
			0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
		},
		{
			0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
			0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
		},
		minusOne25519(),
	}
	smallOrder448 = []fp448.Elt{{0}, {1}, minusOne448()}
)

func minusOne25519() fp25519.Elt {
	m := fp25519.P()
	m[0]--
	return m
}

func minusOne448() fp448.Elt {
	m := fp448.P()
	m[0]--
	return m
}

// smallOrder reports whether a key of the right length is such a point, in any
// of the ways to write it.
func (d *dhkem) smallOrder(raw []byte) bool {
	switch d.pkSize {
	case x25519.Size:
		e := fp25519.Elt(raw[:x25519.Size])
		e[31] &= 0x7f // RFC 7748 §5: the top bit does not count
		fp25519.Modp(&e)
		return slices.Contains(smallOrder25519, e)
	case x448.Size:
		e := fp448.Elt(raw[:x448.Size])
		fp448.Modp(&e)
		return slices.Contains(smallOrder448, e)
	}
	return false // the NIST curves have prime order
}
