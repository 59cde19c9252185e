package session

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// A commit's way in, the only one, for own and foreign commits alike:
//
//	tried    opened on its parent's state (inbox.go) or made on it (commit.go)
//	judge    the parent's policy: class, role, who may
//	headed   its author's signed header says the same (header.go)
//	admit    the child is entered, the candidate goes to the rule, rows saved
//	moved    the head may have moved: what follows, once per Step

// held is an epoch this device has been able to enter.
type held struct {
	id, parent EpochID
	core       Core
	number     uint64
	commit     CommitID // that led here
	epoch      Epoch    // nil once no rival on it can be entered any more
	keys       Keys     // nil once late messages are given up
	tag        Tag
	branch     Key
	roster     *roster
	policy     *Policy
	self       uint32
	stamp      [32]byte        // of my leaf
	past       Time            // of a branch left behind: its keys stay until then
	husk       Epoch           // the epoch after its end, for its keys
	cells      map[string]bool // durable rows of its keys
	since      Time            // entered
	poll       *poll           // agree.go; made when first asked for
}

// keysWrap is the wrapping key under which message keys are stored: its own,
// as they may outlive the state.
func (h *held) keysWrap() EpochID {
	return sha256.Sum256(append([]byte("covey message keys"), h.id[:]...))
}

// voters and slots are the rule's view of who is in the epoch.
func (s *Session) ruleEpoch(h *held, trail []consensus.Step) consensus.Epoch {
	return s.ruleOf(h.id, h.number, h.roster, trail)
}

func (s *Session) ruleOf(id EpochID, number uint64, r *roster, trail []consensus.Step) consensus.Epoch {
	if p := consensus.V1(); r.voters == nil && len(r.accounts) > p.Committee {
		r.voters = consensus.Committee(s.genesis(), number, r.accounts, r.first, p)
	}
	return consensus.Epoch{ID: id, Number: number, Roster: r.accounts, Voters: r.voters, Trail: trail}
}

// genesis is what slots are drawn with: fixed for the group before anybody
// could know what to wish for.
func (s *Session) genesis() EpochID { return EpochID(s.group) }

// slots are the places of an epoch's leaves in its commit order.
func (s *Session) slots(h *held) []uint32 {
	if h.roster.turns != nil {
		return h.roster.turns
	}
	leaves := make([]uint32, len(h.roster.leaves))
	for i, l := range h.roster.leaves {
		leaves[i] = l.Index
	}
	h.roster.turns = consensus.Slots(s.genesis(), h.number, leaves)
	return h.roster.turns
}

// view derives what a state says; it saves nothing.
func (s *Session) view(e Epoch, parent EpochID, by CommitID) (*held, error) {
	policy, err := readPolicy(e.Context())
	if err != nil {
		return nil, err
	}
	h := &held{
		id: e.ID(), parent: parent, core: e.Core(), commit: by, number: e.Number(), epoch: e, self: e.Self(), since: s.now, policy: &policy,
		tag: Tag(e.Export("covey branch tag", 16)), branch: Key(e.Export("covey branch", 32)),
	}
	var before *roster
	if p := s.held[parent]; p != nil {
		before = p.roster
	}
	if h.roster, err = s.shared(h.id, e.Members(), before); err != nil {
		return nil, err
	}
	if i, ok := h.roster.leaf(h.self); ok {
		h.stamp = h.roster.leaves[i].Stamp
	}
	return h, nil
}

// enter takes an epoch in: durable, and found by its tag from now on.
func (s *Session) enter(h *held) {
	h.keys = h.epoch.Keys()
	s.held[h.id] = h
	s.tags[h.tag] = h.id
	s.saveLine(h)
	s.saveEpoch(h, h.epoch, h.id)
	s.saveKeys(h, must(h.keys.Save()))
	s.saveKeys(h, []Cell{{Name: rowBranch(h.id), Value: slices.Clone(h.branch[:])}}) // erasing clears the array
	if isAnchor(h.number) {
		s.keepAnchor(newAnchor(h.epoch)) // and opens what later epochs say on the control plane
		s.reread(uint32(h.number), math.MaxUint32)
	} else {
		s.reread(uint32(h.number), uint32(h.number))
	}
}

