package session

import (
	"cmp"
	"crypto/sha256"
	"slices"
)

// A log is caught up with by the names of its envelopes, which say nothing of
// the order in which somebody sent them, and an author's message can be opened
// only while few of its earlier ones are missing (Keys). Those that came too
// soon wait here, in their author's order, and each that is opened may let the
// next ones through. They are not in the log: after a restart they are asked for
// again.

// ratchet names the messages of one device in one epoch.
type ratchet struct {
	epoch  EpochID
	device Device
}

// early is a message that waits.
type early struct {
	id         EnvelopeID
	from       Peer
	raw        []byte
	generation uint32
}

type ahead struct {
	by    map[ratchet][]early // by generation
	ids   map[EnvelopeID]struct{}
	bytes int
	ready []ratchet // of which one was opened
}

func newAhead() ahead {
	return ahead{by: map[ratchet][]early{}, ids: map[EnvelopeID]struct{}{}}
}

func (a *ahead) has(id EnvelopeID) bool {
	_, ok := a.ids[id]
	return ok
}

// moved notes that a message was opened.
func (a *ahead) moved(r ratchet) {
	if len(a.by[r]) > 0 && !slices.Contains(a.ready, r) {
		a.ready = append(a.ready, r)
	}
}

// take removes the message at i.
func (a *ahead) take(r ratchet, i int) early {
	list := a.by[r]
	e := list[i]
	if i == 0 { // the usual case, thousands of times in a row: nothing is moved
		list[0] = early{}
		list = list[1:]
	} else {
		list = slices.Delete(list, i, i+1)
	}
	if a.by[r] = list; len(list) == 0 {
		delete(a.by, r)
	}
	a.bytes -= len(e.raw)
	delete(a.ids, e.id)
	return e
}

// forget drops what waits of an epoch whose keys are gone.
func (a *ahead) forget(epoch EpochID) {
	for r, list := range a.by {
		if r.epoch == epoch {
			for _, e := range list {
				a.bytes -= len(e.raw)
				delete(a.ids, e.id)
			}
			delete(a.by, r)
		}
	}
}

// putAhead keeps a message until its author's before it have come.
func (s *Session) putAhead(from Peer, id EnvelopeID, raw []byte, r ratchet, generation uint32) {
	a := &s.ahead
	list := a.by[r]
	i, _ := slices.BinarySearchFunc(list, generation, func(e early, g uint32) int { return cmp.Compare(e.generation, g) })
	a.by[r] = slices.Insert(list, i, early{id, from, raw, generation})
	a.ids[id] = struct{}{}
	ask := len(list) == 0 // with the first, what is missing may not be on its way yet
	for a.bytes += len(raw); a.bytes > maxAheadBytes; s.count(DropAhead) {
		a.take(r, len(a.by[r])-1)
		ask = true
	}
	if ask {
		s.askAround(from)
	}
}

// advance opens what was waiting for what has just been opened.
func (s *Session) advance() {
	a := &s.ahead
	for len(a.ready) > 0 {
		r := a.ready[0]
		a.ready = a.ready[1:]
		for len(a.by[r]) > 0 {
			w := a.take(r, 0)
			if e, ok := parseEnvelope(w.raw); ok {
				s.take(w.from, sha256.Sum256(w.raw), &e)
			}
			if a.has(w.id) {
				break // still too far
			}
		}
	}
}
