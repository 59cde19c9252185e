package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/covey-p2p/covey/node/session"
)

// small is the profile the tests use, so that logs rotate and disks are cheap.
var small = Options{MemTable: 1 << 20, Holder: "test"}

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closing(t testing.TB, s *Store) *Store {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func epoch(n int) session.EpochID { return sha256.Sum256(fmt.Append(nil, "epoch", n)) }

func row(key, value string) session.Row { return session.Row{Key: key, Value: []byte(value)} }

func wrapped(key, value string, n int) session.Row {
	return session.Row{Key: key, Value: []byte(value), Wrap: epoch(n)}
}

func keys(t testing.TB, s *Store, prefix string) (out []string) {
	t.Helper()
	rows, err := s.Load(prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, r.Key+"="+string(r.Value))
	}
	return out
}

func TestRowsComeBackAsTheyWent(t *testing.T) {
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			s := Memory()
			if where == "disk" {
				s = open(t, t.TempDir(), small)
			}
			closing(t, s)
			in := []session.Row{row("a", "1"), wrapped("b", "2", 1), row("b/c", "3")}
			if err := s.Put("g/x/", in); err != nil {
				t.Fatal(err)
			}
			if err := s.Put("g/y/", []session.Row{row("a", "other")}); err != nil {
				t.Fatal(err)
			}
			got, err := s.Load("g/x/")
			if err != nil || len(got) != 3 {
				t.Fatal(got, err)
			}
			for i := range in {
				if got[i].Key != in[i].Key || got[i].Wrap != in[i].Wrap || !bytes.Equal(got[i].Value, in[i].Value) {
					t.Errorf("row %d: %v", i, got[i])
				}
			}
			if v, err := s.Get("g/x/", "b"); string(v) != "2" || err != nil {
				t.Error(v, err)
			}
			if _, err := s.Get("g/x/", "z"); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			if err := s.Put("g/x/", []session.Row{{Key: "a"}}); err != nil {
				t.Fatal(err)
			}
			if got := keys(t, s, "g/x/"); !slices.Equal(got, []string{"b=2", "b/c=3"}) {
				t.Error(got)
			}
			if got := keys(t, s, "g/"); len(got) != 3 {
				t.Error(got)
			}
		})
	}
}

func TestWalks(t *testing.T) {
	s := closing(t, Memory())
	var rows []session.Row
	for i := range 10 {
		rows = append(rows, row(fmt.Sprintf("%02d", i), "v"))
	}
	if err := s.Put("log/", rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("loh/", rows); err != nil {
		t.Fatal(err)
	}
	collect := func(seq func(func(session.Row, error) bool), n int) (out []string) {
		for r, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			if out = append(out, r.Key); len(out) == n {
				break
			}
		}
		return out
	}
	for name, c := range map[string]struct{ got, want []string }{
		"from the start": {collect(s.Rows("log/", ""), 2), []string{"00", "01"}},
		"from the 8th":   {collect(s.Rows("log/", "08"), 9), []string{"08", "09"}},
		"between rows":   {collect(s.Rows("log/", "075"), 1), []string{"08"}},
		"back":           {collect(s.RowsBack("log/", ""), 2), []string{"09", "08"}},
		"back before":    {collect(s.RowsBack("log/", "02"), 9), []string{"01", "00"}},
		"back between":   {collect(s.RowsBack("log/", "025"), 1), []string{"02"}},
		"nothing":        {collect(s.Rows("nix/", ""), 9), nil},
		"nothing back":   {collect(s.RowsBack("log/", "00"), 9), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// A store is a map of rows that survives being closed, in which an erased
// epoch's rows are gone.
func TestStoreAgreesWithAMap(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	defer func() { s.Close() }()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++ // one store for all: opening costs a hundred batches
		prefix := fmt.Sprintf("p%d/", n)
		var err error
		model := map[string]session.Row{}
		check := func() {
			rows, err := s.Load(prefix)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, r := range rows {
				got[r.Key] = fmt.Sprintf("%x %x", r.Value, r.Wrap)
			}
			want := map[string]string{}
			for k, r := range model {
				want[k] = fmt.Sprintf("%x %x", r.Value, r.Wrap)
			}
			if !maps.Equal(got, want) {
				t.Fatalf("have %v, want %v", got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				var rows []session.Row
				for range rapid.IntRange(0, 5).Draw(t, "rows") {
					r := session.Row{
						Key:   rapid.StringMatching(`[a-d]{1,2}`).Draw(t, "key"),
						Value: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value"),
					}
					if e := rapid.IntRange(0, 4).Draw(t, "epoch"); e > 0 {
						r.Wrap = epoch(e)
					}
					rows = append(rows, r)
				}
				var erase []session.EpochID
				if e := rapid.IntRange(0, 12).Draw(t, "erase"); e > 0 && e < 5 {
					erase = append(erase, epoch(e))
				}
				if err := s.Apply(prefix, rows, erase); err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					if len(r.Value) == 0 {
						delete(model, r.Key)
					} else {
						model[r.Key] = r
					}
				}
				maps.DeleteFunc(model, func(_ string, r session.Row) bool { return slices.Contains(erase, r.Wrap) })
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
					return
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(dir, small); err != nil {
					t.Fatal(err)
				}
				if old, why := s.Restored(); old {
					t.Fatal(why)
				}
			},
			"": func(t *rapid.T) { check() },
		})
	})
}

