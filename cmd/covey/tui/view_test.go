package tui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/covey-p2p/covey/node/api"
)

var update = flag.Bool("update", false, "record the screens anew")

// scene is a desk in the middle of a conversation.
func scene() *model {
	m := newModel(context.Background(), nil, Options{})
	d := m.desk
	at := time.Date(2026, 11, 24, 10, 41, 0, 0, time.UTC)
	d.status = api.Status{Name: "Alice", Peers: 4}
	g := api.Group{ID: "aa", Name: "lab", State: api.GroupActive, Members: 5, Agreed: 5, Epoch: api.EpochRef{ID: "e7", Number: 7, Print: "7f3a·c19e"}}
	d.groups = []api.Group{g, {ID: "bb", Name: "a group with a very long name", Unread: 2}}
	d.open = api.GroupDetail{Group: g, Alive: 2, Roster: []api.Member{
		{Name: "Alice", Me: true, Role: api.RoleOwner, Agrees: true}, {Name: "Bob", Online: true, Path: api.PathDirect, Agrees: true, Verified: true, Role: api.RoleMember},
		{Name: "\x1b[31mEve", Role: api.RoleMember},
	}}
	d.add(api.Message{ID: "m1", Name: "Bob", Kind: "text", Text: "hello everyone", Sent: at})
	d.add(api.Message{ID: "m2", Name: "Alice", Mine: true, Kind: "text", ReplyTo: "m1", Sent: at, Progress: &api.Progress{State: api.Delivered, Delivered: 3, Of: 4},
		Text: "a long answer that does not fit on one line of eighty columns, so that it has to be broken somewhere sensible"})
	d.add(api.Message{ID: "m3", Name: "Bob", Kind: "reaction", Text: "👍", ReplyTo: "m2", Sent: at})
	d.note(api.Event{Type: api.EventFork, At: at, Text: "Two commits raced; Bob's won, yours was made again on top of it."})
	d.note(api.Event{Type: api.EventMember, At: at, Text: "Carol's device was added by Bob."})
	d.add(api.Message{ID: "m4", Name: "Eve", Kind: "text", Text: "\x1b]0;owned\a\u202e", Sent: at, Orphan: true})
	d.asks = asking([]api.Invitation{{ID: "1234abcd5678", Name: "chess", FromName: "Dan"}}, nil)
	return m
}

// Renewals of keys in a row take one line, and a message ends the row.
func TestRenewalsAreFolded(t *testing.T) {
	d := scene().desk
	before := len(d.lines)
	renews := func(text string) {
		d.note(api.Event{Type: api.EventMember, Text: text, Member: &api.MemberEvent{Change: "keys"}})
	}
	renews("one")
	renews("two")
	d.add(api.Message{ID: "m5", Name: "Bob", Kind: "text", Text: "between"})
	renews("three")
	d.note(api.Event{Type: api.EventMember, Text: "another device", Member: &api.MemberEvent{Change: "device-added"}})
	renews("four")
	var got []string
	for _, l := range d.lines[before:] {
		got = append(got, l.note)
	}
	if want := []string{"two", "", "three", "another device", "four"}; !slices.Equal(got, want) {
		t.Errorf("the timeline has %q, want %q", got, want)
	}
}

func TestScreens(t *testing.T) {
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC
	for _, size := range []struct {
		name          string
		width, height int
		palette       bool
	}{{"80x24", 80, 24, false}, {"120x30", 120, 30, false}, {"50x15", 50, 15, false}, {"palette", 80, 24, true}} {
		t.Run(size.name, func(t *testing.T) {
			m := scene()
			m.Update(tea.WindowSizeMsg{Width: size.width, Height: size.height})
			m.palette = size.palette
			screen := m.View().Content
			for i, l := range strings.Split(screen, "\n") {
				if w := lipgloss.Width(l); w > size.width {
					t.Errorf("line %d is %d wide: %q", i, w, l)
				}
			}
			if n := lipgloss.Height(screen); n > size.height {
				t.Errorf("%d lines", n)
			}
			if strings.Contains(screen, "\x1b]") || strings.ContainsRune(screen, 0x202e) {
				t.Error("what Eve wrote reaches the terminal")
			}
			golden(t, size.name, trimmed(ansi.Strip(screen)))
		})
	}
}

