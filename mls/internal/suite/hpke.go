package suite

import (
	"encoding/binary"
	"fmt"
	"io"
)

// labeledExtract is LabeledExtract of RFC 9180 §4.
func (h hash) labeledExtract(out *[maxHash]byte, suiteID, salt []byte, label string, ikm []byte) {
	var stack [onStack]byte
	b := append(stack[:h.block()], "HPKE-v1"...)
	b = append(b, suiteID...)
	b = append(b, label...)
	b = append(b, ikm...)
	h.hmac(out, salt, b)
}

// labeledExpand is LabeledExpand of RFC 9180 §4, filling dst.
func (h hash) labeledExpand(dst, prk, suiteID []byte, label string, info []byte) {
	var stack [onStack]byte
	b := binary.BigEndian.AppendUint16(stack[:h.block()], uint16(len(dst)))
	b = append(b, "HPKE-v1"...)
	b = append(b, suiteID...)
	b = append(b, label...)
	b = append(b, info...)
	h.expand(dst, prk, b)
}

// Info is what binds an HPKE encryption to its purpose: a label and a context,
// hashed once for any number of recipients. It holds no secret.
type Info struct {
	schedule [1 + 2*maxHash]byte // mode ‖ psk_id_hash ‖ info_hash (RFC 9180 §5.1)
}

// Info prepares EncryptWithLabel and DecryptWithLabel for many keys
// (RFC 9420 §5.1.3):
//
//	struct { opaque label<V> = "MLS 1.0 " + label; opaque context<V>; } EncryptContext;
func (s *Suite) Info(label string, context []byte) *Info {
	b := make([]byte, 0, len(prefix)+len(label)+len(context)+8)
	return s.info(opaque(opaqueLabel(b, label), context))
}

func (s *Suite) info(info []byte) *Info {
	i := new(Info)
	n := s.hash.size()
	var hashed [maxHash]byte
	s.hash.labeledExtract(&hashed, s.hpkeID, nil, "info_hash", info)
	copy(i.schedule[1:], s.pskIDHash[:n]) // mode_base is 0
	copy(i.schedule[1+n:], hashed[:n])
	return i
}

// HPKECiphertext is what one recipient gets (RFC 9420 §7.6).
type HPKECiphertext struct {
	KEMOutput  []byte
	Ciphertext []byte
}

// EncryptWithLabel encrypts to a public key (RFC 9420 §5.1.3), with one seed
// read from rand. It fails where rand does, and on keys of small order.
func (s *Suite) EncryptWithLabel(rand io.Reader, pk *PublicKey, label string, context []byte, plaintext Secret) (HPKECiphertext, error) {
	out, err := s.SealAll(rand, s.Info(label, context), []Recipient{{Key: pk, Plaintext: plaintext}})
	if err != nil {
		return HPKECiphertext{}, err
	}
	return out[0], nil
}

// DecryptWithLabel is the inverse of EncryptWithLabel. Its errors are ErrOpen,
// and ErrKey where the KEM output is no key.
func (s *Suite) DecryptWithLabel(sk *PrivateKey, label string, context []byte, ct HPKECiphertext) (Secret, error) {
	return s.OpenInfo(sk, s.Info(label, context), ct)
}

// Recipient is one key and what its owner shall read.
type Recipient struct {
	Key       *PublicKey
	Plaintext Secret
}

