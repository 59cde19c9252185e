package mls

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
)

// MessageKeys are the message keys of one epoch: the one thing that is used
// up. There is one for each epoch, shared by all that hold it, so that two
// branches never seal with one key. It must not be used concurrently.
//
// Whatever a call uses up it returns as cells. Write them before the message
// leaves or is believed, and never roll them back: then no restart reuses a
// key or opens a message twice.
type MessageKeys struct {
	epoch      *Epoch
	senderData Secret
	ratchets   *schedule.Ratchets
	erased     bool
}

// Cell is one record of stored state. Writing a cell replaces the one of the
// same name; a nil value takes it away. Names are unique within the group. The
// value is secret unless Public.
type Cell struct {
	Name   string
	Value  []byte
	Public bool
}

// Content is a message that has been opened and verified.
type Content struct {
	Sender            Sender
	Type              ContentType
	WireFormat        WireFormat
	AuthenticatedData []byte
	Application       []byte    // ContentApplication
	Proposed          *Proposed // ContentProposal
	Generation        uint32    // of the sender's ratchet, WirePrivateMessage
}

// newKeys gives an epoch its message keys, taking over the encryption secret.
func (e *Epoch) newKeys(encryption Secret) {
	senderData := e.secrets.SenderDataSecret()
	e.keys = &MessageKeys{
		epoch: e, senderData: senderData.Clone(),
		ratchets: schedule.NewRatchets(e.suite, encryption, e.tree.Size()),
	}
	senderData.Erase() // one owner: erasing the epoch and its keys are two things
}

// Epoch is whose keys these are.
func (k *MessageKeys) Epoch() *Epoch { return k.epoch }

// Erase ends the keys: no message of the epoch can be made or read any more.
func (k *MessageKeys) Erase() {
	k.erased = true
	k.senderData.Erase()
	k.ratchets.Erase()
}

// Format keeps keys out of every verb.
func (k *MessageKeys) Format(f fmt.State, _ rune) { suite.Redact(f) }

func (k *MessageKeys) alive() error {
	if k == nil || k.erased {
		return fail(CheckErased, "message keys")
	}
	return nil
}

// Outgoing is an application message to protect.
type Outgoing struct {
	Data              []byte
	AuthenticatedData []byte // readable by everybody, bound to the message
	Padding           int    // zero bytes to add, against guessing by length
}

// Protect signs and encrypts an application message (RFC 9420 §6.3, §15).
// Write the cells before the message leaves. The epoch's fork secrets may be
// erased already.
func (k *MessageKeys) Protect(rand io.Reader, key *SigningKey, o Outgoing) (message []byte, cells []Cell, err error) {
	if err := k.alive(); err != nil {
		return nil, nil, err
	}
	e := k.epoch
	if err := e.canSend(key); err != nil {
		return nil, nil, err
	}
	if o.Padding < 0 || o.Padding > MaxPadding {
		return nil, nil, fail(CheckArgument, "padding of %d bytes", o.Padding)
	}
	c := e.content(Sender{Type: SenderMember, Index: uint32(e.Self())}, o.AuthenticatedData)
	c.ContentType, c.Application = ContentApplication, o.Data
	m, cells, err := k.seal(rand, e.sign(key, WirePrivateMessage, c), o.Padding)
	if err != nil {
		return nil, nil, err
	}
	return m, cells, nil
}

// seal encrypts signed content under this member's next key.
func (k *MessageKeys) seal(rand io.Reader, s *signed, padding int) ([]byte, []Cell, error) {
	if err := k.alive(); err != nil {
		return nil, nil, err
	}
	kind := kindOf(s.Content.ContentType)
	key, changed, err := k.ratchets.Next(schedule.Leaf(k.epoch.Self()), kind)
	if err != nil {
		return nil, nil, ratchetError(err, opening{})
	}
	defer key.Erase()
	m, err := k.epoch.private(rand, s, k.senderData, &key, padding)
	if err != nil {
		return nil, nil, err
	}
	return m, k.cells(changed), nil
}

// Unprotect opens an application message or a proposal, once. Write the cells
// before the content is believed. A commit is for Epoch.Process.
//
// An own message gives ErrOwn: its author has the content already.
func (k *MessageKeys) Unprotect(message []byte) (*Content, []Cell, error) {
	m, err := ParseMessage(message)
	if err != nil {
		return nil, nil, err
	}
	s, o, err := k.epoch.open(m)
	if err != nil {
		return nil, nil, err
	}
	if s.Content.ContentType == ContentCommit {
		return nil, nil, fail(CheckArgument, "a commit is for Process")
	}
	c := &Content{Sender: s.Content.Sender, Type: s.Content.ContentType, WireFormat: s.WireFormat, AuthenticatedData: s.Content.AuthenticatedData}
	if c.Type == ContentProposal {
		c.Proposed = k.epoch.proposed(s)
	} else {
		c.Application = s.Content.Application
	}
	if o == nil {
		return c, nil, nil
	}
	c.Generation = uint32(o.generation)
	cells, err := k.use(o)
	return c, cells, err
}

