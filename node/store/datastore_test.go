package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	"pgregory.net/rapid"
)

// The adapter does what the library's own map does.
func TestDatastoreAgreesWithTheLibrarys(t *testing.T) {
	ctx := context.Background()
	s := closing(t, Memory())
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		mine := s.Datastore(fmt.Sprintf("d%d", n))
		theirs := dssync.MutexWrap(ds.NewMapDatastore())
		key := rapid.Custom(func(t *rapid.T) ds.Key {
			return ds.NewKey(rapid.StringMatching(`(/[abc]{1,2}){1,3}`).Draw(t, "key"))
		})
		value := rapid.SliceOfN(rapid.Byte(), 0, 5)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "k"), value.Draw(t, "v")
				if mine.Put(ctx, k, v) != nil || theirs.Put(ctx, k, v) != nil {
					t.Fatal("put")
				}
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "k")
				if mine.Delete(ctx, k) != nil || theirs.Delete(ctx, k) != nil {
					t.Fatal("delete")
				}
			},
			"batch": func(t *rapid.T) {
				a, _ := mine.Batch(ctx)
				b, _ := theirs.Batch(ctx)
				for range rapid.IntRange(0, 4).Draw(t, "n") {
					k, v := key.Draw(t, "k"), value.Draw(t, "v")
					if rapid.Bool().Draw(t, "put") {
						a.Put(ctx, k, v)
						b.Put(ctx, k, v)
					} else {
						a.Delete(ctx, k)
						b.Delete(ctx, k)
					}
				}
				if a.Commit(ctx) != nil || b.Commit(ctx) != nil {
					t.Fatal("commit")
				}
			},
			"get": func(t *rapid.T) {
				k := key.Draw(t, "k")
				a, errA := mine.Get(ctx, k)
				b, errB := theirs.Get(ctx, k)
				if !bytes.Equal(a, b) || errors.Is(errA, ds.ErrNotFound) != errors.Is(errB, ds.ErrNotFound) {
					t.Fatal(a, errA, b, errB)
				}
				hasA, _ := mine.Has(ctx, k)
				hasB, _ := theirs.Has(ctx, k)
				sizeA, _ := mine.GetSize(ctx, k)
				sizeB, _ := theirs.GetSize(ctx, k)
				if hasA != hasB || sizeA != sizeB {
					t.Fatal(hasA, hasB, sizeA, sizeB)
				}
			},
			"query": func(t *rapid.T) {
				q := query.Query{
					Prefix:   rapid.SampledFrom([]string{"", "/", "/a", "/a/b", "c", "/c/"}).Draw(t, "prefix"),
					KeysOnly: rapid.Bool().Draw(t, "keysOnly"),
					Orders:   []query.Order{query.OrderByKeyDescending{}},
					Limit:    rapid.IntRange(0, 3).Draw(t, "limit"),
				}
				ask := func(d ds.Datastore) (out []string) {
					r, err := d.Query(ctx, q)
					if err != nil {
						t.Fatal(err)
					}
					all, err := r.Rest()
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range all {
						out = append(out, fmt.Sprintf("%s %x", e.Key, e.Value))
					}
					return out
				}
				if a, b := ask(mine), ask(theirs); !slices.Equal(a, b) {
					t.Fatal(q, a, b)
				}
			},
		})
	})
}
