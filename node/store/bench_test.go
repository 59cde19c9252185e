package store

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// BenchmarkPut is one synced batch of so many rows of 200 bytes: plain, wrapped
// under one living epoch, and the first under a new one (which syncs the slots).
func BenchmarkPut(b *testing.B) {
	value := random(200)
	for _, n := range []int{2, 20} {
		for _, kind := range []string{"plain", "wrapped", "new epoch"} {
			b.Run(fmt.Sprintf("%d/%s", n, kind), func(b *testing.B) {
				s := closing(b, open(b, b.TempDir(), Options{}))
				rows := make([]session.Row, n)
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					for j := range rows {
						rows[j] = session.Row{Key: fmt.Sprintf("%d/%d", i, j), Value: value}
						switch kind {
						case "wrapped":
							rows[j].Wrap = epoch(1)
						case "new epoch":
							rows[j].Wrap = epoch(i)
						}
					}
					var erase []session.EpochID
					if kind == "new epoch" && i > 16 {
						erase = []session.EpochID{epoch(i - 16)}
					}
					if err := s.Apply("g/", rows, erase); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkPutMany is sixteen groups that write two rows each at a time.
func BenchmarkPutMany(b *testing.B) {
	s := closing(b, open(b, b.TempDir(), Options{}))
	value := random(200)
	var n atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Sprint(n.Add(1))
			rows := []session.Row{{Key: key, Value: value}, {Key: key + "x", Value: value}}
			if err := s.Put("g/", rows); err != nil {
				b.Error(err)
			}
		}
	})
	st := s.Stats()
	b.ReportMetric(float64(st.Batches)/float64(st.Transaction), "batches/sync")
}

func BenchmarkErase(b *testing.B) {
	s := closing(b, open(b, b.TempDir(), Options{}))
	i := 0
	for b.Loop() {
		b.StopTimer()
		i++
		if err := s.Put("g/", []session.Row{wrapped("a", "v", i)}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.Erase("g/", []session.EpochID{epoch(i)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is 10,000 rows of 200 bytes, a fifth of them wrapped.
func BenchmarkLoad(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 10_000)
	s := closing(b, open(b, dir, Options{}))
	b.ReportAllocs()
	for b.Loop() {
		rows, err := s.Load("g/")
		if err != nil || len(rows) != 10_000 {
			b.Fatal(len(rows), err)
		}
	}
}

// BenchmarkOpen opens and closes a store of 10,000 rows, all tables checked.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{0, 10_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			fill(b, dir, n)
			for b.Loop() {
				if err := open(b, dir, Options{}).Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fill(b *testing.B, dir string, n int) {
	b.Helper()
	s := open(b, dir, Options{})
	value := random(200)
	var rows []session.Row
	for i := range n {
		r := session.Row{Key: fmt.Sprintf("%08d", i), Value: value}
		if i%5 == 0 {
			r.Wrap = epoch(i / 1000)
		}
		if rows = append(rows, r); len(rows) == 1000 {
			if err := s.Put("g/", rows); err != nil {
				b.Fatal(err)
			}
			rows = rows[:0]
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
