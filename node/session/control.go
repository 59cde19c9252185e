package session

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// The control plane: votes, headers, nacks, evidence. Two sides of a partition
// must read each other's, though neither can derive the other's epochs. So a
// control envelope is sealed under a key of its own, and that key is wrapped
// for several anchors: epochs, behind the sender's head, whose control key is
// kept when their secrets are gone. A control key opens votes and headers,
// never content and never a branch key.
//
// Which anchors: for each of the spacings 4, 16, 64 and 256, the last two
// epochs whose number is a multiple of it. However far two sides have run
// apart, up to 256 epochs each, one anchor lies before their parting and not
// too long before. (Only the last three at a spacing of 4 would leave a side
// that made more than a dozen commits alone unreadable.) The price: who was
// removed can read votes and headers until its last anchor is off the list.

// anchorSpacings: see above. The first is half the window.
var anchorSpacings = [...]uint64{4, 16, 64, 256}

// anchored reports whether an epoch of number n is an anchor of a head of
// number head.
func anchored(n, head uint64) bool {
	for _, s := range anchorSpacings {
		if n%s == 0 && n <= head && n+2*s > head {
			return true
		}
	}
	return false
}

// isAnchor reports whether an epoch of number n is ever one.
func isAnchor(n uint64) bool { return n%anchorSpacings[0] == 0 }

// anchor is what is kept of such an epoch.
type anchor struct {
	ID     EpochID `cbor:"1,keyasint"`
	Number uint64  `cbor:"2,keyasint"`
	Key    Key     `cbor:"3,keyasint"` // control key
	Proof  Key     `cbor:"4,keyasint"` // shows to have been there: heal.go
}

func newAnchor(e Epoch) anchor {
	return anchor{ID: e.ID(), Number: e.Number(), Key: Key(e.Export("covey control", 32)), Proof: Key(e.Export("covey readmit", 32))}
}

// hint tells holders of the anchor's key which wrapping is for them.
func (a *anchor) hint() [4]byte {
	h := sha256.Sum256(append([]byte("covey control hint"), a.Key[:]...))
	return [4]byte(h[:])
}

// controlKind says what a control message is.
type controlKind uint8

const (
	controlVote controlKind = iota + 1
	controlHeader
	controlNack
	controlReadmit
	// These are only of use on the sender's branch and are sealed as its
	// messages are:
	controlIntent
	controlReceipt
	controlRead
	// That an account said two things is for all, and is said again on the branch
	// to who comes in.
	controlProof
)

// control is a signed statement of one device.
type control struct {
	Version uint8       `cbor:"1,keyasint"`
	Kind    controlKind `cbor:"2,keyasint"`
	Device  Device      `cbor:"3,keyasint"`
	// Certificate lets a side that never met the device count its account.
	Certificate []byte `cbor:"4,keyasint,omitempty"`
	Body        []byte `cbor:"5,keyasint"`
	// Count grows by one with each statement of a device: one of mine that is
	// beyond my count was made by a later copy of these rows (heal.go).
	Count     uint64 `cbor:"7,keyasint"`
	Signature []byte `cbor:"6,keyasint,omitempty"`
}

const (
	controlVersion = 1
	controlLabel   = "covey control"
	saltSize       = 16
	maxWraps       = 2 * len(anchorSpacings)
	wrapSize       = 4 + 32
)

func (c control) signed(group GroupID) []byte {
	c.Signature = nil
	return append(group[:], encode(c)...)
}

// state signs a statement of this device.
func (s *Session) state(kind controlKind, body any) []byte {
	c := control{Version: controlVersion, Kind: kind, Device: s.cfg.Self.Device, Body: encode(body)}
	s.meta.Stated++
	c.Count = s.meta.Stated
	s.saveMeta()
	if kind < controlIntent || kind == controlProof {
		c.Certificate = s.cfg.Self.Certificate
	}
	c.Signature = s.cfg.Engine.Sign(s.cfg.Self.Secret, controlLabel, c.signed(s.group))
	return encode(c)
}

// readControl opens a statement and checks its signature; whether its device
// is anybody is for the caller.
func (s *Session) readControl(b []byte) (control, bool) {
	var c control
	if decode(b, &c) != nil || c.Version != controlVersion {
		return c, false
	}
	return c, s.cfg.Engine.Verify(c.Device, controlLabel, c.signed(s.group), c.Signature)
}

