package mls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"
)

// add has a receive a commit that adds a key package.
func (s *scene) addPackage(k *KeyPackage) error {
	s.Helper()
	return s.process(forgery{proposals: []Proposal{&Add{KeyPackage: k}}})
}

// updated has a receive a commit by b of an update that c proposed.
func (s *scene) updated(change func(*LeafNode), key *SigningKey) error {
	s.Helper()
	return s.updatedAt(change, key, 2)
}

// updatedAt has the leaf signed for any place.
func (s *scene) updatedAt(change func(*LeafNode), key *SigningKey, at LeafIndex) error {
	s.Helper()
	c := s.g[2]
	leaf := *c.Leaf(2)
	fresh := must(c.suite.GenerateKeyPair(s.rand))(s)
	leaf.EncryptionKey, leaf.SignatureKey, leaf.Source = fresh.Public().Bytes(), key.Public(), SourceUpdate
	change(&leaf)
	s.resign(&leaf, key, c.GroupID(), at)
	p := s.heard(s.frameOf(c.Epoch, c.key, asMember(c), func(f *FramedContent) {
		f.ContentType, f.Proposal = ContentProposal, &Update{LeafNode: &leaf}
	}))
	return s.process(forgery{refs: []*Proposed{p}}, p)
}

// refuser is an Authenticator that refuses one identity, and changes to it.
type refuser struct {
	BasicIdentity
	identity string
}

func (r refuser) Authenticate(c Credential, _ []byte) error {
	if string(c.Identity) == r.identity {
		return errors.New("unknown here")
	}
	return nil
}

const (
	unknownExtension  ExtensionType  = 0xf123
	unknownProposal   ProposalType   = 0xf234
	unknownCredential CredentialType = 0xf345
)

func named(name string) Credential {
	return Credential{Type: CredentialBasic, Identity: []byte(name)}
}

