package suite_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

var update = flag.Bool("update", false, "re-record golden files")

func eachSuite(t *testing.T, test func(*testing.T, *suite.Suite)) {
	for _, s := range suite.All() {
		t.Run(s.String(), func(t *testing.T) { test(t, s) })
	}
}

func TestTable(t *testing.T) { // RFC 9420 §17.1
	want := map[suite.ID][3]int{1: {32, 16, 12}, 2: {32, 16, 12}, 3: {32, 32, 12}, 4: {64, 32, 12}, 5: {64, 32, 12}, 6: {64, 32, 12}, 7: {48, 32, 12}}
	for _, s := range suite.All() {
		if got := [3]int{s.Nh(), s.Nk(), s.Nn()}; got != want[s.ID()] {
			t.Errorf("suite %d: Nh, Nk, Nn = %v, want %v", s.ID(), got, want[s.ID()])
		}
		if again, ok := suite.Lookup(s.ID()); !ok || again != s {
			t.Errorf("suite %d is not found by its number", s.ID())
		}
	}
	if len(suite.All()) != len(want) {
		t.Errorf("%d suites, want %d", len(suite.All()), len(want))
	}
	for _, id := range []suite.ID{0, 8, 0x0a0a, 0xffff} {
		if s, ok := suite.Lookup(id); ok {
			t.Errorf("suite %d is %v", id, s)
		}
	}
}

// TestGolden pins what comes from fixed seeds, so that no library or Go release
// changes stored keys or replayed runs without being noticed.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, s := range suite.All() {
		key := ok(s.GenerateKeyPair(stream(1)))(t)
		sign := ok(s.GenerateSigningKey(stream(2)))(t)
		ct := ok(s.EncryptWithLabel(stream(3), key.Public(), "golden", []byte("context"), suite.Secret("plaintext")))(t)
		kem, init, err := s.EncapExport(stream(4), key.Public(), "golden", s.Nh())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "suite %d: %v\n", s.ID(), s)
		for _, line := range []struct {
			what  string
			value []byte
		}{
			{"hpke private", key.Bytes()}, {"hpke public", key.Public().Bytes()},
			{"signing private", sign.Bytes()}, {"signing public", sign.Public()},
			{"kem output", ct.KEMOutput}, {"ciphertext", ct.Ciphertext},
			{"export kem output", kem}, {"export", init},
			{"signature", s.SignWithLabel(sign, "golden", []byte("content"))},
		} {
			sum := sha256.Sum256(line.value)
			fmt.Fprintf(&b, "  %-18s %3d bytes  %s\n", line.what, len(line.value), hex.EncodeToString(sum[:8]))
		}
	}
	const file = "testdata/seeds.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the same seeds give other bytes than before:\n%s", b.String())
	}
}

func TestKeysRoundTrip(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		key := ok(s.GenerateKeyPair(stream(1)))(t)
		again := ok(s.ParsePrivate(key.Bytes()))(t)
		equal(t, "public half", again.Public().Bytes(), key.Public().Bytes())
		pub := ok(s.ParsePublic(key.Public().Bytes()))(t)
		ct := ok(s.EncryptWithLabel(stream(2), pub, "x", nil, suite.Secret("pt")))(t)
		equal(t, "plaintext", ok(s.DecryptWithLabel(again, "x", nil, ct))(t), []byte("pt"))

		sign := ok(s.GenerateSigningKey(stream(3)))(t)
		reread := ok(s.ParseSigningKey(sign.Bytes()))(t)
		equal(t, "signature", s.SignWithLabel(reread, "x", []byte("m")), s.SignWithLabel(sign, "x", []byte("m")))
		if len(sign.Bytes()) != s.SigningSeedSize() {
			t.Error("a signing key is not as long as its seed")
		}
	})
}

