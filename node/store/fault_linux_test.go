package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
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

// Where the disk is full to the last byte, or the directory gone, Close says so
// instead of waiting for ever or being ended by a signal, and what was
// acknowledged is there again once there is room. The other process is this
// binary: a database that is not closed goes on as long as its process.
func TestCloseWhereTheDiskRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skip("needs the right to mount a small file system: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	for _, tt := range []struct{ role, want string }{
		{"close full", "not closed: the disk of " + filepath.Join(dir, "store") + " has 0 MB free and 3 MB are needed: make room, nothing is lost"},
		{"close gone", "not closed: store: its directory is gone"},
		{"close lost", "not closed within 200ms"},
	} {
		cmd, out := child(t, tt.role, filepath.Join(dir, "store"))
		var said []string
		for out.Scan() {
			said = append(said, out.Text())
		}
		if err := cmd.Wait(); err != nil || len(said) != 1 || !strings.Contains(said[0], tt.want) {
			t.Fatalf("%s: %v, %q", tt.role, err, said)
		}
		if tt.role == "close full" {
			os.Remove(filepath.Join(dir, "ballast"))
			s := closing(t, open(t, filepath.Join(dir, "store"), small))
			if got := len(keys(t, s, "p/")); got != 10 {
				t.Fatalf("%d rows of 10", got)
			}
			s.Close()
		}
	}
}
