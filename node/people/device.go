package people

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Several devices of one account. The account's key stays on the device that
// made it. Another device, new and empty, shows a code; whoever carries it to the
// first is who joins the two, so no other proof is asked for:
//
//	new     a code: its device key, where it is, and a secret for a few minutes
//	first   vouches for that key and sends the secret, its certificate, whom the
//	        account knows, and where its other devices are (Adoption)
//	new     checks the secret and the certificate and is of that account from its
//	        next start on
//
// The secret keeps anybody else from making the new device theirs while it waits.

// Sibling is another device of my account.
type Sibling struct {
	ID        session.Device `cbor:"1,keyasint"`
	Addresses [][]byte       `cbor:"2,keyasint,omitempty"`
	Since     int64          `cbor:"3,keyasint"`           // Unix seconds
	Removed   bool           `cbor:"4,keyasint,omitempty"` // and to be taken out wherever it is
	Key       bool           `cbor:"5,keyasint,omitempty"` // it holds the account's key
}

// Code is what a new device shows.
type Code struct {
	Version   uint8          `cbor:"1,keyasint"`
	Device    session.Device `cbor:"2,keyasint"`
	Network   string         `cbor:"3,keyasint,omitempty"`
	Secret    []byte         `cbor:"4,keyasint"`
	Expires   int64          `cbor:"5,keyasint"` // Unix seconds
	Addresses [][]byte       `cbor:"6,keyasint,omitempty"`
}

// Adoption is what the account's first device sends to a new one.
type Adoption struct {
	Version     uint8     `cbor:"1,keyasint"`
	Secret      []byte    `cbor:"2,keyasint"`
	Certificate []byte    `cbor:"3,keyasint"` // of the new device
	Siblings    []Sibling `cbor:"4,keyasint"` // the sender first
	Contacts    []Contact `cbor:"5,keyasint,omitempty"`
}

// Errors of devices.
var (
	ErrCode   = errors.New("people: not a code of a new device")
	ErrLinked = errors.New("people: the account's key is on another device")
	ErrDevice = errors.New("people: no such device of mine")
	ErrInUse  = errors.New("people: this device has an account that is in use")
)

const (
	codeScheme  = "covey-device:"
	codeVersion = 1
	siblingRows = "me/device/"
)

// String writes a code.
func (c Code) String() string {
	c.Version = codeVersion
	c.Addresses = bounded(c.Addresses)
	return onPaper(codeScheme, c)
}

// ReadCode reads a code. Its error is ErrCode or ErrExpired.
func ReadCode(s string, now time.Time) (Code, error) {
	var c Code
	if !offPaper(s, codeScheme, &c) || c.Version != codeVersion || len(c.Secret) != secretSize || len(c.Network) > MaxName {
		return Code{}, ErrCode
	}
	if c.Expires <= now.Unix() {
		return Code{}, ErrExpired
	}
	c.Addresses = bounded(c.Addresses)
	return c, nil
}

// Encode writes an Adoption.
func (a Adoption) Encode() []byte { a.Version = codeVersion; return encode(a) }

// ReadAdoption reads an Adoption; nothing is checked yet.
func ReadAdoption(b []byte) (Adoption, error) {
	var a Adoption
	if err := wide.Unmarshal(b, &a); err != nil || a.Version != codeVersion || len(a.Siblings) == 0 || len(a.Siblings) > maxDevices {
		return Adoption{}, ErrCode
	}
	for i := range a.Siblings {
		a.Siblings[i].Addresses = bounded(a.Siblings[i].Addresses)
	}
	return a, nil
}

// Siblings keeps the other devices of this account, and the code that is shown
// while this device waits to become one.
type Siblings struct {
	store *store.Store

	mu    sync.Mutex
	known map[session.Device]Sibling
	code  Code
}

// OpenSiblings reads them.
func OpenSiblings(st *store.Store) (*Siblings, error) {
	s := &Siblings{store: st, known: make(map[session.Device]Sibling)}
	for row, err := range st.Rows(siblingRows, "") {
		var sib Sibling
		if err == nil {
			err = cbor.Unmarshal(row.Value, &sib)
		}
		if err != nil {
			return nil, err
		}
		s.known[sib.ID] = sib
	}
	return s, nil
}

