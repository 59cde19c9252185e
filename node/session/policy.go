package session

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// Policy is who may do what. It lives in a group context extension, so that it
// is part of every epoch's name, and is replaced only by a commit. All of its
// checks read the parent state and the commit, nothing else: no clock, no
// contact list, no configuration.
type Policy struct {
	Version  uint8  `cbor:"1,keyasint"`
	Rule     uint8  `cbor:"2,keyasint"` // consensus.Params.Version
	Revision uint64 `cbor:"3,keyasint"` // grows by one with each commit that changes the policy or removes an account
	Name     string `cbor:"4,keyasint,omitempty"`
	// Roles of those who are more than members, sorted by account.
	Roles []Grant `cbor:"5,keyasint"`
	// The least role that may do a thing to others.
	Add      Role `cbor:"6,keyasint"`
	Remove   Role `cbor:"7,keyasint"`
	Promote  Role `cbor:"8,keyasint"`
	Settings Role `cbor:"9,keyasint"`
}

// Grant is the role of one account.
type Grant struct {
	Account Account `cbor:"1,keyasint"`
	Role    Role    `cbor:"2,keyasint"`
}

const policyVersion = 1

// ErrPolicy says that the policy of the parent epoch refuses a commit.
var ErrPolicy = errors.New("session: refused by the group's policy")

// ErrUnsupported says that a policy is of a version not known here: stop, do
// not vote, do not guess.
var ErrUnsupported = errors.New("session: the group's policy needs a newer version")

// newPolicy is that of a new group: any member invites, admins remove and
// rename, the owner gives roles.
func newPolicy(owner Account, name string) Policy {
	return Policy{
		Version: policyVersion, Rule: uint8(consensus.V1().Version), Name: name,
		Roles: []Grant{{owner, consensus.RoleOwner}},
		Add:   consensus.RoleMember, Remove: consensus.RoleAdmin, Promote: consensus.RoleOwner, Settings: consensus.RoleAdmin,
	}
}

