package schedule

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
)

// What a caller of Ratchets does next differs by these.
var (
	// ErrUsed: the key was used. Drop the message; it is a replay.
	ErrUsed = errors.New("schedule: message key is used (RFC 9420 §9.2)")
	// ErrTooFar: the message lies more than MaxForward ahead of its sender's
	// last, or more than MaxKept would be passed over. Try again after those in
	// between.
	ErrTooFar = errors.New("schedule: message is too far ahead of its sender's last (RFC 9420 §15.3)")
	// ErrNoLeaf: no such leaf in this epoch's tree.
	ErrNoLeaf = errors.New("schedule: no such leaf in the secret tree")
	// ErrExhausted: the ratchet has come to its end; only a new epoch helps.
	ErrExhausted = errors.New("schedule: ratchet is exhausted")
)

// Leaf is the index of a leaf of the tree (RFC 9420 §4.2).
type Leaf uint32

// Generation is a position in a ratchet (RFC 9420 §9.1).
type Generation uint32

// Kind tells the two ratchets of a leaf apart (RFC 9420 §9.1).
type Kind uint8

// The kinds of ratchet.
const (
	Handshake Kind = iota
	Application
)

var kindLabels = [...]string{Handshake: "handshake", Application: "application"}

// node numbers the secret tree as a heap: the root is 1, the children of n are
// 2n and 2n+1, and leaf i of a tree of w leaves is w+i.
type node uint32

// chain names one ratchet: twice the leaf, plus the kind.
type chain uint32

func chainOf(leaf Leaf, kind Kind) chain { return chain(leaf)<<1 | chain(kind) }

// Ratchets is the secret tree of one epoch and the message ratchets at its
// leaves (RFC 9420 §9). It keeps only what is not consumed. It prints as
// ‹redacted› and is not safe for concurrent use.
//
// Its invariants, for a tree of w leaves:
//  1. nodes is an antichain: no node in it is an ancestor of another.
//  2. a leaf below none of nodes has both its ratchets in chains.
//  3. kept keys of a ratchet are sorted, below its next generation, and at most
//     MaxKept.
type Ratchets struct {
	suite  *suite.Suite
	width  uint32
	nodes  map[node]suite.Secret
	chains map[chain]*ratchet
}

// ratchet is one sender ratchet: the secret of the next generation and the keys
// passed over.
type ratchet struct {
	next   Generation
	secret suite.Secret
	kept   []Key
}

// Format implements [fmt.Formatter].
func (*Ratchets) Format(f fmt.State, _ rune) { suite.Redact(f) }

// NewRatchets starts the message keys of an epoch whose tree has that many
// leaves, blank ones too. It takes over the encryption secret, which is erased
// on first use.
func NewRatchets(s *suite.Suite, encryption suite.Secret, leaves int) *Ratchets {
	r := emptyRatchets(s, leaves)
	r.nodes[1] = encryption
	return r
}

func emptyRatchets(s *suite.Suite, leaves int) *Ratchets {
	if leaves < 1 || leaves > MaxLeaves {
		panic(fmt.Sprintf("schedule: secret tree of %d leaves", leaves))
	}
	width := uint32(1) << bits.Len32(uint32(leaves-1))
	return &Ratchets{suite: s, width: width, nodes: map[node]suite.Secret{}, chains: map[chain]*ratchet{}}
}

// Erase ends the epoch's message keys.
func (r *Ratchets) Erase() {
	for _, s := range r.nodes {
		s.Erase()
	}
	for _, c := range r.chains {
		c.secret.Erase()
		for i := range c.kept {
			c.kept[i].Erase()
		}
	}
	clear(r.nodes)
	clear(r.chains)
}

// Next takes the next key of a ratchet, for sending. The cells must be written
// before anything made with the key leaves. Erase the key after use.
func (r *Ratchets) Next(leaf Leaf, kind Kind) (Key, []Cell, error) {
	var changed cells
	c, err := r.open(leaf, kind, &changed)
	if err != nil {
		return Key{}, nil, err
	}
	if c.next > MaxGeneration {
		return Key{}, nil, ErrExhausted
	}
	k := r.derive(c.secret, c.next)
	r.step(c)
	changed.putChain(chainOf(leaf, kind), c)
	return k, changed, nil
}

