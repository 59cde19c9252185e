package mls

import (
	"bytes"
	"errors"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// Receiving a commit (RFC 9420 §12.4.2).

// Received is what a caller knows beside the commit itself.
type Received struct {
	// Proposals that the commit may refer to: all valid ones of the epoch.
	Proposals []*Proposed
	PSKs      PSKs
	// Now, in seconds since the Unix epoch, has lifetimes checked. Leave it
	// zero where all members must judge alike (RFC 9420 §7.3 only recommends
	// the check).
	Now uint64
}

// Process follows a commit to the epoch it leads to. It changes nothing but
// the message keys, and those only where it succeeds: a failure can be tried
// again, once what was missing is at hand.
//
// ErrOwn says that this member made the commit: its path cannot be decrypted
// by its own author, who has kept the Candidate by its CommitID.
//
// With ErrPath comes a Candidate whose Next is known from outside only: the
// commit is well-formed as far as anybody else can tell (RFC 9420 §16.12). Its
// confirmation tag could not be checked. The same goes for Next where the
// commit removes this member, without an error.
func (e *Epoch) Process(message []byte, with Received) (*Candidate, error) {
	m, err := ParseMessage(message)
	if err != nil {
		return nil, err
	}
	if err := e.alive(); err != nil {
		return nil, err
	}
	s, use, err := e.open(m)
	if err != nil {
		return nil, err
	}
	if s.Content.ContentType != ContentCommit {
		return nil, fail(CheckArgument, "a %v is for Unprotect", s.Content.ContentType)
	}
	if at, member := s.Content.Sender.Leaf(); member && at == e.self {
		return nil, fail(CheckOwnMessage, "commit")
	}
	c, err := e.follow(s, message, with)
	if err != nil && !errors.Is(err, ErrPath) {
		return nil, err
	}
	if use != nil {
		cells, spent := e.keys.use(use)
		if spent != nil {
			return nil, spent
		}
		c.Cells = cells
	}
	return c, err
}

// follow takes a verified commit to its candidate.
func (e *Epoch) follow(s *signed, message []byte, with Received) (*Candidate, error) {
	commit := s.Content.Commit
	items, err := resolve(commit, s.Content.Sender, with.Proposals)
	if err != nil {
		return nil, err
	}
	l, err := gather(s.Content.Sender, items, e.suite.Nh(), 0)
	if err != nil {
		return nil, err
	}
	if commit.Path == nil && l.needsPath() {
		return nil, fail(CheckPathRequired, "")
	}
	d, err := e.draft(l, with.Now)
	if err != nil {
		return nil, err
	}
	if commit.Path != nil {
		if err := d.merge(commit.Path); err != nil {
			return nil, err
		}
	}
	if err := d.judge(); err != nil {
		return nil, err
	}
	provisional := d.provisional()
	d.transcript(s)
	if slices.Contains(l.removes, e.self) {
		return d.candidate(commit, items, s, message, d.public(s.Auth.ConfirmationTag, CheckRemoved)), nil
	}
	next, err := d.enter(commit.Path, provisional, s.Auth.ConfirmationTag, with.PSKs)
	if next == nil {
		return nil, err
	}
	return d.candidate(commit, items, s, message, next), err
}

// enter computes the secrets of the next epoch and checks the confirmation
// tag. Where the path cannot be opened, the epoch is returned without them.
func (d *draft) enter(path *UpdatePath, provisional, tag []byte, find PSKs) (*Epoch, error) {
	e := d.parent
	psk, err := pskSecret(e.suite, e, d.list.psks, find)
	if err != nil {
		return nil, err
	}
	defer psk.Erase()
	init := e.secrets.InitSecret()
	if d.list.init != nil {
		if init, err = e.secrets.ExternalInit(d.list.init.KEMOutput); err != nil {
			return nil, because(CheckExternalInit, err, "")
		}
		defer init.Erase()
	}
	own, commitSecret := e.own, suite.Secret(nil)
	for _, u := range d.list.updates {
		if u.at == e.self {
			if u.leafKey == nil || !bytes.Equal(u.leafKey.Public().Bytes(), u.leaf.EncryptionKey) {
				return nil, fail(CheckReference, "the private key of this member's update is not at hand")
			}
			own = own.WithLeaf(u.leafKey)
		}
	}
	if path == nil {
		own, commitSecret = own.Follow(d.tree), e.suite.Zero().Clone()
	} else if own, commitSecret, err = own.Open(d.tree, d.committer, path, d.added, provisional); err != nil {
		err = invalidTree(err)
		if errors.Is(err, ErrPath) {
			return d.public(tag, CheckPathDecrypt), err
		}
		return nil, err
	}
	defer commitSecret.Erase()
	k := d.secrets(init, commitSecret, psk)
	defer k.erase()
	if !k.epoch.VerifyConfirmationTag(tag, d.context.ConfirmedTranscriptHash) {
		k.epoch.Erase()
		k.encryption.Erase()
		return nil, fail(CheckConfirmationTag, "")
	}
	next := d.public(tag, "")
	next.admit(k, own)
	return next, nil
}

// addressed checks that a message is of this group and epoch.
func (e *Epoch) addressed(group []byte, epoch uint64) error {
	if !bytes.Equal(group, e.context.GroupID) {
		return fail(CheckGroup, "")
	}
	if epoch != e.context.Epoch {
		return fail(CheckEpoch, "%d, not %d", epoch, e.context.Epoch)
	}
	return nil
}

// openPublicContent opens a PublicMessage of the epoch and verifies its
// sender (RFC 9420 §6.1, §6.2).
func (e *Epoch) openPublicContent(m *PublicMessage) (*signed, error) {
	if err := e.addressed(m.Content.GroupID, m.Content.Epoch); err != nil {
		return nil, err
	}
	if err := e.alive(); err != nil {
		return nil, err
	}
	s, err := e.openPublic(m)
	if err != nil {
		return nil, err
	}
	if err := e.verifySender(s); err != nil {
		return nil, err
	}
	if at, member := s.Content.Sender.Leaf(); member && at == e.self {
		return nil, fail(CheckOwnMessage, "") // and truly so: others know the membership key too
	}
	return s, nil
}

// verifySender verifies the signature with the key that goes with the sender,
// and that it may send such content (RFC 9420 §6.1, §12.1.8).
func (e *Epoch) verifySender(s *signed) error {
	c := &s.Content
	var key []byte
	switch c.Sender.Type {
	case SenderMember:
		if key = e.tree.SignatureKey(LeafIndex(c.Sender.Index)); key == nil {
			return fail(CheckSenderLeaf, "leaf %d", c.Sender.Index)
		}
	case SenderExternal:
		if c.ContentType != ContentProposal {
			return fail(CheckSenderContent, "a %v from outside", c.ContentType)
		}
		senders, err := externalSenders(e.context.Extensions)
		if err != nil {
			return err
		}
		if int64(c.Sender.Index) >= int64(len(senders)) {
			return fail(CheckSenderIndex, "sender %d of %d", c.Sender.Index, len(senders))
		}
		switch c.Proposal.Type() {
		case ProposalAdd, ProposalRemove, ProposalPSK, ProposalReInit, ProposalGroupContextExtensions:
		default:
			return fail(CheckExternalProposal, "type %d", c.Proposal.Type())
		}
		key = senders[c.Sender.Index].SignatureKey
	case SenderNewMemberProposal:
		if c.ContentType != ContentProposal {
			return fail(CheckSenderContent, "a %v from a new member", c.ContentType)
		}
		add, ok := c.Proposal.(*Add)
		if !ok {
			return fail(CheckNewMemberProposal, "type %d", c.Proposal.Type())
		}
		key = add.KeyPackage.LeafNode.SignatureKey
	case SenderNewMemberCommit:
		if c.ContentType != ContentCommit {
			return fail(CheckSenderContent, "a %v from a joiner", c.ContentType)
		}
		if c.Commit.Path == nil {
			return fail(CheckExternalPath, "")
		}
		key = c.Commit.Path.Leaf.SignatureKey
	}
	return e.verify(s, key)
}
