package tree

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/vectors"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

func suiteOf(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, ok := suite.Lookup(id)
	if !ok {
		t.Fatalf("no suite %d", id)
	}
	return s
}

func parse(t testing.TB, s *suite.Suite, b []byte) *Tree {
	t.Helper()
	tree, err := Parse(s, b)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// same compares two trees by content, hash and everything derived.
func same(t fataler, what string, got, want *Tree) {
	if !bytes.Equal(wire.Marshal(got), wire.Marshal(want)) {
		t.Fatalf("%s: trees differ\n%s\nwant\n%s", what, got.Describe(), want.Describe())
	}
	if !bytes.Equal(got.Hash(), want.Hash()) {
		t.Fatalf("%s: hash %x, want %x", what, got.Hash(), want.Hash())
	}
	if err := got.check(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// proposal is as much of RFC 9420 §12.1 as the vectors of trees hold.
type proposal struct {
	kind    ProposalType
	leaf    LeafNode
	removed LeafIndex
}

func (p *proposal) Decode(r *wire.Reader) {
	p.kind = ProposalType(r.U16())
	switch p.kind {
	case ProposalAdd: // a KeyPackage (§10)
		r.U16()
		r.U16()
		r.Opaque()
		p.leaf.Decode(r)
		new(Extensions).Decode(r)
		r.Opaque()
	case ProposalUpdate:
		p.leaf.Decode(r)
	case ProposalRemove:
		p.removed = LeafIndex(r.U32())
	default:
		r.Fail(wire.ErrValue)
	}
}

func TestVectorsTreeOperations(t *testing.T) {
	var cases []struct {
		Suite      suite.ID    `json:"cipher_suite"`
		Proposal   vectors.Hex `json:"proposal"`
		Sender     LeafIndex   `json:"proposal_sender"`
		Before     vectors.Hex `json:"tree_before"`
		HashBefore vectors.Hex `json:"tree_hash_before"`
		After      vectors.Hex `json:"tree_after"`
		HashAfter  vectors.Hex `json:"tree_hash_after"`
	}
	vectors.Read(t, "tree-operations.json", &cases)
	for i, c := range cases {
		s := suiteOf(t, c.Suite)
		before := parse(t, s, c.Before)
		if !bytes.Equal(before.Hash(), c.HashBefore) {
			t.Fatalf("case %d: hash before is %x, want %x", i, before.Hash(), c.HashBefore)
		}
		var p proposal
		if err := wire.Unmarshal(c.Proposal, &p); err != nil {
			t.Fatal(err)
		}
		e := before.Edit()
		var err error
		switch p.kind {
		case ProposalAdd:
			_, err = e.Add(&p.leaf)
		case ProposalUpdate:
			err = e.Update(c.Sender, &p.leaf)
		case ProposalRemove:
			err = e.Remove(p.removed)
		}
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		after, err := e.Tree()
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		same(t, "after", after, parse(t, s, c.After))
		if !bytes.Equal(after.Hash(), c.HashAfter) || !bytes.Equal(wire.Marshal(after), c.After) {
			t.Errorf("case %d: tree after is not the expected one", i)
		}
		if !bytes.Equal(wire.Marshal(before), c.Before) {
			t.Errorf("case %d: the tree before has changed", i)
		}
	}
	t.Logf("vectors tree-operations.json %d ok", len(cases))
}

func TestVectorsTreeValidation(t *testing.T) {
	var cases []struct {
		Suite       suite.ID      `json:"cipher_suite"`
		Tree        vectors.Hex   `json:"tree"`
		GroupID     vectors.Hex   `json:"group_id"`
		Hashes      []vectors.Hex `json:"tree_hashes"`
		Resolutions [][]NodeIndex `json:"resolutions"`
	}
	vectors.Read(t, "tree-validation.json", &cases)
	for i, c := range cases {
		s := suiteOf(t, c.Suite)
		tree := parse(t, s, c.Tree)
		if got := wire.Marshal(tree); !bytes.Equal(got, c.Tree) {
			t.Errorf("case %d: encodes to %x", i, got)
		}
		if len(c.Hashes) != 2*tree.Size()-1 {
			t.Fatalf("case %d: %d nodes, want %d", i, 2*tree.Size()-1, len(c.Hashes))
		}
		for at := range NodeIndex(len(c.Hashes)) {
			n := tree.reach(at)
			if got := n.hash(s.Nh()); !bytes.Equal(got, c.Hashes[at]) {
				t.Errorf("case %d: hash of node %d is %x, want %x", i, at, got, c.Hashes[at])
			}
			var got []NodeIndex
			tree.resolve(n, at, func(at NodeIndex, _ []byte) bool { got = append(got, at); return true })
			if !slices.Equal(got, c.Resolutions[at]) {
				t.Errorf("case %d: resolution of %d is %v, want %v", i, at, got, c.Resolutions[at])
			}
		}
		if err := tree.Verify(&Rules{Suite: s, GroupID: c.GroupID}); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
		// Leaves made for the group are bound to it.
		bound := false
		for _, l := range tree.Members() {
			bound = bound || l.Source != SourceKeyPackage
		}
		bad := new(Invalid)
		err := tree.Verify(&Rules{Suite: s, GroupID: append(vectors.Hex{1}, c.GroupID...)})
		if bound && (!errors.As(err, &bad) || bad.Check != CheckLeafSignature) {
			t.Errorf("case %d: for another group: %v", i, err)
		}
	}
	t.Logf("vectors tree-validation.json %d ok", len(cases))
}

type treeKEMCase struct {
	Suite      suite.ID    `json:"cipher_suite"`
	GroupID    vectors.Hex `json:"group_id"`
	Epoch      uint64      `json:"epoch"`
	Transcript vectors.Hex `json:"confirmed_transcript_hash"`
	Tree       vectors.Hex `json:"ratchet_tree"`
	Leaves     []struct {
		Index      LeafIndex   `json:"index"`
		Encryption vectors.Hex `json:"encryption_priv"`
		Signature  vectors.Hex `json:"signature_priv"`
		Secrets    []struct {
			Node   NodeIndex   `json:"node"`
			Secret vectors.Hex `json:"path_secret"`
		} `json:"path_secrets"`
	} `json:"leaves_private"`
	Paths []struct {
		Sender       LeafIndex      `json:"sender"`
		Path         vectors.Hex    `json:"update_path"`
		Secrets      []*vectors.Hex `json:"path_secrets"`
		CommitSecret vectors.Hex    `json:"commit_secret"`
		HashAfter    vectors.Hex    `json:"tree_hash_after"`
	} `json:"update_paths"`
}

// context is the provisional GroupContext (RFC 9420 §8.1).
func (c *treeKEMCase) context(treeHash []byte) []byte {
	var w wire.Writer
	w.U16(1)
	w.U16(uint16(c.Suite))
	w.Opaque(c.GroupID)
	w.U64(c.Epoch)
	w.Opaque(treeHash)
	w.Opaque(c.Transcript)
	w.Opaque(nil)
	return w.Bytes()
}

// privates are the keys that the case gives its members.
func (c *treeKEMCase) privates(t *testing.T, tree *Tree) map[LeafIndex]*Private {
	s := tree.suite
	out := map[LeafIndex]*Private{}
	for _, l := range c.Leaves {
		leaf, err := s.ParsePrivate(suite.Secret(l.Encryption))
		if err != nil {
			t.Fatal(err)
		}
		p := NewPrivate(s, l.Index, leaf).Follow(tree)
		for _, secret := range l.Secrets {
			keys, err := nodeKeys(s, []suite.Secret{suite.Secret(secret.Secret)})
			if err != nil {
				t.Fatal(err)
			}
			p.keys[secret.Node.Level()] = keys[0]
		}
		for level, key := range p.keys {
			at := l.Index.ancestor(level)
			if key != nil && !bytes.Equal(key.Public().Bytes(), tree.EncryptionKey(at)) {
				t.Errorf("leaf %d: key of node %d is not the tree's", l.Index, at)
			}
		}
		out[l.Index] = p
	}
	return out
}

func TestVectorsTreeKEM(t *testing.T) {
	var cases []treeKEMCase
	vectors.Read(t, "treekem.json", &cases)
	for i := range cases {
		c := &cases[i]
		s := suiteOf(t, c.Suite)
		tree := parse(t, s, c.Tree)
		privates := c.privates(t, tree)
		rules := &Rules{Suite: s, GroupID: c.GroupID}
		for _, p := range c.Paths {
			var path UpdatePath
			if err := wire.Unmarshal(p.Path, &path); err != nil {
				t.Fatal(err)
			}
			if err := rules.Check(&path.Leaf, SourceCommit, p.Sender); err != nil {
				t.Errorf("case %d: %v", i, err)
			}
			next, err := tree.Apply(p.Sender, &path, nil)
			if err != nil {
				t.Errorf("case %d, path of %d: %v", i, p.Sender, err)
				continue
			}
			if !bytes.Equal(next.Hash(), p.HashAfter) {
				t.Errorf("case %d, path of %d: hash after %x, want %x", i, p.Sender, next.Hash(), p.HashAfter)
			}
			for _, l := range c.Leaves {
				if l.Index == p.Sender {
					continue
				}
				own, secret, err := privates[l.Index].Open(next, p.Sender, &path, nil, c.context(next.Hash()))
				if err != nil {
					t.Errorf("case %d, path of %d read by %d: %v", i, p.Sender, l.Index, err)
					continue
				}
				if !bytes.Equal(secret, p.CommitSecret) {
					t.Errorf("case %d, path of %d read by %d: commit secret %x, want %x", i, p.Sender, l.Index, []byte(secret), p.CommitSecret)
				}
				// The vector's path secret is the one this member decrypts; the
				// Welcome's way of using it gives the same keys.
				joined, err := privates[l.Index].Join(next, p.Sender, suite.Secret(*p.Secrets[l.Index]))
				if err != nil {
					t.Errorf("case %d: %v", i, err)
				} else if !bytes.Equal(wire.Marshal(joined), wire.Marshal(own)) {
					t.Errorf("case %d, path of %d: joining and opening give leaf %d other keys", i, p.Sender, l.Index)
				}
			}
			c.renew(t, tree, privates, p.Sender, path.Leaf)
		}
	}
	t.Logf("vectors treekem.json %d ok", len(cases))
}

// renew makes a path of our own for the sender, which everybody reads.
func (c *treeKEMCase) renew(t *testing.T, tree *Tree, privates map[LeafIndex]*Private, sender LeafIndex, leaf LeafNode) {
	t.Helper()
	s := tree.suite
	var signer *suite.SigningKey
	for _, l := range c.Leaves {
		if l.Index == sender {
			var err error
			if signer, err = s.ParseSigningKey(suite.Secret(l.Signature)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rand := newRand(1)
	path, err := tree.NewPath(rand, sender, leaf, signer, c.GroupID)
	if err != nil {
		t.Fatal(err)
	}
	context := c.context(path.Next.Hash())
	update, err := path.Seal(rand, context, nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := tree.Apply(sender, update, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "own path", next, path.Next)
	for i, p := range privates {
		if i == sender {
			continue
		}
		_, secret, err := p.Open(next, sender, update, nil, context)
		if err != nil {
			t.Fatalf("own path of %d read by %d: %v", sender, i, err)
		}
		if !bytes.Equal(secret, path.CommitSecret()) {
			t.Fatalf("own path of %d read by %d: another commit secret", sender, i)
		}
	}
}
