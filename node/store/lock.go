package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lockFile is held while a store is open. It is never removed: a lock on a
// file that has been replaced excludes nobody.
type lockFile struct{ f *os.File }

func lock(dir, holder string) (*lockFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := tryLock(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	if !ok {
		defer f.Close()
		e := &LockedError{Dir: dir}
		b := make([]byte, 256)
		n, _ := f.ReadAt(b, 0)
		if _, err := fmt.Sscanf(string(b[:n]), "%d", &e.PID); err == nil {
			_, holder, _ := strings.Cut(string(b[:n]), " ")
			e.Holder, _, _ = strings.Cut(holder, "\n")
		}
		return nil, e
	}
	holder, _, _ = strings.Cut(holder, "\n")
	if err := f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "%d %.200s\n", os.Getpid(), holder)
		if err == nil {
			return &lockFile{f}, nil
		}
	}
	return &lockFile{f}, nil // whoever meets it will not know our name
}

func (l *lockFile) release() {
	l.f.Truncate(0)
	l.f.Close()
}
