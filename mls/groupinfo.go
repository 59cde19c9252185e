package mls

import (
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// GroupContext sums up the state of a group (RFC 9420 §8.1).
type GroupContext struct {
	Version                 ProtocolVersion
	CipherSuite             CipherSuite
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}

// Encode implements wire.Encoder.
func (g *GroupContext) Encode(w *wire.Writer) {
	w.U16(uint16(g.Version))
	w.U16(uint16(g.CipherSuite))
	w.Opaque(g.GroupID)
	w.U64(g.Epoch)
	w.Opaque(g.TreeHash)
	w.Opaque(g.ConfirmedTranscriptHash)
	g.Extensions.Encode(w)
}

// Decode implements wire.Decoder.
func (g *GroupContext) Decode(r *wire.Reader) {
	*g = GroupContext{
		Version: ProtocolVersion(r.U16()), CipherSuite: CipherSuite(r.U16()), GroupID: r.Opaque(), Epoch: r.U64(),
		TreeHash: r.Opaque(), ConfirmedTranscriptHash: r.Opaque(), Extensions: value[Extensions](r),
	}
}

// GroupInfo is what somebody outside needs to know to join
// (RFC 9420 §12.4.3).
type GroupInfo struct {
	GroupContext    GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

// Encode implements wire.Encoder.
func (g *GroupInfo) Encode(w *wire.Writer) {
	g.encodeTBS(w)
	w.Opaque(g.Signature)
}

// encodeTBS writes GroupInfoTBS, all but the signature (RFC 9420 §12.4.3).
func (g *GroupInfo) encodeTBS(w *wire.Writer) {
	g.GroupContext.Encode(w)
	g.Extensions.Encode(w)
	w.Opaque(g.ConfirmationTag)
	w.U32(uint32(g.Signer))
}

// Decode implements wire.Decoder.
func (g *GroupInfo) Decode(r *wire.Reader) {
	*g = GroupInfo{
		GroupContext: value[GroupContext](r), Extensions: value[Extensions](r),
		ConfirmationTag: r.Opaque(), Signer: LeafIndex(r.U32()), Signature: r.Opaque(),
	}
}

// groupSecrets is what a Welcome says to one new member
// (RFC 9420 §12.4.3.1).
type groupSecrets struct {
	JoinerSecret suite.Secret
	PathSecret   suite.Secret // nil where the commit had no path
	PSKs         []PreSharedKeyID
}

// Encode implements wire.Encoder.
func (g *groupSecrets) Encode(w *wire.Writer) {
	w.Opaque(g.JoinerSecret)
	if w.Optional(g.PathSecret != nil) {
		w.Opaque(g.PathSecret)
	}
	w.Vector(func(w *wire.Writer) {
		for i := range g.PSKs {
			g.PSKs[i].Encode(w)
		}
	})
}

// Decode implements wire.Decoder.
func (g *groupSecrets) Decode(r *wire.Reader) {
	*g = groupSecrets{JoinerSecret: r.Opaque()}
	if r.Optional() {
		g.PathSecret = r.Opaque()
	}
	v := r.Vector()
	for v.More() {
		g.PSKs = append(g.PSKs, value[PreSharedKeyID](v))
	}
	r.Join(v)
}

// encryptedGroupSecrets is groupSecrets sealed to one key package.
type encryptedGroupSecrets struct {
	NewMember []byte // KeyPackageRef
	Secrets   HPKECiphertext
}

// Welcome brings new members into the epoch that a commit began
// (RFC 9420 §12.4.3.1).
type Welcome struct {
	CipherSuite        CipherSuite
	Secrets            []encryptedGroupSecrets
	EncryptedGroupInfo []byte
}

// Encode implements wire.Encoder.
func (m *Welcome) Encode(w *wire.Writer) {
	w.U16(uint16(m.CipherSuite))
	w.Vector(func(w *wire.Writer) {
		for i := range m.Secrets {
			w.Opaque(m.Secrets[i].NewMember)
			m.Secrets[i].Secrets.Encode(w)
		}
	})
	w.Opaque(m.EncryptedGroupInfo)
}

// Decode implements wire.Decoder.
func (m *Welcome) Decode(r *wire.Reader) {
	*m = Welcome{CipherSuite: CipherSuite(r.U16())}
	v := r.Vector()
	for v.More() {
		m.Secrets = append(m.Secrets, encryptedGroupSecrets{NewMember: v.Opaque(), Secrets: value[HPKECiphertext](v)})
	}
	r.Join(v)
	m.EncryptedGroupInfo = r.Opaque()
}

// NewMembers lists the key packages it is for, by KeyPackageRef.
func (m *Welcome) NewMembers() [][]byte {
	refs := make([][]byte, len(m.Secrets))
	for i := range m.Secrets {
		refs[i] = m.Secrets[i].NewMember
	}
	return refs
}
