package mls

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The four laws of a codec, for every type on the wire:
//
//  1. what is encoded decodes to the same;
//  2. no strict prefix decodes;
//  3. nothing with bytes left over decodes;
//  4. what decodes encodes to the same bytes.

type codec interface {
	wire.Encoder
	wire.Decoder
}

// lawful is a type under the laws.
type lawful struct {
	name string
	draw func(*rapid.T) wire.Encoder
	zero func() codec
}

func law[T any, P interface {
	*T
	codec
}](draw func(*rapid.T) *T) lawful {
	return lawful{reflect.TypeFor[T]().Name(), func(t *rapid.T) wire.Encoder { return P(draw(t)) }, func() codec { return P(new(T)) }}
}

var laws = []lawful{
	law(drawMessage), law(drawPublic), law(drawPrivate), law(drawWelcome), law(drawInfo), law(drawKeyPackage), law(drawSecrets), law(drawCommit),
	law(drawContent), law(drawContext), law(drawReInit),
	law(func(t *rapid.T) *Sender { return &drawContent(t).Sender }),
	law(func(t *rapid.T) *AuthenticatedContent {
		a := &AuthenticatedContent{WireFormat: WirePublicMessage, Content: *drawContent(t)}
		a.Auth = drawAuth(t, a.Content.ContentType)
		return a
	}),
	law(func(t *rapid.T) *ProposalOrRef {
		if rapid.Bool().Draw(t, "ref") {
			return &ProposalOrRef{Reference: drawBytes(t, "ref")}
		}
		return &ProposalOrRef{Proposal: drawProposal(t)}
	}),
	law(func(t *rapid.T) *Add { return &Add{KeyPackage: drawKeyPackage(t)} }),
	law(func(t *rapid.T) *Update { return &Update{LeafNode: drawLeaf(t)} }),
	law(func(t *rapid.T) *Remove { return &Remove{Removed: LeafIndex(rapid.Uint32().Draw(t, "leaf"))} }),
	law(func(t *rapid.T) *PreSharedKey { return &PreSharedKey{PSK: drawPSK(t)} }),
	law(func(t *rapid.T) *ExternalInit { return &ExternalInit{KEMOutput: drawBytes(t, "kem")} }),
	law(func(t *rapid.T) *GroupContextExtensions {
		return &GroupContextExtensions{Extensions: drawExtensions(t)}
	}),
	law(func(t *rapid.T) *ExternalSender {
		return &ExternalSender{SignatureKey: drawBytes(t, "key"), Credential: drawCredential(t)}
	}),
	law(func(t *rapid.T) *externalPub { return &externalPub{key: drawBytes(t, "key")} }),
}

func TestCodecLaws(t *testing.T) {
	for _, o := range laws {
		t.Run(o.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				b := wire.Marshal(o.draw(t))
				x := o.zero()
				if err := wire.Unmarshal(b, x); err != nil {
					t.Fatalf("1: %v", err)
				}
				if again := wire.Marshal(x); !bytes.Equal(again, b) {
					t.Fatalf("1: %x became %x", b, again)
				}
				for i := range b {
					if wire.Unmarshal(b[:i], o.zero()) == nil {
						t.Fatalf("2: %d of %d bytes decode", i, len(b))
					}
				}
				if wire.Unmarshal(append(bytes.Clone(b), 0), o.zero()) == nil {
					t.Fatal("3: a byte left over")
				}
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				if x := o.zero(); wire.Unmarshal(b, x) == nil && !bytes.Equal(wire.Marshal(x), b) {
					t.Fatalf("4: %x decodes and encodes to %x", b, wire.Marshal(x))
				}
			})
		})
	}
}

// What follows draws every type, with short byte strings, so that all prefixes
// can be tried.

func drawBytes(t *rapid.T, name string) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, name)
}

func drawExtensions(t *rapid.T) Extensions {
	var out Extensions
	for i := range rapid.IntRange(0, 2).Draw(t, "extensions") {
		out = append(out, Extension{Type: ExtensionType(i), Data: drawBytes(t, "data")})
	}
	return out
}

