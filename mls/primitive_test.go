package mls

import (
	"bytes"
	"errors"
	"testing"
)

func TestPrimitives(t *testing.T) {
	rand := newRand(7)
	key := must(GenerateSigningKey(rand, X25519AES128SHA256Ed25519))(t)
	sig := Sign(key, "purpose", []byte("content"))
	if !Verify(key.Public(), "purpose", []byte("content"), sig) {
		t.Error("a signature does not verify")
	}
	for what, bad := range map[string]bool{
		"label": Verify(key.Public(), "other", []byte("content"), sig), "content": Verify(key.Public(), "purpose", []byte("contents"), sig),
		"key": Verify(must(GenerateSigningKey(rand, 1))(t).Public(), "purpose", []byte("content"), sig), "no key": Verify([]byte("short"), "purpose", []byte("content"), sig),
	} {
		if bad {
			t.Errorf("verifies with another %s", what)
		}
	}
	again := must(ParseSigningKey(1, key.Bytes()))(t)
	if !bytes.Equal(again.Public(), key.Public()) || !bytes.Equal(Sign(again, "purpose", []byte("content")), sig) {
		t.Error("a stored signing key is another one")
	}

	secret := Derive(Secret("a secret of good length, 32 bytes"), "label", []byte("context"), KeySize)
	sealed := must(Seal(rand, secret, []byte("aad"), []byte("plain")))(t)
	if got := must(Open(secret, []byte("aad"), sealed))(t); string(got) != "plain" {
		t.Errorf("opened %q", got)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := Open(secret, []byte("aad"), bad); CheckOf(err) != CheckOpen || !errors.Is(err, ErrInvalid) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := Open(secret, []byte("aad"), sealed[:i]); CheckOf(err) != CheckOpen {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := Seal(rand, secret[:31], nil, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("short key: %v", err)
	}
	if _, err := Open(secret[:31], nil, sealed); !errors.Is(err, ErrArgument) {
		t.Errorf("short key: %v", err)
	}

	box := must(GenerateKey(rand))(t)
	sealed = must(SealTo(rand, box.Public().Bytes(), "label", []byte("context"), []byte("plain")))(t)
	if got := must(OpenWith(must(ParseKey(box.Bytes()))(t), "label", []byte("context"), sealed))(t); string(got) != "plain" {
		t.Errorf("opened %q", got)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := OpenWith(box, "label", []byte("context"), bad); i != 31 && CheckOf(err) != CheckOpen { // the top bit of an X25519 point is not read
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := OpenWith(box, "label", []byte("context"), sealed[:i]); CheckOf(err) != CheckOpen {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := SealTo(rand, []byte("short"), "label", nil, nil); !errors.Is(err, ErrArgument) {
		t.Errorf("no public key: %v", err)
	}
	if Hash([]byte("a"), []byte("b")) != Hash([]byte("ab")) || Hash() == Hash([]byte{0}) {
		t.Error("Hash is not of the parts put together")
	}
}

// Key packages travel and are stored.
func TestKeyPackages(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		p := w.person("p")
		public := p.pack.KeyPackage.Marshal()
		noError(t, "validate", must(ParseKeyPackage(public))(t).Validate(&w.config, now))
		back := must(ParseOwnKeyPackage(public, p.pack.MarshalSecret()))(t)
		if !bytes.Equal(back.MarshalSecret(), p.pack.MarshalSecret()) || !bytes.Equal(must(back.KeyPackage.Ref())(t), must(p.pack.KeyPackage.Ref())(t)) {
			t.Error("a stored key package is another one")
		}
		other := w.person("other").pack
		for what, err := range map[string]error{
			"another's keys": second(ParseOwnKeyPackage(public, other.MarshalSecret())), "no keys": second(ParseOwnKeyPackage(public, nil)),
			"cut keys": second(ParseOwnKeyPackage(public, p.pack.MarshalSecret()[:9])),
		} {
			if CheckOf(err) != CheckStored {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := ParseKeyPackage(w.commit(w.group(GroupOptions{}, "a", "b")[0], CommitOptions{}).Message); CheckOf(err) != CheckWireFormat {
			t.Errorf("a commit for a key package: %v", err)
		}
		p.pack.Erase()
		if back.InitKey.Bytes() == nil {
			t.Error("erasing one copy erased another")
		}
	})
}
