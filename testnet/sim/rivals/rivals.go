// Package rivals holds rules for ordering commits that others have proposed or
// use, so that a scenario can be run under each and what it loses be seen.
//
// Each is put in the place of the rule (consensus.Rule) and of nothing else:
// sessions, engine, network and luck stay what they are. So a rule that never
// changes its mind does not gain a server that would make that harmless, and
// one that does still has its messages carried over. Where a rule's users add
// something beside it, a scenario cannot show that. One thing more is taken away:
// longest-chain goes without the cool-down, which is part of the rule here and
// would keep a lone member from making a chain at all.
package rivals

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/consensus"
)

// Rival is a rule to measure.
type Rival struct {
	Name string
	Says string // the rule, in a line
	// New makes the rule of one member of a group that an account founded; nil
	// is the rule of package consensus itself.
	New func(founder consensus.Account) consensus.Rule
}

// Real is the name of the rule of package consensus.
const Real = "rank+weight"

// All are the rules, the real one first.
var All = []Rival{
	{Real, "most members standing there; then class, role, slot", nil},
	{"rank", "class, role, slot; nobody votes", func(consensus.Account) consensus.Rule {
		return consensus.Rule{Wins: consensus.Branch.Ranks}
	}},
	{"lowest-hash", "the lowest hash of what a commit leads to", func(consensus.Account) consensus.Rule {
		return consensus.Rule{Wins: lower}
	}},
	{"first-seen", "whichever came first, here", func(consensus.Account) consensus.Rule {
		return consensus.Rule{Wins: (&arrivals{at: map[consensus.EpochID]int{}}).earlier}
	}},
	{"longest-chain", "the most commits; then class, role, slot", func(consensus.Account) consensus.Rule {
		return consensus.Rule{Wins: longer, Deep: true, Eager: true}
	}},
	{"single-committer", "only the founder commits", func(founder consensus.Account) consensus.Rule {
		return consensus.Rule{Wins: consensus.Branch.Ranks, Commits: func(a consensus.Account) bool { return a == founder }}
	}},
}

// Named finds a rule; no name is the real one.
func Named(name string) (Rival, error) {
	if name == "" {
		name = Real
	}
	i := slices.IndexFunc(All, func(r Rival) bool { return r.Name == name })
	if i < 0 {
		return Rival{}, fmt.Errorf("there is no rule %q: there are %s", name, strings.Join(Names(), ", "))
	}
	return All[i], nil
}

// Names are the names of all rules, in their order.
func Names() (out []string) {
	for _, r := range All {
		out = append(out, r.Name)
	}
	return out
}

func lower(a, b consensus.Branch) bool {
	x, y := a.Candidate().Child.ID, b.Candidate().Child.ID
	return bytes.Compare(x[:], y[:]) < 0
}

func longer(a, b consensus.Branch) bool {
	if x, y := a.Height(), b.Height(); x != y {
		return x > y
	}
	return a.Ranks(b)
}

// arrivals numbers commits as one member came to know them. It outlives a
// restart, as the order would on disk.
type arrivals struct{ at map[consensus.EpochID]int }

// earlier is asked of every new commit and the best before it, so whoever has
// no number when it is the best was there first.
func (s *arrivals) earlier(a, b consensus.Branch) bool {
	best, other := s.number(b), s.number(a)
	return other < best
}

func (s *arrivals) number(b consensus.Branch) int {
	id := b.Candidate().Child.ID
	n, known := s.at[id]
	if !known {
		n = len(s.at) + 1
		s.at[id] = n
	}
	return n
}