// All lists them, also those removed, by when they came.
func (s *Siblings) All() []Sibling {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Sibling, 0, len(s.known))
	for _, x := range s.known {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Sibling) int {
		if a.Since != b.Since {
			return int(a.Since - b.Since)
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return out
}

// Is reports whether a device is one of them and not removed.
func (s *Siblings) Is(d session.Device) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.known[d]
	return ok && !x.Removed
}

// Room is ErrFull where the account cannot have a further device: a new one that
// was told of it already could not go back.
func (s *Siblings) Room(d session.Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room(d)
}

func (s *Siblings) room(d session.Device) error {
	here := 0
	for _, x := range s.known {
		if !x.Removed {
			here++
		}
	}
	if _, again := s.known[d]; here >= maxDevices || !again && len(s.known) >= maxSiblings {
		return ErrFull
	}
	return nil
}

// Add enters a device. Its error is ErrFull, or the store's.
func (s *Siblings) Add(x Sibling) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.room(x.ID); err != nil {
		return err
	}
	return s.save(x)
}

// Remove marks a device as lost: it is taken out wherever it is found.
func (s *Siblings) Remove(d session.Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.known[d]
	if !ok {
		return ErrDevice
	}
	x.Removed = true
	return s.save(x)
}

func (s *Siblings) save(x Sibling) error {
	if err := s.store.Put(siblingRows, []session.Row{siblingRow(x)}); err != nil {
		return err
	}
	s.known[x.ID] = x
	return nil
}

func siblingRow(x Sibling) session.Row {
	return session.Row{Key: hex.EncodeToString(x.ID[:]), Value: encode(x)}
}

// Show makes a code that this device can be adopted by, in place of any before.
func (s *Siblings) Show(me session.Device, network string, addresses [][]byte, now time.Time) Code {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.code = Code{Device: me, Network: network, Secret: random(secretSize), Expires: now.Add(CodeLife).Unix(), Addresses: addresses}
	return s.code
}

// spend reports that a secret is that of the code shown, which then ends.
func (s *Siblings) spend(secret []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	good := len(s.code.Secret) == secretSize && s.code.Expires > now.Unix() && subtle.ConstantTimeCompare(s.code.Secret, secret) == 1
	if good {
		s.code = Code{}
	}
	return good
}

// Adopt makes this device one of the account that an adoption comes from: from
// the next start on, as all that runs has the old account. Whoever calls it has
// made sure that the old one is in no use.
func (s *Siblings) Adopt(me *Self, a Adoption, now time.Time) (session.Certificate, error) {
	mine := me.Identity()
	cert, err := session.ReadCertificate(me.engine, a.Certificate, mine.Device)
	if err != nil {
		return cert, err
	}
	if cert.Account == mine.Account || !s.spend(a.Secret, now) {
		return cert, ErrCode
	}
	rows := []session.Row{{Key: rowSelf, Value: encode(selfRow{
		Version: selfVersion, Device: me.DeviceSeed(), Name: cert.Name, Created: now.Unix(), Certificate: a.Certificate,
	})}}
	for i, x := range a.Siblings {
		row := siblingRow(Sibling{ID: x.ID, Addresses: x.Addresses, Since: x.Since, Key: i == 0})
		row.Key = siblingRows + row.Key
		rows = append(rows, row)
	}
	for _, c := range a.Contacts {
		if len(c.Name) <= MaxName && len(c.Claims) <= MaxName && len(c.Devices) <= maxDevices && (c.State == Known || c.State == Blocked) {
			rows = append(rows, session.Row{Key: contactRows + hex.EncodeToString(c.Account[:]), Value: encode(c)})
		}
	}
	return cert, s.store.Put("", rows)
}

// Vouch makes the certificate by which the account takes a device in.
func (s *Self) Vouch(d session.Device) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.row.Account == nil {
		return nil, ErrLinked
	}
	return session.Certify(s.engine, s.row.Account, d, s.row.Name)
}

// Holds reports whether the account's key is on this device.
func (s *Self) Holds() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.row.Account != nil
}

// Handed are the contacts that go along with an adoption: those that matter most
// to a new device, and no more than fit.
func (b *Book) Handed() (out []Contact) {
	for _, c := range b.Contacts() {
		if (c.State == Known || c.State == Blocked) && len(out) < maxAdopted {
			c.Secret, c.Hello = nil, ""
			c.Devices = c.Devices[:min(len(c.Devices), 2)]
			out = append(out, c)
		}
	}
	return out
}
