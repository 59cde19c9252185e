package mls

import (
	"bytes"
	"io"

	"github.com/covey-p2p/covey/mls/internal/tree"
)

// Making a commit and the Welcome that goes with it (RFC 9420 §12.4.1).

// CommitOptions says what a commit does. Its zero value renews this member's
// keys and nothing else.
type CommitOptions struct {
	// Proposals by value, in order. A PreSharedKey whose nonce is empty gets a
	// fresh one.
	Proposals []Proposal
	// References are proposals sent before; they come first in the commit.
	References []*Proposed
	// NoPath leaves the path out where the proposals do not require one: then
	// nobody's keys are renewed, and the commit is small.
	NoPath bool
	// Leaf changes what this member's leaf says; it needs a path.
	Leaf *LeafChange
	PSKs PSKs
	// Now, in seconds since the Unix epoch: needed where members are added.
	Now uint64

	AuthenticatedData []byte
	// WireFormat is WirePrivateMessage, which zero means too, or
	// WirePublicMessage.
	WireFormat WireFormat
	Padding    int // of a PrivateMessage

	Welcome WelcomeOptions
}

// LeafChange replaces parts of one's own leaf; nil leaves a part.
type LeafChange struct {
	SigningKey   *SigningKey // signs the new leaf; the commit is signed with the old key
	Credential   *Credential
	Capabilities *Capabilities
	Extensions   *Extensions
}

// WelcomeOptions says what the GroupInfo in a Welcome holds.
type WelcomeOptions struct {
	// NoTree leaves the ratchet tree out: the joiner gets it another way.
	NoTree bool
	// External puts in the key with which anybody may join.
	External bool
	// Extensions are further ones, such as the application's, or GREASE.
	Extensions Extensions
}

// Commit makes a commit and the epoch it leads to. key is the signature key of
// this member's leaf. The epoch does not change, nor do its message keys,
// except that a PrivateMessage uses one up: Candidate.Cells.
func (e *Epoch) Commit(rand io.Reader, key *SigningKey, o CommitOptions) (*Candidate, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	if err := e.canSend(key); err != nil {
		return nil, err
	}
	return e.commit(rand, key, o, &author{
		sender: Sender{Type: SenderMember, Index: uint32(e.self)},
		leaf:   *e.tree.Leaf(e.self), init: e.secrets.InitSecret(),
	})
}

// canSend says why this member can send nothing, or not with that key. An
// erased epoch can still protect messages, as long as it has keys.
func (e *Epoch) canSend(key *SigningKey) error {
	if e.dead != "" && e.dead != CheckErased {
		return fail(e.dead, "")
	}
	if e.reinit != nil {
		return fail(CheckFrozen, "")
	}
	if key == nil || !bytes.Equal(key.Public(), e.tree.SignatureKey(e.self)) {
		return fail(CheckArgument, "the signing key is not of leaf %d", e.self)
	}
	return nil
}

// author is who makes a commit: a member, or a joiner from outside.
type author struct {
	sender  Sender
	leaf    LeafNode // what the new leaf is made from
	init    Secret
	purpose PSKUsage // of the first commit of a group made from another
}

