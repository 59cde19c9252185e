package mls

import (
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Describe is the epoch as a person debugs it. It holds no secret, but group
// id, identities and public keys.
func (e *Epoch) Describe() string {
	var b strings.Builder
	c := &e.context
	fmt.Fprintf(&b, "epoch %d %v of group %.8x, cipher suite %d (%v)\n", c.Epoch, e.id, c.GroupID, c.CipherSuite, e.suite)
	switch e.dead {
	case "":
		fmt.Fprintf(&b, "own leaf %d, authenticator %.8x\n", e.self, e.secrets.Authenticator())
	default:
		fmt.Fprintf(&b, "no secrets: %s\n", e.dead.Says())
	}
	if e.reinit != nil {
		fmt.Fprintf(&b, "closed in favour of group %.8x, cipher suite %d\n", e.reinit.GroupID, e.reinit.CipherSuite)
	}
	for _, x := range c.Extensions {
		fmt.Fprintf(&b, "extension %s, %d bytes\n", extensionName(x.Type), len(x.Data))
	}
	b.WriteString(e.tree.Describe())
	return b.String()
}

// Describe is what the commit does, one line each.
func (c *Candidate) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "commit %v on %v leads to %d %v\n", c.ID, c.Parent, c.Next.Number(), c.Next.id)
	who := "member"
	if c.External {
		who = "joiner"
	}
	fmt.Fprintf(&b, "by %s at leaf %d in a %v, with a path: %v\n", who, c.Committer, c.WireFormat, c.Path)
	for _, p := range c.Proposals {
		how := "by value"
		if p.ByReference {
			how = "by reference"
		}
		fmt.Fprintf(&b, "%s of %v %d, %s\n", proposalName(p.Proposal.Type()), p.Sender.Type, p.Sender.Index, how)
	}
	fmt.Fprintf(&b, "added %v, removed %v, updated %v\n", c.Added, c.Removed, c.Updated)
	return b.String()
}

func proposalName(t ProposalType) string {
	if t.Default() {
		return name(t, "add", "update", "remove", "psk", "reinit", "external_init", "group_context_extensions")
	}
	return fmt.Sprintf("0x%04x", uint16(t))
}

// Head is what a message says of itself without keys.
type Head struct {
	WireFormat  WireFormat
	GroupID     []byte      // framed messages and GroupInfo
	Epoch       uint64      // framed messages and GroupInfo
	ContentType ContentType // framed messages
	Sender      Sender      // PublicMessage; a PrivateMessage hides it
	Refs        [][]byte    // Welcome: the key packages it is for
}

// Peek reads what a message says of itself, and no further. Nothing of it is
// authenticated, and the rest may be malformed.
func Peek(message []byte) (Head, error) {
	r := wire.NewReader(message)
	if ProtocolVersion(r.U16()) != MLS10 && r.Err() == nil {
		return Head{}, fail(CheckVersion, "")
	}
	h := Head{WireFormat: WireFormat(r.U16())}
	switch h.WireFormat {
	case WirePublicMessage:
		h.GroupID, h.Epoch, h.Sender = r.Opaque(), r.U64(), value[Sender](r)
		r.Opaque()
		h.ContentType = ContentType(r.U8())
	case WirePrivateMessage:
		h.GroupID, h.Epoch, h.ContentType = r.Opaque(), r.U64(), ContentType(r.U8())
	case WireGroupInfo:
		c := value[GroupContext](r)
		h.GroupID, h.Epoch = c.GroupID, c.Epoch
	case WireWelcome:
		h.Refs = object[Welcome](r).NewMembers()
	case WireKeyPackage:
	default:
		if r.Err() == nil {
			return Head{}, fail(CheckWireFormat, "%d", h.WireFormat)
		}
	}
	if err := r.Err(); err != nil {
		return Head{}, malformed(err)
	}
	return h, nil
}
