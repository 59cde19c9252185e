package mls

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Part is a piece of an MLS object, as a person reads it.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Parts []Part `json:"parts,omitempty"`
}

// Inspect takes any MLS bytes apart, without keys: an MLSMessage, or one of
// the objects inside one. Where the bytes read as several, the first of the
// order tried is meant, MLSMessage before all.
func Inspect(b []byte) (Part, error) {
	first, err := ParseMessage(b)
	if err == nil {
		return inspectMessage(first), nil
	}
	for _, try := range []func([]byte) (Part, bool){
		bare("key_package", inspectKeyPackage), bare("group_info", inspectGroupInfo), bare("welcome", inspectWelcome),
		bare("leaf_node", inspectLeaf), bare("group_context", inspectContext), inspectTreeBytes,
		bare("commit", inspectCommit), inspectProposalBytes,
	} {
		if p, ok := try(b); ok {
			return p, nil
		}
	}
	return Part{}, err
}

// String is the part as an indented outline.
func (p Part) String() string {
	var b strings.Builder
	p.outline(&b, 0)
	return b.String()
}

func (p Part) outline(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%s%s", strings.Repeat("  ", depth), p.Name)
	if p.Value != "" {
		fmt.Fprintf(b, ": %s", p.Value)
	}
	b.WriteByte('\n')
	for _, q := range p.Parts {
		q.outline(b, depth+1)
	}
}

func bare[T any, P decoder[T]](name string, show func(string, *T) Part) func([]byte) (Part, bool) {
	return func(b []byte) (Part, bool) {
		x, err := parse[T, P](b)
		if err != nil {
			return Part{}, false
		}
		return show(name, x), true
	}
}

func part(name string, parts ...Part) Part { return Part{Name: name, Parts: parts} }

func text(name string, value any) Part { return Part{Name: name, Value: fmt.Sprint(value)} }

// shown bounds how much of a byte string is written out.
const shown = 32

func blob(name string, b []byte) Part {
	switch {
	case len(b) == 0:
		return Part{Name: name, Value: "(empty)"}
	case len(b) > shown:
		return Part{Name: name, Value: fmt.Sprintf("%s… (%d bytes)", hex.EncodeToString(b[:shown]), len(b))}
	default:
		return Part{Name: name, Value: hex.EncodeToString(b)}
	}
}

func inspectMessage(m *Message) Part {
	switch m.WireFormat {
	case WirePublicMessage:
		p := inspectContent("public_message", &m.Public.Content)
		p.Parts = append(p.Parts, inspectAuth(&m.Public.Auth)...)
		if m.Public.MembershipTag != nil {
			p.Parts = append(p.Parts, blob("membership_tag", m.Public.MembershipTag))
		}
		return p
	case WirePrivateMessage:
		v := m.Private
		return part("private_message", blob("group_id", v.GroupID), text("epoch", v.Epoch), text("content_type", v.ContentType),
			blob("authenticated_data", v.AuthenticatedData), blob("encrypted_sender_data", v.EncryptedSenderData), blob("ciphertext", v.Ciphertext))
	case WireWelcome:
		return inspectWelcome("welcome", m.Welcome)
	case WireGroupInfo:
		return inspectGroupInfo("group_info", m.GroupInfo)
	default:
		return inspectKeyPackage("key_package", m.KeyPackage)
	}
}

func inspectContent(name string, c *FramedContent) Part {
	p := part(name, blob("group_id", c.GroupID), text("epoch", c.Epoch), inspectSender(c.Sender), blob("authenticated_data", c.AuthenticatedData))
	switch c.ContentType {
	case ContentApplication:
		p.Parts = append(p.Parts, blob("application", c.Application))
	case ContentProposal:
		p.Parts = append(p.Parts, inspectProposal(c.Proposal))
	case ContentCommit:
		p.Parts = append(p.Parts, inspectCommit("commit", c.Commit))
	}
	return p
}

