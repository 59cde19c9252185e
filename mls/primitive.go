package mls

import (
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// What other pure rooms may use of cryptography, so that no primitive is
// imported anywhere but in mls/internal/suite. All of it is cipher suite 1 but
// Seal and Open, which are ChaCha20-Poly1305.

// Secret is bytes that print as ‹redacted› and can be erased.
type Secret = suite.Secret

// SigningKey is a private signature key.
type SigningKey = suite.SigningKey

// PrivateKey is a private HPKE key.
type PrivateKey = suite.PrivateKey

// KeySize is the length in bytes of a symmetric key of Seal and Open.
const KeySize = 32

var (
	base   = mustSuite(X25519AES128SHA256Ed25519)
	sealer = mustSuite(X25519ChaCha20SHA256Ed25519)
)

func mustSuite(id CipherSuite) *suite.Suite {
	s, ok := suite.Lookup(id)
	if !ok {
		panic(fmt.Sprintf("mls: cipher suite %d is not in the table", id))
	}
	return s
}

// lookup finds a suite named by the network or a caller.
func lookup(id CipherSuite, c Check) (*suite.Suite, error) {
	s, ok := suite.Lookup(id)
	if !ok {
		return nil, fail(c, "cipher suite %d is not implemented", id)
	}
	return s, nil
}

// GenerateSigningKey makes a signature key of a suite from randomness.
func GenerateSigningKey(rand io.Reader, id CipherSuite) (*SigningKey, error) {
	s, err := lookup(id, CheckArgument)
	if err != nil {
		return nil, err
	}
	return s.GenerateSigningKey(rand)
}

// ParseSigningKey takes back what SigningKey.Bytes gave: for Ed25519, the
// 32-byte seed.
func ParseSigningKey(id CipherSuite, raw Secret) (*SigningKey, error) {
	s, err := lookup(id, CheckArgument)
	if err != nil {
		return nil, err
	}
	return s.ParseSigningKey(raw)
}

// Sign signs content for the purpose that label names (SignWithLabel of
// RFC 9420 §5.1.2, with Ed25519).
func Sign(key *SigningKey, label string, content []byte) []byte {
	return base.SignWithLabel(key, label, content)
}

// Verify reports whether signature is one that Sign made with the key of pub,
// which may be any bytes.
func Verify(pub []byte, label string, content, signature []byte) bool {
	return base.VerifyWithLabel(pub, label, content, signature)
}

// Hash is SHA-256 of the parts put together.
func Hash(parts ...[]byte) [32]byte { return [32]byte(base.Hash(parts...)) }

// Derive makes n bytes from secret for the purpose that label names, bound to
// context (ExpandWithLabel of RFC 9420 §8, with SHA-256).
func Derive(secret Secret, label string, context []byte, n int) Secret {
	return base.ExpandWithLabel(secret, label, context, n)
}

// GenerateKey makes an X25519 key pair from randomness.
func GenerateKey(rand io.Reader) (*PrivateKey, error) { return base.GenerateKeyPair(rand) }

// ParseKey takes back what PrivateKey.Bytes gave.
func ParseKey(raw Secret) (*PrivateKey, error) { return base.ParsePrivate(raw) }

// Seal encrypts under a key of KeySize bytes with a random nonce, which heads
// the result. A key may seal 2³² messages.
func Seal(rand io.Reader, key Secret, aad, plaintext []byte) ([]byte, error) {
	if len(key) != KeySize {
		return nil, fail(CheckArgument, "key of %d bytes, want %d", len(key), KeySize)
	}
	out := make([]byte, sealer.Nn(), sealer.Nn()+len(plaintext)+sealer.Nt())
	if _, err := io.ReadFull(rand, out); err != nil {
		return nil, fmt.Errorf("mls: reading randomness: %w", err)
	}
	return sealer.Seal(out, key, Secret(out[:sealer.Nn()]), aad, plaintext), nil
}

// Open is the inverse of Seal.
func Open(key Secret, aad, sealed []byte) ([]byte, error) {
	if len(key) != KeySize {
		return nil, fail(CheckArgument, "key of %d bytes, want %d", len(key), KeySize)
	}
	n := sealer.Nn()
	if len(sealed) < n+sealer.Nt() {
		return nil, fail(CheckOpen, "")
	}
	out, err := sealer.Open(nil, key, Secret(sealed[:n]), aad, sealed[n:])
	if err != nil {
		return nil, fail(CheckOpen, "")
	}
	return out, nil
}

// SealTo encrypts to an X25519 public key (HPKE base mode), for the purpose
// that label names, bound to context.
func SealTo(rand io.Reader, pub []byte, label string, context, plaintext []byte) ([]byte, error) {
	pk, err := base.ParsePublic(pub)
	if err != nil {
		return nil, because(CheckArgument, err, "public key")
	}
	ct, err := base.EncryptWithLabel(rand, pk, label, context, plaintext)
	if err != nil {
		return nil, err
	}
	return append(ct.KEMOutput, ct.Ciphertext...), nil
}

// OpenWith is the inverse of SealTo.
func OpenWith(key *PrivateKey, label string, context, sealed []byte) ([]byte, error) {
	n := len(key.Public().Bytes())
	if len(sealed) < n {
		return nil, fail(CheckOpen, "")
	}
	out, err := base.DecryptWithLabel(key, label, context, HPKECiphertext{KEMOutput: sealed[:n], Ciphertext: sealed[n:]})
	if err != nil {
		return nil, fail(CheckOpen, "")
	}
	return out, nil
}
