package testnet

import "time"

// Stage is a Driver that keeps time and can be watched: what a scenario needs.
type Stage interface {
	Driver

	// Now is the time since the beginning.
	Now() time.Duration
	// At calls f at a time since the beginning, from within Wait or Settle.
	// What f does to the network takes effect at once; f cannot wait.
	At(at time.Duration, f func())
	// Until lets time pass until cond holds; false if it did not within most.
	Until(cond func() bool, most time.Duration) bool
	// Views tells what each node that was ever in a group shows of it.
	Views(group string) ([]View, error)
	// Exact reports whether the same calls give the same course of things:
	// then outcomes are compared to the letter, else only what was expected.
	Exact() bool
}

// View is what one node shows of one group.
type View struct {
	Node    string
	Account string
	Up      bool
	In      bool     // a member, as far as it knows
	State   string   // of its epoch: equal exactly where the state is
	Number  uint64   // its epoch number, for people
	Roster  []string // accounts, as names
	Read    int      // texts it has shown
	Lacks   int      // texts it is owed and has not shown; 0 where nobody keeps books
	Reorgs  int      // how often its head left a branch
}