// Authors are told of what was drawn and of nothing else, once, and only where
// the person lets them know.
func TestOnlyWhatIsDrawnIsTold(t *testing.T) {
	m := scene()
	d := m.desk
	d.told = map[uint64]bool{}
	for i := range uint64(40) {
		d.add(api.Message{ID: fmt.Sprint("n", i), Seq: 100 + i, Group: "aa", Name: "Bob", Kind: "text", Text: "line", Mine: i%10 == 9})
	}
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 14})
	if d.tell([]api.Message{*d.lines[10].message}) != nil || len(d.told) > 0 {
		t.Error("something is told without having been asked to")
	}
	d.status.ReadReceipts = true
	drawn := func() (seqs []uint64) {
		for i := range uint64(40) {
			if d.told[100+i] {
				seqs = append(seqs, 100+i)
			}
		}
		return seqs
	}
	m.Update(nil)
	rows := strings.Count(ansi.Strip(m.View().Content), "Bob line")
	first := drawn()
	if len(first) != rows || first[0] != 139-uint64(rows) { // the last is mine
		t.Errorf("%d of Bob's are on the screen, told of %v", rows, first)
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyPgUp})
	after := drawn()
	if len(after) <= len(first) || after[0] >= first[0] {
		t.Errorf("scrolled up, told of %v after %v", after, first)
	}
	if j := d.tell([]api.Message{*d.lines[d.byID["n38"]].message}); j != nil {
		t.Error("a message is told of twice")
	}
}

// golden compares text with testdata/NAME.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("the screen is not that of %s (record anew with -update):\n%s", file, got)
	}
}

func trimmed(s string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	return b.String()
}

func TestKeys(t *testing.T) {
	m := scene()
	m.input.Focus()
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	press := func(code rune, mod tea.KeyMod, text string) {
		m.Update(tea.KeyPressMsg{Code: code, Mod: mod, Text: text})
	}
	press('p', tea.ModCtrl, "")
	if !m.palette {
		t.Fatal("Ctrl-P opens no palette")
	}
	for _, r := range "rotate" {
		press(r, 0, string(r))
	}
	if found := m.matches(); len(found) == 0 || found[0].Name != "rotate" {
		t.Fatalf("the palette finds %v", found)
	}
	if !strings.Contains(m.View().Content, "covey group rotate lab") {
		t.Error("the palette does not show the command line")
	}
	press(tea.KeyEsc, 0, "")
	press('x', 0, "x")
	if m.input.Value() != "x" {
		t.Errorf("typed x, the input holds %q", m.input.Value())
	}
	press(tea.KeyPgUp, 0, "")
	press(tea.KeyTab, 0, "")
	if !m.side {
		t.Error("Tab shows no members")
	}
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}); cmd == nil {
		t.Error("Ctrl-C does not leave")
	}
}

func TestCommandsAreWhole(t *testing.T) {
	d := newDesk(nil, nil)
	seen := map[string]bool{}
	for _, c := range d.all() {
		if c.Name == "" || c.About == "" || c.CLI == "" || (c.on == nil) == (c.Run == nil) {
			t.Errorf("%+v lacks something", c)
		}
		if seen[c.Name] {
			t.Errorf("two commands are called %s", c.Name)
		}
		seen[c.Name] = true
	}
	for word, want := range map[string]string{"rot": "rotate", "help": "help"} {
		if c, err := d.lookup(word); err != nil || c.Name != want {
			t.Errorf("%s finds %s, %v", word, c.Name, err)
		}
	}
	for _, word := range []string{"re", "nothing"} {
		if _, err := d.lookup(word); err == nil {
			t.Errorf("%s finds something", word)
		}
	}
}

func TestLinesAreBounded(t *testing.T) {
	d := newDesk(nil, nil)
	for i := range keep * 2 {
		d.add(api.Message{ID: strings.Repeat("x", i%7) + time.Duration(i).String(), Kind: "text"})
	}
	if len(d.lines) > keep || len(d.byID) != len(d.lines) {
		t.Errorf("%d lines, %d ids", len(d.lines), len(d.byID))
	}
	for id, i := range d.byID {
		if d.lines[i].message.ID != id {
			t.Fatalf("%s points at %s", id, d.lines[i].message.ID)
		}
	}
}

// TestAsking says what to type for each that waits: its name, where that means one.
func TestAsking(t *testing.T) {
	got := asking([]api.Invitation{
		{ID: "11111111aaaa", Name: "book club", FromName: "Dan"},
		{ID: "22222222aaaa", Name: "Chess", FromName: "Dan"},
		{ID: "33333333aaaa", Name: "chess", FromName: "Eve\x1b", Stranger: true},
		{ID: "44444444aaaa", Name: "a\x1b[2Jb", FromName: "Dan"},
	}, []api.Contact{
		{Account: "55555555aaaa", Name: "Fay B.", State: api.ContactRequest, Hello: "it is me"},
		{Account: "66666666aaaa", Name: "Dan", State: api.ContactKnown},
		{Account: "77777777aaaa", Name: "dan", State: api.ContactRequest},
	})
	want := []string{
		"Dan invites you to book club: /accept book club",
		"Dan invites you to Chess: /accept 22222222",
		"Eve\\u001b (nobody you know) invites you to chess: /accept 33333333",
		"Dan invites you to a\\u001b[2Jb: /accept 44444444",
		"Fay B. would like to be a contact (“it is me”): /yes Fay B.",
		"dan would like to be a contact: /yes 77777777",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it says\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
