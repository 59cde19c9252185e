package store

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/covey-p2p/covey/node/session"
)

// Get is the value of one row, the caller's to keep.
func (s *Store) Get(prefix, key string) ([]byte, error) {
	return s.raw(prefix + key)
}

func (s *Store) raw(key string) (value []byte, err error) {
	err = s.view(func(txn *badger.Txn) error {
		it, err := txn.Get([]byte(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return it.Value(func(v []byte) error {
			value, _, err = s.decode(key, v)
			return err
		})
	})
	return value, err
}

// view reads; a damaged table is an error, not a panic.
func (s *Store) view(f func(*badger.Txn) error) (err error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.reading.Add(1)
	s.mu.Unlock()
	defer s.reading.Done()
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && strings.Contains(e.Error(), "checksum") {
				err = &CorruptError{What: "the database", Err: e}
				return
			}
			panic(p)
		}
	}()
	err = s.db.View(f)
	if err != nil && strings.Contains(err.Error(), "checksum") {
		return &CorruptError{What: "the database", Err: err}
	}
	return s.named(err)
}

// decode takes a stored value apart; the result does not alias it.
func (s *Store) decode(key string, v []byte) ([]byte, session.EpochID, error) {
	var epoch session.EpochID
	if len(v) == 0 {
		return nil, epoch, &CorruptError{What: "a row"}
	}
	switch v[0] {
	case valuePlain:
		return slices.Clone(v[1:]), epoch, nil
	case valueSealed:
	default:
		return nil, epoch, &NewerFormatError{What: "a row", Have: int(v[0]), Read: valueSealed}
	}
	if len(v) < sealedText {
		return nil, epoch, &CorruptError{What: "a row"}
	}
	copy(epoch[:], v[sealedEpoch:])
	k, dead := s.keyOf(v)
	if dead {
		return nil, epoch, ErrNotFound
	}
	defer k.clear()
	aead, err := chacha20poly1305.NewX(k.key[:])
	if err != nil {
		return nil, epoch, err
	}
	value, err := aead.Open(nil, v[sealedNonce:sealedText], v[sealedText:], []byte(key))
	if err != nil {
		return nil, epoch, &CorruptError{What: "a row", Err: err}
	}
	return value, epoch, nil
}

// keyOf is the key that a sealed value needs; the caller clears it. Dead says
// that it has been erased: there is none, or another one by now.
func (s *Store) keyOf(v []byte) (k slotKey, dead bool) {
	if v[0] != valueSealed || len(v) < sealedText {
		return k, false
	}
	k, ok := s.slots.key(slotName(v[1:]))
	if !ok || k.id != [keyIDSize]byte(v[sealedKey:]) {
		k.clear()
		return slotKey{}, true
	}
	return k, false
}

// Load is every row under the prefix, in the order of their keys.
func (s *Store) Load(prefix string) ([]session.Row, error) {
	var rows []session.Row
	for r, err := range s.Rows(prefix, "") {
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// Rows walks the rows under the prefix whose keys are at or after from, in
// order, as they were when the walk began. Rows of erased epochs are left out.
// An error ends the walk. The loop may use the store, but should not wait for
// long: what it holds up is compaction.
func (s *Store) Rows(prefix, from string) iter.Seq2[session.Row, error] {
	return s.walk(prefix, prefix+from, false)
}

// RowsBack walks backwards from the last row whose key is before the one given;
// an empty one begins at the end.
func (s *Store) RowsBack(prefix, before string) iter.Seq2[session.Row, error] {
	if before == "" {
		return s.walk(prefix, prefix+"\xff", true)
	}
	return s.walk(prefix, prefix+before, true)
}

func (s *Store) walk(prefix, from string, back bool) iter.Seq2[session.Row, error] {
	return func(yield func(session.Row, error) bool) {
		err := s.view(func(txn *badger.Txn) error {
			o := badger.DefaultIteratorOptions
			o.Prefix, o.Reverse = []byte(prefix), back
			it := txn.NewIterator(o)
			defer it.Close()
			for it.Seek([]byte(from)); it.ValidForPrefix(o.Prefix); it.Next() {
				key := string(it.Item().Key())
				if back && key == from {
					continue
				}
				row := session.Row{Key: key[len(prefix):]}
				err := it.Item().Value(func(v []byte) (err error) {
					row.Value, row.Wrap, err = s.decode(key, v)
					return err
				})
				if errors.Is(err, ErrNotFound) {
					s.dropLater(key)
					continue
				}
				if err != nil {
					return err
				}
				if !yield(row, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(session.Row{}, err)
		}
	}
}

// dropLater has the next batch take out a row that nobody can read.
func (s *Store) dropLater(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sweep) < sweepMax {
		s.sweep[key] = struct{}{}
	}
}
