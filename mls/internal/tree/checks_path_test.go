package tree

import (
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

const (
	author = LeafIndex(0)
	reader = LeafIndex(6) // at the far side: its common ancestor is the root
)

// forged is a path of the author's that may be changed before it is finished:
// like NewPath and Seal, but parent hash and signature are made last.
type forged struct {
	b      *bench
	path   *Path
	update *UpdatePath
	added  []LeafIndex
}

func (b *bench) forge() *forged {
	p := must(b.st.tree.NewPath(b.rand, author, *b.st.tree.Leaf(author), b.st.members[author].signer, groupID))
	u := must(p.Seal(b.rand, b.context(p.Next), nil))
	return &forged{b: b, path: p, update: u}
}

// sign makes parent hash and signature agree with the keys, as a malicious
// member would.
func (f *forged) sign() {
	var keys [][]byte
	for _, n := range f.update.Nodes {
		keys = append(keys, n.EncryptionKey)
	}
	f.update.Leaf.ParentHash = f.b.st.tree.parentHashes(f.path.steps, keys)[0]
	f.update.Leaf.Sign(f.b.s, f.b.st.members[author].signer, groupID, author)
}

// apply applies and opens it. The leaf is always checked, so that no case is
// refused for its signature.
func (f *forged) apply(t *testing.T) error {
	t.Helper()
	if err := f.b.rules.Check(&f.update.Leaf, SourceCommit, author); err != nil {
		t.Fatalf("the leaf itself: %v", err)
	}
	laws(t, f.update)
	next, err := f.b.st.tree.Apply(author, f.update, f.added)
	if err != nil {
		return err
	}
	_, _, err = f.b.st.members[reader].private.Open(next, author, f.update, f.added, f.b.context(f.path.Next))
	return err
}

// forging applies a path after one change.
func forging(how func(f *forged)) func(*testing.T, *bench) error {
	return func(t *testing.T, b *bench) error {
		f := b.forge()
		f.sign()
		if err := f.apply(t); err != nil {
			t.Fatalf("unbroken: %v", err)
		}
		f = b.forge()
		how(f)
		return f.apply(t)
	}
}

func (f *forged) last() *UpdatePathNode { return &f.update.Nodes[len(f.update.Nodes)-1] }

var (
	pathPublicKey = forging(func(f *forged) {
		f.last().EncryptionKey = f.last().EncryptionKey[:31]
		f.sign()
	})
	pathTooShort = forging(func(f *forged) {
		f.update.Nodes = f.update.Nodes[:len(f.update.Nodes)-1]
	})
	pathTooLong = forging(func(f *forged) {
		f.update.Nodes = append(f.update.Nodes, UpdatePathNode{EncryptionKey: f.b.somePublic()})
	})
	ciphertextMissing = forging(func(f *forged) {
		f.last().EncryptedPathSecret = f.last().EncryptedPathSecret[1:]
	})
	ciphertextExtra = forging(func(f *forged) {
		f.update.Nodes[0].EncryptedPathSecret = append(f.update.Nodes[0].EncryptedPathSecret, f.last().EncryptedPathSecret[0])
	})
	wrongParentHash = forging(func(f *forged) {
		f.update.Leaf.ParentHash = slices.Repeat([]byte{1}, 32)
		f.update.Leaf.Sign(f.b.s, f.b.st.members[author].signer, groupID, author)
	})
	pathKeepsLeafKey = forging(func(f *forged) {
		f.update.Leaf.EncryptionKey = f.b.st.tree.Leaf(author).EncryptionKey
		f.sign()
	})
	pathLeafKeyOfOther = forging(func(f *forged) {
		f.update.Leaf.EncryptionKey = f.b.st.tree.Leaf(6).EncryptionKey
		f.sign()
	})
	pathKeyOfLeaf = forging(func(f *forged) {
		f.last().EncryptionKey = f.b.st.tree.Leaf(6).EncryptionKey
		f.sign()
	})
	pathKeyReplaced = forging(func(f *forged) { // by this very path: still not fresh
		f.last().EncryptionKey = f.b.st.tree.EncryptionKey(Root(f.b.st.tree.Depth()))
		f.sign()
	})
	pathKeyTwice = forging(func(f *forged) {
		f.last().EncryptionKey = f.update.Nodes[0].EncryptionKey
		f.sign()
	})
	pathKeyOfOwnLeaf = forging(func(f *forged) {
		f.last().EncryptionKey = f.update.Leaf.EncryptionKey
		f.sign()
	})
	pathSignatureKey = forging(func(f *forged) {
		// Who knows two members' signature keys may try to be both.
		f.b.st.members[author].signer = f.b.st.members[reader].signer
		f.update.Leaf.SignatureKey = f.b.st.tree.SignatureKey(reader)
		f.sign()
	})
	flippedCiphertext = forging(func(f *forged) {
		for i := range f.last().EncryptedPathSecret {
			f.last().EncryptedPathSecret[i].Ciphertext[5] ^= 1
		}
	})
	swappedCiphertext = forging(func(f *forged) {
		slices.Reverse(f.last().EncryptedPathSecret)
	})
	keyNotDerived = forging(func(f *forged) {
		f.last().EncryptionKey = f.b.somePublic()
		f.sign()
		// The new hash is in the context of the encryption, so seal again.
		next := must(f.b.st.tree.Apply(author, f.update, nil))
		f.path.Next = next
		sealed := must(f.path.Seal(f.b.rand, f.b.context(next), nil))
		for k := range sealed.Nodes {
			f.update.Nodes[k].EncryptedPathSecret = sealed.Nodes[k].EncryptedPathSecret
		}
	})
	shortSecret = forging(func(f *forged) {
		for k := range f.path.secrets {
			f.path.secrets[k] = f.path.secrets[k][1:]
		}
		f.update = must(f.path.Seal(f.b.rand, f.b.context(f.path.Next), nil))
	})
)

func committerOutside(t *testing.T, b *bench) error {
	_, err := b.st.tree.Apply(8, b.forge().update, nil)
	return err
}

// ciphertextForNewcomer encrypts to a leaf added in the same commit.
func ciphertextForNewcomer(t *testing.T, b *bench) error {
	e := b.st.tree.Edit()
	l, _ := b.newLeaf()
	must(e.Add(l))
	tree := must(e.Tree())
	p := must(tree.NewPath(b.rand, author, *tree.Leaf(author), b.st.members[author].signer, groupID))
	good := must(p.Seal(b.rand, nil, e.Added()))
	if _, err := tree.Apply(author, good, e.Added()); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	_, err := tree.Apply(author, must(p.Seal(b.rand, nil, nil)), e.Added())
	return err
}

// joining adds a member with a path and hands it a path secret.
func joining(t *testing.T, b *bench, how func(suite.Secret) suite.Secret) error {
	e := b.st.tree.Edit()
	_, l, key := b.newcomer()
	at := must(e.Add(l))
	tree := must(e.Tree())
	p := must(tree.NewPath(b.rand, author, *tree.Leaf(author), b.st.members[author].signer, groupID))
	own := NewPrivate(b.s, at, key)
	if _, err := own.Join(p.Next, author, p.SecretFor(at)); err != nil {
		t.Fatalf("unbroken: %v", err)
	}
	if _, err := own.Join(p.Next, at, p.SecretFor(at)); err == nil {
		t.Fatal("a committer that is the joiner is accepted")
	}
	_, err := own.Join(p.Next, author, how(p.SecretFor(at)))
	return err
}

func joinOtherSecret(t *testing.T, b *bench) error {
	return joining(t, b, func(s suite.Secret) suite.Secret { return b.s.DeriveSecret(s, "path") })
}

func joinShortSecret(t *testing.T, b *bench) error {
	return joining(t, b, func(s suite.Secret) suite.Secret { return s[1:] })
}

// Whatever bytes a member is sent as an update path, it neither panics nor
// changes the tree.
func FuzzApply(f *testing.F) {
	b := newBench()
	f.Add(wire.Marshal(b.forge().update))
	before := wire.Marshal(b.st.tree)
	f.Fuzz(func(t *testing.T, data []byte) {
		u := new(UpdatePath)
		if wire.Unmarshal(data, u) != nil {
			return
		}
		next, err := b.st.tree.Apply(author, u, nil)
		if err == nil {
			b.st.members[reader].private.Open(next, author, u, nil, nil)
		}
		if !slices.Equal(before, wire.Marshal(b.st.tree)) {
			t.Fatal("the tree has changed")
		}
	})
}
