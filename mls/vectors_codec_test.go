package mls

import (
	"testing"

	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The families that judge encodings: deserialization, tree-math, messages.

type deserializationCase struct {
	Header hexed `json:"vlbytes_header"`
	Length int   `json:"length"`
}

func runDeserialization(t *testing.T, c *deserializationCase) {
	r := wire.NewReader(c.Header)
	if got := r.Varint(); got != c.Length || r.Done() != nil {
		t.Errorf("length %d, %v; want %d", got, r.Done(), c.Length)
	}
	var w wire.Writer
	w.Varint(c.Length)
	equal(t, "header", w.Bytes(), c.Header)
}

type treeMathCase struct {
	Leaves  uint32    `json:"n_leaves"`
	Nodes   uint32    `json:"n_nodes"`
	Root    uint32    `json:"root"`
	Left    []*uint32 `json:"left"`
	Right   []*uint32 `json:"right"`
	Parent  []*uint32 `json:"parent"`
	Sibling []*uint32 `json:"sibling"`
}

func runTreeMath(t *testing.T, c *treeMathCase) {
	depth := 0
	for 1<<depth < c.Leaves {
		depth++
	}
	root := tree.Root(depth)
	if uint32(root) != c.Root || 2*c.Leaves-1 != c.Nodes {
		t.Errorf("root %d, %d nodes; want %d, %d", root, 2*c.Leaves-1, c.Root, c.Nodes)
	}
	same := func(what string, n tree.NodeIndex, want *uint32, exists bool, of func(tree.NodeIndex) tree.NodeIndex) {
		if exists != (want != nil) {
			t.Errorf("%s of %d: exists %v, want %v", what, n, exists, want != nil)
		} else if exists && uint32(of(n)) != *want {
			t.Errorf("%s of %d = %d, want %d", what, n, of(n), *want)
		}
	}
	for i := range c.Nodes {
		n := tree.NodeIndex(i)
		same("left", n, c.Left[i], !n.IsLeaf(), tree.NodeIndex.Left)
		same("right", n, c.Right[i], !n.IsLeaf(), tree.NodeIndex.Right)
		same("parent", n, c.Parent[i], n != root, tree.NodeIndex.Parent)
		same("sibling", n, c.Sibling[i], n != root, tree.NodeIndex.Sibling)
	}
}

type messagesCase struct {
	Welcome    hexed `json:"mls_welcome"`
	GroupInfo  hexed `json:"mls_group_info"`
	KeyPackage hexed `json:"mls_key_package"`

	RatchetTree  hexed `json:"ratchet_tree"`
	GroupSecrets hexed `json:"group_secrets"`

	Add          hexed `json:"add_proposal"`
	Update       hexed `json:"update_proposal"`
	Remove       hexed `json:"remove_proposal"`
	PreSharedKey hexed `json:"pre_shared_key_proposal"`
	ReInit       hexed `json:"re_init_proposal"`
	ExternalInit hexed `json:"external_init_proposal"`
	Extensions   hexed `json:"group_context_extensions_proposal"`

	Commit            hexed `json:"commit"`
	PublicApplication hexed `json:"public_message_application"`
	PublicProposal    hexed `json:"public_message_proposal"`
	PublicCommit      hexed `json:"public_message_commit"`
	PrivateMessage    hexed `json:"private_message"`
}

func runMessages(t *testing.T, c *messagesCase) {
	for what, b := range map[string]struct {
		bytes hexed
		want  WireFormat
	}{
		"welcome": {c.Welcome, WireWelcome}, "group info": {c.GroupInfo, WireGroupInfo}, "key package": {c.KeyPackage, WireKeyPackage},
		"public application": {c.PublicApplication, WirePublicMessage}, "public proposal": {c.PublicProposal, WirePublicMessage},
		"public commit": {c.PublicCommit, WirePublicMessage}, "private message": {c.PrivateMessage, WirePrivateMessage},
	} {
		m, err := ParseMessage(b.bytes)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if m.WireFormat != b.want {
			t.Errorf("%s is a %v", what, m.WireFormat)
		}
		equal(t, what, m.Marshal(), b.bytes)
	}
	roundTrip[groupSecrets](t, "group secrets", c.GroupSecrets)
	roundTrip[Add](t, "add", c.Add)
	roundTrip[Update](t, "update", c.Update)
	roundTrip[Remove](t, "remove", c.Remove)
	roundTrip[PreSharedKey](t, "psk", c.PreSharedKey)
	roundTrip[ReInit](t, "reinit", c.ReInit)
	roundTrip[ExternalInit](t, "external init", c.ExternalInit)
	roundTrip[GroupContextExtensions](t, "extensions", c.Extensions)
	roundTrip[Commit](t, "commit", c.Commit)
	treeOf(t, base, c.RatchetTree)
}

func roundTrip[T any, P interface {
	decoder[T]
	wire.Encoder
}](t *testing.T, what string, b []byte) {
	t.Helper()
	x, err := parse[T, P](b)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	equal(t, what, wire.Marshal(P(x)), b)
}
