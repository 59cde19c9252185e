package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/dgraph-io/ristretto/v2/z"
)

// Badger does not survive a damaged table well: it panics in goroutines of its
// own while it opens, leaves a table out and goes on, or ends a walk early and
// lets a compaction make that permanent. So every block of every table is read
// before it opens, and again by Check. Damage that appears in between is caught
// by the checksum of the block that is read.

// checkTables reads every table that the manifest names, the youngest first, up
// to the limit in bytes (0: all), and compares checksums.
func checkTables(o badger.Options, limit int64) (err error) {
	f, err := os.Open(filepath.Join(o.Dir, badger.ManifestFilename))
	if missing(err) {
		return nil // a new store, or one that ended while it was made
	}
	if err != nil {
		return err
	}
	defer f.Close()
	damaged := func(err error) error { return &CorruptError{What: "the database", Err: err} }
	m, _, err := badger.ReplayManifestFile(f, 0, o)
	if err != nil {
		return damaged(err)
	}
	registry, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{
		Dir: o.Dir, ReadOnly: true, EncryptionKey: o.EncryptionKey,
		EncryptionKeyRotationDuration: o.EncryptionKeyRotationDuration,
	})
	if errors.Is(err, badger.ErrEncryptionKeyMismatch) {
		return ErrWrongKey
	}
	if err != nil {
		return damaged(err)
	}
	defer registry.Close()
	indexes, err := ristretto.NewCache(&ristretto.Config[uint64, *fb.TableIndex]{
		NumCounters: 1000, MaxCost: cacheIndex, BufferItems: 64,
	})
	if err != nil {
		return err
	}
	defer indexes.Close()

	ids := make([]uint64, 0, len(m.Tables))
	for id := range m.Tables {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	read := int64(0)
	for _, id := range slices.Backward(ids) {
		key, err := registry.DataKey(m.Tables[id].KeyID)
		if err != nil {
			return damaged(err)
		}
		n, err := checkTable(table.NewFilename(id, o.Dir), table.Options{
			BlockSize: o.BlockSize, Compression: m.Tables[id].Compression,
			ChkMode: options.OnTableAndBlockRead, DataKey: key, IndexCache: indexes,
		})
		if err != nil {
			return damaged(err)
		}
		if read += n; limit > 0 && read > limit {
			return nil
		}
	}
	return nil
}

// checkTable reads one table. Badger panics over some damage; here that is ours
// to catch.
func checkTable(name string, o table.Options) (size int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", filepath.Base(name), p)
		}
	}()
	f, err := z.OpenMmapFile(name, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	size = int64(len(f.Data))
	t, err := table.OpenTable(f, o)
	if err != nil {
		return size, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return size, t.Close(-1)
}

// Check reads everything and compares checksums: a damaged store gives
// ErrCorrupt. It takes a second or so for each gigabyte.
func (s *Store) Check() error {
	if s.dir == "" {
		return nil
	}
	if err := s.view(func(*badger.Txn) error { return nil }); err != nil {
		return err
	}
	o := s.db.Opts()
	return checkTables(o, 0)
}
