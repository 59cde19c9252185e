package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options say how to open a store. The zero value works: a key file beside the
// database.
type Options struct {
	Key     Key          // nil is KeyFile("")
	Holder  string       // what to call this process to whoever finds it locked
	Witness Witness      // nil: restoring everything at once goes unnoticed
	Log     *slog.Logger // of the database, warnings and worse; nil drops them

	// MemTable is in bytes; zero is DefaultMemTable. It sets the largest batch
	// (a seventh) and the free disk asked for (twenty times).
	MemTable int

	// AcceptLoss opens a store whose log ends too early (ErrTorn), without the
	// missing batches and as a restored one.
	AcceptLoss bool
}

// Store is an open store. All methods may be called from any goroutine.
type Store struct {
	dir     string // "" in memory
	id      string
	db      *badger.DB
	slots   *slotFile
	lock    *lockFile
	outside Witness
	table   uint64 // bytes of a memtable
	maxSize int
	free    func(dir string) (uint64, error) // tests shrink the disk
	patient time.Duration                    // closeWithin; tests have less

	reading sync.WaitGroup
	mu      sync.Mutex // guards what follows; never held while writing
	queue   []*batch
	leading bool
	closed  bool
	failed  error
	sweep   map[string]struct{} // rows found under erased epochs
	stats   Stats
	why     string // Restored

	// Owned by whoever leads.
	seq     uint64
	pending bool   // a note of epochs to erase is in the database
	told    uint64 // the generation the outside witness knows
}

// Stats counts what a store has done since it was opened.
type Stats struct {
	Batches     uint64 // acknowledged
	Transaction uint64 // synced transactions they took
	Rows        uint64 // written or deleted
	Bytes       uint64 // of keys and values
	SlotWrites  uint64 // synced writes of the slot table
	Epochs      int    // live keys now
	Erased      uint64 // epochs erased
	ErasedRows  uint64 // rows found unreadable for that, and dropped
	Refused     uint64 // batches refused because the disk was full
}

// Rows of the store itself; no prefix may begin with their first byte.
const (
	own        = "\x00"
	rowState   = own + "state"    // number of the batch u64, generation of the slots u64
	rowStore   = own + "store"    // id
	rowPending = own + "pending"  // names of slots to erase, one after another
	rowWhy     = own + "restored" // why the store counts as restored
	rowRedo    = own + "redo"     // number of pieces u32 of a long batch that counts (long.go)
	rowPieces  = own + "piece/"   // of a long batch
)

