package schedule

import (
	"fmt"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// Key encrypts one message and then is erased (RFC 9420 §9.1). It prints as
// ‹redacted›.
type Key struct {
	Generation Generation
	suite      *suite.Suite
	bytes      [maxNk + maxNn]byte // key, then nonce, at the suite's lengths
}

const (
	maxNk = 32
	maxNn = 12
	maxNh = 64
)

// Format implements [fmt.Formatter].
func (Key) Format(f fmt.State, _ rune) { suite.Redact(f) }

// ReuseGuard is four random bytes mixed into a nonce, so that a key used twice
// after a lost disk write is not a nonce used twice (RFC 9420 §6.3.1).
type ReuseGuard [4]byte

func (k *Key) split() (key, nonce suite.Secret) {
	nk, nn := k.suite.Nk(), k.suite.Nn()
	return k.bytes[:nk:nk], k.bytes[nk : nk+nn : nk+nn]
}

// secret is both together, as they are stored.
func (k *Key) secret() suite.Secret { return k.bytes[:k.suite.Nk()+k.suite.Nn()] }

// Bytes gives copies of the key and the nonce before any reuse guard.
func (k *Key) Bytes() (key, nonce suite.Secret) {
	key, nonce = k.split()
	return key.Clone(), nonce.Clone()
}

// Erase makes the key unusable.
func (k *Key) Erase() { clear(k.bytes[:]) }

// Seal encrypts the content of a PrivateMessage, appending to dst (RFC 9420 §6.3.1).
func (k *Key) Seal(dst []byte, guard ReuseGuard, aad, plaintext []byte) []byte {
	key, nonce := k.guarded(guard)
	return k.suite.Seal(dst, key, nonce[:], aad, plaintext)
}

// Open is the inverse of Seal; its only error is suite.ErrOpen.
func (k *Key) Open(dst []byte, guard ReuseGuard, aad, ciphertext []byte) ([]byte, error) {
	key, nonce := k.guarded(guard)
	return k.suite.Open(dst, key, nonce[:], aad, ciphertext)
}

func (k *Key) guarded(guard ReuseGuard) (key suite.Secret, guarded [maxNn]byte) {
	key, nonce := k.split()
	copy(guarded[:], nonce)
	for i, b := range guard {
		guarded[i] ^= b
	}
	return key, guarded
}

// SenderDataKey derives what encrypts the sender data of one message from a
// sample of its ciphertext: the first Nh bytes, or all where it is shorter
// (RFC 9420 §6.3.2).
func SenderDataKey(s *suite.Suite, senderDataSecret suite.Secret, ciphertext []byte) Key {
	sample := ciphertext[:min(len(ciphertext), s.Nh())]
	k := Key{suite: s}
	key, nonce := k.split()
	s.ExpandInto(key, senderDataSecret, "key", sample)
	s.ExpandInto(nonce, senderDataSecret, "nonce", sample)
	return k
}
