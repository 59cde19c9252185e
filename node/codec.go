package node

import "github.com/fxamacker/cbor/v2"

// What is durable here, and what goes to other nodes, is CBOR.

func decode(b []byte, v any) error { return strict.Unmarshal(b, v) }

// strict reads what others wrote: no duplicate keys, bounded sizes.
var strict = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 6, MaxArrayElements: 1 << 10, MaxMapPairs: 64,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// encode writes what is durable here or goes to other nodes; it cannot fail,
// as every type of ours can be encoded.
func encode(v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