func TestBadKeys(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		pub := ok(s.GenerateKeyPair(stream(1)))(t).Public().Bytes()
		for _, raw := range [][]byte{nil, pub[:7], append(make([]byte, 100), pub...)} {
			if _, err := s.ParsePublic(raw); !errors.Is(err, suite.ErrKey) {
				t.Errorf("public key of %d bytes: %v", len(raw), err)
			}
			if _, err := s.ParsePrivate(raw); !errors.Is(err, suite.ErrKey) {
				t.Errorf("private key of %d bytes: %v", len(raw), err)
			}
			if _, err := s.ParseSigningKey(raw); !errors.Is(err, suite.ErrKey) {
				t.Errorf("signing key of %d bytes: %v", len(raw), err)
			}
			if _, err := s.NewSigningKey(raw); !errors.Is(err, suite.ErrKey) {
				t.Errorf("signing seed of %d bytes: %v", len(raw), err)
			}
		}
		// A point of small order, or none at all, must give no shared secret.
		zero := make([]byte, len(pub))
		pk, err := s.ParsePublic(zero)
		if err == nil {
			_, err = s.EncryptWithLabel(stream(2), pk, "x", nil, nil)
		}
		if !errors.Is(err, suite.ErrKey) {
			t.Errorf("zero public key: %v", err)
		}
		sk := ok(s.GenerateKeyPair(stream(3)))(t)
		if _, err := s.DecryptWithLabel(sk, "x", nil, suite.HPKECiphertext{KEMOutput: zero, Ciphertext: make([]byte, 40)}); !errors.Is(err, suite.ErrKey) {
			t.Errorf("zero KEM output: %v", err)
		}
		if _, err := s.DecapExport(sk, nil, "x", 32); !errors.Is(err, suite.ErrKey) {
			t.Errorf("no KEM output: %v", err)
		}
	})
}

// TestBinding changes one thing at a time and sees the rest refuse.
func TestBinding(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		key, other := ok(s.GenerateKeyPair(stream(1)))(t), ok(s.GenerateKeyPair(stream(2)))(t)
		ct := ok(s.EncryptWithLabel(stream(3), key.Public(), "label", []byte("context"), suite.Secret("plaintext")))(t)
		flipped := suite.HPKECiphertext{KEMOutput: ct.KEMOutput, Ciphertext: append([]byte(nil), ct.Ciphertext...)}
		flipped.Ciphertext[0] ^= 1
		for _, c := range []struct {
			what, label, context string
			key                  *suite.PrivateKey
			ct                   suite.HPKECiphertext
			want                 error
		}{
			{"nothing", "label", "context", key, ct, nil},
			{"label", "lapel", "context", key, ct, suite.ErrOpen},
			{"context", "label", "contest", key, ct, suite.ErrOpen},
			{"border of label and context", "labelc", "ontext", key, ct, suite.ErrOpen},
			{"key", "label", "context", other, ct, suite.ErrOpen},
			{"ciphertext", "label", "context", key, flipped, suite.ErrOpen},
			{"everything", "label", "context", key, suite.HPKECiphertext{KEMOutput: ct.KEMOutput}, suite.ErrOpen},
		} {
			if _, err := s.DecryptWithLabel(c.key, c.label, []byte(c.context), c.ct); !errors.Is(err, c.want) {
				t.Errorf("other %s: %v, want %v", c.what, err, c.want)
			}
		}

		sign, stranger := ok(s.GenerateSigningKey(stream(4)))(t), ok(s.GenerateSigningKey(stream(5)))(t)
		sig := s.SignWithLabel(sign, "label", []byte("content"))
		if !s.VerifyWithLabel(sign.Public(), "label", []byte("content"), sig) {
			t.Error("a good signature is refused")
		}
		bad := append([]byte(nil), sig...)
		bad[len(bad)/2] ^= 1
		for what, good := range map[string]bool{
			"label":     s.VerifyWithLabel(sign.Public(), "lapel", []byte("content"), sig),
			"content":   s.VerifyWithLabel(sign.Public(), "label", []byte("consent"), sig),
			"key":       s.VerifyWithLabel(stranger.Public(), "label", []byte("content"), sig),
			"no key":    s.VerifyWithLabel(nil, "label", []byte("content"), sig),
			"long key":  s.VerifyWithLabel(append(sign.Public(), 0), "label", []byte("content"), sig),
			"signature": s.VerifyWithLabel(sign.Public(), "label", []byte("content"), bad),
			"none":      s.VerifyWithLabel(sign.Public(), "label", []byte("content"), nil),
			"longer":    s.VerifyWithLabel(sign.Public(), "label", []byte("content"), append(sig, 0)),
		} {
			if good {
				t.Errorf("other %s: signature accepted", what)
			}
		}
		mac := s.MAC(suite.Secret("key"), []byte("a"), []byte("b"))
		if !s.VerifyMAC(mac, suite.Secret("key"), []byte("ab")) || s.VerifyMAC(mac[1:], suite.Secret("key"), []byte("ab")) || s.VerifyMAC(mac, suite.Secret("key"), []byte("ac")) {
			t.Error("VerifyMAC")
		}
	})
}

