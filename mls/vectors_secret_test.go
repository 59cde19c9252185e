package mls

import (
	"testing"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The families that judge primitives and secrets: crypto-basics, key-schedule,
// psk_secret, secret-tree, transcript-hashes, message-protection.

func suiteOf(t testing.TB, id CipherSuite) *suite.Suite {
	t.Helper()
	s, ok := suite.Lookup(id)
	if !ok {
		t.Fatalf("cipher suite %d is missing", id)
	}
	return s
}

type cryptoBasicsCase struct {
	Suite   CipherSuite `json:"cipher_suite"`
	RefHash struct {
		Label      string
		Out, Value hexed
	} `json:"ref_hash"`
	Expand struct {
		Secret, Context, Out hexed
		Label                string
		Length               int
	} `json:"expand_with_label"`
	Derive struct {
		Secret, Out hexed
		Label       string
	} `json:"derive_secret"`
	DeriveTree struct {
		Secret, Out hexed
		Label       string
		Generation  uint32
		Length      int
	} `json:"derive_tree_secret"`
	Sign struct {
		Priv, Pub, Content, Signature hexed
		Label                         string
	} `json:"sign_with_label"`
	Encrypt struct {
		Priv, Pub, Context, Plaintext, Ciphertext hexed
		KEMOutput                                 hexed `json:"kem_output"`
		Label                                     string
	} `json:"encrypt_with_label"`
}

func runCryptoBasics(t *testing.T, c *cryptoBasicsCase) {
	s := suiteOf(t, c.Suite)
	equal(t, "RefHash", s.RefHash(c.RefHash.Label, c.RefHash.Value), c.RefHash.Out)
	equal(t, "ExpandWithLabel", s.ExpandWithLabel(Secret(c.Expand.Secret), c.Expand.Label, c.Expand.Context, c.Expand.Length), c.Expand.Out)
	equal(t, "DeriveSecret", s.DeriveSecret(Secret(c.Derive.Secret), c.Derive.Label), c.Derive.Out)
	equal(t, "DeriveTreeSecret", s.DeriveTreeSecret(Secret(c.DeriveTree.Secret), c.DeriveTree.Label, c.DeriveTree.Generation, c.DeriveTree.Length), c.DeriveTree.Out)

	if !s.VerifyWithLabel(c.Sign.Pub, c.Sign.Label, c.Sign.Content, c.Sign.Signature) {
		t.Error("the vector's signature does not verify")
	}
	key, err := s.ParseSigningKey(scalar(c.Suite, c.Sign.Priv))
	noError(t, "signing key", err)
	equal(t, "public key", key.Public(), c.Sign.Pub)
	if !s.VerifyWithLabel(c.Sign.Pub, c.Sign.Label, c.Sign.Content, s.SignWithLabel(key, c.Sign.Label, c.Sign.Content)) {
		t.Error("own signature does not verify")
	}

	sk, err := s.ParsePrivate(scalar(c.Suite, c.Encrypt.Priv))
	noError(t, "private key", err)
	equal(t, "HPKE public key", sk.Public().Bytes(), c.Encrypt.Pub)
	plain, err := s.DecryptWithLabel(sk, c.Encrypt.Label, c.Encrypt.Context, suite.HPKECiphertext{KEMOutput: c.Encrypt.KEMOutput, Ciphertext: c.Encrypt.Ciphertext})
	noError(t, "DecryptWithLabel", err)
	equal(t, "plaintext", plain, c.Encrypt.Plaintext)
	pk, err := s.ParsePublic(c.Encrypt.Pub)
	noError(t, "public key", err)
	sealed, err := s.EncryptWithLabel(newRand(1), pk, c.Encrypt.Label, c.Encrypt.Context, Secret(c.Encrypt.Plaintext))
	noError(t, "EncryptWithLabel", err)
	plain, err = s.DecryptWithLabel(sk, c.Encrypt.Label, c.Encrypt.Context, sealed)
	noError(t, "own ciphertext", err)
	equal(t, "own plaintext", plain, c.Encrypt.Plaintext)
}

type keyScheduleCase struct {
	Suite       CipherSuite `json:"cipher_suite"`
	GroupID     hexed       `json:"group_id"`
	InitialInit hexed       `json:"initial_init_secret"`
	Epochs      []struct {
		TreeHash       hexed `json:"tree_hash"`
		CommitSecret   hexed `json:"commit_secret"`
		PSKSecret      hexed `json:"psk_secret"`
		Transcript     hexed `json:"confirmed_transcript_hash"`
		GroupContext   hexed `json:"group_context"`
		Joiner         hexed `json:"joiner_secret"`
		Welcome        hexed `json:"welcome_secret"`
		Init           hexed `json:"init_secret"`
		SenderData     hexed `json:"sender_data_secret"`
		Encryption     hexed `json:"encryption_secret"`
		ExporterSecret hexed `json:"exporter_secret"`
		Authenticator  hexed `json:"epoch_authenticator"`
		External       hexed `json:"external_secret"`
		Confirmation   hexed `json:"confirmation_key"`
		Membership     hexed `json:"membership_key"`
		Resumption     hexed `json:"resumption_psk"`
		ExternalPub    hexed `json:"external_pub"`
		Exporter       struct {
			Label           string
			Context, Secret hexed
			Length          int
		}
	}
}

func runKeySchedule(t *testing.T, c *keyScheduleCase) {
	s := suiteOf(t, c.Suite)
	init := Secret(c.InitialInit)
	for i, v := range c.Epochs {
		context := GroupContext{Version: MLS10, CipherSuite: c.Suite, GroupID: c.GroupID, Epoch: uint64(i), TreeHash: v.TreeHash, ConfirmedTranscriptHash: v.Transcript}
		equal(t, "group_context", wire.Marshal(&context), v.GroupContext)
		d := &draft{parent: &Epoch{frame: frame{suite: s}}, context: context}
		k := d.secrets(init, Secret(v.CommitSecret), Secret(v.PSKSecret))
		equal(t, "joiner_secret", k.joiner, v.Joiner)
		equal(t, "welcome_secret", schedule.WelcomeSecret(s, k.member), v.Welcome)
		equal(t, "init_secret", k.epoch.InitSecret(), v.Init)
		equal(t, "sender_data_secret", k.epoch.SenderDataSecret(), v.SenderData)
		equal(t, "encryption_secret", k.encryption, v.Encryption)
		equal(t, "exporter_secret", k.epoch.ExporterSecret(), v.ExporterSecret)
		equal(t, "epoch_authenticator", k.epoch.Authenticator(), v.Authenticator)
		equal(t, "external_secret", k.epoch.ExternalSecret(), v.External)
		equal(t, "confirmation_key", k.epoch.ConfirmationKey(), v.Confirmation)
		equal(t, "membership_key", k.epoch.MembershipKey(), v.Membership)
		equal(t, "resumption_psk", k.epoch.ResumptionPSK(), v.Resumption)
		external, err := k.epoch.ExternalKey()
		noError(t, "external key", err)
		equal(t, "external_pub", external.Public().Bytes(), v.ExternalPub)
		exported, err := k.epoch.Export(v.Exporter.Label, v.Exporter.Context, v.Exporter.Length)
		noError(t, "exporter", err)
		equal(t, "exporter", exported, v.Exporter.Secret)
		init = k.epoch.InitSecret()
	}
}

type pskSecretCase struct {
	Suite CipherSuite `json:"cipher_suite"`
	PSKs  []struct {
		ID    hexed `json:"psk_id"`
		PSK   hexed `json:"psk"`
		Nonce hexed `json:"psk_nonce"`
	} `json:"psks"`
	Secret hexed `json:"psk_secret"`
}

func runPSKSecret(t *testing.T, c *pskSecretCase) {
	var ids []PreSharedKeyID
	at := 0
	for _, p := range c.PSKs {
		ids = append(ids, PreSharedKeyID{Type: ExternalPSK, ID: p.ID, Nonce: p.Nonce})
	}
	got, err := pskSecret(suiteOf(t, c.Suite), nil, ids, func(PreSharedKeyID) (Secret, bool) {
		at++
		return Secret(c.PSKs[at-1].PSK), true
	})
	noError(t, "psk secret", err)
	equal(t, "psk secret", got, c.Secret)
}

type secretTreeCase struct {
	Suite      CipherSuite `json:"cipher_suite"`
	Encryption hexed       `json:"encryption_secret"`
	SenderData struct {
		Secret     hexed `json:"sender_data_secret"`
		Ciphertext hexed
		Key, Nonce hexed
	} `json:"sender_data"`
	Leaves [][]struct {
		Generation       uint32
		ApplicationKey   hexed `json:"application_key"`
		ApplicationNonce hexed `json:"application_nonce"`
		HandshakeKey     hexed `json:"handshake_key"`
		HandshakeNonce   hexed `json:"handshake_nonce"`
	}
}

func runSecretTree(t *testing.T, c *secretTreeCase) {
	s := suiteOf(t, c.Suite)
	k := schedule.SenderDataKey(s, Secret(c.SenderData.Secret), c.SenderData.Ciphertext)
	key, nonce := k.Bytes()
	equal(t, "sender data key", key, c.SenderData.Key)
	equal(t, "sender data nonce", nonce, c.SenderData.Nonce)
	ratchets := schedule.NewRatchets(s, Secret(c.Encryption).Clone(), len(c.Leaves))
	check := func(leaf int, kind schedule.Kind, generation uint32, wantKey, wantNonce []byte) {
		t.Helper()
		k, err := ratchets.Key(schedule.Leaf(leaf), kind, schedule.Generation(generation))
		noError(t, "key", err)
		key, nonce := k.Bytes()
		equal(t, "key", key, wantKey)
		equal(t, "nonce", nonce, wantNonce)
		_, err = ratchets.Use(schedule.Leaf(leaf), kind, schedule.Generation(generation))
		noError(t, "use", err)
	}
	for leaf, generations := range c.Leaves {
		for _, g := range generations {
			check(leaf, schedule.Application, g.Generation, g.ApplicationKey, g.ApplicationNonce)
			check(leaf, schedule.Handshake, g.Generation, g.HandshakeKey, g.HandshakeNonce)
		}
	}
}

type transcriptCase struct {
	Suite         CipherSuite `json:"cipher_suite"`
	Confirmation  hexed       `json:"confirmation_key"`
	Content       hexed       `json:"authenticated_content"`
	InterimBefore hexed       `json:"interim_transcript_hash_before"`
	Confirmed     hexed       `json:"confirmed_transcript_hash_after"`
	InterimAfter  hexed       `json:"interim_transcript_hash_after"`
}

func runTranscriptHashes(t *testing.T, c *transcriptCase) {
	s := suiteOf(t, c.Suite)
	content, err := parse[AuthenticatedContent](c.Content)
	noError(t, "content", err)
	equal(t, "content", wire.Marshal(content), c.Content)
	parent := &Epoch{frame: frame{suite: s, encoded: []byte("some group context")}, interim: c.InterimBefore}
	input, signature := newSigned(*content, parent.encoded).transcriptInput()
	confirmed := schedule.ConfirmedTranscriptHash(s, parent.interim, input, signature)
	equal(t, "confirmed transcript hash", confirmed, c.Confirmed)
	equal(t, "interim transcript hash", schedule.InterimTranscriptHash(s, confirmed, content.Auth.ConfirmationTag), c.InterimAfter)
	if !s.VerifyMAC(content.Auth.ConfirmationTag, Secret(c.Confirmation), confirmed) {
		t.Error("the confirmation tag is wrong")
	}
}

type protectionCase struct {
	Suite      CipherSuite `json:"cipher_suite"`
	GroupID    hexed       `json:"group_id"`
	Epoch      uint64
	TreeHash   hexed `json:"tree_hash"`
	Transcript hexed `json:"confirmed_transcript_hash"`
	SignPriv   hexed `json:"signature_priv"`
	SignPub    hexed `json:"signature_pub"`
	Encryption hexed `json:"encryption_secret"`
	SenderData hexed `json:"sender_data_secret"`
	Membership hexed `json:"membership_key"`

	Proposal           hexed
	ProposalPub        hexed `json:"proposal_pub"`
	ProposalPriv       hexed `json:"proposal_priv"`
	Commit             hexed
	CommitPub          hexed `json:"commit_pub"`
	CommitPriv         hexed `json:"commit_priv"`
	Application        hexed
	ApplicationPrivate hexed `json:"application_priv"`
}

// member is one side of the vector's group of two: the sender is leaf 1.
func (c *protectionCase) member(t *testing.T, self LeafIndex) *Epoch {
	s := suiteOf(t, c.Suite)
	var stored wire.Writer
	stored.Raw(make([]byte, 4*s.Nh()))
	stored.Raw(c.Membership)
	stored.Raw(make([]byte, 3*s.Nh()))
	copy(stored.Bytes(), c.SenderData)
	secrets := schedule.ReadEpoch(s, wire.NewReader(stored.Bytes()))
	e := &Epoch{
		frame: newFrame(s, GroupContext{Version: MLS10, CipherSuite: c.Suite, GroupID: c.GroupID, Epoch: c.Epoch, TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.Transcript}, secrets),
		self:  self, tree: pair(t, s, c.SignPub),
	}
	e.newKeys(Secret(c.Encryption).Clone())
	return e
}

func runMessageProtection(t *testing.T, c *protectionCase) {
	// Each message of the vector is generation 0 of its ratchet: a fresh
	// receiver for each.
	open := func(what string, message []byte) *FramedContent {
		t.Helper()
		m, err := ParseMessage(message)
		noError(t, what, err)
		s, use, err := c.member(t, 0).open(m)
		noError(t, what, err)
		if (use != nil) != (m.WireFormat == WirePrivateMessage) {
			t.Errorf("%s: a key is used up: %v", what, use != nil)
		}
		return &s.Content
	}
	for what, m := range map[string]hexed{"proposal_pub": c.ProposalPub, "proposal_priv": c.ProposalPriv} {
		var w wire.Writer
		encodeProposal(&w, open(what, m).Proposal)
		equal(t, what, w.Bytes(), c.Proposal)
	}
	for what, m := range map[string]hexed{"commit_pub": c.CommitPub, "commit_priv": c.CommitPriv} {
		equal(t, what, wire.Marshal(open(what, m).Commit), c.Commit)
	}
	equal(t, "application_priv", open("application_priv", c.ApplicationPrivate).Application, c.Application)

	// And the other way: what we protect, we open.
	sender := c.member(t, 1)
	key, err := sender.suite.ParseSigningKey(scalar(c.Suite, c.SignPriv))
	noError(t, "signing key", err)
	for _, w := range []WireFormat{WirePrivateMessage, WirePublicMessage} {
		content := sender.content(Sender{Type: SenderMember, Index: 1}, []byte("aad"))
		content.ContentType = ContentCommit
		content.Commit, err = parse[Commit](c.Commit)
		noError(t, "commit", err)
		s := sender.sign(key, w, content)
		s.Auth.ConfirmationTag = make([]byte, sender.suite.Nh())
		message, _, err := sender.send(newRand(2), s, 7)
		noError(t, "send", err)
		equal(t, "own commit", wire.Marshal(open("own commit", message).Commit), c.Commit)
	}
}
