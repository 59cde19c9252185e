package mls

import (
	"encoding/binary"
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

// signed is content with its signature and the bytes that were signed:
// FramedContentTBS (RFC 9420 §6.1), parts of which the transcript, the tags and
// the message itself are made of.
//
//	version ‖ wire_format ‖ content up to its body ‖ body ‖ context
//	                        ↑ contentAt              ↑ body   ↑ end
type signed struct {
	AuthenticatedContent
	tbs       []byte
	body, end int
}

// contentAt is where the content begins in the signed bytes.
const contentAt = 2 + 2

// newSigned encodes what is signed. The group's context is part of it where
// the sender must have known it.
func newSigned(a AuthenticatedContent, context []byte) *signed {
	s := &signed{AuthenticatedContent: a}
	w := wire.NewWriter(a.Content.room() + len(context))
	w.U16(uint16(MLS10))
	w.U16(uint16(a.WireFormat))
	s.Content.encodeHead(w)
	s.body = w.Len()
	s.Content.encodeBody(w)
	s.end = w.Len()
	if t := a.Content.Sender.Type; t == SenderMember || t == SenderNewMemberCommit {
		w.Raw(context)
	}
	s.tbs = w.Bytes()
	return s
}

// content starts a message of the group.
func (f *frame) content(from Sender, authenticatedData []byte) FramedContent {
	return FramedContent{GroupID: f.context.GroupID, Epoch: f.context.Epoch, Sender: from, AuthenticatedData: authenticatedData}
}

func (f *frame) sign(key *SigningKey, w WireFormat, c FramedContent) *signed {
	s := newSigned(AuthenticatedContent{WireFormat: w, Content: c}, f.encoded)
	s.Auth.Signature = f.suite.SignWithLabel(key, labelContent, s.tbs)
	return s
}

// transcriptInput is ConfirmedTranscriptHashInput (RFC 9420 §8.2) in parts:
// wire_format and content as they stand in the signed bytes, and the signature.
func (s *signed) transcriptInput() (content, signature []byte) {
	w := wire.NewWriter(len(s.Auth.Signature) + 2)
	w.Opaque(s.Auth.Signature)
	return s.tbs[2:s.end], w.Bytes() // past the version
}

// auth is FramedContentAuthData as encoded.
func (s *signed) auth() []byte {
	w := wire.NewWriter(len(s.Auth.Signature) + len(s.Auth.ConfirmationTag) + 8)
	s.Auth.encode(w, s.Content.ContentType)
	return w.Bytes()
}

// public makes a message of a PublicMessage (RFC 9420 §6.2).
func (f *frame) public(s *signed) []byte {
	auth := s.auth()
	w := wire.NewWriter(s.end + len(auth) + 80)
	w.U16(uint16(MLS10))
	w.U16(uint16(WirePublicMessage))
	w.Raw(s.tbs[contentAt:s.end])
	w.Raw(auth)
	if s.Content.Sender.Type == SenderMember {
		w.Opaque(f.secrets.MembershipTag(s.tbs, auth))
	}
	return w.Bytes()
}

// private makes a message of a PrivateMessage under a key of the sender's
// ratchet (RFC 9420 §6.3). It is put together in one buffer: the authenticated
// data of both encryptions are its beginning, and the content is encrypted
// where it stands.
func (f *frame) private(rand io.Reader, s *signed, senderData Secret, key *schedule.Key, padding int) ([]byte, error) {
	var guard schedule.ReuseGuard
	if _, err := io.ReadFull(rand, guard[:]); err != nil {
		return nil, fmt.Errorf("mls: reading randomness: %w", err)
	}
	auth := s.auth()
	plain := s.end - s.body + len(auth) + padding
	w := wire.NewWriter(s.end + len(auth) + padding + 128)
	w.U16(uint16(MLS10))
	w.U16(uint16(WirePrivateMessage))
	start := w.Len()
	w.Opaque(f.context.GroupID)
	w.U64(f.context.Epoch)
	w.U8(uint8(s.Content.ContentType))
	senderAAD := w.Len()
	w.Opaque(s.Content.AuthenticatedData)
	contentAAD := w.Len()
	w.Varint(senderDataSize + f.suite.Nt())
	senderAt := w.Len()
	w.Raw(make([]byte, senderDataSize+f.suite.Nt()))
	w.Varint(plain + f.suite.Nt())
	at := w.Len()
	w.Raw(s.tbs[s.body:s.end])
	w.Raw(auth)
	w.Raw(make([]byte, padding))

	out := w.Bytes()
	out = key.Seal(out[:at], guard, out[start:contentAAD], out[at:at+plain])
	data := out[senderAt : senderAt+senderDataSize]
	binary.BigEndian.PutUint32(data, s.Content.Sender.Index)
	binary.BigEndian.PutUint32(data[4:], uint32(key.Generation))
	copy(data[8:], guard[:])
	sender := schedule.SenderDataKey(f.suite, senderData, out[at:])
	defer sender.Erase()
	sender.Seal(out[:senderAt], schedule.ReuseGuard{}, out[start:senderAAD], data)
	return out, nil
}

// senderDataSize is the length of SenderData: leaf, generation, reuse guard
// (RFC 9420 §6.3.2).
const senderDataSize = 4 + 4 + 4

// senderAAD is SenderDataAAD (RFC 9420 §6.3.2).
func (m *PrivateMessage) senderAAD() []byte {
	w := wire.NewWriter(len(m.GroupID) + 16)
	m.encodeHead(w)
	return w.Bytes()
}

// contentAAD is PrivateContentAAD (RFC 9420 §6.3.1).
func (m *PrivateMessage) contentAAD() []byte {
	w := wire.NewWriter(len(m.GroupID) + len(m.AuthenticatedData) + 24)
	m.encodeHead(w)
	w.Opaque(m.AuthenticatedData)
	return w.Bytes()
}

// openPublic checks a PublicMessage but for its signature: right tag, right
// content for its sender (RFC 9420 §6.2).
func (f *frame) openPublic(m *PublicMessage) (*signed, error) {
	s := newSigned(AuthenticatedContent{WireFormat: WirePublicMessage, Content: m.Content, Auth: m.Auth}, f.encoded)
	if m.Content.ContentType == ContentApplication {
		return nil, fail(CheckPublicContent, "")
	}
	if m.Content.Sender.Type == SenderMember && !f.secrets.VerifyMembershipTag(m.MembershipTag, s.tbs, s.auth()) {
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
	a := AuthenticatedContent{WireFormat: WirePrivateMessage, Content: f.content(Sender{Type: SenderMember, Index: uint32(o.leaf)}, m.AuthenticatedData)}
	a.Content.ContentType = m.ContentType
	r := wire.NewReader(plain)
	a.Content.decodeBody(r)
	a.Auth = decodeAuthData(r, m.ContentType)
	if err := r.Err(); err != nil {
		return nil, malformed(err)
	}
	for _, b := range r.Rest() {
		if b != 0 {
			return nil, fail(CheckPadding, "")
		}
	}
	return newSigned(a, f.encoded), nil
}

func ratchetError(err error, o opening) error {
	switch {
	case errors.Is(err, schedule.ErrUsed):
		return fail(CheckReplay, "leaf %d, generation %d", o.leaf, o.generation)
	case errors.Is(err, schedule.ErrTooFar):
		return because(CheckForward, Ahead{uint32(o.leaf), uint32(o.generation)}, "leaf %d, generation %d", o.leaf, o.generation)
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
