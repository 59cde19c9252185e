package schedule

import (
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// ConfirmedTranscriptHash takes a commit into the transcript (RFC 9420 §8.2):
//
//	confirmed_transcript_hash_[n] = Hash(interim_transcript_hash_[n-1] || ConfirmedTranscriptHashInput_[n])
//	struct { WireFormat wire_format; FramedContent content; opaque signature<V>; } ConfirmedTranscriptHashInput;
//
// The input may come in parts.
func ConfirmedTranscriptHash(s *suite.Suite, interim []byte, input ...[]byte) []byte {
	return s.Hash(append([][]byte{interim}, input...)...)
}

// InterimTranscriptHash takes its confirmation in (RFC 9420 §8.2):
//
//	interim_transcript_hash_[n] = Hash(confirmed_transcript_hash_[n] || InterimTranscriptHashInput_[n])
//	struct { MAC confirmation_tag; } InterimTranscriptHashInput;
func InterimTranscriptHash(s *suite.Suite, confirmed, confirmationTag []byte) []byte {
	w := wire.NewWriter(len(confirmationTag) + 4)
	w.Opaque(confirmationTag)
	return s.Hash(confirmed, w.Bytes())
}
