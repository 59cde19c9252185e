package standin

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/covey-p2p/covey/node/session"
)

// state is an epoch seen from one leaf.
type state struct {
	eng  *Engine
	id   session.EpochID
	ep   *epoch
	self session.Identity
	leaf uint32

	keys           *keys
	erased, loaded bool
}

func (e *Engine) state(ep *epoch, self session.Identity, leaf uint32, parent session.EpochID) *state {
	s := &state{eng: e, ep: ep, self: self, leaf: leaf}
	s.Follow(parent)
	return s
}

// Follow implements [session.Epoch].
func (s *state) Follow(parent session.EpochID) { s.id = session.ChildOf(parent, s.ep.id) }

func (s *state) ID() session.EpochID     { return s.id }
func (s *state) Core() session.Core      { return s.ep.id }
func (s *state) Number() uint64          { return s.ep.number }
func (s *state) Group() []byte           { return s.ep.group }
func (s *state) Context() []byte         { return s.ep.context }
func (s *state) Members() []session.Leaf { return s.ep.leaves }
func (s *state) Self() uint32            { return s.leaf }

func (s *state) Export(label string, size int) []byte {
	var out []byte
	for i := byte(0); len(out) < size; i++ {
		h := hash("export", s.ep.secret[:], []byte(label), []byte{i})
		out = append(out, h[:]...)
	}
	return out[:size]
}

func (s *state) Authenticator() []byte { return s.Export("authenticator", 32) }

func (s *state) Save([]session.Epoch) []session.Cell {
	v := append(binary.BigEndian.AppendUint32(nil, s.leaf), 0)
	if s.erased {
		v[4] = 1
	}
	return []session.Cell{{Name: epochCell(s.ep.id), Value: v}}
}

func (s *state) Drop([]session.Epoch) []string { return []string{epochCell(s.ep.id)} }
func (s *state) Erase()                        { s.erased = true }
func (s *state) Alive() bool                   { return !s.erased }

// A commit is: parent, author leaf, nonce, new policy (optional), data,
// removed leaves, malformed leaves, added key packages, signature, tag.
type commit struct {
	parent    session.Core
	author    uint32
	nonce     [32]byte
	change    session.Edit
	malformed []uint32
	signed    []byte // all before the signature
	signature []byte
	tag       [32]byte // hash of the child's secret: confirms it
	whole     []byte
}

func (c *commit) encode(sign func([]byte) []byte) {
	w := writer{}
	w.bytes(c.parent[:])
	w.u32(c.author)
	w.bytes(c.nonce[:])
	if c.change.Context != nil {
		w.u32(1)
		w.bytes(c.change.Context)
	} else {
		w.u32(0)
	}
	w.bytes(c.change.Data)
	for _, list := range [][]uint32{c.change.Remove, c.malformed} {
		w.u32(uint32(len(list)))
		for _, v := range list {
			w.u32(v)
		}
	}
	w.u32(uint32(len(c.change.Add)))
	for _, a := range c.change.Add {
		w.bytes(a)
	}
	c.signed = w.b[:len(w.b):len(w.b)]
	c.signature = sign(c.signed)
	w.bytes(c.signature)
	c.whole = w.b
}

func parse(b []byte) (*commit, bool) {
	r := reader{b: b}
	c := &commit{whole: b}
	c.parent = session.Core(r.fixed())
	c.author = r.u32()
	c.nonce = r.fixed()
	if r.u32() == 1 {
		c.change.Context = r.bytes()
	}
	c.change.Data = r.bytes()
	for _, list := range []*[]uint32{&c.change.Remove, &c.malformed} {
		for n := r.u32(); n > 0 && !r.bad; n-- {
			*list = append(*list, r.u32())
		}
	}
	for n := r.u32(); n > 0 && !r.bad; n-- {
		c.change.Add = append(c.change.Add, r.bytes())
	}
	c.signed = b[:len(b)-len(r.b)]
	c.signature = r.bytes()
	c.tag = r.fixed()
	return c, r.done()
}

// next is the child of s by c, before its tag is known to be right.
func (s *state) next(c *commit) (*epoch, []session.Leaf, error) {
	child := &epoch{number: s.ep.number + 1, group: s.ep.group, context: s.ep.context, leaves: slices.Clone(s.ep.leaves)}
	if c.change.Context != nil {
		child.context = c.change.Context
	}
	for _, r := range c.change.Remove {
		i, ok := find(child.leaves, r)
		if !ok || r == c.author {
			return nil, nil, fmt.Errorf("%w: removes leaf %d", session.ErrInvalid, r)
		}
		child.leaves = slices.Delete(child.leaves, i, i+1)
	}
	added, err := s.add(child, c.change.Add)
	if err != nil {
		return nil, nil, err
	}
	if i, ok := find(child.leaves, c.author); ok {
		child.leaves[i].Stamp = hash("leaf", c.nonce[:])
	}
	child.secret = hash("secret", s.ep.secret[:], c.signed)
	return child, added, nil
}

