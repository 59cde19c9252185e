package people

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Self is the account and the device of this node. An account key vouches for
// device keys; a device key signs leaves and is the host's identity too.
type Self struct {
	store  *store.Store
	engine session.Engine

	mu  sync.RWMutex
	row selfRow
	id  session.Identity
}

type selfRow struct {
	Version uint8  `cbor:"1,keyasint"`
	Account []byte `cbor:"2,keyasint"` // Ed25519 seeds; that of the account is on its first device alone
	Device  []byte `cbor:"3,keyasint"`
	Name    string `cbor:"4,keyasint"`
	Created int64  `cbor:"5,keyasint"` // Unix seconds
	// Certificate is the account's word for this device, where its key is elsewhere.
	Certificate []byte `cbor:"6,keyasint,omitempty"`
}

const (
	selfVersion = 1
	rowSelf     = "me/identity"
	unnamed     = "anonymous"
)

// OpenSelf reads who this node is, or, in a new store, makes an account that goes
// by the given name, which may be empty.
func OpenSelf(st *store.Store, e session.Engine, name string) (*Self, error) {
	s := &Self{store: st, engine: e}
	b, err := st.Get("", rowSelf)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.row = selfRow{Version: selfVersion, Account: random(ed25519.SeedSize), Device: random(ed25519.SeedSize), Name: name, Created: time.Now().Unix()}
		if name == "" {
			s.row.Name = unnamed
		}
		if err := st.Put("", []session.Row{{Key: rowSelf, Value: encode(s.row)}}); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	default:
		if err := cbor.Unmarshal(b, &s.row); err != nil || s.row.Version != selfVersion {
			return nil, fmt.Errorf("the identity in this directory is of a version that this program does not know: %w", err)
		}
	}
	s.id, err = s.row.identity(e)
	return s, err
}

// identity is what the row says in the words of sessions.
func (r *selfRow) identity(e session.Engine) (session.Identity, error) {
	if r.Account != nil {
		return session.NewIdentity(e, r.Account, r.Device, r.Name)
	}
	id := session.Identity{Device: session.Device(e.Public(r.Device)), Certificate: r.Certificate, Secret: r.Device}
	cert, err := session.ReadCertificate(e, r.Certificate, id.Device)
	id.Account = cert.Account
	return id, err
}

// Identity is what sessions act under.
func (s *Self) Identity() session.Identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.id
}

// Name is what the account calls itself.
func (s *Self) Name() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.row.Name
}

// DeviceSeed is the seed of the device's key. It is not to be kept.
func (s *Self) DeviceSeed() []byte { return s.row.Device }

// Rename changes the name that the account claims, in certificates made from
// now on.
func (s *Self) Rename(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row.Account == nil {
		return ErrLinked
	}
	row := s.row
	row.Name = name
	id, err := session.NewIdentity(s.engine, row.Account, row.Device, name)
	if err != nil {
		return err
	}
	if err := s.store.Put("", []session.Row{{Key: rowSelf, Value: encode(row)}}); err != nil {
		return err
	}
	s.row, s.id = row, id
	return nil
}

// AccountSeed is the seed of the account's key, or nil where it is on another
// device. It is not to be kept.
func (s *Self) AccountSeed() []byte { return s.row.Account }
