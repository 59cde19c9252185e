package session

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
)

// The envelope is all that gossip, a mailbox or a passer-by sees:
//
//	version  1  so that a node refuses what it cannot read, before any key
//	kind     1  branch or control: where to look for the key
//	order    4  epoch number of the sender's state: gives the log an order on
//	            which two members can reconcile what neither has opened
//	tag     16  which epoch's key opens it; only members can compute it
//	mark    16  (branch) tells members which receipts it stands for (run.go); to
//	            others, and on what is no receipt, noise
//	sealed   …  padded; commit, message and request look the same
//
// Nothing in it is stable across epochs but the growing number, which tells an
// observer of one topic no more than counting its tags would.

// EnvelopeID is the SHA-256 of an envelope: its name in the log.
type EnvelopeID [32]byte

// Tag names an epoch to its members only: an exporter of the epoch.
type Tag [16]byte

type envelopeKind uint8

const (
	kindBranch  envelopeKind = 1 // sealed under one epoch's branch key: a commit or a message
	kindControl envelopeKind = 2 // sealed under the control keys of anchors (control.go)
)

const (
	envelopeVersion = 1
	envelopeHead    = 1 + 1 + 4 + 16
)

// envelope is a parsed one; sealed aliases raw.
type envelope struct {
	kind   envelopeKind
	order  uint32
	tag    Tag
	mark   mark   // of a branch envelope
	head   []byte // authenticated with what is sealed
	sealed []byte
	raw    []byte
}

// CheckEnvelope is what a driver may ask before it passes bytes on: the cheap
// checks, with no key. It reports the envelope's name.
func CheckEnvelope(b []byte) (EnvelopeID, bool) {
	if _, ok := parseEnvelope(b); !ok {
		return EnvelopeID{}, false
	}
	return sha256.Sum256(b), true
}

func parseEnvelope(b []byte) (envelope, bool) {
	if len(b) < envelopeHead || len(b) > maxEnvelopeBytes || b[0] != envelopeVersion {
		return envelope{}, false
	}
	n := envelopeHead
	if envelopeKind(b[1]) == kindBranch {
		if n += markSize; len(b) < n {
			return envelope{}, false
		}
	}
	e := envelope{
		kind:   envelopeKind(b[1]),
		order:  binary.BigEndian.Uint32(b[2:]),
		tag:    Tag(b[6:]),
		head:   b[:n:n],
		sealed: b[n:],
		raw:    b,
	}
	copy(e.mark[:], b[envelopeHead:n])
	return e, e.kind == kindBranch || e.kind == kindControl
}

func (e *envelope) id() EnvelopeID { return sha256.Sum256(e.raw) }

// What a branch envelope holds.
const (
	innerCommit  byte = 1
	innerMessage byte = 2
	innerControl byte = 3
)

// sealBranch makes an envelope of a commit or message of one epoch.
func sealBranch(eng Engine, rand io.Reader, order uint64, tag Tag, key Key, m mark, inner byte, body []byte) []byte {
	head := make([]byte, 0, envelopeHead+markSize)
	head = append(head, envelopeVersion, byte(kindBranch))
	head = binary.BigEndian.AppendUint32(head, uint32(order))
	head = append(head, tag[:]...)
	head = append(head, m[:]...)
	return append(head, must(eng.Seal(key, head, pad(inner, body), rand))...)
}

// pad writes the kind, the body's length, the body, and zeroes up to a size
// that few bodies share: a step of an eighth of the length, at least 64.
func pad(inner byte, body []byte) []byte {
	n := 5 + len(body)
	step := 64
	for step*8 < n {
		step *= 2
	}
	out := make([]byte, 0, (n+step-1)/step*step)
	out = append(out, inner)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	return append(out, body...)[:cap(out)]
}

// unpad undoes pad.
func unpad(b []byte) (inner byte, body []byte, ok bool) {
	if len(b) < 5 {
		return 0, nil, false
	}
	n := binary.BigEndian.Uint32(b[1:])
	if uint64(n) > uint64(len(b)-5) {
		return 0, nil, false
	}
	return b[0], b[5 : 5+n : 5+n], true
}