// commit is all of RFC 9420 §12.4.1.
func (e *Epoch) commit(rand io.Reader, key *SigningKey, o CommitOptions, by *author) (*Candidate, error) {
	d, commit, items, err := e.propose(rand, o, by)
	if err != nil {
		return nil, err
	}
	newKey := o.Leaf.apply(&by.leaf, key)
	psk, err := pskSecret(e.suite, e, d.list.psks, o.PSKs)
	if err != nil {
		return nil, err
	}
	defer psk.Erase()

	commitSecret := e.suite.Zero().Clone()
	var path *tree.Path
	if d.list.needsPath() || !o.NoPath || o.Leaf != nil {
		if path, err = d.renew(rand, by, newKey); err != nil {
			return nil, err
		}
		defer path.Erase()
		commitSecret = path.CommitSecret()
	}
	defer commitSecret.Erase()
	if err := d.judge(); err != nil {
		return nil, err
	}
	own, err := d.settle(rand, commit, path)
	if err != nil {
		return nil, err
	}

	content := e.content(by.sender, o.AuthenticatedData)
	content.ContentType, content.Commit = ContentCommit, commit
	s := e.sign(key, o.wireFormat(by), content)
	d.transcript(s)
	secrets := d.secrets(by.init, commitSecret, psk)
	defer secrets.erase()
	s.Auth.ConfirmationTag = secrets.epoch.ConfirmationTag(d.context.ConfirmedTranscriptHash)
	message, cells, err := e.send(rand, s, o.Padding)
	if err != nil {
		return nil, err
	}
	next := d.public(s.Auth.ConfirmationTag, "")
	next.admit(secrets, own)
	c := d.candidate(commit, items, s, message, next)
	c.Cells, c.Message = cells, message
	if len(d.added) > 0 {
		if c.Welcome, err = d.welcome(rand, newKey, secrets, path, next, o.Welcome); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// propose gathers, validates and applies the proposals.
func (e *Epoch) propose(rand io.Reader, o CommitOptions, by *author) (*draft, *Commit, []item, error) {
	commit := &Commit{}
	for _, p := range o.References {
		commit.Proposals = append(commit.Proposals, ProposalOrRef{Reference: p.Ref})
	}
	for _, p := range o.Proposals {
		p, err := e.withNonce(rand, p)
		if err != nil {
			return nil, nil, nil, err
		}
		commit.Proposals = append(commit.Proposals, ProposalOrRef{Proposal: p})
	}
	items, err := resolve(commit, by.sender, o.References)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := gather(by.sender, items, e.suite.Nh(), by.purpose)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(l.adds) > 0 && o.Now == 0 {
		return nil, nil, nil, fail(CheckLifetime, "no time given")
	}
	d, err := e.draft(l, o.Now)
	return d, commit, items, err
}

// withNonce gives a pre-shared key the fresh nonce of RFC 9420 §8.4.
func (f *frame) withNonce(rand io.Reader, p Proposal) (Proposal, error) {
	psk, ok := p.(*PreSharedKey)
	if !ok || len(psk.PSK.Nonce) > 0 {
		return p, nil
	}
	nonce, err := random(rand, f.suite.Nh())
	filled := &PreSharedKey{PSK: psk.PSK}
	filled.PSK.Nonce = nonce
	return filled, err
}

// settle seals the path into the commit, where there is one, and returns the
// author's keys in the next epoch.
func (d *draft) settle(rand io.Reader, commit *Commit, path *tree.Path) (own *tree.Private, err error) {
	if path == nil {
		return d.parent.own.Follow(d.tree), nil
	}
	commit.Path, err = path.Seal(rand, d.provisional(), d.added)
	return path.Private, invalidTree(err)
}

// renew makes the path of the author (RFC 9420 §7.5).
func (d *draft) renew(rand io.Reader, by *author, key *SigningKey) (*tree.Path, error) {
	e := d.parent
	path, err := d.tree.NewPath(rand, d.committer, by.leaf, key, e.context.GroupID)
	if err != nil {
		return nil, invalidTree(err)
	}
	leaf := path.Next.Leaf(d.committer)
	if err := d.rules.Check(leaf, SourceCommit, d.committer); err != nil {
		path.Erase()
		return nil, invalidTree(err)
	}
	if err := authenticate(&e.config, leaf, e.tree.Leaf(d.committer)); err != nil && !d.list.external() {
		path.Erase()
		return nil, err
	}
	d.tree = path.Next
	return path, nil
}

// apply changes a leaf and returns the key that signs it.
func (c *LeafChange) apply(l *LeafNode, key *SigningKey) *SigningKey {
	if c == nil {
		return key
	}
	if c.Credential != nil {
		l.Credential = *c.Credential
	}
	if c.Capabilities != nil {
		l.Capabilities = *c.Capabilities
	}
	if c.Extensions != nil {
		l.Extensions = *c.Extensions
	}
	if c.SigningKey != nil {
		return c.SigningKey
	}
	return key
}

func (o *CommitOptions) wireFormat(by *author) WireFormat {
	if by.sender.Type != SenderMember {
		return WirePublicMessage // a joiner has no keys to encrypt with
	}
	if o.WireFormat == 0 {
		return WirePrivateMessage
	}
	return o.WireFormat
}

// send frames signed content and says what that used up.
func (e *Epoch) send(rand io.Reader, s *signed, padding int) ([]byte, []Cell, error) {
	switch s.WireFormat {
	case WirePublicMessage:
		return e.public(s), nil, nil
	case WirePrivateMessage:
		if padding < 0 || padding > MaxPadding {
			return nil, nil, fail(CheckArgument, "padding of %d bytes", padding)
		}
		m, cells, err := e.keys.seal(rand, s, padding)
		if err != nil {
			return nil, nil, err
		}
		return m, cells, nil
	default:
		return nil, nil, fail(CheckArgument, "wire format %v", s.WireFormat)
	}
}
