package suite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// stream is reproducible randomness.
func stream(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func BenchmarkExpandWithLabel(b *testing.B) {
	s := lookup(b, 1)
	secret, out := make(suite.Secret, 32), make(suite.Secret, 32)
	b.ReportAllocs()
	for b.Loop() {
		s.ExpandInto(out, secret, "secret", nil)
	}
}

func BenchmarkMAC(b *testing.B) {
	s := lookup(b, 1)
	key, msg := make(suite.Secret, 32), make([]byte, 32)
	b.ReportAllocs()
	for b.Loop() {
		s.MAC(key, msg)
	}
}

func BenchmarkHPKE(b *testing.B) {
	for _, s := range suite.All() {
		sk, err := s.GenerateKeyPair(stream(1))
		if err != nil {
			b.Fatal(err)
		}
		info := s.Info("UpdatePathNode", make([]byte, 150))
		rnd := stream(2)
		to := []suite.Recipient{{Key: sk.Public(), Plaintext: make(suite.Secret, s.Nh())}}
		b.Run(fmt.Sprintf("Seal/suite=%d", s.ID()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.SealAll(rnd, info, to); err != nil {
					b.Fatal(err)
				}
			}
		})
		ct, err := s.SealAll(rnd, info, to)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("Open/suite=%d", s.ID()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.OpenInfo(sk, info, ct[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("DeriveKeyPair/suite=%d", s.ID()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.DeriveKeyPair(make(suite.Secret, s.Nh())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSignature(b *testing.B) {
	for _, s := range suite.All() {
		key, err := s.GenerateSigningKey(stream(3))
		if err != nil {
			b.Fatal(err)
		}
		content := make([]byte, 300)
		sig := s.SignWithLabel(key, "FramedContentTBS", content)
		b.Run(fmt.Sprintf("Sign/suite=%d", s.ID()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.SignWithLabel(key, "FramedContentTBS", content)
			}
		})
		b.Run(fmt.Sprintf("Verify/suite=%d", s.ID()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !s.VerifyWithLabel(key.Public(), "FramedContentTBS", content, sig) {
					b.Fatal("does not verify")
				}
			}
		})
	}
}
