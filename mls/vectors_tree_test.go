package mls

import (
	"bytes"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The families that judge the ratchet tree: tree-operations, tree-validation,
// treekem.

func treeOf(t *testing.T, s *suite.Suite, b []byte) *tree.Tree {
	t.Helper()
	parsed, err := tree.Parse(s, b)
	noError(t, "tree", err)
	equal(t, "tree", wire.Marshal(parsed), b)
	return parsed
}

type treeOperationCase struct {
	Suite      CipherSuite `json:"cipher_suite"`
	Proposal   hexed
	Sender     LeafIndex `json:"proposal_sender"`
	Before     hexed     `json:"tree_before"`
	HashBefore hexed     `json:"tree_hash_before"`
	After      hexed     `json:"tree_after"`
	HashAfter  hexed     `json:"tree_hash_after"`
}

func runTreeOperations(t *testing.T, c *treeOperationCase) {
	s := suiteOf(t, c.Suite)
	before := treeOf(t, s, c.Before)
	equal(t, "hash before", before.Hash(), c.HashBefore)
	r := wire.NewReader(c.Proposal)
	proposal := decodeProposal(r)
	noError(t, "proposal", r.Done())
	edit := before.Edit()
	var err error
	switch p := proposal.(type) {
	case *Add:
		_, err = edit.Add(p.KeyPackage.LeafNode)
	case *Update:
		err = edit.Update(c.Sender, p.LeafNode)
	case *Remove:
		err = edit.Remove(p.Removed)
	default:
		t.Fatalf("proposal of type %d", p.Type())
	}
	noError(t, "apply", err)
	after, err := edit.Tree()
	noError(t, "apply", err)
	equal(t, "tree after", wire.Marshal(after), c.After)
	equal(t, "hash after", after.Hash(), c.HashAfter)
	equal(t, "tree before", wire.Marshal(before), c.Before)
}

type treeValidationCase struct {
	Suite       CipherSuite `json:"cipher_suite"`
	Tree        hexed
	GroupID     hexed              `json:"group_id"`
	Hashes      []hexed            `json:"tree_hashes"`
	Resolutions [][]tree.NodeIndex `json:"resolutions"`
}

func runTreeValidation(t *testing.T, c *treeValidationCase) {
	s := suiteOf(t, c.Suite)
	parsed := treeOf(t, s, c.Tree)
	if len(c.Hashes) != 2*parsed.Size()-1 || len(c.Resolutions) != len(c.Hashes) {
		t.Fatalf("%d leaves, but %d hashes and %d resolutions", parsed.Size(), len(c.Hashes), len(c.Resolutions))
	}
	for i := range c.Hashes {
		at := tree.NodeIndex(i)
		equal(t, "hash", parsed.NodeHash(at), c.Hashes[i])
		if got := parsed.Resolution(at); !slices.Equal(got, c.Resolutions[i]) {
			t.Errorf("resolution of %d = %v, want %v", i, got, c.Resolutions[i])
		}
	}
	noError(t, "verify", parsed.Verify(&tree.Rules{Suite: s, GroupID: c.GroupID}))
}

type treeKEMCase struct {
	Suite      CipherSuite `json:"cipher_suite"`
	GroupID    hexed       `json:"group_id"`
	Epoch      uint64
	Transcript hexed `json:"confirmed_transcript_hash"`
	Tree       hexed `json:"ratchet_tree"`
	Leaves     []struct {
		Index      LeafIndex
		Encryption hexed `json:"encryption_priv"`
		Signature  hexed `json:"signature_priv"`
		Paths      []struct {
			Node   tree.NodeIndex
			Secret hexed `json:"path_secret"`
		} `json:"path_secrets"`
	} `json:"leaves_private"`
	Paths []struct {
		Sender       LeafIndex
		Path         hexed   `json:"update_path"`
		Secrets      []hexed `json:"path_secrets"`
		CommitSecret hexed   `json:"commit_secret"`
		HashAfter    hexed   `json:"tree_hash_after"`
	} `json:"update_paths"`
}

func (c *treeKEMCase) context(t *tree.Tree) []byte {
	return wire.Marshal(&GroupContext{
		Version: MLS10, CipherSuite: c.Suite, GroupID: c.GroupID, Epoch: c.Epoch, TreeHash: t.Hash(), ConfirmedTranscriptHash: c.Transcript,
	})
}

// private is what the vector says leaf i knows, put together as it is stored.
func (c *treeKEMCase) private(t *testing.T, before *tree.Tree, i int) *tree.Private {
	s, l := before.Suite(), c.Leaves[i]
	keys := make([]Secret, 1, 20)
	keys[0] = scalar(c.Suite, l.Encryption)
	for _, p := range l.Paths {
		key, err := s.DeriveKeyPair(s.DeriveSecret(Secret(p.Secret), "node"))
		noError(t, "node key", err)
		equal(t, "node key", key.Public().Bytes(), before.EncryptionKey(p.Node))
		for len(keys) <= p.Node.Level() {
			keys = append(keys, nil)
		}
		keys[p.Node.Level()] = key.Bytes()
	}
	var w wire.Writer
	w.U32(uint32(l.Index))
	w.Vector(func(w *wire.Writer) {
		for _, k := range keys {
			if w.Optional(k != nil) {
				w.Opaque(k)
			}
		}
	})
	r := wire.NewReader(w.Bytes())
	private := tree.DecodePrivate(s, r)
	noError(t, "private keys", r.Done())
	return private
}

func runTreeKEM(t *testing.T, c *treeKEMCase) {
	s := suiteOf(t, c.Suite)
	before := treeOf(t, s, c.Tree)
	for _, p := range c.Paths {
		path, err := parse[UpdatePath](p.Path)
		noError(t, "path", err)
		next, err := before.Apply(p.Sender, path, nil)
		noError(t, "apply", err)
		equal(t, "tree hash after", next.Hash(), p.HashAfter)
		if !path.Leaf.Verify(s, c.GroupID, p.Sender) {
			t.Error("the signature of the path's leaf is wrong")
		}
		c.open(t, before, next, p.Sender, path, p.CommitSecret)
		c.renew(t, before, p.Sender, path.Leaf)
	}
}

// open has every other member read the path.
func (c *treeKEMCase) open(t *testing.T, before, next *tree.Tree, sender LeafIndex, path *UpdatePath, want []byte) {
	t.Helper()
	for i, l := range c.Leaves {
		if l.Index == sender {
			continue
		}
		_, secret, err := c.private(t, before, i).Open(next, sender, path, nil, c.context(next))
		noError(t, "open", err)
		equal(t, "commit secret", secret, want)
	}
}

// renew makes a path of our own from the same leaf, for all to read.
func (c *treeKEMCase) renew(t *testing.T, before *tree.Tree, sender LeafIndex, leaf LeafNode) {
	t.Helper()
	s := before.Suite()
	for _, l := range c.Leaves {
		if l.Index != sender {
			continue
		}
		key, err := s.ParseSigningKey(scalar(c.Suite, l.Signature))
		noError(t, "signing key", err)
		made, err := before.NewPath(newRand(3), sender, leaf, key, c.GroupID)
		noError(t, "new path", err)
		path, err := made.Seal(newRand(4), c.context(made.Next), nil)
		noError(t, "seal", err)
		next, err := before.Apply(sender, path, nil)
		noError(t, "apply own", err)
		if !bytes.Equal(next.Hash(), made.Next.Hash()) {
			t.Error("own path gives another tree than its receiver gets")
		}
		c.open(t, before, next, sender, path, made.CommitSecret())
	}
}
