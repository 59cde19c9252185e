package consensus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// reference is the rule as doc.go tells it, written as slowly and plainly as
// it reads: recursion over sets, everything computed anew for each question.
// It shares the types of candidate.go with the package and nothing else.
//
// Its twists are the mistakes one could make. TestMutantsKilled turns each on
// and asks the named cases to notice.
type reference struct {
	params     Params
	root       Epoch
	candidates []Candidate
	votes      []Vote
	twist      string

	valid map[EpochID]Candidate // by child, once found valid
}

func newReference(w *world, twist string) *reference {
	r := &reference{params: w.params, root: w.root, twist: twist, valid: map[EpochID]Candidate{}}
	for _, in := range w.inputs {
		if in.kind == 'v' {
			r.votes = append(r.votes, in.vote)
		} else {
			r.candidates = append(r.candidates, in.candidate)
		}
	}
	r.validate(r.root, nil)
	return r
}

// validate walks down from an epoch and keeps the candidates that fit it and
// whose authors have cooled down; trail is who made what on the way, newest
// first.
func (r *reference) validate(e Epoch, trail []Step) {
	for _, k := range r.candidates {
		if k.Parent != e.ID || k.Child.Number != e.Number+1 || k.Child.ID == r.root.ID {
			continue
		}
		if k.Class == ClassMaintain && !k.Carries && r.twist != "no cool-down" || r.twist == "cool-down binds carriers" && k.Class == ClassMaintain {
			n := len(e.Roster)
			within := n - 1
			if within > 8 {
				within = 8
			}
			if r.twist == "cool-down of one epoch" {
				within = 1
			}
			hot := false
			for i, s := range trail {
				hot = hot || i < within && s.Author == k.Author && s.Class == ClassMaintain
			}
			if hot && (n >= 3 || r.twist == "cool-down in pairs") {
				continue
			}
		}
		if _, twin := r.valid[k.Child.ID]; twin {
			continue
		}
		r.valid[k.Child.ID] = k
		r.validate(k.Child, append([]Step{{k.Author, k.Class}}, trail...))
	}
}

func (r *reference) epoch(id EpochID) (Epoch, bool) {
	if id == r.root.ID {
		return r.root, true
	}
	k, ok := r.valid[id]
	return k.Child, ok
}

func (r *reference) children(id EpochID) []Candidate {
	var out []Candidate
	for _, k := range r.valid {
		if k.Parent == id {
			out = append(out, k)
		}
	}
	return out
}

// line returns the epochs from id back to the root.
func (r *reference) line(id EpochID) []EpochID {
	line := []EpochID{id}
	for id != r.root.ID {
		id = r.valid[id].Parent
		line = append(line, id)
	}
	return line
}

func (r *reference) atOrBelow(id, above EpochID) bool {
	for _, e := range r.line(id) {
		if e == above {
			return true
		}
	}
	return false
}

func isIn(list []Account, a Account) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}

// guilty: signed two commits on one parent from one leaf, or two votes under
// one number from one device.
func (r *reference) guilty(a Account) bool {
	for _, k := range r.valid {
		for _, m := range r.valid {
			leaf := k.Slot == m.Slot || r.twist == "two devices' commits convict"
			member := k.Class != ClassResync && k.Class != ClassJoin && m.Class != ClassResync && m.Class != ClassJoin ||
				r.twist == "external commits convict"
			if k.Author == a && m.Author == a && k.Parent == m.Parent && k.Child.ID != m.Child.ID &&
				leaf && member && r.twist != "two commits go unpunished" {
				return true
			}
		}
	}
	for _, v := range r.votes {
		for _, w := range r.votes {
			device := v.Device == w.Device || r.twist == "two devices' votes convict"
			if v.Account == a && w.Account == a && v.Seq == w.Seq && v.Head != w.Head &&
				device && r.twist != "two votes go unpunished" {
				return true
			}
		}
	}
	return false
}

// counts: the vote names a known epoch, its account is in it, and its number
// is within the turns of that height.
func (r *reference) counts(v Vote) bool {
	e, ok := r.epoch(v.Head)
	if !ok {
		return false
	}
	inTurn := v.Seq >= r.params.Turns*e.Number && v.Seq < r.params.Turns*(e.Number+r.params.Slack+1)
	return (inTurn || r.twist == "no cap on turns") && (isIn(e.Roster, v.Account) || r.twist == "strangers vote")
}