// TestLongInputs crosses the edge between stack and heap buffers, where the same
// function is computed in two ways.
func TestLongInputs(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		key := make(suite.Secret, 200) // longer than a block: hashed first
		stream(1).Read(key)
		std := map[int]func() hash.Hash{32: sha256.New, 48: sha512.New384, 64: sha512.New}[s.Nh()]
		for _, n := range []int{0, 1, 400, 511, 512, 513, 575, 576, 577, 640, 700, 5000} {
			msg := bytes.Repeat([]byte{'m'}, n)
			for _, key := range []suite.Secret{key[:0], key[:32], key[:64], key[:65], key[:128], key[:129], key} {
				m := hmac.New(std, key)
				m.Write(msg)
				equal(t, fmt.Sprintf("MAC of %d bytes under %d", n, len(key)), s.MAC(key, msg[:n/2], msg[n/2:]), m.Sum(nil))
			}
			h := std()
			h.Write(msg)
			equal(t, fmt.Sprintf("hash of %d bytes", n), s.Hash(msg), h.Sum(nil))
			equal(t, fmt.Sprintf("hash of %d bytes in parts", n), s.Hash(msg[:n/3], msg[n/3:]), h.Sum(nil))

			w := wire.NewWriter(0)
			w.U16(uint16(s.Nh() + 1))
			w.Opaque([]byte("MLS 1.0 label"))
			w.Opaque(msg)
			want := ok(hkdf.Expand(std, key, string(w.Bytes()), s.Nh()+1))(t)
			equal(t, fmt.Sprintf("expansion by %d bytes", n), s.ExpandWithLabel(key, "label", msg, s.Nh()+1), want)
		}
		// The first bytes of a long expansion are not those of a short one: the
		// length is part of the label.
		long, short := s.ExpandWithLabel(key, "label", nil, 255*s.Nh()), s.ExpandWithLabel(key, "label", nil, s.Nh())
		if bytes.Equal(long[:s.Nh()], short) {
			t.Error("an expansion does not bind its length")
		}
		self := short.Clone()
		s.ExpandInto(self, self, "next", nil)
		equal(t, "ExpandInto over its own secret", self, s.ExpandWithLabel(short, "next", nil, s.Nh()))
	})
}

func TestErase(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		key := ok(s.GenerateKeyPair(stream(1)))(t)
		raw, ct := key.Bytes(), ok(s.EncryptWithLabel(stream(2), key.Public(), "x", nil, nil))(t)
		clone := key.Clone()
		key.Erase()
		if _, err := s.DecryptWithLabel(clone, "x", nil, ct); err != nil {
			t.Errorf("a clone dies with its original: %v", err)
		}
		if !bytes.Equal(raw, make([]byte, len(raw))) {
			t.Error("the private key is still there")
		}
		if _, err := s.DecryptWithLabel(key, "x", nil, ct); !errors.Is(err, suite.ErrKey) {
			t.Errorf("an erased key: %v", err)
		}
		sign := ok(s.GenerateSigningKey(stream(3)))(t)
		raw = sign.Bytes()
		sign.Erase()
		if !bytes.Equal(raw, make([]byte, len(raw))) {
			t.Error("the signing key is still there")
		}
	})
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := lookup(t, 1)
	secret := suite.Secret("hunter2hunter2hunter2hunter2....")
	key := ok(s.ParsePrivate(secret))(t)
	sign := ok(s.NewSigningKey(secret))(t)
	for _, v := range []any{secret, &secret, key, *key, sign, *sign, []suite.Secret{secret}, map[string]any{"k": secret},
		struct{ S suite.Secret }{secret}, struct{ K *suite.PrivateKey }{key}, errors.Join(fmt.Errorf("oops: %v", secret))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%e"} {
			out := fmt.Sprintf(verb, v)
			if bytes.Contains([]byte(out), secret) || strings.Contains(strings.ToLower(out), "68756e74") || strings.Contains(out, "104 117") || strings.Contains(out, "0x68") || strings.Contains(out, "68 75") {
				t.Errorf("%s of %T shows it: %s", verb, v, out)
			}
		}
		out, err := json.Marshal(v)
		if err != nil || bytes.Contains(out, []byte("aHVudGVy")) || bytes.Contains(out, secret) {
			t.Errorf("JSON of %T: %s %v", v, out, err)
		}
	}
	if got := fmt.Sprintf("%x", secret); got != "‹redacted›" {
		t.Errorf("a secret prints as %q", got)
	}
}

