package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// meter is the engine of one seat: it does what the real one does, charges for
// it, and tells the books which states were reached and which keys were used.
// The faults that only an engine could have are put here too.
type meter struct {
	session.Engine
	s      *seat
	spent  time.Duration
	count  [opCount]int
	recent [4]session.Epoch // the states last reached: what a liar works from
	quiet  bool             // a liar's second session: not for the books
	// ignore, where set, makes messages of some devices unreadable here: a
	// leader that censors.
	ignore func(name string) bool
	// spoil, where set, may change what applying a commit gives: the malformed
	// path of RFC 9420 §16.12, or a state that does not differ from its parent.
	spoil func(parent session.Epoch, a session.Applied, err error) (session.Applied, error)
}

func (m *meter) charge(op Op, members, bytes int) {
	p := &m.s.n.w.cost[op]
	m.count[op]++
	m.spent += p.of(members, bytes)
}

// spared charges for certificates that another member's session read.
func (m *meter) spared(certificates int) {
	p := &m.s.n.w.cost[OpVerify]
	m.count[OpVerify] += certificates
	m.spent += time.Duration(certificates) * p.of(0, certificateBytes)
}

// take returns what was spent since it was last asked.
func (m *meter) take() time.Duration {
	d := m.spent
	m.spent = 0
	return d
}

func (m *meter) Sign(secret []byte, label string, content []byte) []byte {
	m.charge(OpSign, 0, len(content))
	return m.Engine.Sign(secret, label, content)
}

func (m *meter) Verify(public [32]byte, label string, content, signature []byte) bool {
	m.charge(OpVerify, 0, len(content))
	return m.Engine.Verify(public, label, content, signature)
}

func (m *meter) Seal(key session.Key, aad, plain []byte, rand io.Reader) ([]byte, error) {
	m.charge(OpSeal, 0, len(plain))
	return m.Engine.Seal(key, aad, plain, rand)
}

func (m *meter) Open(key session.Key, aad, sealed []byte) ([]byte, bool) {
	m.charge(OpOpen, 0, len(sealed))
	return m.Engine.Open(key, aad, sealed)
}

func (m *meter) NewKeyPackage(self session.Identity, now session.Time, rand io.Reader) (session.Package, error) {
	m.charge(OpPackage, 0, 0)
	return m.Engine.NewKeyPackage(self, now, rand)
}

func (m *meter) ReadKeyPackage(public []byte, now session.Time) (session.Leaf, error) {
	m.charge(OpPackage, 0, 0)
	return m.Engine.ReadKeyPackage(public, now)
}

func (m *meter) Create(self session.Identity, group, context []byte, rand io.Reader) (session.Epoch, error) {
	e, err := m.Engine.Create(self, group, context, rand)
	m.charge(OpCreate, 1, 0)
	if err != nil {
		return nil, err
	}
	m.s.founded(e)
	return m.reach(e, true), nil
}

func (m *meter) Join(self session.Identity, welcome []byte, packages []session.Package) (session.Epoch, int, error) {
	e, i, err := m.Engine.Join(self, welcome, packages)
	if err != nil {
		m.charge(OpVerify, 0, 0)
		return nil, i, err
	}
	m.charge(OpJoin, len(e.Members()), len(welcome))
	return &metered{Epoch: e, m: m}, i, nil // told once it follows its parent
}

func (m *meter) Load(self session.Identity, parent session.EpochID, core session.Core, cell func(string) ([]byte, bool)) (session.Epoch, error) {
	e, err := m.Engine.Load(self, parent, core, cell)
	if err != nil {
		return nil, err
	}
	m.charge(OpRestore, len(e.Members()), 0)
	if !e.Alive() {
		return &metered{e, m, e.ID(), true}, nil
	}
	return m.reach(e, true), nil
}

// reach tells the books of a state, and that it is held if it will be, and wraps
// it so that its children are told.
func (m *meter) reach(e session.Epoch, held bool) session.Epoch {
	if e == nil {
		return nil
	}
	if !m.quiet {
		m.s.reached(e)
		if held {
			m.s.n.w.Book.Holds(m.s.n.w.now, m.s.group.name, m.s.n.name, epochName(e.ID()))
		}
	}
	copy(m.recent[1:], m.recent[:])
	m.recent[0] = e
	return &metered{e, m, e.ID(), false}
}

// state is one of the states last reached, or nil.
func (m *meter) state(id session.EpochID) session.Epoch {
	for _, e := range m.recent {
		if e != nil && e.ID() == id {
			return e
		}
	}
	return nil
}