func readPolicy(b []byte) (Policy, error) {
	var p Policy
	if err := decode(b, &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	if p.Version != policyVersion || p.Rule != uint8(consensus.V1().Version) {
		return p, ErrUnsupported
	}
	return p, nil
}

// roleOf is what an account may do.
func (p *Policy) roleOf(a Account) Role {
	i, ok := slices.BinarySearchFunc(p.Roles, a, func(g Grant, a Account) int { return bytes.Compare(g.Account[:], a[:]) })
	if !ok {
		return consensus.RoleMember
	}
	return p.Roles[i].Role
}

// withRole returns p with another role for an account.
func (p Policy) withRole(a Account, r Role) Policy {
	p.Roles = slices.DeleteFunc(slices.Clone(p.Roles), func(g Grant) bool { return g.Account == a })
	if r != consensus.RoleMember {
		p.Roles = append(p.Roles, Grant{a, r})
		slices.SortFunc(p.Roles, func(x, y Grant) int { return bytes.Compare(x.Account[:], y.Account[:]) })
	}
	return p
}

// check is what must hold of every policy in every epoch, given who is in it:
// rules of the result, whatever led to it.
func (p *Policy) check(roster *roster) error {
	owners := 0
	for i, g := range p.Roles {
		switch {
		case i > 0 && bytes.Compare(p.Roles[i-1].Account[:], g.Account[:]) >= 0:
			return fmt.Errorf("%w: roles out of order", ErrPolicy)
		case g.Role == consensus.RoleMember || g.Role > consensus.RoleOwner:
			return fmt.Errorf("%w: a role that is none", ErrPolicy)
		case !roster.has(g.Account):
			return fmt.Errorf("%w: a role of somebody who is not in the group", ErrPolicy)
		case g.Role == consensus.RoleOwner:
			owners++
		}
	}
	if owners == 0 {
		return fmt.Errorf("%w: the group would have no owner", ErrPolicy)
	}
	if len(p.Name) > maxNameBytes || max(p.Add, p.Remove, p.Promote, p.Settings) > consensus.RoleOwner {
		return fmt.Errorf("%w: a setting out of range", ErrPolicy)
	}
	return nil
}

// may reports whether an account's word is enough for an act, in the epoch
// whose policy p is and whose members roster are.
func (p *Policy) may(by Account, a act, roster *roster) bool {
	if !roster.has(by) {
		return false
	}
	mine := p.roleOf(by)
	switch a.kind {
	case actAdd:
		return mine >= p.Add
	case actRemove:
		return a.account == by || mine >= p.Remove && mine >= p.roleOf(a.account)
	case actDevice: // a device of an account that stays
		return a.account == by
	case actRole:
		// Down to member is everybody's own right; otherwise nobody gives
		// more than they have, nor takes from those who have more.
		if a.account == by && a.role < mine {
			return true
		}
		return mine >= p.Promote && a.role <= mine && mine >= p.roleOf(a.account)
	case actName:
		return mine >= p.Settings
	case actSettings:
		return mine == consensus.RoleOwner
	case actRenew:
		return true
	}
	return false
}

// act is one thing a commit does that somebody must be allowed to do.
type act struct {
	kind    actKind
	account Account // whom it is done to
	device  Device  // actDevice
	role    Role    // actRole: the new one
	name    string  // actName: the new one
}

type actKind uint8

const (
	actAdd actKind = iota + 1
	actRemove
	actDevice
	actRole
	actName
	actSettings
	actRenew // a commit renews the keys of whoever makes it
)

// changes lists the acts between two policies; gone are accounts that the
// commit removes, whose roles must go with them.
func (p *Policy) changes(next *Policy, gone func(Account) bool) []act {
	var acts []act
	seen := map[Account]bool{}
	for _, g := range slices.Concat(p.Roles, next.Roles) {
		if seen[g.Account] {
			continue
		}
		seen[g.Account] = true
		if now := next.roleOf(g.Account); now != p.roleOf(g.Account) && !gone(g.Account) {
			acts = append(acts, act{kind: actRole, account: g.Account, role: now})
		}
	}
	if p.Name != next.Name {
		acts = append(acts, act{kind: actName, name: next.Name})
	}
	if p.Version != next.Version || p.Rule != next.Rule || p.Add != next.Add || p.Remove != next.Remove ||
		p.Promote != next.Promote || p.Settings != next.Settings {
		acts = append(acts, act{kind: actSettings})
	}
	return acts
}

// roster is who is in an epoch: leaves, and the accounts they belong to. What
// follows from that is worked out when first asked for.
type roster struct {
	leaves   []Leaf
	account  []Account // of each leaf
	name     []string  // likewise, as its certificate claims
	accounts []Account // each once, sorted
	first    []uint32  // lowest leaf index of each account

	at     map[Device]int // place of each device
	turns  []uint32       // of each leaf in the order of committing (epoch.go)
	voters []Account      // where they are drawn
	asked  []Device       // those of the electors (agree.go)
}

func (r *roster) has(a Account) bool {
	_, ok := slices.BinarySearchFunc(r.accounts, a, compareAccount)
	return ok
}

func compareAccount(a, b Account) int { return bytes.Compare(a[:], b[:]) }

// leaf finds a leaf by index.
func (r *roster) leaf(index uint32) (int, bool) {
	return slices.BinarySearchFunc(r.leaves, index, func(l Leaf, i uint32) int {
		return int(int64(l.Index) - int64(i))
	})
}

// device finds a leaf by its device.
func (r *roster) device(d Device) (int, bool) {
	if r.at == nil {
		r.at = make(map[Device]int, len(r.leaves))
		for i := range r.leaves {
			r.at[r.leaves[i].Device] = i
		}
	}
	i, ok := r.at[d]
	return i, ok
}

// find is the place of the device of a leaf: most often where the leaf was.
func (r *roster) find(l *Leaf) (int, bool) {
	if i, ok := r.leaf(l.Index); ok && r.leaves[i].Device == l.Device {
		return i, true
	}
	return r.device(l.Device)
}

// of lists the places of an account's leaves.
func (r *roster) of(a Account) []int {
	at, ok := slices.BinarySearchFunc(r.accounts, a, compareAccount)
	if !ok {
		return nil
	}
	var out []int
	for i, _ := r.leaf(r.first[at]); i < len(r.account); i++ {
		if r.account[i] == a {
			out = append(out, i)
		}
	}
	return out
}

// stamp is a hash over an account's leaves as they stand: the guard of an
// intent against them.
func (r *roster) stamp(a Account) [32]byte {
	h := sha256.New()
	h.Write(a[:])
	for _, i := range r.of(a) {
		h.Write(r.leaves[i].Stamp[:])
	}
	return [32]byte(h.Sum(nil))
}

// shared is the roster of an epoch, as others of this process have read it. What
// that spares this device is told to whoever keeps account of it.
func (s *Session) shared(id EpochID, leaves []Leaf, parent *roster) (*roster, error) {
	r := s.cfg.Commons.roster(id)
	if r == nil {
		r, err := s.rosterOf(leaves, parent)
		if err == nil {
			s.cfg.Commons.put(id, r)
		}
		return r, err
	}
	if s.cfg.Spared != nil {
		n := 0
		for i := range leaves {
			if !parent.same(i, &leaves[i]) {
				n++
			}
		}
		s.cfg.Spared(n)
	}
	return r, nil
}

// rosterOf reads the accounts of leaves; an account that cannot be told makes
// the state unusable. What the parent's roster has already is not read again.
func (s *Session) rosterOf(leaves []Leaf, parent *roster) (*roster, error) {
	r := &roster{leaves: leaves, account: make([]Account, len(leaves)), name: make([]string, len(leaves))}
	same := parent != nil && len(parent.leaves) == len(leaves)
	for i, l := range leaves {
		if parent.same(i, &l) {
			r.account[i], r.name[i] = parent.account[i], parent.name[i]
			continue
		}
		c, err := s.certificate(l)
		if err != nil {
			return nil, err
		}
		r.account[i], r.name[i] = c.Account, c.Name
		same = false
	}
	if same {
		r.account, r.name, r.accounts, r.first, r.at = parent.account, parent.name, parent.accounts, parent.first, parent.at
		return r, nil
	}
	first := make(map[Account]uint32, len(leaves))
	for i, a := range r.account {
		if _, ok := first[a]; !ok {
			first[a] = leaves[i].Index
			r.accounts = append(r.accounts, a)
		}
	}
	slices.SortFunc(r.accounts, compareAccount)
	r.first = make([]uint32, len(r.accounts))
	for i, a := range r.accounts {
		r.first[i] = first[a]
	}
	return r, nil
}

// same reports that at a place there is the device of a leaf, with the same
// certificate; its keys may differ.
func (r *roster) same(at int, l *Leaf) bool {
	if r == nil || at >= len(r.leaves) {
		return false
	}
	was := &r.leaves[at]
	return was.Index == l.Index && was.Device == l.Device && bytes.Equal(was.Certificate, l.Certificate)
}

// certificate is the account's word behind a leaf.
func (s *Session) certificate(l Leaf) (Certificate, error) {
	key := certKey{l.Device, sha256.Sum256(l.Certificate)}
	if c, ok := s.certs[key]; ok {
		return c, nil
	}
	c, err := ReadCertificate(s.cfg.Engine, l.Certificate, l.Device)
	if c.Signature = nil; err == nil {
		if len(s.certs) >= maxCertificates {
			clear(s.certs)
		}
		s.certs[key] = c
	}
	return c, err
}

type certKey struct {
	device Device
	hash   [32]byte
}
