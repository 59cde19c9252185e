package schedule

import (
	"errors"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// ErrPSKCount says that pre-shared keys and their names do not match up, or
// are more than MaxPSKs.
var ErrPSKCount = errors.New("schedule: wrong number of pre-shared keys (RFC 9420 §8.4)")

// PSKType says where a pre-shared key comes from (RFC 9420 §8.4).
type PSKType uint8

// The types of RFC 9420 §8.4.
const (
	ExternalPSK   PSKType = 1
	ResumptionPSK PSKType = 2
)

// PSKUsage says what a resumption PSK is used for (RFC 9420 §8.4).
type PSKUsage uint8

// The usages of RFC 9420 §8.4.
const (
	UsageApplication PSKUsage = 1
	UsageReInit      PSKUsage = 2
	UsageBranch      PSKUsage = 3
)

// PreSharedKeyID names a pre-shared key and one use of it (RFC 9420 §8.4).
type PreSharedKeyID struct {
	Type PSKType

	ID []byte // ExternalPSK: whatever the application calls it

	Usage   PSKUsage // ResumptionPSK
	GroupID []byte
	Epoch   uint64

	Nonce []byte // Nh fresh random bytes
}

// Encode implements wire.Encoder.
func (id *PreSharedKeyID) Encode(w *wire.Writer) {
	w.U8(uint8(id.Type))
	switch id.Type {
	case ExternalPSK:
		w.Opaque(id.ID)
	case ResumptionPSK:
		w.U8(uint8(id.Usage))
		w.Opaque(id.GroupID)
		w.U64(id.Epoch)
	}
	w.Opaque(id.Nonce)
}

// Decode implements wire.Decoder; slices alias the input.
func (id *PreSharedKeyID) Decode(r *wire.Reader) {
	*id = PreSharedKeyID{Type: PSKType(r.U8())}
	switch id.Type {
	case ExternalPSK:
		id.ID = r.Opaque()
	case ResumptionPSK:
		id.Usage = PSKUsage(r.U8())
		if id.Usage < UsageApplication || id.Usage > UsageBranch {
			r.Fail(wire.ErrValue)
		}
		id.GroupID = r.Opaque()
		id.Epoch = r.U64()
	default:
		r.Fail(wire.ErrValue)
	}
	id.Nonce = r.Opaque()
}

// PSKSecret chains pre-shared keys, in the order of the commit or Welcome, into
// one input of the key schedule (RFC 9420 §8.4):
//
//	psk_extracted_[i] = KDF.Extract(0, psk_[i])
//	psk_input_[i]     = ExpandWithLabel(psk_extracted_[i], "derived psk", PSKLabel, KDF.Nh)
//	psk_secret_[0]    = 0
//	psk_secret_[i]    = KDF.Extract(psk_input_[i-1], psk_secret_[i-1])
//
//	struct { PreSharedKeyID id; uint16 index; uint16 count; } PSKLabel;
func PSKSecret(s *suite.Suite, ids []PreSharedKeyID, psks []suite.Secret) (suite.Secret, error) {
	if len(ids) != len(psks) || len(ids) > MaxPSKs {
		return nil, ErrPSKCount
	}
	secret := s.Zero().Clone()
	for i := range ids {
		label := wire.NewWriter(128)
		ids[i].Encode(label)
		label.U16(uint16(i))
		label.U16(uint16(len(ids)))

		extracted := s.Extract(s.Zero(), psks[i])
		input := s.ExpandWithLabel(extracted, "derived psk", label.Bytes(), s.Nh())
		next := s.Extract(input, secret)
		extracted.Erase()
		input.Erase()
		secret.Erase()
		secret = next
	}
	return secret, nil
}
