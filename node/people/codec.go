package people

import (
	"encoding/base64"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Everything is CBOR: rows, what goes over a stream, and what goes from hand to
// hand as text. What others wrote is read in a strict form of it, of bounded size.

var (
	// strict reads a hello, its answer, a link or a code.
	strict = bounds(6, 64)
	// wide reads an adoption, whose lists are longer.
	wide = bounds(8, maxAdopted)
)

func bounds(levels, elements int) cbor.DecMode {
	m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: levels, MaxArrayElements: elements, MaxMapPairs: 32}.DecMode()
	if err != nil {
		panic(err) // the numbers above are in the library's range
	}
	return m
}

func encode(v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err) // every type of ours can be encoded
	}
	return b
}

// onPaper writes v as one word that begins with its scheme.
func onPaper(scheme string, v any) string {
	return scheme + base64.RawURLEncoding.EncodeToString(encode(v))
}

// offPaper reads it again, with space around and, as programs make of links, two
// slashes after the scheme.
func offPaper(text, scheme string, v any) bool {
	text, ok := strings.CutPrefix(strings.TrimSpace(text), scheme)
	if !ok || len(text) > maxLink {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "//"))
	return err == nil && strict.Unmarshal(raw, v) == nil
}

// bounded are the first addresses of those that are not too long.
func bounded(addresses [][]byte) [][]byte {
	out := make([][]byte, 0, maxAddresses)
	for _, a := range addresses {
		if len(a) <= maxAddress && len(out) < maxAddresses {
			out = append(out, a)
		}
	}
	return out
}
