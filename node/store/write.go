package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/covey-p2p/covey/node/session"
)

// How a value is stored: a version byte, then
//
//	1  the value as it is
//	2  slot 16, key id 8, epoch 32, nonce 24, the value sealed under the
//	   epoch's key
const (
	valuePlain  = 1
	valueSealed = 2

	sealedKey   = 1 + nameSize
	sealedEpoch = sealedKey + keyIDSize
	sealedNonce = sealedEpoch + len(session.EpochID{})
	sealedText  = sealedNonce + chacha20poly1305.NonceSizeX
)

// entry is one row on its way down.
type entry struct {
	key    string
	value  []byte
	remove bool
	epoch  session.EpochID // zero: not bound to one
	slot   slotName        // of the epoch
	until  time.Time       // zero: does not expire
}

// batch is what one caller wants written.
type batch struct {
	entries []entry
	erase   []slotName
	size    int
	last    bool // Close: nothing follows
	done    chan error
}

// Put writes the rows as one durable batch: all of them or none. Each row's key
// is the prefix and its Key; an empty Value deletes.
func (s *Store) Put(prefix string, rows []session.Row) error {
	return s.Apply(prefix, rows, nil)
}

// Erase destroys the keys of epochs: what was put with such a Wrap under the
// prefix cannot be read any more, in no old copy either.
func (s *Store) Erase(prefix string, epochs []session.EpochID) error {
	return s.Apply(prefix, nil, epochs)
}

// Apply puts the rows and then erases the epochs. Once the rows are down a
// crash does not stop the erasure: the next Open completes it. Rows of the same
// batch that are wrapped under an epoch it erases are lost with it.
func (s *Store) Apply(prefix string, rows []session.Row, erase []session.EpochID) error {
	return s.PutUntil(prefix, rows, erase, time.Time{})
}

// PutUntil is Apply for rows that vanish at a time, to the second.
func (s *Store) PutUntil(prefix string, rows []session.Row, erase []session.EpochID, until time.Time) error {
	if strings.HasPrefix(prefix, own) {
		panic("store: a prefix must not begin with a zero byte")
	}
	b := &batch{entries: make([]entry, 0, len(rows))}
	slots := map[session.EpochID]slotName{}
	slot := func(epoch session.EpochID) slotName {
		name, ok := slots[epoch]
		if !ok {
			name = nameSlot(prefix, epoch)
			slots[epoch] = name
		}
		return name
	}
	for _, r := range rows {
		e := entry{key: prefix + r.Key, value: r.Value, remove: len(r.Value) == 0, until: until}
		if r.Wrap != (session.EpochID{}) && !e.remove {
			e.epoch, e.slot = r.Wrap, slot(r.Wrap)
		}
		b.entries = append(b.entries, e)
	}
	for _, epoch := range erase {
		b.erase = append(b.erase, slot(epoch))
	}
	if len(b.entries)+len(b.erase) == 0 {
		return nil
	}
	return s.apply(b)
}

// apply queues the batch. Whoever finds nobody writing leads: it writes what
// waits, its own batch first among it, until nothing does.
func (s *Store) apply(b *batch) error {
	for i := range b.entries {
		e := &b.entries[i]
		if e.key == "" || len(e.key) > MaxKey {
			return &TooLargeError{What: "a row's key", Have: len(e.key), Max: MaxKey}
		}
		b.size += len(e.key) + len(e.value) + rowOverhead
	}
	b.size += nameSize * len(b.erase)
	if b.size > maxLong {
		return &TooLargeError{What: "a batch", Have: b.size, Max: maxLong}
	}
	b.done = make(chan error, 1)
	s.mu.Lock()
	if s.closed && !b.last {
		s.mu.Unlock()
		return ErrClosed
	}
	s.queue = append(s.queue, b)
	if s.leading {
		s.mu.Unlock()
		return <-b.done
	}
	s.leading = true
	s.mu.Unlock()
	s.lead()
	return <-b.done
}

// lead writes until the queue is empty.
func (s *Store) lead() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.leading = false
			s.mu.Unlock()
			return
		}
		n, size := 1, s.queue[0].size
		for n < len(s.queue) && size+s.queue[n].size <= s.maxSize {
			n, size = n+1, size+s.queue[n].size
		}
		now := s.queue[:n:n]
		s.queue = s.queue[n:]
		err := s.failed
		s.mu.Unlock()
		if err == nil {
			err = s.together(now, size)
		}
		for _, b := range now {
			b.done <- err
		}
	}
}

// together writes several batches as one transaction.
func (s *Store) together(now []*batch, size int) error {
	var entries []entry
	var erase []slotName
	for _, b := range now {
		entries = append(entries, b.entries...)
		erase = append(erase, b.erase...)
	}
	long := size > s.maxSize
	if len(entries) > 0 {
		room := size
		if long {
			room *= 3 // the record, the rows, and a log that holds both
		}
		if err := s.roomFor(room, reserveTables*s.table); err != nil {
			s.count(func(st *Stats) { st.Refused += uint64(len(now)) })
			return err
		}
	}
	if len(entries)+len(erase) == 0 {
		return nil
	}
	err := s.write(entries, erase, long)
	if err != nil && !errors.Is(err, ErrTooLarge) {
		s.mu.Lock()
		s.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		s.mu.Unlock()
		return err
	}
	s.count(func(st *Stats) {
		st.Batches += uint64(len(now))
		st.Rows += uint64(len(entries))
	})
	return err
}

