package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/covey-p2p/covey/node/session"
)

// The test binary runs itself as the other process.
func TestMain(m *testing.M) {
	dir, role := os.Getenv("COVEY_STORE_TEST_DIR"), os.Getenv("COVEY_STORE_TEST_ROLE")
	switch role {
	case "hold":
		s, err := Open(dir, Options{MemTable: 1 << 20, Holder: "the other process"})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("open")
		os.Stdin.Read(make([]byte, 1))
		s.Close()
	case "write":
		writeForever(dir)
	case "close full", "close gone", "close lost":
		closeBadly(dir, role)
	default:
		os.Exit(m.Run())
	}
}

// closeBadly writes ten rows, fills the disk or takes the directory or the
// database away, and says what Close says.
func closeBadly(dir, role string) {
	s, err := Open(dir, Options{MemTable: 1 << 20})
	for i := range 10 {
		if err == nil {
			err = s.Put("p/", []session.Row{row(fmt.Sprint(i), "1")})
		}
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	switch role {
	case "close full":
		f, err := os.Create(filepath.Join(filepath.Dir(dir), "ballast"))
		for n := 64 << 10; err == nil || n > 1; {
			if _, err = f.Write(make([]byte, n)); err != nil {
				n = max(1, n/2)
			}
		}
	case "close gone":
		os.RemoveAll(dir)
	case "close lost":
		os.RemoveAll(filepath.Join(dir, "db"))
		s.patient = 200 * time.Millisecond
	}
	fmt.Println(s.Close())
}

func child(t testing.TB, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "COVEY_STORE_TEST_ROLE="+role, "COVEY_STORE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestLockNamesTheHolder(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, "hold", dir)
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if !out.Scan() || out.Text() != "open" {
		t.Fatal(out.Text())
	}
	_, err := Open(dir, small)
	var locked *LockedError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &locked) {
		t.Fatal(err)
	}
	if locked.PID != cmd.Process.Pid || locked.Holder != "the other process" {
		t.Errorf("%+v", locked)
	}
	if want := fmt.Sprintf("%s is in use by the other process (process %d)", dir, cmd.Process.Pid); err.Error() != want {
		t.Errorf("%q", err)
	}
	// A process that dies holds nothing.
	cmd.Process.Kill()
	cmd.Wait()
	s := open(t, dir, small)
	if _, err := Open(dir, small); !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("twice in one process: %v", err)
	}
	s.Close()
}

func TestKeys(t *testing.T) {
	keyring.MockInit() // the library's own keyring in memory
	elsewhere := filepath.Join(t.TempDir(), "k")
	for name, k := range map[string]struct{ right, wrong Key }{
		"passphrase":     {Passphrase([]byte("correct horse")), Passphrase([]byte("battery staple"))},
		"key file":       {KeyFile(""), Passphrase([]byte("x"))},
		"key file apart": {KeyFile(elsewhere), Keyring()},
		"keyring":        {Keyring(), KeyFile("")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := small
			o.Key = k.right
			s := open(t, dir, o)
			if err := s.Put("p/", []session.Row{wrapped("a", "kept", 1)}); err != nil {
				t.Fatal(err)
			}
			s.Close()
			o.Key = k.wrong
			if _, err := Open(dir, o); !errors.Is(err, ErrWrongKey) {
				t.Fatalf("a wrong key: %v", err)
			}
			o.Key = k.right
			s = open(t, dir, o)
			if got := keys(t, s, "p/"); len(got) != 1 {
				t.Fatal(got)
			}
			s.Close()

			// To another key and no longer to the first.
			other := Passphrase([]byte("new words"))
			if err := Rekey(dir, k.right, other); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, o); !errors.Is(err, ErrWrongKey) {
				t.Fatalf("the old key: %v", err)
			}
			o.Key = other
			s = closing(t, open(t, dir, o))
			if got := keys(t, s, "p/"); len(got) != 1 {
				t.Fatal(got)
			}
		})
	}
}

func TestKeyFileTroubles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	s.Close()
	path := filepath.Join(dir, "key")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(path); fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", fi.Mode())
	}
	for name, c := range map[string]struct {
		do   func()
		want error
	}{
		"readable by others": {func() { os.Chmod(path, 0o644) }, ErrNoKey},
		"not hex":            {func() { os.WriteFile(path, []byte("hello"), 0o600) }, ErrNoKey},
		"another key":        {func() { os.WriteFile(path, bytes.Repeat([]byte("ab"), 32), 0o600) }, ErrWrongKey},
		"missing":            {func() { os.Remove(path) }, ErrNoKey},
	} {
		c.do()
		if _, err := Open(dir, small); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(path)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closing(t, open(t, dir, small))
}

