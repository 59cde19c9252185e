package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/covey-p2p/covey/node/session"
)

func copyDir(t testing.TB, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	// CopyFS adds permissions; a key file must not be readable by others.
	filepath.WalkDir(to, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(p, 0o600)
		}
		return err
	})
}

// sealedRows is every wrapped row's raw value in an opened store, by key.
func sealedRows(t testing.TB, s *Store) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.AllVersions = true
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		v, err := it.Item().ValueCopy(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(v) > 0 && v[0] == valueSealed {
			out[fmt.Sprintf("%s@%d", it.Item().Key(), it.Item().Version())] = v
		}
	}
	return out
}

// findable is every 32-byte string that can be found in what an attacker holds
// who has the data key: all raw files, and both copies of the slot table opened.
func findable(t testing.TB, dir string, seal []byte) [][]byte {
	t.Helper()
	var hay [][]byte
	filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		hay = append(hay, bytes.TrimRight(b, "\x00"))
		return nil
	})
	f, err := os.ReadFile(filepath.Join(dir, "slots"))
	if err != nil {
		t.Fatal(err)
	}
	aead, _ := chacha20poly1305.NewX(seal)
	for c := range 2 {
		b := f[slotStart+c*stripe:][:stripe]
		body := b[slotHead+slotSum:]
		p, err := aead.Open(nil, body[:24], body[24:], b[:slotHead])
		if err != nil {
			t.Fatalf("copy %d does not open: %v", c, err)
		}
		hay = append(hay, p)
	}
	return hay
}

