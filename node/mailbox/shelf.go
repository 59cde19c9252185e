package mailbox

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// The shelf is what a holder keeps: bodies in the store, and about each an entry
// in memory. Rows, all of which expire by themselves:
//
//	mailbox/about/<slot>/<id>   entry
//	mailbox/item/<slot>/<id>    the sealed item
//	mailbox/seen/<message>      one of ours that was delivered (poll.go)
const (
	rowsAll   = "mailbox/"
	inAbout   = "about/"
	inItem    = "item/"
	rowsAbout = rowsAll + inAbout
	rowsItem  = rowsAll + inItem
	rowsSeen  = rowsAll + "seen/"
)

// entry is what a holder knows of an item.
type entry struct {
	Size    int   `cbor:"1,keyasint"`
	Friend  bool  `cbor:"2,keyasint"` // left by somebody known
	Taken   int64 `cbor:"3,keyasint"` // Unix seconds
	Expires int64 `cbor:"4,keyasint"`

	slot slotID
	id   itemID
}

// shelf is guarded by mu, which is not held while the store writes; room is
// taken before and given back if that fails.
type shelf struct {
	store *store.Store

	mu     sync.Mutex
	slots  map[slotID]map[itemID]*entry
	total  int // bytes
	others int // bytes of strangers
	count  int

	day    uint32
	budget map[peer.ID]*budget
	shared budget // of strangers beyond maxPeers
}

// budget is what a peer has used of its day.
type budget struct{ items, bytes, gets int }

func openShelf(st *store.Store, now time.Time) (*shelf, error) {
	s := &shelf{store: st, slots: map[slotID]map[itemID]*entry{}, budget: map[peer.ID]*budget{}}
	for row, err := range st.Rows(rowsAbout, "") {
		if err != nil {
			return nil, err
		}
		e := new(entry)
		slot, id, ok := strings.Cut(row.Key, "/")
		if !ok || !unhex(e.slot[:], slot) || !unhex(e.id[:], id) || decMode.Unmarshal(row.Value, e) != nil {
			continue
		}
		if e.Expires > now.Unix() {
			s.put(e)
		}
	}
	return s, nil
}

func unhex(dst []byte, text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && copy(dst, b) == len(dst) && len(b) == len(dst)
}

func (e *entry) key() string {
	return hex.EncodeToString(e.slot[:]) + "/" + hex.EncodeToString(e.id[:])
}

func (s *shelf) size() (items, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, s.total
}

// put and drop keep the sums. mu is held.
func (s *shelf) put(e *entry) {
	if s.slots[e.slot] == nil {
		s.slots[e.slot] = map[itemID]*entry{}
	}
	s.slots[e.slot][e.id] = e
	s.total += e.Size
	s.count++
	if !e.Friend {
		s.others += e.Size
	}
}

func (s *shelf) drop(e *entry) {
	delete(s.slots[e.slot], e.id)
	if len(s.slots[e.slot]) == 0 {
		delete(s.slots, e.slot)
	}
	s.total -= e.Size
	s.count--
	if !e.Friend {
		s.others -= e.Size
	}
}

// of is a peer's budget of today.
func (s *shelf) of(p peer.ID, friend bool, now time.Time) *budget {
	if today := dayOf(now); today != s.day {
		s.day, s.shared = today, budget{}
		clear(s.budget)
	}
	b := s.budget[p]
	if b == nil {
		if len(s.budget) >= maxPeers && !friend {
			return &s.shared
		}
		b = new(budget)
		s.budget[p] = b
	}
	return b
}

// mayGet counts a question of a peer's.
func (s *shelf) mayGet(p peer.ID, friend bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.of(p, friend, now)
	b.gets++
	return b.gets <= getsDay
}

// price is how many bits of work a stranger's item costs now.
func (s *shelf) price(least int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(least+8*s.others/strangerBytes, least+mostWork-leastWork)
}