// base returns the epoch the latest vote of an account that counts names, or
// the root if it has none.
func (r *reference) base(a Account) (base EpochID, voted bool) {
	base = r.root.ID
	var last Vote
	for _, v := range r.votes {
		if v.Account != a || !r.counts(v) {
			continue
		}
		later := v.Seq > last.Seq || v.Seq == last.Seq && bytes.Compare(v.Device[:], last.Device[:]) > 0
		if r.twist == "earliest vote counts" {
			later = v.Seq < last.Seq
		}
		if r.twist == "deepest vote counts" {
			e, _ := r.epoch(v.Head)
			f, _ := r.epoch(last.Head)
			later = e.Number > f.Number
		}
		if !voted || later {
			base, voted, last = v.Head, true, v
		}
	}
	return base, voted
}

// weighs says whether an account weighs on a candidate: its base is at or below
// the child; or it is the parent or above it, and the account's own commits
// below the parent, of which there are some, are all at or below the child.
func (r *reference) weighs(a Account, k Candidate) bool {
	if r.guilty(a) {
		return false
	}
	base, voted := r.base(a)
	if r.twist == "a vote ends own commits" && voted || r.twist == "own commits do not count" {
		return voted && r.atOrBelow(base, k.Child.ID)
	}
	if r.twist == "own commits beat votes" {
		base = r.root.ID
	}
	if r.atOrBelow(base, k.Child.ID) {
		return true
	}
	if !r.atOrBelow(k.Parent, base) {
		return false
	}
	some, all := false, true
	for child, m := range r.valid {
		if m.Author == a && child != k.Parent && r.atOrBelow(child, k.Parent) {
			some = some || r.atOrBelow(child, k.Child.ID)
			all = all && r.atOrBelow(child, k.Child.ID)
		}
	}
	return some && (all || r.twist == "commits that part count on both sides")
}

func (r *reference) electors(e Epoch) []Account {
	if e.Voters != nil {
		return e.Voters
	}
	return e.Roster
}

// weight returns how many accounts that vote on the candidate's parent stand at
// or below its child.
func (r *reference) weight(k Candidate) int {
	p, _ := r.epoch(k.Parent)
	voters := r.electors(p)
	if r.twist == "joiners below vote" {
		voters = r.electors(k.Child)
	}
	if r.twist == "all vote, not the electors" {
		voters = p.Roster
	}
	total := 0
	for _, a := range voters {
		base, voted := r.base(a)
		weighs := r.weighs(a, k)
		switch {
		case r.twist == "only votes for the very child count":
			weighs = weighs && (!voted || base == k.Child.ID)
		case r.twist == "all votes count, not the latest":
			weighs = weighs || r.everBelow(a, k.Child.ID)
		case r.twist == "votes name an epoch number":
			weighs = weighs || voted && r.sameNumberBelow(base, k.Child.ID)
		}
		if weighs {
			total += r.devices(a)
		}
	}
	return total
}

func (r *reference) everBelow(a Account, id EpochID) bool {
	for _, v := range r.votes {
		if v.Account == a && r.counts(v) && r.atOrBelow(v.Head, id) {
			return true
		}
	}
	return false
}

func (r *reference) devices(a Account) int {
	if r.twist != "devices count, not accounts" {
		return 1
	}
	seen := map[Device]bool{}
	for _, v := range r.votes {
		if v.Account == a && r.counts(v) {
			seen[v.Device] = true
		}
	}
	if len(seen) == 0 {
		return 1
	}
	return len(seen)
}

func (r *reference) sameNumberBelow(at, id EpochID) bool {
	e, _ := r.epoch(at)
	for child, k := range r.valid {
		if k.Child.Number == e.Number && r.atOrBelow(child, id) {
			return true
		}
	}
	return false
}

