package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// The same on a file system of 48 MB that is really full.
func TestDiskReallyFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skip("needs the right to mount a small file system: ", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	store := filepath.Join(dir, "store")
	s := open(t, store, small)
	ballast := filepath.Join(dir, "ballast")
	fill := func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for {
			if _, err := f.Write(make([]byte, 64<<10)); err != nil {
				if !isFull(err) {
					t.Fatal(err)
				}
				return
			}
		}
	}
	fullDisk(t, s, fill, func() { os.Remove(ballast) })
	// Full by our own rows, many times over: never a signal, never a loss.
	acked := 0
	for i := range 2000 {
		err := s.Put("q/", []session.Row{row(fmt.Sprint(i), string(random(64<<10)))})
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		acked++
	}
	if got := len(keys(t, s, "q/")); got != acked || acked < 100 || acked == 2000 {
		t.Fatalf("acknowledged %d, have %d", acked, got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = closing(t, open(t, store, small))
	if got := len(keys(t, s, "q/")); got != acked {
		t.Fatalf("acknowledged %d, have %d", acked, got)
	}
	t.Logf("%d batches of 64 KB until it was full", acked)
	s.Close()
}