// SealAll encrypts to many recipients under one label and context, on all
// cores. Seeds are read from rand in the order of recipients, so the result
// does not depend on the cores.
func (s *Suite) SealAll(rand io.Reader, i *Info, to []Recipient) ([]HPKECiphertext, error) {
	size := s.kem.seedSize()
	seeds := make(Secret, len(to)*size)
	defer seeds.Erase()
	if _, err := io.ReadFull(rand, seeds); err != nil {
		return nil, fmt.Errorf("suite: reading randomness: %w", err)
	}
	out := make([]HPKECiphertext, len(to))
	err := ForEach(len(to), func(n int) (err error) {
		out[n], err = s.seal(seeds[n*size:(n+1)*size], i, to[n])
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Suite) seal(seed Secret, i *Info, to Recipient) (HPKECiphertext, error) {
	var shared [maxHash]byte
	defer clear(shared[:])
	enc, err := s.kem.encap(&shared, seed, to.Key)
	if err != nil {
		return HPKECiphertext{}, err
	}
	var k hpkeKey
	defer k.erase()
	s.schedule(&k, &shared, i)
	// One message a context: the sequence number is 0 and the nonce the base nonce.
	ct := s.aead.new(k.key[:s.Nk()]).Seal(nil, k.nonce[:], to.Plaintext, nil)
	return HPKECiphertext{KEMOutput: enc, Ciphertext: ct}, nil
}

// OpenInfo is DecryptWithLabel under a prepared Info.
func (s *Suite) OpenInfo(sk *PrivateKey, i *Info, ct HPKECiphertext) (Secret, error) {
	var shared [maxHash]byte
	defer clear(shared[:])
	if err := s.kem.decap(&shared, ct.KEMOutput, sk); err != nil {
		return nil, err
	}
	var k hpkeKey
	defer k.erase()
	s.schedule(&k, &shared, i)
	pt, err := s.aead.new(k.key[:s.Nk()]).Open(nil, k.nonce[:], ct.Ciphertext, nil)
	if err != nil {
		return nil, ErrOpen
	}
	return pt, nil
}

// EncapExport shares a secret of n bytes with the owner of pk: SetupBaseS with
// empty info, then Context.Export (RFC 9180 §5.3), as external commits need it
// (RFC 9420 §8.3).
func (s *Suite) EncapExport(rand io.Reader, pk *PublicKey, exporterContext string, n int) (kemOutput []byte, secret Secret, err error) {
	seed := make(Secret, s.kem.seedSize())
	defer seed.Erase()
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, nil, fmt.Errorf("suite: reading randomness: %w", err)
	}
	var shared [maxHash]byte
	defer clear(shared[:])
	enc, err := s.kem.encap(&shared, seed, pk)
	if err != nil {
		return nil, nil, err
	}
	return enc, s.export(&shared, exporterContext, n), nil
}

// DecapExport is EncapExport for the owner of the key. Any KEM output of the
// right form gives some secret; only a MAC made with it tells whether it is shared.
func (s *Suite) DecapExport(sk *PrivateKey, kemOutput []byte, exporterContext string, n int) (Secret, error) {
	var shared [maxHash]byte
	defer clear(shared[:])
	if err := s.kem.decap(&shared, kemOutput, sk); err != nil {
		return nil, err
	}
	return s.export(&shared, exporterContext, n), nil
}

// hpkeKey is what a single-shot HPKE context comes to.
type hpkeKey struct {
	key   [32]byte
	nonce [nonceSize]byte
}

func (k *hpkeKey) erase() { clear(k.key[:]); clear(k.nonce[:]) }

// schedule is KeySchedule of RFC 9180 §5.1, for mode_base.
func (s *Suite) schedule(k *hpkeKey, shared *[maxHash]byte, i *Info) {
	n := s.Nh()
	var secret [maxHash]byte
	defer clear(secret[:])
	s.hash.labeledExtract(&secret, s.hpkeID, shared[:s.kem.secretSize()], "secret", nil)
	s.hash.labeledExpand(k.key[:s.Nk()], secret[:n], s.hpkeID, "key", i.schedule[:1+2*n])
	s.hash.labeledExpand(k.nonce[:], secret[:n], s.hpkeID, "base_nonce", i.schedule[:1+2*n])
}

// export is Context.Export (RFC 9180 §5.3) of a context with empty info.
func (s *Suite) export(shared *[maxHash]byte, exporterContext string, size int) Secret {
	n := s.Nh()
	i := s.info(nil)
	var secret, exporter [maxHash]byte
	defer clear(secret[:])
	defer clear(exporter[:])
	s.hash.labeledExtract(&secret, s.hpkeID, shared[:s.kem.secretSize()], "secret", nil)
	s.hash.labeledExpand(exporter[:n], secret[:n], s.hpkeID, "exp", i.schedule[:1+2*n])
	out := make(Secret, size)
	s.hash.labeledExpand(out, exporter[:n], s.hpkeID, "sec", []byte(exporterContext))
	return out
}
