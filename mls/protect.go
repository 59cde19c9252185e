package mls

import (
	"errors"
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// How content becomes a message and back (RFC 9420 §6.1 to §6.3). Nothing here
// changes state: sending takes a key it is given, receiving only looks.

// frame is what that needs to know of an epoch.
type frame struct {
	suite   *suite.Suite
	context GroupContext
	encoded []byte // context, as it is signed
	secrets *schedule.Epoch
}

const labelContent = "FramedContentTBS"

// signed is content with its signature and the bytes that were signed, which
// the transcript and the tags need again.
type signed struct {
	AuthenticatedContent
	tbs []byte
}

// content starts a message of the group.
func (f *frame) content(from Sender, authenticatedData []byte) FramedContent {
	return FramedContent{GroupID: f.context.GroupID, Epoch: f.context.Epoch, Sender: from, AuthenticatedData: authenticatedData}
}

func (f *frame) sign(key *SigningKey, w WireFormat, c FramedContent) *signed {
	s := &signed{AuthenticatedContent: AuthenticatedContent{WireFormat: w, Content: c}}
	s.tbs = s.AuthenticatedContent.tbs(f.encoded)
	s.Auth.Signature = f.suite.SignWithLabel(key, labelContent, s.tbs)
	return s
}

// transcriptInput is ConfirmedTranscriptHashInput (RFC 9420 §8.2) in parts:
// wire_format and content as they stand in the signed bytes, and the signature.
func (s *signed) transcriptInput(context []byte) (content, signature []byte) {
	end := len(s.tbs)
	if t := s.Content.Sender.Type; t == SenderMember || t == SenderNewMemberCommit {
		end -= len(context)
	}
	w := wire.NewWriter(len(s.Auth.Signature) + 2)
	w.Opaque(s.Auth.Signature)
	return s.tbs[2:end], w.Bytes() // past the version
}

// authBytes is FramedContentAuthData as encoded.
func (s *signed) authBytes() []byte {
	w := wire.NewWriter(128)
	s.Auth.encode(w, s.Content.ContentType)
	return w.Bytes()
}

// public makes a PublicMessage (RFC 9420 §6.2).
func (f *frame) public(s *signed) *Message {
	m := &PublicMessage{Content: s.Content, Auth: s.Auth}
	if s.Content.Sender.Type == SenderMember {
		m.MembershipTag = f.secrets.MembershipTag(s.tbs, s.authBytes())
	}
	return &Message{WireFormat: WirePublicMessage, Public: m}
}

// private makes a PrivateMessage under a key of the sender's ratchet
// (RFC 9420 §6.3).
func (f *frame) private(rand io.Reader, s *signed, senderData Secret, key *schedule.Key, padding int) (*Message, error) {
	var guard schedule.ReuseGuard
	if _, err := io.ReadFull(rand, guard[:]); err != nil {
		return nil, fmt.Errorf("mls: reading randomness: %w", err)
	}
	m := &PrivateMessage{
		GroupID: f.context.GroupID, Epoch: f.context.Epoch,
		ContentType: s.Content.ContentType, AuthenticatedData: s.Content.AuthenticatedData,
	}
	plain := wire.NewWriter(len(s.tbs) + 128 + padding)
	s.Content.encodeBody(plain)
	s.Auth.encode(plain, s.Content.ContentType)
	plain.Raw(make([]byte, padding))
	m.Ciphertext = key.Seal(nil, guard, m.contentAAD(), plain.Bytes())

	data := wire.NewWriter(senderDataSize)
	data.U32(s.Content.Sender.Index)
	data.U32(uint32(key.Generation))
	data.Raw(guard[:])
	sender := schedule.SenderDataKey(f.suite, senderData, m.Ciphertext)
	defer sender.Erase()
	m.EncryptedSenderData = sender.Seal(nil, schedule.ReuseGuard{}, m.senderAAD(), data.Bytes())
	return &Message{WireFormat: WirePrivateMessage, Private: m}, nil
}

// senderDataSize is the length of SenderData: leaf, generation, reuse guard
// (RFC 9420 §6.3.2).
const senderDataSize = 4 + 4 + 4

func (m *PrivateMessage) senderAAD() []byte {
	w := wire.NewWriter(len(m.GroupID) + 16)
	m.encodeHead(w)
	return w.Bytes()
}

func (m *PrivateMessage) contentAAD() []byte {
	w := wire.NewWriter(len(m.GroupID) + len(m.AuthenticatedData) + 24)
	m.encodeHead(w)
	w.Opaque(m.AuthenticatedData)
	return w.Bytes()
}

// openPublic checks a PublicMessage but for its signature: right tag, right
// content for its sender (RFC 9420 §6.2).
func (f *frame) openPublic(m *PublicMessage) (*signed, error) {
	s := &signed{AuthenticatedContent: AuthenticatedContent{WireFormat: WirePublicMessage, Content: m.Content, Auth: m.Auth}}
	s.tbs = s.AuthenticatedContent.tbs(f.encoded)
	if m.Content.ContentType == ContentApplication {
		return nil, fail(CheckPublicContent, "")
	}
	if m.Content.Sender.Type == SenderMember && !f.secrets.VerifyMembershipTag(m.MembershipTag, s.tbs, s.authBytes()) {
		return nil, fail(CheckMembershipTag, "")
	}
	return s, nil
}

// opening is where in the ratchets the key of a PrivateMessage is.
type opening struct {
	leaf       schedule.Leaf
	kind       schedule.Kind
	generation schedule.Generation
	guard      schedule.ReuseGuard
}

// senderOf decrypts the sender data (RFC 9420 §6.3.2).
func (f *frame) senderOf(m *PrivateMessage, senderData Secret) (opening, error) {
	key := schedule.SenderDataKey(f.suite, senderData, m.Ciphertext)
	defer key.Erase()
	data, err := key.Open(nil, schedule.ReuseGuard{}, m.senderAAD(), m.EncryptedSenderData)
	if err != nil || len(data) != senderDataSize {
		return opening{}, fail(CheckSenderData, "")
	}
	r := wire.NewReader(data)
	o := opening{leaf: schedule.Leaf(r.U32()), generation: schedule.Generation(r.U32()), kind: kindOf(m.ContentType)}
	copy(o.guard[:], r.Rest())
	return o, nil
}

func kindOf(t ContentType) schedule.Kind {
	if t == ContentApplication {
		return schedule.Application
	}
	return schedule.Handshake
}

// openPrivate decrypts a PrivateMessage (RFC 9420 §6.3.1). It consumes
// nothing.
func (f *frame) openPrivate(m *PrivateMessage, o opening, ratchets *schedule.Ratchets) (*signed, error) {
	key, err := ratchets.Key(o.leaf, o.kind, o.generation)
	if err != nil {
		return nil, ratchetError(err, o)
	}
	defer key.Erase()
	plain, err := key.Open(nil, o.guard, m.contentAAD(), m.Ciphertext)
	if err != nil {
		return nil, fail(CheckDecrypt, "leaf %d, generation %d", o.leaf, o.generation)
	}
	s := &signed{AuthenticatedContent: AuthenticatedContent{WireFormat: WirePrivateMessage}}
	s.Content = f.content(Sender{Type: SenderMember, Index: uint32(o.leaf)}, m.AuthenticatedData)
	s.Content.ContentType = m.ContentType
	r := wire.NewReader(plain)
	s.Content.decodeBody(r)
	s.Auth = decodeAuthData(r, m.ContentType)
	if err := r.Err(); err != nil {
		return nil, malformed(err)
	}
	for _, b := range r.Rest() {
		if b != 0 {
			return nil, fail(CheckPadding, "")
		}
	}
	s.tbs = s.AuthenticatedContent.tbs(f.encoded)
	return s, nil
}

func ratchetError(err error, o opening) error {
	switch {
	case errors.Is(err, schedule.ErrUsed):
		return fail(CheckReplay, "leaf %d, generation %d", o.leaf, o.generation)
	case errors.Is(err, schedule.ErrTooFar):
		return fail(CheckForward, "leaf %d, generation %d", o.leaf, o.generation)
	case errors.Is(err, schedule.ErrExhausted):
		return fail(CheckAEADLimit, "")
	default:
		return because(CheckErased, err, "")
	}
}

// verify checks the signature with the key that the sender must have used
// (RFC 9420 §6.1).
func (f *frame) verify(s *signed, key []byte) error {
	if !f.suite.VerifyWithLabel(key, labelContent, s.tbs, s.Auth.Signature) {
		return fail(CheckSignature, "sender %v %d", s.Content.Sender.Type, s.Content.Sender.Index)
	}
	return nil
}