// Key finds the key of a received message and changes nothing. Its errors are
// ErrUsed, ErrTooFar and ErrNoLeaf. Erase the key after use; once the message
// is verified, call Use.
func (r *Ratchets) Key(leaf Leaf, kind Kind, generation Generation) (Key, error) {
	if i, c := r.find(leaf, kind, generation); i >= 0 {
		return c.kept[i], nil
	}
	var memory [maxNh]byte
	defer clear(memory[:])
	secret := suite.Secret(memory[:r.suite.Nh()])
	at, err := r.head(secret, leaf, kind)
	if err != nil {
		return Key{}, err
	}
	if err := r.reachable(leaf, kind, generation); err != nil {
		return Key{}, err
	}
	for ; at < generation; at++ {
		r.suite.DeriveTreeInto(secret, secret, "secret", uint32(at))
	}
	return r.derive(secret, generation), nil
}

// Use consumes the key that Key found, and fails where Key does. The cells must
// be written before the message is believed.
func (r *Ratchets) Use(leaf Leaf, kind Kind, generation Generation) ([]Cell, error) {
	var changed cells
	id := chainOf(leaf, kind)
	if i, c := r.find(leaf, kind, generation); i >= 0 {
		c.kept = slices.Delete(c.kept, i, i+1) // which clears what it frees
		changed.drop(keptKey(id, generation))
		return changed, nil
	}
	if err := r.reachable(leaf, kind, generation); err != nil {
		return nil, err
	}
	c, err := r.open(leaf, kind, &changed)
	if err != nil {
		return nil, err
	}
	if c.next < generation {
		r.pass(id, c, generation, &changed)
	}
	r.step(c)
	changed.putChain(id, c)
	return changed, nil
}

// reachable reports whether a ratchet may be wound to generation.
func (r *Ratchets) reachable(leaf Leaf, kind Kind, generation Generation) error {
	var next Generation
	kept := 0
	if c := r.opened(leaf, kind); c != nil {
		next, kept = c.next, len(c.kept)
	}
	switch {
	case generation < next:
		return ErrUsed
	case generation > MaxGeneration || generation-next > min(MaxForward, MaxKept-Generation(kept)):
		return ErrTooFar
	default:
		return nil
	}
}

// has reports whether there is such a ratchet at all. Numbers from the network
// pass here before they become a chain.
func (r *Ratchets) has(leaf Leaf, kind Kind) bool {
	return uint32(leaf) < r.width && int(kind) < len(kindLabels)
}

// opened is the ratchet if it has been started, or nil.
func (r *Ratchets) opened(leaf Leaf, kind Kind) *ratchet {
	if !r.has(leaf, kind) {
		return nil
	}
	return r.chains[chainOf(leaf, kind)]
}

// find looks for a key passed over earlier; its index is -1 where there is none.
func (r *Ratchets) find(leaf Leaf, kind Kind, generation Generation) (int, *ratchet) {
	c := r.opened(leaf, kind)
	if c == nil || generation >= c.next {
		return -1, c
	}
	i, ok := slices.BinarySearchFunc(c.kept, generation, func(k Key, g Generation) int { return cmp.Compare(k.Generation, g) })
	if !ok {
		return -1, c
	}
	return i, c
}

// derive makes the key of a generation from its ratchet secret (RFC 9420 §9.1):
//
//	ratchet_nonce_[N]_[j] = DeriveTreeSecret(ratchet_secret_[N]_[j], "nonce", j, AEAD.Nn)
//	ratchet_key_[N]_[j]   = DeriveTreeSecret(ratchet_secret_[N]_[j], "key", j, AEAD.Nk)
func (r *Ratchets) derive(secret suite.Secret, generation Generation) Key {
	k := Key{Generation: generation, suite: r.suite}
	key, nonce := k.split()
	r.suite.DeriveTreeInto(key, secret, "key", uint32(generation))
	r.suite.DeriveTreeInto(nonce, secret, "nonce", uint32(generation))
	return k
}