func inspectSender(s Sender) Part {
	if s.Type == SenderMember || s.Type == SenderExternal {
		return text("sender", fmt.Sprintf("%v %d", s.Type, s.Index))
	}
	return text("sender", s.Type)
}

func inspectAuth(a *AuthData) []Part {
	parts := []Part{blob("signature", a.Signature)}
	if a.ConfirmationTag != nil {
		parts = append(parts, blob("confirmation_tag", a.ConfirmationTag))
	}
	return parts
}

func inspectCommit(name string, c *Commit) Part {
	p := part(name)
	for i := range c.Proposals {
		if c.Proposals[i].Proposal != nil {
			p.Parts = append(p.Parts, inspectProposal(c.Proposals[i].Proposal))
		} else {
			p.Parts = append(p.Parts, blob("proposal by reference", c.Proposals[i].Reference))
		}
	}
	if c.Path == nil {
		return p
	}
	path := part("path", inspectLeaf("leaf_node", &c.Path.Leaf))
	for i := range c.Path.Nodes {
		n := &c.Path.Nodes[i]
		path.Parts = append(path.Parts, part("node", blob("encryption_key", n.EncryptionKey), text("ciphertexts", len(n.EncryptedPathSecret))))
	}
	p.Parts = append(p.Parts, path)
	return p
}

func inspectProposal(p Proposal) Part {
	switch p := p.(type) {
	case *Add:
		return part("add", inspectKeyPackage("key_package", p.KeyPackage))
	case *Update:
		return part("update", inspectLeaf("leaf_node", p.LeafNode))
	case *Remove:
		return text("remove", fmt.Sprintf("leaf %d", p.Removed))
	case *PreSharedKey:
		return part("psk", inspectPSK(&p.PSK))
	case *ReInit:
		return part("reinit", blob("group_id", p.GroupID), text("version", p.Version), suiteName(p.CipherSuite), inspectExtensions(p.Extensions))
	case *ExternalInit:
		return part("external_init", blob("kem_output", p.KEMOutput))
	case *GroupContextExtensions:
		return part("group_context_extensions", inspectExtensions(p.Extensions))
	case *Custom:
		return part("custom", text("type", fmt.Sprintf("0x%04x", uint16(p.Kind))), blob("data", p.Data))
	default:
		return text("proposal", p.Type())
	}
}

func inspectProposalBytes(b []byte) (Part, bool) {
	r := wire.NewReader(b)
	p := decodeProposal(r)
	if _, custom := p.(*Custom); r.Done() != nil || custom {
		return Part{}, false
	}
	return inspectProposal(p), true
}

func inspectPSK(id *PreSharedKeyID) Part {
	if id.Type == ExternalPSK {
		return part("external", blob("psk_id", id.ID), blob("psk_nonce", id.Nonce))
	}
	return part("resumption", text("usage", name(id.Usage, "application", "reinit", "branch")), blob("psk_group_id", id.GroupID),
		text("psk_epoch", id.Epoch), blob("psk_nonce", id.Nonce))
}

func inspectKeyPackage(name string, k *KeyPackage) Part {
	p := part(name, text("version", k.Version), suiteName(k.CipherSuite), blob("init_key", k.InitKey),
		inspectLeaf("leaf_node", k.LeafNode), inspectExtensions(k.Extensions), blob("signature", k.Signature))
	return p
}

func inspectLeaf(name string, l *LeafNode) Part {
	p := part(name, blob("encryption_key", l.EncryptionKey), blob("signature_key", l.SignatureKey), inspectCredential(&l.Credential),
		inspectCapabilities(&l.Capabilities))
	switch l.Source {
	case SourceKeyPackage:
		p.Parts = append(p.Parts, text("source", "key_package"), text("lifetime", fmt.Sprintf("%d to %d", l.Lifetime.NotBefore, l.Lifetime.NotAfter)))
	case SourceUpdate:
		p.Parts = append(p.Parts, text("source", "update"))
	case SourceCommit:
		p.Parts = append(p.Parts, text("source", "commit"), blob("parent_hash", l.ParentHash))
	}
	p.Parts = append(p.Parts, inspectExtensions(l.Extensions), blob("signature", l.Signature))
	return p
}

