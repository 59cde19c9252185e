package session

import "crypto/sha256"

// Content is what a message says to people: the body of a Send and of a
// NoticeText. A kind that a face does not know is kept and shown as such.
type Content struct {
	Version uint8       `cbor:"1,keyasint"`
	Kind    ContentKind `cbor:"2,keyasint"`
	Text    string      `cbor:"3,keyasint,omitempty"`
	Data    []byte      `cbor:"4,keyasint,omitempty"` // of kinds that are not text
	Re      MessageID   `cbor:"5,keyasint"`           // what it answers, or zero
}

// ContentKind says how to show a Content.
type ContentKind uint8

// Kinds; all other numbers are not given out yet.
const (
	ContentText     ContentKind = 1 // text for people
	ContentReaction ContentKind = 2 // a sign, as Text, in answer to Re
)

const contentVersion = 1

// Text is a Content of plain text, encoded.
func Text(text string) []byte {
	return Content{Version: contentVersion, Kind: ContentText, Text: text}.Encode()
}

// Encode is the bytes of a Content.
func (c Content) Encode() []byte { return encode(c) }

// DecodeContent reads a Content. An error is of the bytes alone; what a newer
// version added is ignored.
func DecodeContent(b []byte) (Content, error) {
	var c Content
	err := decode(b, &c)
	return c, err
}

// message is the plaintext under an epoch's message keys. Its author is the
// leaf that the engine authenticates.
type message struct {
	Version uint8    `cbor:"1,keyasint"`
	Nonce   [16]byte `cbor:"2,keyasint"`
	// Seen are the two latest messages the author had when it wrote: a reader
	// who lacks one knows at once that something is missing.
	Seen []seen `cbor:"3,keyasint,omitempty"`
	Body []byte `cbor:"4,keyasint"`
	// First is where the message was first sent, if it is sent again: its
	// audience then (outbox.go).
	First EpochID `cbor:"5,keyasint"`
}

type seen struct {
	ID    MessageID `cbor:"1,keyasint"`
	Order uint32    `cbor:"2,keyasint"` // of its envelope, so that who joined later is not alarmed
}

const messageVersion = 1

func (m *message) id(author Device) MessageID {
	return messageID(author, m.Nonce)
}

func messageID(author Device, nonce [16]byte) MessageID {
	h := sha256.Sum256(append(append([]byte("covey message"), author[:]...), nonce[:]...))
	return MessageID(h[:16])
}
