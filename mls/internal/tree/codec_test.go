package tree

import (
	"bytes"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
	"pgregory.net/rapid"
)

// codec is a wire type: *T encodes and decodes.
type codec[T any] interface {
	*T
	wire.Encoder
	wire.Decoder
}

// laws holds the four codec laws on one value: decode inverts encode, every
// strict prefix fails, trailing bytes fail, and encode inverts decode on
// accepted input.
func laws[T any, P codec[T]](t fataler, v P) {
	b := wire.Marshal(v)
	var back T
	if err := wire.Unmarshal(b, P(&back)); err != nil {
		t.Fatalf("decoding what was encoded: %v", err)
	}
	if again := wire.Marshal(P(&back)); !bytes.Equal(again, b) {
		t.Fatalf("round trip: %x became %x", b, again)
	}
	for n := range b {
		var short T
		if wire.Unmarshal(b[:n:n], P(&short)) == nil {
			t.Fatalf("prefix of %d of %d bytes accepted", n, len(b))
		}
	}
	if wire.Unmarshal(append(bytes.Clone(b), 0), P(&back)) == nil {
		t.Fatalf("trailing byte accepted")
	}
}

// fuzzCodec: whatever decodes encodes to the same bytes; nothing panics.
func fuzzCodec[T any, P codec[T]](f *testing.F, seeds ...P) {
	for _, s := range seeds {
		f.Add(wire.Marshal(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v T
		if wire.Unmarshal(b, P(&v)) != nil {
			return
		}
		if again := wire.Marshal(P(&v)); !bytes.Equal(again, b) {
			t.Fatalf("%x decoded and encoded is %x", b, again)
		}
	})
}

func some(n int) *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, n) }

func list[T ~uint16]() *rapid.Generator[[]T] {
	return rapid.SliceOfN(rapid.Map(rapid.Uint16(), func(v uint16) T { return T(v) }), 0, 6)
}

var anyCredential = rapid.Custom(func(t *rapid.T) Credential {
	c := Credential{Type: CredentialType(rapid.Uint16Range(0, 3).Draw(t, "credential type"))}
	if c.Type == X509 {
		c.Certificates = rapid.SliceOfN(some(70), 0, 3).Draw(t, "certificates")
	} else {
		c.Identity = some(70).Draw(t, "identity")
	}
	return c
})

var anyCapabilities = rapid.Custom(func(t *rapid.T) Capabilities {
	return Capabilities{
		Versions:     list[Version]().Draw(t, "versions"),
		CipherSuites: list[suite.ID]().Draw(t, "suites"),
		Extensions:   list[ExtensionType]().Draw(t, "extensions"),
		Proposals:    list[ProposalType]().Draw(t, "proposals"),
		Credentials:  list[CredentialType]().Draw(t, "credentials"),
	}
})

var anyExtensions = rapid.Custom(func(t *rapid.T) Extensions {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Extension {
		return Extension{ExtensionType(rapid.Uint16().Draw(t, "type")), some(70).Draw(t, "data")}
	}), 0, 3).Draw(t, "extensions")
})

var anyLeafNode = rapid.Custom(func(t *rapid.T) LeafNode {
	l := LeafNode{
		EncryptionKey: some(70).Draw(t, "encryption key"),
		SignatureKey:  some(70).Draw(t, "signature key"),
		Credential:    anyCredential.Draw(t, "credential"),
		Capabilities:  anyCapabilities.Draw(t, "capabilities"),
		Source:        LeafNodeSource(rapid.Uint8Range(1, 3).Draw(t, "source")),
		Extensions:    anyExtensions.Draw(t, "extensions"),
		Signature:     some(70).Draw(t, "signature"),
	}
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{rapid.Uint64().Draw(t, "not before"), rapid.Uint64().Draw(t, "not after")}
	case SourceCommit:
		l.ParentHash = some(70).Draw(t, "parent hash")
	}
	return l
})

var anyParentNode = rapid.Custom(func(t *rapid.T) ParentNode {
	p := ParentNode{EncryptionKey: some(70).Draw(t, "key"), ParentHash: some(70).Draw(t, "parent hash")}
	next := LeafIndex(0)
	for _, step := range rapid.SliceOfN(rapid.Uint32Range(0, 1000), 0, 20).Draw(t, "unmerged") {
		p.UnmergedLeaves = append(p.UnmergedLeaves, next+LeafIndex(step))
		next += LeafIndex(step) + 1
	}
	return p
})

var anyCiphertext = rapid.Custom(func(t *rapid.T) HPKECiphertext {
	return HPKECiphertext{KEMOutput: some(70).Draw(t, "kem output"), Ciphertext: some(70).Draw(t, "ciphertext")}
})

