package people

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

var engine = standin.New()

// person is somebody with a book.
type person struct {
	*Book
	account session.Account
	device  session.Device
	cert    []byte
	store   *store.Store
}

func newPerson(t *testing.T, name string) *person {
	t.Helper()
	secret := func(what string) []byte { return bytes.Repeat([]byte(name + what)[:4], 8) }
	id, err := session.NewIdentity(engine, secret("-account"), secret("+device"), name)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{account: id.Account, device: id.Device, cert: id.Certificate, store: store.Memory()}
	t.Cleanup(func() { p.store.Close() })
	p.reopen(t)
	return p
}

func (p *person) reopen(t *testing.T) {
	t.Helper()
	b, err := Open(p.store, engine, p.account)
	if err != nil {
		t.Fatal(err)
	}
	p.Book = b
}

var now = time.Unix(1_700_000_000, 0)

func (p *person) card(t *testing.T, life time.Duration, uses int) Card {
	t.Helper()
	l, err := p.NewLink(life, uses, "", now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadLink(Card{Account: p.account, Device: p.device, Name: "maker", Secret: l.Secret, Expires: l.Expires, Addresses: [][]byte{{1, 2}}}.URL(), now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// greet carries p's hello to q and the answer back, both through their bytes.
func (p *person) greet(t *testing.T, q *person, h Hello, at time.Time) (Reply, Heard) {
	t.Helper()
	h.To, h.Certificate = q.account, p.cert
	read, err := ReadHello(h.Encode())
	if err != nil {
		t.Fatal(err)
	}
	r, heard, err := q.Hear(p.device, read, at)
	if err != nil {
		t.Fatal(err)
	}
	if r.Known {
		r.Certificate = q.cert
	}
	if r, err = ReadReply(r.Encode()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Replied(q.device, q.account, r, at); err != nil && !errors.Is(err, ErrNoContact) {
		t.Fatal(err)
	}
	return r, heard
}

func (p *person) state(q *person) State {
	c, _ := p.Contact(q.account)
	return c.State
}

func TestLinkMakesBothKnown(t *testing.T) {
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	card := alice.card(t, time.Hour, 1)
	if _, err := bob.Ask(card, "", "hi, it is me", now); err != nil {
		t.Fatal(err)
	}
	if r, _ := bob.greet(t, alice, Hello{Secret: card.Secret}, now); !r.Known {
		t.Fatalf("answered %+v", r)
	}
	for _, p := range []*person{alice, bob} {
		p.reopen(t) // what is known is durable
	}
	if alice.state(bob) != Known || bob.state(alice) != Known {
		t.Errorf("alice holds bob %v, bob holds alice %v", alice.state(bob), bob.state(alice))
	}
	if c, _ := alice.Contact(bob.account); c.Claims != "bob" {
		t.Errorf("alice knows bob as %q", c.Called())
	}
	if c, ok := bob.Of(alice.device); !ok || c.Account != alice.account || c.Secret != nil {
		t.Errorf("bob's contact %+v", c)
	}
	if len(alice.Links(now)) != 0 {
		t.Error("a link for one use is left after its use")
	}
}

func TestLinksEnd(t *testing.T) {
	alice, bob, carol := newPerson(t, "alice"), newPerson(t, "bob"), newPerson(t, "carol")
	once := alice.card(t, time.Hour, 1)
	bob.Ask(once, "", "", now)
	bob.greet(t, alice, Hello{Secret: once.Secret}, now)
	if r, _ := carol.greet(t, alice, Hello{Secret: once.Secret}, now); r.Known || r.Need != StampBits {
		t.Errorf("a link that was used up: %+v", r)
	}
	short := alice.card(t, time.Hour, 5)
	later := now.Add(2 * time.Hour)
	if r, _ := carol.greet(t, alice, Hello{Secret: short.Secret}, later); r.Known {
		t.Error("an expired link was honoured")
	}
	if _, err := ReadLink(short.URL(), later); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired link reads as %v", err)
	}
	revoked := alice.card(t, time.Hour, 5)
	for _, l := range alice.Links(now) {
		if err := alice.Revoke(l.ID); err != nil {
			t.Fatal(err)
		}
	}
	if r, _ := carol.greet(t, alice, Hello{Secret: revoked.Secret}, now); r.Known {
		t.Error("a revoked link was honoured")
	}
	for _, bad := range []string{"", "covey:", "covey:!!", "http://x", "covey:" + strings.Repeat("A", maxLink+1), short.URL()[:40]} {
		if _, err := ReadLink(bad, now); !errors.Is(err, ErrLink) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestStrangersPayAndWait(t *testing.T) {
	alice, mallory := newPerson(t, "alice"), newPerson(t, "mallory")
	r, heard := mallory.greet(t, alice, Hello{Text: "buy this"}, now)
	if r.Need != StampBits || heard.Was != 0 || alice.state(mallory) != 0 {
		t.Fatalf("a free hello: %+v", r)
	}
	stamp, _ := Work(mallory.account, alice.account, now, nil)
	for name, bad := range map[string]Stamp{
		"of another time": {Time: stamp.Time + 1, Nonce: stamp.Nonce},
		"stale":           {},
	} {
		if r, _ := mallory.greet(t, alice, Hello{Stamp: &bad}, now); r.Need == 0 {
			t.Errorf("a stamp %s was taken", name)
		}
	}
	if r, _ := mallory.greet(t, alice, Hello{Stamp: &stamp}, now.Add(2*stampLife)); r.Need == 0 {
		t.Error("a stamp was taken late")
	}
	if r, _ := mallory.greet(t, alice, Hello{Stamp: &stamp, Text: "hello"}, now); r.Need != 0 || r.Known {
		t.Fatalf("a paid hello: %+v", r)
	}
	if c, _ := alice.Contact(mallory.account); c.State != Request || c.Hello != "hello" {
		t.Errorf("%+v", c)
	}
	alice.Forget(mallory.account)
	if r, _ := mallory.greet(t, alice, Hello{Stamp: &stamp}, now); r.Need == 0 {
		t.Error("one stamp paid for two hellos")
	}
}

func TestAskingBackAccepts(t *testing.T) {
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	bob.Ask(Card{Account: alice.account, Device: alice.device}, "", "we met", now)
	stamp, _ := Work(bob.account, alice.account, now, nil)
	bob.greet(t, alice, Hello{Stamp: &stamp}, now)
	if alice.state(bob) != Request || bob.state(alice) != Asked {
		t.Fatalf("alice %v, bob %v", alice.state(bob), bob.state(alice))
	}
	if c, _ := alice.Ask(Card{Account: bob.account, Device: bob.device}, "", "", now); c.State != Known {
		t.Errorf("alice holds bob %v", c.State)
	}
	alice.greet(t, bob, Hello{}, now)
	if bob.state(alice) != Known {
		t.Errorf("bob holds alice %v", bob.state(alice))
	}
}

func TestBlockedLearnNothing(t *testing.T) {
	alice, bob := newPerson(t, "alice"), newPerson(t, "bob")
	card := alice.card(t, time.Hour, 2)
	bob.Ask(card, "", "", now)
	bob.greet(t, alice, Hello{Secret: card.Secret}, now)
	alice.Block(bob.account, true)
	if r, _ := bob.greet(t, alice, Hello{Secret: card.Secret, Text: "why?"}, now); r.Known || r.Need != 0 {
		t.Errorf("answered %+v", r)
	}
	if len(alice.Links(now)) != 1 || alice.Links(now)[0].Uses != 1 {
		t.Error("a blocked contact used a link up")
	}
	if c, _ := alice.Block(bob.account, false); c.State != Known {
		t.Errorf("unblocked as %v", c.State)
	}
}

// A device cannot speak for an account that has not vouched for it, and an
// answer is taken only from the account that was asked.
func TestForgedHellosAreRefused(t *testing.T) {
	alice, bob, mallory := newPerson(t, "alice"), newPerson(t, "bob"), newPerson(t, "mallory")
	if _, _, err := alice.Hear(mallory.device, Hello{To: alice.account, Certificate: bob.cert}, now); err == nil {
		t.Error("mallory's device spoke for bob")
	}
	if _, _, err := alice.Hear(bob.device, Hello{To: mallory.account, Certificate: bob.cert}, now); err == nil {
		t.Error("a hello to somebody else was taken")
	}
	if _, err := alice.Ask(Card{Account: alice.account}, "", "", now); !errors.Is(err, ErrSelf) {
		t.Error("alice asked herself")
	}
	bob.Ask(Card{Account: alice.account, Device: alice.device}, "", "", now)
	if _, _, err := bob.Replied(mallory.device, alice.account, Reply{Known: true, Certificate: mallory.cert}, now); err == nil {
		t.Error("mallory answered for alice")
	}
	if bob.state(alice) != Asked {
		t.Errorf("bob holds alice %v", bob.state(alice))
	}
}

func TestFloodOfRequestsIsBounded(t *testing.T) {
	alice := newPerson(t, "alice")
	for i := range MaxRequests {
		alice.enter(&Contact{Account: session.Account{byte(i), 1}, State: Request})
	}
	bob := newPerson(t, "bob")
	if _, _, err := alice.Hear(bob.device, Hello{To: alice.account, Certificate: bob.cert, Stamp: new(Stamp)}, now); !errors.Is(err, ErrFull) {
		t.Errorf("%v", err)
	}
}

func TestNamesAreApart(t *testing.T) {
	alice, bob, carol := newPerson(t, "alice"), newPerson(t, "bob"), newPerson(t, "carol")
	for _, p := range []*person{bob, carol} {
		alice.Ask(Card{Account: p.account, Device: p.device, Name: "sam"}, "", "", now)
	}
	if _, err := alice.Rename(bob.account, "sam"); !errors.Is(err, ErrName) {
		t.Errorf("two called sam: %v", err)
	}
	if c, err := alice.Rename(bob.account, "bob"); err != nil || c.Called() != "bob" {
		t.Errorf("%v, %v", c.Called(), err)
	}
}

func TestWords(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range words {
		if seen[w] {
			t.Errorf("%q twice", w)
		}
		seen[w] = true
	}
	if len(words) != 256 {
		t.Fatalf("%d words", len(words))
	}
	a, b := FingerprintOf(session.Account{1}), FingerprintOf(session.Account{2})
	w1, n1 := Both(a, b)
	w2, n2 := Both(b, a)
	if w1 != w2 || n1 != n2 || a == b {
		t.Error("two people see different words")
	}
	if want := 16 + 1; len(strings.Fields(w1)) != want {
		t.Errorf("%q", w1)
	}
	if len(strings.ReplaceAll(n1, " ", "")) != 51 {
		t.Errorf("%q", n1)
	}
}

func FuzzReadLink(f *testing.F) {
	f.Add(Card{Secret: make([]byte, secretSize), Expires: now.Unix() + 1}.URL())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ReadLink(s, now); err == nil && len(c.Secret) != secretSize {
			t.Error(fmt.Sprint(c))
		}
	})
}

func FuzzReadHello(f *testing.F) {
	f.Add(Hello{Text: "hi", Secret: make([]byte, secretSize)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ReadHello(b); err == nil && (len(h.Text) > MaxHello || len(h.Addresses) > maxAddresses) {
			t.Error("over the limits")
		}
	})
}
