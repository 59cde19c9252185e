package schedule_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/vectors"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

func lookup(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, ok := suite.Lookup(id)
	if !ok {
		t.Fatalf("no suite %d", id)
	}
	return s
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

// eachSuite fails the test unless the vectors touched every suite.
func eachSuite(t *testing.T, seen map[suite.ID]int) {
	t.Helper()
	for _, s := range suite.All() {
		if seen[s.ID()] == 0 {
			t.Errorf("no vector for suite %d", s.ID())
		}
	}
}

func TestKeyScheduleVectors(t *testing.T) {
	var cases []struct {
		CipherSuite       suite.ID    `json:"cipher_suite"`
		GroupID           vectors.Hex `json:"group_id"`
		InitialInitSecret vectors.Hex `json:"initial_init_secret"`
		Epochs            []struct {
			TreeHash                vectors.Hex `json:"tree_hash"`
			CommitSecret            vectors.Hex `json:"commit_secret"`
			PSKSecret               vectors.Hex `json:"psk_secret"`
			ConfirmedTranscriptHash vectors.Hex `json:"confirmed_transcript_hash"`
			GroupContext            vectors.Hex `json:"group_context"`
			JoinerSecret            vectors.Hex `json:"joiner_secret"`
			WelcomeSecret           vectors.Hex `json:"welcome_secret"`
			InitSecret              vectors.Hex `json:"init_secret"`
			SenderDataSecret        vectors.Hex `json:"sender_data_secret"`
			EncryptionSecret        vectors.Hex `json:"encryption_secret"`
			ExporterSecret          vectors.Hex `json:"exporter_secret"`
			EpochAuthenticator      vectors.Hex `json:"epoch_authenticator"`
			ExternalSecret          vectors.Hex `json:"external_secret"`
			ConfirmationKey         vectors.Hex `json:"confirmation_key"`
			MembershipKey           vectors.Hex `json:"membership_key"`
			ResumptionPSK           vectors.Hex `json:"resumption_psk"`
			ExternalPub             vectors.Hex `json:"external_pub"`
			Exporter                struct {
				Label           string
				Context, Secret vectors.Hex
				Length          int
			}
		}
	}
	vectors.Read(t, "key-schedule.json", &cases)
	seen := map[suite.ID]int{}
	for _, v := range cases {
		s := lookup(t, v.CipherSuite)
		seen[s.ID()]++
		init := suite.Secret(v.InitialInitSecret)
		for i, want := range v.Epochs {
			t.Run(fmt.Sprintf("suite %d epoch %d", s.ID(), i), func(t *testing.T) {
				context := wire.NewWriter(128) // GroupContext (RFC 9420 §8.1)
				context.U16(1)
				context.U16(uint16(s.ID()))
				context.Opaque(v.GroupID)
				context.U64(uint64(i))
				context.Opaque(want.TreeHash)
				context.Opaque(want.ConfirmedTranscriptHash)
				context.Opaque(nil)
				equal(t, "group_context", context.Bytes(), want.GroupContext)

				joiner := schedule.JoinerSecret(s, init, suite.Secret(want.CommitSecret), context.Bytes())
				equal(t, "joiner_secret", joiner, want.JoinerSecret)
				member := schedule.MemberSecret(s, joiner, suite.Secret(want.PSKSecret))
				equal(t, "welcome_secret", schedule.WelcomeSecret(s, member), want.WelcomeSecret)
				e, encryption := schedule.NewEpoch(s, schedule.EpochSecret(s, member, context.Bytes()))
				equal(t, "encryption_secret", encryption, want.EncryptionSecret)
				equal(t, "init_secret", e.InitSecret(), want.InitSecret)
				equal(t, "sender_data_secret", e.SenderDataSecret(), want.SenderDataSecret)
				equal(t, "exporter_secret", e.ExporterSecret(), want.ExporterSecret)
				equal(t, "epoch_authenticator", e.Authenticator(), want.EpochAuthenticator)
				equal(t, "external_secret", e.ExternalSecret(), want.ExternalSecret)
				equal(t, "confirmation_key", e.ConfirmationKey(), want.ConfirmationKey)
				equal(t, "membership_key", e.MembershipKey(), want.MembershipKey)
				equal(t, "resumption_psk", e.ResumptionPSK(), want.ResumptionPSK)
				external, err := e.ExternalKey()
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "external_pub", external.Public().Bytes(), want.ExternalPub)
				exported, err := e.Export(want.Exporter.Label, want.Exporter.Context, want.Exporter.Length)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "exporter", exported, want.Exporter.Secret)
				init = e.InitSecret()
			})
		}
	}
	eachSuite(t, seen)
}

