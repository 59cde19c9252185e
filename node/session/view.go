package session

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// What drivers and faces see of a session: copies, made when asked for. Nothing
// in them is secret but Topics.

// View is the group as this device holds it.
type View struct {
	Group    GroupID
	Name     string
	Standing Standing
	Why      string // where Standing is not Taking part: one sentence
	Head     EpochID
	Number   uint64
	Proof    []byte // the epoch authenticator: equal where the state is
	Members  []Member
	Agreed   int // voters that stand at or below the head, of Voters
	Voters   int
	Alive    int     // epochs whose state is held
	Rivals   int     // of those, on branches that do not lead to the head
	Inviter  Account // who asked for this account to be let in, as signed; zero: not known
	// Former are devices that left lately and may not know it.
	Former []Device
	// Convicted signed two of what a device signs one of, and weigh nothing.
	Convicted []Account
	History   uint64
	Read      uint64
	Behind    Time // how far this device's clock is behind what it was here before
	Waiting   int  // messages and changes of mine that nobody else has yet
	// Topics name where the group meets, the newest first: hashes of control
	// keys of the head's anchors, so that every member who is at the same head
	// knows the same, joiners too, and they change as the group goes on. A
	// driver listens on all of them and speaks on the newest that others can be
	// expected to listen on.
	Topics [][32]byte
}

// Agreement is where the head is, how many voters stand at or below it, and of
// how many: a little of the view, cheap enough to ask after every step.
func (s *Session) Agreement() (head EpochID, number uint64, agreed, of int) {
	h := s.head()
	if h == nil {
		return
	}
	agreed, of = s.chain.Agreed(h.id)
	return h.id, h.number, agreed, of
}

// AccountOf finds whose a device of the group is.
func (v *View) AccountOf(d Device) (Account, bool) {
	for _, m := range v.Members {
		if slices.ContainsFunc(m.Devices, func(p Place) bool { return p.Device == d }) {
			return m.Account, true
		}
	}
	return Account{}, false
}

// Has reports whether a device is in the group.
func (v *View) Has(d Device) bool { _, in := v.AccountOf(d); return in }

// Standing is whether this device takes part.
type Standing uint8

// Standings.
const (
	TakingPart Standing = iota
	TakenOut
	OnlyReading
	LeftBehind
	Outdated
)

// Member is an account in the group.
type Member struct {
	Account Account
	Name    string // as the certificate of its first device claims
	Role    Role
	Agrees  bool // its latest vote is for the head, or for what follows it
	Devices []Place
}

// Place is a device in the tree.
type Place struct {
	Device Device
	Leaf   uint32
	Spoke  Time // when it last said anything that came as it was said; 0: nothing since the start
}

// maxTopics bounds Topics: the newest, and two that members who lag behind may
// still be on.
const maxTopics = 3

// View is the group as of the last Step.
func (s *Session) View() View {
	v := View{
		Group: s.group, Standing: Standing(s.meta.Status), Why: s.meta.Why,
		Head: s.chain.Head(), Inviter: s.meta.Inviter, History: s.meta.History, Read: s.meta.Read, Behind: s.skew,
	}
	for _, m := range s.outbox {
		if m.State == StateQueued {
			v.Waiting++
		}
	}
	for _, w := range s.wishes {
		if w.State == StateQueued && !w.Silent {
			v.Waiting++
		}
	}
	for _, e := range s.chain.Evidence() {
		v.Convicted = append(v.Convicted, e.Account)
	}
	h := s.head()
	if h == nil {
		return v
	}
	v.Name, v.Number = h.policy.Name, h.number
	if h.epoch != nil {
		v.Proof = h.epoch.Authenticator()
	}
	v.Agreed, v.Voters = s.chain.Agreed(h.id)
	for id, e := range s.held {
		if e.epoch == nil {
			continue
		}
		v.Alive++
		if !s.chain.Within(h.id, id) && !s.chain.Within(id, h.id) {
			v.Rivals++
		}
	}
	v.Members, v.Former = s.members(h), s.former()
	v.Topics = s.topics(h)
	return v
}