func (s *Session) saveLine(h *held) {
	s.save(rowLine(h.id), encode(savedLine{h.parent, h.commit, h.number, h.tag, h.stamp, h.since, h.past, h.core}), EpochID{})
}

// saveEpoch writes what of an epoch is not written yet, under a wrapping key.
func (s *Session) saveEpoch(h *held, e Epoch, wrap EpochID) {
	for _, c := range e.Save(s.living(h)) {
		if c.Public {
			s.save(c.Name, c.Value, EpochID{})
		} else {
			s.save(c.Name, c.Value, wrap)
		}
	}
}

// saveKeys writes what using message keys changed.
func (s *Session) saveKeys(h *held, cells []Cell) {
	if h.cells == nil {
		h.cells = map[string]bool{}
	}
	for _, c := range cells {
		s.save(c.Name, c.Value, h.keysWrap())
		if h.cells[c.Name] = true; c.Value == nil {
			delete(h.cells, c.Name)
		}
	}
}

// living are the engine's epochs that have rows, but one.
func (s *Session) living(but *held) []Epoch {
	var out []Epoch
	for _, id := range sortedIDs(s.held) {
		h := s.held[id]
		switch {
		case h == but:
		case h.epoch != nil:
			out = append(out, h.epoch)
		case h.husk != nil:
			out = append(out, h.husk)
		}
	}
	return out
}

// carried is what the authenticated data of a commit holds: the intents that
// it does, without their key packages, which the commit has anyway.
type carried struct {
	Version uint8    `cbor:"1,keyasint"`
	Intents []intent `cbor:"2,keyasint"`
}

// verdict is what judge found.
type verdict struct {
	cand    consensus.Candidate
	leaf    uint32 // its author's
	core    Core
	child   *held // nil: the commit takes me out, or its path cannot be opened
	newer   bool  // its policy is of a version not known here
	intents []intent
}

// judge decides a commit on p from p and the commit alone.
func (s *Session) judge(p *held, id CommitID, ap Applied) (verdict, error) {
	v := verdict{leaf: ap.Author, core: ap.Core}
	at, ok := p.roster.leaf(ap.Author)
	if !ok {
		return v, fmt.Errorf("%w: no such author", ErrInvalid)
	}
	if ap.Next != nil && bytes.Equal(ap.Next.Authenticator(), p.epoch.Authenticator()) {
		return v, fmt.Errorf("%w: the epoch did not advance", ErrInvalid) // an engine that fails so must not go on
	}
	author := p.roster.account[at]
	policy := p.policy
	var next *roster
	var err error
	if s.newer(p, author, ap) {
		if next, err = s.rosterOf(edited(p.roster.leaves, ap), p.roster); err != nil {
			return v, err
		}
		ap.Next, v.newer = nil, true
		v.cand = s.candidate(p, id, at, next, ap)
		return v, nil
	}
	if ap.Next != nil {
		if v.child, err = s.view(ap.Next, p.id, id); err != nil {
			return v, err
		}
		next, policy = v.child.roster, v.child.policy
	} else if next, err = s.rosterOf(edited(p.roster.leaves, ap), p.roster); err != nil {
		return v, err
	} else if ap.Context != nil {
		var q Policy
		if q, err = readPolicy(ap.Context); err != nil {
			return v, err
		}
		policy = &q
	}
	acts, err := s.acts(p, author, next, policy, ap)
	if err != nil {
		return v, err
	}
	if v.intents, err = s.authorize(p, author, acts, &ap); err != nil {
		return v, err
	}
	v.cand = s.candidate(p, id, at, next, ap)
	for i := range v.intents {
		j, _ := p.roster.device(v.intents[i].Author)
		v.cand.Carries = v.cand.Carries || p.roster.account[j] != author
	}
	return v, nil
}

