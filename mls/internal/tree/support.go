package tree

import (
	"bytes"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/wire"
)

// support counts, over all members, who supports which extension, proposal and
// credential type, and how many use which credential type: what every member
// must support is asked in O(log types), not O(N). It is immutable; a member
// whose capabilities stay the same costs nothing.
//
// Adding or removing a member costs O(types listed in the group), which the
// registries bound by 65,536 each and which is a few dozen in practice.
type support struct {
	counts []count // sorted by what
}

type count struct {
	what uint32 // which list, then the type
	n    int32
}

// The lists. Their order is that of the vectors in Capabilities.
const (
	listExtensions uint32 = iota << 16
	listProposals
	listCredentials
	listInUse // the credential types of the members themselves
)

func (s *support) of(list uint32, v uint16) int {
	if s == nil {
		return 0
	}
	i, ok := slices.BinarySearchFunc(s.counts, list|uint32(v), func(c count, what uint32) int { return int(c.what) - int(what) })
	if !ok {
		return 0
	}
	return int(s.counts[i].n)
}

// ballots collects the members that come (+1) and go (-1), by their encoded
// credential type and capabilities: most are the same.
type ballots map[string]int32

func (b ballots) add(body []byte, n int32) {
	if len(body) > 0 {
		b[string(ballot(body))] += n
	}
}

// ballot is what counts of a member: its credential type and capabilities.
func ballot(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	f := fieldsOf(body)
	return append(append(make([]byte, 0, 128), f.credential[:2]...), f.capabilities...)
}

// replace returns s with one leaf in another's place; either may be blank.
func (s *support) replace(old, new []byte) *support {
	if bytes.Equal(ballot(old), ballot(new)) {
		return s
	}
	b := ballots{}
	b.add(old, -1)
	b.add(new, +1)
	return s.apply(b)
}

// apply returns s with the ballots counted.
func (s *support) apply(b ballots) *support {
	sum := map[uint32]int32{}
	for key, n := range b {
		if n == 0 {
			continue
		}
		for _, what := range supported([]byte(key)) {
			sum[what] += n
		}
	}
	var changes []count
	for what, n := range sum {
		if n != 0 {
			changes = append(changes, count{what, n})
		}
	}
	if len(changes) == 0 {
		return s
	}
	slices.SortFunc(changes, byWhat)
	var old []count
	if s != nil {
		old = s.counts
	}
	out := make([]count, 0, len(old)+len(changes))
	for _, c := range old {
		for len(changes) > 0 && changes[0].what < c.what {
			out, changes = append(out, changes[0]), changes[1:]
		}
		if len(changes) > 0 && changes[0].what == c.what {
			c.n += changes[0].n
			changes = changes[1:]
		}
		if c.n != 0 {
			out = append(out, c)
		}
	}
	return &support{counts: append(out, changes...)}
}

func byWhat(a, b count) int { return int(a.what) - int(b.what) }

// supported lists what one ballot key stands for, each once.
func supported(key []byte) []uint32 {
	r := wire.NewReader(key)
	out := []uint32{listInUse | uint32(r.U16())}
	r.Opaque() // versions
	r.Opaque() // cipher suites
	for _, list := range []uint32{listExtensions, listProposals, listCredentials} {
		for v := r.Vector(); v.More(); {
			out = append(out, list|uint32(v.U16()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// SupportsExtension reports whether all members support the type, which they
// do where it is a default one (RFC 9420 §7.2).
func (t *Tree) SupportsExtension(e ExtensionType) bool {
	return e.Default() || t.support.of(listExtensions, uint16(e)) == t.Len()
}

// SupportsProposal reports whether all members support the type, which they do
// where it is a default one.
func (t *Tree) SupportsProposal(p ProposalType) bool {
	return p.Default() || t.support.of(listProposals, uint16(p)) == t.Len()
}

// SupportsCredential reports whether all members support the type; no
// credential type is a default.
func (t *Tree) SupportsCredential(c CredentialType) bool {
	return t.support.of(listCredentials, uint16(c)) == t.Len()
}

// Supports reports whether all members have the capabilities (RFC 9420 §11.1).
func (t *Tree) Supports(q *RequiredCapabilities) bool {
	return !slices.ContainsFunc(q.Extensions, func(e ExtensionType) bool { return !t.SupportsExtension(e) }) &&
		!slices.ContainsFunc(q.Proposals, func(p ProposalType) bool { return !t.SupportsProposal(p) }) &&
		!slices.ContainsFunc(q.Credentials, func(c CredentialType) bool { return !t.SupportsCredential(c) })
}

// CheckCredentials verifies that every credential type in use is supported by
// all members (RFC 9420 §7.3), which covers each new leaf in both directions.
func (t *Tree) CheckCredentials() error {
	if t.support == nil {
		return nil
	}
	from, _ := slices.BinarySearchFunc(t.support.counts, listInUse, func(c count, what uint32) int { return int(c.what) - int(what) })
	for _, c := range t.support.counts[from:] {
		if used := CredentialType(c.what); !t.SupportsCredential(used) {
			return invalid(CheckCredentialType, t.without(used).Node())
		}
	}
	return nil
}

// without is the first member that does not support a credential type; it is
// asked for only once a check has failed.
func (t *Tree) without(c CredentialType) LeafIndex {
	for i, l := range t.Members() {
		if !slices.Contains(l.Capabilities.Credentials, c) {
			return i
		}
	}
	return 0
}
