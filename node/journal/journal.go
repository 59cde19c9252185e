// Package journal is the one ordered log of events that every face reads:
// durable, resumable, trimmed from the front.
//
// Walk: whoever has events to report reserves cursors for them (Reserve), puts
// the rows into the batch that makes their cause durable, and says how that
// ended (Done). Batches of several groups are under way at once; a reader sees
// an event once it and all before it are done, so that cursors come in order
// and none turns up late. Events still unread are served from memory while
// they are recent, and from disk otherwise. operations.go keeps how far changes
// have come that somebody asked for, beyond the events that told of it.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

const (
	// prefix of the rows; a key is the cursor in 16 hex digits.
	prefix = "j/"
	// recent is how many events are kept in memory: enough for every reader
	// that keeps up.
	recent = 1024
	// Keep is how many events are kept on disk. A face that was away for longer
	// is told so by a trimmed event, and reads the histories of its groups.
	Keep = 100_000
	// trimEvery is after how many events the oldest are dropped.
	trimEvery = 1000
)

// Journal is the log. It may be used by many goroutines.
type Journal struct {
	store *store.Store
	now   func() time.Time

	mu     sync.Mutex
	next   uint64            // cursor to be given out next
	seen   uint64            // every event up to it is done
	first  uint64            // oldest kept on disk, 0 where there is none
	done   map[uint64]*Entry // done, above seen, by first cursor
	ring   []api.Event       // the newest events up to seen
	grown  chan struct{}     // closed when seen grows
	closed bool
}

// Open reads where the log stands.
func Open(st *store.Store) (*Journal, error) {
	j := &Journal{store: st, now: time.Now, done: make(map[uint64]*Entry), grown: make(chan struct{})}
	for row, err := range st.RowsBack(prefix, "") {
		if err != nil {
			return nil, err
		}
		if j.seen, err = cursorOf(row.Key); err != nil {
			return nil, err
		}
		break
	}
	for row, err := range st.Rows(prefix, "") {
		if err != nil {
			return nil, err
		}
		if j.first, err = cursorOf(row.Key); err != nil {
			return nil, err
		}
		break
	}
	j.next = j.seen + 1
	return j, nil
}

func keyOf(cursor uint64) string { return fmt.Sprintf("%016x", cursor) }

func cursorOf(key string) (uint64, error) {
	c, err := strconv.ParseUint(key, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("the event log holds a row that is no event: %w", err)
	}
	return c, nil
}

// Entry is events that have cursors and are not yet known to be durable.
type Entry struct {
	Events []api.Event
	j      *Journal
	err    error
	next   uint64 // cursor after the last
}

// Reserve gives events their cursors, in order, and a time where they have
// none. Done must follow.
func (j *Journal) Reserve(events []api.Event) *Entry {
	now := j.now().UTC()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range events {
		events[i].Cursor = j.next
		j.next++
		if events[i].At.IsZero() {
			events[i].At = now
		}
	}
	return &Entry{Events: events, j: j, next: j.next}
}

// Cursor is the cursor before the entry's first event.
func (e *Entry) Cursor() uint64 { return e.next - uint64(len(e.Events)) - 1 }

// Rows are the entry's rows, keys whole.
func (e *Entry) Rows() []session.Row {
	rows := make([]session.Row, len(e.Events))
	for i, ev := range e.Events {
		b, err := json.Marshal(ev)
		if err != nil {
			panic(fmt.Sprintf("journal: an event cannot be encoded: %v", err)) // of plain fields only
		}
		rows[i] = session.Row{Key: prefix + keyOf(ev.Cursor), Value: b}
	}
	return rows
}

// Done says that the entry's rows are durable, or, with an error, that they
// never will be: readers then pass over its cursors.
func (e *Entry) Done(err error) {
	j := e.j
	if len(e.Events) == 0 {
		return
	}
	e.err = err
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done[e.Events[0].Cursor] = e
	before := j.seen
	for {
		d := j.done[j.seen+1]
		if d == nil {
			break
		}
		delete(j.done, j.seen+1)
		j.seen = d.next - 1
		if d.err == nil {
			if j.first == 0 {
				j.first = d.Events[0].Cursor
			}
			j.ring = append(j.ring, d.Events...)
		}
	}
	if n := len(j.ring) - recent; n > 0 {
		j.ring = append(j.ring[:0], j.ring[n:]...)
	}
	if j.seen != before && !j.closed {
		close(j.grown)
		j.grown = make(chan struct{})
	}
}

