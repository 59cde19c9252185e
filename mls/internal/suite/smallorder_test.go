package suite

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// Every way to write a point of small order is refused, and nothing else: a key
// is accepted exactly where Diffie-Hellman gives a value.
func TestSmallOrder(t *testing.T) {
	for _, id := range []ID{X25519AES128SHA256Ed25519, X448AES256SHA512Ed448} {
		s, _ := Lookup(id)
		d := s.kem.(*dhkem)
		sk, err := s.GenerateKeyPair(rand.NewChaCha8([32]byte{1}))
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range suspects(d) {
			var out [maxDH]byte
			_, dhErr := d.dh(&out, sk, &PublicKey{raw: raw})
			if _, err := s.ParsePublic(raw); (err == nil) != (dhErr == nil) {
				t.Errorf("suite %d: %x: parsing says %v, Diffie-Hellman says %v", id, raw, err, dhErr)
			}
		}
	}
}

// suspects are the points of small order with a neighbour on each side, plus
// multiples of p, with and without the top bit.
func suspects(d *dhkem) (out [][]byte) {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	var points [][]byte
	for _, e := range smallOrder25519 {
		points = append(points, e[:])
	}
	if d.pkSize != 32 {
		p = new(big.Int).Lsh(big.NewInt(1), 448)
		p.Sub(p, new(big.Int).Lsh(big.NewInt(1), 224))
		p.Sub(p, big.NewInt(1))
		points = nil
		for _, e := range smallOrder448 {
			points = append(points, e[:])
		}
	}
	limit := new(big.Int).Lsh(big.NewInt(1), uint(8*d.pkSize))
	for _, e := range points {
		e = slices.Clone(e)
		slices.Reverse(e)
		for _, delta := range []int64{-1, 0, 1} {
			for k := range int64(3) {
				v := new(big.Int).SetBytes(e)
				v.Add(v, big.NewInt(delta))
				v.Add(v, new(big.Int).Mul(p, big.NewInt(k)))
				if v.Sign() < 0 || v.Cmp(limit) >= 0 {
					continue
				}
				raw := v.FillBytes(make([]byte, d.pkSize))
				slices.Reverse(raw)
				top := slices.Clone(raw)
				top[d.pkSize-1] |= 0x80
				out = append(out, raw, top)
			}
		}
	}
	return out
}
