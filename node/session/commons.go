package session

import (
	"slices"
	"weak"
)

// Commons is what the sessions of one process may hold in common. Who is in an
// epoch is the same for all of its members, and in a simulation of a group of a
// thousand each of them would else keep a list of a thousand for every epoch.
// What no session holds any more goes. The zero value is ready, nil shares
// nothing; the sessions that share one are stepped by one goroutine.
type Commons struct {
	rosters common[EpochID, roster]
}

// roster is that of an epoch, where some session has read it; else nil.
func (c *Commons) roster(id EpochID) *roster {
	if c == nil {
		return nil
	}
	return c.rosters.get(id)
}

// put has others find the roster of an epoch.
func (c *Commons) put(id EpochID, r *roster) {
	if c != nil {
		c.rosters.put(id, r)
	}
}

// accounts is a list, said to be of who is in an epoch, in the copy that others
// have of it.
func (c *Commons) accounts(id EpochID, list []Account) []Account {
	if r := c.roster(id); r != nil && slices.Equal(r.accounts, list) {
		return r.accounts
	}
	return list
}

// common finds what somebody holds by its name.
type common[K comparable, V any] struct {
	held  map[K]weak.Pointer[V]
	sweep int // how many there may be before those that are gone are taken out
}

func (c *common[K, V]) get(k K) *V { return c.held[k].Value() }

func (c *common[K, V]) put(k K, v *V) {
	if c.held == nil {
		c.held = map[K]weak.Pointer[V]{}
	}
	if len(c.held) >= c.sweep {
		for k, v := range c.held {
			if v.Value() == nil {
				delete(c.held, k)
			}
		}
		c.sweep = 2*len(c.held) + minSweep
	}
	c.held[k] = weak.Make(v)
}
