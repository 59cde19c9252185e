package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// A batch that does not fit one transaction of the database goes down twice, so
// that it is still all or nothing:
//
//	1  its rows, as they will be stored, in pieces of a redo record
//	2  a transaction that says how many pieces there are: from here on the
//	   batch counts
//	3  the rows at their places, in as many transactions as they need
//	4  the record goes
//
// A crash before 2 leaves pieces that nobody counts, and the next Open drops
// them; after 2 the next Open does 3 again. Such batches are rare: the first
// rows of a group of thousands, and hours of catching up at once.

// redo is one row of a long batch as it lies in a piece:
//
//	key length u16, key, until u64 (seconds, 0: for good), value length u32,
//	value as stored; of length 0 for a row that goes
func appendRedo(b []byte, e *entry, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.key)))
	b = append(b, e.key...)
	until := uint64(0)
	if !e.until.IsZero() {
		until = uint64(max(e.until.Unix(), 1))
	}
	b = binary.BigEndian.AppendUint64(b, until)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

var errRedo = errors.New("the record of a long batch is cut short")

// takeRedo reads one row off a piece.
func takeRedo(b []byte) (row *badger.Entry, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errRedo
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; len(b) < n+12 {
		return nil, nil, errRedo
	}
	key, until, size := b[:n:n], binary.BigEndian.Uint64(b[n:]), int(binary.BigEndian.Uint32(b[n+8:]))
	if b = b[n+12:]; len(b) < size {
		return nil, nil, errRedo
	}
	row = badger.NewEntry(key, b[:size:size])
	row.ExpiresAt = until
	return row, b[size:], nil
}

// pieceKey is the row of one piece.
func pieceKey(i uint32) string { return fmt.Sprintf("%s%08x", rowPieces, i) }

// redo writes a long batch and returns once it counts and lies in place.
func (s *Store) redo(entries []entry, erase []slotName) error {
	pieces, err := s.record(entries)
	if err != nil {
		return err
	}
	count := binary.BigEndian.AppendUint32(nil, pieces)
	if err := s.transact([]entry{{key: rowRedo, value: count}}, erase); err != nil {
		return err
	}
	return s.finishRedo()
}

// record writes the pieces and returns their number.
func (s *Store) record(entries []entry) (pieces uint32, err error) {
	var piece []byte
	flush := func() error {
		err := s.db.Update(func(txn *badger.Txn) error {
			return txn.SetEntry(badger.NewEntry([]byte(pieceKey(pieces)), append([]byte{valuePlain}, piece...)))
		})
		pieces, piece = pieces+1, nil
		return s.named(err)
	}
	for i := range entries {
		e := &entries[i]
		var value []byte
		if !e.remove {
			if value, err = s.encode(e); err != nil {
				return 0, err
			}
		}
		piece = appendRedo(piece, e, value)
		if len(piece) >= s.maxSize/4 || i == len(entries)-1 {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	return pieces, nil
}

// finishRedo does what a record asks for, and drops it; without one it drops
// pieces that never counted.
func (s *Store) finishRedo() error {
	count, err := s.raw(rowRedo)
	if errors.Is(err, ErrNotFound) {
		return s.dropPieces(0)
	}
	if err != nil {
		return err
	}
	if len(count) != 4 {
		return &CorruptError{What: "the database", Err: errRedo}
	}
	n := binary.BigEndian.Uint32(count)
	t := &transactions{s: s}
	defer t.discard()
	for i := range n {
		piece, err := s.raw(pieceKey(i))
		if err != nil {
			return &CorruptError{What: "the database", Err: errRedo}
		}
		for len(piece) > 0 {
			var row *badger.Entry
			if row, piece, err = takeRedo(piece); err != nil {
				return &CorruptError{What: "the database", Err: err}
			}
			if err := t.put(row); err != nil {
				return err
			}
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	return s.dropPieces(n)
}

// dropPieces ends a record: first what says that it counts.
func (s *Store) dropPieces(n uint32) error {
	t := &transactions{s: s}
	defer t.discard()
	if n > 0 {
		if err := t.put(badger.NewEntry([]byte(rowRedo), nil)); err != nil {
			return err
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	for row, err := range s.Rows(rowPieces, "") {
		if err != nil {
			return err
		}
		if err := t.put(badger.NewEntry([]byte(rowPieces+row.Key), nil)); err != nil {
			return err
		}
	}
	return t.end()
}

// transactions writes rows, in as many transactions as they need.
type transactions struct {
	s    *Store
	txn  *badger.Txn
	size int
}

func (t *transactions) put(row *badger.Entry) error {
	size := len(row.Key) + len(row.Value) + rowOverhead
	if t.txn != nil && t.size+size > t.s.maxSize {
		if err := t.end(); err != nil {
			return err
		}
	}
	if t.txn == nil {
		t.txn, t.size = t.s.db.NewTransaction(true), 0
	}
	t.size += size
	if len(row.Value) == 0 {
		return t.txn.Delete(row.Key)
	}
	return t.txn.SetEntry(row)
}

func (t *transactions) end() error {
	if t.txn == nil {
		return nil
	}
	err := t.txn.Commit()
	t.txn = nil
	t.s.count(func(st *Stats) { st.Transaction++ })
	return t.s.named(err)
}

func (t *transactions) discard() {
	if t.txn != nil {
		t.txn.Discard()
	}
}
