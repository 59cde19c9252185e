package tree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
	"pgregory.net/rapid"
)

var groupID = []byte("a group")

// member is one client, by its own keys.
type member struct {
	name    string
	signer  *suite.SigningKey
	private *Private
}

// state is one epoch as all its members see it: the tree, the model, and what
// each member holds. It is never changed.
type state struct {
	tree    *Tree
	model   *array
	members map[LeafIndex]*member
	secret  suite.Secret
}

// world makes members and states.
type world struct {
	s     *suite.Suite
	rand  *randReader
	made  int // clients
	paths int
}

type randReader struct {
	r interface{ Read([]byte) (int, error) }
}

func (r *randReader) Read(p []byte) (int, error) { return r.r.Read(p) }

func newWorld(s *suite.Suite, seed uint64) *world {
	return &world{s: s, rand: &randReader{newRand(seed)}}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newcomer makes a client and the leaf of its key package. Capabilities differ
// from client to client.
func (w *world) newcomer() (*member, *LeafNode, *suite.PrivateKey) {
	w.made++
	signer := must(w.s.GenerateSigningKey(w.rand))
	key := must(w.s.GenerateKeyPair(w.rand))
	l := &LeafNode{
		EncryptionKey: key.Public().Bytes(),
		SignatureKey:  signer.Public(),
		Credential:    Credential{Type: Basic, Identity: fmt.Appendf(nil, "client %d", w.made)},
		Capabilities: Capabilities{
			Versions:     []Version{MLS10},
			CipherSuites: []suite.ID{w.s.ID()},
			Extensions:   []ExtensionType{0xff00, ExtensionType(w.made % 3)},
			Credentials:  []CredentialType{Basic, CredentialType(0x100 + w.made%2)},
		},
		Source:   SourceKeyPackage,
		Lifetime: Lifetime{0, 1000},
	}
	l.Sign(w.s, signer, nil, 0)
	return &member{name: string(l.Credential.Identity), signer: signer}, l, key
}

// found is the first epoch of a group: its founder alone.
func (w *world) found() *state {
	m, l, key := w.newcomer()
	e := New(w.s).Edit()
	at := must(e.Add(l))
	m.private = NewPrivate(w.s, at, key)
	model := newArray(w.s)
	model.add(l)
	return &state{tree: must(e.Tree()), model: model, members: map[LeafIndex]*member{at: m}}
}

// change is what one commit does.
type change struct {
	committer LeafIndex
	update    []LeafIndex
	remove    []LeafIndex
	adds      int
	path      bool
	external  bool // the committer is a newcomer; committer is ignored
}

func (w *world) context(t *Tree) []byte { return append([]byte("context "), t.Hash()...) }

// commit applies a change in every way there is: to the tree, to the model, and
// by each member for itself.
func (w *world) commit(t fataler, st *state, c change) *state {
	next := &state{model: st.model.clone(), members: map[LeafIndex]*member{}}
	for i, m := range st.members {
		next.members[i] = m
	}
	e := st.tree.Edit()
	for _, i := range c.update {
		key := must(w.s.GenerateKeyPair(w.rand))
		l := *st.tree.Leaf(i)
		l.EncryptionKey, l.Source, l.ParentHash = key.Public().Bytes(), SourceUpdate, nil
		l.Sign(w.s, st.members[i].signer, groupID, i)
		if err := e.Update(i, &l); err != nil {
			t.Fatalf("update: %v", err)
		}
		next.model.update(i, &l)
		m := *st.members[i]
		m.private = m.private.WithLeaf(key)
		next.members[i] = &m
	}
	for _, i := range c.remove {
		if err := e.Remove(i); err != nil {
			t.Fatalf("remove: %v", err)
		}
		next.model.remove(i)
		delete(next.members, i)
	}
	for range c.adds {
		m, l, key := w.newcomer()
		at := must(e.Add(l))
		if got := next.model.add(l); got != at {
			t.Fatalf("added at %d, want %d", at, got)
		}
		m.private = NewPrivate(w.s, at, key)
		next.members[at] = m
	}
	var joiner *LeafNode
	if c.external {
		m, l, _ := w.newcomer()
		joiner, c.path = l, true
		c.committer = must(e.Place())
		if got := next.model.place(); got != c.committer {
			t.Fatalf("placed at %d, want %d", c.committer, got)
		}
		next.members[c.committer] = m
	}
	tree := must(e.Tree())
	if c.path {
		if joiner == nil {
			joiner = tree.Leaf(c.committer)
			w.paths++ // members learn and forget things
			joiner.Capabilities.Extensions = []ExtensionType{0xff00, ExtensionType(w.paths % 4)}
		}
		w.path(t, next, tree, c.committer, joiner, e.Added())
	} else {
		next.tree = tree
		for i, m := range next.members {
			own := *m
			own.private = m.private.Follow(tree)
			next.members[i] = &own
		}
	}
	w.verify(t, next)
	return next
}

// path renews the committer's path and lets everybody open it.
func (w *world) path(t fataler, next *state, tree *Tree, committer LeafIndex, leaf *LeafNode, added []LeafIndex) {
	path := must(tree.NewPath(w.rand, committer, *leaf, next.members[committer].signer, groupID))
	update := must(path.Seal(w.rand, w.context(path.Next), added))
	parentHash := next.model.merge(committer, path.keys)
	next.model.leaves[committer] = &update.Leaf
	if !bytes.Equal(parentHash, update.Leaf.ParentHash) {
		t.Fatalf("parent hash of leaf %d is %x, want %x", committer, update.Leaf.ParentHash, parentHash)
	}
	laws(t, update)
	applied, err := tree.Apply(committer, update, added)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	same(t, "applied", applied, path.Next)
	next.tree, next.secret = applied, path.CommitSecret()
	for i, m := range next.members {
		own := *m
		switch {
		case i == committer:
			own.private = path.Private
		case slices.Contains(added, i):
			own.private, err = m.private.Join(applied, committer, path.SecretFor(i))
		default:
			var secret suite.Secret
			own.private, secret, err = m.private.Open(applied, committer, update, added, w.context(applied))
			if err == nil && !bytes.Equal(secret, next.secret) {
				t.Fatalf("leaf %d derives another commit secret", i)
			}
		}
		if err != nil {
			t.Fatalf("leaf %d reading the path of %d: %v\n%s", i, committer, err, applied.Describe())
		}
		next.members[i] = &own
	}
	path.Erase()
}

type fataler interface{ Fatalf(string, ...any) }

// verify holds a state to everything that must be true of it.
func (w *world) verify(t fataler, st *state) {
	encoded := wire.Marshal(st.tree)
	if want := st.model.encode(); !bytes.Equal(encoded, want) {
		t.Fatalf("tree and model differ:\n%s", st.tree.Describe())
	}
	if !bytes.Equal(st.tree.Hash(), st.model.hash(st.model.root())) {
		t.Fatalf("tree hash differs from the model's")
	}
	if st.tree.Len() != len(st.members) || st.tree.Size() != len(st.model.leaves) {
		t.Fatalf("%d members in %d leaves, want %d in %d", st.tree.Len(), st.tree.Size(), len(st.members), len(st.model.leaves))
	}
	if err := st.tree.check(); err != nil {
		t.Fatalf("%v\n%s", err, st.tree.Describe())
	}
	if !st.model.parentHashValid() {
		t.Fatalf("the model finds the parent hashes invalid:\n%s", st.tree.Describe())
	}
	if err := st.tree.Verify(&Rules{Suite: w.s, GroupID: groupID}); err != nil {
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Check != CheckCredentialType {
			t.Fatalf("verify: %v\n%s", err, st.tree.Describe())
		}
	}
	for at := range NodeIndex(2*st.tree.Size() - 1) {
		var got []NodeIndex
		st.tree.resolve(st.tree.reach(at), at, func(at NodeIndex, _ []byte) bool { got = append(got, at); return true })
		if want := st.model.resolution(at); !slices.Equal(got, want) {
			t.Fatalf("resolution of %d is %v, want %v", at, got, want)
		}
	}
	w.verifyPrivate(t, st)
	again, err := Parse(w.s, encoded)
	if err != nil {
		t.Fatalf("parsing: %v", err)
	}
	same(t, "parsed", again, st.tree)
}

// verifyPrivate holds the tree invariant (RFC 9420 §4.2): a member knows the
// keys of exactly those non-blank ancestors at which it is not unmerged.
func (w *world) verifyPrivate(t fataler, st *state) {
	for i, m := range st.members {
		for level := range st.tree.Depth() + 1 {
			at := i.ancestor(level)
			public := st.tree.EncryptionKey(at)
			knows := public != nil && (level == 0 || !slices.Contains(st.model.parents[at].UnmergedLeaves, i))
			key := m.private.key(level)
			if (key != nil) != knows {
				t.Fatalf("leaf %d knows the key of %d: %v\n%s", i, at, key != nil, st.tree.Describe())
			}
			if knows && !bytes.Equal(key.Public().Bytes(), public) {
				t.Fatalf("leaf %d has another key for %d than the tree", i, at)
			}
		}
	}
}

// sorted members, so that draws do not depend on map order.
func (st *state) leaves() []LeafIndex {
	var out []LeafIndex
	for i := range st.members {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

func drawChange(t *rapid.T, st *state) change {
	var c change
	leaves := st.leaves()
	c.committer = rapid.SampledFrom(leaves).Draw(t, "committer")
	c.external = rapid.IntRange(0, 7).Draw(t, "external") == 0
	for _, i := range leaves {
		if i == c.committer && !c.external { // from outside, even the last member can be replaced
			continue
		}
		switch rapid.IntRange(0, 11).Draw(t, "fate") {
		case 0:
			c.update = append(c.update, i)
		case 1, 2:
			c.remove = append(c.remove, i)
		}
	}
	c.adds = rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 5}).Draw(t, "adds")
	c.path = rapid.IntRange(0, 2).Draw(t, "path") > 0
	return c
}

// Random histories with forks: the persistent tree equals the array model,
// every member can read every path, and no state changes after it was made.
func TestTreeAgainstModel(t *testing.T) {
	for _, id := range []suite.ID{suite.X25519AES128SHA256Ed25519, suite.P256AES128SHA256P256} {
		t.Run(fmt.Sprint("suite ", id), rapid.MakeCheck(func(t *rapid.T) {
			w := newWorld(suiteOf2(id), rapid.Uint64().Draw(t, "seed"))
			states := []*state{w.found()}
			var encoded [][]byte
			for range rapid.IntRange(1, 12).Draw(t, "commits") {
				from := states[len(states)-1]
				if rapid.IntRange(0, 5).Draw(t, "fork") == 0 {
					from = rapid.SampledFrom(states).Draw(t, "from")
				}
				next := w.commit(t, from, drawChange(t, from))
				states = append(states, next)
			}
			for _, st := range states {
				encoded = append(encoded, wire.Marshal(st.tree))
				w.verify(t, st)
			}
			checkRecords(t, w.s, states, encoded)
		}))
	}
}

func suiteOf2(id suite.ID) *suite.Suite {
	s, ok := suite.Lookup(id)
	if !ok {
		panic("no such suite")
	}
	return s
}

// checkRecords stores the states one after the other, each as the difference
// to those before, loads them, and then drops them one by one.
func checkRecords(t *rapid.T, s *suite.Suite, states []*state, encoded [][]byte) {
	store := map[string][]byte{}
	get := func(hash []byte) ([]byte, error) {
		if v, ok := store[string(hash)]; ok {
			return v, nil
		}
		return nil, errors.New("no such record")
	}
	var trees []*Tree
	for _, st := range states {
		for _, r := range st.tree.Records(trees...) {
			store[string(r.Hash)] = r.Value
		}
		trees = append(trees, st.tree)
	}
	load := func(i int) {
		loaded, err := Load(s, states[i].tree.Hash(), states[i].tree.Depth(), get)
		if err != nil {
			t.Fatalf("loading: %v", err)
		}
		same(t, "loaded", loaded, states[i].tree)
		if !bytes.Equal(wire.Marshal(loaded), encoded[i]) {
			t.Fatalf("state %d loads as another tree", i)
		}
	}
	for i := range states {
		load(i)
	}
	for i := range trees {
		for _, r := range trees[i].Records(trees[i+1:]...) {
			delete(store, string(r.Hash))
		}
		for j := i + 1; j < len(trees); j++ {
			load(j)
		}
	}
	if len(store) != 0 {
		t.Fatalf("%d records are left over", len(store))
	}
}