func TestConcurrentBatchesShareTransactions(t *testing.T) {
	s := closing(t, open(t, t.TempDir(), small))
	const writers, each = 16, 40
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				rows := []session.Row{row(fmt.Sprintf("%d/%d", w, i), "x"), wrapped(fmt.Sprintf("%d/%d/w", w, i), "y", w)}
				if err := s.Put("c/", rows); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(keys(t, s, "c/")); got != 2*writers*each {
		t.Errorf("%d rows", got)
	}
	st := s.Stats()
	if st.Batches != writers*each || st.Transaction > st.Batches {
		t.Errorf("%+v", st)
	}
	t.Logf("%d batches in %d transactions", st.Batches, st.Transaction)
}

func TestRowsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), small)
		defer s.Close()
		until := time.Now().Add(time.Hour)
		if err := s.PutUntil("m/", []session.Row{row("a", "1")}, nil, until); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Minute)
		if got := keys(t, s, "m/"); len(got) != 1 {
			t.Fatal(got)
		}
		time.Sleep(2 * time.Minute)
		if got := keys(t, s, "m/"); len(got) != 0 {
			t.Fatal(got)
		}
	})
}

func TestTooLargeIsRefusedWhole(t *testing.T) {
	s := closing(t, open(t, t.TempDir(), small))
	var large *TooLargeError
	rows := []session.Row{row("small", "x"), row("large", strings.Repeat("x", maxLong))}
	if err := s.Put("p/", rows); !errors.As(err, &large) || large.Have <= large.Max {
		t.Fatal(err)
	}
	if err := s.Put("p/", []session.Row{row(strings.Repeat("k", MaxKey), "x")}); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	if got := keys(t, s, "p/"); len(got) != 0 {
		t.Fatal(got)
	}
	// The largest that one transaction takes, and the store lives on.
	if err := s.Put("p/", []session.Row{row("fits", strings.Repeat("x", s.maxSize-rowOverhead-100))}); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("p/", manyRows(s.maxSize/rowOverhead*7/10)); err != nil {
		t.Fatal(err)
	}
	if n := s.Stats().Transaction; n != 3 { // that of Open, and one each
		t.Fatal(n, "transactions")
	}
}

func manyRows(n int) (rows []session.Row) {
	for i := range n {
		rows = append(rows, row(fmt.Sprintf("%06d", i), "x"))
	}
	return rows
}

// longBatch is more than one transaction of the small profile takes: many rows,
// large ones, wrapped ones, and one that goes.
func longBatch(s *Store) []session.Row {
	rows := append(manyRows(s.maxSize/rowOverhead), row("gone", ""),
		wrapped("sealed", strings.Repeat("s", s.maxSize/2), 1), wrapped("sealed too", "2", 2))
	for i := range 4 {
		rows = append(rows, row(fmt.Sprint("large", i), strings.Repeat("x", s.maxSize*(i+1)/2)))
	}
	return rows
}