// Open opens the store in dir, or makes one there. The errors are those of this
// package, each of which leaves everything as it was.
func Open(dir string, o Options) (*Store, error) {
	if o.Key == nil {
		o.Key = KeyFile("")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l, err := lock(dir, o.Holder)
	if err != nil {
		return nil, err
	}
	s := newStore(dir, o)
	s.lock = l
	if err := s.open(o); err != nil {
		s.shut()
		return nil, s.named(err)
	}
	return s, nil
}

// Memory is a store that ends with the process.
func Memory() *Store {
	s := newStore("", Options{})
	id, data := random(16), random(32)
	s.id = hex.EncodeToString(id)
	s.slots = memorySlots(subkey(data, "slots"), [16]byte(id))
	db, err := badger.Open(s.options(Options{}, nil))
	if err != nil {
		panic(fmt.Sprintf("store: a database in memory does not open: %v", err))
	}
	s.db = db
	return s
}

func newStore(dir string, o Options) *Store {
	if o.MemTable == 0 {
		o.MemTable = DefaultMemTable
	}
	return &Store{
		dir:     dir,
		outside: o.Witness,
		table:   uint64(o.MemTable),
		maxSize: o.MemTable / 100 * batchShare,
		free:    free,
		patient: closeWithin,
		sweep:   map[string]struct{}{},
	}
}

func (s *Store) open(o Options) error {
	m, data, err := readMeta(s.dir, o.Key)
	fresh := missing(err)
	if fresh {
		if _, err := os.Stat(filepath.Join(s.dir, "db")); err == nil {
			return &CorruptError{What: "store.json", Err: errors.New("missing, while there are rows")}
		}
		m, data, err = createMeta(s.dir, o.Key)
	}
	if err != nil {
		return err
	}
	defer clear(data)
	s.id = m.ID
	if err := s.openSlots(subkey(data, "slots")); err != nil {
		return err
	}
	if err := s.roomFor(0, openTables*s.table); err != nil {
		return err
	}
	kept, err := keepLogs(s.dir)
	if err != nil {
		return err
	}
	opt := s.options(o, subkey(data, "rows"))
	if err := checkTables(opt, checkAtOpen); err != nil {
		return err
	}
	if s.db, err = openDatabase(opt); err != nil {
		return errors.Join(err, putBack(s.dir, kept))
	}
	if err := s.audit(o, kept); err != nil {
		if e := s.closeDatabase(); e != nil {
			return errors.Join(err, e)
		}
		s.db = nil
		if errors.Is(err, ErrTorn) {
			err = errors.Join(err, putBack(s.dir, kept))
		}
		return err
	}
	return nil
}

func (s *Store) openSlots(seal []byte) error {
	id, err := hex.DecodeString(s.id)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, "slots")
	s.slots, err = openSlots(path, seal, [16]byte(id))
	if !missing(err) {
		return err
	}
	if _, err := os.Stat(filepath.Join(s.dir, "db", "MANIFEST")); err == nil {
		return &CorruptError{What: "the slot file", Err: errors.New("missing, while there are rows")}
	}
	if s.slots, err = createSlots(path, seal, [16]byte(id)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// options is the small profile: caches and tables a tenth of badger's own.
func (s *Store) options(o Options, key []byte) badger.Options {
	size := int64(s.table)
	opt := badger.DefaultOptions("")
	if s.dir == "" {
		opt = opt.WithInMemory(true)
	} else {
		dir := filepath.Join(s.dir, "db")
		opt = opt.WithDir(dir).WithValueDir(dir).WithSyncWrites(true).
			WithEncryptionKey(key).WithValueLogFileSize(valueLog)
	}
	var log badger.Logger
	if o.Log != nil {
		log = logger{o.Log}
	}
	opt.TableSizeMultiplier = 1
	return opt.WithLogger(log).
		WithMemTableSize(size).
		WithNumMemtables(2).
		WithNumLevelZeroTables(youngTables).
		WithNumLevelZeroTablesStall(youngStall).
		WithBaseLevelSize(size * levelTables).
		WithBaseTableSize(size / 4).
		WithValueThreshold(min(valueInTree, size*batchShare/100)).
		WithBlockCacheSize(cacheBlocks).
		WithIndexCacheSize(cacheIndex).
		WithCompression(options.None). // most values are ciphertext
		WithNumCompactors(2).
		WithNumGoroutines(2).
		WithDetectConflicts(false). // one writer
		WithMetricsEnabled(false).
		WithVerifyValueChecksum(true).
		WithChecksumVerificationMode(options.OnBlockRead)
}

// openDatabase turns the panics of a damaged database into errors.
func openDatabase(o badger.Options) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &CorruptError{What: "the database", Err: fmt.Errorf("%v", p)}
		}
	}()
	if err := dropUnborn(o.ValueDir); err != nil {
		return nil, err
	}
	db, err = badger.Open(o)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return nil, ErrWrongKey
	case isFull(err), errors.Is(err, os.ErrPermission):
		return nil, err
	}
	return nil, &CorruptError{What: "the database", Err: err}
}

