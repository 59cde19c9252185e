package tree

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

var update = flag.Bool("update", false, "record golden files anew")

// The four codec laws for a ratchet_tree extension, whose decoder is Parse.
func TestParseLaws(t *testing.T) {
	b := newBench()
	data := wire.Marshal(b.st.tree)
	same(t, "parsed", parse(t, b.s, data), b.st.tree)
	for n := range data {
		if _, err := Parse(b.s, data[:n:n]); err == nil {
			t.Fatalf("prefix of %d bytes accepted", n)
		}
	}
	if _, err := Parse(b.s, append(bytes.Clone(data), 0)); err == nil {
		t.Fatal("trailing byte accepted")
	}
	nodes, err := ParseNodes(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		at := NodeIndex(i)
		if blank := n.Leaf == nil && n.Parent == nil; blank != b.st.model.blank(at) {
			t.Errorf("node %d: blank is %v", i, blank)
		}
	}
}

func FuzzParse(f *testing.F) {
	b := newBench()
	f.Add(wire.Marshal(b.st.tree))
	f.Add(wire.Marshal(b.found().tree))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := Parse(b.s, data)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(tree), data) {
			t.Fatal("parsed and encoded is not the input")
		}
		if err := tree.check(); err != nil {
			t.Fatal(err)
		}
		_ = tree.Describe()
		if tree.Verify(b.rules) == nil {
			mustStayUsable(t, b, tree)
		}
	})
}

