package mls

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// KeyPackage lets anybody add its client to a group while the client is away
// (RFC 9420 §10). It is used once.
type KeyPackage struct {
	Version     ProtocolVersion
	CipherSuite CipherSuite
	InitKey     []byte
	LeafNode    *LeafNode
	Extensions  Extensions
	Signature   []byte
}

// Encode implements wire.Encoder.
func (k *KeyPackage) Encode(w *wire.Writer) {
	k.encodeTBS(w)
	w.Opaque(k.Signature)
}

// encodeTBS writes KeyPackageTBS, all but the signature (RFC 9420 §10).
func (k *KeyPackage) encodeTBS(w *wire.Writer) {
	w.U16(uint16(k.Version))
	w.U16(uint16(k.CipherSuite))
	w.Opaque(k.InitKey)
	k.LeafNode.Encode(w)
	k.Extensions.Encode(w)
}

// Decode implements wire.Decoder.
func (k *KeyPackage) Decode(r *wire.Reader) {
	*k = KeyPackage{
		Version: ProtocolVersion(r.U16()), CipherSuite: CipherSuite(r.U16()), InitKey: r.Opaque(),
		LeafNode: object[LeafNode](r), Extensions: value[Extensions](r), Signature: r.Opaque(),
	}
}

const labelKeyPackage = "KeyPackageTBS"

// Ref is KeyPackageRef, the name of the key package (RFC 9420 §5.2).
func (k *KeyPackage) Ref() ([]byte, error) {
	s, err := lookup(k.CipherSuite, CheckPackageSuite)
	if err != nil {
		return nil, err
	}
	return k.ref(s), nil
}

func (k *KeyPackage) ref(s *suite.Suite) []byte {
	return s.RefHash("MLS 1.0 KeyPackage Reference", wire.Marshal(k))
}

// ParseKeyPackage decodes a key package that is all of b, within an MLSMessage
// or bare. Call Validate before use.
func ParseKeyPackage(b []byte) (*KeyPackage, error) {
	m, err := ParseMessage(b)
	if err == nil && m.WireFormat == WireKeyPackage {
		return m.KeyPackage, nil
	}
	if k, bare := parse[KeyPackage](b); bare == nil {
		return k, nil
	}
	if err == nil {
		err = fail(CheckWireFormat, "a %v where a key package should be", m.WireFormat)
	}
	return nil, err
}

// Validate holds a key package from elsewhere against RFC 9420 §10.1 before it
// is used; now is in seconds since the Unix epoch. Adding it to a group checks
// it again, with that group's rules.
func (k *KeyPackage) Validate(c *Config, now uint64) error {
	s, err := lookup(k.CipherSuite, CheckPackageSuite)
	if err != nil {
		return err
	}
	if now == 0 {
		return fail(CheckLifetime, "no time given")
	}
	rules := &tree.Rules{Suite: s, MaxLifetime: c.MaxLifetime, Now: now}
	if err := k.check(rules, 0); err != nil {
		return err
	}
	return authenticate(c, k.LeafNode, nil)
}

// check is all of RFC 9420 §10.1 but for the credential.
func (k *KeyPackage) check(rules *tree.Rules, at LeafIndex) error {
	if k.Version != MLS10 || k.CipherSuite != rules.Suite.ID() {
		return fail(CheckPackageSuite, "version %d, suite %d", k.Version, k.CipherSuite)
	}
	if t, twice := k.Extensions.Duplicate(); twice {
		return fail(CheckDuplicateExt, "0x%04x in a key package", uint16(t))
	}
	if bytes.Equal(k.InitKey, k.LeafNode.EncryptionKey) {
		return fail(CheckPackageInitKey, "equal keys")
	}
	if _, err := rules.Suite.ParsePublic(k.InitKey); err != nil {
		return because(CheckPackageInitKey, err, "")
	}
	if err := rules.Check(k.LeafNode, SourceKeyPackage, at); err != nil {
		return invalidTree(err)
	}
	if !rules.Suite.VerifyWithLabel(k.LeafNode.SignatureKey, labelKeyPackage, k.tbs(), k.Signature) {
		return fail(CheckPackageSig, "")
	}
	return nil
}

func (k *KeyPackage) tbs() []byte {
	w := wire.NewWriter(512)
	k.encodeTBS(w)
	return w.Bytes()
}

// OwnKeyPackage is a key package with its private keys. It lets its owner join
// one group, and then its init key must go: Erase it.
type OwnKeyPackage struct {
	KeyPackage *KeyPackage
	InitKey    *PrivateKey
	LeafKey    *PrivateKey
}

