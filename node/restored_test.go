package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
)

// A directory put back from a backup only reads, says so, and takes part again
// once a member has removed it and let it in anew.
func TestRestoredNodeOnlyReads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.group("room", "alice", "bob")
		w.send("bob", "room", "one")
		w.hears("room", w.names, "one")
		w.crash("bob")
		i := w.at("bob")
		old := filepath.Join(t.TempDir(), "old")
		if err := os.CopyFS(old, os.DirFS(w.dirs[i])); err != nil {
			t.Fatal(err)
		}
		w.restart("bob")
		w.send("bob", "room", "two")
		w.hears("room", w.names, "one", "two")
		w.crash("bob")
		putBack(t, old, w.dirs[i])
		w.restart("bob")

		g, err := w.api("bob").Group(t.Context(), "room")
		if err != nil || g.State != api.GroupReading || !strings.Contains(g.Trouble, "old copy") || !strings.Contains(g.Trouble, "remove and invite") {
			t.Fatalf("the restored group is %s, %q, %v", g.State, g.Trouble, err)
		}
		if _, err := w.api("bob").Send(t.Context(), api.NewKey(), "room", api.NewMessage{Text: "x"}); err == nil {
			t.Error("a restored node sends")
		}
		if _, err := w.api("bob").Rotate(t.Context(), api.NewKey(), "room"); err == nil {
			t.Error("a restored node commits")
		}
		if s, err := w.api("bob").Status(t.Context()); err != nil || len(s.Trouble) != 1 {
			t.Errorf("its status says %q, %v", s.Trouble, err)
		}
		w.send("alice", "room", "three")
		w.hears("room", []string{"alice"}, "one", "two", "three")
		w.hears("room", []string{"bob"}, "one", "three") // what it sent itself was for others' keys

		if _, err := w.api("alice").Remove(t.Context(), api.NewKey(), "room", "bob"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice")
		if _, err := w.api("alice").Invite(t.Context(), api.NewKey(), "room", "bob"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", w.names...)
		w.crash("bob")
		w.restart("bob")
		time.Sleep(time.Minute)
		w.send("bob", "room", "back")
		w.hears("room", []string{"alice"}, "one", "two", "three", "back")
		w.hears("room", []string{"bob"}, "one", "three", "back")
	})
}

// putBack puts the old copy of a store's rows in place of the new ones: half a
// backup, which the store notices by itself.
func putBack(t *testing.T, old, dir string) {
	t.Helper()
	db := filepath.Join(dir, "db")
	if err := os.RemoveAll(db); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(db, os.DirFS(filepath.Join(old, "db"))); err != nil {
		t.Fatal(err)
	}
}

// Who is removed while away is told so when it comes back, by whom and when.
func TestRemovedWhileAwayIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "mallory")
		w.group("room", "alice", "bob", "mallory")
		w.send("alice", "room", "for all")
		w.hears("room", w.names, "for all")
		w.crash("mallory")
		if _, err := w.api("alice").Remove(t.Context(), api.NewKey(), "room", "mallory"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice", "bob")
		for range 3 {
			if _, err := w.api("bob").Rotate(t.Context(), api.NewKey(), "room"); err != nil {
				t.Fatal(err)
			}
			w.send("bob", "room", "without mallory")
			time.Sleep(20 * time.Second)
		}
		w.restart("mallory")
		w.until(2*time.Minute, "word of the removal", func() bool {
			g, err := w.api("mallory").Group(t.Context(), "room")
			return err == nil && g.State == api.GroupRemoved
		})
		told := ""
		for e, err := range w.api("mallory").Events(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Change != nil && e.Change.What == "removed" {
				told = e.Text
				break
			}
		}
		if !strings.HasPrefix(told, "You were removed from room by alice in epoch ") {
			t.Errorf("mallory is told %q", told)
		}
		if got := w.texts("mallory", "room"); len(got) != 1 {
			t.Errorf("mallory has %q", got)
		}
	})
}