// sealControl makes a control envelope of a statement: a salt, the wrapped key
// for each anchor, and the statement under that key.
func (s *Session) sealControl(statement []byte) []byte {
	head := s.head()
	var salt [saltSize]byte
	var key Key
	s.random(salt[:])
	s.random(key[:])
	b := make([]byte, 0, envelopeHead+saltSize+1+maxWraps*wrapSize+len(statement)+128)
	b = append(b, envelopeVersion, byte(kindControl))
	b = binary.BigEndian.AppendUint32(b, uint32(head.number))
	b = append(b, salt[:]...) // in the tag's place: names no epoch
	anchors := s.anchorsOf(head)
	b = append(b, byte(len(anchors)))
	for _, a := range anchors {
		hint, w := a.hint(), wrap(key, a.Key, salt[:])
		b = append(b, hint[:]...)
		b = append(b, w[:]...)
	}
	return append(b, must(s.cfg.Engine.Seal(key, b, pad(0, statement), s.cfg.Rand))...)
}

// wrap hides key under an anchor's: a one-time pad drawn by hashing the
// anchor's key with the envelope's salt. Applied twice it gives key back; that
// it is the right one shows when the statement opens.
func wrap(key, under Key, salt []byte) Key {
	pad := sha256.Sum256(slices.Concat([]byte("covey wrap"), under[:], salt))
	for i := range key {
		key[i] ^= pad[i]
	}
	return key
}

// openControl undoes sealControl with whichever anchor is known here.
func (s *Session) openControl(e *envelope) ([]byte, bool) {
	b := e.sealed
	if len(b) < 1 || int(b[0]) > maxWraps || len(b) < 1+int(b[0])*wrapSize {
		return nil, false
	}
	wraps, sealed := b[1:1+int(b[0])*wrapSize], b[1+int(b[0])*wrapSize:]
	aad := e.raw[:len(e.raw)-len(sealed)]
	for ; len(wraps) > 0; wraps = wraps[wrapSize:] {
		for _, id := range s.hints[[4]byte(wraps)] {
			key := wrap(Key(wraps[4:wrapSize]), s.anchors[id].Key, e.tag[:])
			if plain, ok := s.cfg.Engine.Open(key, aad, sealed); ok {
				if _, body, ok := unpad(plain); ok {
					return body, true
				}
			}
		}
	}
	return nil, false
}

// anchorsOf are the anchors of a head, newest first. What is older than the
// tree came with my Welcome, or stayed when the tree was cut: it is of the one
// branch that led here.
func (s *Session) anchorsOf(h *held) []*anchor {
	var out []*anchor
	root := s.chain.Root().Number
	for _, id := range sortedIDs(s.anchors) {
		a := s.anchors[id]
		if anchored(a.Number, h.number) && (a.Number < root || s.chain.Within(h.id, id)) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *anchor) int { return cmp.Compare(b.Number, a.Number) })
	return out[:min(len(out), maxWraps)]
}

// keepAnchor records the control key of an epoch that may become an anchor.
func (s *Session) keepAnchor(a anchor) {
	if s.anchors[a.ID] != nil {
		return
	}
	s.anchors[a.ID] = &a
	h := a.hint()
	s.hints[h] = append(s.hints[h], a.ID)
	slices.SortFunc(s.hints[h], func(x, y EpochID) int { return bytes.Compare(x[:], y[:]) })
	s.save(rowAnchor(a.ID), encode(a), a.wrapName())
	s.unpark(Tag{})
}

// wrapName is the wrapping key an anchor is stored under, its own: it outlives
// the epoch.
func (a *anchor) wrapName() EpochID {
	return sha256.Sum256(append([]byte("covey anchor"), a.ID[:]...))
}

// dropAnchors forgets the anchors that no head of this number would use.
func (s *Session) dropAnchors(head uint64) {
	for _, id := range sortedIDs(s.anchors) {
		a := s.anchors[id]
		if anchored(a.Number, head) || a.Number > head || a.Number+anchorSpacings[0]*2 > head {
			continue
		}
		s.dropAnchor(id)
	}
}

func (s *Session) dropAnchor(id EpochID) {
	a := s.anchors[id]
	h := a.hint()
	s.hints[h] = slices.DeleteFunc(s.hints[h], func(x EpochID) bool { return x == id })
	if len(s.hints[h]) == 0 {
		delete(s.hints, h)
	}
	delete(s.anchors, id)
	s.erase(rowAnchor(id), a.wrapName())
}