// ranks reports whether a wins over b at equal weight.
func (r *reference) ranks(a, b Candidate) bool {
	type rung struct{ a, b int }
	class, slot := rung{int(a.Class), int(b.Class)}, rung{int(a.Slot), int(b.Slot)}
	role := rung{}
	if a.Class == ClassRemove && b.Class == ClassRemove || r.twist == "role counts always" {
		role = rung{-int(a.Role), -int(b.Role)}
	}
	rungs := []rung{class, role, slot}
	switch r.twist {
	case "role before class":
		rungs = []rung{{-int(a.Role), -int(b.Role)}, class, slot}
	case "slot before class":
		rungs = []rung{slot, class, role}
	case "slot before role":
		rungs = []rung{class, slot, role}
	case "no class":
		rungs = []rung{role, slot}
	case "no role":
		rungs = []rung{class, slot}
	case "no slot":
		rungs = []rung{class, role}
	case "higher class":
		rungs = []rung{{class.b, class.a}, role, slot}
	case "lower role":
		rungs = []rung{class, {role.b, role.a}, slot}
	case "higher slot":
		rungs = []rung{class, role, {slot.b, slot.a}}
	case "hash only":
		rungs = nil
	}
	for _, x := range rungs {
		if x.a != x.b {
			return x.a < x.b
		}
	}
	less := bytes.Compare(a.Child.ID[:], b.Child.ID[:]) < 0
	switch r.twist {
	case "higher hash":
		return !less
	case "names decide":
		return bytes.Compare(a.ID[:], b.ID[:]) < 0
	}
	return less
}

// choose returns the best of some siblings.
func (r *reference) choose(siblings []Candidate) Candidate {
	best := siblings[0]
	for _, k := range siblings[1:] {
		w, b := r.weight(k), r.weight(best)
		better := w > b || w == b && r.ranks(k, best)
		switch r.twist {
		case "rank before weight":
			if first := r.ranksStrictly(k, best); first != 0 {
				better = first > 0
			}
		case "no weight":
			better = r.ranks(k, best)
		case "lighter wins":
			better = w < b || w == b && r.ranks(k, best)
		case "longest branch":
			dk, db := r.depth(k), r.depth(best)
			better = dk > db || dk == db && better
		case "ties to the higher key":
			better = w > b || w == b && r.ranks(best, k)
		}
		if better {
			best = k
		}
	}
	return best
}

// ranksStrictly compares all rungs but the last: +1 if a wins, -1 if b does.
func (r *reference) ranksStrictly(a, b Candidate) int {
	a.Child.ID, b.Child.ID = EpochID{}, EpochID{}
	switch {
	case r.ranks(a, b):
		return 1
	case r.ranks(b, a):
		return -1
	}
	return 0
}

func (r *reference) depth(k Candidate) int {
	most := 0
	for _, m := range r.children(k.Child.ID) {
		most = max(most, r.depth(m))
	}
	return 1 + most
}

// from returns the head below an epoch; here leaves out what cannot be entered.
func (r *reference) from(id EpochID, here bool) EpochID {
	var siblings []Candidate
	for _, k := range r.children(id) {
		if !here || !k.Header || r.twist == "headers are entered" {
			siblings = append(siblings, k)
		}
	}
	if len(siblings) == 0 {
		return id
	}
	return r.from(r.choose(siblings).Child.ID, here)
}

// tips is the head by comparing the ends of branches, weight of the last commit
// first, instead of where they part.
func (r *reference) tips() EpochID {
	best, most := r.root.ID, -1
	for child, k := range r.valid {
		if len(r.children(child)) > 0 {
			continue
		}
		w := r.weight(k)
		if w > most || w == most && r.ranks(k, r.valid[best]) {
			best, most = child, w
		}
	}
	return best
}

func (r *reference) head() EpochID {
	if r.twist == "tips are compared" {
		return r.tips()
	}
	return r.from(r.root.ID, true)
}

func (r *reference) best() EpochID { return r.from(r.root.ID, false) }

// referenceSlots is §3.3's third rung, by its text.
func referenceSlots(genesis EpochID, number uint64, leaves []uint32) map[uint32]uint32 {
	hash := func(leaf uint32) []byte {
		h := sha256.New()
		h.Write([]byte("covey slot v1"))
		h.Write(genesis[:])
		_ = binary.Write(h, binary.BigEndian, number)
		_ = binary.Write(h, binary.BigEndian, leaf)
		return h.Sum(nil)
	}
	slots := map[uint32]uint32{}
	for _, l := range leaves {
		ahead := uint32(0)
		for _, m := range leaves {
			if bytes.Compare(hash(m), hash(l)) < 0 {
				ahead++
			}
		}
		slots[l] = ahead
	}
	return slots
}