// Client describes a member to be: what its leaf will say.
type Client struct {
	CipherSuite  CipherSuite
	Credential   Credential
	Capabilities Capabilities // zero: DefaultCapabilities of the suite
	Lifetime     Lifetime
	Extensions   Extensions // of the leaf
	Package      Extensions // of the key package around it
	GREASE       bool       // list values that peers must ignore (RFC 9420 §13.5)
}

// DefaultCapabilities is what this package supports by itself: version and
// suite as given, basic and X.509 credentials, nothing beyond RFC 9420.
func DefaultCapabilities(suites ...CipherSuite) Capabilities {
	return Capabilities{Versions: []ProtocolVersion{MLS10}, CipherSuites: suites, Credentials: []CredentialType{CredentialBasic, CredentialX509}}
}

// NewKeyPackage makes a key package signed with key.
func NewKeyPackage(rand io.Reader, key *SigningKey, c Client) (*OwnKeyPackage, error) {
	s, err := lookup(c.CipherSuite, CheckArgument)
	if err != nil {
		return nil, err
	}
	init, err := s.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	leafKey, err := s.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	if len(c.Capabilities.Versions) == 0 {
		c.Capabilities = DefaultCapabilities(c.CipherSuite)
	}
	if c.GREASE {
		var seven [7]byte
		if _, err := io.ReadFull(rand, seven[:]); err != nil {
			return nil, fmt.Errorf("mls: reading randomness: %w", err)
		}
		c.grease(seven)
	}
	for _, x := range c.Package { // receivers ignore what they do not know (§13.4)
		if !x.Type.Default() && !slices.Contains(c.Capabilities.Extensions, x.Type) {
			return nil, fail(CheckPackageExt, "0x%04x", uint16(x.Type))
		}
	}
	leaf := &LeafNode{
		EncryptionKey: leafKey.Public().Bytes(), SignatureKey: key.Public(), Credential: c.Credential,
		Capabilities: c.Capabilities, Source: SourceKeyPackage, Lifetime: c.Lifetime, Extensions: c.Extensions,
	}
	leaf.Sign(s, key, nil, 0)
	k := &KeyPackage{Version: MLS10, CipherSuite: c.CipherSuite, InitKey: init.Public().Bytes(), LeafNode: leaf, Extensions: c.Package}
	k.Signature = s.SignWithLabel(key, labelKeyPackage, k.tbs())
	return &OwnKeyPackage{KeyPackage: k, InitKey: init, LeafKey: leafKey}, nil
}

// Marshal encodes the key package as an MLSMessage, for publication.
func (k *KeyPackage) Marshal() []byte {
	return (&Message{WireFormat: WireKeyPackage, KeyPackage: k}).Marshal()
}

// MarshalSecret encodes the private half, for storage.
func (o *OwnKeyPackage) MarshalSecret() Secret {
	var w wire.Writer
	w.U8(ownKeyPackageVersion)
	w.Opaque(o.InitKey.Bytes())
	w.Opaque(o.LeafKey.Bytes())
	return w.Bytes()
}

const ownKeyPackageVersion = 1

// ParseOwnKeyPackage takes back what KeyPackage.Marshal and MarshalSecret gave.
func ParseOwnKeyPackage(public []byte, secret Secret) (*OwnKeyPackage, error) {
	k, err := ParseKeyPackage(public)
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(secret)
	if r.U8() != ownKeyPackageVersion {
		return nil, fail(CheckStored, "key package of another version")
	}
	init, leaf := r.Opaque(), r.Opaque()
	if r.Done() != nil {
		return nil, fail(CheckStored, "key package")
	}
	return NewOwnKeyPackage(k, init, leaf)
}

// NewOwnKeyPackage joins a key package to private keys, which must be its own.
func NewOwnKeyPackage(k *KeyPackage, initKey, leafKey Secret) (*OwnKeyPackage, error) {
	s, err := lookup(k.CipherSuite, CheckPackageSuite)
	if err != nil {
		return nil, err
	}
	o := &OwnKeyPackage{KeyPackage: k}
	if o.InitKey, err = s.ParsePrivate(initKey); err != nil {
		return nil, because(CheckStored, err, "init key")
	}
	if o.LeafKey, err = s.ParsePrivate(leafKey); err != nil {
		return nil, because(CheckStored, err, "leaf key")
	}
	if !bytes.Equal(o.InitKey.Public().Bytes(), k.InitKey) || !bytes.Equal(o.LeafKey.Public().Bytes(), k.LeafNode.EncryptionKey) {
		return nil, fail(CheckStored, "private keys of another key package")
	}
	return o, nil
}

// Erase ends the private keys. A group joined with them is not touched.
func (o *OwnKeyPackage) Erase() {
	o.InitKey.Erase()
	o.LeafKey.Erase()
}

// Format keeps the keys out of every verb.
func (o *OwnKeyPackage) Format(f fmt.State, _ rune) { suite.Redact(f) }
