package tui

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/local"
)

// patience is how long the screen may take to show something: real nodes, on a
// machine that does other things too.
const patience = 30 * time.Second

// terminal is Alice's screen on a real node, with the loop of the program in the
// hands of the test: it types, and looks at what would be drawn.
type terminal struct {
	t    *testing.T
	m    *model
	msgs chan tea.Msg
	net  *local.Net
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "covey")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/covey-p2p/covey/cmd/covey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	net, err := local.New(local.Options{Dir: dir, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(net.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	for _, err := range []error{net.Nodes("Alice", "Bob", "Carol"), net.Group("picnic", "Bob", "Alice", "Carol")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	client, err := net.Client("Alice")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &terminal{t: t, m: newModel(ctx, client, Options{}), msgs: make(chan tea.Msg, 1000), net: net}
	watched := make(chan struct{})
	go func() { // as Run does
		defer close(watched)
		watch(ctx, client, func(m tea.Msg) { w.msgs <- m })
	}()
	t.Cleanup(func() { cancel(); <-watched })
	w.do(w.m.Init())
	w.m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	return w
}

// do runs a command off the loop, as bubbletea does.
func (w *terminal) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, c := range msg {
				w.do(c)
			}
		default:
			w.msgs <- msg
		}
	}()
}

func (w *terminal) screen() string {
	s := ansi.Strip(w.m.View().Content)
	for _, l := range strings.Split(s, "\n") {
		if lipgloss.Width(l) > 80 {
			w.t.Errorf("a line is %d wide: %q", lipgloss.Width(l), l)
		}
	}
	if lipgloss.Height(s) > 24 {
		w.t.Errorf("%d lines", lipgloss.Height(s))
	}
	return s
}

// sees waits until the screen shows every text.
func (w *terminal) sees(texts ...string) {
	w.t.Helper()
	end := time.After(patience)
	for {
		screen, missing := w.screen(), ""
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		select {
		case msg := <-w.msgs:
			_, cmd := w.m.Update(msg)
			w.do(cmd)
		case <-end:
			w.t.Fatalf("the screen does not show %q:\n%s", missing, screen)
		}
	}
}

// types types a line and ends it.
func (w *terminal) types(line string) {
	for _, r := range line {
		_, cmd := w.m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		w.do(cmd)
	}
	w.press(tea.KeyEnter, 0)
}

func (w *terminal) press(code rune, mod tea.KeyMod) {
	_, cmd := w.m.Update(tea.KeyPressMsg{Code: code, Mod: mod})
	w.do(cmd)
}

func (w *terminal) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestLive is one long sitting at 80×24 on three real nodes; each step leaves
// the screen as the next wants it.
func TestLive(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	w := newTerminal(t)
	for _, step := range []struct {
		name string
		do   func(*terminal)
	}{
		{"talk", liveTalk}, {"commands", liveCommands}, {"palette", livePalette}, {"people", livePeople},
		{"devices", liveDevices},
		{"fork and heal", liveFork}, {"restart", liveRestart}, {"leave", liveLeave},
	} {
		if !t.Run(step.name, func(t *testing.T) { w.t = t; step.do(w) }) {
			return
		}
	}
}

func liveTalk(w *terminal) {
	w.sees("picnic · 3 members", "✓ agreed 3/3", "2 peers")
	w.types("Who brings the blankets?")
	w.sees("you Who brings the blankets?", "delivered 2/2")
	w.must(w.net.Send("Bob", "picnic", "I do. Two of them."))
	w.sees("Bob I do. Two of them.")
	w.types("/reply")
	w.sees("Replying to Bob")
	w.types("Good.")
	w.sees("↳ Bob: I do. Two of them.")
	w.types("/react ♥")
	w.sees("♥")
	w.types("//not a command")
	w.sees("/not a command")
}

// liveCommands does what the palette lists, each against the node.
func liveCommands(w *terminal) {
	for _, c := range []struct{ line, shows string }{
		{"/help", "/invite CONTACT"},
		{"/why", "All is well"},
		{"/epochs", "◄ head"},
		{"/repair", "Compare logs with"},
		{"/peers", "direct quic"},
		{"/doctor", "✓ identity: Alice"},
		{"/verify Bob", "/match Bob"},
		{"/match Bob", "Bob is verified."},
		{"/role Bob king", "one of"},
		{"/remove Nobody", "There is no member"},
		{"/rename", "Write /rename NAME"},
		{"/nonsense", "There is no /nonsense."},
		{"/re", "may mean"},
		{"/accept 12345678", "There is no invitation"},
	} {
		w.press(tea.KeyEscape, 0)
		w.types(c.line)
		w.sees(c.shows)
	}
	w.press(tea.KeyEscape, 0)
}

