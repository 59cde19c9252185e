package people

import (
	"errors"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// fresh is a device in a store of its own.
func fresh(t *testing.T, name string) (*store.Store, *Self, *Siblings) {
	t.Helper()
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	me, err := OpenSelf(st, engine, name)
	if err != nil {
		t.Fatal(err)
	}
	sib, err := OpenSiblings(st)
	if err != nil {
		t.Fatal(err)
	}
	return st, me, sib
}

// A device takes the word of whoever has its code, once and for a while, and of
// nobody else; from its next start on it is of the other's account, whose key it
// does not hold.
func TestAdopt(t *testing.T) {
	_, first, _ := fresh(t, "alice")
	st, second, sib := fresh(t, "phone")
	was := second.Identity()
	code, err := ReadCode(sib.Show(was.Device, "net", nil, now).String(), now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := first.Vouch(code.Device)
	if err != nil {
		t.Fatal(err)
	}
	good := Adoption{Secret: code.Secret, Certificate: cert, Siblings: []Sibling{{ID: first.Identity().Device, Since: 7}},
		Contacts: []Contact{{Account: session.Account{9}, Name: "bob", State: Known}, {Account: session.Account{8}, State: Request}}}
	other := Adoption{Secret: random(secretSize), Certificate: cert}
	if _, err := sib.Adopt(second, other, now); !errors.Is(err, ErrCode) {
		t.Errorf("another secret: %v", err)
	}
	if _, err := sib.Adopt(second, good, now.Add(CodeLife)); !errors.Is(err, ErrCode) {
		t.Errorf("too late: %v", err)
	}
	wrong := good
	if wrong.Certificate, err = first.Vouch(session.Device{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := sib.Adopt(second, wrong, now); !errors.Is(err, session.ErrCertificate) {
		t.Errorf("a certificate of another device: %v", err)
	}
	read, err := ReadAdoption(good.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := sib.Adopt(second, read, now); err != nil || c.Account != first.Identity().Account {
		t.Fatal(err)
	}
	if _, err := sib.Adopt(second, read, now); !errors.Is(err, ErrCode) {
		t.Errorf("the same code twice: %v", err)
	}
	again, err := OpenSelf(st, engine, "ignored")
	if err != nil {
		t.Fatal(err)
	}
	if id := again.Identity(); id.Account != first.Identity().Account || id.Device != was.Device || again.Name() != "alice" || again.Holds() {
		t.Errorf("it is %x, %q", id.Account[:4], again.Name())
	}
	if _, err := again.Vouch(session.Device{1}); !errors.Is(err, ErrLinked) {
		t.Errorf("it vouches for others: %v", err)
	}
	if err := again.Rename("x"); !errors.Is(err, ErrLinked) {
		t.Errorf("it renames the account: %v", err)
	}
	if sib, err = OpenSiblings(st); err != nil || len(sib.All()) != 1 || !sib.All()[0].Key || !sib.Is(first.Identity().Device) {
		t.Errorf("its siblings are %v, %v", sib.All(), err)
	}
	book, err := Open(st, engine, again.Identity().Account)
	if err != nil || len(book.Contacts()) != 1 || book.Contacts()[0].Name != "bob" {
		t.Errorf("its contacts are %v, %v", book.Contacts(), err)
	}
	if err := sib.Remove(first.Identity().Device); err != nil || sib.Is(first.Identity().Device) || len(sib.All()) != 1 {
		t.Errorf("removed: %v, %v", sib.All(), err)
	}
	if err := sib.Remove(session.Device{1}); !errors.Is(err, ErrDevice) {
		t.Error(err)
	}
}

// As many devices fit as an adoption can tell of, and those removed make room
// until too many are remembered; then there is none before anybody is asked.
func TestRoomForDevices(t *testing.T) {
	_, _, sib := fresh(t, "alice")
	for i := range maxSiblings {
		d := session.Device{1, byte(i)}
		if i >= maxDevices {
			if err := sib.Room(d); !errors.Is(err, ErrFull) {
				t.Fatalf("room for device %d beside this one: %v", i+1, err)
			}
			if err := sib.Remove(session.Device{1, byte(i - maxDevices)}); err != nil {
				t.Fatal(err)
			}
		}
		told := Adoption{Siblings: []Sibling{{}}}
		for _, s := range sib.All() {
			if !s.Removed {
				told.Siblings = append(told.Siblings, s)
			}
		}
		if _, err := ReadAdoption(told.Encode()); err != nil {
			t.Fatalf("device %d cannot be told of the others: %v", i+1, err)
		}
		if err := errors.Join(sib.Room(d), sib.Add(Sibling{ID: d})); err != nil {
			t.Fatalf("device %d: %v", i+1, err)
		}
	}
	for i := range maxDevices {
		if err := sib.Remove(session.Device{1, byte(maxSiblings - 1 - i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sib.Room(session.Device{2}); !errors.Is(err, ErrFull) {
		t.Errorf("room though too many are remembered: %v", err)
	}
	if err := sib.Room(session.Device{1}); err != nil {
		t.Errorf("none for one that was removed: %v", err)
	}
}

func TestReadCode(t *testing.T) {
	_, me, sib := fresh(t, "phone")
	good := sib.Show(me.Identity().Device, "net", [][]byte{{1}}, now).String()
	for s, want := range map[string]error{
		good: nil, " " + good + "\n": nil, "": ErrCode, "covey:" + good: ErrCode, good[:40]: ErrCode, good + "A": ErrCode,
	} {
		if _, err := ReadCode(s, now); !errors.Is(err, want) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := ReadCode(good, now.Add(CodeLife+time.Second)); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
}

func FuzzReadCode(f *testing.F) {
	f.Add(Code{Secret: make([]byte, secretSize), Expires: now.Unix() + 1}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ReadCode(s, now); err == nil && (len(c.Secret) != secretSize || len(c.Addresses) > maxAddresses) {
			t.Error("over the limits")
		}
	})
}

func FuzzReadAdoption(f *testing.F) {
	f.Add(Adoption{Siblings: []Sibling{{}}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := ReadAdoption(b); err == nil && (len(a.Siblings) > maxDevices || len(a.Contacts) > maxAdopted) {
			t.Error("over the limits")
		}
	})
}
