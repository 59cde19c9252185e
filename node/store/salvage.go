package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// When a process ends without closing the store, the youngest rows are in logs
// only, and badger reads a log up to the first damaged record, cuts it off there
// and says nothing. That is right for a write that was under way and wrong for
// one that was acknowledged. So the logs are copied before the database opens;
// the witness tells which of the two it was (audit).

// keptLogs is a copy of the logs of an unclean end.
type keptLogs struct {
	dir   string
	names []string
}

// keepLogs copies the logs, if there are any; otherwise it returns nil.
func keepLogs(dir string) (*keptLogs, error) {
	db := filepath.Join(dir, "db")
	files, err := os.ReadDir(db)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names, values []string
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".mem":
			names = append(names, f.Name())
		case ".vlog":
			values = append(values, f.Name())
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	if len(values) > 0 { // only the youngest is ever cut
		sort.Strings(values)
		names = append(names, values[len(values)-1])
	}
	k := &keptLogs{dir: filepath.Join(dir, "salvage"), names: names}
	if err := os.RemoveAll(k.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := copySparse(filepath.Join(k.dir, name), filepath.Join(db, name)); err != nil {
			return nil, errors.Join(err, k.drop())
		}
	}
	return k, nil
}

func (k *keptLogs) drop() error { return os.RemoveAll(k.dir) }

// putBack makes the logs what they were before the database opened.
func putBack(dir string, k *keptLogs) error {
	if k == nil {
		return nil
	}
	for _, name := range k.names {
		if err := copySparse(filepath.Join(dir, "db", name), filepath.Join(k.dir, name)); err != nil {
			return err
		}
	}
	if err := syncDir(filepath.Join(dir, "db")); err != nil {
		return err
	}
	return k.drop()
}

// copySparse copies a file and leaves out what is zero: the logs are mostly
// holes.
func copySparse(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	size, err := copyBlocks(out, in)
	if err == nil {
		err = out.Truncate(size)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

func copyBlocks(out io.WriterAt, in io.Reader) (size int64, err error) {
	block, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(in, block)
		if n > 0 && !bytes.Equal(block[:n], zero[:n]) {
			if _, err := out.WriteAt(block[:n], size); err != nil {
				return size, err
			}
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}
