package session

import "fmt"

// From a Send to everybody's history:
//
//	send    durable and queued; given its MessageID
//	flush   protected under the head, ratchet and envelope in one Save, published
//	deliver receivers answer with receipts (receipt.go)
//	reap    once every device has said that it has it, or nobody said so for a
//	        week (readKeep), it leaves the outbox; if its epoch was lost, or
//	        somebody went on without it, it is protected again under the head

// sent is a message of mine until it is over.
type sent struct {
	ID    IntentID        `cbor:"1,keyasint"`
	Nonce [16]byte        `cbor:"2,keyasint"`
	Body  []byte          `cbor:"3,keyasint"`
	Seen  []seen          `cbor:"4,keyasint,omitempty"`
	State State           `cbor:"5,keyasint"`
	Epoch EpochID         `cbor:"6,keyasint"` // protected under, or zero
	First EpochID         `cbor:"7,keyasint"` // the first of those
	Seq   uint64          `cbor:"8,keyasint"` // order among mine
	Got   map[Device]bool `cbor:"9,keyasint,omitempty"`
	Of    int             `cbor:"10,keyasint"`
	// For the audience guard (guard.go): the head it was first protected under,
	// anew after its branch lost, and, of the branches it lost, whom they had removed.
	Under  EpochID   `cbor:"12,keyasint"`
	Parted EpochID   `cbor:"17,keyasint"`           // where the branch parted that had removed them
	Since  Time      `cbor:"18,keyasint,omitempty"` // Held
	Held   bool      `cbor:"15,keyasint,omitempty"` // by the audience guard, and said so
	Shut   []Account `cbor:"11,keyasint,omitempty"`
	At     Time      `cbor:"14,keyasint"` // last protected
	Number uint64    `cbor:"13,keyasint"`
	Final  bool      `cbor:"16,keyasint,omitempty"` // Epoch is out of any fork's reach here
}

// send takes a message in.
func (s *Session) send(e Send) {
	m := &sent{ID: e.ID, Nonce: e.ID, Body: e.Body, State: StateQueued, Under: s.chain.Head()}
	if e.ID == (IntentID{}) {
		s.random(m.Nonce[:])
	}
	// The caller's key is the nonce: so a message asked for twice, be it before
	// and after a restart or long after it was delivered, is one message.
	id := messageID(s.cfg.Self.Device, m.Nonce)
	if _, said := s.mids[id]; said || s.outbox[id] != nil {
		return
	}
	if len(e.Body) > MaxTextBytes || len(s.outbox) >= maxOutbox || s.meta.Status != statusMember {
		why := fmt.Sprintf("a message is at most %d bytes", MaxTextBytes)
		if len(s.outbox) >= maxOutbox {
			why = "too many messages wait to be sent"
		}
		if s.meta.Status != statusMember {
			why = s.meta.Why
		}
		s.notify(Notice{Kind: NoticeSent, ID: e.ID, State: StateDenied, Reason: why})
		return
	}
	s.meta.Sent++
	m.Seq = s.meta.Sent
	m.Seen = append([]seen(nil), s.lately...)
	s.outbox[id] = m
	s.saveMeta()
	s.saveSent(id, m)
	s.notify(Notice{Kind: NoticeSent, ID: e.ID, Message: id, State: StateQueued})
}

func (s *Session) saveSent(id MessageID, m *sent) {
	s.unsaid = s.unsaid || m.Epoch == EpochID{}
	s.save(rowOut(id), encode(m), EpochID{})
}

// flushOutbox protects what waits under the head. Sending does not wait for
// the head to settle, unless a removal is about: then what is said next must
// not be readable by whoever is being removed.
func (s *Session) flushOutbox() {
	h := s.head()
	if !s.unsaid || h == nil || !s.active() || h.keys == nil || s.divided || s.removalPending() {
		return
	}
	flushed, left := 0, false
	for _, id := range s.outOrder(func(m *sent) bool { return m.Epoch == EpochID{} }) {
		m := s.outbox[id]
		switch {
		case !s.audible(m, h):
			s.holdBack(id, m, h)
		case flushed >= flushBytes:
			s.wake(s.now) // the rest in the next Step
			return
		default:
			m.Held = false
			flushed += s.protect(h, id, m)
		}
		left = left || m.Epoch == EpochID{}
	}
	s.unsaid = left
}

// protect encrypts a message under h, publishes it, and says how many bytes
// that are.
func (s *Session) protect(h *held, id MessageID, m *sent) int {
	if m.First == (EpochID{}) {
		m.First = h.id
	}
	plain := encode(message{Version: messageVersion, Nonce: m.Nonce, Seen: m.Seen, Body: m.Body, First: m.First})
	ciphertext, cells, err := h.keys.Protect(plain, s.cfg.Rand)
	if err != nil {
		s.notify(Notice{Kind: NoticeTrouble, Reason: "a message could not be encrypted: " + err.Error()})
		return 0
	}
	s.saveKeys(h, cells)
	raw := s.sealOn(h, innerMessage, ciphertext)
	e, _ := parseEnvelope(raw)
	s.logEnvelope(e.id(), &e)
	m.Epoch, m.Number, m.At = h.id, h.number, s.now
	if _, known := s.chain.Epoch(m.Under); !known {
		m.Under = h.id
	}
	m.Of = len(h.roster.leaves) - 1
	s.pressBy(s.now + s.patience())
	s.saveSent(id, m)
	if _, known := s.mids[id]; !known {
		s.chronicle(h, e.order, id, s.cfg.Self.Device, s.cfg.Self.Account, m.Body)
		s.saw(id, e.order)
	}
	s.publish(raw, m.ID)
	return len(raw)
}

// handed hears from the driver how many peers took what was published.
func (s *Session) handed(e Handed) {
	id := messageID(s.cfg.Self.Device, e.ID)
	if m := s.outbox[id]; m != nil && e.Peers > 0 && m.State == StateQueued {
		m.State = StateHanded
		s.saveSent(id, m)
		s.notify(Notice{Kind: NoticeSent, ID: m.ID, Message: id, State: StateHanded, Count: e.Peers})
	}
	if w := s.wishes[e.ID]; w != nil && e.Peers > 0 && w.State == StateBound {
		s.progress(w, StateHanded)
	}
}