// mustStayUsable: a tree that verifies can be committed to.
func mustStayUsable(t *testing.T, b *bench, tree *Tree) {
	for i, l := range tree.Members() {
		p, err := tree.NewPath(b.rand, i, *l, must(b.s.GenerateSigningKey(b.rand)), groupID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Seal(b.rand, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzPrivate(f *testing.F) {
	b := newBench()
	f.Add(wire.Marshal(b.st.members[0].private))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader(data)
		p := DecodePrivate(b.s, r)
		if r.Done() == nil && !bytes.Equal(wire.Marshal(p), data) {
			t.Fatalf("%x decodes and encodes as %x", data, wire.Marshal(p))
		}
	})
}

func TestPrivateLaws(t *testing.T) {
	b := newBench()
	for i, m := range b.st.members {
		data := wire.Marshal(m.private)
		read := func(data []byte) (*Private, error) {
			r := wire.NewReader(data)
			p := DecodePrivate(b.s, r)
			return p, r.Done()
		}
		p, err := read(data)
		if err != nil || p.Leaf() != i || !bytes.Equal(wire.Marshal(p), data) {
			t.Fatalf("leaf %d: %v", i, err)
		}
		for n := range data {
			if _, err := read(data[:n:n]); err == nil {
				t.Fatalf("prefix of %d bytes accepted", n)
			}
		}
		if _, err := read(append(bytes.Clone(data), 0)); err == nil {
			t.Fatal("trailing byte accepted")
		}
		if _, err := read([]byte{0, 0, 0, 0, 0}); err == nil {
			t.Fatal("a member without a leaf key accepted")
		}
		if _, err := read(append([]byte{0, 0, 0, 0, MaxDepth + 2}, make([]byte, MaxDepth+2)...)); err == nil {
			t.Fatal("more keys than levels accepted")
		}
	}
}

// Whatever bit of whatever record is damaged, loading fails.
func TestLoadRefusesDamage(t *testing.T) {
	b := newBench()
	records := b.st.tree.Records()
	store := map[string][]byte{}
	for _, r := range records {
		store[string(r.Hash)] = r.Value
	}
	get := func(hash []byte) ([]byte, error) {
		if v, ok := store[string(hash)]; ok {
			return v, nil
		}
		return nil, errors.New("gone")
	}
	load := func() error {
		_, err := Load(b.s, b.st.tree.Hash(), b.st.tree.Depth(), get)
		return err
	}
	if err := load(); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		key := string(r.Hash)
		delete(store, key)
		if load() == nil {
			t.Fatalf("record %x is not needed", r.Hash)
		}
		for i := range r.Value {
			store[key] = bytes.Clone(r.Value)
			store[key][i] ^= 1
			if load() == nil {
				t.Fatalf("record %x: byte %d does not count", r.Hash, i)
			}
		}
		store[key] = r.Value
	}
	for _, depth := range []int{-1, b.st.tree.Depth() - 1, b.st.tree.Depth() + 1, MaxDepth + 1} {
		if _, err := Load(b.s, b.st.tree.Hash(), depth, get); err == nil {
			t.Errorf("loads at depth %d", depth)
		}
	}
	empty, err := Load(b.s, New(b.s).Hash(), 0, get)
	if err != nil || empty.Len() != 0 {
		t.Errorf("the empty tree: %v", err)
	}
}

// A commit in a warm tree writes its path: one record a level.
func TestRecordsOfACommit(t *testing.T) {
	c := warm(1000)
	before := c.tree
	p := must(before.NewPath(c.w.rand, 2, *before.Leaf(2), c.signers[2], groupID))
	size := 0
	records := p.Next.Records(before)
	for _, r := range records {
		size += len(r.Hash) + len(r.Value)
	}
	if len(records) != 11 || size > 8<<10 {
		t.Errorf("%d records, %d bytes", len(records), size)
	}
	if gone := before.Records(p.Next); len(gone) != 11 {
		t.Errorf("%d records are gone", len(gone))
	}
	if same := before.Records(before); len(same) != 0 {
		t.Errorf("%d records differ from themselves", len(same))
	}
}

func TestDescribe(t *testing.T) {
	b := newBench()
	st := b.commit(t, b.st, change{committer: 4, remove: []LeafIndex{5, 6}})
	got := b.st.tree.Describe() + st.tree.Describe()
	name := filepath.Join("testdata", "describe.txt")
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What a caller does wrong is told at once.
func TestEditOrder(t *testing.T) {
	b := newBench()
	l, _ := b.newLeaf()
	for name, wrong := range map[string]func(e *Edit){
		"Update after Add":   func(e *Edit) { must(e.Add(l)); _ = e.Update(0, l) },
		"Remove after Add":   func(e *Edit) { must(e.Add(l)); _ = e.Remove(0) },
		"Remove after Place": func(e *Edit) { must(e.Place()); _ = e.Remove(0) },
		"Add after Place":    func(e *Edit) { must(e.Place()); must(e.Add(l)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s goes unnoticed", name)
				}
			}()
			wrong(b.st.tree.Edit())
		}()
	}
}

func TestFullTree(t *testing.T) {
	b := newBench()
	l, _ := b.newLeaf()
	// Every leaf of it is the same node: a million members for twenty nodes.
	n := &node{data: append(make([]byte, b.s.Nh()), wire.Marshal(l)...), leaves: 1}
	for range MaxDepth {
		n = &node{left: n, right: n, data: make([]byte, b.s.Nh()), leaves: 2 * n.leaves}
	}
	full := &Tree{suite: b.s, root: n, depth: MaxDepth}
	if _, err := full.Edit().Add(l); !errors.Is(err, ErrFull) {
		t.Errorf("adding to a full tree: %v", err)
	}
	if _, err := full.Edit().Place(); !errors.Is(err, ErrFull) {
		t.Errorf("placing in a full tree: %v", err)
	}
}

// Questions about all members, against asking each of them.
func TestFindAndSupport(t *testing.T) {
	b := newBench()
	tree := b.st.tree
	var members []LeafIndex
	for i := range tree.Members() {
		members = append(members, i)
	}
	if !slices.Equal(members, b.st.leaves()) {
		t.Errorf("members %v, want %v", members, b.st.leaves())
	}
	for i := range tree.Members() {
		if i == 2 {
			break
		}
		if i > 2 {
			t.Error("Members goes on after a break")
		}
	}
	for i, l := range tree.Members() {
		if at, ok := tree.FindSignatureKey(l.SignatureKey); !ok || at != i {
			t.Errorf("signature key of %d is found at %d", i, at)
		}
		if at, ok := tree.FindEncryptionKey(l.EncryptionKey); !ok || at != i.Node() {
			t.Errorf("encryption key of %d is found at %d", i, at)
		}
		if at := tree.FindCredential(&l.Credential); !slices.Equal(at, []LeafIndex{i}) {
			t.Errorf("credential of %d is found at %d", i, at)
		}
	}
	if _, ok := tree.FindSignatureKey(b.somePublic()); ok {
		t.Error("a stranger's key is found")
	}
	if _, ok := tree.FindEncryptionKey(b.somePublic()); ok {
		t.Error("a stranger's key is found")
	}
	if !tree.SupportsExtension(0xff00) || !tree.SupportsExtension(ExtensionExternalPub) || tree.SupportsExtension(0xff77) {
		t.Error("extensions")
	}
	if !tree.SupportsProposal(ProposalReInit) || tree.SupportsProposal(0xff77) || tree.SupportsProposal(0) {
		t.Error("proposals")
	}
	if !tree.SupportsCredential(Basic) || tree.SupportsCredential(X509) || tree.SupportsCredential(0x100) {
		t.Error("credentials")
	}
	if !tree.Supports(&RequiredCapabilities{[]ExtensionType{0xff00, 1}, []ProposalType{1}, []CredentialType{Basic}}) ||
		tree.Supports(&RequiredCapabilities{Credentials: []CredentialType{Basic, X509}}) ||
		tree.Supports(&RequiredCapabilities{Extensions: []ExtensionType{0xff77}}) ||
		tree.Supports(&RequiredCapabilities{Proposals: []ProposalType{0xff77}}) {
		t.Error("required capabilities")
	}
}

// Members may share a credential if the application lets them; the index then
// lists all of them, however many.
func TestSharedCredential(t *testing.T) {
	w := newWorld(suiteOf2(suite.X25519AES128SHA256Ed25519), 3)
	e := New(w.s).Edit()
	shared := Credential{Type: Basic, Identity: []byte("everybody")}
	for range 100 {
		_, l, _ := w.newcomer()
		l.Credential = shared
		must(e.Add(l))
	}
	tree := must(e.Tree())
	if got := tree.FindCredential(&shared); len(got) != 100 || got[99] != 99 {
		t.Errorf("found %d", got)
	}
	if err := tree.check(); err != nil {
		t.Error(err)
	}
}

// Each epoch owns its keys: erasing one leaves the others whole.
func TestEraseSpares(t *testing.T) {
	b := newBench()
	old := b.st.members[5].private
	next := b.commit(t, b.st, change{committer: 0, path: true}).members[5].private
	key := old.key(0)
	old.Erase()
	if len(key.Bytes()) != 0 || old.key(0) != nil {
		t.Error("an erased key is kept")
	}
	if len(next.key(0).Bytes()) == 0 {
		t.Error("the next epoch's leaf key is erased with it")
	}
}
