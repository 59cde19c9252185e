package wire

// Encoder is a struct of the RFC that can write itself.
type Encoder interface{ Encode(*Writer) }

// Decoder is a struct of the RFC that can read itself. Errors stay in the
// reader; what is decoded may alias the input.
type Decoder interface{ Decode(*Reader) }

// Marshal is the encoding of v.
func Marshal(v Encoder) []byte {
	var w Writer
	v.Encode(&w)
	return w.b
}

// Unmarshal reads v from exactly b, which v may alias.
func Unmarshal(b []byte, v Decoder) error {
	r := Reader{b: b}
	v.Decode(&r)
	return r.Done()
}
