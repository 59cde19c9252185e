package tree

import (
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Rules is what a group asks of each leaf by itself (RFC 9420 §7.3). What it
// asks of leaves together is asked of the tree: unique keys by [Edit.Tree],
// credential types by [Tree.CheckCredentials].
type Rules struct {
	Suite      *suite.Suite
	GroupID    []byte
	Extensions Extensions // of the GroupContext; empty where there is no group yet

	// MaxLifetime is the longest acceptable lifetime of a key package's leaf in
	// seconds, or 0 for any (RFC 9420 §7.2: applications must define one).
	MaxLifetime uint64

	// Now, in Unix seconds, is compared with the lifetime unless it is 0. Who
	// sends a leaf must set it. Who receives one should not where all have to
	// agree: a leaf may expire on its way, and clocks differ.
	Now uint64
}

// AnySource lets [Rules.Check] accept a leaf of any source, as in a tree.
const AnySource LeafNodeSource = 0

// Check validates a leaf that stands, or will stand, at a place in the tree.
// The place counts for the signature of leaves made for the group.
func (g *Rules) Check(l *LeafNode, source LeafNodeSource, at LeafIndex) error {
	asked, err := g.required()
	if err != nil {
		return err
	}
	return g.check(l, source, at, asked)
}

// required decodes the required_capabilities extension, if there is one.
func (g *Rules) required() (*RequiredCapabilities, error) {
	asked := new(RequiredCapabilities)
	data, ok := g.Extensions.Find(ExtensionRequiredCapabilities)
	if !ok {
		return asked, nil
	}
	if err := wire.Unmarshal(data, asked); err != nil {
		return nil, &Invalid{Check: CheckDecode, Err: err}
	}
	return asked, nil
}

func (g *Rules) check(l *LeafNode, source LeafNodeSource, at LeafIndex, asked *RequiredCapabilities) error {
	if check := g.shape(l, source); check != "" {
		return invalid(check, at.Node())
	}
	if check := g.compatible(&l.Capabilities, asked); check != "" {
		return invalid(check, at.Node())
	}
	if _, err := g.Suite.ParsePublic(l.EncryptionKey); err != nil {
		return &Invalid{Check: CheckPublicKey, Node: at.Node(), Err: err}
	}
	if !l.Verify(g.Suite, g.GroupID, at) {
		return invalid(CheckLeafSignature, at.Node())
	}
	return nil
}

// shape holds the leaf against itself and the clock.
func (g *Rules) shape(l *LeafNode, source LeafNodeSource) string {
	if source != AnySource && l.Source != source {
		return CheckLeafSource
	}
	if _, twice := l.Extensions.Duplicate(); twice {
		return CheckDuplicateExt
	}
	for _, x := range l.Extensions {
		if !x.Type.Default() && !slices.Contains(l.Capabilities.Extensions, x.Type) {
			return CheckLeafExtensions
		}
	}
	if !slices.Contains(l.Capabilities.Credentials, l.Credential.Type) {
		return CheckOwnCredential
	}
	if l.Source == SourceKeyPackage {
		from, to := l.Lifetime.NotBefore, l.Lifetime.NotAfter
		if g.MaxLifetime > 0 && (to < from || to-from > g.MaxLifetime) {
			return CheckLifetimeTotal
		}
		if g.Now > 0 && (g.Now < from || g.Now > to) {
			return CheckLifetime
		}
	}
	return ""
}

// compatible holds the leaf's capabilities against the group: its version,
// required capabilities (RFC 9420 §11.1), and the extensions in use (§13.4).
// Defaults need not be listed; of credential types none is a default.
//
// The list of cipher suites is not asked: a key package names its suite itself
// (§10.1), and the official vectors hold members of suite 7 whose lists end at
// suite 6.
func (g *Rules) compatible(c *Capabilities, asked *RequiredCapabilities) string {
	if !slices.Contains(c.Versions, MLS10) {
		return CheckLeafVersion
	}
	for _, e := range asked.Extensions {
		if !e.Default() && !slices.Contains(c.Extensions, e) {
			return CheckRequired
		}
	}
	for _, p := range asked.Proposals {
		if !p.Default() && !slices.Contains(c.Proposals, p) {
			return CheckRequired
		}
	}
	for _, t := range asked.Credentials {
		if !slices.Contains(c.Credentials, t) {
			return CheckRequired
		}
	}
	for _, x := range g.Extensions {
		if !x.Type.Default() && !slices.Contains(c.Extensions, x.Type) {
			return CheckGroupExtension
		}
	}
	return ""
}

const leafLabel = "LeafNodeTBS"

// Sign signs the leaf with the key whose public half it holds.
func (l *LeafNode) Sign(s *suite.Suite, key *suite.SigningKey, groupID []byte, at LeafIndex) {
	l.Signature = s.SignWithLabel(key, leafLabel, l.TBS(groupID, at))
}

// Verify reports whether the signature is the leaf's own (RFC 9420 §7.2).
func (l *LeafNode) Verify(s *suite.Suite, groupID []byte, at LeafIndex) bool {
	return s.VerifyWithLabel(l.SignatureKey, leafLabel, l.TBS(groupID, at), l.Signature)
}
