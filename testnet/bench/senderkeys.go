package bench

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// SenderKeys gives each member one chain and one signing key, handed out over
// pairwise channels. A message is encrypted and signed once. Whoever has a
// chain reads all that follows on it, so a removal makes every member hand
// out a new one, and so does the wish to recover from a theft.
type SenderKeys struct{}

// Name implements [Protocol].
func (SenderKeys) Name() string { return "sender-keys" }

// New implements [Protocol].
func (SenderKeys) New() (Group, error) {
	p, err := Pairwise{}.New()
	if err != nil {
		return nil, err
	}
	g := &senders{pairs: p.(*pairs), chains: []map[int]*chain{{}}}
	_, err = g.hand(0)
	return g, err
}

type senders struct {
	pairs  *pairs
	chains []map[int]*chain // [reader][sender]; a sender's own is its sending chain
}

// chain is one sender's, as one member has it.
type chain struct {
	key    []byte
	count  uint32
	public ed25519.PublicKey
	secret ed25519.PrivateKey // the sender's own copy only
}

// Size implements [Group].
func (g *senders) Size() int { return g.pairs.Size() }

// hand makes a new chain for a member and gives it to everybody else.
func (g *senders) hand(member int) (c Cost, err error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return c, err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return c, err
	}
	g.chains[member][member] = &chain{key: key, public: public, secret: secret}
	for other := range g.Size() {
		if other != member {
			if err := g.give(member, other, &c); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// give sends a member's chain, as it stands, to one other.
func (g *senders) give(member, other int, c *Cost) error {
	own := g.chains[member][member]
	text := binary.BigEndian.AppendUint32(append(append([]byte(nil), own.key...), own.public...), own.count)
	e, err := g.pairs.end(member, other)
	if err != nil {
		return err
	}
	sealed, err := e.seal(text)
	if err != nil {
		return err
	}
	c.add(len(sealed))
	back, err := g.pairs.end(other, member)
	if err != nil {
		return err
	}
	text, err = back.open(sealed)
	if err != nil {
		return err
	}
	g.chains[other][member] = &chain{key: text[:32:32], public: text[32:64:64], count: binary.BigEndian.Uint32(text[64:])}
	return nil
}

// Add implements [Group]: everybody hands their chain, as it stands now, to
// those who came, and those who came hand theirs to everybody.
func (g *senders) Add(n int) (c Cost, err error) {
	for range n {
		before := g.Size()
		told, err := g.pairs.Add(1)
		if err != nil {
			return c, err
		}
		c.Messages, c.Bytes = c.Messages+told.Messages, c.Bytes+told.Bytes
		g.chains = append(g.chains, map[int]*chain{})
		for old := range before {
			if err := g.give(old, before, &c); err != nil {
				return c, err
			}
		}
		handed, err := g.hand(before)
		if err != nil {
			return c, err
		}
		c.Messages, c.Bytes = c.Messages+handed.Messages, c.Bytes+handed.Bytes
	}
	return c, nil
}

// Remove implements [Group]: n(n-1) messages.
func (g *senders) Remove() (c Cost, err error) {
	if c, err = g.pairs.Remove(); err != nil {
		return c, err
	}
	g.chains = g.chains[:g.Size()]
	for member := range g.Size() {
		delete(g.chains[member], g.Size())
		handed, err := g.hand(member)
		if err != nil {
			return c, err
		}
		c.Messages, c.Bytes = c.Messages+handed.Messages, c.Bytes+handed.Bytes
	}
	return c, nil
}

// Rotate implements [Group]: fresh keys in the member's channels, and a new
// chain over them. The chains of others, which the thief has too, stay as they
// are: a whole recovery takes everybody's.
func (g *senders) Rotate(member int) (c Cost, err error) {
	if c, err = g.pairs.Rotate(member); err != nil {
		return c, err
	}
	handed, err := g.hand(member)
	c.Messages, c.Bytes = c.Messages+handed.Messages, c.Bytes+handed.Bytes
	return c, err
}

// Send implements [Group].
func (g *senders) Send(member int, text []byte) (Sealed, error) {
	if member >= g.Size() {
		return Sealed{}, noMember(member)
	}
	own := g.chains[member][member]
	out := binary.BigEndian.AppendUint32(nil, own.count)
	aead, nonce, err := messageCipher(step(&own.key))
	if err != nil {
		return Sealed{}, err
	}
	own.count++
	out = aead.Seal(out, nonce, text, out)
	return Sealed{From: member, All: append(out, ed25519.Sign(own.secret, out)...)}, nil
}

// Read implements [Group].
func (g *senders) Read(member int, s Sealed) ([]byte, error) {
	if member >= g.Size() {
		return nil, noMember(member)
	}
	c := g.chains[member][s.From]
	if c == nil {
		return nil, errors.New("this member has no chain of the sender's")
	}
	cut := len(s.All) - ed25519.SignatureSize
	if cut < 4 {
		return nil, errors.New("the message is cut short")
	}
	body, sig := s.All[:cut], s.All[cut:]
	if !ed25519.Verify(c.public, body, sig) {
		return nil, errors.New("the signature does not fit")
	}
	n := binary.BigEndian.Uint32(body)
	if n < c.count {
		return nil, fmt.Errorf("message %d is older than this chain, which begins at %d", n, c.count)
	}
	key := c.key
	for range n - c.count {
		step(&key)
	}
	aead, nonce, err := messageCipher(step(&key))
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, nonce, body[4:], body[:4])
	if err != nil {
		return nil, err
	}
	c.key, c.count = key, n+1
	return text, nil
}
