package session

import (
	"slices"
	"weak"

	"github.com/covey-p2p/covey/consensus"
)

// Commons is what the sessions of one process may hold in common. Who is in an
// epoch is the same for all of its members, and in a simulation of a group of a
// thousand each of them would else keep a list of a thousand for every epoch; and
// all keep each other's votes and headers, as they were signed. The zero value is
// ready, nil shares nothing; the sessions that share one are stepped by one
// goroutine.
type Commons struct {
	rosters map[EpochID]weak.Pointer[roster]     // what no session holds any more goes
	sweep   int                                  // how many there may be before those that are gone are taken out
	words   [2]map[consensus.Word]consensus.Word // of late, and of before that
}

// roster is that of an epoch, where some session has read it; else nil.
func (c *Commons) roster(id EpochID) *roster {
	if c == nil {
		return nil
	}
	return c.rosters[id].Value()
}

// put has others find the roster of an epoch.
func (c *Commons) put(id EpochID, r *roster) {
	if c == nil {
		return
	}
	if c.rosters == nil {
		c.rosters = map[EpochID]weak.Pointer[roster]{}
	}
	if len(c.rosters) >= c.sweep {
		for id, r := range c.rosters {
			if r.Value() == nil {
				delete(c.rosters, id)
			}
		}
		c.sweep = 2*len(c.rosters) + minSweep
	}
	c.rosters[id] = weak.Make(r)
}

// accounts is a list, said to be of who is in an epoch, in the copy that others
// have of it.
func (c *Commons) accounts(id EpochID, list []Account) []Account {
	if r := c.roster(id); r != nil && slices.Equal(r.accounts, list) {
		return r.accounts
	}
	return list
}

// word is a statement in the copy that others have of it, if they heard it of late.
func (c *Commons) word(w consensus.Word) consensus.Word {
	if c == nil || w == "" {
		return w
	}
	for _, m := range c.words {
		if had, ok := m[w]; ok {
			return had
		}
	}
	if len(c.words[0]) >= maxWords || c.words[0] == nil {
		c.words = [2]map[consensus.Word]consensus.Word{{}, c.words[0]}
	}
	c.words[0][w] = w
	return w
}
