package session

import (
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// plan puts jobs together into one edit, leaving out what does not go with
// what came before it.
func (s *Session) plan(h *held, jobs []job) (Edit, []intent) {
	var e Edit
	var intents []intent
	policy := *h.policy
	touched := map[Account]bool{}
	removals, named, size, most := false, false, 0, maxBatchBytes
	if s.alone() {
		most = maxFoundingBytes
	}
	for _, j := range jobs {
		in := *j.in
		cost := (&request{in, j.packages}).cost()
		if in.Op != opName && touched[in.Account] || in.Op == opName && named || size+cost > most && len(intents) > 0 {
			continue
		}
		next := policy
		var remove []uint32
		switch in.Op {
		case opRemove:
			next = policy.withRole(in.Account, consensus.RoleMember)
			for _, i := range h.roster.of(in.Account) {
				remove = append(remove, h.roster.leaves[i].Index)
			}
		case opRole:
			next = policy.withRole(in.Account, in.Role)
		case opName:
			next.Name = *in.Name
		case opReadmit, opDevice:
			if i, ok := h.roster.device(in.Device); ok {
				remove = append(remove, h.roster.leaves[i].Index)
			}
		}
		if !next.owned() || s.present(h, j.packages, remove) {
			continue
		}
		policy, size = next, size+cost
		e.Remove = append(e.Remove, remove...)
		e.Add = append(e.Add, j.packages...)
		removals = removals || in.Op == opRemove
		named = named || in.Op == opName
		touched[in.Account] = touched[in.Account] || in.Op != opName
		intents = append(intents, in)
	}
	slices.Sort(e.Remove)
	if removals || len(h.policy.changes(&policy, func(Account) bool { return false })) > 0 {
		policy.Revision++
		e.Context = encode(policy)
	}
	return e, intents
}

// owned reports whether anybody is owner.
func (p *Policy) owned() bool {
	return slices.ContainsFunc(p.Roles, func(g Grant) bool { return g.Role == consensus.RoleOwner })
}

// present reports that one of the packages is of a device that is in h and not
// about to go.
func (s *Session) present(h *held, packages [][]byte, going []uint32) bool {
	for _, b := range packages {
		l, err := s.cfg.Engine.ReadKeyPackage(b, s.wall)
		if err != nil {
			return true
		}
		if i, ok := h.roster.device(l.Device); ok && !slices.Contains(going, h.roster.leaves[i].Index) {
			return true
		}
	}
	return false
}
