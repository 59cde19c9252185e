package mls

import (
	"io"

	"github.com/covey-p2p/covey/mls/internal/schedule"
)

// Joining without being added (RFC 9420 §12.4.3.2).

// ExternalOptions says how to join by an external commit.
type ExternalOptions struct {
	JoinOptions
	// Replace removes this leaf, an old appearance of the joiner's.
	Replace *LeafIndex
	// Resync removes the joiner's old appearance, which has the same signature
	// key, where there is one.
	Resync bool
	// PreSharedKeys to mix in, found by JoinOptions.PSKs.
	PreSharedKeys     []PreSharedKeyID
	AuthenticatedData []byte
}

// JoinExternal makes the commit by which a client adds itself to the group of
// a GroupInfo message that holds the external key. The candidate's Next is the
// joiner's first epoch; nothing holds until the group accepts the commit. own
// says what the leaf will be; its keys are not used.
func JoinExternal(rand io.Reader, c *Config, key *SigningKey, own *LeafNode, groupInfo []byte, o ExternalOptions) (*Candidate, error) {
	m, err := ParseMessage(groupInfo)
	if err != nil {
		return nil, err
	}
	if m.WireFormat != WireGroupInfo {
		return nil, fail(CheckWireFormat, "a %v where a group info should be", m.WireFormat)
	}
	if err := supportsAll(&own.Capabilities, m.GroupInfo.GroupContext.Extensions); err != nil {
		return nil, err
	}
	e, err := observe(c, m.GroupInfo, o.JoinOptions)
	if err != nil {
		return nil, err
	}
	data, ok := m.GroupInfo.Extensions.Find(ExtensionExternalPub)
	if !ok {
		return nil, fail(CheckExternalPub, "none")
	}
	raw, err := parse[externalPub](data)
	if err != nil {
		return nil, because(CheckExternalPub, err, "")
	}
	pub, err := e.suite.ParsePublic(raw.key)
	if err != nil {
		return nil, because(CheckExternalPub, err, "")
	}
	kem, init, err := schedule.ExternalInit(e.suite, rand, pub)
	if err != nil {
		return nil, err
	}
	defer init.Erase()
	options := CommitOptions{Proposals: []Proposal{&ExternalInit{KEMOutput: kem}}, PSKs: o.PSKs, AuthenticatedData: o.AuthenticatedData}
	if old, in := e.tree.FindSignatureKey(key.Public()); in && o.Resync {
		options.Proposals = append(options.Proposals, &Remove{Removed: old})
	} else if o.Replace != nil {
		options.Proposals = append(options.Proposals, &Remove{Removed: *o.Replace})
	}
	for _, id := range o.PreSharedKeys {
		options.Proposals = append(options.Proposals, &PreSharedKey{PSK: id})
	}
	return e.commit(rand, key, options, &author{sender: Sender{Type: SenderNewMemberCommit}, leaf: *own, init: init})
}
