package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet"
)

var (
	update     = flag.Bool("update", false, "record the outcomes of scripts anew")
	realEngine = flag.Bool("real", false, "play the rows of the suite with package mls, not the stand-in")
)

const second = time.Second

// play is a world under test, with shorthand for what every row does.
type play struct {
	*World
	t     *testing.T
	names []string
}

// stage seats the named in a group called room, founded by the first, at rest.
func stage(t *testing.T, seed uint64, names ...string) *play {
	t.Helper()
	return stageWith(t, Options{Seed: seed}, names...)
}

func stageWith(t *testing.T, o Options, names ...string) *play {
	t.Helper()
	p := &play{New(withEngine(o)), t, names}
	p.opens = map[[16]byte]session.Key{}
	p.do("nodes " + strings.Join(names, " "))
	p.do("group " + names[0] + " room (" + strings.Join(names[1:], " ") + ")")
	p.settle()
	for _, n := range names {
		if s := p.byName[n].seats["room"]; s == nil || !s.live || len(p.rosterAt(n)) != len(names) {
			t.Fatalf("%s did not get in:\n%s", n, p.picture())
		}
	}
	return p
}

// withEngine puts in the engine the flags ask for, where a row has no own.
func withEngine(o Options) Options {
	if *realEngine && o.Engine == nil {
		o.Engine = session.MLS{}
	}
	return o
}

// do speaks lines of a script.
func (p *play) do(lines ...string) {
	p.t.Helper()
	for _, l := range lines {
		for _, l := range strings.Split(l, "\n") {
			if l = strings.TrimSpace(l); l == "" {
				continue
			}
			v, err := testnet.ParseLine(l)
			if err == nil {
				err = p.Run([]testnet.Verb{v})
			}
			if err != nil {
				p.t.Fatalf("%s: %v\n%s", l, err, p.picture())
			}
		}
	}
}

// settle lets the world come to rest, as a row expects of it.
func (p *play) settle() {
	p.t.Helper()
	if err := p.Settle(5 * time.Minute); err != nil {
		p.t.Fatalf("%v\n%s", err, p.picture())
	}
}

// rest settles and checks all invariants of a run at rest.
func (p *play) rest() {
	p.t.Helper()
	p.settle()
	if broken := p.Rest(); len(broken) > 0 {
		for _, b := range broken[:min(len(broken), 8)] {
			p.t.Error(b)
		}
		p.t.Fatalf("%d invariants broken\n%s\nscript:\n%s", len(broken), p.picture(), p.record())
	}
}

func (p *play) picture() string {
	s, _ := p.Show("room")
	return s
}

func (p *play) record() string {
	var b strings.Builder
	for _, v := range p.Record {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

func (p *play) seat(name string) *seat { return p.byName[name].seats["room"] }

// rosterAt are the accounts of the group as one node sees it; none if it is out.
func (p *play) rosterAt(name string) []string {
	s := p.seat(name)
	return p.Book.Roster(epochName(s.head))
}

// want fails unless a node sees exactly these accounts.
func (p *play) want(node string, accounts ...string) {
	p.t.Helper()
	slices.Sort(accounts)
	if got := p.rosterAt(node); !slices.Equal(got, accounts) {
		p.t.Fatalf("%s sees %v, want %v\n%s", node, got, accounts, p.picture())
	}
}

// texts are what a node has read, without their numbers, sorted.
func (p *play) textsAt(name string) (out []string) {
	for _, t := range p.seat(name).texts {
		_, t, _ = strings.Cut(t, " ")
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

func (p *play) wantTexts(name string, texts ...string) {
	p.t.Helper()
	slices.Sort(texts)
	if got := p.textsAt(name); !slices.Equal(got, texts) {
		p.t.Fatalf("%s has read %q, want %q", name, got, texts)
	}
}

// numbered are the names m0 … m(n-1).
func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("m%d", i))
	}
	return names
}

// TestScripts plays each script of testdata and compares what it shows with
// what was recorded below its line of dashes.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, _, _ := strings.Cut(string(b), testnet.Dashes+"\n")
			got := text + testnet.Dashes + "\n" + outcome(t, text)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(b) {
				t.Errorf("plays differently now; look, then run with -update:\n%s", got)
			}
		})
	}
}

// outcome plays a script and says what it came to.
func outcome(t *testing.T, text string) string {
	verbs, err := testnet.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w := New(Options{Digest: true})
	var b strings.Builder
	for _, v := range verbs {
		if v.Name == "show" {
			picture, err := w.Show(v.Args[0].Word)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(picture)
			continue
		}
		if err := w.Run([]testnet.Verb{v}); err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
		}
	}
	for _, name := range sortedKeys(w.groups) {
		c := w.Book.Count(name)
		fmt.Fprintf(&b, "%s: %d texts sent, %d copies read, %d owed, %d missing\n", name, c.Sent, c.Read, c.Owed, c.Missing)
	}
	for _, broken := range w.Rest() {
		fmt.Fprintln(&b, broken)
	}
	return b.String()
}
