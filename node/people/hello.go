package people

import (
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// Hello is what one node says to another to become known, or to be known
// better. The connection it comes over has authenticated the device.
type Hello struct {
	Version     uint8           `cbor:"1,keyasint"`
	To          session.Account `cbor:"2,keyasint"`
	Certificate []byte          `cbor:"3,keyasint"`
	Secret      []byte          `cbor:"4,keyasint,omitempty"` // of a link of the other's
	Stamp       *Stamp          `cbor:"5,keyasint,omitempty"`
	Text        string          `cbor:"6,keyasint,omitempty"`
	Addresses   [][]byte        `cbor:"7,keyasint,omitempty"`
}

// Reply answers a Hello.
type Reply struct {
	Version     uint8    `cbor:"1,keyasint"`
	Known       bool     `cbor:"2,keyasint,omitempty"` // both are known to each other now
	Need        uint8    `cbor:"3,keyasint,omitempty"` // say it again with a stamp of so many bits
	Certificate []byte   `cbor:"4,keyasint,omitempty"` // where Known
	Addresses   [][]byte `cbor:"5,keyasint,omitempty"`
}

const helloVersion = 1

// Heard is what a Hello changed here.
type Heard struct {
	Contact Contact
	Was     State  // 0: not in the book before
	Group   string // the link that was used invites to this group
}

// Encode writes a Hello.
func (h Hello) Encode() []byte { h.Version = helloVersion; return encode(h) }

// ReadHello reads a Hello; its fields are bounded, and nothing is checked yet.
func ReadHello(b []byte) (Hello, error) {
	var h Hello
	if err := strict.Unmarshal(b, &h); err != nil {
		return Hello{}, err
	}
	if h.Version != helloVersion || len(h.Text) > MaxHello {
		return Hello{}, ErrLink
	}
	h.Addresses = bounded(h.Addresses)
	return h, nil
}

// Encode writes a Reply.
func (r Reply) Encode() []byte { r.Version = helloVersion; return encode(r) }

// ReadReply reads a Reply.
func ReadReply(b []byte) (Reply, error) {
	var r Reply
	if err := strict.Unmarshal(b, &r); err != nil {
		return Reply{}, err
	}
	if r.Version != helloVersion {
		return Reply{}, ErrLink
	}
	r.Addresses = bounded(r.Addresses)
	return r, nil
}

// Hear takes a Hello from a device and says what to answer; the caller adds
// the certificate and addresses to an answer that is Known. It is an error to
// answer anything to what is no proper Hello to this account.
func (b *Book) Hear(from session.Device, h Hello, now time.Time) (Reply, Heard, error) {
	cert, err := session.ReadCertificate(b.engine, h.Certificate, from)
	if err != nil {
		return Reply{}, Heard{}, err
	}
	if h.To != b.self || cert.Account == b.self {
		return Reply{}, Heard{}, ErrLink
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := Contact{Account: cert.Account, State: Request, Added: now.Unix(), Hello: h.Text}
	var heard Heard
	if old, ok := b.contacts[cert.Account]; ok {
		c, heard.Was = old.clone(), old.State
	}
	var link Link
	redeemed := false
	if heard.Was != Blocked && heard.Was != Known {
		link, redeemed = b.redeem(h.Secret, now)
	}
	switch {
	case heard.Was == Blocked:
		return Reply{}, Heard{}, nil
	case redeemed:
		c.State, heard.Group = Known, link.Group
	case heard.Was == Asked, heard.Was == Known:
		c.State = Known
	case heard.Was == Request:
		// They ask again. Their new words are not shown: a person may be reading the old.
	case b.requests() >= MaxRequests || len(b.contacts) >= MaxContacts:
		return Reply{}, Heard{}, ErrFull
	case !b.spend(h.Stamp, cert.Account, now):
		return Reply{Need: StampBits}, Heard{}, nil
	}
	c.Claims = cert.Name
	c.saw(from, h.Addresses, now)
	if err := b.save(c); err != nil {
		return Reply{}, Heard{}, err
	}
	heard.Contact = c.clone()
	return Reply{Known: c.State == Known}, heard, nil
}

func (b *Book) requests() int {
	n := 0
	for _, c := range b.contacts {
		if c.State == Request {
			n++
		}
	}
	return n
}

// Ask enters the account of a link as somebody to say hello to.
func (b *Book) Ask(card Card, name, hello string, now time.Time) (Contact, error) {
	switch {
	case card.Account == b.self:
		return Contact{}, ErrSelf
	case len(name) > MaxName:
		return Contact{}, ErrName
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	c := Contact{Account: card.Account, State: Asked, Claims: card.Name, Added: now.Unix()}
	if old, ok := b.contacts[card.Account]; ok {
		c = old.clone()
		switch c.State {
		case Blocked:
			c.State, c.Before = Asked, 0 // whoever uses a link of theirs has changed their mind
		case Request:
			c.State = Known // they asked me; this accepts
		}
	} else if len(b.contacts) >= MaxContacts {
		return Contact{}, ErrFull
	}
	if name != "" {
		c.Name = name
	}
	if len(card.Secret) > 0 {
		c.Secret = card.Secret
	}
	if c.State == Asked {
		c.Hello = hello
	}
	c.saw(card.Device, card.Addresses, now)
	return c.clone(), b.save(c)
}

// Replied takes the answer to a Hello of mine, from a device. It reports the
// contact as it is then, and where it stood before.
func (b *Book) Replied(from session.Device, account session.Account, r Reply, now time.Time) (Contact, State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.contacts[account]
	if !ok {
		return Contact{}, 0, ErrNoContact
	}
	was := c.State
	if !r.Known || was != Asked && was != Known {
		return c.clone(), was, nil
	}
	cert, err := session.ReadCertificate(b.engine, r.Certificate, from)
	if err != nil {
		return Contact{}, was, err
	}
	if cert.Account != account {
		return Contact{}, was, session.ErrCertificate
	}
	changed := c.clone()
	changed.State, changed.Claims, changed.Secret, changed.Hello = Known, cert.Name, nil, ""
	changed.saw(from, r.Addresses, now)
	return changed.clone(), was, b.save(changed)
}
