package session

import (
	"crypto/sha256"
	"errors"
	"io"
	"slices"
)

// Engine is the group cryptography a session stands on: everything that is not
// bound to one epoch. Two engines exist: package mls behind engine_mls.go, and
// testnet/sim/standin, which has the same semantics with hashes in place of
// cryptography, so that a schedule of a thousand members costs what scheduling
// costs. An Engine keeps nothing between calls that a caller could see.
type Engine interface {
	// Public is the verification key of a signature secret.
	Public(secret []byte) [32]byte
	// Sign signs content for the purpose that label names.
	Sign(secret []byte, label string, content []byte) []byte
	// Verify reports whether signature is public's over content under label.
	Verify(public [32]byte, label string, content, signature []byte) bool

	// Seal encrypts plain under a key of one of our exporters and binds aad.
	Seal(key Key, aad, plain []byte, rand io.Reader) ([]byte, error)
	// Open undoes Seal; false says that the key or a byte is wrong.
	Open(key Key, aad, sealed []byte) ([]byte, bool)

	// NewKeyPackage makes a key package of self and its private half.
	NewKeyPackage(self Identity, now Time, rand io.Reader) (Package, error)
	// ReadKeyPackage checks a key package and says whose it is. now is the
	// clock of whoever is about to use it: receivers of the commit never check
	// a lifetime, as clocks would then decide validity.
	ReadKeyPackage(public []byte, now Time) (Leaf, error)

	// Create starts a group of one, epoch 0, with context as its policy.
	Create(self Identity, group, context []byte, rand io.Reader) (Epoch, error)
	// Join enters by a Welcome that answers one of packages; the index of that
	// one is returned. The epoch has no ID until it is told its parent.
	Join(self Identity, welcome []byte, packages []Package) (Epoch, int, error)
	// Load takes back a saved epoch, which came from parent; cell finds the value
	// of a cell that Epoch.Save named.
	Load(self Identity, parent EpochID, core Core, cell func(name string) ([]byte, bool)) (Epoch, error)
}

// Cell is one record of an engine's durable state. Writing it replaces the one
// of the same name; a nil value takes it away. Names are unique in the group:
// epoch/<Core> for an epoch, keys/<Core>/… for its message keys, and others for
// what epochs share.
type Cell struct {
	Name   string
	Value  []byte
	Public bool // holds no secret and may be shared by epochs
}

// Epoch is one epoch as one member holds it: a value that never changes.
// Making or applying a commit gives another Epoch and leaves this one whole,
// so several children of one epoch can be held at once.
type Epoch interface {
	// ID is ChildOf the parent's ID and Core.
	ID() EpochID
	Core() Core
	// Follow tells an epoch that was joined which one it came from. Nothing else
	// of it changes.
	Follow(parent EpochID)
	Number() uint64
	Group() []byte
	// Context is the policy (policy.go) that the group context carries.
	Context() []byte
	// Members are the occupied leaves in order of index. Not to be changed.
	Members() []Leaf
	// Self is the index of my own leaf.
	Self() uint32
	// Export derives a secret of this epoch (RFC 9420 §8.5).
	Export(label string, size int) []byte
	// Authenticator is equal among members exactly where the epoch is.
	Authenticator() []byte
	// Commit makes a child of this epoch. A change with nothing in it renews
	// my leaf's keys, as does every commit with a path.
	Commit(e Edit, rand io.Reader) (Built, error)
	// Apply opens a foreign commit on this epoch. Its errors are ErrOwn for one
	// that this device truly signed; ErrPath, with all of Applied but Next; or,
	// for all else, wrap ErrInvalid.
	Apply(commit []byte) (Applied, error)
	// Keys are the message keys of the epoch; nil after Load, until LoadKeys.
	Keys() Keys
	// LoadKeys takes back all cells that were written for the epoch's keys.
	LoadKeys(cells []Cell) (Keys, error)
	// Save lists the cells of the epoch, without those that an epoch beside it
	// has written already; Drop names those that go with it when the living
	// stay.
	Save(beside []Epoch) []Cell
	Drop(living []Epoch) []string
	// Erase ends the secrets of the epoch: no child of it can be entered any
	// more. Members and context stay, and so do its Keys. Alive reports that
	// this has not been done.
	Erase()
	Alive() bool
}

// Keys are the message keys of one epoch, shared by all that hold it. They are
// consumed by use; what a use consumed is returned as cells, which must be
// durable before the use is acted on, and are never rolled back.
type Keys interface {
	// Protect encrypts plain under my next generation.
	Protect(plain []byte, rand io.Reader) (message []byte, cells []Cell, err error)
	// Unprotect opens a message once. Its errors are ErrConsumed; ErrOwn for a
	// message that this device truly signed, but not here; *AheadError where
	// too many of its author's before it are missing; or, for all else, wrap
	// ErrInvalid.
	Unprotect(message []byte) (Opened, error)
	// Save lists the whole of the keys.
	Save() ([]Cell, error)
	// Erase ends the keys: no message of the epoch can be read any more.
	Erase()
}

// The ways a commit or message can fail that a session tells apart.
var (
	ErrInvalid  = errors.New("session: not valid on this epoch")
	ErrOwn      = errors.New("session: made by this device")
	ErrPath     = errors.New("session: its path cannot be opened here")
	ErrConsumed = errors.New("session: its key was used already")
)

// AheadError is that of a message which can be opened once those of its author
// before it have been.
type AheadError struct {
	Device     Device
	Generation uint32 // its place among its author's
}

func (e *AheadError) Error() string { return "session: too far ahead of its author's last" }

// Key is a symmetric key of an exporter.
type Key [32]byte

// Identity is who acts: a device, the certificate by which its account vouches
// for it, and the device's signature secret.
type Identity struct {
	Account     Account
	Device      Device
	Certificate []byte
	Secret      []byte
}

// Leaf is one device in a group.
type Leaf struct {
	Index       uint32
	Device      Device
	Certificate []byte
	Stamp       [32]byte // changes whenever the leaf does: its encryption key
}

// Package is a key package with its private half.
type Package struct{ Public, Private []byte }

// Edit is what a commit does. All of it holds or none.
type Edit struct {
	Add     [][]byte // key packages
	Remove  []uint32 // leaf indexes, never my own
	Context []byte   // a new policy; nil leaves it
	Data    []byte   // authenticated with the commit: the intents it carries
	Now     Time     // for the lifetime of what is added, which only its adder checks
}

// Built is a commit of mine. Its effect is described as Apply would describe
// it to another member, so that own and foreign commits take one route.
type Built struct {
	Commit  []byte
	Welcome []byte // for the added, or nil
	Applied Applied
}

// Applied is what a valid commit does.
type Applied struct {
	Author  uint32 // leaf index in the parent
	Added   []Leaf
	Removed []uint32
	Context []byte // the policy that replaces the old one, or nil
	Data    []byte
	Core    Core  // of the child, known even where Next is nil
	Next    Epoch // nil: it removes me
}

// Core is what an engine calls a state: what it is, apart from where it came from.
type Core [32]byte

// ChildOf names the state that a commit led to from another. The name holds fast
// to all before it, back to where the group began, so that a header which claims
// that a state came from elsewhere is of another state, whoever signs it.
func ChildOf(parent EpochID, core Core) EpochID {
	return sha256.Sum256(slices.Concat([]byte("covey epoch v1"), parent[:], core[:]))
}

// Opened is a message and what opening it consumed.
type Opened struct {
	Device Device // who sent it
	Plain  []byte
	Cells  []Cell
}