// metered is one epoch behind a meter.
type metered struct {
	session.Epoch
	m      *meter
	id     session.EpochID
	erased bool
}

func (e *metered) Erase() {
	e.Epoch.Erase()
	e.erased = true
}

// Follow tells the books of a state that a Welcome leads to. One that is brought
// again is opened, and not held.
func (e *metered) Follow(parent session.EpochID) {
	e.Epoch.Follow(parent)
	e.id = e.Epoch.ID()
	e.m.reach(e.Epoch, false)
}

func (e *metered) Export(label string, size int) []byte {
	e.m.charge(OpExport, 0, size)
	return e.Epoch.Export(label, size)
}

func (e *metered) Commit(edit session.Edit, rand io.Reader) (session.Built, error) {
	b, err := e.Epoch.Commit(edit, rand)
	e.m.charge(OpCommit, len(e.Members()), len(b.Commit))
	e.m.s.saw(e.Epoch, b.Applied)
	b.Applied.Next = e.m.reach(b.Applied.Next, true)
	return b, err
}

func (e *metered) Apply(commit []byte) (session.Applied, error) {
	a, err := e.Epoch.Apply(commit)
	if errors.Is(err, session.ErrOwn) || errors.Is(err, session.ErrInvalid) {
		e.m.charge(OpVerify, 0, len(commit))
	} else {
		e.m.charge(OpApply, len(e.Members()), len(commit))
	}
	if e.m.spoil != nil {
		a, err = e.m.spoil(e.Epoch, a, err)
	}
	switch g, name := e.m.s.group, sha256.Sum256(commit); {
	case err == nil:
		e.m.s.saw(e.Epoch, a)
		g.entered[name] = session.ChildOf(e.ID(), a.Core)
	case errors.Is(err, session.ErrInvalid) && !e.m.quiet:
		e.m.s.refused = append(e.m.s.refused, name)
	}
	a.Next = e.m.reach(a.Next, true)
	return a, err
}

func (e *metered) Keys() session.Keys { return e.meter(e.Epoch.Keys()) }

func (e *metered) LoadKeys(cells []session.Cell) (session.Keys, error) {
	k, err := e.Epoch.LoadKeys(cells)
	return e.meter(k), err
}

func (e *metered) meter(k session.Keys) session.Keys {
	if k == nil {
		return nil
	}
	return &meteredKeys{k, e.m, hex.EncodeToString(e.id[:]), false}
}

// The engine below knows only its own epochs.
func (e *metered) Save(beside []session.Epoch) []session.Cell { return e.Epoch.Save(bare(beside)) }
func (e *metered) Drop(living []session.Epoch) []string       { return e.Epoch.Drop(bare(living)) }

func bare(epochs []session.Epoch) []session.Epoch {
	out := make([]session.Epoch, len(epochs))
	for i, e := range epochs {
		out[i] = e.(*metered).Epoch
	}
	return out
}

// meteredKeys are an epoch's message keys behind a meter.
type meteredKeys struct {
	session.Keys
	m      *meter
	epoch  string
	erased bool
}

func (k *meteredKeys) Erase() {
	k.Keys.Erase()
	k.erased = true
}

func (k *meteredKeys) Protect(plain []byte, rand io.Reader) ([]byte, []session.Cell, error) {
	message, cells, err := k.Keys.Protect(plain, rand)
	k.m.charge(OpProtect, 0, len(plain))
	if err == nil && !k.m.quiet {
		var record []byte
		for _, c := range cells {
			record = append(record, c.Value...)
		}
		k.m.s.used(k.epoch, record)
	}
	return message, cells, err
}

func (k *meteredKeys) Unprotect(message []byte) (session.Opened, error) {
	k.m.charge(OpUnprotect, 0, len(message))
	o, err := k.Keys.Unprotect(message)
	if n := k.m.s.n.w.devices[o.Device]; err == nil && k.m.ignore != nil && n != nil && k.m.ignore(n.name) {
		return session.Opened{}, session.ErrInvalid
	}
	return o, err
}

// commitment is what two members compare: derived from the group's secrets for
// this purpose and no other.
func commitment(e session.Epoch) string {
	return hex.EncodeToString(e.Export("covey sim commitment", 16))
}

// roster is the accounts of a state by name, each once, sorted.
func (w *World) roster(e session.Epoch) []string {
	var names []string
	for _, leaf := range e.Members() {
		name := "stranger"
		if n := w.devices[leaf.Device]; n != nil {
			name = n.account
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
