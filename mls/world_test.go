package mls

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
)

// What the tests of this package share: people, and groups of them.

// newRand is deterministic randomness.
func newRand(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// now is the time of all tests, in seconds since the Unix epoch.
const now = 1_700_000_000

// person is a client: one signature key, and a key package of it.
type person struct {
	name string
	key  *SigningKey
	pack *OwnKeyPackage
}

// world makes people and groups out of one seed.
type world struct {
	testing.TB
	rand   *rand.ChaCha8
	id     CipherSuite
	config Config
	client func(*Client) // changes what new people's leaves say
}

func newWorld(t testing.TB, id CipherSuite) *world {
	return &world{TB: t, rand: newRand(byte(id)), id: id}
}

// must fails the test on an error. Use as must(w, f())(…).
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) person(name string) *person {
	w.Helper()
	p := &person{name: name, key: must(GenerateSigningKey(w.rand, w.id))(w)}
	p.pack = w.pack(p)
	return p
}

func (w *world) people(names ...string) []*person {
	out := make([]*person, len(names))
	for i, n := range names {
		out[i] = w.person(n)
	}
	return out
}

func (w *world) describe(p *person) Client {
	c := Client{
		CipherSuite:  w.id,
		Credential:   Credential{Type: CredentialBasic, Identity: []byte(p.name)},
		Capabilities: DefaultCapabilities(w.id),
		Lifetime:     Lifetime{NotBefore: now - 3600, NotAfter: now + 86400},
	}
	if w.client != nil {
		w.client(&c)
	}
	return c
}

// pack is a fresh key package.
func (w *world) pack(p *person) *OwnKeyPackage {
	w.Helper()
	return must(NewKeyPackage(w.rand, p.key, w.describe(p)))(w)
}

// member is a person in an epoch.
type member struct {
	*person
	*Epoch
}

// create is a group of one.
func (w *world) create(p *person, o GroupOptions) *member {
	w.Helper()
	return &member{p, must(Create(w.rand, &w.config, p.pack, o))(w)}
}

// group is a group of the people named, all in the same epoch, each at the
// leaf of its place in names. The first one has added the others.
func (w *world) group(o GroupOptions, names ...string) []*member {
	w.Helper()
	first := w.create(w.person(names[0]), o)
	if len(names) == 1 {
		return []*member{first}
	}
	return w.add([]*member{first}, 0, w.people(names[1:]...)...)
}

// add has member by add people; everybody follows.
func (w *world) add(in []*member, by int, people ...*person) []*member {
	w.Helper()
	var o CommitOptions
	for _, p := range people {
		o.Proposals = append(o.Proposals, &Add{KeyPackage: p.pack.KeyPackage})
	}
	c := w.commit(in[by], o)
	out := w.follow(in, by, c)
	for _, p := range people {
		out = append(out, &member{p, w.join(p, c.Welcome)})
	}
	w.same(out...)
	return out
}

func (w *world) join(p *person, welcome []byte) *Epoch {
	w.Helper()
	return must(Join(&w.config, p.pack, welcome, JoinOptions{Now: now}))(w)
}

func (w *world) commit(m *member, o CommitOptions) *Candidate {
	w.Helper()
	if o.Now == 0 {
		o.Now = now
	}
	return must(m.Commit(w.rand, m.key, o))(w)
}

// follow takes everybody along a commit of member by; whom it removes is left
// out.
func (w *world) follow(in []*member, by int, c *Candidate, known ...*Proposed) []*member {
	w.Helper()
	var out []*member
	for i, m := range in {
		next := c
		if i != by {
			next = must(m.Process(c.Message, Received{Proposals: known}))(w)
		}
		if !next.RemovesMe() {
			out = append(out, &member{m.person, next.Next})
		}
	}
	w.same(out...)
	return out
}

// same wants all in one epoch, secrets and all.
func (w *world) same(in ...*member) {
	w.Helper()
	for _, m := range in[1:] {
		a, b := must(in[0].Authenticator())(w), must(m.Authenticator())(w)
		if m.ID() != in[0].ID() || string(a) != string(b) {
			w.Fatalf("%s is at %v, %s at %v", in[0].name, in[0].Epoch, m.name, m.Epoch)
		}
	}
}

// say sends a message from one member and wants all others to read it.
func (w *world) say(in []*member, by int, text string) {
	w.Helper()
	message, _, err := in[by].Keys().Protect(w.rand, in[by].key, Outgoing{Data: []byte(text)})
	if err != nil {
		w.Fatal(err)
	}
	for i, m := range in {
		if i == by {
			continue
		}
		c, _, err := m.Keys().Unprotect(message)
		if err != nil {
			w.Fatalf("%s cannot read %s: %v", m.name, in[by].name, err)
		}
		if string(c.Application) != text || c.Sender.Index != uint32(in[by].Self()) {
			w.Fatalf("%s read %q of leaf %d", m.name, c.Application, c.Sender.Index)
		}
	}
}

// names are n of them.
func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("person %d", i)
	}
	return out
}

// pair is a tree of two leaves, of which the right one signs with key. Nothing
// else of it holds.
func pair(t testing.TB, s *suite.Suite, key []byte) *tree.Tree {
	t.Helper()
	edit := tree.New(s).Edit()
	for i, k := range [][]byte{{1}, key} {
		if _, err := edit.Add(&LeafNode{EncryptionKey: []byte{byte(i)}, SignatureKey: k, Source: SourceUpdate}); err != nil {
			t.Fatal(err)
		}
	}
	return must(edit.Tree())(t)
}