// TestSameBytesOnAnyCores holds SealAll to its promise: the result is a function
// of the reader.
func TestSameBytesOnAnyCores(t *testing.T) {
	s := lookup(t, 1)
	var to []suite.Recipient
	for i := range 50 {
		to = append(to, suite.Recipient{Key: ok(s.GenerateKeyPair(stream(byte(i))))(t).Public(), Plaintext: suite.Secret{byte(i)}})
	}
	info := s.Info("label", []byte("context"))
	var first string
	for _, cores := range []int{1, 2, 7} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			cts := ok(s.SealAll(stream(99), info, to))(t)
			if bytes.Equal(cts[0].KEMOutput, cts[1].KEMOutput) {
				t.Error("two recipients share an ephemeral key")
			}
			got := fmt.Sprintf("%x", cts)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("%d cores give other bytes", cores)
			}
		}()
	}
}

func TestForEachReturnsTheLowestError(t *testing.T) {
	for _, cores := range []int{1, 2, 8} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			for range 200 {
				done := make([]bool, 100)
				err := suite.ForEach(len(done), func(i int) error {
					done[i] = true
					if i%30 == 29 {
						return fmt.Errorf("%d", i)
					}
					return nil
				})
				if err == nil || err.Error() != "29" {
					t.Fatalf("on %d cores: %v", cores, err)
				}
				for i := range 29 {
					if !done[i] {
						t.Fatalf("index %d was skipped", i)
					}
				}
			}
			var calls atomic.Int64
			err := suite.ForEach(1<<20, func(int) error { calls.Add(1); return io.EOF })
			if err != io.EOF || calls.Load() > 100 {
				t.Errorf("on %d cores: %d calls after a failure at the first, %v", cores, calls.Load(), err)
			}
			if err := suite.ForEach(0, func(int) error { return io.EOF }); err != nil {
				t.Error(err)
			}
		}()
	}
}

func TestShortRandomness(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *suite.Suite) {
		short := func() io.Reader { return iotest.DataErrReader(strings.NewReader("too short")) }
		key := ok(s.GenerateKeyPair(stream(1)))(t)
		_, err1 := s.GenerateKeyPair(short())
		_, err2 := s.GenerateSigningKey(short())
		_, err3 := s.EncryptWithLabel(short(), key.Public(), "x", nil, nil)
		_, _, err4 := s.EncapExport(short(), key.Public(), "x", 32)
		for i, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

// TestAllocations keeps the hot path off the heap.
func TestAllocations(t *testing.T) {
	s := lookup(t, 1)
	secret, out, context := make(suite.Secret, 32), make(suite.Secret, 32), make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { s.ExpandInto(out, secret, "label", context) }); n != 0 {
		t.Errorf("ExpandInto allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { s.DeriveTreeInto(out, out, "secret", 7) }); n != 0 {
		t.Errorf("DeriveTreeInto allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { s.MAC(secret, context) }); n != 1 {
		t.Errorf("MAC allocates %v times", n)
	}
}
