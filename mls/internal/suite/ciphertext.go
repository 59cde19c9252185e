package suite

import "github.com/covey-p2p/covey/mls/internal/wire"

// Encode implements wire.Encoder.
func (c *HPKECiphertext) Encode(w *wire.Writer) {
	w.Opaque(c.KEMOutput)
	w.Opaque(c.Ciphertext)
}

// Decode implements wire.Decoder; the result aliases the input.
func (c *HPKECiphertext) Decode(r *wire.Reader) {
	*c = HPKECiphertext{KEMOutput: r.Opaque(), Ciphertext: r.Opaque()}
}
