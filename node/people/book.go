package people

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// State says where a contact stands.
type State uint8

// States.
const (
	Asked   State = iota + 1 // I said hello; no answer yet
	Request                  // they said hello; I have not answered
	Known                    // both have
	Blocked                  // I want nothing of them
)

// Contact is an account in the book.
type Contact struct {
	Account  session.Account `cbor:"1,keyasint"`
	Name     string          `cbor:"2,keyasint,omitempty"` // what I call them
	Claims   string          `cbor:"3,keyasint,omitempty"` // what they call themselves
	State    State           `cbor:"4,keyasint"`
	Before   State           `cbor:"5,keyasint,omitempty"` // before it was Blocked
	Verified bool            `cbor:"6,keyasint,omitempty"`
	Hello    string          `cbor:"7,keyasint,omitempty"`  // what they said, or what I say
	Secret   []byte          `cbor:"8,keyasint,omitempty"`  // of the link of theirs that I used
	Devices  []Device        `cbor:"9,keyasint,omitempty"`  // most lately seen first
	Added    int64           `cbor:"10,keyasint,omitempty"` // Unix seconds
}

// Device is where a device of a contact was last reached.
type Device struct {
	ID        session.Device `cbor:"1,keyasint"`
	Addresses [][]byte       `cbor:"2,keyasint,omitempty"` // multiaddresses
	Seen      int64          `cbor:"3,keyasint,omitempty"` // Unix seconds
}

// Called is the name to show.
func (c Contact) Called() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.Claims != "":
		return c.Claims
	}
	return hex.EncodeToString(c.Account[:4])
}

// Errors of the book.
var (
	ErrNoContact = errors.New("people: no such contact")
	ErrFull      = errors.New("people: the book is full")
	ErrSelf      = errors.New("people: that is my own account")
	ErrLink      = errors.New("people: not a link of this kind")
	ErrNoLink    = errors.New("people: no such link")
	ErrExpired   = errors.New("people: the link has expired or was used up")
	ErrName      = errors.New("people: the name is taken or too long")
)

const (
	contactRows = "c/"
	linkRows    = "l/"
)

// Book is the address book. It may be used by many goroutines; what it returns
// is the caller's own.
type Book struct {
	store  *store.Store
	engine session.Engine
	self   session.Account

	mu       sync.Mutex
	contacts map[session.Account]*Contact
	devices  map[session.Device]session.Account
	links    map[LinkID]*Link
	spent    map[Stamp]int64 // stamps seen, until when; one stamp is one hello
}

// Open reads the book of an account.
func Open(st *store.Store, engine session.Engine, self session.Account) (*Book, error) {
	b := &Book{
		store: st, engine: engine, self: self,
		contacts: make(map[session.Account]*Contact), devices: make(map[session.Device]session.Account),
		links: make(map[LinkID]*Link), spent: make(map[Stamp]int64),
	}
	for row, err := range st.Rows(contactRows, "") {
		c := new(Contact)
		if err == nil {
			err = cbor.Unmarshal(row.Value, c)
		}
		if err != nil {
			return nil, fmt.Errorf("read a contact: %w", err)
		}
		b.enter(c)
	}
	for row, err := range st.Rows(linkRows, "") {
		l := new(Link)
		if err == nil {
			err = cbor.Unmarshal(row.Value, l)
		}
		if err != nil {
			return nil, fmt.Errorf("read a link: %w", err)
		}
		b.links[l.ID] = l
	}
	return b, nil
}

func (b *Book) enter(c *Contact) {
	b.contacts[c.Account] = c
	for _, d := range c.Devices {
		b.devices[d.ID] = c.Account
	}
}

// save makes a contact durable, then current.
func (b *Book) save(c Contact) error {
	key := hex.EncodeToString(c.Account[:])
	if err := b.store.Put(contactRows, []session.Row{{Key: key, Value: encode(c)}}); err != nil {
		return err
	}
	b.enter(&c)
	return nil
}

func (c *Contact) clone() Contact {
	out := *c
	out.Devices = slices.Clone(c.Devices)
	return out
}

// Contact looks an account up.
func (b *Book) Contact(a session.Account) (Contact, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.contacts[a]
	if !ok {
		return Contact{}, false
	}
	return c.clone(), true
}

// Of finds the contact that a device belongs to.
func (b *Book) Of(d session.Device) (Contact, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.devices[d]
	if !ok {
		return Contact{}, false
	}
	return b.contacts[a].clone(), true
}

// Contacts lists the book, sorted by account.
func (b *Book) Contacts() []Contact {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Contact, 0, len(b.contacts))
	for _, a := range slices.SortedFunc(maps.Keys(b.contacts), func(x, y session.Account) int { return bytes.Compare(x[:], y[:]) }) {
		out = append(out, b.contacts[a].clone())
	}
	return out
}

// Change applies f to a contact and makes the result durable.
func (b *Book) Change(a session.Account, f func(*Contact) error) (Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.contacts[a]
	if !ok {
		return Contact{}, ErrNoContact
	}
	changed := c.clone()
	if err := f(&changed); err != nil {
		return Contact{}, err
	}
	return changed, b.save(changed)
}

// Block stops all dealings with a contact, or takes them up again where they
// stood.
func (b *Book) Block(a session.Account, blocked bool) (Contact, error) {
	return b.Change(a, func(c *Contact) error {
		switch {
		case blocked && c.State != Blocked:
			c.Before, c.State = c.State, Blocked
		case !blocked && c.State == Blocked:
			c.State, c.Before = c.Before, 0
		}
		return nil
	})
}

// Rename changes what I call a contact.
func (b *Book) Rename(a session.Account, name string) (Contact, error) {
	if len(name) > MaxName {
		return Contact{}, ErrName
	}
	for _, c := range b.Contacts() {
		if c.Account != a && c.Called() == name {
			return Contact{}, ErrName
		}
	}
	return b.Change(a, func(c *Contact) error { c.Name = name; return nil })
}

// Forget takes a contact out of the book.
func (b *Book) Forget(a session.Account) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.contacts[a]
	if !ok {
		return ErrNoContact
	}
	if err := b.store.Put(contactRows, []session.Row{{Key: hex.EncodeToString(a[:])}}); err != nil {
		return err
	}
	for _, d := range c.Devices {
		delete(b.devices, d.ID)
	}
	delete(b.contacts, a)
	return nil
}

// Saw notes that a contact's device was reached, and where.
func (b *Book) Saw(d session.Device, addresses [][]byte, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.devices[d]
	if !ok {
		return nil
	}
	c := b.contacts[a].clone()
	c.saw(d, addresses, now)
	return b.save(c)
}

// saw puts a device first in the list.
func (c *Contact) saw(d session.Device, addresses [][]byte, now time.Time) {
	old := Device{ID: d}
	c.Devices = slices.DeleteFunc(c.Devices, func(x Device) bool {
		if x.ID == d {
			old = x
		}
		return x.ID == d
	})
	if len(addresses) > 0 {
		old.Addresses = bounded(addresses)
	}
	old.Seen = now.Unix()
	c.Devices = slices.Insert(c.Devices, 0, old)
	if len(c.Devices) > maxDevices {
		c.Devices = c.Devices[:maxDevices]
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
