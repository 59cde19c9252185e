package standin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/covey-p2p/covey/node/session"
)

// Engine implements [session.Engine]. Sessions that are to meet share one; it
// is not safe for concurrent use.
type Engine struct {
	epochs   map[session.Core]*epoch
	openings map[[32]byte]*opening // commits that members lately opened, by hash
	// Tamper, where set, is called for each commit made and may name leaves
	// whose path is to be malformed (they get session.ErrPath).
	Tamper func(self session.Identity) []uint32
}

// maxOpenings is how many commits are opened once for all: those of a few
// seconds in a thousand groups. What members find then is found anew.
const maxOpenings = 1 << 10

// New returns an engine with no groups.
func New() *Engine {
	return &Engine{epochs: map[session.Core]*epoch{}, openings: map[[32]byte]*opening{}}
}

// epoch is what all members of an epoch share.
type epoch struct {
	id      session.Core
	number  uint64
	group   []byte
	context []byte
	leaves  []session.Leaf // by index, occupied only
	secret  [32]byte
}

func hash(label string, parts ...[]byte) [32]byte {
	h := sha256.New()
	var n [4]byte
	for _, p := range append([][]byte{[]byte("standin " + label)}, parts...) {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}

// Public implements [session.Engine].
func (e *Engine) Public(secret []byte) [32]byte { return hash("public", secret) }

// Sign implements [session.Engine]; 64 bytes, as Ed25519.
func (e *Engine) Sign(secret []byte, label string, content []byte) []byte {
	pub := e.Public(secret)
	s := hash("signature", pub[:], []byte(label), content)
	return append(s[:], make([]byte, 32)...)
}

// Verify implements [session.Engine].
func (e *Engine) Verify(public [32]byte, label string, content, signature []byte) bool {
	s := hash("signature", public[:], []byte(label), content)
	return len(signature) == 64 && [32]byte(signature) == s
}

// Seal implements [session.Engine]: a tag that depends on the key, then plain.
func (e *Engine) Seal(key session.Key, aad, plain []byte, rand io.Reader) ([]byte, error) {
	nonce := make([]byte, 12)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	tag := hash("seal", key[:], nonce, aad, plain)
	return append(append(nonce, tag[:16]...), plain...), nil
}

// Open implements [session.Engine].
func (e *Engine) Open(key session.Key, aad, sealed []byte) ([]byte, bool) {
	if len(sealed) < 28 {
		return nil, false
	}
	tag := hash("seal", key[:], sealed[:12], aad, sealed[28:])
	return sealed[28:], [16]byte(tag[:]) == [16]byte(sealed[12:])
}

// keyPackage is the stand-in's: who, and a fresh key.
type keyPackage struct {
	device session.Device
	cert   []byte
	fresh  [32]byte
	raw    []byte
}

// NewKeyPackage implements [session.Engine].
func (e *Engine) NewKeyPackage(self session.Identity, _ session.Time, rand io.Reader) (session.Package, error) {
	private := make([]byte, 32)
	if _, err := io.ReadFull(rand, private); err != nil {
		return session.Package{}, err
	}
	fresh := hash("init", private)
	w := writer{}
	w.bytes(self.Device[:])
	w.bytes(self.Certificate)
	w.bytes(fresh[:])
	w.bytes(e.Sign(self.Secret, "key package", w.b))
	return session.Package{Public: w.b, Private: private}, nil
}

func (e *Engine) readKeyPackage(b []byte) (keyPackage, error) {
	r := reader{b: b}
	k := keyPackage{raw: b}
	device := r.fixed()
	k.device = session.Device(device)
	k.cert = r.bytes()
	k.fresh = r.fixed()
	body := b[:len(b)-len(r.b)]
	sig := r.bytes()
	if !r.done() || !e.Verify(device, "key package", body, sig) {
		return k, fmt.Errorf("%w: key package", session.ErrInvalid)
	}
	return k, nil
}

func (k keyPackage) leaf(index uint32) session.Leaf {
	return session.Leaf{Index: index, Device: k.device, Certificate: k.cert, Stamp: k.fresh}
}

// ReadKeyPackage implements [session.Engine].
func (e *Engine) ReadKeyPackage(public []byte, _ session.Time) (session.Leaf, error) {
	k, err := e.readKeyPackage(public)
	return k.leaf(0), err
}

// Create implements [session.Engine].
func (e *Engine) Create(self session.Identity, group, context []byte, rand io.Reader) (session.Epoch, error) {
	var seed [32]byte
	if _, err := io.ReadFull(rand, seed[:]); err != nil {
		return nil, err
	}
	leaf := session.Leaf{Device: self.Device, Certificate: self.Certificate, Stamp: hash("leaf", seed[:])}
	ep := e.intern(&epoch{group: group, context: context, leaves: []session.Leaf{leaf}, secret: hash("secret", seed[:])})
	return e.state(ep, self, 0, session.EpochID{}), nil
}

// intern names an epoch and keeps one copy of it.
func (e *Engine) intern(ep *epoch) *epoch {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], ep.number)
	h := sha256.New()
	for _, l := range ep.leaves {
		binary.Write(h, binary.BigEndian, l.Index)
		h.Write(l.Stamp[:])
		h.Write(l.Device[:])
	}
	ep.id = hash("epoch", ep.group, n[:], ep.context, h.Sum(nil), ep.secret[:])
	if old := e.epochs[ep.id]; old != nil {
		return old
	}
	e.epochs[ep.id] = ep
	return ep
}

// Join implements [session.Engine].
func (e *Engine) Join(self session.Identity, welcome []byte, packages []session.Package) (session.Epoch, int, error) {
	r := reader{b: welcome}
	id := session.Core(r.fixed())
	secret := r.fixed()
	var refs [][32]byte
	for len(r.b) > 0 && !r.bad {
		refs = append(refs, r.fixed())
	}
	ep := e.epochs[id]
	if r.bad || ep == nil || ep.secret != secret {
		return nil, 0, fmt.Errorf("%w: welcome", session.ErrInvalid)
	}
	for i, p := range packages {
		k, err := e.readKeyPackage(p.Public)
		if err != nil || !slices.Contains(refs, k.fresh) || hash("init", p.Private) != k.fresh {
			continue
		}
		for _, l := range ep.leaves {
			if l.Stamp == k.fresh {
				return e.state(ep, self, l.Index, session.EpochID{}), i, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("%w: no key package of mine is welcome", session.ErrInvalid)
}

// Load implements [session.Engine]: what is saved names the shared part, so it
// can be taken back only where the engine is the same.
func (e *Engine) Load(self session.Identity, parent session.EpochID, core session.Core, cell func(string) ([]byte, bool)) (session.Epoch, error) {
	saved, ok := cell(epochCell(core))
	ep := e.epochs[core]
	if !ok || len(saved) != 5 || ep == nil {
		return nil, fmt.Errorf("%w: no such epoch saved, or of another engine", session.ErrInvalid)
	}
	s := e.state(ep, self, binary.BigEndian.Uint32(saved), parent)
	s.erased, s.loaded = saved[4] == 1, true
	return s, nil
}

func epochCell(id session.Core) string { return fmt.Sprintf("epoch/%x", id[:]) }
