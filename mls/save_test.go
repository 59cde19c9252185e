package mls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write golden files anew")

// disk is cells as a store keeps them.
type disk map[string][]byte

func (d disk) write(cells []Cell) (size int) {
	for _, c := range cells {
		if c.Value == nil {
			delete(d, c.Name)
			continue
		}
		d[c.Name] = c.Value
		size += len(c.Name) + len(c.Value)
	}
	return size
}

func (d disk) node(name string) ([]byte, bool) { v, ok := d[name]; return v, ok }

func (d disk) keys(id EpochID) (cells []Cell) {
	for name, v := range d {
		if strings.HasPrefix(name, KeysPrefix(id)) {
			cells = append(cells, Cell{Name: name, Value: v})
		}
	}
	return cells
}

func (d disk) load(t testing.TB, id EpochID) *Epoch {
	t.Helper()
	e := must(Load(&Config{}, d[EpochName(id)], d.node))(t)
	if cells := d.keys(id); len(cells) > 0 {
		must(e.LoadKeys(cells))(t)
	}
	return e
}

// sameState compares all that two epochs are made of.
func sameState(t testing.TB, a, b *Epoch) {
	t.Helper()
	if a.ID() != b.ID() || !bytes.Equal(a.Snapshot(), b.Snapshot()) || !bytes.Equal(a.interim, b.interim) || a.self != b.self || a.dead != b.dead {
		t.Fatalf("%v is not %v", a, b)
	}
	if (a.keys == nil) != (b.keys == nil) {
		t.Fatal("one has message keys, the other not")
	}
	if a.keys == nil {
		return
	}
	one, two := must(a.keys.Save())(t), must(b.keys.Save())(t)
	if !slices.EqualFunc(one, two, func(x, y Cell) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) }) {
		t.Fatal("message keys differ")
	}
}

// Every state that a life passes through loads back equal and goes on.
func TestSaveAndLoad(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		g := w.group(GroupOptions{}, "a", "b", "c", "d")
		d := disk{}
		d.write(g[1].Save())
		d.write(must(g[1].Keys().Save())(t))
		loaded := d.load(t, g[1].ID())
		sameState(t, loaded, g[1].Epoch)

		// The loaded one lives on in place of the other.
		g[1] = &member{g[1].person, loaded}
		w.say(g, 0, "to the restarted")
		g = w.follow(g, 1, w.commit(g[1], CommitOptions{}))
		d.write(g[1].Save(loaded))
		d.write(must(g[1].Keys().Save())(t))
		sameState(t, d.load(t, g[1].ID()), g[1].Epoch)
		sameState(t, must(LoadSnapshot(&Config{}, loaded.Snapshot()))(t), withoutKeys(loaded))

		// Known from outside, closed, erased.
		gone := must(g[3].Process(w.commit(g[0], CommitOptions{Proposals: []Proposal{&Remove{Removed: 3}}}).Message, Received{}))(t).Next
		closed := w.commit(g[0], CommitOptions{Proposals: []Proposal{&ReInit{GroupID: []byte("n"), Version: MLS10, CipherSuite: w.id}}}).Next
		g[2].Erase()
		for _, e := range []*Epoch{gone, closed, g[2].Epoch} {
			back := must(LoadSnapshot(&Config{}, e.Snapshot()))(t)
			sameState(t, back, withoutKeys(e))
			if e.Member() != back.Member() || (e.ReInit() == nil) != (back.ReInit() == nil) {
				t.Errorf("%v came back as %v", e, back)
			}
		}
		if bytes.Contains(g[2].Snapshot(), must(g[0].ResumptionPSK())(t)) {
			t.Error("an erased epoch still saves its secrets")
		}
	})
}

func withoutKeys(e *Epoch) *Epoch {
	f := *e
	f.keys = nil
	return &f
}

// Cells of shared nodes are written once and deleted with their last epoch.
func TestDropKeepsWhatOthersNeed(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, names(9)...)
	root := g[0].Epoch
	one := w.commit(g[0], CommitOptions{}).Next
	two := w.commit(g[0], CommitOptions{Proposals: []Proposal{&Remove{Removed: 8}}}).Next
	d := disk{}
	d.write(root.Save())
	d.write(one.Save(root))
	d.write(two.Save(root, one))
	d.write(root.Drop(one, two))
	d.write(two.Drop(one))
	sameState(t, d.load(t, one.ID()), withoutKeys(one))
	d.write(one.Drop())
	if len(d) > 0 {
		t.Errorf("%d cells left of nothing", len(d))
	}
}

// A commit in a warm tree writes O(log N), a message a few hundred bytes.
func TestBytesWritten(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	for _, n := range []int{16, 128} {
		g := w.group(GroupOptions{}, names(n)...)
		for i := 0; i < n; i += 2 { // warm: all parents set
			g = w.follow(g, i, w.commit(g[i], CommitOptions{WireFormat: WirePublicMessage}))
		}
		next := must(g[1].Process(w.commit(g[n-1], CommitOptions{}).Message, Received{}))(t)
		commit := disk{}.write(next.Next.Save(g[1].Epoch)) + disk{}.write(next.Cells) + disk{}.write(must(next.Next.Keys().Save())(t))
		message, sent, err := g[2].Keys().Protect(w.rand, g[2].key, Outgoing{Data: make([]byte, 1024)})
		noError(t, "protect", err)
		_, first, err := g[1].Keys().Unprotect(message)
		noError(t, "unprotect", err)
		message, again, err := g[2].Keys().Protect(w.rand, g[2].key, Outgoing{Data: make([]byte, 1024)})
		noError(t, "protect", err)
		_, later, err := g[1].Keys().Unprotect(message)
		noError(t, "unprotect", err)
		size := func(c []Cell) int { return disk{}.write(c) }
		t.Logf("%d members: %d bytes a commit; first message %d to send, %d to read; later ones %d and %d",
			n, commit, size(sent), size(first), size(again), size(later))
		if limit := 6000; commit > limit {
			t.Errorf("%d bytes a commit, at most %d", commit, limit)
		}
		if limit := 300; size(again) > limit || size(later) > limit {
			t.Errorf("%d and %d bytes a message, at most %d", size(again), size(later), limit)
		}
	}
}

