package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Pairwise is a double ratchet between every two members: a message to the
// group is a message to each. Forward secrecy comes with every message, and a
// fresh Diffie-Hellman with every turn of a conversation.
type Pairwise struct{}

// Name implements [Protocol].
func (Pairwise) Name() string { return "pairwise" }

// New implements [Protocol].
func (Pairwise) New() (Group, error) {
	g := &pairs{ends: map[[2]int]*end{}}
	return g, g.join()
}

// pairs is a group of pairwise channels.
type pairs struct {
	identities []*ecdh.PrivateKey
	prekeys    []*ecdh.PrivateKey
	ends       map[[2]int]*end // [owner, other]
}

// Size implements [Group].
func (g *pairs) Size() int { return len(g.identities) }

func (g *pairs) join() error {
	id, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	pre, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	g.identities, g.prekeys = append(g.identities, id), append(g.prekeys, pre)
	return nil
}

// Add implements [Group]. Channels are opened when they are first used, so a
// join costs nothing but telling everybody who came.
func (g *pairs) Add(n int) (c Cost, err error) {
	for range n {
		if err := g.join(); err != nil {
			return c, err
		}
		for range g.Size() - 1 {
			c.add(identitySize)
		}
	}
	return c, nil
}

// identitySize is what announcing a member takes: two public keys.
const identitySize = 64

// Remove implements [Group]: everybody drops a channel.
func (g *pairs) Remove() (c Cost, err error) {
	gone := g.Size() - 1
	if gone < 1 {
		return c, errors.New("nobody is left to remove")
	}
	for other := range gone {
		delete(g.ends, [2]int{other, gone})
		delete(g.ends, [2]int{gone, other})
		if other > 0 {
			c.add(identitySize)
		}
	}
	g.identities, g.prekeys = g.identities[:gone], g.prekeys[:gone]
	return c, nil
}

// Rotate implements [Group]: a member takes a fresh key in every channel.
func (g *pairs) Rotate(member int) (c Cost, err error) {
	for other := range g.Size() {
		if other == member {
			continue
		}
		e, err := g.end(member, other)
		if err != nil {
			return c, err
		}
		if err := e.fresh(); err != nil {
			return c, err
		}
		sealed, err := e.seal(nil)
		if err != nil {
			return c, err
		}
		back, err := g.end(other, member)
		if err != nil {
			return c, err
		}
		if _, err := back.open(sealed); err != nil {
			return c, err
		}
		c.add(len(sealed))
	}
	return c, nil
}