func (s *state) add(child *epoch, packages [][]byte) (added []session.Leaf, err error) {
	for _, b := range packages {
		k, err := s.eng.readKeyPackage(b)
		if err != nil {
			return nil, err
		}
		at := 0
		for at < len(child.leaves) && child.leaves[at].Index == uint32(at) {
			at++
		}
		if slices.ContainsFunc(child.leaves, func(l session.Leaf) bool { return l.Device == k.device }) {
			return nil, fmt.Errorf("%w: adds a device twice", session.ErrInvalid)
		}
		child.leaves = slices.Insert(child.leaves, at, k.leaf(uint32(at)))
		added = append(added, child.leaves[at])
	}
	return added, nil
}

func find(leaves []session.Leaf, index uint32) (int, bool) {
	return slices.BinarySearchFunc(leaves, index, func(l session.Leaf, i uint32) int { return int(l.Index) - int(i) })
}

func (s *state) Commit(change session.Edit, rand io.Reader) (session.Built, error) {
	if s.erased {
		return session.Built{}, fmt.Errorf("%w: erased", session.ErrInvalid)
	}
	c := &commit{parent: s.ep.id, author: s.leaf, change: change}
	if _, err := io.ReadFull(rand, c.nonce[:]); err != nil {
		return session.Built{}, err
	}
	if s.eng.Tamper != nil {
		c.malformed = s.eng.Tamper(s.self)
	}
	c.encode(func(b []byte) []byte { return s.eng.Sign(s.self.Secret, "commit", b) })
	child, added, err := s.next(c)
	if err != nil {
		return session.Built{}, err
	}
	tag := hash("confirm", child.secret[:])
	w := writer{b: c.whole}
	w.bytes(tag[:])
	child = s.eng.intern(child)
	built := session.Built{Commit: w.b, Applied: s.applied(c, child, added)}
	if len(added) > 0 {
		w := writer{}
		w.bytes(child.id[:])
		w.bytes(child.secret[:])
		for _, l := range added {
			w.bytes(l.Stamp[:])
		}
		built.Welcome = w.b
	}
	return built, nil
}

func (s *state) applied(c *commit, child *epoch, added []session.Leaf) session.Applied {
	a := session.Applied{Author: c.author, Added: added, Removed: c.change.Remove,
		Context: c.change.Context, Data: c.change.Data, Core: child.id}
	if !slices.Contains(c.change.Remove, s.leaf) {
		a.Next = s.eng.state(child, s.self, s.leaf, s.id)
	}
	return a
}

func (s *state) Apply(b []byte) (session.Applied, error) {
	o, err := s.opened(b)
	switch {
	case s.erased:
		return session.Applied{}, fmt.Errorf("%w: erased", session.ErrInvalid)
	case err != nil:
		return session.Applied{}, err
	case o.commit.author == s.leaf:
		return session.Applied{}, session.ErrOwn
	}
	a := s.applied(o.commit, o.child, o.added)
	if slices.Contains(o.commit.malformed, s.leaf) {
		a.Next = nil
		return a, session.ErrPath
	}
	return a, nil
}

// opening is what all members of an epoch find in a commit on it.
type opening struct {
	commit *commit
	child  *epoch
	added  []session.Leaf
}

// opened opens a commit, or finds what another member has found.
func (s *state) opened(b []byte) (*opening, error) {
	name := hash("opened", s.ep.id[:], b)
	if o := s.eng.openings[name]; o != nil {
		return o, nil
	}
	c, ok := parse(slices.Clone(b))
	if !ok || c.parent != s.ep.id {
		return nil, fmt.Errorf("%w: commit of another epoch or malformed", session.ErrInvalid)
	}
	i, ok := find(s.ep.leaves, c.author)
	if !ok || !s.eng.Verify([32]byte(s.ep.leaves[i].Device), "commit", c.signed, c.signature) {
		return nil, fmt.Errorf("%w: signature", session.ErrInvalid)
	}
	child, added, err := s.next(c)
	if err != nil {
		return nil, err
	}
	if hash("confirm", child.secret[:]) != c.tag {
		return nil, fmt.Errorf("%w: confirmation", session.ErrInvalid)
	}
	if len(s.eng.openings) >= maxOpenings {
		clear(s.eng.openings)
	}
	o := &opening{c, s.eng.intern(child), added}
	s.eng.openings[name] = o
	return o, nil
}
