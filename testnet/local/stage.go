package local

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

var _ testnet.Stage = (*Net)(nil)

const (
	// grain is how often Until and Settle look: a call to every node each.
	grain = 200 * time.Millisecond
	// quiet is for how long nothing must have changed for the network to be at
	// rest: the settle time of a session, twice.
	quiet = 2 * time.Second
)

// agenda is what is to be done at which time.
type agenda []appointment

type appointment struct {
	at time.Duration
	do func()
}

// Exact implements [testnet.Stage].
func (n *Net) Exact() bool { return false }

// Now implements [testnet.Stage].
func (n *Net) Now() time.Duration { return time.Since(n.began) }

// At implements [testnet.Stage].
func (n *Net) At(at time.Duration, f func()) {
	i, _ := slices.BinarySearchFunc(n.agenda, at, func(a appointment, t time.Duration) int {
		if c := cmp.Compare(a.at, t); c != 0 {
			return c
		}
		return -1 // after those of the same time
	})
	n.agenda = slices.Insert(n.agenda, i, appointment{at, f})
}

// until lets time pass, keeping appointments, until done holds or it is that
// late.
func (n *Net) until(end time.Duration, done func() bool) bool {
	for next := time.Duration(0); ; {
		for len(n.agenda) > 0 && n.agenda[0].at <= n.Now() {
			a := n.agenda[0]
			n.agenda = n.agenda[1:]
			a.do()
		}
		if done != nil && n.Now() >= next {
			if done() {
				return true
			}
			next = n.Now() + grain
		}
		now := n.Now()
		if now >= end {
			return false
		}
		wait := end - now
		if done != nil {
			wait = min(wait, max(next-now, 0))
		}
		if len(n.agenda) > 0 {
			wait = min(wait, n.agenda[0].at-now)
		}
		select {
		case <-n.ctx.Done():
			return false
		case <-time.After(max(wait, time.Millisecond)):
		}
	}
}

// Wait implements [testnet.Driver].
func (n *Net) Wait(d time.Duration) error {
	n.until(n.Now()+d, nil)
	return n.ctx.Err()
}

// Until implements [testnet.Stage].
func (n *Net) Until(cond func() bool, most time.Duration) bool {
	return n.until(n.Now()+most, cond)
}

// Settle implements [testnet.Driver]: no view has changed for a while.
func (n *Net) Settle(most time.Duration) error {
	var last string
	var since time.Duration
	var failed error
	still := n.until(n.Now()+most, func() bool {
		now := ""
		for _, g := range slices.Sorted(maps.Keys(n.groups)) {
			views, err := n.Views(g)
			if err != nil {
				failed = err
				return true
			}
			now += fmt.Sprintf("%+v", views)
		}
		if now != last {
			last, since = now, n.Now()
		}
		return n.Now()-since >= quiet
	})
	if failed == nil && !still {
		failed = errors.Join(n.ctx.Err(), fmt.Errorf("not at rest within %v", most))
	}
	return failed
}