func inspectCredential(c *Credential) Part {
	switch c.Type {
	case CredentialBasic:
		return part("credential", text("type", "basic"), text("identity", fmt.Sprintf("%q", c.Identity)))
	case CredentialX509:
		p := part("credential", text("type", "x509"))
		for _, cert := range c.Certificates {
			p.Parts = append(p.Parts, blob("certificate", cert))
		}
		return p
	default:
		return part("credential", text("type", fmt.Sprintf("0x%04x", uint16(c.Type))), blob("data", c.Identity))
	}
}

func inspectCapabilities(c *Capabilities) Part {
	return part("capabilities", numbers("versions", c.Versions), numbers("cipher_suites", c.CipherSuites), numbers("extensions", c.Extensions),
		numbers("proposals", c.Proposals), numbers("credentials", c.Credentials))
}

func numbers[T ~uint16](name string, list []T) Part {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprintf("0x%04x", uint16(v))
	}
	return text(name, strings.Join(words, " "))
}

func inspectExtensions(list Extensions) Part {
	p := part("extensions")
	for _, x := range list {
		p.Parts = append(p.Parts, blob(extensionName(x.Type), x.Data))
	}
	return p
}

func extensionName(t ExtensionType) string {
	if t.Default() {
		return name(t, "application_id", "ratchet_tree", "required_capabilities", "external_pub", "external_senders")
	}
	return fmt.Sprintf("0x%04x", uint16(t))
}

func suiteName(id CipherSuite) Part {
	if s, err := lookup(id, CheckPackageSuite); err == nil {
		return text("cipher_suite", fmt.Sprintf("%d (%v)", id, s))
	}
	return text("cipher_suite", fmt.Sprintf("%d (unknown)", id))
}

func inspectContext(name string, g *GroupContext) Part {
	return part(name, text("version", g.Version), suiteName(g.CipherSuite), blob("group_id", g.GroupID), text("epoch", g.Epoch),
		blob("tree_hash", g.TreeHash), blob("confirmed_transcript_hash", g.ConfirmedTranscriptHash), inspectExtensions(g.Extensions))
}

func inspectGroupInfo(name string, g *GroupInfo) Part {
	p := part(name, inspectContext("group_context", &g.GroupContext), inspectExtensions(g.Extensions), blob("confirmation_tag", g.ConfirmationTag),
		text("signer", fmt.Sprintf("leaf %d", g.Signer)), blob("signature", g.Signature))
	if data, ok := g.Extensions.Find(ExtensionRatchetTree); ok {
		if nodes, ok := inspectTreeBytes(data); ok {
			p.Parts = append(p.Parts, nodes)
		}
	}
	return p
}

func inspectWelcome(name string, m *Welcome) Part {
	p := part(name, suiteName(m.CipherSuite))
	for i := range m.Secrets {
		p.Parts = append(p.Parts, blob("new_member", m.Secrets[i].NewMember))
	}
	p.Parts = append(p.Parts, blob("encrypted_group_info", m.EncryptedGroupInfo))
	return p
}

func inspectTreeBytes(b []byte) (Part, bool) {
	nodes, err := tree.ParseNodes(b)
	if err != nil {
		return Part{}, false
	}
	p := part("ratchet_tree")
	for i, n := range nodes {
		switch {
		case n.Leaf != nil:
			p.Parts = append(p.Parts, inspectLeaf(fmt.Sprintf("leaf %d", i/2), n.Leaf))
		case n.Parent != nil:
			p.Parts = append(p.Parts, part(fmt.Sprintf("node %d", i), blob("encryption_key", n.Parent.EncryptionKey),
				blob("parent_hash", n.Parent.ParentHash), text("unmerged_leaves", n.Parent.UnmergedLeaves)))
		}
	}
	return p, true
}
