package mls

import "github.com/covey-p2p/covey/mls/internal/wire"

// Proposal is one change to the group (RFC 9420 §12.1): an *Add, *Update,
// *Remove, *PreSharedKey, *ReInit, *ExternalInit, *GroupContextExtensions, or
// *Custom.
type Proposal interface {
	Type() ProposalType
	wire.Encoder // the body, without the type
}

type (
	// Add brings in the client of a key package (RFC 9420 §12.1.1).
	Add struct{ KeyPackage *KeyPackage }
	// Update replaces its sender's leaf (RFC 9420 §12.1.2).
	Update struct{ LeafNode *LeafNode }
	// Remove takes out a member (RFC 9420 §12.1.3).
	Remove struct{ Removed LeafIndex }
	// PreSharedKey mixes a secret from elsewhere into the next epoch
	// (RFC 9420 §12.1.4).
	PreSharedKey struct{ PSK PreSharedKeyID }
	// ReInit closes the group in favour of a new one (RFC 9420 §12.1.5).
	ReInit struct {
		GroupID     []byte
		Version     ProtocolVersion
		CipherSuite CipherSuite
		Extensions  Extensions
	}
	// ExternalInit gives the group a joiner's init secret (RFC 9420 §12.1.6).
	ExternalInit struct{ KEMOutput []byte }
	// GroupContextExtensions replaces the group's extensions
	// (RFC 9420 §12.1.7).
	GroupContextExtensions struct{ Extensions Extensions }
	// Custom is a proposal of a type that RFC 9420 does not define. Its body
	// is opaque<V>: an unknown body has no other end, and other
	// implementations agree.
	Custom struct {
		Kind ProposalType
		Data []byte
	}
)

func (*Add) Type() ProposalType                    { return ProposalAdd }
func (*Update) Type() ProposalType                 { return ProposalUpdate }
func (*Remove) Type() ProposalType                 { return ProposalRemove }
func (*PreSharedKey) Type() ProposalType           { return ProposalPSK }
func (*ReInit) Type() ProposalType                 { return ProposalReInit }
func (*ExternalInit) Type() ProposalType           { return ProposalExternalInit }
func (*GroupContextExtensions) Type() ProposalType { return ProposalGroupContextExtensions }
func (p *Custom) Type() ProposalType               { return p.Kind }

// Encode and Decode implement wire.Encoder and wire.Decoder.

func (p *Add) Encode(w *wire.Writer)          { p.KeyPackage.Encode(w) }
func (p *Update) Encode(w *wire.Writer)       { p.LeafNode.Encode(w) }
func (p *Remove) Encode(w *wire.Writer)       { w.U32(uint32(p.Removed)) }
func (p *PreSharedKey) Encode(w *wire.Writer) { p.PSK.Encode(w) }
func (p *ReInit) Encode(w *wire.Writer) {
	w.Opaque(p.GroupID)
	w.U16(uint16(p.Version))
	w.U16(uint16(p.CipherSuite))
	p.Extensions.Encode(w)
}
func (p *ExternalInit) Encode(w *wire.Writer)           { w.Opaque(p.KEMOutput) }
func (p *GroupContextExtensions) Encode(w *wire.Writer) { p.Extensions.Encode(w) }
func (p *Custom) Encode(w *wire.Writer)                 { w.Opaque(p.Data) }

func (p *Add) Decode(r *wire.Reader)          { *p = Add{KeyPackage: object[KeyPackage](r)} }
func (p *Update) Decode(r *wire.Reader)       { *p = Update{LeafNode: object[LeafNode](r)} }
func (p *Remove) Decode(r *wire.Reader)       { *p = Remove{Removed: LeafIndex(r.U32())} }
func (p *PreSharedKey) Decode(r *wire.Reader) { *p = PreSharedKey{PSK: value[PreSharedKeyID](r)} }
func (p *ReInit) Decode(r *wire.Reader) {
	*p = ReInit{GroupID: r.Opaque(), Version: ProtocolVersion(r.U16()), CipherSuite: CipherSuite(r.U16()), Extensions: value[Extensions](r)}
}
func (p *ExternalInit) Decode(r *wire.Reader) { *p = ExternalInit{KEMOutput: r.Opaque()} }
func (p *GroupContextExtensions) Decode(r *wire.Reader) {
	*p = GroupContextExtensions{Extensions: value[Extensions](r)}
}

func encodeProposal(w *wire.Writer, p Proposal) {
	w.U16(uint16(p.Type()))
	p.Encode(w)
}

func decodeProposal(r *wire.Reader) Proposal {
	switch t := ProposalType(r.U16()); t {
	case ProposalAdd:
		return object[Add](r)
	case ProposalUpdate:
		return object[Update](r)
	case ProposalRemove:
		return object[Remove](r)
	case ProposalPSK:
		return object[PreSharedKey](r)
	case ProposalReInit:
		return object[ReInit](r)
	case ProposalExternalInit:
		return object[ExternalInit](r)
	case ProposalGroupContextExtensions:
		return object[GroupContextExtensions](r)
	default:
		return &Custom{Kind: t, Data: r.Opaque()}
	}
}

// ProposalOrRef is a proposal in a commit: by value, or by the hash of the
// message that proposed it (RFC 9420 §12.4). Exactly one field is set.
type ProposalOrRef struct {
	Proposal  Proposal
	Reference []byte
}

const (
	proposalByValue     = 1
	proposalByReference = 2
)

// Encode implements wire.Encoder.
func (p *ProposalOrRef) Encode(w *wire.Writer) {
	if p.Proposal != nil {
		w.U8(proposalByValue)
		encodeProposal(w, p.Proposal)
		return
	}
	w.U8(proposalByReference)
	w.Opaque(p.Reference)
}

// Decode implements wire.Decoder.
func (p *ProposalOrRef) Decode(r *wire.Reader) {
	*p = ProposalOrRef{}
	switch r.U8() {
	case proposalByValue:
		p.Proposal = decodeProposal(r)
	case proposalByReference:
		p.Reference = r.Opaque()
	default:
		r.Fail(wire.ErrValue)
	}
}

// Commit begins the next epoch (RFC 9420 §12.4).
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath // nil where the commit renews no keys
}

// Encode implements wire.Encoder.
func (c *Commit) Encode(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for i := range c.Proposals {
			c.Proposals[i].Encode(w)
		}
	})
	if w.Optional(c.Path != nil) {
		c.Path.Encode(w)
	}
}

// Decode implements wire.Decoder.
func (c *Commit) Decode(r *wire.Reader) {
	*c = Commit{}
	v := r.Vector()
	for v.More() {
		c.Proposals = append(c.Proposals, value[ProposalOrRef](v))
	}
	r.Join(v)
	if r.Optional() {
		c.Path = object[UpdatePath](r)
	}
}
