package suite

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
)

// ErrKey says that bytes are not a key of this suite.
var ErrKey = errors.New("suite: not a key of this cipher suite")

// kem is a key encapsulation mechanism in the sense of RFC 9180 §4.
type kem interface {
	id() uint16
	seedSize() int   // Nsk: bytes of randomness for one key or encapsulation
	secretSize() int // Nsecret: bytes of a shared secret, at most maxHash
	derive(ikm []byte) (*PrivateKey, error)
	private(raw []byte) (*PrivateKey, error)
	public(raw []byte) (*PublicKey, error)
	// encap writes the shared secret and returns what the owner of pk needs to
	// find it. The seed decides all.
	encap(shared *[maxHash]byte, seed []byte, pk *PublicKey) (enc []byte, err error)
	decap(shared *[maxHash]byte, enc []byte, sk *PrivateKey) error
}

// PublicKey is an HPKE public key, checked and ready for use. It is immutable.
type PublicKey struct {
	raw   []byte
	point *ecdh.PublicKey // NIST curves only
}

// Bytes is the key as it stands on the wire; it must not be written to.
func (k *PublicKey) Bytes() []byte { return k.raw }

// PrivateKey is an HPKE private key with its public half. It prints as
// ‹redacted›.
type PrivateKey struct {
	raw   Secret
	pub   *PublicKey
	point *ecdh.PrivateKey // NIST curves only
}

// Format implements [fmt.Formatter].
func (PrivateKey) Format(f fmt.State, _ rune) { Redact(f) }

// MarshalText keeps a key out of encoding/json and log handlers.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Public is the other half.
func (k *PrivateKey) Public() *PublicKey { return k.pub }

// Bytes is the key's serialization, for storage; it aliases the key.
func (k *PrivateKey) Bytes() Secret { return k.raw }

// Clone copies the secret, so that one owner can erase without the other. The
// public half is shared.
func (k *PrivateKey) Clone() *PrivateKey {
	c := *k
	c.raw = k.raw.Clone()
	return &c
}

// Erase makes the key unusable; whoever shares it loses it too.
func (k *PrivateKey) Erase() {
	k.raw.Erase()
	k.raw, k.point = nil, nil
}

// DeriveKeyPair makes a key from input of at least Nh bits of entropy
// (RFC 9180 §7.1.3). It fails only with negligible probability.
func (s *Suite) DeriveKeyPair(ikm Secret) (*PrivateKey, error) { return s.kem.derive(ikm) }

// GenerateKeyPair reads one seed from rand and derives a key from it.
func (s *Suite) GenerateKeyPair(rand io.Reader) (*PrivateKey, error) {
	seed := make(Secret, s.kem.seedSize())
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("suite: reading randomness: %w", err)
	}
	return s.kem.derive(seed)
}

// ParsePublic checks a public key and keeps raw, which must not change.
func (s *Suite) ParsePublic(raw []byte) (*PublicKey, error) { return s.kem.public(raw) }

// ParsePrivate takes back what [PrivateKey.Bytes] gave; it copies.
func (s *Suite) ParsePrivate(raw Secret) (*PrivateKey, error) { return s.kem.private(raw) }
