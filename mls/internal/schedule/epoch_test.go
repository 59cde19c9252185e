package schedule_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

func newEpoch(s *suite.Suite) (*schedule.Epoch, suite.Secret) {
	return schedule.NewEpoch(s, rootSecret(s))
}

func TestEpochErasesItsSecret(t *testing.T) {
	s := lookup(t, 1)
	secret := rootSecret(s)
	schedule.NewEpoch(s, secret)
	if !bytes.Equal(secret, make([]byte, s.Nh())) {
		t.Error("the epoch secret was not erased (RFC 9420 §9.2)")
	}
}

func TestEpochStored(t *testing.T) {
	for _, s := range suite.All() {
		e, _ := newEpoch(s)
		w := wire.NewWriter(0)
		e.Encode(w)
		r := wire.NewReader(append(w.Bytes(), 'x'))
		again := schedule.ReadEpoch(s, r)
		if r.Err() != nil || r.Len() != 1 {
			t.Fatalf("suite %d: %v, %d bytes left", s.ID(), r.Err(), r.Len())
		}
		w2 := wire.NewWriter(0)
		again.Encode(w2)
		equal(t, "stored again", w2.Bytes(), w.Bytes())
		equal(t, "authenticator", again.Authenticator(), e.Authenticator())
		e.Erase()
		equal(t, "erasing one, the other's init secret", again.InitSecret(), w.Bytes()[7*s.Nh():])
		for n := range w.Len() {
			r := wire.NewReader(w.Bytes()[:n])
			if schedule.ReadEpoch(s, r) != nil || r.Err() == nil {
				t.Fatalf("prefix of %d bytes was accepted", n)
			}
		}
		again.Erase()
		w3 := wire.NewWriter(0)
		again.Encode(w3)
		equal(t, "erased", w3.Bytes(), make([]byte, w.Len()))
	}
}

func TestTags(t *testing.T) {
	s := lookup(t, 1)
	e, _ := newEpoch(s)
	tag := e.ConfirmationTag([]byte("hash"))
	if !e.VerifyConfirmationTag(tag, []byte("hash")) || e.VerifyConfirmationTag(tag, []byte("mash")) || e.VerifyConfirmationTag(tag[1:], []byte("hash")) || e.VerifyConfirmationTag(nil, []byte("hash")) {
		t.Error("confirmation tag")
	}
	tag = e.MembershipTag([]byte("content"), []byte("context"))
	if !e.VerifyMembershipTag(tag, []byte("contentcontext")) || e.VerifyMembershipTag(tag, []byte("content")) || e.VerifyMembershipTag(nil, []byte("contentcontext")) {
		t.Error("membership tag")
	}
	if bytes.Equal(e.MembershipTag([]byte("x")), e.ConfirmationTag([]byte("x"))) {
		t.Error("the two tags share a key")
	}
}

func TestExportRange(t *testing.T) { // RFC 9420 §8.5
	s := lookup(t, 1)
	e, _ := newEpoch(s)
	for _, n := range []int{-1, 255*s.Nh() + 1, 1 << 30} {
		if _, err := e.Export("label", nil, n); !errors.Is(err, schedule.ErrExportSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []int{0, 1, 255 * s.Nh()} {
		if out, err := e.Export("label", nil, n); err != nil || len(out) != n {
			t.Errorf("%d bytes: %d, %v", n, len(out), err)
		}
	}
	a, _ := e.Export("label", []byte("a"), 32)
	b, _ := e.Export("label", []byte("b"), 32)
	c, _ := e.Export("other", []byte("a"), 32)
	if bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Error("an export does not depend on its label and context")
	}
}

func TestExternalInit(t *testing.T) { // RFC 9420 §8.3
	for _, s := range suite.All() {
		e, _ := newEpoch(s)
		key, err := e.ExternalKey()
		if err != nil {
			t.Fatal(err)
		}
		pub, err := s.ParsePublic(key.Public().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		kem, init, err := schedule.ExternalInit(s, stream(2), pub)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.ExternalInit(kem)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "init secret", got, init)
		if _, err := e.ExternalInit(kem[1:]); !errors.Is(err, suite.ErrKey) {
			t.Errorf("short KEM output: %v", err)
		}
	}
}

// TestPreSharedKeyIDLaws is the four laws of a codec.
func TestPreSharedKeyIDLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := schedule.PreSharedKeyID{Nonce: rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "nonce")}
		if rapid.Bool().Draw(t, "external") {
			id.Type, id.ID = schedule.ExternalPSK, rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "id")
		} else {
			id.Type = schedule.ResumptionPSK
			id.Usage = schedule.PSKUsage(rapid.IntRange(1, 3).Draw(t, "usage"))
			id.GroupID, id.Epoch = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "group"), rapid.Uint64().Draw(t, "epoch")
		}
		w := wire.NewWriter(0)
		id.Encode(w)
		decode := func(in []byte) (id schedule.PreSharedKeyID, err error) {
			return id, wire.Unmarshal(in, &id)
		}
		again, err := decode(w.Bytes())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(id) {
			t.Fatalf("round trip: %v\n%v\n%v", err, id, again)
		}
		for n := range w.Len() {
			if _, err := decode(w.Bytes()[:n]); err == nil {
				t.Fatalf("prefix of %d bytes was accepted", n)
			}
		}
		if _, err := decode(append(w.Bytes(), 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Fatalf("trailing byte: %v", err)
		}
	})
}

func FuzzPreSharedKeyID(f *testing.F) {
	f.Add([]byte{1, 1, 'a', 0})
	f.Add([]byte{2, 3, 1, 'g', 0, 0, 0, 0, 0, 0, 0, 9, 2, 'n', 'n'})
	f.Add([]byte{2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{3, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		var id schedule.PreSharedKeyID
		if wire.Unmarshal(in, &id) != nil {
			return
		}
		if out := wire.Marshal(&id); !bytes.Equal(out, in) {
			t.Fatalf("accepted %x, wrote %x", in, out)
		}
	})
}

func TestPreSharedKeyIDRefuses(t *testing.T) {
	for why, in := range map[string][]byte{
		"reserved type":  {0, 0, 0},
		"unknown type":   {3, 0, 0},
		"reserved usage": {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"unknown usage":  {2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		var id schedule.PreSharedKeyID
		if err := wire.Unmarshal(in, &id); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestPSKSecretRefuses(t *testing.T) {
	s := lookup(t, 1)
	ids := make([]schedule.PreSharedKeyID, 2)
	if _, err := schedule.PSKSecret(s, ids, make([]suite.Secret, 1)); !errors.Is(err, schedule.ErrPSKCount) {
		t.Errorf("one key for two names: %v", err)
	}
	zero, err := schedule.PSKSecret(s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "psk_secret of none", zero, make([]byte, s.Nh()))
	zero[0] = 1 // the caller's own copy
	equal(t, "zero", s.Zero(), make([]byte, s.Nh()))
}

func TestStateDoesNotPrint(t *testing.T) {
	s := lookup(t, 1)
	e, encryption := newEpoch(s)
	r := schedule.NewRatchets(s, encryption, 4)
	k, cells, err := r.Next(1, schedule.Application)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{e, r, k, &k, cells, cells[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s"} {
			if out := fmt.Sprintf(verb, v); !strings.Contains(out, "‹redacted›") && !strings.Contains(out, "[]") {
				t.Errorf("%s of %T: %s", verb, v, out)
			}
		}
	}
}
