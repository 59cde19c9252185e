package mls

import (
	"bytes"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/schedule"
)

// The families that judge whole clients: welcome and passive-client-*, which
// the passive files of the interop harness share their shape with.

type welcomeCase struct {
	Suite      CipherSuite `json:"cipher_suite"`
	InitPriv   hexed       `json:"init_priv"`
	SignerPub  hexed       `json:"signer_pub"`
	KeyPackage hexed       `json:"key_package"`
	Welcome    hexed
}

func runWelcome(t *testing.T, c *welcomeCase) {
	s := suiteOf(t, c.Suite)
	k, err := ParseKeyPackage(c.KeyPackage)
	noError(t, "key package", err)
	init, err := s.ParsePrivate(scalar(c.Suite, c.InitPriv))
	noError(t, "init key", err)
	m, err := ParseMessage(c.Welcome)
	noError(t, "welcome", err)
	secrets, err := m.Welcome.open(s, &OwnKeyPackage{KeyPackage: k, InitKey: init})
	noError(t, "group secrets", err)
	member := schedule.MemberSecret(s, secrets.JoinerSecret, s.Zero())
	info, err := m.Welcome.openInfo(s, member)
	noError(t, "group info", err)
	if !s.VerifyWithLabel(c.SignerPub, labelGroupInfo, info.tbs(), info.Signature) {
		t.Error("the signature of the group info is wrong")
	}
	f := newFrame(s, info.GroupContext, nil)
	epoch, _ := schedule.NewEpoch(s, schedule.EpochSecret(s, member, f.encoded))
	if !epoch.VerifyConfirmationTag(info.ConfirmationTag, info.GroupContext.ConfirmedTranscriptHash) {
		t.Error("the confirmation tag is wrong")
	}
}

type passiveCase struct {
	Suite        CipherSuite `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  hexed `json:"psk_id"`
		PSK hexed
	} `json:"external_psks"`
	KeyPackage     hexed `json:"key_package"`
	SignPriv       hexed `json:"signature_priv"`
	EncryptionPriv hexed `json:"encryption_priv"`
	InitPriv       hexed `json:"init_priv"`
	Welcome        hexed
	RatchetTree    hexed `json:"ratchet_tree"`
	Authenticator  hexed `json:"initial_epoch_authenticator"`
	Epochs         []struct {
		Proposals     []hexed
		Commit        hexed
		Authenticator hexed `json:"epoch_authenticator"`
	}
}

func runPassive(t *testing.T, c *passiveCase) {
	k, err := ParseKeyPackage(c.KeyPackage)
	noError(t, "key package", err)
	own, err := NewOwnKeyPackage(k, scalar(c.Suite, c.InitPriv), scalar(c.Suite, c.EncryptionPriv))
	noError(t, "private keys", err)
	key, err := ParseSigningKey(c.Suite, scalar(c.Suite, c.SignPriv))
	noError(t, "signing key", err)
	equal(t, "signature key", key.Public(), k.LeafNode.SignatureKey)

	resumption := map[uint64]Secret{}
	psks := func(id PreSharedKeyID) (Secret, bool) {
		for _, p := range c.ExternalPSKs {
			if id.Type == ExternalPSK && bytes.Equal(id.ID, p.ID) {
				return Secret(p.PSK), true
			}
		}
		psk, ok := resumption[id.Epoch]
		return psk, ok && id.Type == ResumptionPSK
	}
	e, err := Join(&Config{}, own, c.Welcome, JoinOptions{RatchetTree: c.RatchetTree, PSKs: psks})
	noError(t, "join", err)
	agree(t, e, c.Authenticator)
	for i, step := range c.Epochs {
		if resumption[e.Number()], err = e.ResumptionPSK(); err != nil {
			t.Fatal(err)
		}
		received := Received{PSKs: psks}
		for _, p := range step.Proposals {
			content, _, err := e.Keys().Unprotect(p)
			noError(t, "proposal", err)
			received.Proposals = append(received.Proposals, content.Proposed)
		}
		next, err := e.Process(step.Commit, received)
		if err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
		e = next.Next
		agree(t, e, step.Authenticator)
	}
}

func agree(t *testing.T, e *Epoch, want []byte) {
	t.Helper()
	got, err := e.Authenticator()
	noError(t, "authenticator", err)
	equal(t, "epoch authenticator", got, want)
}

// scalar puts back the leading zeros that the vectors drop from private keys
// of the NIST curves.
func scalar(id CipherSuite, raw []byte) Secret {
	size := map[CipherSuite]int{P256AES128SHA256P256: 32, P384AES256SHA384P384: 48, P521AES256SHA512P521: 66}[id]
	return append(make(Secret, max(0, size-len(raw))), raw...)
}