// Append makes events durable and shows them. It returns the cursor before
// the first.
func (j *Journal) Append(events ...api.Event) (uint64, error) {
	e := j.Reserve(events)
	err := j.store.Put("", e.Rows())
	e.Done(err)
	return e.Cursor(), err
}

// Cursor is that of the newest event shown.
func (j *Journal) Cursor() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seen
}

// Close ends all readers.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed = true
		close(j.grown)
	}
}

// Events yields every event after the cursor, the past first, then what comes,
// until the context ends or the journal is closed. Where the events after the
// cursor are no longer kept, a trimmed event comes first.
func (j *Journal) Events(ctx context.Context, after uint64) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		for ctx.Err() == nil {
			j.mu.Lock()
			seen, first, grown, closed := j.seen, j.first, j.grown, j.closed
			batch := j.recentAfter(after)
			j.mu.Unlock()
			switch {
			case closed:
				yield(api.Event{}, api.NewError(api.CodeStopped, "The node is stopping.", "Watch again once it is back; nothing is missed."))
				return
			case after > seen: // of a log that was restored from an older copy, say
				yield(api.Event{}, api.NewError(api.CodeUsage, fmt.Sprintf("Cursor %d has not happened yet; the newest event is %d.", after, seen), "Watch from 0 or from now."))
				return
			case first != 0 && after+1 < first:
				e := api.Event{Cursor: first - 1, At: j.now().UTC(), Type: api.EventTrimmed, Text: fmt.Sprintf("Events up to %d are no longer kept; the groups' histories are.", first-1)}
				if !yield(e, nil) {
					return
				}
				after = first - 1
			case batch != nil:
				for _, e := range batch {
					if !yield(e, nil) {
						return
					}
					after = e.Cursor
				}
			case after < seen:
				var ok bool
				if after, ok = j.fromDisk(ctx, after, seen, yield); !ok {
					return
				}
			default:
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
		}
	}
}

// recentAfter copies what memory has after a cursor, or nil if it has not all.
func (j *Journal) recentAfter(after uint64) []api.Event {
	if len(j.ring) == 0 || after+1 < j.ring[0].Cursor || after >= j.ring[len(j.ring)-1].Cursor {
		return nil
	}
	i := len(j.ring)
	for i > 0 && j.ring[i-1].Cursor > after {
		i--
	}
	return append([]api.Event(nil), j.ring[i:]...)
}

// diskBatch is how many events are read before they are handed over: a walk of
// the store that waits for a slow reader would hold up compaction.
const diskBatch = 256

// fromDisk yields some events from after to seen, and where it got to.
func (j *Journal) fromDisk(ctx context.Context, after, seen uint64, yield func(api.Event, error) bool) (uint64, bool) {
	var batch []api.Event
	end := seen
	for row, err := range j.store.Rows(prefix, keyOf(after+1)) {
		var e api.Event
		if err == nil {
			err = json.Unmarshal(row.Value, &e)
		}
		if err != nil {
			if !errors.Is(err, store.ErrClosed) || ctx.Err() == nil {
				yield(api.Event{}, api.NewError(api.CodeStorage, "The event log cannot be read.", "Run `covey doctor`."))
			}
			return after, false
		}
		if e.Cursor > seen {
			break
		}
		if len(batch) == diskBatch {
			end = batch[len(batch)-1].Cursor
			break
		}
		batch = append(batch, e)
	}
	for _, e := range batch {
		if !yield(e, nil) {
			return after, false
		}
	}
	return end, true
}

// Trim drops the oldest events beyond Keep. It is to be called now and then.
func (j *Journal) Trim() error {
	j.mu.Lock()
	first, seen := j.first, j.seen
	j.mu.Unlock()
	if first == 0 || seen < Keep+first+trimEvery {
		return nil
	}
	last := seen - Keep
	for first <= last {
		var rows []session.Row
		for ; first <= last && len(rows) < trimEvery; first++ {
			rows = append(rows, session.Row{Key: keyOf(first)})
		}
		j.mu.Lock()
		j.first = first // readers are told before the rows go
		j.mu.Unlock()
		if err := j.store.Put(prefix, rows); err != nil {
			return err
		}
	}
	return nil
}
