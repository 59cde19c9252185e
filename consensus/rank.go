package consensus

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// before is the rank: whether a wins over b where both follow the same parent
// and weigh the same. It reads the four rungs of doc.go from left to right.
func before(a, b *Candidate) bool {
	return cmp.Or(
		cmp.Compare(a.Class, b.Class),
		cmp.Compare(standing(b), standing(a)),
		cmp.Compare(a.Slot, b.Slot),
		bytes.Compare(a.Child.ID[:], b.Child.ID[:]),
	) < 0
}

// standing is the author's role where it counts: between two removals.
func standing(k *Candidate) Role {
	if k.Class == ClassRemove {
		return k.Role
	}
	return 0
}

// Slots returns, for each of the occupied leaves of an epoch, its slot: the
// leaf's place when they are sorted by
//
//	SHA-256("covey slot v1" ‖ genesis ‖ u64 number ‖ u32 leaf)
//
// All of it is fixed before a commit is made, so nothing a committer can
// re-roll improves its slot. An external committer, who has no leaf yet, has
// slot len(leaves).
func Slots(genesis EpochID, number uint64, leaves []uint32) []uint32 {
	slots := make([]uint32, len(leaves))
	for place, i := range draw("covey slot v1", genesis, number, leaves) {
		slots[i] = uint32(place)
	}
	return slots
}

// Committee returns who votes on the children of an epoch, sorted: all the
// given accounts, or, where they are more than p.Committee, those whose leaves
// are drawn first in the term the epoch's number falls in. leaves[i] is the
// lowest leaf index of accounts[i]. Leaves are drawn, not accounts: an account
// key can be made anew until it is drawn, a place in the tree is assigned.
//
// The caller says which accounts are eligible: a policy may name the admins.
func Committee(genesis EpochID, number uint64, accounts []Account, leaves []uint32, p Params) []Account {
	voters := slices.Clone(accounts)
	if len(accounts) > p.Committee {
		term := number - number%p.Term
		for place, i := range draw("covey committee v1", genesis, term, leaves)[:p.Committee] {
			voters[place] = accounts[i]
		}
		voters = voters[:p.Committee]
	}
	slices.SortFunc(voters, compareAccounts)
	return voters
}

// draw returns the indices of leaves in the order of their hashes.
func draw(label string, genesis EpochID, number uint64, leaves []uint32) []int {
	sums := make([][sha256.Size]byte, len(leaves))
	order := make([]int, len(leaves))
	input := append([]byte(label), genesis[:]...)
	input = binary.BigEndian.AppendUint64(input, number)
	for i, leaf := range leaves {
		sums[i] = sha256.Sum256(binary.BigEndian.AppendUint32(input, leaf))
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(bytes.Compare(sums[i][:], sums[j][:]), cmp.Compare(leaves[i], leaves[j]))
	})
	return order
}

func compareAccounts(a, b Account) int { return bytes.Compare(a[:], b[:]) }
