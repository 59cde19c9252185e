package tree

import "slices"

// Sets of leaves are sorted slices, as in unmerged_leaves.

// within is the part of set among the size leaves from first on.
func within(set []LeafIndex, first LeafIndex, size int) []LeafIndex {
	from, _ := slices.BinarySearch(set, first)
	set = set[from:]
	to, _ := slices.BinarySearch(set, first+LeafIndex(size))
	return set[:to]
}

func contains(set []LeafIndex, i LeafIndex) bool {
	_, in := slices.BinarySearch(set, i)
	return in
}

// union of two sets, as a new slice.
func union(a, b []LeafIndex) []LeafIndex {
	out := make([]LeafIndex, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case a[0] > b[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// minus is a without what is in b, as a new slice.
func minus(a, b []LeafIndex) []LeafIndex {
	out := make([]LeafIndex, 0, len(a))
	for _, i := range a {
		for len(b) > 0 && b[0] < i {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != i {
			out = append(out, i)
		}
	}
	return out
}

// missing is the first of a that is not in b.
func missing(a, b []LeafIndex) (LeafIndex, bool) {
	for _, i := range a {
		for len(b) > 0 && b[0] < i {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != i {
			return i, true
		}
	}
	return 0, false
}