// candidate is what the rule needs to know of a commit by the leaf at a place
// of p's roster.
func (s *Session) candidate(p *held, id CommitID, at int, next *roster, ap Applied) consensus.Candidate {
	author := p.roster.account[at]
	return consensus.Candidate{
		ID: id, Parent: p.id, Child: s.ruleOf(ChildOf(p.id, ap.Core), p.number+1, next, nil),
		Author: author, Role: p.policy.roleOf(author), Slot: s.slots(p)[at],
		Class: classOf(p.roster, author, ap), Header: ap.Next == nil, Opened: true,
	}
}

// newer reports that an owner, who may, gave the group a policy of a version
// that is not known here. Whether the commit is valid cannot be told; it counts
// for weight and cannot be entered. Anybody else's is refused by all versions,
// so that no member can stop the others with a number.
func (s *Session) newer(p *held, author Account, ap Applied) bool {
	if ap.Context == nil || p.policy.roleOf(author) != consensus.RoleOwner {
		return false
	}
	_, err := readPolicy(ap.Context)
	return errors.Is(err, ErrUnsupported)
}

// edited is the leaves of the child where there is no child state to ask.
func edited(leaves []Leaf, ap Applied) []Leaf {
	out := slices.DeleteFunc(slices.Clone(leaves), func(l Leaf) bool { return slices.Contains(ap.Removed, l.Index) })
	for _, l := range ap.Added {
		i, _ := slices.BinarySearchFunc(out, l.Index, func(l Leaf, i uint32) int { return int(int64(l.Index) - int64(i)) })
		out = slices.Insert(out, i, l)
	}
	return out
}

func classOf(r *roster, author Account, ap Applied) consensus.Class {
	for _, index := range ap.Removed {
		if i, ok := r.leaf(index); ok && r.account[i] != author {
			return consensus.ClassRemove
		}
	}
	if len(ap.Added) > 0 || len(ap.Removed) > 0 || ap.Context != nil {
		return consensus.ClassChange
	}
	return consensus.ClassMaintain
}

// acts lists what a commit does that somebody must be allowed to do, and
// checks the rules of the result.
func (s *Session) acts(p *held, author Account, next *roster, policy *Policy, ap Applied) ([]act, error) {
	acts := []act{{kind: actRenew, account: author}}
	gone := func(a Account) bool { return !next.has(a) }
	for _, index := range ap.Removed {
		i, ok := p.roster.leaf(index)
		if !ok {
			return nil, fmt.Errorf("%w: removes nobody", ErrInvalid)
		}
		a := act{kind: actDevice, account: p.roster.account[i], device: p.roster.leaves[i].Device}
		if gone(a.account) {
			a.kind, a.device = actRemove, Device{}
		}
		if !slices.Contains(acts, a) {
			acts = append(acts, a)
		}
	}
	removals := slices.ContainsFunc(acts, func(a act) bool { return a.kind == actRemove })
	for _, l := range ap.Added {
		c, err := s.certificate(l)
		if err != nil {
			return nil, err
		}
		a := act{kind: actAdd, account: c.Account}
		if p.roster.has(c.Account) {
			a.kind, a.device = actDevice, l.Device
		}
		if !slices.Contains(acts, a) {
			acts = append(acts, a)
		}
	}
	changes := p.policy.changes(policy, gone)
	acts = append(acts, changes...)
	want := p.policy.Revision
	if removals || len(changes) > 0 {
		want++
	}
	if policy.Revision != want || want == p.policy.Revision && ap.Context != nil {
		return nil, fmt.Errorf("%w: revision", ErrPolicy)
	}
	// The committer's own leaf may get new keys, not a new device.
	if ap.Next != nil {
		i, _ := p.roster.leaf(ap.Author)
		j, ok := next.leaf(ap.Author)
		if !ok || p.roster.leaves[i].Device != next.leaves[j].Device || p.roster.account[i] != next.account[j] {
			return nil, fmt.Errorf("%w: the author's leaf changes hands", ErrPolicy)
		}
	}
	return acts, policy.check(next)
}

