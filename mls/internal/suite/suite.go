package suite

// ID is a cipher suite number of the IANA registry (RFC 9420 §17.1).
type ID uint16

// The suites of RFC 9420 §17.1.
const (
	X25519AES128SHA256Ed25519 ID = 1 + iota
	P256AES128SHA256P256
	X25519ChaCha20SHA256Ed25519
	X448AES256SHA512Ed448
	P521AES256SHA512P521
	X448ChaCha20SHA512Ed448
	P384AES256SHA384P384
)

// table is the one place where suites are put together; a row is all a new
// suite needs.
var table = []*Suite{
	newSuite(X25519AES128SHA256Ed25519, "X25519, AES-128-GCM, SHA-256, Ed25519", dhX25519, sha256Hash, aes128GCM, ed25519Scheme{}),
	newSuite(P256AES128SHA256P256, "P-256, AES-128-GCM, SHA-256, ECDSA", dhP256, sha256Hash, aes128GCM, ecdsaP256),
	newSuite(X25519ChaCha20SHA256Ed25519, "X25519, ChaCha20-Poly1305, SHA-256, Ed25519", dhX25519, sha256Hash, chacha20Poly1305, ed25519Scheme{}),
	newSuite(X448AES256SHA512Ed448, "X448, AES-256-GCM, SHA-512, Ed448", dhX448, sha512Hash, aes256GCM, ed448Scheme{}),
	newSuite(P521AES256SHA512P521, "P-521, AES-256-GCM, SHA-512, ECDSA", dhP521, sha512Hash, aes256GCM, ecdsaP521),
	newSuite(X448ChaCha20SHA512Ed448, "X448, ChaCha20-Poly1305, SHA-512, Ed448", dhX448, sha512Hash, chacha20Poly1305, ed448Scheme{}),
	newSuite(P384AES256SHA384P384, "P-384, AES-256-GCM, SHA-384, ECDSA", dhP384, sha384Hash, aes256GCM, ecdsaP384),
}

// Suite is the primitives of one cipher suite. It is immutable, safe for
// concurrent use, and unique: equal suites are equal pointers.
type Suite struct {
	id   ID
	name string
	hash hash
	aead aead
	kem  kem
	sig  scheme

	hpkeID    []byte // "HPKE" ‖ KEM ‖ KDF ‖ AEAD (RFC 9180 §5.1)
	pskIDHash [maxHash]byte
	zero      []byte // Nh zero bytes
}

func newSuite(id ID, name string, k kem, h hash, a aead, sig scheme) *Suite {
	s := &Suite{id: id, name: name, hash: h, aead: a, kem: k, sig: sig, zero: make([]byte, h.size())}
	s.hpkeID = be16([]byte("HPKE"), k.id(), h.kdfID(), a.id())
	h.labeledExtract(&s.pskIDHash, s.hpkeID, nil, "psk_id_hash", nil)
	return s
}

// Lookup finds a suite by its number.
func Lookup(id ID) (*Suite, bool) {
	for _, s := range table {
		if s.id == id {
			return s, true
		}
	}
	return nil, false
}

// All lists every suite, in the order of the registry.
func All() []*Suite { return append([]*Suite(nil), table...) }

// ID is the suite's number on the wire.
func (s *Suite) ID() ID { return s.id }

// String names the primitives, for humans.
func (s *Suite) String() string { return s.name }

// Nh is the length in bytes of a hash, a MAC and a secret (KDF.Nh).
func (s *Suite) Nh() int { return s.hash.size() }

// Nk is the length in bytes of an AEAD key.
func (s *Suite) Nk() int { return s.aead.keySize() }

// Nn is the length in bytes of an AEAD nonce.
func (s *Suite) Nn() int { return nonceSize }

// Nt is the length in bytes of an AEAD tag.
func (s *Suite) Nt() int { return tagSize }

// Zero is Nh zero bytes, which the key schedule takes where it has no input.
// It must not be written to.
func (s *Suite) Zero() Secret { return s.zero[:len(s.zero):len(s.zero)] }

func be16(b []byte, values ...uint16) []byte {
	for _, v := range values {
		b = append(b, byte(v>>8), byte(v))
	}
	return b
}
