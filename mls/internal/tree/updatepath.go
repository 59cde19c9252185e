package tree

import (
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// HPKECiphertext is one encryption to one key (RFC 9420 §7.6).
type HPKECiphertext = suite.HPKECiphertext

// UpdatePathNode is the new key of one node of the filtered direct path, and
// its path secret for each node of the copath's resolution (RFC 9420 §7.6).
type UpdatePathNode struct {
	EncryptionKey       []byte
	EncryptedPathSecret []HPKECiphertext
}

// Encode implements wire.Encoder.
func (n *UpdatePathNode) Encode(w *wire.Writer) {
	w.Opaque(n.EncryptionKey)
	w.Vector(func(w *wire.Writer) {
		for i := range n.EncryptedPathSecret {
			n.EncryptedPathSecret[i].Encode(w)
		}
	})
}

// Decode implements wire.Decoder.
func (n *UpdatePathNode) Decode(r *wire.Reader) {
	*n = UpdatePathNode{EncryptionKey: r.Opaque()}
	v := r.Vector()
	total := v.Len()
	for v.More() {
		if len(n.EncryptedPathSecret) == 1 { // all are as long as the first
			first := total - v.Len()
			n.EncryptedPathSecret = slices.Grow(n.EncryptedPathSecret, v.Len()/first)
		}
		var c HPKECiphertext
		c.Decode(v)
		n.EncryptedPathSecret = append(n.EncryptedPathSecret, c)
	}
	r.Join(v)
}

// UpdatePath renews a member's leaf and its filtered direct path, lowest node
// first (RFC 9420 §7.6).
type UpdatePath struct {
	Leaf  LeafNode
	Nodes []UpdatePathNode
}

// Encode implements wire.Encoder.
func (p *UpdatePath) Encode(w *wire.Writer) {
	p.Leaf.Encode(w)
	w.Vector(func(w *wire.Writer) {
		for i := range p.Nodes {
			p.Nodes[i].Encode(w)
		}
	})
}

// Decode implements wire.Decoder.
func (p *UpdatePath) Decode(r *wire.Reader) {
	*p = UpdatePath{}
	p.Leaf.Decode(r)
	v := r.Vector()
	for v.More() {
		var n UpdatePathNode
		n.Decode(v)
		p.Nodes = append(p.Nodes, n)
	}
	r.Join(v)
}
