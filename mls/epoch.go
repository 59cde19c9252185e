package mls

import (
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// EpochID names a state of a group: its context and its confirmation tag, so
// its whole history and its secrets. Members of forked groups at the same epoch
// number hold different ids.
type EpochID [32]byte

// CommitID names a commit on its parent.
type CommitID [32]byte

func (id EpochID) String() string  { return hex.EncodeToString(id[:4]) }
func (id CommitID) String() string { return hex.EncodeToString(id[:4]) }

// epochID is SHA-256("covey epoch v1" ‖ TLS(GroupContext) ‖ opaque
// confirmation_tag), whatever the suite: a joiner has both in its GroupInfo.
func epochID(context, tag []byte) EpochID {
	w := wire.NewWriter(len(tag) + 2)
	w.Opaque(tag)
	return Hash([]byte("covey epoch v1"), context, w.Bytes())
}

// NewCommitID is SHA-256("covey commit v1" ‖ parent ‖ message), where message
// is the MLSMessage as it travels.
func NewCommitID(parent EpochID, message []byte) CommitID {
	return CommitID(Hash([]byte("covey commit v1"), parent[:], message))
}

// Config is what an application decides for a group. All members must decide
// alike, or they part.
type Config struct {
	// Authenticator judges credentials; nil is BasicIdentity.
	Authenticator Authenticator
	// MaxLifetime bounds the lifetime of a leaf, in seconds
	// (RFC 9420 §7.2); zero is no bound.
	MaxLifetime uint64
}

func (c *Config) authenticator() Authenticator {
	if c.Authenticator == nil {
		return BasicIdentity{}
	}
	return c.Authenticator
}

// Epoch is one state of a group as one member holds it. It never changes: a
// commit leads to another Epoch, any number of which may live side by side,
// and keeping one costs a pointer. Only Erase ends it, and only Keys, which
// stands beside it, is used up. It may be read concurrently.
//
//  1. frame.secrets is nil exactly where the epoch is known from outside only:
//     the state after this member's removal, after a path it could not
//     decrypt, or before it joins.
//  2. Where it is not, own holds the private keys of leaf self.
type Epoch struct {
	frame
	config  Config
	id      EpochID
	tag     []byte // confirmation tag
	interim []byte // interim transcript hash
	tree    *tree.Tree
	self    LeafIndex
	own     *tree.Private
	keys    *MessageKeys
	reinit  *ReInit // the commit that led here closed the group
	dead    Check   // why nothing more can be done, or ""
}

// ID is the name of this state.
func (e *Epoch) ID() EpochID { return e.id }

// GroupID is the group's id. It must not be written to.
func (e *Epoch) GroupID() []byte { return e.context.GroupID }

// Number counts the commits that led here. It names nothing once a group has
// forked.
func (e *Epoch) Number() uint64 { return e.context.Epoch }

// CipherSuite is the suite of the group.
func (e *Epoch) CipherSuite() CipherSuite { return e.context.CipherSuite }

// Context is the state in short. Its slices must not be written to.
func (e *Epoch) Context() GroupContext { return e.context }

// Extension is the group's extension of a type.
func (e *Epoch) Extension(t ExtensionType) ([]byte, bool) { return e.context.Extensions.Find(t) }

// ConfirmationTag proves knowledge of this epoch's secrets.
func (e *Epoch) ConfirmationTag() []byte { return e.tag }

// Self is this member's leaf. It is meaningless where Member is false.
func (e *Epoch) Self() LeafIndex { return e.self }

// Member reports whether this client holds the secrets of the epoch: false
// after its own removal, after a path that it could not decrypt, and after
// Erase.
func (e *Epoch) Member() bool { return e.dead == "" }

// ReInit is the proposal that closed the group, or nil. A closed group only
// waits for the Welcome of its successor.
func (e *Epoch) ReInit() *ReInit { return e.reinit }

// Len is the number of members.
func (e *Epoch) Len() int { return e.tree.Len() }

// Leaf is the member at i, or nil. Its bytes must not be written to.
func (e *Epoch) Leaf(i LeafIndex) *LeafNode { return e.tree.Leaf(i) }

// Members walks over the members from left to right.
func (e *Epoch) Members() iter.Seq2[LeafIndex, *LeafNode] { return e.tree.Members() }

// Find is the member with a signature key.
func (e *Epoch) Find(signatureKey []byte) (LeafIndex, bool) {
	return e.tree.FindSignatureKey(signatureKey)
}

// Keys are the message keys of the epoch: the same object for everybody who
// holds it. It is nil where Member never was true.
func (e *Epoch) Keys() *MessageKeys { return e.keys }

// Authenticator is equal among members exactly where the epoch is
// (RFC 9420 §8.7).
func (e *Epoch) Authenticator() ([]byte, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	return e.secrets.Authenticator(), nil
}

// Export derives n bytes for the purpose that label names, bound to context
// (RFC 9420 §8.5).
func (e *Epoch) Export(label string, context []byte, n int) (Secret, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	secret, err := e.secrets.Export(label, context, n)
	if err != nil {
		return nil, because(CheckArgument, err, "%d bytes", n)
	}
	return secret, nil
}

// ResumptionPSK is the secret that proves, later and elsewhere, that its owner
// was here (RFC 9420 §8.6). It is the caller's copy: keep it no longer than a
// use is expected.
func (e *Epoch) ResumptionPSK() (Secret, error) {
	if err := e.alive(); err != nil {
		return nil, err
	}
	return e.secrets.ResumptionPSK().Clone(), nil
}

// Erase ends the epoch: no commit can be made or processed from it, and
// nothing derived. Members and context stay readable, and so do messages as
// long as Keys is not erased too. Other epochs, children too, are not touched.
func (e *Epoch) Erase() {
	if e.dead != "" {
		return
	}
	e.dead = CheckErased
	for _, s := range []suite.Secret{
		e.secrets.InitSecret(), e.secrets.ExternalSecret(), e.secrets.ExporterSecret(), e.secrets.ConfirmationKey(),
		e.secrets.MembershipKey(), e.secrets.ResumptionPSK(),
	} {
		s.Erase()
	}
	e.own.Erase()
}

// alive says why secrets cannot be used, where they cannot.
func (e *Epoch) alive() error {
	if e.dead != "" {
		return fail(e.dead, "epoch %d", e.context.Epoch)
	}
	return nil
}

// Format keeps secrets out of every verb.
func (e *Epoch) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "epoch %d %v, %d members", e.context.Epoch, e.id, e.tree.Len())
}

// newFrame encodes a context that is final, and keeps it as read from that: a
// slice of the message it came in would hold all of the message in memory.
func newFrame(s *suite.Suite, context GroupContext, secrets *schedule.Epoch) frame {
	f := frame{suite: s, encoded: wire.Marshal(&context), secrets: secrets}
	f.context.Decode(wire.NewReader(f.encoded))
	return f
}
