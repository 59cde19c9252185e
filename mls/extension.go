package mls

import (
	"slices"

	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// The extensions that RFC 9420 gives a meaning to.

// RequiredCapabilities is what a group asks of every member (RFC 9420 §11.1).
type RequiredCapabilities = tree.RequiredCapabilities

// RequireCapabilities makes the group extension.
func RequireCapabilities(q RequiredCapabilities) Extension {
	return Extension{Type: ExtensionRequiredCapabilities, Data: wire.Marshal(&q)}
}

// requiredCapabilities is what a list of group extensions asks for: nothing,
// where there is no such extension.
func requiredCapabilities(list Extensions) (*RequiredCapabilities, error) {
	data, ok := list.Find(ExtensionRequiredCapabilities)
	if !ok {
		return &RequiredCapabilities{}, nil
	}
	return parse[RequiredCapabilities](data)
}

// ExternalSender may make proposals without being a member (RFC 9420
// §12.1.8.1).
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

// Encode implements wire.Encoder.
func (s *ExternalSender) Encode(w *wire.Writer) {
	w.Opaque(s.SignatureKey)
	s.Credential.Encode(w)
}

// Decode implements wire.Decoder.
func (s *ExternalSender) Decode(r *wire.Reader) {
	*s = ExternalSender{SignatureKey: r.Opaque(), Credential: value[Credential](r)}
}

// ExternalSenders makes the group extension.
func ExternalSenders(senders ...ExternalSender) Extension {
	var w wire.Writer
	w.Vector(func(w *wire.Writer) {
		for i := range senders {
			senders[i].Encode(w)
		}
	})
	return Extension{Type: ExtensionExternalSenders, Data: w.Bytes()}
}

// externalSenders is who is in the extension; nobody, where there is none.
func externalSenders(list Extensions) ([]ExternalSender, error) {
	data, ok := list.Find(ExtensionExternalSenders)
	if !ok {
		return nil, nil
	}
	r := wire.NewReader(data)
	var senders []ExternalSender
	v := r.Vector()
	for v.More() {
		senders = append(senders, value[ExternalSender](v))
	}
	r.Join(v)
	if err := r.Done(); err != nil {
		return nil, malformed(err)
	}
	return senders, nil
}

// externalPub is the GroupInfo extension with the key that anybody may join
// by: struct { HPKEPublicKey external_pub; } (RFC 9420 §12.4.3.2).
type externalPub struct{ key []byte }

func (p *externalPub) Encode(w *wire.Writer) { w.Opaque(p.key) }
func (p *externalPub) Decode(r *wire.Reader) { p.key = r.Opaque() }

// GREASE are the values that no client supports, sent so that peers stay used
// to ignoring what they do not know (RFC 9420 §13.5): one of the fifteen for
// each random byte.
func GREASE(random ...byte) []uint16 {
	out := make([]uint16, len(random))
	for i, b := range random {
		out[i] = uint16(b%15)<<12 | 0x0a00 | uint16(b%15)<<4 | 0x0a
	}
	return out
}

// isGREASE knows the values that a client lists and does not support.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>12 == v>>4&15 && v < 0xf000 }

// grease adds one value to each list of a client's (RFC 9420 §13.5), and an
// extension of random content to leaf and key package.
func (c *Client) grease(random [7]byte) {
	v, k := GREASE(random[:]...), &c.Capabilities
	k.CipherSuites = append(slices.Clone(k.CipherSuites), CipherSuite(v[0]))
	k.Extensions = append(slices.Clone(k.Extensions), ExtensionType(v[1]))
	k.Proposals = append(slices.Clone(k.Proposals), ProposalType(v[2]))
	k.Credentials = append(slices.Clone(k.Credentials), CredentialType(v[3]))
	c.Extensions = append(slices.Clone(c.Extensions), Extension{Type: ExtensionType(v[1]), Data: random[4:5]})
	c.Package = append(slices.Clone(c.Package), Extension{Type: ExtensionType(v[1]), Data: random[5:7]})
}