var leafRows = []row{
	{CheckLifetimeTotal, "", func(s *scene) error {
		s.a.config.MaxLifetime = 1000
		return s.addPackage(s.person("e").pack.KeyPackage)
	}},
	{CheckLifetimeTotal, "backwards", func(s *scene) error {
		s.a.config.MaxLifetime = 1 << 40
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Lifetime = Lifetime{NotBefore: 2, NotAfter: 1} }))
	}},
	{CheckLifetime, "no time given", func(s *scene) error {
		return second(s.b.Commit(s.rand, s.b.key, CommitOptions{Proposals: []Proposal{&Add{KeyPackage: s.person("e").pack.KeyPackage}}}))
	}},
	{CheckLifetime, "no time given for a proposal", func(s *scene) error {
		return second(s.b.Propose(s.rand, s.b.key, &Add{KeyPackage: s.person("e").pack.KeyPackage}, ProposeOptions{}))
	}},
	{CheckLifetime, "expired, at its proposer", func(s *scene) error {
		return second(s.b.Propose(s.rand, s.b.key, &Add{KeyPackage: s.person("e").pack.KeyPackage}, ProposeOptions{Now: now + 86401}))
	}},
	{CheckLifetime, "expired, at its sender", func(s *scene) error {
		o := CommitOptions{Proposals: []Proposal{&Add{KeyPackage: s.person("e").pack.KeyPackage}}, Now: now + 86401}
		return second(s.b.Commit(s.rand, s.b.key, o))
	}},
	{CheckLifetime, "not yet, at a receiver who asks", func(s *scene) error {
		m := s.forge(forgery{by: s.b, proposals: []Proposal{&Add{KeyPackage: s.person("e").pack.KeyPackage}}})
		return second(s.a.Process(m, Received{Now: now - 3601}))
	}},
	{CheckLifetime, "a key package from a directory", func(s *scene) error {
		return s.person("e").pack.KeyPackage.Validate(&s.config, now+86401)
	}},
	{CheckLeafCredential, "", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Capabilities.Credentials = []CredentialType{CredentialX509} }))
	}},
	{CheckLeafVersion, "", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Capabilities.Versions = []ProtocolVersion{2} }))
	}},
	{CheckLeafSignature, "in a key package", func(s *scene) error {
		k := s.repack(s.person("e"), func(*KeyPackage) {})
		p := s.person("f")
		k.LeafNode.Signature = p.pack.KeyPackage.LeafNode.Signature
		return s.addPackage(k)
	}},
	{CheckLeafSignature, "an update for another leaf", func(s *scene) error {
		return s.updatedAt(func(*LeafNode) {}, s.g[2].key, 3)
	}},
	{CheckLeafSignature, "in a path", func(s *scene) error {
		return s.process(forgery{path: func(_ *draft, u *UpdatePath) { u.Leaf.Signature[0] ^= 1 }})
	}},
	{CheckRequired, "", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{Extensions: Extensions{RequireCapabilities(RequiredCapabilities{Extensions: []ExtensionType{unknownExtension}})}},
			func(w *world) {
				w.client = func(c *Client) { c.Capabilities.Extensions = []ExtensionType{unknownExtension} }
			})
		s.client = nil
		return s.addPackage(s.person("e").pack.KeyPackage)
	}},
	{CheckRequired, "lost by a path", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{Extensions: Extensions{RequireCapabilities(RequiredCapabilities{Proposals: []ProposalType{unknownProposal}})}},
			func(w *world) {
				w.client = func(c *Client) { c.Capabilities.Proposals = []ProposalType{unknownProposal} }
			})
		return s.process(forgery{leaf: func(l *LeafNode) { l.Capabilities.Proposals = nil }})
	}},
	{CheckRequired, "by extensions of the same commit", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{}, func(w *world) {
			w.client = func(c *Client) { c.Capabilities.Extensions = []ExtensionType{unknownExtension} }
		})
		s.client = nil
		x := RequireCapabilities(RequiredCapabilities{Extensions: []ExtensionType{unknownExtension}})
		return s.process(forgery{proposals: []Proposal{
			&Add{KeyPackage: s.person("e").pack.KeyPackage}, &GroupContextExtensions{Extensions: Extensions{x}},
		}})
	}},
	{CheckCredentialType, "of a new member, unknown to the old", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) {
			k.LeafNode.Credential.Type = unknownCredential
			k.LeafNode.Capabilities.Credentials = append(k.LeafNode.Capabilities.Credentials, unknownCredential)
		}))
	}},
	{CheckCredentialType, "of the old, unknown to a new member", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{}, func(w *world) {
			w.client = func(c *Client) {
				c.Capabilities.Credentials = append(c.Capabilities.Credentials, unknownCredential)
			}
		})
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) {
			k.LeafNode.Credential.Type = unknownCredential
			k.LeafNode.Capabilities.Credentials = []CredentialType{unknownCredential}
		}))
	}},
	{CheckLeafExtensions, "", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Extensions = Extensions{{Type: unknownExtension}} }))
	}},
	{CheckDuplicateExt, "in a leaf", func(s *scene) error {
		x := Extension{Type: ExtensionApplicationID, Data: []byte("x")}
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Extensions = Extensions{x, x} }))
	}},
	{CheckDuplicateExt, "in a key package", func(s *scene) error {
		x := Extension{Type: ExtensionApplicationID}
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.Extensions = Extensions{x, x} }))
	}},
	{CheckDuplicateExt, "in a group", func(s *scene) error {
		x := Extension{Type: ExtensionExternalSenders, Data: []byte{0}}
		return s.process(forgery{proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{x, x}}}})
	}},
	{CheckDuplicateExt, "in a group to be", func(s *scene) error {
		x := Extension{Type: ExtensionExternalSenders, Data: []byte{0}}
		return s.process(forgery{noPath: true, proposals: []Proposal{&ReInit{GroupID: []byte("n"), Version: MLS10, CipherSuite: s.id, Extensions: Extensions{x, x}}}})
	}},
	{CheckDuplicateExt, "in a group info", func(s *scene) error {
		return second(s.outside(s.person("e"), s.info(s.b, func(g *GroupInfo) { g.Extensions = append(g.Extensions, g.Extensions[0]) })))
	}},
	{CheckDuplicateExt, "in a group info of one's own", func(s *scene) error {
		return second(s.b.GroupInfo(s.b.key, WelcomeOptions{Extensions: Extensions{{Type: ExtensionRatchetTree}}}))
	}},
	{CheckLeafSource, "in a key package", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Source = SourceUpdate }))
	}},
	{CheckLeafSource, "in an update", func(s *scene) error {
		return s.updated(func(l *LeafNode) { l.Source = SourceKeyPackage }, s.g[2].key)
	}},
	{CheckLeafSource, "in a path", func(s *scene) error {
		return s.process(forgery{path: func(d *draft, u *UpdatePath) {
			u.Leaf.Source = SourceUpdate
			s.resign(&u.Leaf, s.b.key, s.b.GroupID(), 1)
		}})
	}},
	{CheckUpdateKey, "", func(s *scene) error {
		return s.updated(func(l *LeafNode) { l.EncryptionKey = s.a.Leaf(2).EncryptionKey }, s.g[2].key)
	}},
	{CheckSignatureKey, "in an update", func(s *scene) error {
		return s.updated(func(*LeafNode) {}, s.g[3].key)
	}},
	{CheckSignatureKey, "in a path", func(s *scene) error {
		return s.process(forgery{path: func(d *draft, u *UpdatePath) {
			u.Leaf.SignatureKey = s.g[3].key.Public()
			s.resign(&u.Leaf, s.g[3].key, s.b.GroupID(), 1)
		}})
	}},
	{CheckEncryptionKey, "of another leaf", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.EncryptionKey = s.a.Leaf(3).EncryptionKey }))
	}},
	{CheckPublicKey, "", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.EncryptionKey = []byte("short") }))
	}},
	{CheckCertificate, "another key", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) {
			k.LeafNode.Credential = Credential{Type: CredentialX509, Certificates: [][]byte{certificate(s, s.b.key)}}
		}))
	}},
	{CheckCertificate, "no certificate", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.LeafNode.Credential = Credential{Type: CredentialX509} }))
	}},
	{CheckCertificate, "not DER", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) {
			k.LeafNode.Credential = Credential{Type: CredentialX509, Certificates: [][]byte{{1, 2, 3}}}
		}))
	}},
	{CheckCredential, "of a new member", func(s *scene) error {
		s.a.config.Authenticator = refuser{identity: "mallory"}
		return s.addPackage(s.person("mallory").pack.KeyPackage)
	}},
	{CheckCredential, "of somebody in the tree, at a joiner", func(s *scene) error {
		s.config.Authenticator = refuser{identity: "c"}
		return second(s.outside(s.person("e"), s.info(s.b, func(*GroupInfo) {})))
	}},
	{CheckCredential, "of an external committer", func(s *scene) error {
		s.a.config.Authenticator = refuser{identity: "mallory"}
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{joiner: s.person("mallory"), proposals: []Proposal{kem}})
	}},
	{CheckSuccessor, "by an update", func(s *scene) error {
		return s.updated(func(l *LeafNode) { l.Credential = named("somebody else") }, s.g[2].key)
	}},
	{CheckSuccessor, "by a path", func(s *scene) error {
		return s.process(forgery{leaf: func(l *LeafNode) { l.Credential = named("somebody else") }})
	}},
	{CheckSuccessor, "by a resync", func(s *scene) error {
		kem, _ := s.externalInit(s.a)
		return s.process(forgery{joiner: s.person("mallory"), proposals: []Proposal{kem, &Remove{Removed: 2}}})
	}},
	{CheckExternalAuth, "", func(s *scene) error {
		s.a.config.Authenticator = refuser{identity: "mallory"}
		x := ExternalSenders(ExternalSender{SignatureKey: s.person("mallory").key.Public(), Credential: named("mallory")})
		return s.process(forgery{proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{x}}}})
	}},
	{CheckDecode, "external senders that are none", func(s *scene) error {
		x := Extension{Type: ExtensionExternalSenders, Data: []byte{5}}
		return s.process(forgery{proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{x}}}})
	}},
	{CheckGroupExtSupport, "of a new member", func(s *scene) error {
		s = newScene(s.TB, GroupOptions{Extensions: Extensions{{Type: unknownExtension}}}, func(w *world) {
			w.client = func(c *Client) { c.Capabilities.Extensions = []ExtensionType{unknownExtension} }
		})
		s.client = nil
		return s.addPackage(s.person("e").pack.KeyPackage)
	}},
	{CheckGroupExtSupport, "of the members, for a new extension", func(s *scene) error {
		return s.process(forgery{
			leaf:      func(l *LeafNode) { l.Capabilities.Extensions = []ExtensionType{unknownExtension} },
			proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{{Type: unknownExtension}}}},
		})
	}},
	{CheckGroupExtSupport, "GREASE, which all list and nobody supports", func(s *scene) error {
		x := Extension{Type: ExtensionType(GREASE(4)[0])}
		s = newScene(s.TB, GroupOptions{}, func(w *world) {
			w.client = func(c *Client) { c.Capabilities.Extensions = []ExtensionType{x.Type} }
		})
		return s.process(forgery{proposals: []Proposal{&GroupContextExtensions{Extensions: Extensions{x}}}})
	}},
	{CheckPackageSuite, "version", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.Version = 2 }))
	}},
	{CheckPackageSuite, "suite", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.CipherSuite = X25519ChaCha20SHA256Ed25519 }))
	}},
	{CheckPackageSuite, "unknown suite", func(s *scene) error {
		return s.repack(s.person("e"), func(k *KeyPackage) { k.CipherSuite = 99 }).Validate(&s.config, now)
	}},
	{CheckPackageSig, "", func(s *scene) error {
		k := s.repack(s.person("e"), func(*KeyPackage) {})
		k.Signature[0] ^= 1
		return s.addPackage(k)
	}},
	{CheckPackageInitKey, "equal to the leaf's", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.InitKey = k.LeafNode.EncryptionKey }))
	}},
	{CheckPackageInitKey, "no key", func(s *scene) error {
		return s.addPackage(s.repack(s.person("e"), func(k *KeyPackage) { k.InitKey = bytes.Repeat([]byte{1}, 31) }))
	}},
	{CheckPackageExt, "", func(s *scene) error {
		p := s.person("e")
		c := s.describe(p)
		c.Package = Extensions{{Type: unknownExtension}}
		return second(NewKeyPackage(s.rand, p.key, c))
	}},
}

// certificate is a self-signed one for an Ed25519 key.
func certificate(t testing.TB, key *SigningKey) []byte {
	t.Helper()
	private := ed25519.NewKeyFromSeed(key.Bytes())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "somebody"}, NotAfter: time.Unix(now, 0)}
	return must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))(t)
}

// certificateOf is a self-signed certificate of a fresh key, and the key as MLS
// writes it.
func certificateOf(t testing.TB, kind string) (der, key []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(now, 0)}
	curve := map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()}[kind]
	if curve == nil {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		noError(t, "key", err)
		return must(x509.CreateCertificate(rand.Reader, template, template, public, private))(t), public
	}
	private := must(ecdsa.GenerateKey(curve, rand.Reader))(t)
	return must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))(t), must(private.PublicKey.Bytes())(t)
}