func checkLong(t *testing.T, s *Store, want []session.Row) {
	t.Helper()
	for _, r := range want {
		got, err := s.Get("p/", r.Key)
		if len(r.Value) == 0 && errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil || !bytes.Equal(got, r.Value) {
			t.Fatalf("%s: %d of %d bytes, %v", r.Key, len(got), len(r.Value), err)
		}
	}
	for _, key := range []string{rowRedo, rowPieces} {
		for r := range s.Rows(key, "") {
			t.Fatalf("%q is still there", key+r.Key)
		}
	}
}

func TestLongBatches(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Put("p/", []session.Row{row("gone", "x"), wrapped("erased", "x", 3)}); err != nil {
		t.Fatal(err)
	}
	rows := longBatch(s)
	if err := s.Apply("p/", rows, []session.EpochID{epoch(3)}); err != nil {
		t.Fatal(err)
	}
	checkLong(t, s, rows)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = closing(t, open(t, dir, small))
	checkLong(t, s, rows)
	if _, err := s.Get("p/", "erased"); !errors.Is(err, ErrNotFound) {
		t.Error("the erased epoch is readable", err)
	}
	if old, why := s.Restored(); old {
		t.Error(why)
	}
}

// A crash at any point of a long batch leaves all of it or nothing.
func TestLongBatchCutShort(t *testing.T) {
	for _, counts := range []bool{false, true} {
		dir := t.TempDir()
		s := open(t, dir, small)
		rows := longBatch(s)
		if err := s.Put("p/", []session.Row{row("gone", "x"), wrapped("w", "x", 1), wrapped("w", "x", 2)}); err != nil {
			t.Fatal(err)
		}
		var entries []entry
		for _, r := range rows {
			e := entry{key: "p/" + r.Key, value: r.Value, remove: len(r.Value) == 0}
			if r.Wrap != (session.EpochID{}) {
				e.epoch, e.slot = r.Wrap, nameSlot("p/", r.Wrap)
			}
			entries = append(entries, e)
		}
		pieces, err := s.record(entries)
		if err != nil || pieces < 4 {
			t.Fatal(pieces, err)
		}
		if counts {
			err := s.transact([]entry{{key: rowRedo, value: binary.BigEndian.AppendUint32(nil, pieces)}}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = closing(t, open(t, dir, small))
		if counts {
			checkLong(t, s, rows)
			continue
		}
		checkLong(t, s, []session.Row{row("gone", "x"), wrapped("w", "x", 2)})
		if got := keys(t, s, "p/"); len(got) != 2 {
			t.Fatal(len(got), "rows of a batch that does not count")
		}
	}
}

// Rows larger than the tree takes go to the value log, and Tidy collects them.
func TestLargeRowsAndTidy(t *testing.T) {
	s := closing(t, open(t, t.TempDir(), Options{}))
	large := bytes.Repeat([]byte("covey"), 300_000)
	for i := range 3 {
		if err := s.Put("p/", []session.Row{{Key: "big", Value: append(large, byte(i))}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Get("p/", "big")
	if err != nil || !bytes.Equal(got, append(large, 2)) {
		t.Fatal(len(got), err)
	}
	if err := s.Tidy(); err != nil {
		t.Fatal(err)
	}
}

func TestClosed(t *testing.T) {
	s := open(t, t.TempDir(), small)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("p/", []session.Row{row("a", "1")}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Load("p/"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// Closing while others write: each batch is either acknowledged or refused.
func TestCloseDuringWrites(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	var mu sync.Mutex
	acked := map[string]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				err := s.Put("p/", []session.Row{row(key, "x")})
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[key] = true
				mu.Unlock()
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s = closing(t, open(t, dir, small))
	if got := len(keys(t, s, "p/")); got != len(acked) {
		t.Errorf("%d rows, %d acknowledged", got, len(acked))
	}
}
