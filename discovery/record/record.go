package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/covey-p2p/covey/mls"
)

// Namespace is the DHT namespace of bundles.
const Namespace = "kp"

// Why a value is refused.
var (
	ErrSize      = errors.New("record: too large")
	ErrMalformed = errors.New("record: malformed")
	ErrVersion   = errors.New("record: of a version unknown here")
	ErrKey       = errors.New("record: not under its key")
	ErrExpired   = errors.New("record: expired")
	ErrLife      = errors.New("record: expires too far ahead")
	ErrSignature = errors.New("record: signature does not verify")
)

// Time is Unix milliseconds.
type Time int64

// Identity is an Ed25519 public key: an account's, or a device's.
type Identity [32]byte

// Bundle is what a member leaves behind. Slices are the caller's: Decode copies
// nothing, and nothing here changes them.
type Bundle struct {
	Identity   Identity
	Seq        uint64
	NotAfter   Time
	Devices    []Identity // further devices of an account, each with a bundle
	Peer       []byte     // libp2p peer id of the device, may be empty
	Addresses  [][]byte   // where it was last, as multiaddrs
	MailKey    []byte     // HPKE public key that mailbox items are sealed to
	LastResort []byte     // key package for any number of uses, may be empty
	Packages   [][]byte   // key packages for one use each
}

const (
	version       = 1
	signatureSize = 64
	label         = "covey/kp/1" // of the signature and of every hash
)

// Key is the DHT key of an identity's bundle in a slot, of which there are Slots.
func Key(id Identity, slot uint8) string {
	h := sha256.Sum256(append(append([]byte(label+"\x00"), id[:]...), slot))
	return "/" + Namespace + "/" + base64.RawURLEncoding.EncodeToString(h[:])
}

// under reports whether the key is one of the bundle's.
func (b *Bundle) under(key string) bool {
	for slot := range uint8(Slots) {
		if key == Key(b.Identity, slot) {
			return true
		}
	}
	return false
}

// Sign encodes the bundle, as of the key's owner, and signs it. It fails on a
// bundle that no validator would take.
func Sign(b Bundle, key *mls.SigningKey) ([]byte, error) {
	b.Identity = Identity(key.Public())
	if err := b.check(); err != nil {
		return nil, err
	}
	body := b.encode()
	if len(body)+signatureSize > MaxSize {
		return nil, ErrSize
	}
	return append(body, mls.Sign(key, label, body)...), nil
}

// Validate decides whether the value may be under the key at this time, and
// decodes it. The bundle aliases the value.
func Validate(key string, value []byte, now Time) (*Bundle, error) {
	b, err := decode(value)
	if err != nil {
		return nil, err
	}
	if !b.under(key) {
		return nil, ErrKey
	}
	if b.NotAfter < now {
		return nil, ErrExpired
	}
	if b.NotAfter > now+MaxLife+skew {
		return nil, ErrLife
	}
	n := len(value) - signatureSize
	if !mls.Verify(b.Identity[:], label, value[:n], value[n:]) {
		return nil, ErrSignature
	}
	return b, nil
}

// Select says which of the values is to stay under the key: the valid one with
// the largest Seq, and of several with that the one with the smallest hash. It
// is -1 if none is valid. The order of the values does not matter, except
// between equal ones, of which the first is meant.
func Select(key string, values [][]byte, now Time) int {
	best, bestSeq := -1, uint64(0)
	var bestSum [32]byte
	for i, v := range values {
		b, err := Validate(key, v, now)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(v)
		if best < 0 || b.Seq > bestSeq || b.Seq == bestSeq && bytes.Compare(sum[:], bestSum[:]) < 0 {
			best, bestSeq, bestSum = i, b.Seq, sum
		}
	}
	return best
}

// Next is the Seq of a bundle signed now, after one with the last Seq.
func Next(last uint64, now Time) uint64 { return max(last+1, uint64(max(now, 0))) }