func (s *Store) count(f func(*Stats)) {
	s.mu.Lock()
	f(&s.stats)
	s.mu.Unlock()
}

// write is the walk of doc.go; long says that the rows do not fit one
// transaction.
func (s *Store) write(entries []entry, erase []slotName, long bool) error {
	// 1: keys for epochs named for the first time.
	var names []slotName
	for i := range entries {
		if e := &entries[i]; e.epoch != (session.EpochID{}) {
			names = append(names, e.slot)
		}
	}
	made, err := s.slots.ensure(names)
	if err != nil {
		return err
	}
	// 2: the rows. An erasure alone needs none: what the slots say is enough.
	if len(entries) > 0 {
		down := s.transact
		if long {
			down = s.redo
		}
		if err := down(entries, erase); err != nil {
			return err
		}
		// 3: the number is acknowledged from here on.
		if err := s.slots.witness(s.seq); err != nil {
			return err
		}
	}
	// 4: the keys of erased epochs.
	gone, err := s.slots.erase(erase)
	if err != nil {
		return err
	}
	s.count(func(st *Stats) {
		st.Erased += uint64(gone)
		st.SlotWrites += uint64(2*min(made, 1) + 2*min(gone, 1))
	})
	return s.tell(witnessEvery)
}

// transact writes one synced transaction: the rows, its own number, and the
// note of what is to be erased after it.
func (s *Store) transact(entries []entry, erase []slotName) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	bytes := 0
	for i := range entries {
		if err := s.set(txn, &entries[i]); err != nil {
			return err
		}
		bytes += len(entries[i].key) + len(entries[i].value)
	}
	swept, err := s.sweepInto(txn)
	if err != nil {
		return err
	}
	var note []byte
	for _, name := range erase {
		note = append(note, name[:]...)
	}
	switch {
	case len(note) > 0:
		if err := s.set(txn, &entry{key: rowPending, value: note}); err != nil {
			return err
		}
	case s.pending:
		if err := txn.Delete([]byte(rowPending)); err != nil {
			return err
		}
	}
	state := binary.BigEndian.AppendUint64(nil, s.seq+1)
	state = binary.BigEndian.AppendUint64(state, s.slots.gen)
	if err := s.set(txn, &entry{key: rowState, value: state}); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return s.named(err)
	}
	s.seq++
	s.pending = len(note) > 0
	s.count(func(st *Stats) {
		st.Transaction++
		st.Bytes += uint64(bytes)
		st.ErasedRows += uint64(swept)
	})
	return nil
}

// set puts one row into a transaction.
func (s *Store) set(txn *badger.Txn, e *entry) error {
	if e.remove {
		return txn.Delete([]byte(e.key))
	}
	value, err := s.encode(e)
	if err != nil {
		return err
	}
	row := badger.NewEntry([]byte(e.key), value)
	if !e.until.IsZero() {
		row.ExpiresAt = uint64(max(e.until.Unix(), 1))
	}
	return txn.SetEntry(row)
}

func (s *Store) encode(e *entry) ([]byte, error) {
	if e.epoch == (session.EpochID{}) {
		return append([]byte{valuePlain}, e.value...), nil
	}
	key, ok := s.slots.key(e.slot)
	if !ok {
		return nil, errors.New("store: no key for an epoch that was just given one")
	}
	defer key.clear()
	aead, err := chacha20poly1305.NewX(key.key[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, sealedText, sealedText+len(e.value)+aead.Overhead())
	out[0] = valueSealed
	copy(out[1:], e.slot[:])
	copy(out[sealedKey:], key.id[:])
	copy(out[sealedEpoch:], e.epoch[:])
	rand.Read(out[sealedNonce:])
	return aead.Seal(out, out[sealedNonce:], e.value, []byte(e.key)), nil
}

// sweepInto deletes rows that were found under erased epochs and have not been
// written anew since.
func (s *Store) sweepInto(txn *badger.Txn) (swept int, err error) {
	s.mu.Lock()
	keys := slices.Collect(maps.Keys(s.sweep))
	clear(s.sweep)
	s.mu.Unlock()
	for _, key := range keys {
		it, err := txn.Get([]byte(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return swept, err
		}
		dead := false
		err = it.Value(func(v []byte) error {
			_, dead = s.keyOf(v)
			return nil
		})
		if err != nil {
			return swept, err
		}
		if dead {
			if err := txn.Delete([]byte(key)); err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}

// roomFor says whether that much may be written while as much again as reserve
// stays free.
func (s *Store) roomFor(size int, reserve uint64) error {
	if s.dir == "" {
		return nil
	}
	have, err := s.free(s.dir)
	if missing(err) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return err
	}
	if need := reserve + uint64(size); have < need {
		return &FullError{Dir: s.dir, Free: have, Need: need}
	}
	return nil
}

// tell lets the outside witness know, if that many changes have gone by.
func (s *Store) tell(every uint64) error {
	if s.outside == nil || s.slots.gen < s.told+every {
		return nil
	}
	if err := s.outside.Remember(s.id, s.slots.gen); err != nil {
		return fmt.Errorf("store: the witness does not answer: %w", err)
	}
	s.told = s.slots.gen
	return nil
}