// step consumes the ratchet secret for the next (RFC 9420 §9.1):
//
//	ratchet_secret_[N]_[j+1] = DeriveTreeSecret(ratchet_secret_[N]_[j], "secret", j, KDF.Nh)
func (r *Ratchets) step(c *ratchet) {
	r.suite.DeriveTreeInto(c.secret, c.secret, "secret", uint32(c.next))
	c.next++
}

// pass winds a ratchet to generation and keeps the keys it passes over; that
// there is room for them, reachable has said.
func (r *Ratchets) pass(id chain, c *ratchet, generation Generation, changed *cells) {
	old := len(c.kept)
	kept := make([]Key, old, old+int(generation-c.next))
	copy(kept, c.kept)
	clear(c.kept) // no copy stays behind
	for c.next < generation {
		kept = append(kept, r.derive(c.secret, c.next))
		r.step(c)
	}
	for i := range kept[old:] {
		changed.put(keptKey(id, kept[old+i].Generation), kept[old+i].secret())
	}
	c.kept = kept
}

// covering is the node from which a leaf's secret can still be derived.
func (r *Ratchets) covering(leaf Leaf) (node, bool) {
	for n := node(r.width) + node(leaf); n > 0; n >>= 1 {
		if _, ok := r.nodes[n]; ok {
			return n, true
		}
	}
	return 0, false
}

// head writes the secret a ratchet stands at into dst and returns its
// generation, whether or not the ratchet has been opened.
func (r *Ratchets) head(dst suite.Secret, leaf Leaf, kind Kind) (Generation, error) {
	if !r.has(leaf, kind) {
		return 0, ErrNoLeaf
	}
	if c := r.opened(leaf, kind); c != nil {
		copy(dst, c.secret)
		return c.next, nil
	}
	at, ok := r.covering(leaf)
	if !ok {
		return 0, ErrUsed // erased
	}
	copy(dst, r.nodes[at])
	bottom := node(r.width) + node(leaf)
	for depth := bits.Len32(uint32(bottom)) - bits.Len32(uint32(at)); depth > 0; depth-- {
		r.child(dst, dst, bottom>>(depth-1))
	}
	r.suite.ExpandInto(dst, dst, kindLabels[kind], nil)
	return 0, nil
}

// child derives the secret of n from its parent's (RFC 9420 §9).
func (r *Ratchets) child(dst, parent suite.Secret, n node) {
	side := "left"
	if n&1 == 1 {
		side = "right"
	}
	r.suite.ExpandInto(dst, parent, "tree", []byte(side))
}

// open returns a ratchet, started where need be: the path from the covering node
// to the leaf is consumed, and what branches off it joins the frontier.
func (r *Ratchets) open(leaf Leaf, kind Kind, changed *cells) (*ratchet, error) {
	if !r.has(leaf, kind) {
		return nil, ErrNoLeaf
	}
	if c := r.opened(leaf, kind); c != nil {
		return c, nil
	}
	at, ok := r.covering(leaf)
	if !ok {
		return nil, ErrUsed // erased
	}
	secret := r.nodes[at]
	delete(r.nodes, at)
	changed.drop(nodeKey(at))
	bottom := node(r.width) + node(leaf)
	for depth := bits.Len32(uint32(bottom)) - bits.Len32(uint32(at)); depth > 0; depth-- {
		next := bottom >> (depth - 1)
		branch := make(suite.Secret, r.suite.Nh())
		r.child(branch, secret, next^1)
		r.nodes[next^1] = branch
		changed.put(nodeKey(next^1), branch)
		r.child(secret, secret, next)
	}
	for k, label := range kindLabels {
		c := &ratchet{secret: r.suite.ExpandWithLabel(secret, label, nil, r.suite.Nh())}
		r.chains[chainOf(leaf, Kind(k))] = c
		if Kind(k) != kind { // the caller changes this one and writes it then
			changed.putChain(chainOf(leaf, Kind(k)), c)
		}
	}
	secret.Erase()
	return r.chains[chainOf(leaf, kind)], nil
}