// Send implements [Group].
func (g *pairs) Send(member int, text []byte) (Sealed, error) {
	if member >= g.Size() {
		return Sealed{}, noMember(member)
	}
	s := Sealed{From: member, Each: make(map[int][]byte, g.Size()-1)}
	for other := range g.Size() {
		if other == member {
			continue
		}
		e, err := g.end(member, other)
		if err != nil {
			return s, err
		}
		if s.Each[other], err = e.seal(text); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Read implements [Group].
func (g *pairs) Read(member int, s Sealed) ([]byte, error) {
	c, ok := s.Each[member]
	if !ok {
		return nil, errors.New("there is no ciphertext for this member")
	}
	e, err := g.end(member, s.From)
	if err != nil {
		return nil, err
	}
	return e.open(c)
}

// end returns one member's end of a channel, opening both ends if need be:
// three Diffie-Hellmans each, as in X3DH without one-time keys.
func (g *pairs) end(owner, other int) (*end, error) {
	if e := g.ends[[2]int{owner, other}]; e != nil {
		return e, nil
	}
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	a, err := agree([3]*ecdh.PrivateKey{g.identities[owner], ephemeral, ephemeral},
		[3]*ecdh.PublicKey{g.prekeys[other].PublicKey(), g.identities[other].PublicKey(), g.prekeys[other].PublicKey()})
	if err != nil {
		return nil, err
	}
	b, err := agree([3]*ecdh.PrivateKey{g.prekeys[other], g.identities[other], g.prekeys[other]},
		[3]*ecdh.PublicKey{g.identities[owner].PublicKey(), ephemeral.PublicKey(), ephemeral.PublicKey()})
	if err != nil {
		return nil, err
	}
	first := &end{root: a, theirs: g.prekeys[other].PublicKey()}
	if err := first.fresh(); err != nil {
		return nil, err
	}
	second := &end{root: b, mine: g.prekeys[other]}
	hello, err := first.seal(nil) // so that either may speak first
	if err != nil {
		return nil, err
	}
	if _, err := second.open(hello); err != nil {
		return nil, err
	}
	g.ends[[2]int{owner, other}], g.ends[[2]int{other, owner}] = first, second
	return first, nil
}

func agree(mine [3]*ecdh.PrivateKey, theirs [3]*ecdh.PublicKey) ([]byte, error) {
	var secret []byte
	for i := range mine {
		s, err := mine[i].ECDH(theirs[i])
		if err != nil {
			return nil, err
		}
		secret = append(secret, s...)
	}
	return hkdf.Key(sha256.New, secret, nil, "pairwise root", sha256.Size)
}

// end is one side of a double ratchet whose messages arrive in order.
type end struct {
	root        []byte
	mine        *ecdh.PrivateKey
	theirs      *ecdh.PublicKey
	sends       []byte // chain key
	reads       []byte
	sent        uint32
	heard       uint32
	turnPending bool // their key is new: take a fresh one before sending
}

// fresh takes a new key and a new sending chain.
func (e *end) fresh() (err error) {
	if e.mine, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return err
	}
	e.sent, e.turnPending = 0, false
	e.sends, err = e.turn()
	return err
}

// turn mixes the two current keys into the root and returns a chain.
func (e *end) turn() ([]byte, error) {
	dh, err := e.mine.ECDH(e.theirs)
	if err != nil {
		return nil, err
	}
	out, err := hkdf.Key(sha256.New, dh, e.root, "pairwise turn", 2*sha256.Size)
	if err != nil {
		return nil, err
	}
	e.root = out[:sha256.Size]
	return out[sha256.Size:], nil
}

// headerSize is a public key and a counter.
const headerSize = 32 + 4

func (e *end) seal(text []byte) ([]byte, error) {
	if e.theirs == nil {
		return nil, errors.New("nothing has been heard on this channel yet")
	}
	if e.sends == nil || e.turnPending {
		if err := e.fresh(); err != nil {
			return nil, err
		}
	}
	key := step(&e.sends)
	out := append(make([]byte, 0, headerSize+len(text)+16), e.mine.PublicKey().Bytes()...)
	out = binary.BigEndian.AppendUint32(out, e.sent)
	e.sent++
	aead, nonce, err := messageCipher(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(out, nonce, text, out), nil
}

func (e *end) open(sealed []byte) ([]byte, error) {
	if len(sealed) < headerSize {
		return nil, errors.New("the message is cut short")
	}
	header, body := sealed[:headerSize], sealed[headerSize:]
	key, err := ecdh.X25519().NewPublicKey(header[:32])
	if err != nil {
		return nil, err
	}
	if e.theirs == nil || !e.theirs.Equal(key) {
		e.theirs = key
		e.heard, e.turnPending = 0, true
		if e.reads, err = e.turn(); err != nil {
			return nil, err
		}
	}
	if n := binary.BigEndian.Uint32(header[32:]); n != e.heard {
		return nil, fmt.Errorf("message %d came where %d was due", n, e.heard)
	}
	e.heard++
	aead, nonce, err := messageCipher(step(&e.reads))
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nonce, body, header)
}

// step takes the next message key off a chain.
func step(chain *[]byte) []byte {
	key := mac(*chain, 1)
	*chain = mac(*chain, 2)
	return key
}

func mac(key []byte, label byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte{label})
	return h.Sum(nil)
}

// messageCipher makes AES-128-GCM and a nonce of one message key, the cipher
// that the MLS suite measured here has too.
func messageCipher(key []byte) (cipher.AEAD, []byte, error) {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, key[16:28], err
}
