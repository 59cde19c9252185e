package store

import (
	"context"
	"errors"
	"strings"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// Datastore is a part of the store, under a prefix of its own, as go-datastore
// knows it: for libraries that keep their own records, such as the DHT. (The
// adapter that exists for badger opens its own directory and closes channels
// from finalizers, which ends a test in virtual time.)
func (s *Store) Datastore(prefix string) ds.Batching { return &datastore{s, prefix} }

type datastore struct {
	s      *Store
	prefix string
}

var _ ds.Batching = (*datastore)(nil)

func (d *datastore) entry(k ds.Key, v []byte) entry {
	return entry{key: d.prefix + k.String(), value: v}
}

func (d *datastore) gone(k ds.Key) entry { return entry{key: d.prefix + k.String(), remove: true} }

func (d *datastore) Get(_ context.Context, k ds.Key) ([]byte, error) {
	v, err := d.s.Get(d.prefix, k.String())
	if errors.Is(err, ErrNotFound) {
		return nil, ds.ErrNotFound
	}
	return v, err
}

func (d *datastore) Has(ctx context.Context, k ds.Key) (bool, error) {
	_, err := d.Get(ctx, k)
	if errors.Is(err, ds.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (d *datastore) GetSize(ctx context.Context, k ds.Key) (int, error) {
	v, err := d.Get(ctx, k)
	if err != nil {
		return -1, err
	}
	return len(v), nil
}

// Query reads what lies under the query's prefix and hands the rest of the
// question to the library.
func (d *datastore) Query(_ context.Context, q query.Query) (query.Results, error) {
	under := ds.NewKey(q.Prefix).String()
	if under != "/" {
		under += "/"
	}
	var found []query.Entry
	for r, err := range d.s.Rows(d.prefix+under, "") {
		if err != nil {
			return nil, err
		}
		e := query.Entry{Key: strings.TrimSuffix(under, "/") + "/" + r.Key, Size: len(r.Value)}
		if !q.KeysOnly {
			e.Value = r.Value
		}
		found = append(found, e)
	}
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, found)), nil
}

func (d *datastore) Put(_ context.Context, k ds.Key, v []byte) error {
	return d.s.apply(&batch{entries: []entry{d.entry(k, v)}})
}

func (d *datastore) Delete(_ context.Context, k ds.Key) error {
	return d.s.apply(&batch{entries: []entry{d.gone(k)}})
}

// Sync has nothing to do: what was put is durable.
func (d *datastore) Sync(context.Context, ds.Key) error { return nil }

// Close leaves the store open: it is not the library's.
func (d *datastore) Close() error { return nil }

func (d *datastore) Batch(context.Context) (ds.Batch, error) { return &dsBatch{d: d}, nil }

type dsBatch struct {
	d       *datastore
	entries []entry
}

func (b *dsBatch) Put(_ context.Context, k ds.Key, v []byte) error {
	b.entries = append(b.entries, b.d.entry(k, v))
	return nil
}

func (b *dsBatch) Delete(_ context.Context, k ds.Key) error {
	b.entries = append(b.entries, b.d.gone(k))
	return nil
}

// Commit writes the batch, in several transactions if it is large: the
// interface promises no more.
func (b *dsBatch) Commit(context.Context) error {
	s := b.d.s
	var part batch
	size := 0
	for _, e := range b.entries {
		n := len(e.key) + len(e.value) + rowOverhead
		if len(part.entries) > 0 && size+n > s.maxSize {
			if err := s.apply(&part); err != nil {
				return err
			}
			part, size = batch{}, 0
		}
		part.entries = append(part.entries, e)
		size += n
	}
	b.entries = nil
	if len(part.entries) == 0 {
		return nil
	}
	return s.apply(&part)
}
