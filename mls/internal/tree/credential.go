package tree

import (
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// Version is a protocol version (RFC 9420 §6); MLS10 is the only one.
type Version uint16

// MLS10 is "mls10".
const MLS10 Version = 1

// CredentialType is of the registry in RFC 9420 §17.5.
type CredentialType uint16

// The credential types that RFC 9420 defines.
const (
	Basic CredentialType = 1
	X509  CredentialType = 2
)

// Credential says who a member is (RFC 9420 §5.3):
//
//	struct {
//	    CredentialType credential_type;
//	    select (Credential.credential_type) {
//	        case basic: opaque identity<V>;
//	        case x509:  Certificate certificates<V>;
//	    };
//	} Credential;
//
// A type that is not defined there is taken to hold one opaque<V>, so that a
// tree with such a member can be read and refused for the right reason.
type Credential struct {
	Type         CredentialType
	Identity     []byte   // basic and unknown types
	Certificates [][]byte // x509: DER, the end entity first
}

// Encode implements wire.Encoder.
func (c *Credential) Encode(w *wire.Writer) {
	w.U16(uint16(c.Type))
	if c.Type != X509 {
		w.Opaque(c.Identity)
		return
	}
	w.Vector(func(w *wire.Writer) {
		for _, cert := range c.Certificates {
			w.Opaque(cert)
		}
	})
}

// Decode implements wire.Decoder.
func (c *Credential) Decode(r *wire.Reader) {
	*c = Credential{Type: CredentialType(r.U16())}
	if c.Type != X509 {
		c.Identity = r.Opaque()
		return
	}
	v := r.Vector()
	for v.More() {
		c.Certificates = append(c.Certificates, v.Opaque())
	}
	r.Join(v)
}

// ProposalType is of the registry in RFC 9420 §17.4.
type ProposalType uint16

// The default proposal types, which everybody supports and nobody lists.
const (
	ProposalAdd                    ProposalType = 1
	ProposalUpdate                 ProposalType = 2
	ProposalRemove                 ProposalType = 3
	ProposalPSK                    ProposalType = 4
	ProposalReInit                 ProposalType = 5
	ProposalExternalInit           ProposalType = 6
	ProposalGroupContextExtensions ProposalType = 7
)

// Default reports whether RFC 9420 defines the type (§7.2), so that nobody
// lists it among capabilities.
func (p ProposalType) Default() bool { return p >= ProposalAdd && p <= ProposalGroupContextExtensions }

// ExtensionType is of the registry in RFC 9420 §17.3.
type ExtensionType uint16

// The default extension types.
const (
	ExtensionApplicationID        ExtensionType = 1
	ExtensionRatchetTree          ExtensionType = 2
	ExtensionRequiredCapabilities ExtensionType = 3
	ExtensionExternalPub          ExtensionType = 4
	ExtensionExternalSenders      ExtensionType = 5
)

// Default reports whether RFC 9420 defines the type (§7.2), so that nobody
// lists it among capabilities.
func (e ExtensionType) Default() bool {
	return e >= ExtensionApplicationID && e <= ExtensionExternalSenders
}

// Extension is a typed blob (RFC 9420 §7.2).
type Extension struct {
	Type ExtensionType
	Data []byte
}

// Extensions is Extension extensions<V>.
type Extensions []Extension

// Encode implements wire.Encoder.
func (e Extensions) Encode(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, x := range e {
			w.U16(uint16(x.Type))
			w.Opaque(x.Data)
		}
	})
}

// Decode implements wire.Decoder.
func (e *Extensions) Decode(r *wire.Reader) {
	*e = nil
	v := r.Vector()
	for v.More() {
		*e = append(*e, Extension{Type: ExtensionType(v.U16()), Data: v.Opaque()})
	}
	r.Join(v)
}

// Find is the data of the first extension of the type.
func (e Extensions) Find(t ExtensionType) ([]byte, bool) {
	for _, x := range e {
		if x.Type == t {
			return x.Data, true
		}
	}
	return nil, false
}

// Duplicate is a type that occurs twice, which RFC 9420 §13.4 forbids.
func (e Extensions) Duplicate() (ExtensionType, bool) {
	if len(e) < 2 {
		return 0, false
	}
	types := make([]ExtensionType, len(e))
	for i, x := range e {
		types[i] = x.Type
	}
	slices.Sort(types)
	for i := 1; i < len(types); i++ {
		if types[i] == types[i-1] {
			return types[i], true
		}
	}
	return 0, false
}

// Capabilities is what a client supports beyond the defaults (RFC 9420 §7.2).
type Capabilities struct {
	Versions     []Version
	CipherSuites []suite.ID
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Encode implements wire.Encoder.
func (c *Capabilities) Encode(w *wire.Writer) {
	encodeList(w, c.Versions)
	encodeList(w, c.CipherSuites)
	encodeList(w, c.Extensions)
	encodeList(w, c.Proposals)
	encodeList(w, c.Credentials)
}

// Decode implements wire.Decoder.
func (c *Capabilities) Decode(r *wire.Reader) {
	c.Versions = decodeList[Version](r)
	c.CipherSuites = decodeList[suite.ID](r)
	c.Extensions = decodeList[ExtensionType](r)
	c.Proposals = decodeList[ProposalType](r)
	c.Credentials = decodeList[CredentialType](r)
}

// RequiredCapabilities is the extension by which a group asks its members for
// more than the defaults (RFC 9420 §11.1).
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// Encode implements wire.Encoder.
func (q *RequiredCapabilities) Encode(w *wire.Writer) {
	encodeList(w, q.Extensions)
	encodeList(w, q.Proposals)
	encodeList(w, q.Credentials)
}

// Decode implements wire.Decoder.
func (q *RequiredCapabilities) Decode(r *wire.Reader) {
	q.Extensions = decodeList[ExtensionType](r)
	q.Proposals = decodeList[ProposalType](r)
	q.Credentials = decodeList[CredentialType](r)
}

func encodeList[T ~uint16](w *wire.Writer, list []T) {
	w.Varint(2 * len(list))
	for _, v := range list {
		w.U16(uint16(v))
	}
}

func decodeList[T ~uint16](r *wire.Reader) []T {
	v := r.Vector()
	if v.Len() == 0 {
		r.Join(v)
		return nil
	}
	list := make([]T, 0, v.Len()/2)
	for v.More() {
		list = append(list, T(v.U16()))
	}
	r.Join(v)
	return list
}