// Whatever a crash left on disk, no key is used twice and nothing is opened
// twice.
func TestReplayAcrossRestart(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{}, "a", "b")
	d := disk{}
	d.write(g[1].Save())
	d.write(must(g[1].Keys().Save())(t))
	var sent [][]byte
	for i := range 5 {
		m, _, err := g[0].Keys().Protect(w.rand, g[0].key, Outgoing{Data: []byte{byte(i)}})
		noError(t, "protect", err)
		sent = append(sent, m)
	}
	for _, i := range []int{3, 0} { // out of order
		_, cells, err := g[1].Keys().Unprotect(sent[i])
		noError(t, "unprotect", err)
		d.write(cells)
		g[1] = &member{g[1].person, d.load(t, g[1].ID())}
	}
	for i, m := range sent {
		_, cells, err := g[1].Keys().Unprotect(m)
		if read := i == 0 || i == 3; read != errors.Is(err, ErrReplay) || !read && err != nil {
			t.Errorf("message %d after a restart: %v", i, err)
		}
		d.write(cells)
	}
	// Sending goes on where it was, too.
	generations := map[uint32]bool{}
	for range 3 {
		m, cells, err := g[1].Keys().Protect(w.rand, g[1].key, Outgoing{Data: []byte("x")})
		noError(t, "protect", err)
		d.write(cells)
		g[1] = &member{g[1].person, d.load(t, g[1].ID())}
		c, _, err := g[0].Keys().Unprotect(m)
		noError(t, "unprotect", err)
		if generations[c.Generation] {
			t.Errorf("generation %d twice", c.Generation)
		}
		generations[c.Generation] = true
	}
	// What is used up is nowhere on the disk any more: loading keys from the
	// cells and opening all again gives nothing.
	for i, m := range sent {
		if _, _, err := d.load(t, g[1].ID()).Keys().Unprotect(m); !errors.Is(err, ErrReplay) {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

func TestDamagedStateIsRefused(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	e := w.group(GroupOptions{}, "a", "b", "c")[1].Epoch
	whole := e.Snapshot()
	for i := range whole {
		if _, err := LoadSnapshot(&Config{}, whole[:i]); CheckOf(err) != CheckStored {
			t.Fatalf("%d of %d bytes: %v", i, len(whole), err)
		}
		bad := bytes.Clone(whole)
		bad[i] ^= 0x80
		back, err := LoadSnapshot(&Config{}, bad) // may load, with other secrets; must not panic
		if err == nil && back.ID() == e.ID() && bytes.Equal(back.Snapshot(), whole) {
			t.Fatalf("byte %d does not count", i)
		}
	}
	d := disk{}
	d.write(e.Save())
	for name := range d {
		if name == EpochName(e.ID()) {
			continue
		}
		kept := d[name]
		delete(d, name)
		if _, err := Load(&Config{}, d[EpochName(e.ID())], d.node); CheckOf(err) != CheckStored {
			t.Errorf("without %s: %v", name, err)
		}
		d[name] = append(bytes.Clone(kept), 0)
		if _, err := Load(&Config{}, d[EpochName(e.ID())], d.node); CheckOf(err) != CheckStored {
			t.Errorf("with a damaged %s: %v", name, err)
		}
		d[name] = kept
	}
	for _, cells := range [][]Cell{nil, {{Name: "other", Value: []byte{1}}}, {{Name: KeysPrefix(e.ID()) + "s", Value: []byte{1}}}, {{Name: KeysPrefix(e.ID()) + "zz"}}} {
		if _, err := e.LoadKeys(cells); CheckOf(err) != CheckStored {
			t.Errorf("keys from %v: %v", cells, err)
		}
	}
}

// golden states of each version still load. -update adds the current one.
func TestGoldenStates(t *testing.T) {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	g := w.group(GroupOptions{GroupID: []byte("golden")}, "a", "b", "c")
	w.say(g, 0, "moves the keys")
	e := g[1].Epoch
	var b strings.Builder
	fmt.Fprintf(&b, "snapshot %x\n", []byte(e.Snapshot()))
	for _, c := range append(e.Save(), must(e.Keys().Save())(t)...) {
		fmt.Fprintf(&b, "%s %x\n", c.Name, c.Value)
	}
	path := filepath.Join("testdata", "golden", fmt.Sprintf("state-v%d.txt", epochVersion))
	if *rewrite {
		noError(t, "mkdir", os.MkdirAll(filepath.Dir(path), 0o755))
		noError(t, "write", os.WriteFile(path, []byte(b.String()), 0o644))
	}
	files, err := filepath.Glob("testdata/golden/state-v*.txt")
	noError(t, "glob", err)
	if len(files) != epochVersion {
		t.Fatalf("%d golden states for %d versions", len(files), epochVersion)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		noError(t, "read", err)
		d := disk{}
		for line := range strings.Lines(string(data)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			d[name] = must(hex.DecodeString(value))(t)
		}
		sameState(t, d.load(t, e.ID()), e)
		sameState(t, must(LoadSnapshot(&Config{}, d["snapshot"]))(t), withoutKeys(e))
		if file == path && b.String() != string(data) {
			t.Errorf("%s: the current version writes other bytes", file)
		}
	}
}