func TestPSKSecretVectors(t *testing.T) {
	var cases []struct {
		CipherSuite suite.ID `json:"cipher_suite"`
		PSKs        []struct {
			ID    vectors.Hex `json:"psk_id"`
			PSK   vectors.Hex `json:"psk"`
			Nonce vectors.Hex `json:"psk_nonce"`
		} `json:"psks"`
		PSKSecret vectors.Hex `json:"psk_secret"`
	}
	vectors.Read(t, "psk_secret.json", &cases)
	seen := map[suite.ID]int{}
	for _, v := range cases {
		s := lookup(t, v.CipherSuite)
		seen[s.ID()]++
		var ids []schedule.PreSharedKeyID
		var psks []suite.Secret
		for _, p := range v.PSKs {
			ids = append(ids, schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: p.ID, Nonce: p.Nonce})
			psks = append(psks, suite.Secret(p.PSK))
		}
		got, err := schedule.PSKSecret(s, ids, psks)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("suite %d, %d keys: psk_secret", s.ID(), len(ids)), got, v.PSKSecret)
	}
	eachSuite(t, seen)
}

func TestTranscriptHashVectors(t *testing.T) {
	var cases []struct {
		CipherSuite                  suite.ID    `json:"cipher_suite"`
		ConfirmationKey              vectors.Hex `json:"confirmation_key"`
		AuthenticatedContent         vectors.Hex `json:"authenticated_content"`
		InterimTranscriptHashBefore  vectors.Hex `json:"interim_transcript_hash_before"`
		ConfirmedTranscriptHashAfter vectors.Hex `json:"confirmed_transcript_hash_after"`
		InterimTranscriptHashAfter   vectors.Hex `json:"interim_transcript_hash_after"`
	}
	vectors.Read(t, "transcript-hashes.json", &cases)
	seen := map[suite.ID]int{}
	for _, v := range cases {
		s := lookup(t, v.CipherSuite)
		seen[s.ID()]++
		// AuthenticatedContent of a commit ends in confirmation_tag<V>, and what
		// stands before it is the ConfirmedTranscriptHashInput.
		head := len(wire.AppendVarint(nil, s.Nh()))
		input := v.AuthenticatedContent[:len(v.AuthenticatedContent)-head-s.Nh()]
		tag := v.AuthenticatedContent[len(input)+head:]
		confirmed := schedule.ConfirmedTranscriptHash(s, v.InterimTranscriptHashBefore, input[:2], input[2:])
		equal(t, "confirmed_transcript_hash", confirmed, v.ConfirmedTranscriptHashAfter)
		equal(t, "interim_transcript_hash", schedule.InterimTranscriptHash(s, confirmed, tag), v.InterimTranscriptHashAfter)
		equal(t, "confirmation_tag", s.MAC(suite.Secret(v.ConfirmationKey), confirmed), tag)
	}
	eachSuite(t, seen)
}

func TestSecretTreeVectors(t *testing.T) {
	var cases []struct {
		CipherSuite      suite.ID    `json:"cipher_suite"`
		EncryptionSecret vectors.Hex `json:"encryption_secret"`
		SenderData       struct {
			Secret     vectors.Hex `json:"sender_data_secret"`
			Ciphertext vectors.Hex
			Key, Nonce vectors.Hex
		} `json:"sender_data"`
		Leaves [][]struct {
			Generation       schedule.Generation
			ApplicationKey   vectors.Hex `json:"application_key"`
			ApplicationNonce vectors.Hex `json:"application_nonce"`
			HandshakeKey     vectors.Hex `json:"handshake_key"`
			HandshakeNonce   vectors.Hex `json:"handshake_nonce"`
		}
	}
	vectors.Read(t, "secret-tree.json", &cases)
	seen := map[suite.ID]int{}
	for _, v := range cases {
		s := lookup(t, v.CipherSuite)
		seen[s.ID()]++
		t.Run(fmt.Sprintf("suite %d leaves %d", s.ID(), len(v.Leaves)), func(t *testing.T) {
			k := schedule.SenderDataKey(s, suite.Secret(v.SenderData.Secret), v.SenderData.Ciphertext)
			key, nonce := k.Bytes()
			equal(t, "sender data key", key, v.SenderData.Key)
			equal(t, "sender data nonce", nonce, v.SenderData.Nonce)

			r := schedule.NewRatchets(s, suite.Secret(v.EncryptionSecret), len(v.Leaves))
			for leaf, generations := range v.Leaves {
				for _, g := range generations {
					for kind, want := range map[schedule.Kind][2]vectors.Hex{
						schedule.Handshake:   {g.HandshakeKey, g.HandshakeNonce},
						schedule.Application: {g.ApplicationKey, g.ApplicationNonce},
					} {
						k, err := r.Key(schedule.Leaf(leaf), kind, g.Generation)
						if err != nil {
							t.Fatal(err)
						}
						key, nonce := k.Bytes()
						equal(t, "key", key, want[0])
						equal(t, "nonce", nonce, want[1])
						if _, err := r.Use(schedule.Leaf(leaf), kind, g.Generation); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		})
	}
	eachSuite(t, seen)
}