func (s *Session) members(h *held) []Member {
	out := make([]Member, len(h.roster.accounts))
	for i, a := range h.roster.accounts {
		at, ok := s.chain.Standing(a)
		out[i] = Member{Account: a, Role: h.policy.roleOf(a), Agrees: ok && s.chain.Within(at, h.id)}
	}
	for i, l := range h.roster.leaves {
		at, _ := slices.BinarySearchFunc(h.roster.accounts, h.roster.account[i], compareAccount)
		m := &out[at]
		if len(m.Devices) == 0 {
			m.Name = h.roster.name[i]
		}
		m.Devices = append(m.Devices, Place{l.Device, l.Index, s.lastHeard[l.Device].live})
	}
	return out
}

// topics are those of the newest anchors in the head's history. What came
// before the tree's root is no longer in it, and for a joiner never was; the
// anchors kept from there are taken as they are.
func (s *Session) topics(h *held) [][32]byte {
	root := s.chain.Root().Number
	var near []*anchor
	for _, id := range sortedIDs(s.anchors) {
		a := s.anchors[id]
		if a.Number <= h.number && a.Number+maxTopics*anchorSpacings[0] > h.number && (a.Number < root || s.chain.Within(h.id, a.ID)) {
			near = append(near, a)
		}
	}
	slices.SortStableFunc(near, func(a, b *anchor) int { return cmp.Compare(b.Number, a.Number) })
	var out [][32]byte
	for _, a := range near[:min(len(near), maxTopics)] {
		out = append(out, sha256.Sum256(append([]byte("covey topic"), a.Key[:]...)))
	}
	return out
}

// Branch is one epoch in the tree of recent history.
type Branch struct {
	Epoch   EpochID
	Number  uint64
	Parent  EpochID  // zero at the root
	Commit  CommitID // that leads here; zero at the root
	Author  Account
	Class   consensus.Class
	Life    consensus.Life
	Weight  int // voters that stand at or below it, of Of
	Of      int
	Members int
	Head    bool
	State   bool // its secrets are held here
	Added   []Account
	Removed []Account
	Why     string    // it is not followed, though another commit on its parent is
	Shut    []Account // who say that they cannot open it; each may lie
}

// Tree is the recent history, parents before children, the best child first.
func (s *Session) Tree() []Branch {
	root := s.chain.Root()
	out := []Branch{s.branch(Branch{Epoch: root.ID, Number: root.Number, Life: consensus.Settled, Members: len(root.Roster)})}
	for i := 0; i < len(out); i++ {
		kids := s.chain.Children(out[i].Epoch)
		for j, c := range kids {
			b := Branch{
				Epoch: c.Child.ID, Number: c.Child.Number, Parent: c.Parent, Commit: c.ID, Author: c.Author, Class: c.Class,
				Shut: s.cannotOpen(&c), Life: s.chain.Life(c.ID), Weight: s.chain.Weight(c.ID), Members: len(c.Child.Roster),
			}
			if p, ok := s.chain.Epoch(c.Parent); ok {
				b.Of = voters(p)
				b.Added, b.Removed = minus(c.Child.Roster, p.Roster), minus(p.Roster, c.Child.Roster)
			}
			if j > 0 {
				b.Why = s.whyLost(&kids[0], &c)
			}
			out = append(out, s.branch(b))
		}
	}
	return out
}

func (s *Session) branch(b Branch) Branch {
	b.Head = b.Epoch == s.chain.Head()
	if h := s.held[b.Epoch]; h != nil {
		b.State = h.epoch != nil
	}
	return b
}

// Missing says in sentences what is known to be missing here, if anything is.
func (s *Session) Missing() []string {
	var out []string
	if n := len(s.gaps); n > 0 {
		out = append(out, several(n, "message")+" that others have seen")
	}
	if n := len(s.parked.order); n > 0 {
		out = append(out, "the epochs that "+several(n, "envelope")+" belong to")
	}
	if d, ok := s.chain.Diverged(); ok {
		at, _ := s.chain.Epoch(d.At)
		out = append(out, fmt.Sprintf("the branch that most members are on, which parted from ours at epoch %d", at.Number))
	}
	return out
}
