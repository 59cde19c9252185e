package store

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a byte beyond the text, so that others can read who holds it.
func tryLock(f *os.File) (bool, error) {
	at := windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if err == windows.ERROR_LOCK_VIOLATION {
		return false, nil
	}
	return err == nil, err
}

// free is how many bytes the file system of dir has for us.
func free(dir string) (n uint64, err error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	return n, windows.GetDiskFreeSpaceEx(p, &n, nil, nil)
}

func exposed(fs.FileMode) bool { return false } // access is by ACL there

func syncDir(string) error { return nil } // renames are durable by themselves
