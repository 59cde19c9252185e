package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrOpen says that a ciphertext is not of this key, nonce and context. It says
// no more, to friend and foe alike.
var ErrOpen = errors.New("suite: decryption failed")

// Every AEAD of the registry has these.
const (
	nonceSize = 12
	tagSize   = 16
)

// aead is the AEAD's number in RFC 9180 §7.3.
type aead uint16

const (
	aes128GCM        aead = 1
	aes256GCM        aead = 2
	chacha20Poly1305 aead = 3
)

func (a aead) id() uint16 { return uint16(a) }

func (a aead) keySize() int {
	if a == aes128GCM {
		return 16
	}
	return 32
}

func (a aead) new(key []byte) cipher.AEAD {
	if len(key) != a.keySize() {
		panic("suite: AEAD key of wrong length")
	}
	if a == chacha20Poly1305 {
		c, err := chacha20poly1305.New(key)
		return must(c, err)
	}
	block, err := aes.NewCipher(key)
	c, err2 := cipher.NewGCM(must(block, err))
	return must(c, err2)
}

// must is for calls that fail only if the table is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic("suite: " + err.Error())
	}
	return v
}

// AEAD returns the suite's cipher under key (Nk bytes), to be used several times.
func (s *Suite) AEAD(key Secret) cipher.AEAD { return s.aead.new(key) }

// Seal encrypts under key (Nk bytes) and nonce (Nn bytes), appending to dst.
func (s *Suite) Seal(dst []byte, key, nonce Secret, aad, plaintext []byte) []byte {
	return s.aead.new(key).Seal(dst, nonce, plaintext, aad)
}

// Open is the inverse of Seal; its only error is ErrOpen.
func (s *Suite) Open(dst []byte, key, nonce Secret, aad, ciphertext []byte) ([]byte, error) {
	pt, err := s.aead.new(key).Open(dst, nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return pt, nil
}
