package mls

import (
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The objects of RFC 9420 §6. A message is made as
//
//	FramedContent ─sign→ AuthenticatedContent ─protect→ PublicMessage or PrivateMessage → Message
//
// and read back the other way. Slices of a decoded object alias its input.

// Sender is who framed a message. Index is a leaf index for SenderMember, a
// row of external_senders for SenderExternal, and zero otherwise.
type Sender struct {
	Type  SenderType
	Index uint32
}

// Leaf is the sender's leaf, where it is a member.
func (s Sender) Leaf() (LeafIndex, bool) { return LeafIndex(s.Index), s.Type == SenderMember }

// Encode implements wire.Encoder.
func (s *Sender) Encode(w *wire.Writer) {
	w.U8(uint8(s.Type))
	if s.Type == SenderMember || s.Type == SenderExternal {
		w.U32(s.Index)
	}
}

// Decode implements wire.Decoder.
func (s *Sender) Decode(r *wire.Reader) {
	*s = Sender{Type: SenderType(r.U8())}
	switch s.Type {
	case SenderMember, SenderExternal:
		s.Index = r.U32()
	case SenderNewMemberProposal, SenderNewMemberCommit:
	default:
		r.Fail(wire.ErrValue)
	}
}

// FramedContent is what a sender says. Of Application, Proposal and Commit,
// the one that ContentType names is set.
type FramedContent struct {
	GroupID           []byte
	Epoch             uint64
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	Application       []byte
	Proposal          Proposal
	Commit            *Commit
}

// Encode implements wire.Encoder.
func (c *FramedContent) Encode(w *wire.Writer) {
	c.encodeHead(w)
	c.encodeBody(w)
}

func (c *FramedContent) encodeHead(w *wire.Writer) {
	w.Opaque(c.GroupID)
	w.U64(c.Epoch)
	c.Sender.Encode(w)
	w.Opaque(c.AuthenticatedData)
	w.U8(uint8(c.ContentType))
}

// room is about what the content takes, that a buffer for a large commit is made
// once and not grown again and again.
func (c *FramedContent) room() int {
	n := 512 + len(c.AuthenticatedData) + len(c.Application)
	if c.Commit == nil {
		return n
	}
	for i := range c.Commit.Proposals {
		if n += 40; c.Commit.Proposals[i].Proposal != nil {
			n += 280 // as an Add takes
		}
	}
	if c.Commit.Path != nil {
		for _, node := range c.Commit.Path.Nodes {
			n += 16 + len(node.EncryptionKey)
			for _, ct := range node.EncryptedPathSecret {
				n += 4 + len(ct.KEMOutput) + len(ct.Ciphertext)
			}
		}
	}
	return n
}

// encodeBody writes the select of RFC 9420 §6 and of PrivateMessageContent.
func (c *FramedContent) encodeBody(w *wire.Writer) {
	switch c.ContentType {
	case ContentApplication:
		w.Opaque(c.Application)
	case ContentProposal:
		encodeProposal(w, c.Proposal)
	case ContentCommit:
		c.Commit.Encode(w)
	}
}

// Decode implements wire.Decoder.
func (c *FramedContent) Decode(r *wire.Reader) {
	*c = FramedContent{GroupID: r.Opaque(), Epoch: r.U64(), Sender: value[Sender](r), AuthenticatedData: r.Opaque()}
	c.ContentType = ContentType(r.U8())
	c.decodeBody(r)
}

func (c *FramedContent) decodeBody(r *wire.Reader) {
	switch c.ContentType {
	case ContentApplication:
		c.Application = r.Opaque()
	case ContentProposal:
		c.Proposal = decodeProposal(r)
	case ContentCommit:
		c.Commit = object[Commit](r)
	default:
		r.Fail(wire.ErrValue)
	}
}

// AuthData is FramedContentAuthData (RFC 9420 §6.1): the signature, and for a
// commit the proof that its author reached the new epoch.
type AuthData struct {
	Signature       []byte
	ConfirmationTag []byte // commits only
}

func (a *AuthData) encode(w *wire.Writer, t ContentType) {
	w.Opaque(a.Signature)
	if t == ContentCommit {
		w.Opaque(a.ConfirmationTag)
	}
}

func decodeAuthData(r *wire.Reader, t ContentType) AuthData {
	a := AuthData{Signature: r.Opaque()}
	if t == ContentCommit {
		a.ConfirmationTag = r.Opaque()
	}
	return a
}

// AuthenticatedContent is content with what proves its sender
// (RFC 9420 §6). Its hash is the name of a proposal.
type AuthenticatedContent struct {
	WireFormat WireFormat
	Content    FramedContent
	Auth       AuthData
}

// Encode implements wire.Encoder.
func (a *AuthenticatedContent) Encode(w *wire.Writer) {
	w.U16(uint16(a.WireFormat))
	a.Content.Encode(w)
	a.Auth.encode(w, a.Content.ContentType)
}

// Decode implements wire.Decoder.
func (a *AuthenticatedContent) Decode(r *wire.Reader) {
	*a = AuthenticatedContent{WireFormat: WireFormat(r.U16()), Content: value[FramedContent](r)}
	a.Auth = decodeAuthData(r, a.Content.ContentType)
}

// PublicMessage is content signed but not encrypted (RFC 9420 §6.2).
type PublicMessage struct {
	Content       FramedContent
	Auth          AuthData
	MembershipTag []byte // members only
}

// Encode implements wire.Encoder.
func (m *PublicMessage) Encode(w *wire.Writer) {
	m.Content.Encode(w)
	m.Auth.encode(w, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		w.Opaque(m.MembershipTag)
	}
}

// Decode implements wire.Decoder.
func (m *PublicMessage) Decode(r *wire.Reader) {
	*m = PublicMessage{Content: value[FramedContent](r)}
	m.Auth = decodeAuthData(r, m.Content.ContentType)
	if m.Content.Sender.Type == SenderMember {
		m.MembershipTag = r.Opaque()
	}
}

// PrivateMessage is content signed and encrypted (RFC 9420 §6.3).
type PrivateMessage struct {
	GroupID             []byte
	Epoch               uint64
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// Encode implements wire.Encoder.
func (m *PrivateMessage) Encode(w *wire.Writer) {
	m.encodeHead(w)
	w.Opaque(m.AuthenticatedData)
	w.Opaque(m.EncryptedSenderData)
	w.Opaque(m.Ciphertext)
}

// encodeHead writes SenderDataAAD (RFC 9420 §6.3.2), the first three fields.
// With the authenticated data behind it, it is PrivateContentAAD (§6.3.1).
func (m *PrivateMessage) encodeHead(w *wire.Writer) {
	w.Opaque(m.GroupID)
	w.U64(m.Epoch)
	w.U8(uint8(m.ContentType))
}

// Decode implements wire.Decoder.
func (m *PrivateMessage) Decode(r *wire.Reader) {
	*m = PrivateMessage{GroupID: r.Opaque(), Epoch: r.U64(), ContentType: ContentType(r.U8())}
	if m.ContentType < ContentApplication || m.ContentType > ContentCommit {
		r.Fail(wire.ErrValue)
	}
	m.AuthenticatedData = r.Opaque()
	m.EncryptedSenderData = r.Opaque()
	m.Ciphertext = r.Opaque()
}

// Message is MLSMessage (RFC 9420 §6): the outermost object on the wire. The
// one field that WireFormat names is set.
type Message struct {
	WireFormat WireFormat
	Public     *PublicMessage
	Private    *PrivateMessage
	Welcome    *Welcome
	GroupInfo  *GroupInfo
	KeyPackage *KeyPackage
}

// Encode implements wire.Encoder.
func (m *Message) Encode(w *wire.Writer) {
	w.U16(uint16(MLS10))
	w.U16(uint16(m.WireFormat))
	switch m.WireFormat {
	case WirePublicMessage:
		m.Public.Encode(w)
	case WirePrivateMessage:
		m.Private.Encode(w)
	case WireWelcome:
		m.Welcome.Encode(w)
	case WireGroupInfo:
		m.GroupInfo.Encode(w)
	case WireKeyPackage:
		m.KeyPackage.Encode(w)
	}
}

// Decode implements wire.Decoder.
func (m *Message) Decode(r *wire.Reader) {
	if ProtocolVersion(r.U16()) != MLS10 && r.Err() == nil {
		r.Fail(fail(CheckVersion, ""))
	}
	*m = Message{WireFormat: WireFormat(r.U16())}
	switch m.WireFormat {
	case WirePublicMessage:
		m.Public = object[PublicMessage](r)
	case WirePrivateMessage:
		m.Private = object[PrivateMessage](r)
	case WireWelcome:
		m.Welcome = object[Welcome](r)
	case WireGroupInfo:
		m.GroupInfo = object[GroupInfo](r)
	case WireKeyPackage:
		m.KeyPackage = object[KeyPackage](r)
		if m.KeyPackage.Version != MLS10 && r.Err() == nil {
			r.Fail(fail(CheckPackageVersion, ""))
		}
	default:
		if r.Err() == nil {
			r.Fail(fail(CheckWireFormat, "%d", m.WireFormat))
		}
	}
}

// Marshal encodes the message as it goes on the wire.
func (m *Message) Marshal() []byte {
	room := 512
	switch m.WireFormat {
	case WirePublicMessage:
		room = m.Public.Content.room()
	case WirePrivateMessage:
		room = 128 + len(m.Private.GroupID) + len(m.Private.AuthenticatedData) + len(m.Private.Ciphertext)
	}
	w := wire.NewWriter(room)
	m.Encode(w)
	return w.Bytes()
}

// ParseMessage decodes one MLSMessage that is all of b. What it returns
// aliases b.
func ParseMessage(b []byte) (*Message, error) { return parse[Message](b) }

// parse decodes one object that is all of b.
func parse[T any, P decoder[T]](b []byte) (*T, error) {
	x := new(T)
	if err := wire.Unmarshal(b, P(x)); err != nil {
		return nil, malformed(err)
	}
	return x, nil
}

// decoder is a pointer to T that can read itself.
type decoder[T any] interface {
	*T
	wire.Decoder
}

// object reads a T, and value the same in place.
func object[T any, P decoder[T]](r *wire.Reader) *T {
	x := new(T)
	P(x).Decode(r)
	return x
}

func value[T any, P decoder[T]](r *wire.Reader) T { return *object[T, P](r) }
