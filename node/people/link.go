package people

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// LinkID names a link of mine.
type LinkID [16]byte

// Link is an invitation link of mine.
type Link struct {
	ID      LinkID `cbor:"1,keyasint"`
	Secret  []byte `cbor:"2,keyasint"`
	Group   string `cbor:"3,keyasint,omitempty"` // whoever uses it is invited there too
	Uses    int    `cbor:"4,keyasint"`           // left
	Expires int64  `cbor:"5,keyasint"`           // Unix seconds
	Created int64  `cbor:"6,keyasint"`
}

// Card is what a link says, to whoever gets it.
type Card struct {
	Version   uint8           `cbor:"1,keyasint"`
	Account   session.Account `cbor:"2,keyasint"`
	Device    session.Device  `cbor:"3,keyasint"`
	Name      string          `cbor:"4,keyasint,omitempty"`
	Network   string          `cbor:"5,keyasint,omitempty"`
	Secret    []byte          `cbor:"6,keyasint"`
	Expires   int64           `cbor:"7,keyasint"`
	Addresses [][]byte        `cbor:"8,keyasint,omitempty"`
}

const (
	scheme      = "covey:"
	cardVersion = 1
	secretSize  = 16
)

// NewLink makes a link: life is bounded, uses is at least one.
func (b *Book) NewLink(life time.Duration, uses int, group string, now time.Time) (Link, error) {
	if life <= 0 {
		life = DefaultLinkLife
	}
	l := Link{ID: LinkID(random(16)), Secret: random(secretSize), Group: group, Uses: max(uses, 1),
		Expires: now.Add(min(life, MaxLinkLife)).Unix(), Created: now.Unix()}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	if len(b.links) >= MaxLinks {
		return Link{}, ErrFull
	}
	return l, b.saveLink(&l)
}

func (b *Book) saveLink(l *Link) error {
	row := session.Row{Key: hex.EncodeToString(l.ID[:])}
	if l.Uses > 0 {
		row.Value = encode(l)
	}
	if err := b.store.Put(linkRows, []session.Row{row}); err != nil {
		return err
	}
	if l.Uses > 0 {
		b.links[l.ID] = l
	} else {
		delete(b.links, l.ID)
	}
	return nil
}

// sweep forgets links that have expired. A failure to write is of no moment:
// the next Open sweeps again.
func (b *Book) sweep(now time.Time) {
	for _, l := range b.links {
		if l.Expires <= now.Unix() {
			l.Uses = 0
			b.saveLink(l)
		}
	}
}

// Links lists the links that still work, oldest first.
func (b *Book) Links(now time.Time) []Link {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	var out []Link
	for l := range maps.Values(b.links) {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(x, y Link) int {
		if x.Created != y.Created {
			return int(x.Created - y.Created)
		}
		return bytes.Compare(x.ID[:], y.ID[:])
	})
	return out
}

// Revoke ends a link.
func (b *Book) Revoke(id LinkID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.links[id]
	if !ok {
		return ErrNoLink
	}
	gone := *l
	gone.Uses = 0
	return b.saveLink(&gone)
}

// redeem uses a link once, if the secret is of one that still works.
func (b *Book) redeem(secret []byte, now time.Time) (Link, bool) {
	if len(secret) != secretSize {
		return Link{}, false
	}
	for _, l := range b.links {
		if subtle.ConstantTimeCompare(l.Secret, secret) == 1 && l.Expires > now.Unix() {
			used := *l
			used.Uses--
			if b.saveLink(&used) != nil {
				return Link{}, false
			}
			return used, true
		}
	}
	return Link{}, false
}

// URL writes a card as a link.
func (c Card) URL() string {
	c.Version = cardVersion
	c.Addresses = bounded(c.Addresses)
	return onPaper(scheme, c)
}

// ReadLink reads a link. Its error is ErrLink or ErrExpired.
func ReadLink(url string, now time.Time) (Card, error) {
	var c Card
	if !offPaper(url, scheme, &c) || c.Version != cardVersion || len(c.Secret) != secretSize || len(c.Name) > MaxName || len(c.Network) > MaxName {
		return Card{}, ErrLink
	}
	if c.Expires <= now.Unix() {
		return Card{}, ErrExpired
	}
	c.Addresses = bounded(c.Addresses)
	return c, nil
}