// The heart of the matter: with the data key, every raw file, and a copy of the
// rows from before the erasure, an erased epoch's rows cannot be read; with the
// slots from before they can, so the test can fail.
func TestErasedRowsAreBeyondReach(t *testing.T) {
	dir, before := t.TempDir(), t.TempDir()
	s := open(t, dir, small)
	secret := bytes.Repeat([]byte("the secret of epoch one "), 20)
	rows := []session.Row{
		{Key: "one", Value: secret, Wrap: epoch(1)},
		{Key: "two", Value: bytes.Repeat([]byte("epoch two lives "), 20), Wrap: epoch(2)},
		{Key: "bare", Value: bytes.Repeat([]byte("bound to no epoch "), 20)},
	}
	if err := s.Put("g/", rows); err != nil {
		t.Fatal(err)
	}
	key, ok := s.slots.key(nameSlot("g/", epoch(1)))
	if !ok {
		t.Fatal("no key")
	}
	seal := bytes.Clone(s.slots.seal)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyDir(t, before, dir)

	s = open(t, dir, small)
	if err := s.Apply("g/", []session.Row{{Key: "one"}}, []session.EpochID{epoch(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("g/", "one"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if v, err := s.Get("g/", "two"); err != nil || len(v) == 0 {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	count := func(dir string, needle []byte) (n int) {
		for _, hay := range findable(t, dir, seal) {
			n += bytes.Count(hay, needle)
		}
		return n
	}
	if count(before, key.key[:]) == 0 {
		t.Fatal("the search finds no key where there is one: it proves nothing")
	}
	if n := count(dir, key.key[:]); n != 0 {
		t.Errorf("the erased key is still there, %d times", n)
	}
	for _, r := range rows {
		if n := count(dir, r.Value[:16]); n != 0 {
			t.Errorf("%s lies in the open, %d times", r.Key, n)
		}
	}

	// The old rows with the new slots: what somebody has who kept a backup of
	// the database, or dug deleted tables out of the drive.
	old := t.TempDir()
	copyDir(t, old, before)
	slots, err := os.ReadFile(filepath.Join(dir, "slots"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "slots"), slots, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, old, small)
	raw := sealedRows(t, s)
	if restored, _ := s.Restored(); !restored {
		t.Error("old rows under new slots go unnoticed")
	}
	if _, err := s.Get("g/", "one"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if v, err := s.Get("g/", "two"); err != nil || len(v) == 0 {
		t.Error("a living epoch's row is lost", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// Try every 32 bytes that are anywhere as the key of the old row.
	opens := func(hay [][]byte) bool {
		for name, v := range raw {
			if !bytes.HasPrefix([]byte(name), []byte("g/one")) {
				continue
			}
			for _, h := range hay {
				for i := 0; i+32 <= len(h); i++ {
					aead, _ := chacha20poly1305.NewX(h[i : i+32])
					if _, err := aead.Open(nil, v[sealedNonce:sealedText], v[sealedText:], []byte("g/one")); err == nil {
						return true
					}
				}
			}
		}
		return false
	}
	if len(raw) < 2 {
		t.Fatalf("only %d sealed rows in the old copy", len(raw))
	}
	if !opens(findable(t, before, seal)[len(findable(t, before, seal))-2:]) {
		t.Fatal("the old slots do not open the old row: the trial proves nothing")
	}
	if opens(findable(t, dir, seal)) || opens(findable(t, old, seal)) {
		t.Error("the erased row opens")
	}
}

// An erasure that a crash cut short is completed by the next Open.
func TestErasureSurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Put("g/", []session.Row{wrapped("a", "1", 1), wrapped("b", "2", 2)}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "slots"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply("g/", []session.Row{row("c", "3")}, []session.EpochID{epoch(1)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// As after a crash between the rows and the slots.
	if err := os.WriteFile(filepath.Join(dir, "slots"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	s = closing(t, open(t, dir, small))
	if _, err := s.Get("g/", "a"); !errors.Is(err, ErrNotFound) {
		t.Error("the erased epoch is back", err)
	}
	if _, err := s.Get("g/", "b"); err != nil {
		t.Error(err)
	}
	if restored, why := s.Restored(); restored {
		t.Error(why)
	}
}

// Whatever part of a slot write reaches the disk, the table before or after it
// is there, and an erased key comes back only with the table before.
func TestTornSlotWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "slots")
	seal, id := random(32), [16]byte(random(16))
	s, err := createSlots(path, seal, id)
	if err != nil {
		t.Fatal(err)
	}
	a, b := nameSlot("g/", epoch(1)), nameSlot("g/", epoch(2))
	if _, err := s.ensure([]slotName{a, b}); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if _, err := s.ensure([]slotName{nameSlot("g/", epoch(3))}); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(path)
	s.close()
	for cut := 0; cut < len(after); cut += 509 {
		torn := append(bytes.Clone(after[:cut]), before[cut:]...)
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openSlots(path, seal, id)
		if err != nil {
			t.Fatalf("torn at %d: %v", cut, err)
		}
		if _, ok := s.key(a); !ok {
			t.Fatalf("torn at %d: a key is lost", cut)
		}
		s.close()
	}
}

// Opening completes an erasure of which only one copy was written.
func TestHalfAnErasureIsCompleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slots")
	seal, id := random(32), [16]byte(random(16))
	s, err := createSlots(path, seal, id)
	if err != nil {
		t.Fatal(err)
	}
	name := nameSlot("g/", epoch(1))
	if _, err := s.ensure([]slotName{name}); err != nil {
		t.Fatal(err)
	}
	key, _ := s.key(name)
	delete(s.keys, name)
	if err := s.write(); err != nil { // and the power goes
		t.Fatal(err)
	}
	s.f.Close()
	holds := func() (n int) {
		for _, hay := range findable(t, filepath.Dir(path), seal) {
			n += bytes.Count(hay, key.key[:])
		}
		return n
	}
	if holds() == 0 {
		t.Fatal("the search finds no key where there is one")
	}
	if s, err = openSlots(path, seal, id); err != nil {
		t.Fatal(err)
	}
	if holds() != 0 {
		t.Error("the erased key is in the older copy")
	}
	s.close()
}

func TestSlotFileGrowsInSteps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	size := func() int64 {
		fi, err := os.Stat(filepath.Join(dir, "slots"))
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	first := size()
	if first != slotStart+2*stripe {
		t.Fatal(first)
	}
	var all []session.EpochID
	for i := range 12 {
		var rows []session.Row
		for j := range 100 {
			n := 100*i + j
			rows = append(rows, wrapped(fmt.Sprint(n), "v", n))
			all = append(all, epoch(n))
		}
		if err := s.Put("g/", rows); err != nil {
			t.Fatal(err)
		}
		if (size()-slotStart)%stripe != 0 {
			t.Fatal("not in steps")
		}
	}
	if err := s.Erase("g/", all[:1000]); err != nil {
		t.Fatal(err)
	}
	grown := size()
	if grown <= first {
		t.Fatal("did not grow")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = closing(t, open(t, dir, small))
	if got := len(keys(t, s, "g/")); got != 200 {
		t.Errorf("%d rows left of 200", got)
	}
	if size() != grown {
		t.Error("it shrank: what lay beyond was never overwritten")
	}
	// The dead rows go with the next batch.
	if err := s.Put("g/", []session.Row{row("next", "v")}); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.ErasedRows != 1000 || st.Epochs != 200 {
		t.Errorf("%+v", st)
	}
}