// reserve takes room for an item, or says why there is none. For a friend's item
// it evicts strangers' items, which the caller then deletes.
func (s *shelf) reserve(from peer.ID, e *entry, now time.Time) (evicted []*entry, why status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots[e.slot][e.id] != nil {
		return nil, statusOK // again: it is here
	}
	items, perDay := strangerItems, strangerDay
	if e.Friend {
		items, perDay = friendItems, friendDay
	}
	b := s.of(from, e.Friend, now)
	if b.items >= items || b.bytes+e.Size > perDay {
		return nil, statusQuota
	}
	inSlot := 0
	for _, o := range s.slots[e.slot] {
		inSlot += o.Size
	}
	if len(s.slots[e.slot]) >= slotItems || inSlot+e.Size > slotBytes {
		return nil, statusFull
	}
	over := func() bool {
		return s.total+e.Size > totalBytes || !e.Friend && s.others+e.Size > strangerBytes
	}
	if over() {
		evicted = s.expire(now)
	}
	if over() && e.Friend {
		for _, o := range s.oldestStrangers() {
			if !over() {
				break
			}
			s.drop(o)
			evicted = append(evicted, o)
		}
	}
	if over() {
		return evicted, statusFull
	}
	b.items++
	b.bytes += e.Size
	s.put(e)
	return evicted, 0
}

// expire takes out what is past its time; the rows vanish by themselves.
func (s *shelf) expire(now time.Time) (gone []*entry) {
	for _, slot := range s.slots {
		for _, e := range slot {
			if e.Expires <= now.Unix() {
				gone = append(gone, e)
			}
		}
	}
	for _, e := range gone {
		s.drop(e)
	}
	return gone
}

func (s *shelf) oldestStrangers() (out []*entry) {
	for _, slot := range s.slots {
		for _, e := range slot {
			if !e.Friend {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b *entry) int {
		if a.Taken != b.Taken {
			return int(a.Taken - b.Taken)
		}
		return bytes.Compare(a.id[:], b.id[:])
	})
	return out
}

// take keeps an item durably.
func (s *shelf) take(from peer.ID, e *entry, body []byte, now time.Time) (evicted int, why status) {
	gone, why := s.reserve(from, e, now)
	s.delete(gone)
	if why != 0 {
		return len(gone), why
	}
	both := []session.Row{{Key: inAbout + e.key(), Value: encode(e)}, {Key: inItem + e.key(), Value: body}}
	if err := s.store.PutUntil(rowsAll, both, nil, time.Unix(e.Expires, 0)); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drop(e)
		return len(gone), statusFull
	}
	return len(gone), statusOK
}

// delete takes out the rows of entries that are no longer on the shelf. If that
// fails they expire.
func (s *shelf) delete(gone []*entry) {
	var both []session.Row
	for _, e := range gone {
		both = append(both, session.Row{Key: inAbout + e.key()}, session.Row{Key: inItem + e.key()})
	}
	s.store.Put(rowsAll, both)
}

// ack deletes items of a slot.
func (s *shelf) ack(slot slotID, ids []itemID) int {
	s.mu.Lock()
	var gone []*entry
	for _, id := range ids {
		if e := s.slots[slot][id]; e != nil {
			s.drop(e)
			gone = append(gone, e)
		}
	}
	s.mu.Unlock()
	s.delete(gone)
	return len(gone)
}

// page is what slots hold beyond an id, in the order of ids, up to a page.
func (s *shelf) page(slots []slotID, after itemID, now time.Time) (list []*entry, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slot := range slots {
		for _, e := range s.slots[slot] {
			if bytes.Compare(e.id[:], after[:]) > 0 && e.Expires > now.Unix() {
				list = append(list, e)
			}
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	size := 0
	for i, e := range list {
		if size += e.Size; size > pageBytes && i > 0 {
			return list[:i], true
		}
	}
	return list, false
}
