package session

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/covey-p2p/covey/consensus"
)

// An intent is something a device wants done to the group. It is not an MLS
// proposal: a proposal by reference obliges whoever saw it to commit first and
// dies with its epoch. An intent is signed by its author and carried by value
// in whichever commit does it, so any member may act for its author, within
// the author's rights; and it is checked against the state it meets (guard),
// so that it takes effect at most once.
type intent struct {
	ID      IntentID `cbor:"1,keyasint"`
	Op      opKind   `cbor:"2,keyasint"`
	Author  Device   `cbor:"3,keyasint"`
	Account Account  `cbor:"4,keyasint"` // whom it is about
	Device  Device   `cbor:"5,keyasint"` // opReadmit, opDevice
	Role    Role     `cbor:"6,keyasint,omitempty"`
	Name    *string  `cbor:"7,keyasint,omitempty"`
	// Leaves are what the key packages will be; the packages themselves travel
	// unsigned beside the intent and inside the commit.
	Leaves []pledge `cbor:"8,keyasint,omitempty"`
	Guard  [32]byte `cbor:"9,keyasint"`
	// Until is the last epoch number on which it may be committed.
	Until     uint64 `cbor:"10,keyasint"`
	Signature []byte `cbor:"11,keyasint,omitempty"`
}

// pledge is a leaf that a key package becomes.
type pledge struct {
	Device Device   `cbor:"1,keyasint"`
	Stamp  [32]byte `cbor:"2,keyasint"`
}

type opKind uint8

const (
	opAdd opKind = iota + 1
	opRemove
	opRole
	opName
	opReadmit // take out Device and let it in again by a fresh key package
	opRenew   // renew Account's keys, though it did so lately (vouch.go)
	opDevice  // take out Device of Account, which stays
)

const intentLabel = "covey intent"

// signed is what the author's signature covers.
func (in intent) signed(group GroupID) []byte {
	in.Signature = nil
	return append(group[:], encode(in)...)
}

// sound reports that an intent asks for something there is.
func (in *intent) sound() bool {
	return in.Op >= opAdd && in.Op <= opDevice && in.Role <= consensus.RoleOwner && (in.Name == nil || len(*in.Name) <= maxNameBytes)
}

// guard is the hash of what an intent presumes of the epoch it meets; another
// value means that somebody was faster.
func (in *intent) guard(p *Policy, r *roster) [32]byte {
	h := sha256.New()
	stamp := r.stamp(in.Account)
	switch in.Op {
	case opReadmit, opDevice:
		if i, ok := r.device(in.Device); ok {
			return readmitGuard(in.Device, r.leaves[i].Stamp)
		}
	case opRemove, opRenew:
		h.Write(stamp[:])
	case opAdd:
		h.Write(stamp[:])
		h.Write(binary.BigEndian.AppendUint64(nil, p.Revision))
	case opRole, opName:
		h.Write(binary.BigEndian.AppendUint64(nil, p.Revision))
	}
	return [32]byte(h.Sum(nil))
}

// covers reports whether an intent asks for an act.
func (in *intent) covers(a act) bool {
	switch in.Op {
	case opAdd:
		return (a.kind == actAdd || a.kind == actDevice) && a.account == in.Account
	case opRemove:
		return a.kind == actRemove && a.account == in.Account
	case opRole:
		return a.kind == actRole && a.account == in.Account && a.role == in.Role
	case opName:
		return a.kind == actName && in.Name != nil && a.name == *in.Name
	case opReadmit, opDevice:
		return a.kind == actDevice && a.account == in.Account && a.device == in.Device
	case opRenew:
		return a.kind == actRenew && a.account == in.Account
	}
	return false
}

// fate is what the state an intent meets says of it.
type fate uint8

const (
	fateHolds     fate = iota // may be committed on this epoch
	fateStale                 // its guard is of another state: sign it anew
	fateDone                  // the state already is as it asks
	fateDenied                // its author may not
	fateExpired               // too late
	fateUnfounded             // its author is not in the group, or did not sign it
)

// meet judges an intent on an epoch. Authentic says that the signature was
// checked before.
func (s *Session) meet(in *intent, h *held) fate {
	i, ok := h.roster.device(in.Author)
	if !ok {
		return fateUnfounded
	}
	author := h.roster.account[i]
	here := h.roster.has(in.Account)
	a := act{account: in.Account, device: in.Device, role: in.Role}
	done := false
	switch in.Op {
	case opAdd:
		a.kind = actAdd
		if here {
			a.kind = actDevice
		}
		done = here && in.present(h.roster, false)
	case opRemove:
		a.kind, done = actRemove, !here
	case opRole:
		a.kind, done = actRole, !here || h.policy.roleOf(in.Account) == in.Role
	case opName:
		a.kind = actName
		done = in.Name == nil || h.policy.Name == *in.Name
	case opReadmit:
		a.kind = actDevice
		done = in.present(h.roster, true)
	case opDevice: // the last goes by leaving
		a.kind = actDevice
		at, in := h.roster.device(in.Device)
		done = !in || h.roster.account[at] != a.account
		if !done && len(h.roster.of(a.account)) == 1 {
			return fateDenied
		}
	case opRenew: // for the leaves as they are: any others are renewed ones
		a.kind, done = actRenew, in.Guard != in.guard(h.policy, h.roster)
	default:
		return fateUnfounded
	}
	switch {
	case done:
		return fateDone
	case !h.policy.may(author, a, h.roster), takesOwner(in) && s.lastOwner(in.Account, h):
		return fateDenied
	case h.number > in.Until:
		return fateExpired
	case in.Guard != in.guard(h.policy, h.roster):
		return fateStale
	}
	return fateHolds
}

// present reports that every device the intent adds is there already; exact
// asks for the very leaf.
func (in *intent) present(r *roster, exact bool) bool {
	for _, p := range in.Leaves {
		i, ok := r.device(p.Device)
		if !ok || exact && r.leaves[i].Stamp != p.Stamp {
			return false
		}
	}
	return true
}

// takesOwner reports that an intent leaves its account without the owner's role.
func takesOwner(in *intent) bool {
	return in.Op == opRemove || in.Op == opRole && in.Role != consensus.RoleOwner
}

// lastOwner reports that without the account the group would have no owner.
func (s *Session) lastOwner(a Account, h *held) bool {
	if h.policy.roleOf(a) != consensus.RoleOwner {
		return false
	}
	for _, g := range h.policy.Roles {
		if g.Role == consensus.RoleOwner && g.Account != a {
			return false
		}
	}
	return true
}

// authentic reports whether the device that an intent names signed it.
func (s *Session) authentic(in *intent) bool {
	return s.cfg.Engine.Verify(in.Author, intentLabel, in.signed(s.group), in.Signature)
}
