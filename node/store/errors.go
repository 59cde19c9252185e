package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// What a caller can tell apart with errors.Is. Nothing is lost by any of them:
// the files are as they were.
var (
	// ErrNotFound: no such row, or its epoch has been erased.
	ErrNotFound = errors.New("store: no such row")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store: closed")
	// ErrLocked: another process has it open; see LockedError.
	ErrLocked = errors.New("store: in use")
	// ErrWrongKey: the passphrase or key does not open it.
	ErrWrongKey = errors.New("store: the key does not open this store")
	// ErrNoKey: the key cannot be got: its file or keyring entry is missing,
	// there is no keyring, or others may read the file.
	ErrNoKey = errors.New("store: no key")
	// ErrNewerFormat: written by a newer covey; see NewerFormatError.
	ErrNewerFormat = errors.New("store: written in a newer format")
	// ErrFull: too little disk is free; see FullError. Reading and erasing work.
	ErrFull = errors.New("store: disk full")
	// ErrTooLarge: the batch can never be written; see TooLargeError.
	ErrTooLarge = errors.New("store: batch too large")
	// ErrCorrupt: a file is damaged or missing; see CorruptError.
	ErrCorrupt = errors.New("store: damaged")
	// ErrTorn: acknowledged batches are missing from the end of the log; see
	// TornError.
	ErrTorn = errors.New("store: the end of the log is missing")
	// ErrFailed: an earlier write failed; close and open again.
	ErrFailed = errors.New("store: an earlier write failed")
	// ErrGone: the directory has been taken away while it was open.
	ErrGone = errors.New("store: its directory is gone")
	// ErrUnclosed: the database could not be ended, for want of room or of its
	// directory. What was acknowledged is in its log.
	ErrUnclosed = errors.New("store: not closed")
)

// LockedError names who has the store open.
type LockedError struct {
	Dir    string
	PID    int    // 0 if the holder did not get to write it
	Holder string // what the holder called itself
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%s is in use by %s (process %d)", e.Dir, e.Holder, e.PID)
}

func (e *LockedError) Unwrap() error { return ErrLocked }

// NewerFormatError says what was found and what this program reads.
type NewerFormatError struct {
	What       string
	Have, Read int
}

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("%s has format %d and this program reads up to %d: use a newer covey", e.What, e.Have, e.Read)
}

func (e *NewerFormatError) Unwrap() error { return ErrNewerFormat }

// FullError says how much is free and how much must be, in bytes.
type FullError struct {
	Dir        string
	Free, Need uint64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk of %s has %d MB free and %d MB are needed: make room, nothing is lost",
		e.Dir, e.Free>>20, e.Need>>20)
}

func (e *FullError) Unwrap() error { return ErrFull }

// TooLargeError gives the batch's size and the limit, in bytes or in rows.
type TooLargeError struct {
	What      string
	Have, Max int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("store: %s of %d, the limit is %d", e.What, e.Have, e.Max)
}

func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

// CorruptError names the damaged file or row.
type CorruptError struct {
	What string
	Err  error
}

func (e *CorruptError) Error() string {
	if e.Err == nil {
		return e.What + " is damaged"
	}
	return fmt.Sprintf("%s is damaged: %v", e.What, e.Err)
}

func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }
func (e *CorruptError) Unwrap() error        { return e.Err }

// TornError says which batches are missing. The log is kept as it was found;
// Options.AcceptLoss opens the store without them, as a restored one.
type TornError struct {
	Have, Want uint64 // the last batch here, the last one acknowledged
	Salvage    string // set with AcceptLoss: where the log is kept
}

func (e *TornError) Error() string {
	return fmt.Sprintf("the end of the store's log is damaged: batches %d to %d were acknowledged and cannot be read; "+
		"the log is untouched", e.Have+1, e.Want)
}

func (e *TornError) Unwrap() error { return ErrTorn }

// named gives an error of the system or of badger the name that callers know.
func (s *Store) named(err error) error {
	switch {
	case err == nil:
		return nil
	case isFull(err):
		have, _ := s.free(s.dir)
		return &FullError{Dir: s.dir, Free: have, Need: reserveTables * s.table}
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return ErrClosed
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
