package tree

import (
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// LeafNodeSource says how a leaf came into the tree (RFC 9420 §7.2), and with
// it which fields it has.
type LeafNodeSource uint8

// The sources of RFC 9420 §7.2.
const (
	SourceKeyPackage LeafNodeSource = 1
	SourceUpdate     LeafNodeSource = 2
	SourceCommit     LeafNodeSource = 3
)

// Lifetime bounds the use of a leaf of a key package, in Unix seconds, both
// ends included (RFC 9420 §7.2).
type Lifetime struct {
	NotBefore uint64
	NotAfter  uint64
}

// LeafNode is one client's appearance in the group (RFC 9420 §7.2). Decoded,
// its slices alias the input.
type LeafNode struct {
	EncryptionKey []byte
	SignatureKey  []byte
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // SourceKeyPackage only
	ParentHash    []byte   // SourceCommit only
	Extensions    Extensions
	Signature     []byte
}

// Encode implements wire.Encoder.
func (l *LeafNode) Encode(w *wire.Writer) {
	l.encodeUnsigned(w)
	w.Opaque(l.Signature)
}

func (l *LeafNode) encodeUnsigned(w *wire.Writer) {
	w.Opaque(l.EncryptionKey)
	w.Opaque(l.SignatureKey)
	l.Credential.Encode(w)
	l.Capabilities.Encode(w)
	w.U8(uint8(l.Source))
	switch l.Source {
	case SourceKeyPackage:
		w.U64(l.Lifetime.NotBefore)
		w.U64(l.Lifetime.NotAfter)
	case SourceCommit:
		w.Opaque(l.ParentHash)
	}
	l.Extensions.Encode(w)
}

// Decode implements wire.Decoder. A source that is not of RFC 9420 cannot be
// read: what follows it is unknown.
func (l *LeafNode) Decode(r *wire.Reader) {
	*l = LeafNode{EncryptionKey: r.Opaque(), SignatureKey: r.Opaque()}
	l.Credential.Decode(r)
	l.Capabilities.Decode(r)
	l.Source = LeafNodeSource(r.U8())
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{NotBefore: r.U64(), NotAfter: r.U64()}
	case SourceUpdate:
	case SourceCommit:
		l.ParentHash = r.Opaque()
	default:
		r.Fail(wire.ErrValue)
	}
	l.Extensions.Decode(r)
	l.Signature = r.Opaque()
}

// TBS is what the leaf's signature covers (LeafNodeTBS, RFC 9420 §7.2). The
// group and the place count where the leaf was made for them: a leaf of a key
// package ignores both.
func (l *LeafNode) TBS(groupID []byte, at LeafIndex) []byte {
	var w wire.Writer
	l.encodeUnsigned(&w)
	if l.Source != SourceKeyPackage {
		w.Opaque(groupID)
		w.U32(uint32(at))
	}
	return w.Bytes()
}

// ParentNode is an intermediate node that holds a key (RFC 9420 §7.1).
type ParentNode struct {
	EncryptionKey  []byte
	ParentHash     []byte
	UnmergedLeaves []LeafIndex // strictly increasing
}

// Encode implements wire.Encoder.
func (p *ParentNode) Encode(w *wire.Writer) {
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	w.Varint(4 * len(p.UnmergedLeaves))
	for _, i := range p.UnmergedLeaves {
		w.U32(uint32(i))
	}
}

// Decode implements wire.Decoder. It refuses unmerged leaves out of order
// (RFC 9420 §7.1).
func (p *ParentNode) Decode(r *wire.Reader) {
	*p = ParentNode{EncryptionKey: r.Opaque(), ParentHash: r.Opaque()}
	v := r.Vector()
	if n := v.Len() / 4; n > 0 {
		p.UnmergedLeaves = make([]LeafIndex, 0, n)
	}
	for v.More() {
		i := LeafIndex(v.U32())
		if n := len(p.UnmergedLeaves); n > 0 && i <= p.UnmergedLeaves[n-1] {
			v.Fail(wire.ErrValue)
		}
		p.UnmergedLeaves = append(p.UnmergedLeaves, i)
	}
	r.Join(v)
}
