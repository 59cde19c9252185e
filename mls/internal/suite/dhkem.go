package suite

import (
	"crypto/ecdh"
	"fmt"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/dh/x448"
)

// dhkem is DHKEM over one curve (RFC 9180 §4.1).
type dhkem struct {
	kemID   uint16
	hash    hash
	skSize  int
	pkSize  int
	topMask byte // NIST curves: what the first byte of a scalar may hold
	curve   ecdh.Curve
	suiteID []byte // "KEM" ‖ id
}

// The curves of RFC 9180 §7.1.
var (
	dhP256   = newDHKEM(0x0010, sha256Hash, 32, 65, 0xff, ecdh.P256())
	dhP384   = newDHKEM(0x0011, sha384Hash, 48, 97, 0xff, ecdh.P384())
	dhP521   = newDHKEM(0x0012, sha512Hash, 66, 133, 0x01, ecdh.P521())
	dhX25519 = newDHKEM(0x0020, sha256Hash, x25519.Size, x25519.Size, 0, nil)
	dhX448   = newDHKEM(0x0021, sha512Hash, x448.Size, x448.Size, 0, nil)
)

func newDHKEM(id uint16, h hash, sk, pk int, mask byte, curve ecdh.Curve) *dhkem {
	return &dhkem{kemID: id, hash: h, skSize: sk, pkSize: pk, topMask: mask, curve: curve, suiteID: be16([]byte("KEM"), id)}
}

// named is the same curve under another suite id, so that the same seed gives
// an unrelated scalar.
func (d dhkem) named(suiteID string) *dhkem {
	d.suiteID = []byte(suiteID)
	return &d
}

func (d *dhkem) id() uint16      { return d.kemID }
func (d *dhkem) seedSize() int   { return d.skSize }
func (d *dhkem) secretSize() int { return d.hash.size() }

// derive is DeriveKeyPair of RFC 9180 §7.1.3. On the NIST curves it draws
// candidates until one is a scalar of the field.
func (d *dhkem) derive(ikm []byte) (*PrivateKey, error) {
	var prk [maxHash]byte
	defer clear(prk[:])
	d.hash.labeledExtract(&prk, d.suiteID, nil, "dkp_prk", ikm)
	sk := make(Secret, d.skSize)
	if d.curve == nil {
		d.hash.labeledExpand(sk, prk[:d.hash.size()], d.suiteID, "sk", nil)
		return d.adopt(sk)
	}
	for counter := range 256 {
		d.hash.labeledExpand(sk, prk[:d.hash.size()], d.suiteID, "candidate", []byte{byte(counter)})
		sk[0] &= d.topMask
		if key, err := d.adopt(sk); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: no scalar in 256 candidates", ErrKey)
}

func (d *dhkem) private(raw []byte) (*PrivateKey, error) {
	if len(raw) != d.skSize {
		return nil, fmt.Errorf("%w: private key of %d bytes, want %d", ErrKey, len(raw), d.skSize)
	}
	return d.adopt(append(Secret(nil), raw...))
}

// adopt completes a private key of the right length, which it keeps.
func (d *dhkem) adopt(sk Secret) (*PrivateKey, error) {
	pub := &PublicKey{}
	switch d {
	case dhX25519:
		raw := new(x25519.Key)
		x25519.KeyGen(raw, (*x25519.Key)(sk))
		pub.raw = raw[:]
	case dhX448:
		raw := new(x448.Key)
		x448.KeyGen(raw, (*x448.Key)(sk))
		pub.raw = raw[:]
	default:
		point, err := d.curve.NewPrivateKey(sk)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		pub.point = point.PublicKey()
		pub.raw = pub.point.Bytes()
		return &PrivateKey{raw: sk, pub: pub, point: point}, nil
	}
	return &PrivateKey{raw: sk, pub: pub}, nil
}

func (d *dhkem) public(raw []byte) (*PublicKey, error) {
	if len(raw) != d.pkSize {
		return nil, fmt.Errorf("%w: public key of %d bytes, want %d", ErrKey, len(raw), d.pkSize)
	}
	if d.smallOrder(raw) {
		return nil, fmt.Errorf("%w: public key of small order", ErrKey)
	}
	if d.curve == nil {
		return &PublicKey{raw: raw}, nil
	}
	point, err := d.curve.NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &PublicKey{raw: raw, point: point}, nil
}

// dh writes the Diffie-Hellman value and returns its length. It refuses points
// of small order, whose value is zero for everybody (RFC 9180 §7.1.4).
func (d *dhkem) dh(out *[maxDH]byte, sk *PrivateKey, pk *PublicKey) (int, error) {
	if len(sk.raw) != d.skSize || len(pk.raw) != d.pkSize {
		return 0, fmt.Errorf("%w: erased, or of another suite", ErrKey)
	}
	ok := true
	switch d {
	case dhX25519:
		ok = x25519.Shared((*x25519.Key)(out[:]), (*x25519.Key)(sk.raw), (*x25519.Key)(pk.raw))
	case dhX448:
		ok = x448.Shared((*x448.Key)(out[:]), (*x448.Key)(sk.raw), (*x448.Key)(pk.raw))
	default:
		v, err := sk.point.ECDH(pk.point)
		ok = err == nil
		copy(out[:], v)
		clear(v)
	}
	if !ok {
		return 0, fmt.Errorf("%w: public key of small order", ErrKey)
	}
	return d.skSize, nil
}

// maxDH is the size of a P-521 field element.
const maxDH = 66

func (d *dhkem) encap(shared *[maxHash]byte, seed []byte, pk *PublicKey) ([]byte, error) {
	ephemeral, err := d.derive(seed)
	if err != nil {
		return nil, err
	}
	defer ephemeral.Erase()
	var dh [maxDH]byte
	defer clear(dh[:])
	n, err := d.dh(&dh, ephemeral, pk)
	if err != nil {
		return nil, err
	}
	enc := ephemeral.pub.raw
	d.extractAndExpand(shared, dh[:n], enc, pk.raw)
	return enc, nil
}

func (d *dhkem) decap(shared *[maxHash]byte, enc []byte, sk *PrivateKey) error {
	pk, err := d.public(enc)
	if err != nil {
		return err
	}
	var dh [maxDH]byte
	defer clear(dh[:])
	n, err := d.dh(&dh, sk, pk)
	if err != nil {
		return err
	}
	d.extractAndExpand(shared, dh[:n], enc, sk.pub.raw)
	return nil
}

// extractAndExpand is RFC 9180 §4.1: kem_context = enc ‖ pkRm.
func (d *dhkem) extractAndExpand(shared *[maxHash]byte, dh, enc, pk []byte) {
	var prk [maxHash]byte
	defer clear(prk[:])
	var stack [2 * 133]byte
	context := append(append(stack[:0], enc...), pk...)
	d.hash.labeledExtract(&prk, d.suiteID, nil, "eae_prk", dh)
	d.hash.labeledExpand(shared[:d.secretSize()], prk[:d.hash.size()], d.suiteID, "shared_secret", context)
}
