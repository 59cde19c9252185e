package mls

import (
	"fmt"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
)

// The objects that live in the ratchet tree (RFC 9420 §5.3, §7.2, §13.4).
type (
	// CipherSuite is a number of the IANA registry (RFC 9420 §17.1).
	CipherSuite = suite.ID
	// LeafIndex counts leaves from the left, blank ones too.
	LeafIndex = tree.LeafIndex
	// LeafNode is one member as the group sees it.
	LeafNode = tree.LeafNode
	// Credential says who a member is.
	Credential = tree.Credential
	// CredentialType is a number of the IANA registry (RFC 9420 §17.5).
	CredentialType = tree.CredentialType
	// Capabilities is what a client can do.
	Capabilities = tree.Capabilities
	// Lifetime bounds a key package, in seconds since the Unix epoch.
	Lifetime = tree.Lifetime
	// Extension is a typed blob.
	Extension = tree.Extension
	// ExtensionType is a number of the IANA registry (RFC 9420 §17.3).
	ExtensionType = tree.ExtensionType
	// ProposalType is a number of the IANA registry (RFC 9420 §17.4).
	ProposalType = tree.ProposalType
	// Extensions is a list of them, of different types.
	Extensions = tree.Extensions
	// UpdatePath renews the keys from a leaf to the root (RFC 9420 §7.6).
	UpdatePath = tree.UpdatePath
	// PreSharedKeyID names a pre-shared key and one use of it (RFC 9420 §8.4).
	PreSharedKeyID = schedule.PreSharedKeyID
	// PSKUsage says what a resumption secret is used for (RFC 9420 §8.4).
	PSKUsage = schedule.PSKUsage
	// HPKECiphertext is one value sealed to one public key.
	HPKECiphertext = tree.HPKECiphertext
)

// The cipher suites of RFC 9420 §17.1.
const (
	X25519AES128SHA256Ed25519   = suite.X25519AES128SHA256Ed25519
	P256AES128SHA256P256        = suite.P256AES128SHA256P256
	X25519ChaCha20SHA256Ed25519 = suite.X25519ChaCha20SHA256Ed25519
	X448AES256SHA512Ed448       = suite.X448AES256SHA512Ed448
	P521AES256SHA512P521        = suite.P521AES256SHA512P521
	X448ChaCha20SHA512Ed448     = suite.X448ChaCha20SHA512Ed448
	P384AES256SHA384P384        = suite.P384AES256SHA384P384
)

// ProtocolVersion is the version of MLS; there is one (RFC 9420 §6).
type ProtocolVersion = tree.Version

// MLS10 is RFC 9420.
const MLS10 = tree.MLS10

// Where pre-shared keys come from, and what resumption secrets are used for
// (RFC 9420 §8.4).
const (
	ExternalPSK      = schedule.ExternalPSK
	ResumptionPSK    = schedule.ResumptionPSK
	UsageApplication = schedule.UsageApplication
	UsageReInit      = schedule.UsageReInit
	UsageBranch      = schedule.UsageBranch
)

// The credential types of RFC 9420 §17.5.
const (
	CredentialBasic = tree.Basic
	CredentialX509  = tree.X509
)

// Where a leaf comes from (RFC 9420 §7.2).
const (
	SourceKeyPackage = tree.SourceKeyPackage
	SourceUpdate     = tree.SourceUpdate
	SourceCommit     = tree.SourceCommit
)

// WireFormat says what an MLSMessage holds (RFC 9420 §17.2).
type WireFormat uint16

const (
	WirePublicMessage WireFormat = 1 + iota
	WirePrivateMessage
	WireWelcome
	WireGroupInfo
	WireKeyPackage
)

func (w WireFormat) String() string {
	return name(w, "public_message", "private_message", "welcome", "group_info", "key_package")
}

// ContentType says what a framed message carries (RFC 9420 §6).
type ContentType uint8

const (
	ContentApplication ContentType = 1 + iota
	ContentProposal
	ContentCommit
)

func (c ContentType) String() string { return name(c, "application", "proposal", "commit") }

// SenderType says in what capacity somebody sends (RFC 9420 §6).
type SenderType uint8

const (
	SenderMember            SenderType = 1 + iota // a leaf of the group
	SenderExternal                                // a row of the external_senders extension
	SenderNewMemberProposal                       // whoever asks to be added
	SenderNewMemberCommit                         // whoever adds itself
)

func (s SenderType) String() string {
	return name(s, "member", "external", "new_member_proposal", "new_member_commit")
}

// name is the i-th of names, counting from 1 as the RFC's enums do.
func name[T ~uint8 | ~uint16](i T, names ...string) string {
	if i >= 1 && int(i) <= len(names) {
		return names[i-1]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

// The proposal types of RFC 9420 §17.4, which every client knows.
const (
	ProposalAdd                    = tree.ProposalAdd
	ProposalUpdate                 = tree.ProposalUpdate
	ProposalRemove                 = tree.ProposalRemove
	ProposalPSK                    = tree.ProposalPSK
	ProposalReInit                 = tree.ProposalReInit
	ProposalExternalInit           = tree.ProposalExternalInit
	ProposalGroupContextExtensions = tree.ProposalGroupContextExtensions
)

// The extension types of RFC 9420 §17.3, which every client knows.
const (
	ExtensionApplicationID        = tree.ExtensionApplicationID
	ExtensionRatchetTree          = tree.ExtensionRatchetTree
	ExtensionRequiredCapabilities = tree.ExtensionRequiredCapabilities
	ExtensionExternalPub          = tree.ExtensionExternalPub
	ExtensionExternalSenders      = tree.ExtensionExternalSenders
)
