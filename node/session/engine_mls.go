package session

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/covey-p2p/covey/mls"
)

// MLS is the engine that is RFC 9420: package mls in the shape of engine.go.
//
// Choices of ours within the RFC: suite 1 (X25519, AES-128-GCM, SHA-256,
// Ed25519); every commit renews its author's keys, by value proposals only, and
// travels as a PublicMessage, for the envelope around it is sealed under a key
// of the same epoch already (envelope.go): so opening a commit uses up no
// message key, and the same commit can be met twice. External commits,
// external proposals, PSKs and ReInit are not part of this protocol's version
// and are refused in every commit.
type MLS struct{}

var _ Engine = MLS{}

const (
	mlsSuite = mls.X25519AES128SHA256Ed25519
	// policyExtension is the group context extension that holds the policy: of
	// the range for private use (RFC 9420 §17.3).
	policyExtension mls.ExtensionType = 0xF0C0
	// A key package may be used for packageDays; it is valid from an hour
	// before it was made, as clocks differ.
	packageDays = 90
	hourSeconds = 3600
)

// vouched takes any credential: who a leaf is, the session checks for every
// leaf of every epoch it enters (Session.rosterOf), by the same rule for all.
type vouched struct{ mls.BasicIdentity }

// Successor lets a certificate be renewed; that the account stays is checked
// by the session.
func (vouched) Successor(_, _ mls.Credential) error { return nil }

var mlsConfig = &mls.Config{Authenticator: vouched{}}

func signingKey(secret []byte) *mls.SigningKey {
	return must(mls.ParseSigningKey(mlsSuite, mls.Secret(secret)))
}

// Public implements Engine; secret is a 32-byte Ed25519 seed.
func (MLS) Public(secret []byte) [32]byte { return [32]byte(signingKey(secret).Public()) }

// Sign implements Engine.
func (MLS) Sign(secret []byte, label string, content []byte) []byte {
	return mls.Sign(signingKey(secret), label, content)
}

// Verify implements Engine.
func (MLS) Verify(public [32]byte, label string, content, signature []byte) bool {
	return mls.Verify(public[:], label, content, signature)
}

// Seal implements Engine.
func (MLS) Seal(key Key, aad, plain []byte, rand io.Reader) ([]byte, error) {
	return mls.Seal(rand, key[:], aad, plain)
}

// Open implements Engine.
func (MLS) Open(key Key, aad, sealed []byte) ([]byte, bool) {
	plain, err := mls.Open(key[:], aad, sealed)
	return plain, err == nil
}

func newPackage(self Identity, now Time, rand io.Reader) (*mls.OwnKeyPackage, error) {
	capable := mls.DefaultCapabilities(mlsSuite)
	capable.Extensions = append(capable.Extensions, policyExtension)
	at := uint64(max(now, 0)) / 1000
	return mls.NewKeyPackage(rand, signingKey(self.Secret), mls.Client{
		CipherSuite:  mlsSuite,
		Credential:   mls.Credential{Type: mls.CredentialBasic, Identity: self.Certificate},
		Capabilities: capable,
		Lifetime:     mls.Lifetime{NotBefore: at - min(at, hourSeconds), NotAfter: at + packageDays*24*hourSeconds},
	})
}

// NewKeyPackage implements Engine.
func (MLS) NewKeyPackage(self Identity, now Time, rand io.Reader) (Package, error) {
	own, err := newPackage(self, now, rand)
	if err != nil {
		return Package{}, err
	}
	return Package{Public: own.KeyPackage.Marshal(), Private: own.MarshalSecret()}, nil
}

