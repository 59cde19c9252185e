package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/store"
)

func open(t *testing.T, st *store.Store) *Journal {
	t.Helper()
	j, err := Open(st)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func memory(t *testing.T) *store.Store {
	st := store.Memory()
	t.Cleanup(func() { st.Close() })
	return st
}

// read takes n events after a cursor.
func read(t *testing.T, j *Journal, after uint64, n int) (out []api.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if n == 0 {
		return nil
	}
	for e, err := range j.Events(ctx, after) {
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, e); len(out) == n {
			break
		}
	}
	if len(out) != n {
		t.Fatalf("got %d events, want %d", len(out), n)
	}
	return out
}

func TestReadersSeeEveryEventOnceInOrder(t *testing.T) {
	j := open(t, memory(t))
	const writers, each = 8, 300
	var readers, wg sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			after := uint64(0)
			for _, e := range read(t, j, 0, writers*each) {
				if e.Cursor != after+1 {
					t.Errorf("cursor %d after %d", e.Cursor, after)
				}
				after = e.Cursor
			}
		})
	}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := j.Append(api.Event{Text: fmt.Sprint(w, " ", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	readers.Wait()
	next := make(map[string]int)
	for _, e := range read(t, j, 0, writers*each) { // from disk: more than memory holds
		var w string
		var i int
		fmt.Sscan(e.Text, &w, &i)
		if i != next[w] {
			t.Fatalf("writer %s: event %d after %d", w, i, next[w]-1)
		}
		next[w]++
	}
}

// An event that became durable is held back until those before it have.
func TestNoEventTurnsUpLate(t *testing.T) {
	st := memory(t)
	j := open(t, st)
	slow := j.Reserve([]api.Event{{Text: "slow"}})
	fails := j.Reserve([]api.Event{{Text: "fails"}, {Text: "fails too"}})
	if _, err := j.Append(api.Event{Text: "fast"}); err != nil {
		t.Fatal(err)
	}
	if j.Cursor() != 0 {
		t.Errorf("cursor %d while an earlier event is under way", j.Cursor())
	}
	fails.Done(errors.New("disk full"))
	st.Put("", slow.Rows())
	slow.Done(nil)
	got := read(t, j, 0, 2)
	if got[0].Text != "slow" || got[1].Text != "fast" || got[1].Cursor != 4 {
		t.Errorf("got %+v", got)
	}
	if reopened := open(t, st); reopened.Cursor() != 4 {
		t.Errorf("reopened at %d, want 4", reopened.Cursor())
	}
}

func TestResumesAcrossRestart(t *testing.T) {
	st := memory(t)
	j := open(t, st)
	for i := range 5 {
		j.Append(api.Event{Text: fmt.Sprint(i)})
	}
	j.Close()
	j = open(t, st)
	j.Append(api.Event{Text: "5"})
	for i, e := range read(t, j, 2, 4) {
		if e.Text != fmt.Sprint(i+2) || e.Cursor != uint64(i+3) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

func TestTrimmedReadersAreTold(t *testing.T) {
	j := open(t, memory(t))
	for range (Keep + 3*trimEvery) / 500 {
		j.Append(make([]api.Event, 500)...)
	}
	if err := j.Trim(); err != nil {
		t.Fatal(err)
	}
	got := read(t, j, 7, 2)
	if got[0].Type != api.EventTrimmed || got[1].Cursor != got[0].Cursor+1 || got[1].Cursor != j.first {
		t.Errorf("got %+v; oldest is %d", got, j.first)
	}
	if kept := j.Cursor() - j.first + 1; kept != Keep {
		t.Errorf("kept %d, want %d", kept, Keep)
	}
}

func TestBadCursorAndClose(t *testing.T) {
	j := open(t, memory(t))
	for _, err := range j.Events(t.Context(), 99) {
		if !errors.Is(err, api.Usage) {
			t.Errorf("a cursor from the future: %v", err)
		}
	}
	late := j.Reserve([]api.Event{{Text: "under way when the node stops"}})
	defer late.Done(nil)
	time.AfterFunc(10*time.Millisecond, j.Close)
	for _, err := range j.Events(t.Context(), 0) {
		if e := new(api.Error); !errors.As(err, &e) || e.Code != api.CodeStopped {
			t.Errorf("after Close: %v", err)
		}
	}
}