func drawCredential(t *rapid.T) Credential {
	if rapid.Bool().Draw(t, "x509") {
		return Credential{Type: CredentialX509, Certificates: [][]byte{drawBytes(t, "certificate")}}
	}
	return Credential{Type: CredentialBasic, Identity: drawBytes(t, "identity")}
}

func drawLeaf(t *rapid.T) *LeafNode {
	l := &LeafNode{
		EncryptionKey: drawBytes(t, "encryption key"), SignatureKey: drawBytes(t, "signature key"), Credential: drawCredential(t),
		Capabilities: DefaultCapabilities(1), Source: tree.LeafNodeSource(rapid.IntRange(1, 3).Draw(t, "source")), Extensions: drawExtensions(t),
		Signature: drawBytes(t, "signature"),
	}
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{NotBefore: 1, NotAfter: rapid.Uint64().Draw(t, "not after")}
	case SourceCommit:
		l.ParentHash = drawBytes(t, "parent hash")
	}
	return l
}

func drawKeyPackage(t *rapid.T) *KeyPackage {
	return &KeyPackage{
		Version: MLS10, CipherSuite: CipherSuite(rapid.Uint16().Draw(t, "suite")), InitKey: drawBytes(t, "init key"),
		LeafNode: drawLeaf(t), Extensions: drawExtensions(t), Signature: drawBytes(t, "signature"),
	}
}

func drawPSK(t *rapid.T) PreSharedKeyID {
	if rapid.Bool().Draw(t, "external") {
		return PreSharedKeyID{Type: ExternalPSK, ID: drawBytes(t, "psk id"), Nonce: drawBytes(t, "nonce")}
	}
	return PreSharedKeyID{
		Type: ResumptionPSK, Usage: PSKUsage(rapid.IntRange(1, 3).Draw(t, "usage")), GroupID: drawBytes(t, "group"),
		Epoch: rapid.Uint64().Draw(t, "epoch"), Nonce: drawBytes(t, "nonce"),
	}
}

func drawProposal(t *rapid.T) Proposal {
	switch rapid.IntRange(0, 7).Draw(t, "proposal") {
	case 0:
		return &Add{KeyPackage: drawKeyPackage(t)}
	case 1:
		return &Update{LeafNode: drawLeaf(t)}
	case 2:
		return &Remove{Removed: LeafIndex(rapid.Uint32().Draw(t, "leaf"))}
	case 3:
		return &PreSharedKey{PSK: drawPSK(t)}
	case 4:
		return drawReInit(t)
	case 5:
		return &ExternalInit{KEMOutput: drawBytes(t, "kem")}
	case 6:
		return &GroupContextExtensions{Extensions: drawExtensions(t)}
	default:
		return &Custom{Kind: unknownProposal, Data: drawBytes(t, "data")}
	}
}

func drawReInit(t *rapid.T) *ReInit {
	return &ReInit{GroupID: drawBytes(t, "group"), Version: MLS10, CipherSuite: 3, Extensions: drawExtensions(t)}
}

func drawCiphertext(t *rapid.T) HPKECiphertext {
	return HPKECiphertext{KEMOutput: drawBytes(t, "kem"), Ciphertext: drawBytes(t, "ciphertext")}
}

func drawCommit(t *rapid.T) *Commit {
	c := &Commit{}
	for range rapid.IntRange(0, 2).Draw(t, "proposals") {
		if rapid.Bool().Draw(t, "by value") {
			c.Proposals = append(c.Proposals, ProposalOrRef{Proposal: drawProposal(t)})
		} else {
			c.Proposals = append(c.Proposals, ProposalOrRef{Reference: drawBytes(t, "ref")})
		}
	}
	if rapid.Bool().Draw(t, "path") {
		c.Path = &UpdatePath{Leaf: *drawLeaf(t)}
		for range rapid.IntRange(0, 2).Draw(t, "nodes") {
			c.Path.Nodes = append(c.Path.Nodes, tree.UpdatePathNode{EncryptionKey: drawBytes(t, "key"), EncryptedPathSecret: []HPKECiphertext{drawCiphertext(t)}})
		}
	}
	return c
}

