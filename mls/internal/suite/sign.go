package suite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"io"

	"github.com/cloudflare/circl/sign/ed448"
)

// scheme is a signature scheme of RFC 9420 §5.1.2.
type scheme interface {
	seedSize() int
	// derive makes a key of a seed of seedSize bytes; private takes back what
	// SigningKey.Bytes gave.
	derive(seed []byte) (*SigningKey, error)
	private(raw []byte) (*SigningKey, error)
	verify(pub, message, signature []byte) bool
}

// SigningKey is a private signature key. It prints as ‹redacted›.
type SigningKey struct {
	raw  Secret
	pub  []byte
	sign func(message []byte) []byte
}

// Format implements [fmt.Formatter].
func (SigningKey) Format(f fmt.State, _ rune) { Redact(f) }

// MarshalText keeps a key out of encoding/json and log handlers.
func (SigningKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Public is the verification key as it stands in a leaf; it must not be written to.
func (k *SigningKey) Public() []byte { return k.pub }

// Bytes is the key's serialization, for storage; it aliases the key.
func (k *SigningKey) Bytes() Secret { return k.raw }

// Erase makes the key unusable; whoever shares it loses it too.
func (k *SigningKey) Erase() {
	k.raw.Erase()
	k.raw, k.sign = nil, nil
}

// SigningSeedSize is the length in bytes that NewSigningKey takes.
func (s *Suite) SigningSeedSize() int { return s.sig.seedSize() }

// NewSigningKey derives a key from SigningSeedSize bytes of randomness. For
// the Edwards curves the seed is the private key; for ECDSA a scalar is drawn
// from it as RFC 9180 §7.1.3 draws one.
func (s *Suite) NewSigningKey(seed Secret) (*SigningKey, error) { return s.sig.derive(seed) }

// GenerateSigningKey reads one seed from rand and derives a key from it.
func (s *Suite) GenerateSigningKey(rand io.Reader) (*SigningKey, error) {
	seed := make(Secret, s.sig.seedSize())
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("suite: reading randomness: %w", err)
	}
	return s.sig.derive(seed)
}

// ParseSigningKey takes back what [SigningKey.Bytes] gave; it copies.
func (s *Suite) ParseSigningKey(raw Secret) (*SigningKey, error) { return s.sig.private(raw) }

// SignWithLabel signs content for one purpose (RFC 9420 §5.1.2):
//
//	struct { opaque label<V> = "MLS 1.0 " + label; opaque content<V>; } SignContent;
func (s *Suite) SignWithLabel(key *SigningKey, label string, content []byte) []byte {
	return key.sign(signContent(label, content))
}

// VerifyWithLabel reports whether signature is key's over content for this
// purpose. pub comes from the network: bytes that are no key verify nothing.
func (s *Suite) VerifyWithLabel(pub []byte, label string, content, signature []byte) bool {
	return s.sig.verify(pub, signContent(label, content), signature)
}

func signContent(label string, content []byte) []byte {
	b := make([]byte, 0, len(prefix)+len(label)+len(content)+8)
	return opaque(opaqueLabel(b, label), content)
}

func checkSize(raw []byte, want int) error {
	if len(raw) != want {
		return fmt.Errorf("%w: signing key of %d bytes, want %d", ErrKey, len(raw), want)
	}
	return nil
}

type ed25519Scheme struct{}

func (ed25519Scheme) seedSize() int { return ed25519.SeedSize }

func (e ed25519Scheme) derive(seed []byte) (*SigningKey, error) { return e.private(seed) }

func (ed25519Scheme) private(raw []byte) (*SigningKey, error) {
	if err := checkSize(raw, ed25519.SeedSize); err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(raw)
	return &SigningKey{
		raw:  Secret(key[:ed25519.SeedSize]), // seed ‖ public key
		pub:  append([]byte(nil), key[ed25519.SeedSize:]...),
		sign: func(m []byte) []byte { return ed25519.Sign(key, m) },
	}, nil
}

func (ed25519Scheme) verify(pub, message, signature []byte) bool {
	return len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, message, signature)
}

type ed448Scheme struct{}

func (ed448Scheme) seedSize() int { return ed448.SeedSize }

func (e ed448Scheme) derive(seed []byte) (*SigningKey, error) { return e.private(seed) }

func (ed448Scheme) private(raw []byte) (*SigningKey, error) {
	if err := checkSize(raw, ed448.SeedSize); err != nil {
		return nil, err
	}
	key := ed448.NewKeyFromSeed(raw)
	return &SigningKey{
		raw:  Secret(key[:ed448.SeedSize]), // seed ‖ public key
		pub:  append([]byte(nil), key[ed448.SeedSize:]...),
		sign: func(m []byte) []byte { return ed448.Sign(key, m, "") },
	}, nil
}

func (ed448Scheme) verify(pub, message, signature []byte) bool {
	return len(pub) == ed448.PublicKeySize && ed448.Verify(pub, message, signature, "")
}

// ecdsaScheme is ECDSA over a NIST curve: public keys are uncompressed points,
// signatures DER (RFC 9420 §5.1.1, RFC 8446 §4.2.3).
type ecdsaScheme struct {
	curve elliptic.Curve
	hash  crypto.Hash
	sum   hash
	keys  *dhkem
}

var (
	ecdsaP256 = &ecdsaScheme{elliptic.P256(), crypto.SHA256, sha256Hash, dhP256.named("covey ECDSA")}
	ecdsaP384 = &ecdsaScheme{elliptic.P384(), crypto.SHA384, sha384Hash, dhP384.named("covey ECDSA")}
	ecdsaP521 = &ecdsaScheme{elliptic.P521(), crypto.SHA512, sha512Hash, dhP521.named("covey ECDSA")}
)

func (e *ecdsaScheme) seedSize() int { return e.keys.skSize }

func (e *ecdsaScheme) derive(seed []byte) (*SigningKey, error) {
	if err := checkSize(seed, e.seedSize()); err != nil {
		return nil, err
	}
	scalar, err := e.keys.derive(seed)
	if err != nil {
		return nil, err
	}
	defer scalar.Erase()
	return e.private(scalar.raw)
}

func (e *ecdsaScheme) private(raw []byte) (*SigningKey, error) {
	key, err := ecdsa.ParseRawPrivateKey(e.curve, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	pub, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &SigningKey{
		raw: append(Secret(nil), raw...),
		pub: pub,
		sign: func(m []byte) []byte {
			sig, err := key.Sign(nil, e.digest(m), e.hash) // no reader: RFC 6979
			return must(sig, err)
		},
	}, nil
}

func (e *ecdsaScheme) verify(pub, message, signature []byte) bool {
	key, err := ecdsa.ParseUncompressedPublicKey(e.curve, pub)
	return err == nil && ecdsa.VerifyASN1(key, e.digest(message), signature)
}

func (e *ecdsaScheme) digest(message []byte) []byte {
	var d [maxHash]byte
	e.sum.sum(&d, message)
	return d[:e.sum.size()]
}
