package suite_test

import (
	"bytes"
	stdhpke "crypto/hpke"
	"fmt"
	"testing"

	circl "github.com/cloudflare/circl/hpke"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// hpkeIDs says what our table means in the registries of RFC 9180 §7.
var hpkeIDs = map[suite.ID][3]uint16{
	1: {0x0020, 1, 1}, 2: {0x0010, 1, 1}, 3: {0x0020, 1, 3}, 4: {0x0021, 3, 2},
	5: {0x0012, 3, 2}, 6: {0x0021, 3, 3}, 7: {0x0011, 2, 2},
}

// peer is another implementation of HPKE base mode for one suite.
type peer struct {
	derive  func(ikm []byte) (priv, pub []byte)
	encrypt func(pub, info, pt []byte) (enc, ct, exported []byte)
	decrypt func(priv, enc, info, ct []byte) (pt, exported []byte)
}

const exportLabel = "exported by"

func circlPeer(t *testing.T, id suite.ID) *peer {
	ids := hpkeIDs[id]
	s := circl.NewSuite(circl.KEM(ids[0]), circl.KDF(ids[1]), circl.AEAD(ids[2]))
	scheme := circl.KEM(ids[0]).Scheme()
	return &peer{
		derive: func(ikm []byte) ([]byte, []byte) {
			pk, sk := scheme.DeriveKeyPair(ikm)
			return ok(sk.MarshalBinary())(t), ok(pk.MarshalBinary())(t)
		},
		encrypt: func(pub, info, pt []byte) ([]byte, []byte, []byte) {
			sender := ok(s.NewSender(ok(scheme.UnmarshalBinaryPublicKey(pub))(t), info))(t)
			enc, sealer, err := sender.Setup(stream(9))
			if err != nil {
				t.Fatal(err)
			}
			return enc, ok(sealer.Seal(pt, nil))(t), sealer.Export([]byte(exportLabel), 32)
		},
		decrypt: func(priv, enc, info, ct []byte) ([]byte, []byte) {
			receiver := ok(s.NewReceiver(ok(scheme.UnmarshalBinaryPrivateKey(priv))(t), info))(t)
			opener := ok(receiver.Setup(enc))(t)
			exported := opener.Export([]byte(exportLabel), 32)
			if ct == nil {
				return nil, exported
			}
			return ok(opener.Open(ct, nil))(t), exported
		},
	}
}

// stdPeer is nil where the standard library has no such KEM (X448).
func stdPeer(t *testing.T, id suite.ID) *peer {
	ids := hpkeIDs[id]
	kem, err := stdhpke.NewKEM(ids[0])
	if err != nil {
		return nil
	}
	kdf, aead := ok(stdhpke.NewKDF(ids[1]))(t), ok(stdhpke.NewAEAD(ids[2]))(t)
	return &peer{
		derive: func(ikm []byte) ([]byte, []byte) {
			sk := ok(kem.DeriveKeyPair(ikm))(t)
			return ok(sk.Bytes())(t), sk.PublicKey().Bytes()
		},
		encrypt: func(pub, info, pt []byte) ([]byte, []byte, []byte) {
			enc, sender, err := stdhpke.NewSender(ok(kem.NewPublicKey(pub))(t), kdf, aead, info)
			if err != nil {
				t.Fatal(err)
			}
			return enc, ok(sender.Seal(nil, pt))(t), ok(sender.Export(exportLabel, 32))(t)
		},
		decrypt: func(priv, enc, info, ct []byte) ([]byte, []byte) {
			recipient := ok(stdhpke.NewRecipient(enc, ok(kem.NewPrivateKey(priv))(t), kdf, aead, info))(t)
			exported := ok(recipient.Export(exportLabel, 32))(t)
			if ct == nil {
				return nil, exported
			}
			return ok(recipient.Open(nil, ct))(t), exported
		},
	}
}

func ok[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestHPKEWithOthers holds our HPKE against two others, in both directions.
func TestHPKEWithOthers(t *testing.T) {
	for _, s := range suite.All() {
		peers := map[string]*peer{"circl": circlPeer(t, s.ID()), "crypto/hpke": stdPeer(t, s.ID())}
		if x448 := s.ID() == 4 || s.ID() == 6; (peers["crypto/hpke"] == nil) != x448 {
			t.Fatalf("suite %d: standard library peer: %v", s.ID(), peers["crypto/hpke"] != nil)
		}
		for name, p := range peers {
			if p == nil {
				continue
			}
			t.Run(fmt.Sprintf("suite=%d/%s", s.ID(), name), func(t *testing.T) { againstPeer(t, s, p) })
		}
	}
}

func againstPeer(t *testing.T, s *suite.Suite, p *peer) {
	seed := make(suite.Secret, 80)
	stream(4).Read(seed)
	// circl wants exactly one seed's length; RFC 9180 takes any.
	sk, err := s.GenerateKeyPair(bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	priv, pub := p.derive(seed[:len(sk.Bytes())])
	equal(t, "DeriveKeyPair", sk.Public().Bytes(), pub)

	const label = "UpdatePathNode"
	context := []byte("the group context")
	w := wire.NewWriter(64)
	w.Opaque([]byte("MLS 1.0 " + label))
	w.Opaque(context)
	info := w.Bytes()
	plaintext := suite.Secret("a path secret")

	ours, err := s.EncryptWithLabel(stream(5), sk.Public(), label, context, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	pt, _ := p.decrypt(priv, ours.KEMOutput, info, ours.Ciphertext)
	equal(t, "what the peer opened", pt, plaintext)

	enc, ct, _ := p.encrypt(pub, info, plaintext)
	got, err := s.DecryptWithLabel(sk, label, context, suite.HPKECiphertext{KEMOutput: enc, Ciphertext: ct})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "what we opened", got, plaintext)

	kemOutput, secret, err := s.EncapExport(stream(6), sk.Public(), exportLabel, 32)
	if err != nil {
		t.Fatal(err)
	}
	_, exported := p.decrypt(priv, kemOutput, nil, nil)
	equal(t, "what the peer exported", exported, secret)
	enc, _, exported = p.encrypt(pub, nil, nil)
	secret, err = s.DecapExport(sk, enc, exportLabel, 32)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "what we exported", secret, exported)
}
