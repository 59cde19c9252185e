package schedule

import (
	"errors"
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// ErrExportSize says that an exporter was asked for more than HKDF can give,
// 255·Nh bytes.
var ErrExportSize = errors.New("schedule: exported length out of range (RFC 9420 §8.5)")

// JoinerSecret is what a commit leads to (RFC 9420 §8):
//
//	joiner_secret = ExpandWithLabel(KDF.Extract(init_secret_[n-1], commit_secret),
//	                                "joiner", GroupContext_[n], KDF.Nh)
//
// Without a path the commit secret is Suite.Zero. groupContext is encoded.
func JoinerSecret(s *suite.Suite, init, commit suite.Secret, groupContext []byte) suite.Secret {
	extracted := s.Extract(init, commit)
	defer extracted.Erase()
	return s.ExpandWithLabel(extracted, "joiner", groupContext, s.Nh())
}

// MemberSecret is the value between joiner_secret and epoch_secret, which
// RFC 9420 §8 leaves without a name: KDF.Extract(joiner_secret, psk_secret).
func MemberSecret(s *suite.Suite, joiner, psk suite.Secret) suite.Secret {
	return s.Extract(joiner, psk)
}

// WelcomeSecret is DeriveSecret(member secret, "welcome") (RFC 9420 §8).
func WelcomeSecret(s *suite.Suite, member suite.Secret) suite.Secret {
	return s.DeriveSecret(member, "welcome")
}

// WelcomeKey derives what encrypts the GroupInfo of a Welcome (RFC 9420 §12.4.3.1).
func WelcomeKey(s *suite.Suite, welcome suite.Secret) (key, nonce suite.Secret) {
	return s.ExpandWithLabel(welcome, "key", nil, s.Nk()), s.ExpandWithLabel(welcome, "nonce", nil, s.Nn())
}

// EpochSecret is ExpandWithLabel(member secret, "epoch", GroupContext_[n], KDF.Nh)
// (RFC 9420 §8).
func EpochSecret(s *suite.Suite, member suite.Secret, groupContext []byte) suite.Secret {
	return s.ExpandWithLabel(member, "epoch", groupContext, s.Nh())
}

// secret names a secret of the epoch in the order of RFC 9420 §8, Table 4.
type secret int

const (
	senderData secret = iota
	exporter
	external
	confirm
	membership
	resumption
	authentication
	initNext
	secrets
)

var labels = [secrets]string{
	"sender data", "exporter", "external", "confirm", "membership", "resumption", "authentication", "init",
}

// Epoch holds the secrets of one epoch but for the encryption secret, which
// [Ratchets] consumes. It is immutable until Erase, and prints as ‹redacted›.
type Epoch struct {
	suite  *suite.Suite
	memory suite.Secret // one after the other
}

// Format implements [fmt.Formatter].
func (*Epoch) Format(f fmt.State, _ rune) { suite.Redact(f) }

// NewEpoch derives the secrets of an epoch (RFC 9420 §8, Table 4). A group's
// first epoch secret is Nh random bytes. The encryption secret is the caller's
// to hand to [NewRatchets]; the epoch secret is erased.
func NewEpoch(s *suite.Suite, epochSecret suite.Secret) (e *Epoch, encryption suite.Secret) {
	e = &Epoch{suite: s, memory: make(suite.Secret, int(secrets)*s.Nh())}
	for i := range secrets {
		s.ExpandInto(e.get(i), epochSecret, labels[i], nil)
	}
	encryption = s.DeriveSecret(epochSecret, "encryption")
	epochSecret.Erase()
	return e, encryption
}

func (e *Epoch) get(i secret) suite.Secret {
	n := e.suite.Nh()
	return e.memory[int(i)*n : (int(i)+1)*n : (int(i)+1)*n]
}

// Suite is the cipher suite of the epoch.
func (e *Epoch) Suite() *suite.Suite { return e.suite }

// Erase ends the epoch. Its methods then derive from nothing but zeros.
func (e *Epoch) Erase() { e.memory.Erase() }

// SenderDataSecret encrypts who speaks (RFC 9420 §6.3.2).
func (e *Epoch) SenderDataSecret() suite.Secret { return e.get(senderData) }

// ExporterSecret is the root of Export.
func (e *Epoch) ExporterSecret() suite.Secret { return e.get(exporter) }

// ExternalSecret is the seed of the external key pair.
func (e *Epoch) ExternalSecret() suite.Secret { return e.get(external) }

// ConfirmationKey authenticates the transcript (RFC 9420 §6.1).
func (e *Epoch) ConfirmationKey() suite.Secret { return e.get(confirm) }

// MembershipKey authenticates members' PublicMessages (RFC 9420 §6.2).
func (e *Epoch) MembershipKey() suite.Secret { return e.get(membership) }

// ResumptionPSK proves membership in this epoch later (RFC 9420 §8.6). Clone
// what outlives the epoch.
func (e *Epoch) ResumptionPSK() suite.Secret { return e.get(resumption) }

// Authenticator is the same for all members and only for them; people may
// compare it (RFC 9420 §8.7). It is not secret from them.
func (e *Epoch) Authenticator() []byte {
	return append([]byte(nil), e.get(authentication)...)
}

// InitSecret leads to the next epoch. Whoever keeps it can follow any commit
// made from here.
func (e *Epoch) InitSecret() suite.Secret { return e.get(initNext) }

// ConfirmationTag is MAC(confirmation_key, confirmed_transcript_hash)
// (RFC 9420 §6.1).
func (e *Epoch) ConfirmationTag(confirmedTranscriptHash []byte) []byte {
	return e.suite.MAC(e.get(confirm), confirmedTranscriptHash)
}

// VerifyConfirmationTag compares in constant time.
func (e *Epoch) VerifyConfirmationTag(tag, confirmedTranscriptHash []byte) bool {
	return e.suite.VerifyMAC(tag, e.get(confirm), confirmedTranscriptHash)
}

// MembershipTag is MAC over AuthenticatedContentTBM, which may come in parts
// (RFC 9420 §6.2).
func (e *Epoch) MembershipTag(tbm ...[]byte) []byte {
	return e.suite.MAC(e.get(membership), tbm...)
}

// VerifyMembershipTag compares in constant time.
func (e *Epoch) VerifyMembershipTag(tag []byte, tbm ...[]byte) bool {
	return e.suite.VerifyMAC(tag, e.get(membership), tbm...)
}

// Export is MLS-Exporter (RFC 9420 §8.5):
//
//	ExpandWithLabel(DeriveSecret(exporter_secret, Label), "exported", Hash(Context), Length)
func (e *Epoch) Export(label string, context []byte, n int) (suite.Secret, error) {
	if n < 0 || n > 255*e.suite.Nh() {
		return nil, ErrExportSize
	}
	derived := e.suite.DeriveSecret(e.get(exporter), label)
	defer derived.Erase()
	return e.suite.ExpandWithLabel(derived, "exported", e.suite.Hash(context), n), nil
}

// ExternalKey is the key pair whose public half a GroupInfo may carry
// (RFC 9420 §8). It costs a base point multiplication each time.
func (e *Epoch) ExternalKey() (*suite.PrivateKey, error) {
	return e.suite.DeriveKeyPair(e.get(external))
}

const externalInitLabel = "MLS 1.0 external init secret"

// ExternalInit makes the init secret of an external commit out of a group's
// external public key (RFC 9420 §8.3). kemOutput goes into the ExternalInit
// proposal.
func ExternalInit(s *suite.Suite, rand io.Reader, externalPub *suite.PublicKey) (kemOutput []byte, init suite.Secret, err error) {
	return s.EncapExport(rand, externalPub, externalInitLabel, s.Nh())
}

// ExternalInit finds the init secret of an external commit to this epoch
// (RFC 9420 §8.3).
func (e *Epoch) ExternalInit(kemOutput []byte) (init suite.Secret, err error) {
	key, err := e.ExternalKey()
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	return e.suite.DecapExport(key, kemOutput, externalInitLabel, e.suite.Nh())
}

// Encode writes the epoch's secrets for storage: 8·Nh bytes, in the order of
// Table 4.
func (e *Epoch) Encode(w *wire.Writer) { w.Raw(e.memory) }

// ReadEpoch takes back what Encode wrote; errors stay in the reader.
func ReadEpoch(s *suite.Suite, r *wire.Reader) *Epoch {
	e := &Epoch{suite: s, memory: suite.Secret(r.Raw(int(secrets) * s.Nh())).Clone()}
	if r.Err() != nil {
		return nil
	}
	return e
}
