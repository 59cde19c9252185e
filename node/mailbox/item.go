package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/covey-p2p/covey/mls"
)

// Kind says what a payload is; it is sealed with it. The values are node's.
type Kind uint8

// Errors of depositing.
var (
	// ErrPayload: empty, or larger than MaxPayload.
	ErrPayload = errors.New("mailbox: payload empty or too large")
	// ErrNobody: no holder took the item.
	ErrNobody = errors.New("mailbox: nobody took it")
)

var errItem = errors.New("mailbox: not a part of an item")

// A part before it is sealed: version u8, kind u8, message 16, part u8, parts
// u8, length u32, bytes, zeros up to one of four sizes.
const (
	partHead  = 1 + 1 + 16 + 1 + 1 + 4
	sealLabel = "covey mailbox item"
)

// messageID names a payload across its parts: its hash, shortened.
type messageID [16]byte

type part struct {
	kind    Kind
	message messageID
	n, of   uint8
	bytes   []byte
}

// padded is the size that n bytes of a part are padded to.
func padded(n int) int {
	size := smallest
	for size < n+partHead {
		size *= 4
	}
	return size
}

// seal cuts the payload into parts and seals each to the recipient's mail key.
func seal(rand io.Reader, to Recipient, mailKey []byte, kind Kind, payload []byte) ([][]byte, error) {
	if len(payload) == 0 || len(payload) > MaxPayload {
		return nil, ErrPayload
	}
	const room = largest - partHead
	of := (len(payload) + room - 1) / room
	h := sha256.Sum256(append([]byte{byte(kind)}, payload...))
	var items [][]byte
	for n := range of {
		piece := payload[n*room : min((n+1)*room, len(payload))]
		b := make([]byte, 0, padded(len(piece)))
		b = append(b, version, byte(kind))
		b = append(b, h[:16]...)
		b = append(b, byte(n), byte(of))
		b = binary.BigEndian.AppendUint32(b, uint32(len(piece)))
		b = append(b, piece...)
		item, err := mls.SealTo(rand, mailKey, sealLabel, to[:], b[:cap(b)])
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// open takes a sealed part apart.
func open(to Recipient, key *mls.PrivateKey, item []byte) (part, error) {
	b, err := mls.OpenWith(key, sealLabel, to[:], item)
	if err != nil {
		return part{}, err
	}
	if len(b) < partHead || b[0] != version {
		return part{}, errItem
	}
	p := part{kind: Kind(b[1]), message: messageID(b[2:18]), n: b[18], of: b[19]}
	size := binary.BigEndian.Uint32(b[20:])
	if p.of == 0 || p.of > maxParts || p.n >= p.of || uint64(size) > uint64(len(b)-partHead) {
		return part{}, errItem
	}
	p.bytes = b[partHead : partHead+int(size)]
	return p, nil
}

// join puts a message's parts together, or fails if they are not all of one.
func join(parts []part) ([]byte, error) {
	var payload []byte
	for i, p := range parts {
		if int(p.n) != i || int(p.of) != len(parts) || p.message != parts[0].message || p.kind != parts[0].kind {
			return nil, errItem
		}
		payload = append(payload, p.bytes...)
	}
	h := sha256.Sum256(append([]byte{byte(parts[0].kind)}, payload...))
	if messageID(h[:16]) != parts[0].message {
		return nil, errItem
	}
	return payload, nil
}