// ReadKeyPackage implements Engine.
func (MLS) ReadKeyPackage(public []byte, now Time) (Leaf, error) {
	k, err := readPackage(public)
	if err != nil {
		return Leaf{}, err
	}
	if err := k.Validate(mlsConfig, uint64(max(now, 0))/1000); err != nil {
		return Leaf{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return leafOf(0, k.LeafNode), nil
}

func readPackage(public []byte) (*mls.KeyPackage, error) {
	k, err := mls.ParseKeyPackage(public)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if k.CipherSuite != mlsSuite || !fitting(k.LeafNode) {
		return nil, fmt.Errorf("%w: a key package of another kind", ErrInvalid)
	}
	return k, nil
}

// fitting reports that a leaf has keys of the suite's sizes and a basic
// credential.
func fitting(n *mls.LeafNode) bool {
	return len(n.SignatureKey) == 32 && len(n.EncryptionKey) == 32 && n.Credential.Type == mls.CredentialBasic
}

func leafOf(i mls.LeafIndex, n *mls.LeafNode) Leaf {
	return Leaf{Index: uint32(i), Device: Device(n.SignatureKey), Certificate: n.Credential.Identity, Stamp: [32]byte(n.EncryptionKey)}
}

// Create implements Engine.
func (MLS) Create(self Identity, group, context []byte, rand io.Reader) (Epoch, error) {
	own, err := newPackage(self, 0, rand)
	if err != nil {
		return nil, err
	}
	defer own.Erase()
	e, err := mls.Create(rand, mlsConfig, own, mls.GroupOptions{GroupID: group, Extensions: mlsExtensions(context)})
	if err != nil {
		return nil, err
	}
	return newMLSEpoch(e, self, EpochID{}), nil
}

// mlsExtensions are a group's: the policy, and that every member knows it.
func mlsExtensions(policy []byte) mls.Extensions {
	return mls.Extensions{
		mls.RequireCapabilities(mls.RequiredCapabilities{Extensions: []mls.ExtensionType{policyExtension}}),
		{Type: policyExtension, Data: policy},
	}
}

// Join implements Engine.
func (MLS) Join(self Identity, welcome []byte, packages []Package) (Epoch, int, error) {
	m, err := mls.ParseMessage(welcome)
	if err != nil || m.Welcome == nil {
		return nil, 0, fmt.Errorf("%w: not a Welcome", ErrInvalid)
	}
	refs := m.Welcome.NewMembers()
	for i, p := range packages {
		own, err := mls.ParseOwnKeyPackage(p.Public, p.Private)
		if err != nil {
			continue
		}
		ref, err := own.KeyPackage.Ref()
		if err != nil || !slices.ContainsFunc(refs, func(r []byte) bool { return bytes.Equal(r, ref) }) {
			continue
		}
		e, err := mls.Join(mlsConfig, own, welcome, mls.JoinOptions{})
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if !sane(e) {
			return nil, 0, fmt.Errorf("%w: a group of another kind", ErrInvalid)
		}
		return newMLSEpoch(e, self, EpochID{}), i, nil
	}
	return nil, 0, fmt.Errorf("%w: no key package of mine is welcome", ErrInvalid)
}

// Load implements Engine.
func (MLS) Load(self Identity, parent EpochID, core Core, cell func(string) ([]byte, bool)) (Epoch, error) {
	record, ok := cell(mls.EpochName(mls.EpochID(core)))
	if !ok {
		return nil, fmt.Errorf("%w: no such epoch saved", ErrInvalid)
	}
	e, err := mls.Load(mlsConfig, record, cell)
	if err != nil {
		return nil, err
	}
	if Core(e.ID()) != core {
		return nil, fmt.Errorf("%w: another epoch saved", ErrInvalid)
	}
	return newMLSEpoch(e, self, parent), nil
}

// sane reports that an epoch is one of this protocol: suite, extensions, and
// the shape of every leaf.
func sane(e *mls.Epoch) bool {
	if e.CipherSuite() != mlsSuite || !ourExtensions(e.Context().Extensions) {
		return false
	}
	for _, n := range e.Members() {
		if !fitting(n) {
			return false
		}
	}
	return true
}

// ourExtensions reports that group extensions are the two that mlsExtensions makes.
func ourExtensions(x mls.Extensions) bool {
	i := slices.IndexFunc(x, func(e mls.Extension) bool { return e.Type == policyExtension })
	if i < 0 || len(x) != 2 {
		return false
	}
	want := mlsExtensions(x[i].Data)
	return x[0].Type == want[0].Type && bytes.Equal(x[0].Data, want[0].Data) && x[1].Type == want[1].Type
}

// mlsEpoch is one epoch of the engine; members is a view made once.
type mlsEpoch struct {
	e       *mls.Epoch
	id      EpochID
	self    Identity
	members []Leaf
}

func newMLSEpoch(e *mls.Epoch, self Identity, parent EpochID) *mlsEpoch {
	m := &mlsEpoch{e: e, self: self, members: make([]Leaf, 0, e.Len())}
	m.Follow(parent)
	for i, n := range e.Members() {
		m.members = append(m.members, leafOf(i, n))
	}
	return m
}

func (m *mlsEpoch) Follow(parent EpochID) { m.id = ChildOf(parent, m.Core()) }

func (m *mlsEpoch) ID() EpochID     { return m.id }
func (m *mlsEpoch) Core() Core      { return Core(m.e.ID()) }
func (m *mlsEpoch) Number() uint64  { return m.e.Number() }
func (m *mlsEpoch) Group() []byte   { return m.e.GroupID() }
func (m *mlsEpoch) Members() []Leaf { return m.members }
func (m *mlsEpoch) Self() uint32    { return uint32(m.e.Self()) }
func (m *mlsEpoch) Erase()          { m.e.Erase() }
func (m *mlsEpoch) Alive() bool     { return m.e.Member() }
func (m *mlsEpoch) Context() []byte { p, _ := m.e.Extension(policyExtension); return p }

// Export panics on an epoch that is not alive: a caller's mistake.
func (m *mlsEpoch) Export(label string, size int) []byte {
	return must(m.e.Export(label, nil, size))
}

func (m *mlsEpoch) Authenticator() []byte {
	a, err := m.e.Authenticator()
	if err != nil {
		return nil
	}
	return a
}

func (m *mlsEpoch) Commit(edit Edit, rand io.Reader) (Built, error) {
	o := mls.CommitOptions{AuthenticatedData: edit.Data, WireFormat: mls.WirePublicMessage, Now: uint64(max(edit.Now, 0)) / 1000}
	if edit.Context != nil {
		o.Proposals = append(o.Proposals, &mls.GroupContextExtensions{Extensions: mlsExtensions(edit.Context)})
	}
	for _, i := range edit.Remove {
		o.Proposals = append(o.Proposals, &mls.Remove{Removed: mls.LeafIndex(i)})
	}
	for _, b := range edit.Add {
		k, err := readPackage(b)
		if err != nil {
			return Built{}, err
		}
		o.Proposals = append(o.Proposals, &mls.Add{KeyPackage: k})
	}
	c, err := m.e.Commit(rand, signingKey(m.self.Secret), o)
	if err != nil {
		return Built{}, err
	}
	ap, err := m.applied(c)
	return Built{Commit: c.Message, Welcome: c.Welcome, Applied: ap}, err
}

func (m *mlsEpoch) Apply(commit []byte) (Applied, error) {
	c, err := m.e.Process(commit, mls.Received{})
	switch {
	case errors.Is(err, mls.ErrOwn):
		return Applied{}, ErrOwn
	case errors.Is(err, mls.ErrPath) && c != nil:
		ap, bad := m.applied(c)
		if bad != nil {
			return Applied{}, bad
		}
		return ap, ErrPath
	case err != nil:
		return Applied{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return m.applied(c)
}

// applied describes a commit, refusing what this protocol has no use for.
func (m *mlsEpoch) applied(c *mls.Candidate) (Applied, error) {
	if c.External || !c.Path || len(c.PSKs) > 0 || c.ReInit != nil || len(c.Updated) > 0 || c.WireFormat != mls.WirePublicMessage {
		return Applied{}, fmt.Errorf("%w: a commit of a kind that is not used here", ErrInvalid)
	}
	ap := Applied{Author: uint32(c.Committer), Data: c.AuthenticatedData, Core: Core(c.Next.ID())}
	for _, p := range c.Proposals {
		switch p.Proposal.(type) {
		case *mls.Add, *mls.Remove, *mls.GroupContextExtensions:
		default:
			return Applied{}, fmt.Errorf("%w: a proposal of a kind that is not used here", ErrInvalid)
		}
		if p.ByReference {
			return Applied{}, fmt.Errorf("%w: a proposal by reference", ErrInvalid)
		}
	}
	for _, i := range c.Added {
		n := c.Next.Leaf(i)
		if !fitting(n) {
			return Applied{}, fmt.Errorf("%w: a leaf of another kind", ErrInvalid)
		}
		ap.Added = append(ap.Added, leafOf(i, n))
	}
	for _, i := range c.Removed {
		ap.Removed = append(ap.Removed, uint32(i))
	}
	if c.Extensions {
		if !ourExtensions(c.Next.Context().Extensions) {
			return Applied{}, fmt.Errorf("%w: group extensions of another kind", ErrInvalid)
		}
		ap.Context, _ = c.Next.Extension(policyExtension)
	}
	if n := c.Next.Leaf(c.Committer); n == nil || !fitting(n) {
		return Applied{}, fmt.Errorf("%w: a leaf of another kind", ErrInvalid)
	}
	if c.Next.Member() {
		ap.Next = newMLSEpoch(c.Next, m.self, m.id)
	}
	return ap, nil
}

func (m *mlsEpoch) Keys() Keys {
	if k := m.e.Keys(); k != nil {
		return &mlsKeys{k, m}
	}
	return nil
}

func (m *mlsEpoch) LoadKeys(cells []Cell) (Keys, error) {
	stored := make([]mls.Cell, len(cells))
	for i, c := range cells {
		stored[i] = mls.Cell{Name: c.Name, Value: c.Value}
	}
	k, err := m.e.LoadKeys(stored)
	if err != nil {
		return nil, err
	}
	return &mlsKeys{k, m}, nil
}

func (m *mlsEpoch) Save(beside []Epoch) []Cell { return fromCells(m.e.Save(bare(beside)...)) }

func (m *mlsEpoch) Drop(living []Epoch) []string {
	cells := m.e.Drop(bare(living)...)
	names := make([]string, len(cells))
	for i, c := range cells {
		names[i] = c.Name
	}
	return names
}

func bare(epochs []Epoch) []*mls.Epoch {
	out := make([]*mls.Epoch, len(epochs))
	for i, e := range epochs {
		out[i] = e.(*mlsEpoch).e
	}
	return out
}

func fromCells(cells []mls.Cell) []Cell {
	out := make([]Cell, len(cells))
	for i, c := range cells {
		out[i] = Cell{Name: c.Name, Value: c.Value, Public: c.Public}
	}
	return out
}

// mlsKeys are the message keys of one epoch.
type mlsKeys struct {
	k *mls.MessageKeys
	m *mlsEpoch
}

func (k *mlsKeys) Protect(plain []byte, rand io.Reader) ([]byte, []Cell, error) {
	message, cells, err := k.k.Protect(rand, signingKey(k.m.self.Secret), mls.Outgoing{Data: plain})
	return message, fromCells(cells), err
}

func (k *mlsKeys) Unprotect(message []byte) (Opened, error) {
	c, cells, err := k.k.Unprotect(message)
	var ahead mls.Ahead
	if errors.As(err, &ahead) {
		if n := k.m.e.Leaf(mls.LeafIndex(ahead.Leaf)); n != nil && fitting(n) {
			return Opened{}, &AheadError{Device(n.SignatureKey), ahead.Generation}
		}
	}
	switch {
	case errors.Is(err, mls.ErrOwn) && k.k.Elsewhere(message):
		return Opened{}, ErrOwn
	case errors.Is(err, mls.ErrOwn), errors.Is(err, mls.ErrReplay):
		return Opened{}, ErrConsumed
	case err != nil:
		return Opened{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	leaf, member := c.Sender.Leaf()
	n := k.m.e.Leaf(leaf)
	if !member || n == nil || !fitting(n) || c.Type != mls.ContentApplication {
		return Opened{}, fmt.Errorf("%w: not a message of a member", ErrInvalid)
	}
	return Opened{Device: Device(n.SignatureKey), Plain: c.Application, Cells: fromCells(cells)}, nil
}

func (k *mlsKeys) Save() ([]Cell, error) {
	cells, err := k.k.Save()
	return fromCells(cells), err
}

func (k *mlsKeys) Erase() { k.k.Erase() }