// livePalette finds a command by its letters; the palette shows the command
// line that does the same.
func livePalette(w *terminal) {
	w.press('p', tea.ModCtrl)
	w.sees("covey help")
	for _, r := range "doct" {
		w.m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	w.sees("covey doctor")
	w.press(tea.KeyEnter, 0)
	w.sees("✓ storage")
	w.press(tea.KeyEscape, 0)
	w.press('p', tea.ModCtrl)
	w.press(tea.KeyEscape, 0)
	if s := w.screen(); strings.Contains(s, "covey help") {
		w.t.Errorf("the palette stays:\n%s", s)
	}
}

// livePeople makes a group of two, and has the other leave it.
func livePeople(w *terminal) {
	w.types("/new chess")
	w.sees("chess · 1 member")
	w.types("/invite Bob")
	w.sees("Bob is in the group now", "chess · 2 members")
	w.types("/rotate")
	w.sees("Asked; the group will see it", "Alice has renewed the keys")
	w.types("check")
	w.sees("delivered 1/1")
	w.types("/rename go")
	w.sees("go · 2 members")
	w.types("/remove Bob")
	w.sees("Bob was removed from the group", "go · 1 member")
	w.types("/link")
	w.sees("Good once, until", "As a QR code it needs a window of", "> ")
	w.m.Update(tea.WindowSizeMsg{Width: 80, Height: 40})
	if s := ansi.Strip(w.m.View().Content); !strings.Contains(s, "█▀") || !strings.Contains(s, "Good once, until") {
		w.t.Errorf("no code in a window of 40 lines:\n%s", s)
	}
	w.m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	w.press(tea.KeyEscape, 0)
	w.types("/open picnic")
	w.sees("picnic · 3 members", "Who brings the blankets?")
}

// liveDevices takes a phone into the account, and out of it.
func liveDevices(w *terminal) {
	w.must(w.net.Nodes("Phone"))
	client, err := w.net.Client("Phone")
	w.must(err)
	code, err := client.LinkDevice(context.Background())
	w.must(err)
	w.types("/code")
	w.sees("This device has an account with people or groups")
	w.types("/devices")
	w.sees("1 device", "this one, holds the account's key, in 2/2 groups")
	w.types("/adopt " + code.Code)
	w.sees("is yours now.", "Alice has a new device in the group.")
	w.press(tea.KeyEscape, 0)
	me, err := client.Devices(context.Background())
	w.must(err)
	w.types("/lost " + me[0].ID[:8])
	w.sees("is being taken out of", "A device of Alice is no longer in the group.")
	w.types("/devices")
	w.sees(me[0].ID[:8] + "  removed")
	w.press(tea.KeyEscape, 0)
}

func liveFork(w *terminal) {
	start, err := w.net.Views("picnic")
	w.must(err)
	w.must(w.net.Partition("cut", false, []string{"Alice"}, []string{"Bob", "Carol"}))
	w.must(w.net.Refresh("Alice", "picnic"))
	w.must(w.net.Refresh("Bob", "picnic"))
	w.types("Is anybody there?")
	w.sees("Is anybody there?  queued")
	if !w.net.Until(func() bool {
		v, err := w.net.Views("picnic")
		return err == nil && v[0].State != start[0].State && v[1].State != start[0].State && v[0].State != v[1].State
	}, patience) {
		w.t.Fatal("the two sides do not part")
	}
	w.must(w.net.Heal(""))
	w.sees("changed epoch", "is followed.", "✓ agreed 3/3")
	w.sees("Is anybody there?  delivered 2/2")
	w.types("/open go")
	w.sees("go · 1 member", "Bob was removed from the group")
	w.types("/open picnic") // opened again, it tells what the node's log tells
	w.sees("picnic · 3 members", "is followed.")
	client, err := w.net.Client("Alice")
	w.must(err)
	told, shown := 0, 0
	for _, err := range client.Watch(context.Background(), api.WatchOptions{Types: []api.EventType{api.EventFork}, Group: w.m.desk.open.ID, Once: true}) {
		w.must(err)
		told++
	}
	for _, l := range w.m.desk.lines {
		if l.kind == api.EventFork {
			shown++
		}
	}
	if shown == 0 || shown > told {
		w.t.Errorf("%d notes of forks, where the log has %d:\n%s", shown, told, w.screen())
	}
}

// liveRestart kills the node behind the screen; the screen says so, and goes on
// once it is back.
func liveRestart(w *terminal) {
	w.must(w.net.Kill("Alice"))
	w.types("lost?")
	w.sees("No node is running here")
	w.must(w.net.Start("Alice"))
	w.sees("✓ agreed 3/3")
	w.must(w.net.Send("Bob", "picnic", "after the restart"))
	w.sees("Bob after the restart")
}

func liveLeave(w *terminal) {
	w.types("/leave")
	w.sees("You have left picnic")
}
