// Package check holds the invariants that a run must keep, over plain strings
// and numbers of the harness's own bookkeeping; it imports nothing it judges.
//
// The harness tells it what it did itself (who sent which text, whom it asked
// to remove) and what it sees at the faces (which text a device shows, which
// state its head is). Agreement is compared by a value derived from the group's
// secrets, never by an epoch number or a count of members.
package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Broken is one invariant that did not hold, once.
type Broken struct {
	At        time.Duration
	Invariant string // "I1" and so on; doc.go lists them
	Group     string
	Who       string // device
	Why       string
}

func (b Broken) String() string {
	return fmt.Sprintf("%s %s in %s at %v: %s", b.Invariant, b.Who, b.Group, b.At, b.Why)
}

// maxBroken is where a run stops collecting: the first tells the cause, the
// hundredth tells nothing.
const maxBroken = 100

// Book is the bookkeeping of one run.
type Book struct {
	Broken  []Broken
	Looked  map[string]int // how often each check of always.go looked: none must sleep
	groups  map[string]*group
	epochs  map[string]*epoch
	parents map[string]string // epoch → the one before
	authors map[string]string // epoch → the account whose commit led to it
}

// New returns an empty book.
func New() *Book {
	return &Book{Looked: map[string]int{}, groups: map[string]*group{}, epochs: map[string]*epoch{}, parents: map[string]string{}, authors: map[string]string{}}
}

type group struct {
	name    string
	members map[string]*member // by device
	texts   map[string]*text
	order   []string // texts in the order they were sent
	uses    map[use]bool
	late    map[string]time.Duration // device → the slowest copy of a text of its
}

type member struct {
	device, account string
	liar            bool          // Byzantine: owed nothing, believed nothing
	away            bool          // crashed for good, or left running alone
	joined          time.Duration // seated; and the number of the epoch by which
	first           uint64        // it came in, the latest time it did
	at              string        // epoch of its head; empty: not in the group
	gone            bool          // knows that it is no longer a member
	stranded        bool
	cooling, lately bool
	got             map[string]int // texts read, and how often
	intents         map[string]*intent
	erased          map[string]bool // states of which it destroyed the secrets
	beyond          map[string]bool // states that it cannot leave any more
}

type text struct {
	body, author string // author is an account
	id           string // of the intent
	device       string
	at           time.Duration
	audience     []string            // accounts in the author's state when it was sent
	excluded     []string            // accounts the author had seen removed by then
	epoch        string              // the author's head then
	number       uint64              // and its number
	looked       map[string][]string // devices it was shown on, and the intents that say so
	told         map[string]bool     // accounts that its author knows to have read it
}

type epoch struct {
	id     string
	number uint64
	secret string   // exporter-derived
	roster []string // accounts, sorted
	roles  []string // "account role", sorted; nil until a device told
	who    string   // the first to reach it
}

type use struct {
	epoch, device, record string
}

type intent struct {
	what  string
	state string
	ended bool
	open  bool // ended only because a crash came before an answer
	// returned: it was accepted, and denied later.
	returned bool
}

// Report records that an invariant broke which the harness itself watches.
func (b *Book) Report(at time.Duration, invariant, group, who, why string, args ...any) {
	b.broke(at, invariant, group, who, why, args...)
}

func (b *Book) broke(at time.Duration, invariant, group, who, why string, args ...any) {
	if len(b.Broken) < maxBroken {
		b.Broken = append(b.Broken, Broken{at, invariant, group, who, fmt.Sprintf(why, args...)})
	}
}

func (b *Book) group(name string) *group {
	g := b.groups[name]
	if g == nil {
		g = &group{name: name, members: map[string]*member{}, texts: map[string]*text{}, uses: map[use]bool{}, late: map[string]time.Duration{}}
		b.groups[name] = g
	}
	return g
}

// Seat says that a device of an account takes part, or will, in a group.
func (b *Book) Seat(at time.Duration, group, device, account string) {
	g := b.group(group)
	if g.members[device] == nil {
		g.members[device] = &member{device: device, account: account, joined: at, got: map[string]int{}, intents: map[string]*intent{}}
	}
}

func (b *Book) member(group, device string) *member {
	m := b.group(group).members[device]
	if m == nil {
		panic("check: " + device + " has no seat in " + group)
	}
	return m
}

// Liar says that a device is Byzantine from here on: the invariants protect
// others from it, not it from others.
func (b *Book) Liar(group, device string) { b.member(group, device).liar = true }

// Away says whether a device is expected to take part: one that is switched
// off or cut off for good is owed nothing yet.
func (b *Book) Away(group, device string, away bool) { b.member(group, device).away = away }

// Epoch says that a device derived a state: its id, and a value that its
// group's secrets derive. Equal ids with unequal secrets or rosters break I1.
func (b *Book) Epoch(at time.Duration, group, device, id string, number uint64, secret string, roster []string) {
	e := b.epochs[id]
	if e == nil {
		b.epochs[id] = &epoch{id: id, number: number, secret: secret, roster: roster, who: device}
		return
	}
	switch {
	case e.secret != secret:
		b.broke(at, "I1", group, device, "state %s derives another secret here than at %s", short(id), e.who)
	case roster != nil && !slices.Equal(e.roster, roster):
		b.broke(at, "I1", group, device, "state %s has members %v here and %v at %s", short(id), roster, e.roster, e.who)
	case e.number != number:
		b.broke(at, "I1", group, device, "state %s is number %d here and %d at %s", short(id), number, e.number, e.who)
	}
}

// Child says which state another came from, by whose commit.
func (b *Book) Child(id, parent, author string) { b.parents[id], b.authors[id] = parent, author }

// descends reports whether a state is another, or came from it.
func (b *Book) descends(id, from string) bool {
	for ; id != ""; id = b.parents[id] {
		if id == from {
			return true
		}
	}
	return false
}

// Head says that a device's head is now the state id.
func (b *Book) Head(at time.Duration, group, device, id string) {
	m := b.member(group, device)
	if e := b.epochs[id]; e != nil && (m.at == "" || m.gone) {
		m.first = e.number
	}
	if b.epochs[id] == nil {
		b.broke(at, "I1", group, device, "its head %s was never derived by an engine", short(id))
	}
	m.at, m.gone, m.stranded = id, false, false
}

// Gone says that a device learnt that it is no longer a member.
func (b *Book) Gone(group, device string) {
	m := b.member(group, device)
	m.gone, m.stranded, m.at, m.beyond = true, false, "", nil
}

// IsGone reports whether a device has said that it is no longer a member.
func (b *Book) IsGone(group, device string) bool { return b.member(group, device).gone }

// Stranded says that a device found its branch lost for good.
func (b *Book) Stranded(group, device string) {
	m := b.member(group, device)
	m.stranded, m.beyond = true, nil
}

// Roster is the accounts of a state, or nil if nobody derived it.
func (b *Book) Roster(id string) []string {
	if e := b.epochs[id]; e != nil {
		return e.roster
	}
	return nil
}

// Key records that a device encrypted with a message key of a state; record is
// what its engine must remember of that use. The same record twice means the
// same key twice, which breaks I7.
func (b *Book) Key(at time.Duration, group, device, epoch, record string) {
	g, u := b.group(group), use{epoch, device, record}
	if g.uses[u] {
		b.broke(at, "I7", group, device, "used a message key of %s twice", short(epoch))
	}
	g.uses[u] = true
}

func short(id string) string { return id[:min(8, len(id))] }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func list(names []string) string { return strings.Join(names, " ") }
