package mls

import (
	"bytes"
	"encoding/asn1"
	"errors"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Authenticator is the application's Authentication Service
// (RFC 9420 §5.3.1). All members must answer alike, or they part: its methods
// read nothing but their arguments, above all no clock.
type Authenticator interface {
	// Authenticate refuses a credential that does not belong to the
	// signature key, or to anybody the application knows.
	Authenticate(c Credential, signatureKey []byte) error
	// Successor refuses next where it may not take the place of prev in the
	// same leaf.
	Successor(prev, next Credential) error
	// Identity is whom a credential presents, for comparing the members of
	// two groups (RFC 9420 §11.2, §11.3).
	Identity(c Credential) []byte
}

// BasicIdentity believes every credential and lets none change its identity.
// It is what a nil Authenticator means: fit for tests, and where keys are
// checked by other means.
type BasicIdentity struct{}

// Authenticate accepts.
func (BasicIdentity) Authenticate(Credential, []byte) error { return nil }

// Successor wants equal identities.
func (b BasicIdentity) Successor(prev, next Credential) error {
	if !bytes.Equal(b.Identity(prev), b.Identity(next)) {
		return errors.New("the identity changed")
	}
	return nil
}

// Identity is the bytes of a basic credential, or the end-entity certificate.
func (BasicIdentity) Identity(c Credential) []byte {
	if c.Type == CredentialX509 && len(c.Certificates) > 0 {
		return c.Certificates[0]
	}
	return c.Identity
}

// checkCertificate holds a leaf with an X.509 credential to RFC 9420 §5.3: the
// public key of the end-entity certificate is the leaf's signature key.
func checkCertificate(l *LeafNode) error {
	if l.Credential.Type != CredentialX509 {
		return nil
	}
	if len(l.Credential.Certificates) == 0 {
		return fail(CheckCertificate, "no certificate")
	}
	key, err := certificateKey(l.Credential.Certificates[0])
	if err != nil {
		return because(CheckCertificate, err, "")
	}
	if !bytes.Equal(key, l.SignatureKey) {
		return fail(CheckCertificate, "")
	}
	return nil
}

// certificateKey reads the subject's public key out of a DER certificate
// (RFC 5280 §4.1) and checks nothing else: chains are the Authenticator's.
// Keys of all MLS schemes stand in the bit string as they do in a leaf.
func certificateKey(der []byte) ([]byte, error) {
	var certificate struct {
		TBS struct {
			Raw          asn1.RawContent
			Version      int `asn1:"optional,explicit,default:0,tag:0"`
			SerialNumber asn1.RawValue
			Algorithm    asn1.RawValue
			Issuer       asn1.RawValue
			Validity     asn1.RawValue
			Subject      asn1.RawValue
			PublicKey    struct {
				Algorithm asn1.RawValue
				Key       asn1.BitString
			}
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &certificate); err != nil {
		return nil, err
	}
	return certificate.TBS.PublicKey.Key.RightAlign(), nil
}

// authenticate holds a leaf's credential against its key and, where it takes
// the place of prev, against that (RFC 9420 §5.3.1). A leaf that keeps both
// its credential and its key has been judged before.
func authenticate(c *Config, l, prev *LeafNode) error {
	if err := checkCertificate(l); err != nil {
		return err
	}
	auth := c.authenticator()
	if prev != nil {
		if bytes.Equal(l.SignatureKey, prev.SignatureKey) && equalCredentials(&l.Credential, &prev.Credential) {
			return nil
		}
		if err := auth.Successor(prev.Credential, l.Credential); err != nil {
			return because(CheckSuccessor, err, "")
		}
	}
	if err := auth.Authenticate(l.Credential, l.SignatureKey); err != nil {
		return because(CheckCredential, err, "")
	}
	return nil
}

func equalCredentials(a, b *Credential) bool {
	return bytes.Equal(wire.Marshal(a), wire.Marshal(b))
}
