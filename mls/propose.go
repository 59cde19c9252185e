package mls

import (
	"fmt"
	"io"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Proposals that travel by themselves (RFC 9420 §12.1, §12.1.8).

// ProposeOptions says how a proposal is sent.
type ProposeOptions struct {
	AuthenticatedData []byte
	WireFormat        WireFormat // zero is WirePrivateMessage
	Padding           int
	// Now, in seconds since the Unix epoch: needed where a member is to be
	// added, whose key package is then validated (RFC 9420 §7.3).
	Now uint64
}

// SentProposal is a proposal of one's own: what to send, what a commit refers
// to, and the message keys that sending used up.
type SentProposal struct {
	*Proposed
	Message []byte
	Cells   []Cell
}

const labelProposal = "MLS 1.0 Proposal Reference"

// proposed gives a verified proposal its name (RFC 9420 §5.2).
func (e *Epoch) proposed(s *signed) *Proposed {
	return &Proposed{
		Ref: e.suite.RefHash(labelProposal, wire.Marshal(&s.AuthenticatedContent)), Sender: s.Content.Sender,
		Proposal: s.Content.Proposal, AuthenticatedData: s.Content.AuthenticatedData,
	}
}

// Propose sends a proposal to be committed by somebody.
func (e *Epoch) Propose(rand io.Reader, key *SigningKey, p Proposal, o ProposeOptions) (*SentProposal, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	if err := e.canSend(key); err != nil {
		return nil, err
	}
	p, err := e.withNonce(rand, p)
	if err != nil {
		return nil, err
	}
	if add, ok := p.(*Add); ok {
		if err := e.checkAdd(add.KeyPackage, o.Now); err != nil {
			return nil, err
		}
	}
	c := e.content(Sender{Type: SenderMember, Index: uint32(e.self)}, o.AuthenticatedData)
	c.ContentType, c.Proposal = ContentProposal, p
	w := o.WireFormat
	if w == 0 {
		w = WirePrivateMessage
	}
	s := e.sign(key, w, c)
	sent := &SentProposal{Proposed: e.proposed(s)}
	sent.Message, sent.Cells, err = e.send(rand, s, o.Padding)
	return sent, err
}

// checkAdd validates a key package before it is proposed.
func (e *Epoch) checkAdd(k *KeyPackage, now uint64) error {
	if now == 0 {
		return fail(CheckLifetime, "no time given")
	}
	rules := e.rules(e.context.Extensions, now)
	if err := k.check(&rules, 0); err != nil {
		return err
	}
	return authenticate(&e.config, k.LeafNode, nil)
}

// ProposeUpdate proposes a new leaf for this member, with fresh keys. The
// private one stays in the Proposed: give that to Process with the commit, and
// keep it by MarshalSecret over a restart.
func (e *Epoch) ProposeUpdate(rand io.Reader, key *SigningKey, change *LeafChange, o ProposeOptions) (*SentProposal, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	leafKey, err := e.suite.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	leaf := *e.tree.Leaf(e.self)
	signer := change.apply(&leaf, key)
	leaf.EncryptionKey, leaf.SignatureKey = leafKey.Public().Bytes(), signer.Public()
	leaf.Source, leaf.Lifetime, leaf.ParentHash = SourceUpdate, Lifetime{}, nil
	leaf.Sign(e.suite, signer, e.context.GroupID, e.self)
	sent, err := e.Propose(rand, key, &Update{LeafNode: &leaf}, o)
	if err != nil {
		return nil, err
	}
	sent.leafKey = leafKey
	return sent, nil
}

// ProposeExternal makes a proposal from outside, as row sender of the group's
// external_senders extension (RFC 9420 §12.1.8). The group and its epoch are
// public enough to be told by anybody.
func ProposeExternal(rand io.Reader, key *SigningKey, id CipherSuite, group []byte, epoch uint64, sender uint32, p Proposal) ([]byte, error) {
	return proposeFrom(rand, key, id, group, epoch, Sender{Type: SenderExternal, Index: sender}, p)
}

// ProposeSelf asks to be added (RFC 9420 §12.1.8). key is the key package's.
func ProposeSelf(key *SigningKey, own *KeyPackage, group []byte, epoch uint64) ([]byte, error) {
	return proposeFrom(nil, key, own.CipherSuite, group, epoch, Sender{Type: SenderNewMemberProposal}, &Add{KeyPackage: own})
}

func proposeFrom(rand io.Reader, key *SigningKey, id CipherSuite, group []byte, epoch uint64, from Sender, p Proposal) ([]byte, error) {
	s, err := lookup(id, CheckArgument)
	if err != nil {
		return nil, err
	}
	f := frame{suite: s, context: GroupContext{GroupID: group, Epoch: epoch}}
	if p, err = f.withNonce(rand, p); err != nil {
		return nil, err
	}
	c := f.content(from, nil)
	c.ContentType, c.Proposal = ContentProposal, p
	return f.public(f.sign(key, WirePublicMessage, c)), nil
}

// Format keeps the private key of an update out of every verb.
func (p *Proposed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "proposal %x", p.Ref) }

const proposedVersion = 1

// MarshalSecret encodes the proposal for storage until its epoch ends.
func (p *Proposed) MarshalSecret() Secret {
	var w wire.Writer
	w.U8(proposedVersion)
	w.Opaque(p.Ref)
	p.Sender.Encode(&w)
	encodeProposal(&w, p.Proposal)
	w.Opaque(p.AuthenticatedData)
	if w.Optional(p.leafKey != nil) {
		w.Opaque(p.leafKey.Bytes())
	}
	return w.Bytes()
}

// ParseProposed takes back what MarshalSecret gave, in the suite of its group.
func ParseProposed(id CipherSuite, secret Secret) (*Proposed, error) {
	s, err := lookup(id, CheckArgument)
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(secret)
	if r.U8() != proposedVersion {
		return nil, fail(CheckStored, "proposal of another version")
	}
	p := &Proposed{Ref: r.Opaque(), Sender: value[Sender](r), Proposal: decodeProposal(r), AuthenticatedData: r.Opaque()}
	var leafKey suite.Secret
	if r.Optional() {
		leafKey = r.Opaque()
	}
	if r.Done() != nil {
		return nil, fail(CheckStored, "proposal")
	}
	if leafKey != nil {
		if p.leafKey, err = s.ParsePrivate(leafKey); err != nil {
			return nil, because(CheckStored, err, "update key")
		}
	}
	return p, nil
}