func drawContent(t *rapid.T) *FramedContent {
	c := &FramedContent{
		GroupID: drawBytes(t, "group"), Epoch: rapid.Uint64().Draw(t, "epoch"), AuthenticatedData: drawBytes(t, "aad"),
		Sender:      Sender{Type: SenderType(rapid.IntRange(1, 4).Draw(t, "sender"))},
		ContentType: ContentType(rapid.IntRange(1, 3).Draw(t, "content")),
	}
	if c.Sender.Type <= SenderExternal {
		c.Sender.Index = rapid.Uint32().Draw(t, "index")
	}
	switch c.ContentType {
	case ContentApplication:
		c.Application = drawBytes(t, "application")
	case ContentProposal:
		c.Proposal = drawProposal(t)
	case ContentCommit:
		c.Commit = drawCommit(t)
	}
	return c
}

func drawAuth(t *rapid.T, c ContentType) AuthData {
	a := AuthData{Signature: drawBytes(t, "signature")}
	if c == ContentCommit {
		a.ConfirmationTag = drawBytes(t, "tag")
	}
	return a
}

func drawPublic(t *rapid.T) *PublicMessage {
	m := &PublicMessage{Content: *drawContent(t)}
	m.Auth = drawAuth(t, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		m.MembershipTag = drawBytes(t, "tag")
	}
	return m
}

func drawPrivate(t *rapid.T) *PrivateMessage {
	return &PrivateMessage{
		GroupID: drawBytes(t, "group"), Epoch: rapid.Uint64().Draw(t, "epoch"), ContentType: ContentType(rapid.IntRange(1, 3).Draw(t, "content")),
		AuthenticatedData: drawBytes(t, "aad"), EncryptedSenderData: drawBytes(t, "sender"), Ciphertext: drawBytes(t, "ciphertext"),
	}
}

func drawContext(t *rapid.T) *GroupContext {
	return &GroupContext{
		Version: MLS10, CipherSuite: 1, GroupID: drawBytes(t, "group"), Epoch: rapid.Uint64().Draw(t, "epoch"),
		TreeHash: drawBytes(t, "tree hash"), ConfirmedTranscriptHash: drawBytes(t, "transcript"), Extensions: drawExtensions(t),
	}
}

func drawInfo(t *rapid.T) *GroupInfo {
	return &GroupInfo{
		GroupContext: *drawContext(t), Extensions: drawExtensions(t), ConfirmationTag: drawBytes(t, "tag"), Signer: 3, Signature: drawBytes(t, "signature"),
	}
}

func drawWelcome(t *rapid.T) *Welcome {
	m := &Welcome{CipherSuite: 2, EncryptedGroupInfo: drawBytes(t, "info")}
	for range rapid.IntRange(0, 2).Draw(t, "members") {
		m.Secrets = append(m.Secrets, encryptedGroupSecrets{NewMember: drawBytes(t, "ref"), Secrets: drawCiphertext(t)})
	}
	return m
}

func drawSecrets(t *rapid.T) *groupSecrets {
	g := &groupSecrets{JoinerSecret: drawBytes(t, "joiner")}
	if rapid.Bool().Draw(t, "path") {
		g.PathSecret = append(Secret{}, drawBytes(t, "path secret")...)
	}
	for range rapid.IntRange(0, 2).Draw(t, "psks") {
		g.PSKs = append(g.PSKs, drawPSK(t))
	}
	return g
}

func drawMessage(t *rapid.T) *Message {
	m := &Message{WireFormat: WireFormat(rapid.IntRange(1, 5).Draw(t, "wire format"))}
	switch m.WireFormat {
	case WirePublicMessage:
		m.Public = drawPublic(t)
	case WirePrivateMessage:
		m.Private = drawPrivate(t)
	case WireWelcome:
		m.Welcome = drawWelcome(t)
	case WireGroupInfo:
		m.GroupInfo = drawInfo(t)
	case WireKeyPackage:
		m.KeyPackage = drawKeyPackage(t)
	}
	return m
}