// dropUnborn removes logs of no length: a crash between the making of the file
// and its first byte leaves one, and badger refuses to open with it.
func dropUnborn(dir string) error {
	values, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil {
		return err
	}
	rows, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, name := range append(values, rows...) {
		if info, err := os.Stat(name); err == nil && info.Size() == 0 {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// audit compares what the rows, the slots and the outside witness remember of
// each other, completes an erasure that was cut short, and begins the next
// generation.
func (s *Store) audit(o Options, kept *keptLogs) error {
	state, err := s.raw(rowState)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	var gen uint64
	if len(state) == 16 {
		s.seq, gen = binary.BigEndian.Uint64(state), binary.BigEndian.Uint64(state[8:])
	}
	if id, err := s.raw(rowStore); err == nil && string(id) != s.id {
		return &CorruptError{What: "the database", Err: errors.New("belongs to another store")}
	}
	if why, err := s.raw(rowWhy); err == nil {
		s.why = string(why)
	}
	if s.seq < s.slots.seq {
		e := &TornError{Have: s.seq, Want: s.slots.seq}
		if kept != nil && !o.AcceptLoss {
			return e
		}
		s.why = fmt.Sprintf("the rows are older than the epoch keys: batches %d to %d are missing", e.Have+1, e.Want)
		s.seq = s.slots.seq
	} else if kept != nil {
		if err := kept.drop(); err != nil {
			return err
		}
	}
	if s.slots.gen < gen {
		s.why = "the epoch keys are older than the rows: keys that were erased have come back"
		s.slots.gen = gen
	}
	if s.outside != nil {
		seen, err := s.outside.Generation(s.id)
		if err != nil {
			return fmt.Errorf("store: the witness does not answer: %w", err)
		}
		if s.slots.gen < seen {
			s.why = "the whole store is an older copy of itself"
			s.slots.gen = seen
		}
	}
	return s.begin()
}

// begin writes the first transaction of this opening.
func (s *Store) begin() error {
	if err := s.finishRedo(); err != nil {
		return err
	}
	names, err := s.raw(rowPending)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	s.pending = len(names) > 0
	if _, err := s.slots.erase(slotNames(names)); err != nil {
		return err
	}
	if err := s.slots.write(); err != nil {
		return err
	}
	entries := []entry{{key: rowStore, value: []byte(s.id)}}
	if s.why != "" {
		entries = append(entries, entry{key: rowWhy, value: []byte(s.why)})
	}
	if err := s.write(entries, nil, false); err != nil {
		return err
	}
	return s.tell(0)
}

func slotNames(b []byte) (names []slotName) {
	for ; len(b) >= nameSize; b = b[nameSize:] {
		names = append(names, slotName(b))
	}
	return names
}

// Restored reports whether the store, or a part of it, is an older copy put
// back, and why that is so. Keys may have been used since it was taken: the
// owner receives and does not sign or send until it has new ones.
func (s *Store) Restored() (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why != "", s.why
}

// Accept ends that: the owner has new keys.
func (s *Store) Accept() error {
	err := s.apply(&batch{entries: []entry{{key: rowWhy, remove: true}}})
	if err == nil {
		s.mu.Lock()
		s.why = ""
		s.mu.Unlock()
	}
	return err
}

// ID names the store; it is made with it and says nothing about its owner.
func (s *Store) ID() string { return s.id }

// Stats is what has been done so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Epochs = s.slots.live()
	return st
}

// Size is what the rows take on disk, in bytes, as of the last minute.
func (s *Store) Size() int64 {
	lsm, vlog := s.db.Size()
	return lsm + vlog
}

// Tidy gives back the disk that large deleted rows take. Call it now and then,
// hourly say; small ones go by themselves.
func (s *Store) Tidy() error {
	if s.dir == "" {
		return nil
	}
	for {
		switch err := s.db.RunValueLogGC(0.5); {
		case err == nil:
		case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
			return nil
		default:
			return s.named(err)
		}
	}
}

// Close ends the store once the batches that wait are written and the walks
// under way have ended. From its call on everything else gives ErrClosed. Where
// the disk does not let it end, the error is an ErrUnclosed, nothing is lost, and
// the directory stays locked until the process ends.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	s.apply(&batch{last: true}) // behind everything that waits
	s.reading.Wait()
	return s.shut()
}

func (s *Store) shut() error {
	var errs []error
	if s.db != nil {
		err := s.closeDatabase()
		if errors.Is(err, ErrUnclosed) {
			return err // and it may still be writing
		}
		errs = append(errs, err)
	}
	if s.slots != nil {
		errs = append(errs, s.slots.close())
	}
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(errs...)
}

// closeDatabase ends the database. It flushes its tables first and, where the
// disk refuses, tries that again without end, or is ended by a signal. All of it
// is in the log already: to give up costs the next Open a moment, no row.
func (s *Store) closeDatabase() error {
	if err := s.roomFor(0, openTables*s.table); err != nil {
		return fmt.Errorf("%w: %w", ErrUnclosed, err)
	}
	done := make(chan error, 1)
	go func() { done <- s.db.Close() }()
	wait := time.NewTimer(s.patient)
	defer wait.Stop()
	select {
	case err := <-done:
		return s.named(err)
	case <-wait.C:
		return fmt.Errorf("%w within %s", ErrUnclosed, s.patient)
	}
}

// logger hands badger's warnings on; its chatter is dropped. Badger logs file
// names and sizes, never keys or values.
type logger struct{ *slog.Logger }

func (l logger) Errorf(f string, a ...any)   { l.Error("database", "text", fmt.Sprintf(f, a...)) }
func (l logger) Warningf(f string, a ...any) { l.Warn("database", "text", fmt.Sprintf(f, a...)) }
func (l logger) Infof(string, ...any)        {}
func (l logger) Debugf(string, ...any)       {}