var anyPathNode = rapid.Custom(func(t *rapid.T) UpdatePathNode {
	return UpdatePathNode{some(70).Draw(t, "key"), rapid.SliceOfN(anyCiphertext, 0, 3).Draw(t, "ciphertexts")}
})

var anyUpdatePath = rapid.Custom(func(t *rapid.T) UpdatePath {
	return UpdatePath{anyLeafNode.Draw(t, "leaf"), rapid.SliceOfN(anyPathNode, 0, 3).Draw(t, "nodes")}
})

func TestCodecLaws(t *testing.T) {
	t.Run("Credential", rapid.MakeCheck(func(t *rapid.T) { v := anyCredential.Draw(t, "v"); laws(t, &v) }))
	t.Run("Capabilities", rapid.MakeCheck(func(t *rapid.T) { v := anyCapabilities.Draw(t, "v"); laws(t, &v) }))
	t.Run("Extensions", rapid.MakeCheck(func(t *rapid.T) { v := anyExtensions.Draw(t, "v"); laws(t, &v) }))
	t.Run("RequiredCapabilities", rapid.MakeCheck(func(t *rapid.T) {
		v := anyCapabilities.Draw(t, "v")
		laws(t, &RequiredCapabilities{v.Extensions, v.Proposals, v.Credentials})
	}))
	t.Run("LeafNode", rapid.MakeCheck(func(t *rapid.T) { v := anyLeafNode.Draw(t, "v"); laws(t, &v) }))
	t.Run("ParentNode", rapid.MakeCheck(func(t *rapid.T) { v := anyParentNode.Draw(t, "v"); laws(t, &v) }))
	t.Run("HPKECiphertext", rapid.MakeCheck(func(t *rapid.T) { v := anyCiphertext.Draw(t, "v"); laws(t, &v) }))
	t.Run("UpdatePathNode", rapid.MakeCheck(func(t *rapid.T) { v := anyPathNode.Draw(t, "v"); laws(t, &v) }))
	t.Run("UpdatePath", rapid.MakeCheck(func(t *rapid.T) { v := anyUpdatePath.Draw(t, "v"); laws(t, &v) }))
}

// What the structs of §7 cannot say is refused while decoding.
func TestDecodeRefuses(t *testing.T) {
	refuse := func(name string, v wire.Encoder, into wire.Decoder) {
		t.Helper()
		if wire.Unmarshal(wire.Marshal(v), into) == nil {
			t.Errorf("%s accepted", name)
		}
	}
	refuse("unmerged leaves out of order", &ParentNode{UnmergedLeaves: []LeafIndex{2, 1}}, new(ParentNode))
	refuse("an unmerged leaf twice", &ParentNode{UnmergedLeaves: []LeafIndex{2, 2}}, new(ParentNode))
	refuse("leaf source 0", &LeafNode{Source: 0}, new(LeafNode))
	refuse("leaf source 4", &LeafNode{Source: 4}, new(LeafNode))
	// A list of uint16 with half an item.
	if wire.Unmarshal([]byte{3, 0, 1, 0, 0, 0, 0, 0}, new(Capabilities)) == nil {
		t.Errorf("half a capability accepted")
	}
}

func FuzzLeafNode(f *testing.F)     { fuzzCodec(f, &LeafNode{Source: SourceCommit, ParentHash: []byte{1}}) }
func FuzzParentNode(f *testing.F)   { fuzzCodec(f, &ParentNode{UnmergedLeaves: []LeafIndex{1, 5}}) }
func FuzzCredential(f *testing.F)   { fuzzCodec(f, &Credential{Type: X509, Certificates: [][]byte{{1}}}) }
func FuzzExtensions(f *testing.F)   { fuzzCodec(f, &Extensions{{1, []byte{2}}}) }
func FuzzCapabilities(f *testing.F) { fuzzCodec(f, &Capabilities{Versions: []Version{MLS10}}) }
func FuzzCiphertext(f *testing.F) {
	fuzzCodec(f, &HPKECiphertext{KEMOutput: []byte{1}, Ciphertext: []byte{2}})
}

func FuzzRequiredCapabilities(f *testing.F) {
	fuzzCodec(f, &RequiredCapabilities{Credentials: []CredentialType{Basic}})
}

func FuzzUpdatePath(f *testing.F) {
	fuzzCodec(f, &UpdatePath{LeafNode{Source: SourceCommit}, []UpdatePathNode{{[]byte{1}, []HPKECiphertext{{}}}}})
}