// Elsewhere reports whether a message is this member's own, signed with its
// key, under a message key that has not been used here: then another copy of
// this client is about, and one of the two must stop. It uses nothing up.
func (k *MessageKeys) Elsewhere(message []byte) bool {
	m, err := ParseMessage(message)
	if err != nil || m.WireFormat != WirePrivateMessage || k.alive() != nil {
		return false
	}
	e := k.epoch
	if e.addressed(m.Private.GroupID, m.Private.Epoch) != nil {
		return false
	}
	o, err := e.senderOf(m.Private, k.senderData)
	if err != nil || LeafIndex(o.leaf) != e.self {
		return false
	}
	s, err := e.openPrivate(m.Private, o, k.ratchets)
	return err == nil && e.verifySender(s) == nil
}

// open reads and verifies a message of the epoch, whatever it holds, and says
// which key that would use up. It changes nothing.
func (e *Epoch) open(m *Message) (*signed, *opening, error) {
	switch m.WireFormat {
	case WirePublicMessage:
		s, err := e.openPublicContent(m.Public)
		return s, nil, err
	case WirePrivateMessage:
	default:
		return nil, nil, fail(CheckWireFormat, "%v", m.WireFormat)
	}
	if err := e.addressed(m.Private.GroupID, m.Private.Epoch); err != nil {
		return nil, nil, err
	}
	if err := e.keys.alive(); err != nil {
		return nil, nil, err
	}
	o, err := e.senderOf(m.Private, e.keys.senderData)
	if err != nil {
		return nil, nil, err
	}
	if !e.tree.Has(LeafIndex(o.leaf)) {
		return nil, nil, fail(CheckSenderDataLeaf, "leaf %d", o.leaf)
	}
	own := LeafIndex(o.leaf) == e.self
	s, err := e.openPrivate(m.Private, o, e.keys.ratchets)
	if own && CheckOf(err) == CheckReplay {
		return nil, nil, fail(CheckOwnMessage, "generation %d", o.generation) // an echo: sent from here
	}
	if err == nil {
		err = e.verifySender(s)
	}
	if err == nil && own {
		err = fail(CheckOwnMessage, "generation %d, not sent from here", o.generation) // see Elsewhere
	}
	if err != nil {
		return nil, nil, err
	}
	return s, &o, nil
}

// use consumes what open found.
func (k *MessageKeys) use(o *opening) ([]Cell, error) {
	changed, err := k.ratchets.Use(o.leaf, o.kind, o.generation)
	if err != nil {
		return nil, ratchetError(err, *o)
	}
	return k.cells(changed), nil
}

// Stored message keys: one cell for the sender data secret, and those of the
// ratchets, named by what they are (schedule.Cell):
//
//	keys/<EpochID>/s            version ‖ sender data secret
//	keys/<EpochID>/c<chain>     …
const keysVersion = 1

// KeysPrefix heads the names of all cells of an epoch's message keys.
func KeysPrefix(id EpochID) string { return "keys/" + hex.EncodeToString(id[:]) + "/" }

func (k *MessageKeys) cells(changed []schedule.Cell) []Cell {
	prefix := KeysPrefix(k.epoch.id)
	out := make([]Cell, len(changed))
	for i, c := range changed {
		out[i] = Cell{Name: prefix + string(c.Key[:1]) + hex.EncodeToString(c.Key[1:]), Value: c.Value}
	}
	return out
}

// Save is the whole of the message keys as cells, sorted by name. What later
// calls return replaces some of them.
func (k *MessageKeys) Save() ([]Cell, error) {
	if err := k.alive(); err != nil {
		return nil, err
	}
	first := Cell{Name: KeysPrefix(k.epoch.id) + "s", Value: append([]byte{keysVersion}, k.senderData...)}
	all := append(k.cells(k.ratchets.Cells()), first)
	slices.SortFunc(all, func(a, b Cell) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// LoadKeys gives a loaded epoch its message keys back, from all cells that
// were written for it. It replaces keys that the epoch has.
func (e *Epoch) LoadKeys(cells []Cell) (*MessageKeys, error) {
	prefix := KeysPrefix(e.id)
	k := &MessageKeys{epoch: e}
	var stored []schedule.Cell
	for _, c := range cells {
		rest, ok := strings.CutPrefix(c.Name, prefix)
		if !ok || rest == "" {
			return nil, fail(CheckStored, "cell %q", c.Name)
		}
		if rest == "s" {
			if len(c.Value) != 1+e.suite.Nh() || c.Value[0] != keysVersion {
				return nil, fail(CheckStored, "sender data")
			}
			k.senderData = Secret(c.Value[1:]).Clone()
			continue
		}
		number, err := hex.DecodeString(rest[1:])
		if err != nil {
			return nil, fail(CheckStored, "cell %q", c.Name)
		}
		stored = append(stored, schedule.Cell{Key: append([]byte{rest[0]}, number...), Value: c.Value})
	}
	if k.senderData == nil {
		return nil, fail(CheckStored, "no sender data")
	}
	var err error
	if k.ratchets, err = schedule.LoadRatchets(e.suite, e.tree.Size(), stored); err != nil {
		return nil, because(CheckStored, err, "message keys")
	}
	e.keys = k
	return k, nil
}
