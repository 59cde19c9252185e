package sim

import (
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
	s     *seat
	spent time.Duration
	count [opCount]int
	quiet bool // a liar's second session: not for the books
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
	m.spent += p.Base + time.Duration(members)*p.PerMember + time.Duration(bytes)*p.PerByte
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
	return m.reach(e), nil
}

func (m *meter) Join(self session.Identity, welcome []byte, packages []session.Package) (session.Epoch, int, error) {
	e, i, err := m.Engine.Join(self, welcome, packages)
	if err != nil {
		m.charge(OpVerify, 0, 0)
		return nil, i, err
	}
	m.charge(OpJoin, len(e.Members()), len(welcome))
	return m.reach(e), i, nil
}

func (m *meter) Restore(self session.Identity, saved []byte) (session.Epoch, error) {
	e, err := m.Engine.Restore(self, saved)
	if err != nil {
		return nil, err
	}
	m.charge(OpRestore, len(e.Members()), len(saved))
	return m.reach(e), nil
}

func (m *meter) RestoreKeys(self session.Identity, saved []byte) (session.Keys, error) {
	k, err := m.Engine.RestoreKeys(self, saved)
	if err != nil {
		return nil, err
	}
	return &meteredKeys{k, m, hex.EncodeToString(saved[:min(len(saved), 32)]), nil}, nil
}

// reach tells the books of a state, and wraps it so that its children are told.
func (m *meter) reach(e session.Epoch) session.Epoch {
	if e == nil {
		return nil
	}
	if !m.quiet {
		m.s.reached(e)
	}
	return &metered{e, m}
}

// metered is one epoch behind a meter.
type metered struct {
	session.Epoch
	m *meter
}

func (e *metered) Export(label string, size int) []byte {
	e.m.charge(OpExport, 0, size)
	return e.Epoch.Export(label, size)
}

func (e *metered) Commit(edit session.Edit, rand io.Reader) (session.Built, error) {
	b, err := e.Epoch.Commit(edit, rand)
	e.m.charge(OpCommit, len(e.Members()), len(b.Commit))
	e.m.s.saw(e.Epoch, b.Applied)
	b.Applied.Next = e.m.reach(b.Applied.Next)
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
	if err == nil {
		e.m.s.saw(e.Epoch, a)
	}
	a.Next = e.m.reach(a.Next)
	return a, err
}

func (e *metered) Keys() session.Keys {
	id := e.ID()
	return &meteredKeys{e.Epoch.Keys(), e.m, hex.EncodeToString(id[:]), e.Members()}
}

// meteredKeys are an epoch's message keys behind a meter.
type meteredKeys struct {
	session.Keys
	m       *meter
	epoch   string
	members []session.Leaf
}

func (k *meteredKeys) Protect(plain, aad []byte, rand io.Reader) ([]byte, []byte, error) {
	message, record, err := k.Keys.Protect(plain, aad, rand)
	k.m.charge(OpProtect, 0, len(plain))
	if err == nil && !k.m.quiet {
		k.m.s.used(k.epoch, record)
	}
	return message, record, err
}

func (k *meteredKeys) Unprotect(message []byte) (session.Opened, error) {
	k.m.charge(OpUnprotect, 0, len(message))
	o, err := k.Keys.Unprotect(message)
	if err == nil && k.m.ignore != nil && k.author(o.Leaf) {
		return session.Opened{}, session.ErrInvalid
	}
	return o, err
}

// author says whether a leaf belongs to somebody who is ignored here.
func (k *meteredKeys) author(leaf uint32) bool {
	for _, l := range k.members {
		if l.Index == leaf {
			n := k.m.s.n.w.devices[l.Device]
			return n != nil && k.m.ignore(n.name)
		}
	}
	return false
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
