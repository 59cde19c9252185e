package schedule_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// hexBytes is a byte string of the vector files.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// readVectors loads an official vector file, from COVEY_MLS_VECTORS or from the
// module that carries copies of them.
func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	dir := os.Getenv("COVEY_MLS_VECTORS")
	if dir == "" {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/thomas-vilte/mls-go").Output()
		if err != nil {
			t.Fatalf("finding the vectors: %v", err)
		}
		dir = filepath.Join(strings.TrimSpace(string(out)), "testdata/mls-interop-testvectors/test-vectors")
	}
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

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
	var vectors []struct {
		CipherSuite       suite.ID `json:"cipher_suite"`
		GroupID           hexBytes `json:"group_id"`
		InitialInitSecret hexBytes `json:"initial_init_secret"`
		Epochs            []struct {
			TreeHash                hexBytes `json:"tree_hash"`
			CommitSecret            hexBytes `json:"commit_secret"`
			PSKSecret               hexBytes `json:"psk_secret"`
			ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
			GroupContext            hexBytes `json:"group_context"`
			JoinerSecret            hexBytes `json:"joiner_secret"`
			WelcomeSecret           hexBytes `json:"welcome_secret"`
			InitSecret              hexBytes `json:"init_secret"`
			SenderDataSecret        hexBytes `json:"sender_data_secret"`
			EncryptionSecret        hexBytes `json:"encryption_secret"`
			ExporterSecret          hexBytes `json:"exporter_secret"`
			EpochAuthenticator      hexBytes `json:"epoch_authenticator"`
			ExternalSecret          hexBytes `json:"external_secret"`
			ConfirmationKey         hexBytes `json:"confirmation_key"`
			MembershipKey           hexBytes `json:"membership_key"`
			ResumptionPSK           hexBytes `json:"resumption_psk"`
			ExternalPub             hexBytes `json:"external_pub"`
			Exporter                struct {
				Label           string
				Context, Secret hexBytes
				Length          int
			}
		}
	}
	readVectors(t, "key-schedule.json", &vectors)
	seen := map[suite.ID]int{}
	for _, v := range vectors {
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
	var vectors []struct {
		CipherSuite suite.ID `json:"cipher_suite"`
		PSKs        []struct {
			ID    hexBytes `json:"psk_id"`
			PSK   hexBytes `json:"psk"`
			Nonce hexBytes `json:"psk_nonce"`
		} `json:"psks"`
		PSKSecret hexBytes `json:"psk_secret"`
	}
	readVectors(t, "psk_secret.json", &vectors)
	seen := map[suite.ID]int{}
	for _, v := range vectors {
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
	var vectors []struct {
		CipherSuite                  suite.ID `json:"cipher_suite"`
		ConfirmationKey              hexBytes `json:"confirmation_key"`
		AuthenticatedContent         hexBytes `json:"authenticated_content"`
		InterimTranscriptHashBefore  hexBytes `json:"interim_transcript_hash_before"`
		ConfirmedTranscriptHashAfter hexBytes `json:"confirmed_transcript_hash_after"`
		InterimTranscriptHashAfter   hexBytes `json:"interim_transcript_hash_after"`
	}
	readVectors(t, "transcript-hashes.json", &vectors)
	seen := map[suite.ID]int{}
	for _, v := range vectors {
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
	var vectors []struct {
		CipherSuite      suite.ID `json:"cipher_suite"`
		EncryptionSecret hexBytes `json:"encryption_secret"`
		SenderData       struct {
			Secret     hexBytes `json:"sender_data_secret"`
			Ciphertext hexBytes
			Key, Nonce hexBytes
		} `json:"sender_data"`
		Leaves [][]struct {
			Generation       schedule.Generation
			ApplicationKey   hexBytes `json:"application_key"`
			ApplicationNonce hexBytes `json:"application_nonce"`
			HandshakeKey     hexBytes `json:"handshake_key"`
			HandshakeNonce   hexBytes `json:"handshake_nonce"`
		}
	}
	readVectors(t, "secret-tree.json", &vectors)
	seen := map[suite.ID]int{}
	for _, v := range vectors {
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
					for kind, want := range map[schedule.Kind][2]hexBytes{
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