// authorize checks that each act is within the author's rights or within those
// of somebody whose signed intent the commit carries, and that nothing is
// carried in vain. It returns the intents.
func (s *Session) authorize(p *held, author Account, acts []act, ap *Applied) ([]intent, error) {
	var c carried
	if len(ap.Data) > 0 && (decode(ap.Data, &c) != nil || c.Version != 1) {
		return nil, fmt.Errorf("%w: what it carries cannot be read", ErrInvalid)
	}
	for i := range c.Intents {
		in := &c.Intents[i]
		if !s.authentic(in) || s.meet(in, p) != fateHolds ||
			!slices.ContainsFunc(acts, in.covers) || !s.pledged(in, ap) {
			return nil, fmt.Errorf("%w: carries an intent that does not hold", ErrPolicy)
		}
	}
	for _, a := range acts {
		ok := p.policy.may(author, a, p.roster)
		for i := 0; i < len(c.Intents) && !ok; i++ {
			j, _ := p.roster.device(c.Intents[i].Author)
			ok = c.Intents[i].covers(a) && p.policy.may(p.roster.account[j], a, p.roster)
		}
		if !ok {
			return nil, fmt.Errorf("%w: nobody allowed asked for it", ErrPolicy)
		}
	}
	return c.Intents, nil
}

// pledged reports that what a commit adds of an account is just what the
// intent to add it names: whoever carries it cannot put in another device.
func (s *Session) pledged(in *intent, ap *Applied) bool {
	if in.Op != opAdd && in.Op != opReadmit {
		return true
	}
	n := 0
	for _, l := range ap.Added {
		if c, err := s.certificate(l); err != nil || c.Account != in.Account {
			continue
		}
		if !slices.Contains(in.Leaves, pledge{l.Device, l.Stamp}) {
			return false
		}
		n++
	}
	return n == len(in.Leaves)
}

// commitID names a commit on its parent.
func commitID(parent EpochID, commit []byte) CommitID {
	h := sha256.New()
	h.Write([]byte("covey commit v1"))
	h.Write(parent[:])
	h.Write(commit)
	return CommitID(h.Sum(nil))
}

// admit takes a commit in that was judged valid and that an envelope brought. How
// it was come by no longer matters.
func (s *Session) admit(p *held, v *verdict, ap Applied, by EnvelopeID) {
	id := v.cand.ID
	if s.turnedAway(&v.cand, by) {
		return
	}
	if v.child != nil {
		s.enter(v.child)
	}
	exit := slices.Contains(ap.Removed, p.self)
	s.saveCandidate(savedCandidate{Cand: v.cand, Intents: v.intents, Exit: exit, Shut: s.unopenable[id], Newer: v.newer})
	if v.newer {
		s.newerThan[id] = true
	}
	s.remember(id, v.intents, exit)
	s.propose(v.cand)
	if v.child != nil {
		s.unpark(v.child.tag)
	}
}

// remember notes what a commit carries, and whether it takes me out.
func (s *Session) remember(id CommitID, intents []intent, exit bool) {
	if exit {
		s.exits[id] = true
	}
	if len(intents) == 0 {
		return
	}
	s.carriedBy[id] = intents
	for i := range intents {
		if in := intents[i].ID; !slices.Contains(s.carriers[in], id) {
			s.carriers[in] = append(s.carriers[in], id)
		}
	}
}

// reasonOf sorts what judge returns into a reason to count.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, ErrUnsupported):
		return DropUnsupported
	case errors.Is(err, ErrPolicy):
		return DropPolicy
	default:
		return DropInvalid
	}
}