// Pick is the key package that an inviter takes: each inviter another one, as
// far as they go round, the last resort where there is none for one use. It is
// nil for a bundle without any.
func (b *Bundle) Pick(inviter []byte) []byte {
	if len(b.Packages) == 0 {
		if len(b.LastResort) == 0 {
			return nil
		}
		return b.LastResort
	}
	h := sha256.New()
	h.Write([]byte("covey/kp/1 pick\x00"))
	h.Write(b.Identity[:])
	h.Write(binary.BigEndian.AppendUint64(nil, b.Seq))
	h.Write(inviter)
	n := binary.BigEndian.Uint64(h.Sum(nil)) % uint64(len(b.Packages))
	return b.Packages[n]
}

// check is what decoding asks of a bundle beyond its form.
func (b *Bundle) check() error {
	switch {
	case b.NotAfter < 0,
		len(b.Devices) > MaxDevices, len(b.Addresses) > MaxAddresses, len(b.Packages) > MaxPackages,
		len(b.Peer) > 255, len(b.MailKey) > 255, len(b.LastResort) > MaxPackage:
		return ErrMalformed
	}
	for _, p := range b.Packages {
		if len(p) == 0 || len(p) > MaxPackage {
			return ErrMalformed
		}
	}
	for _, a := range b.Addresses {
		if len(a) == 0 || len(a) > 255 {
			return ErrMalformed
		}
	}
	for i := range b.Devices { // rising, so that there is one encoding
		if i > 0 && bytes.Compare(b.Devices[i-1][:], b.Devices[i][:]) >= 0 {
			return ErrMalformed
		}
	}
	return nil
}

func (b *Bundle) encode() []byte {
	out := append(make([]byte, 0, 1024), version)
	out = append(out, b.Identity[:]...)
	out = binary.BigEndian.AppendUint64(out, b.Seq)
	out = binary.BigEndian.AppendUint64(out, uint64(b.NotAfter))
	out = append(out, byte(len(b.Devices)))
	for i := range b.Devices {
		out = append(out, b.Devices[i][:]...)
	}
	out = append8(out, b.Peer)
	out = append(out, byte(len(b.Addresses)))
	for _, a := range b.Addresses {
		out = append8(out, a)
	}
	out = append8(out, b.MailKey)
	out = append16(out, b.LastResort)
	out = append(out, byte(len(b.Packages)))
	for _, p := range b.Packages {
		out = append16(out, p)
	}
	return out
}

func append8(out, p []byte) []byte { return append(append(out, byte(len(p))), p...) }

func append16(out, p []byte) []byte {
	return append(binary.BigEndian.AppendUint16(out, uint16(len(p))), p...)
}

// decode takes a value apart without judging key, time or signature.
func decode(value []byte) (*Bundle, error) {
	if len(value) > MaxSize {
		return nil, ErrSize
	}
	if len(value) > 0 && value[0] > version {
		return nil, ErrVersion
	}
	if len(value) < 1+signatureSize || value[0] != version {
		return nil, ErrMalformed
	}
	r := reader{b: value[1 : len(value)-signatureSize]}
	b := &Bundle{}
	copy(b.Identity[:], r.take(32))
	b.Seq = r.u64()
	b.NotAfter = Time(r.u64())
	for range r.count(MaxDevices) {
		var d Identity
		copy(d[:], r.take(32))
		b.Devices = append(b.Devices, d)
	}
	b.Peer = r.take(int(r.u8()))
	for range r.count(MaxAddresses) {
		b.Addresses = append(b.Addresses, r.take(int(r.u8())))
	}
	b.MailKey = r.take(int(r.u8()))
	b.LastResort = r.take(int(r.u16()))
	for range r.count(MaxPackages) {
		b.Packages = append(b.Packages, r.take(int(r.u16())))
	}
	if r.bad || len(r.b) > 0 {
		return nil, ErrMalformed
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	return b, nil
}

// reader takes bytes from the front; after a failure everything is empty.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// count is how many elements follow, none if they are too many.
func (r *reader) count(most int) int {
	n := int(r.u8())
	if n > most {
		r.b, r.bad = nil, true
		return 0
	}
	return n
}