func TestNewerFormats(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Put("p/", []session.Row{row("a", "1")}); err != nil {
		t.Fatal(err)
	}
	// A row of a later version.
	txn := s.db.NewTransaction(true)
	txn.Set([]byte("p/later"), []byte{9, 1, 2, 3})
	if err := txn.Commit(); err != nil {
		t.Fatal(err)
	}
	var newer *NewerFormatError
	if _, err := s.Load("p/"); !errors.As(err, &newer) || newer.Have != 9 {
		t.Error(err)
	}
	s.Close()

	change := func(name string, f func([]byte)) (undo func()) {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := bytes.Clone(good)
		f(b)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return func() { os.WriteFile(path, good, 0o600) }
	}
	undo := change("store.json", func(b []byte) { copy(b[bytes.Index(b, []byte(`"format": 1`)):], `"format": 2`) })
	if _, err := Open(dir, small); !errors.Is(err, ErrNewerFormat) {
		t.Error(err)
	}
	undo()
	undo = change("slots", func(b []byte) { b[slotStart+9] = 2; b[slotStart+stripe+9] = 2 })
	if _, err := Open(dir, small); !errors.Is(err, ErrNewerFormat) {
		t.Error(err)
	}
	undo()
	closing(t, open(t, dir, small))
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	for i := range 200 {
		if err := s.Put("p/", []session.Row{wrapped(fmt.Sprint(i), strings.Repeat("v", 100), 1)}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	tables, _ := filepath.Glob(filepath.Join(dir, "db", "*.sst"))
	if len(tables) == 0 {
		t.Fatal("no table")
	}
	for name, do := range map[string]func(string) error{
		"no slots":           func(d string) error { return os.Remove(filepath.Join(d, "slots")) },
		"slots cut":          func(d string) error { return os.Truncate(filepath.Join(d, "slots"), 100) },
		"slots zeroed":       func(d string) error { return flip(filepath.Join(d, "slots"), slotStart, 2*stripe) },
		"no store.json":      func(d string) error { return os.Remove(filepath.Join(d, "store.json")) },
		"store.json garbled": func(d string) error { return os.WriteFile(filepath.Join(d, "store.json"), []byte("{"), 0o600) },
		"table damaged":      func(d string) error { return flip(filepath.Join(d, "db", filepath.Base(tables[0])), 100, 4000) },
		"table missing":      func(d string) error { return os.Remove(filepath.Join(d, "db", filepath.Base(tables[0]))) },
		"manifest damaged":   func(d string) error { return flip(filepath.Join(d, "db", "MANIFEST"), 0, 16) },
		"another's slots": func(d string) error {
			other := t.TempDir()
			s := open(t, other, small)
			s.Close()
			b, _ := os.ReadFile(filepath.Join(other, "slots"))
			return os.WriteFile(filepath.Join(d, "slots"), b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := t.TempDir()
			copyDir(t, bad, dir)
			if err := do(bad); err != nil {
				t.Fatal(err)
			}
			s, err := Open(bad, small)
			if err == nil {
				_, err = s.Load("p/")
				s.Close()
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		})
	}
	// One damaged copy of the slots is what the other is for.
	for c := range 2 {
		bad := t.TempDir()
		copyDir(t, bad, dir)
		if err := flip(filepath.Join(bad, "slots"), stripeAt(c, 0), 1000); err != nil {
			t.Fatal(err)
		}
		s := open(t, bad, small)
		if got := len(keys(t, s, "p/")); got != 200 {
			t.Errorf("copy %d damaged: %d rows", c, got)
		}
		s.Close()
	}
}

// flip changes n bytes at an offset.
func flip(path string, at int64, n int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := at; i < at+int64(n) && i < int64(len(b)); i++ {
		b[i] ^= 0x5a
	}
	return os.WriteFile(path, b, 0o600)
}

// A log that is damaged before its end is not quietly cut off there.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, "write", dir)
	for range 60 {
		out.Scan()
	}
	cmd.Process.Kill()
	cmd.Wait()
	logs, _ := filepath.Glob(filepath.Join(dir, "db", "*.mem"))
	if len(logs) == 0 {
		t.Fatal("no log")
	}
	log := logs[len(logs)-1]
	if err := flip(log, 3000, 8); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(log)
	var torn *TornError
	for range 2 { // it stays so until somebody decides
		_, err := Open(dir, small)
		if !errors.Is(err, ErrTorn) || !errors.As(err, &torn) || torn.Want < 50 || torn.Have >= torn.Want {
			t.Fatal(err)
		}
	}
	if after, _ := os.ReadFile(log); !bytes.Equal(bytes.TrimRight(after, "\x00"), bytes.TrimRight(before, "\x00")) {
		t.Error("the log was changed")
	}
	// Mended, everything is there again.
	mended := t.TempDir()
	copyDir(t, mended, dir)
	if err := flip(filepath.Join(mended, "db", filepath.Base(log)), 3000, 8); err != nil {
		t.Fatal(err)
	}
	s := open(t, mended, small)
	if s.seq <= torn.Want {
		t.Error("batches are missing")
	}
	s.Close()
	// Accepted, it opens as a restored store, and the log is kept.
	o := small
	o.AcceptLoss = true
	s = closing(t, open(t, dir, o))
	if old, _ := s.Restored(); !old {
		t.Error("not counted as restored")
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "salvage", "*.mem")); len(kept) == 0 {
		t.Error("the log is not kept")
	}
}

// writeForever writes batches of three rows, one of them wrapped under an epoch
// of its own that the batch after the next erases, and prints each when it is
// acknowledged.
func writeForever(dir string) {
	s, err := Open(dir, Options{MemTable: 1 << 20})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	next := 0
	for r, err := range s.RowsBack("k/a", "") {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		if next, err = strconv.Atoi(r.Key); err != nil {
			panic(err)
		}
		next++
		break
	}
	for n := next; ; n++ {
		key := fmt.Sprintf("%08d", n)
		value := strings.Repeat(key, 1+n%40)
		rows := []session.Row{row("a"+key, value), wrapped("w"+key, value, n)}
		if n%5 == 4 { // long: a kill may come between its transactions
			rows = append(rows, row("c", strings.Repeat("c", s.maxSize/2)), row("d", strings.Repeat("d", s.maxSize/2)))
		}
		err := s.Apply("k/", append(rows, row("b"+key, value)), []session.EpochID{epoch(n - 2)})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// kill -9 at any moment: what was acknowledged is there, batches are whole, and
// what was erased stays erased.
func TestKilledWhileWriting(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 6
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	acked := -1
	silent := 0 // children that may each have written one batch and not said so
	for kill := range kills {
		cmd, out := child(t, "write", dir)
		silent++
		kill9 := func(ms int) {
			time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { cmd.Process.Kill() })
		}
		if kill%3 == 2 {
			kill9(20 + r.IntN(60)) // while it opens, as a rule
		}
		for lines := 0; out.Scan(); lines++ {
			if lines == 0 {
				kill9(r.IntN(60))
			}
			n, err := strconv.Atoi(out.Text())
			if err != nil {
				t.Fatal(out.Text())
			}
			acked, silent = n, 1
		}
		cmd.Wait()
		if kill%3 == 1 && kill != kills-1 {
			continue // the child itself opens and goes on: a kill on top of a kill
		}
		s := open(t, dir, small)
		if old, why := s.Restored(); old {
			t.Fatal(why)
		}
		a, b, w := keys(t, s, "k/a"), keys(t, s, "k/b"), keys(t, s, "k/w")
		if len(a) <= acked || len(a) > acked+1+silent || len(a) != len(b) {
			t.Fatalf("kill %d: acknowledged %d, have %d and %d", kill, acked, len(a), len(b))
		}
		if len(w) > 2 {
			t.Fatalf("kill %d: %d epochs are readable, two should be", kill, len(w))
		}
		s.Close()
	}
	t.Logf("%d kills, %d batches acknowledged", kills, acked+1)
	if acked < kills/3 {
		t.Error("too few batches to mean anything")
	}
}

// A crash right after a value log was made leaves a file of no length.
func TestUnbornLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Put("p/", []session.Row{row("a", "1")}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, name := range []string{"000099.vlog", "00099.mem"} {
		if err := os.WriteFile(filepath.Join(dir, "db", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = closing(t, open(t, dir, small))
	if got := keys(t, s, "p/"); len(got) != 1 {
		t.Fatal(got)
	}
}

func TestRestoredCopies(t *testing.T) {
	type copies struct{ before, now string }
	prepare := func(t *testing.T, w Witness) copies {
		c := copies{t.TempDir(), t.TempDir()}
		o := small
		o.Witness = w
		s := open(t, c.now, o)
		if err := s.Put("p/", []session.Row{wrapped("a", "1", 1), wrapped("b", "2", 2)}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		copyDir(t, c.before, c.now)
		s = open(t, c.now, o)
		if err := s.Apply("p/", []session.Row{row("c", "3")}, []session.EpochID{epoch(1)}); err != nil {
			t.Fatal(err)
		}
		if old, why := s.Restored(); old {
			t.Fatal(why)
		}
		s.Close()
		return c
	}
	swap := func(t *testing.T, c copies, name string) {
		to := filepath.Join(c.now, name)
		os.RemoveAll(to)
		if fi, _ := os.Stat(filepath.Join(c.before, name)); fi.IsDir() {
			copyDir(t, to, filepath.Join(c.before, name))
			return
		}
		b, err := os.ReadFile(filepath.Join(c.before, name))
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		put  []string
		w    bool
		want string
	}{
		"nothing":                {nil, true, ""},
		"the rows":               {[]string{"db"}, false, "the rows are older"},
		"the slots":              {[]string{"slots"}, false, "the epoch keys are older"},
		"everything":             {[]string{"db", "slots", "store.json", "key"}, true, "the whole store is an older copy"},
		"everything, no witness": {[]string{"db", "slots", "store.json", "key"}, false, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := small
			if c.w {
				o.Witness = WitnessFile(t.TempDir())
			}
			dirs := prepare(t, o.Witness)
			for _, p := range c.put {
				swap(t, dirs, p)
			}
			s := open(t, dirs.now, o)
			old, why := s.Restored()
			if old != (c.want != "") || !strings.HasPrefix(why, c.want) {
				t.Fatal(old, why)
			}
			if err := s.Put("p/", []session.Row{row("d", "4")}); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = open(t, dirs.now, o)
			if again, _ := s.Restored(); again != old {
				t.Error("forgotten by the next start")
			}
			if err := s.Accept(); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s = closing(t, open(t, dirs.now, o))
			if again, why := s.Restored(); again {
				t.Error("accepted, and still: ", why)
			}
		})
	}
}

// A disk that fills up: refused by name, nothing lost, reading and erasing go
// on, and so does writing once there is room.
func TestDiskFull(t *testing.T) {
	room := uint64(1 << 40)
	dir := t.TempDir()
	s := open(t, dir, small)
	s.free = func(string) (uint64, error) { return room, nil }
	fullDisk(t, s, func() { room = 1 << 20 }, func() { room = 1 << 40 })
	s.Close()
	closing(t, open(t, dir, small))
}

func fullDisk(t *testing.T, s *Store, fill, relieve func()) {
	t.Helper()
	if err := s.Put("p/", []session.Row{wrapped("a", "1", 1), wrapped("b", "2", 2)}); err != nil {
		t.Fatal(err)
	}
	fill()
	var full *FullError
	err := s.Put("p/", []session.Row{row("c", "3")})
	if !errors.Is(err, ErrFull) || !errors.As(err, &full) || full.Free >= full.Need {
		t.Fatal(err)
	}
	if got := len(keys(t, s, "p/")); got != 2 {
		t.Fatal(got)
	}
	if err := s.Erase("p/", []session.EpochID{epoch(1)}); err != nil {
		t.Fatal("cannot erase on a full disk:", err)
	}
	if got := len(keys(t, s, "p/")); got != 1 {
		t.Fatal(got)
	}
	relieve()
	if err := s.Put("p/", []session.Row{row("c", "3")}); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Refused != 1 {
		t.Errorf("%+v", st)
	}
}

// After a write that failed nothing is taken until the store is opened again.
func TestFailStop(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	if err := s.Put("p/", []session.Row{row("a", "1")}); err != nil {
		t.Fatal(err)
	}
	s.slots.f.Close() // the disk goes away under the slots
	if err := s.Put("p/", []session.Row{wrapped("b", "2", 1)}); err == nil {
		t.Fatal("acknowledged")
	}
	if err := s.Put("p/", []session.Row{row("c", "3")}); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	s.Close()
	s = closing(t, open(t, dir, small))
	if got := keys(t, s, "p/"); len(got) != 1 {
		t.Error(got)
	}
}
