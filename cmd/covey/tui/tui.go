package tui

import (
	"context"
	"strings"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"

	"github.com/covey-p2p/covey/node/api"
)

// Options says how the face looks and what it adds. The zero value works.
type Options struct {
	// Group to open first; the newest otherwise.
	Group string
	// Extra commands, shown before the others (a testnet's faults).
	Extra []Command
	// Beside, where set, gives the lines of a panel beside the timeline (a
	// testnet's network). It is called off the loop, after every event.
	Beside func() []string
}

// Run shows the face of the node that a client reaches until the person
// leaves it or the context ends.
func Run(ctx context.Context, c *api.Client, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := tea.NewProgram(newModel(ctx, c, o), tea.WithContext(ctx))
	watched := make(chan struct{})
	go func() { // follows the event log; ends with the context
		defer close(watched)
		watch(ctx, c, p.Send)
	}()
	_, err := p.Run()
	cancel()
	<-watched
	if ctx.Err() != nil && err == tea.ErrProgramKilled { // the caller ended it
		return nil
	}
	return err
}

// watch hands on the event log until the context ends.
func watch(ctx context.Context, c *api.Client, send func(tea.Msg)) {
	for e, err := range c.Watch(ctx, api.WatchOptions{From: api.Now}) {
		if err != nil {
			send(failed(err))
			return
		}
		send(e)
	}
}

// model is the desk with a screen around it.
type model struct {
	ctx    context.Context
	desk   *desk
	opts   Options
	input  textarea.Model
	width  int
	height int
	scroll int // lines above the newest; 0 follows
	side   bool
	beside []string

	palette bool
	picked  int
}

// besideMsg carries fresh lines of the panel.
type besideMsg []string

func newModel(ctx context.Context, c *api.Client, o Options) *model {
	in := textarea.New()
	in.Prompt = "> "
	in.ShowLineNumbers = false
	in.Placeholder = "Write a message; / for commands, Ctrl-P to choose one"
	in.CharLimit = 32768
	in.SetHeight(1)
	in.SetVirtualCursor(true)
	return &model{ctx: ctx, desk: newDesk(c, o.Extra), opts: o, input: in, width: 80, height: 24}
}

func (m *model) Init() tea.Cmd {
	start := m.desk.refresh()
	if m.opts.Group != "" {
		start = m.desk.then(m.desk.enter(m.opts.Group), m.desk.refresh())
	}
	return tea.Batch(m.input.Focus(), m.run(start), m.look())
}

// run does a job off the loop.
func (m *model) run(j job) tea.Cmd {
	if j == nil {
		return nil
	}
	return func() tea.Msg {
		if a := j(m.ctx); a != nil {
			return a
		}
		return nil
	}
}

// look reads the panel beside the timeline.
func (m *model) look() tea.Cmd {
	if m.opts.Beside == nil {
		return nil
	}
	return func() tea.Msg { return besideMsg(m.opts.Beside()) }
}

// Update takes a message in, and then has authors told of what is on the screen.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if !m.desk.status.ReadReceipts || m.palette {
		return m, cmd
	}
	w := m.middle()
	_, shown := m.onScreen(w, m.body(m.foot(w)))
	return m, tea.Batch(cmd, m.run(m.desk.tell(shown)))
}

func (m *model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.SetWidth(max(20, m.middle()))
		return nil
	case apply:
		return m.run(msg(m.desk))
	case api.Event:
		return tea.Batch(m.run(m.desk.event(msg)), m.look())
	case besideMsg:
		m.beside = msg
		return nil
	case tea.KeyPressMsg:
		if m.palette {
			return m.paletteKey(msg)
		}
		if cmd, done := m.key(msg); done {
			return cmd
		}
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	m.input.SetHeight(min(5, max(1, m.input.LineCount())))
	return cmd
}

// key handles a key of ours; done is false for one that is text.
func (m *model) key(k tea.KeyPressMsg) (cmd tea.Cmd, done bool) {
	switch k.String() {
	case "ctrl+c", "ctrl+d":
		return tea.Quit, true
	case "enter":
		text := m.input.Value()
		m.input.Reset()
		m.scroll = 0
		m.desk.notice = ""
		if strings.TrimSpace(text) == "/quit" {
			return tea.Quit, true
		}
		return m.run(m.desk.enterLine(text)), true
	case "alt+enter", "shift+enter", "ctrl+j":
		m.input.InsertString("\n")
		return nil, true
	case "esc":
		m.desk.notice, m.desk.reply, m.scroll = "", "", 0
		return nil, true
	case "ctrl+p":
		m.palette, m.picked = true, 0
		return nil, true
	case "ctrl+n":
		return m.run(m.next(1)), true
	case "ctrl+b":
		return m.run(m.next(-1)), true
	case "tab":
		m.side = !m.side
		return nil, true
	case "pgup":
		m.scroll += m.height / 2
		return nil, true
	case "pgdown":
		m.scroll = max(0, m.scroll-m.height/2)
		return nil, true
	}
	return nil, false
}

// next opens the group that many places further in the list.
func (m *model) next(step int) job {
	n := len(m.desk.groups)
	for i, g := range m.desk.groups {
		if g.ID == m.desk.open.ID {
			return m.desk.enter(m.desk.groups[(i+step+n)%n].ID)
		}
	}
	return nil
}

// matches lists the commands for what has been typed: those whose names begin
// so, then those whose names hold its letters or whose sentence holds it.
func (m *model) matches() []Command {
	word := strings.ToLower(strings.TrimPrefix(m.input.Value(), "/"))
	var first, rest []Command
	for _, c := range m.desk.all() {
		switch {
		case strings.HasPrefix(c.Name, word):
			first = append(first, c)
		case fuzzy(c.Name, word) || strings.Contains(strings.ToLower(c.About), word):
			rest = append(rest, c)
		}
	}
	return append(first, rest...)
}

// fuzzy reports whether the letters of want occur in s in order.
func fuzzy(s, want string) bool {
	rest := []rune(want)
	for _, r := range s {
		if len(rest) > 0 && r == rest[0] {
			rest = rest[1:]
		}
	}
	return len(rest) == 0
}

func (m *model) paletteKey(k tea.KeyPressMsg) tea.Cmd {
	found := m.matches()
	switch k.String() {
	case "esc", "ctrl+p", "ctrl+c":
		m.palette = false
		m.input.Reset()
	case "up":
		m.picked = max(0, m.picked-1)
	case "down":
		m.picked = min(len(found)-1, m.picked+1)
	case "enter", "tab":
		m.palette = false
		m.input.Reset()
		if m.picked < 0 || m.picked >= len(found) {
			return nil
		}
		c := found[m.picked]
		if c.Args == "" {
			return m.run(m.desk.enterLine("/" + c.Name))
		}
		m.input.SetValue("/" + c.Name + " ")
		m.desk.notice = "/" + c.Name + " " + c.Args + ".  " + c.About
	default:
		var cmd tea.Cmd
		m.input, cmd = m.input.Update(k)
		m.picked = 0
		return cmd
	}
	return nil
}
