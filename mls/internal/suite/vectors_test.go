package suite_test

import (
	"bytes"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/vectors"
)

func lookup(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, ok := suite.Lookup(id)
	if !ok {
		t.Fatalf("no suite %d", id)
	}
	return s
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func TestCryptoBasicsVectors(t *testing.T) {
	var cases []struct {
		CipherSuite suite.ID `json:"cipher_suite"`
		RefHash     struct {
			Label      string
			Value, Out vectors.Hex
		} `json:"ref_hash"`
		ExpandWithLabel struct {
			Secret, Context, Out vectors.Hex
			Label                string
			Length               int
		} `json:"expand_with_label"`
		DeriveSecret struct {
			Secret, Out vectors.Hex
			Label       string
		} `json:"derive_secret"`
		DeriveTreeSecret struct {
			Secret, Out vectors.Hex
			Label       string
			Generation  uint32
			Length      int
		} `json:"derive_tree_secret"`
		SignWithLabel struct {
			Priv, Pub, Content, Signature vectors.Hex
			Label                         string
		} `json:"sign_with_label"`
		EncryptWithLabel struct {
			Priv, Pub, Context, Plaintext, Ciphertext vectors.Hex
			KEMOutput                                 vectors.Hex `json:"kem_output"`
			Label                                     string
		} `json:"encrypt_with_label"`
	}
	vectors.Read(t, "crypto-basics.json", &cases)
	seen := map[suite.ID]bool{}
	for _, v := range cases {
		s := lookup(t, v.CipherSuite)
		seen[s.ID()] = true
		t.Run(s.String(), func(t *testing.T) {
			equal(t, "RefHash", s.RefHash(v.RefHash.Label, v.RefHash.Value), v.RefHash.Out)
			e := v.ExpandWithLabel
			equal(t, "ExpandWithLabel", s.ExpandWithLabel(suite.Secret(e.Secret), e.Label, e.Context, e.Length), e.Out)
			d := v.DeriveSecret
			equal(t, "DeriveSecret", s.DeriveSecret(suite.Secret(d.Secret), d.Label), d.Out)
			d2 := v.DeriveTreeSecret
			equal(t, "DeriveTreeSecret", s.DeriveTreeSecret(suite.Secret(d2.Secret), d2.Label, d2.Generation, d2.Length), d2.Out)

			sign := v.SignWithLabel
			if !s.VerifyWithLabel(sign.Pub, sign.Label, sign.Content, sign.Signature) {
				t.Error("the vector's signature does not verify")
			}
			key, err := s.ParseSigningKey(suite.Secret(sign.Priv))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "signature public key", key.Public(), sign.Pub)
			if !s.VerifyWithLabel(sign.Pub, sign.Label, sign.Content, s.SignWithLabel(key, sign.Label, sign.Content)) {
				t.Error("our own signature does not verify")
			}

			enc := v.EncryptWithLabel
			sk, err := s.ParsePrivate(suite.Secret(enc.Priv))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "HPKE public key", sk.Public().Bytes(), enc.Pub)
			pt, err := s.DecryptWithLabel(sk, enc.Label, enc.Context, suite.HPKECiphertext{KEMOutput: enc.KEMOutput, Ciphertext: enc.Ciphertext})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "DecryptWithLabel", pt, enc.Plaintext)
		})
	}
	for _, s := range suite.All() {
		if !seen[s.ID()] {
			t.Errorf("no vector for suite %d", s.ID())
		}
	}
}
