package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	stdhash "hash"
)

// hash is SHA-2 and what is built on it. It is a number, not an interface, so
// that the compiler sees through each call and buffers stay on the stack.
type hash uint8

const (
	sha256Hash hash = iota
	sha384Hash
	sha512Hash
)

const (
	maxHash  = sha512.Size
	maxBlock = sha512.BlockSize

	// onStack is the room for one HMAC input, with its key block. Everything the
	// key schedule and HPKE hash fits; what does not goes to the heap and is
	// still right.
	onStack = 640
)

func (h hash) size() int {
	switch h {
	case sha256Hash:
		return sha256.Size
	case sha384Hash:
		return sha512.Size384
	default:
		return sha512.Size
	}
}

func (h hash) block() int {
	if h == sha256Hash {
		return sha256.BlockSize
	}
	return sha512.BlockSize
}

// kdfID is the HKDF's number in RFC 9180 §7.2.
func (h hash) kdfID() uint16 { return uint16(h) + 1 }

func (h hash) new() stdhash.Hash {
	switch h {
	case sha256Hash:
		return sha256.New()
	case sha384Hash:
		return sha512.New384()
	default:
		return sha512.New()
	}
}

// sum hashes msg into out.
func (h hash) sum(out *[maxHash]byte, msg []byte) {
	switch h {
	case sha256Hash:
		d := sha256.Sum256(msg)
		copy(out[:], d[:])
	case sha384Hash:
		d := sha512.Sum384(msg)
		copy(out[:], d[:])
	default:
		*out = sha512.Sum512(msg)
	}
}

// hmac computes HMAC(key, framed[block:]) into out. The first block of framed
// is the caller's gift: the inner key is written there, so that the message is
// hashed where it lies (RFC 2104).
func (h hash) hmac(out *[maxHash]byte, key, framed []byte) {
	size, block := h.size(), h.block()
	var outer [maxBlock + maxHash]byte
	if len(key) > block {
		h.sum(out, key)
		copy(outer[:], out[:size])
	} else {
		copy(outer[:block], key)
	}
	for i := range block {
		framed[i] = outer[i] ^ 0x36
		outer[i] ^= 0x5c
	}
	h.sum(out, framed)
	copy(outer[block:], out[:size])
	h.sum(out, outer[:block+size])
}

// expand is HKDF-Expand (RFC 5869 §2.3) with framed as in hmac holding the
// info; it has spare capacity of one byte or is copied.
func (h hash) expand(dst, prk, framed []byte) {
	var t [maxHash]byte
	h.hmac(&t, prk, append(framed, 1))
	n := copy(dst, t[:h.size()])
	for i := byte(2); n < len(dst); i++ { // P-521 alone asks for more than a hash
		next := make([]byte, h.block(), len(framed)+h.size()+1)
		next = append(next, t[:h.size()]...)
		next = append(next, framed[h.block():]...)
		h.hmac(&t, prk, append(next, i))
		n += copy(dst[n:], t[:h.size()])
	}
	clear(t[:])
}

// Hash is the suite's hash of the parts put together (RFC 9420 §5.1).
func (s *Suite) Hash(parts ...[]byte) []byte {
	if len(parts) == 1 {
		var out [maxHash]byte
		s.hash.sum(&out, parts[0])
		return append([]byte(nil), out[:s.hash.size()]...)
	}
	h := s.hash.new()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// AppendHash appends the hash of msg to dst, without allocating where dst has
// room for Nh bytes more.
func (s *Suite) AppendHash(dst, msg []byte) []byte {
	var out [maxHash]byte
	s.hash.sum(&out, msg)
	return append(dst, out[:s.hash.size()]...)
}

// RefHash names an object by its hash (RFC 9420 §5.2). The label is the whole
// of it, such as "MLS 1.0 KeyPackage Reference".
func (s *Suite) RefHash(label string, value []byte) []byte {
	return s.Hash(opaque(nil, label), opaque(nil, value))
}

// MAC is HMAC of the parts put together (RFC 9420 §5.1).
func (s *Suite) MAC(key Secret, parts ...[]byte) []byte {
	n := s.hash.block()
	for _, p := range parts {
		n += len(p)
	}
	if n <= onStack {
		var stack [onStack]byte
		framed := stack[:s.hash.block()]
		for _, p := range parts {
			framed = append(framed, p...)
		}
		var out [maxHash]byte
		s.hash.hmac(&out, key, framed)
		return append([]byte(nil), out[:s.hash.size()]...)
	}
	m := hmac.New(s.hash.new, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// VerifyMAC compares in constant time.
func (s *Suite) VerifyMAC(tag []byte, key Secret, parts ...[]byte) bool {
	return subtle.ConstantTimeCompare(tag, s.MAC(key, parts...)) == 1
}

// Extract is HKDF-Extract (RFC 9420 §5.1): HMAC with salt as the key.
func (s *Suite) Extract(salt, ikm Secret) Secret { return s.MAC(salt, ikm) }
