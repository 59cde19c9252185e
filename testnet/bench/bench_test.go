package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestProtocolsDoWhatTheyCost checks that each design really does what is
// timed: everybody reads, a newcomer does not read the past, somebody removed
// does not read the future, and the ciphertext counts are those of the design.
func TestProtocolsDoWhatTheyCost(t *testing.T) {
	for _, p := range Protocols() {
		t.Run(p.Name(), func(t *testing.T) {
			g, err := p.New()
			if err != nil {
				t.Fatal(err)
			}
			must(t, func() error { _, err := g.Add(1); return err })
			must(t, func() error { _, err := g.Add(3); return err })
			talk(t, g, "hello")
			early, err := g.Send(1, []byte("before"))
			if err != nil {
				t.Fatal(err)
			}
			must(t, func() error { _, err := g.Add(1); return err })
			if text, err := g.Read(5, early); err == nil {
				t.Errorf("a newcomer reads %q from before it came", text)
			}
			for _, m := range []int{0, 2, 3, 4} {
				if _, err := g.Read(m, early); p.Name() != "mls" && err != nil {
					t.Errorf("member %d: %v", m, err)
				}
			}
			talk(t, g, "all six")
			must(t, func() error { _, err := g.Rotate(2); return err })
			talk(t, g, "rotated")
			must(t, func() error { _, err := g.Remove(); return err })
			late, err := g.Send(0, []byte("after"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.Read(5, late); err == nil {
				t.Error("somebody removed reads on")
			}
			if g.Size() != 5 {
				t.Errorf("%d members", g.Size())
			}
			each, all := len(late.Each), len(late.All) > 0
			if wantEach := 4; p.Name() == "pairwise" && (each != wantEach || all) || p.Name() != "pairwise" && (each != 0 || !all) {
				t.Errorf("%d ciphertexts for each, one for all: %v", each, all)
			}
		})
	}
}

// talk lets everybody say something and everybody else read it.
func talk(t *testing.T, g Group, text string) {
	t.Helper()
	for from := range g.Size() {
		want := fmt.Appendf(nil, "%s, says %d", text, from)
		s, err := g.Send(from, want)
		if err != nil {
			t.Fatalf("member %d sends: %v", from, err)
		}
		for to := range g.Size() {
			if to == from {
				continue
			}
			got, err := g.Read(to, s)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d to %d: %q, %v", from, to, got, err)
			}
		}
	}
}

func must(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

func TestSenderKeysRemovalIsQuadratic(t *testing.T) {
	cost := func(p Protocol, n int) int {
		g, err := p.New()
		if err != nil {
			t.Fatal(err)
		}
		must(t, func() error { _, err := g.Add(n - 1); return err })
		c, err := g.Remove()
		if err != nil {
			t.Fatal(err)
		}
		return c.Messages
	}
	if a, b := cost(SenderKeys{}, 9), cost(SenderKeys{}, 17); b < 3*a {
		t.Errorf("8 left: %d messages, 16 left: %d", a, b)
	}
	if a, b := cost(MLS{}, 9), cost(MLS{}, 17); a != 1 || b != 1 {
		t.Errorf("MLS takes %d and %d messages", a, b)
	}
}

func TestManyMembersFewLive(t *testing.T) {
	g, err := MLS{Live: 3}.New()
	if err != nil {
		t.Fatal(err)
	}
	must(t, func() error { _, err := g.Add(200); return err })
	s, err := g.Send(0, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []int{1, 2, 200} {
		if _, err := g.Read(m, s); err != nil {
			t.Errorf("member %d: %v", m, err)
		}
	}
	if _, err := g.Read(100, s); err == nil {
		t.Error("a member whom nobody runs reads")
	}
}

// TestReport runs everything small and looks at what is written.
func TestReport(t *testing.T) {
	var told strings.Builder
	o := Options{Quick: true, Members: 8, Progress: &told}
	began := time.Now()
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(told.String(), "\n"); n != parts() || !strings.Contains(told.String(), fmt.Sprintf("\n%d of %d ", n, n)) {
		t.Errorf("%d parts were told of %d:\n%s", n, parts(), told.String())
	}
	for _, f := range r.Facts {
		if !f.OK {
			t.Errorf("%s does not hold: %s", f.Name, f.Text)
		}
	}
	dir := t.TempDir()
	if err := r.Write(dir, o, began); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(dir, o, began); err != nil {
		t.Errorf("a report cannot be written anew: %v", err)
	}
	for _, name := range []string{"manifest.json", "index.html", "figure-6.6.svg", "figure-6.7.csv", "figure-6.7-bytes.svg", "statistics-invite.csv", "cost-remove.svg"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(b) < 100 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	text, err := Compare(dir, dir)
	if err != nil || !strings.Contains(text, "×1.00") || strings.Contains(text, "slower") {
		t.Errorf("%v\n%s", err, text)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(other, o, began); err == nil {
		t.Error("a folder of somebody else's was written into")
	}
	if _, err := Compare(other, dir); err == nil {
		t.Error("a folder that holds no report was compared")
	}
}

func TestStat(t *testing.T) {
	var s []Sample
	for i := range 100 {
		s = append(s, Sample{Wall: time.Duration(i + 1)})
	}
	p := Point{Samples: s}
	if w := p.Wall(); w.Median != 50 || w.Low >= w.Median || w.High <= w.Median || w.Low < 30 || w.High > 70 {
		t.Errorf("%+v", w)
	}
	if w := (Point{}).Wall(); w != (Stat{}) {
		t.Errorf("no samples: %+v", w)
	}
}
