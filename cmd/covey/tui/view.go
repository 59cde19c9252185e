package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/covey-p2p/covey/node/api"
)

// Widths at which a column finds room. 80 columns hold the list and the
// timeline; 110 hold the members too; below 60 there is the timeline alone.
const (
	wideEnough  = 110
	listFrom    = 60
	listWidth   = 18
	detailWidth = 28
)

var (
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	accent = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
	warn   = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
)

func (m *model) showList() bool    { return m.width >= listFrom }
func (m *model) showDetails() bool { return m.width >= wideEnough || m.side }

// middle is the width of the timeline.
func (m *model) middle() int {
	w := m.width
	if m.showList() {
		w -= listWidth + 3
	}
	if m.showDetails() {
		w -= detailWidth + 3
	}
	return max(10, w)
}

func (m *model) View() tea.View {
	w := m.middle()
	foot := m.foot(w)
	body := m.timeline(w, m.body(foot))
	middle := lipgloss.JoinVertical(lipgloss.Left, m.title(w), body, foot)
	rows := m.height
	bar := strings.TrimSuffix(strings.Repeat(" │ \n", rows), "\n")
	var columns []string
	if m.showList() {
		columns = append(columns, box(m.list(), listWidth, rows), bar)
	}
	columns = append(columns, box(middle, w, rows))
	if m.showDetails() {
		columns = append(columns, bar, box(m.details(), detailWidth, rows))
	}
	v := tea.NewView(lipgloss.JoinHorizontal(lipgloss.Top, columns...))
	v.AltScreen = true
	v.WindowTitle = "covey"
	return v
}

// body is how many lines of the timeline fit above the foot.
func (m *model) body(foot string) int { return max(1, m.height-1-lipgloss.Height(foot)) }

// box cuts text to a width and a height, and fills it up to both.
func box(s string, width, height int) string {
	lines := strings.Split(s, "\n")
	if len(lines) > height {
		lines = lines[:height]
	}
	for i, l := range lines {
		l = ansi.Truncate(l, width, "…")
		lines[i] = l + strings.Repeat(" ", max(0, width-lipgloss.Width(l)))
	}
	for len(lines) < height {
		lines = append(lines, strings.Repeat(" ", width))
	}
	return strings.Join(lines, "\n")
}

func (m *model) list() string {
	d := m.desk
	var b strings.Builder
	b.WriteString(strong.Render("groups") + "\n")
	for _, g := range d.groups {
		mark, unread := "  ", ""
		if g.ID == d.open.ID {
			mark = "▸ "
		}
		if g.Unread > 0 && g.ID != d.open.ID {
			unread = fmt.Sprintf(" (%d)", g.Unread)
		}
		b.WriteString(mark + name(g.Name) + unread + "\n")
	}
	if len(d.groups) == 0 {
		b.WriteString("none yet\n/new NAME\n")
	}
	b.WriteString("\n" + strong.Render("you") + "\n" + name(d.status.Name) + "\n" + plural(d.status.Peers, "peer", "peers") + "\n")
	if d.status.Queued > 0 {
		b.WriteString(warn.Render(fmt.Sprintf("%d queued", d.status.Queued)) + "\n")
	}
	b.WriteString("\n" + faint.Render("Ctrl-P commands\nCtrl-N next group\nTab    members\nCtrl-C leave"))
	return b.String()
}

func (m *model) title(w int) string {
	g := m.desk.open.Group
	if g.ID == "" {
		return strong.Render("covey")
	}
	state := agreement(g)
	if g.Agreed < g.Members || g.Rivals > 0 {
		state = warn.Render(state)
	} else {
		state = accent.Render(state)
	}
	if g.State != api.GroupActive && g.State != "" {
		state += " · " + warn.Render(string(g.State))
	}
	return ansi.Truncate(strong.Render(name(g.Name))+" · "+plural(g.Members, "member", "members")+" · "+state+" · "+g.Epoch.Print, w, "…")
}

// timeline draws the newest lines that fit, or those the person scrolled to.
func (m *model) timeline(w, h int) string {
	if m.palette {
		return m.commands(w, h)
	}
	rows, _ := m.onScreen(w, h)
	if len(rows) == 0 {
		rows = []string{faint.Render("Nothing has been said here yet.")}
		if m.desk.open.ID == "" {
			rows = []string{"Nobody is here yet. /link makes an invitation to give to somebody;", "/add LINK takes one you were given; /new NAME makes a group."}
		}
	}
	for len(rows) < h {
		rows = append([]string{""}, rows...)
	}
	return strings.Join(rows, "\n")
}

// onScreen are the rows of the timeline that are drawn, and the messages whose
// last row is among them.
func (m *model) onScreen(w, h int) (rows []string, shown []api.Message) {
	ends := make([]int, len(m.desk.lines))
	for i, l := range m.desk.lines {
		rows = append(rows, m.entry(l, w)...)
		ends[i] = len(rows)
	}
	m.scroll = min(m.scroll, max(0, len(rows)-h))
	last := len(rows) - m.scroll
	first := max(0, last-h)
	for i, l := range m.desk.lines {
		if l.message != nil && first < ends[i] && ends[i] <= last {
			shown = append(shown, *l.message)
		}
	}
	return rows[first:last], shown
}

func (m *model) entry(l line, w int) []string {
	if l.message == nil {
		sign := "·"
		switch l.kind {
		case api.EventFork:
			sign = "⚡"
		case api.EventGap, api.EventTrouble:
			sign = "!"
		case api.EventMember:
			sign = "*"
		}
		return wrap(l.at+" "+sign+" ", warn.Render(l.note), w)
	}
	t := l.message
	who := name(t.Name)
	if t.Mine {
		who = "you"
	}
	text := Visible(t.Text)
	if t.Kind != "text" {
		text = "[" + name(t.Kind) + ": this version does not show it]"
	}
	if t.ReplyTo != "" {
		text = "↳ " + m.quoted(t.ReplyTo) + "\n" + text
	}
	if t.Orphan {
		text += faint.Render("  (read on a branch that lost; it stands)")
	}
	if t.Mine {
		text += "  " + faint.Render(fate(t.Progress))
	}
	if len(l.reacts) > 0 {
		text += "\n" + strings.Join(l.reacts, " ")
	}
	return wrap(l.at+" "+strong.Render(who)+" ", text, w)
}

func (m *model) quoted(id string) string {
	if i, ok := m.desk.byID[id]; ok {
		return name(m.desk.lines[i].message.Name) + ": " + name(m.desk.lines[i].message.Text)
	}
	return "an earlier message"
}

// wrap breaks text to a width behind a head, following lines indented.
func wrap(head, text string, w int) []string {
	indent := min(lipgloss.Width(head), w/2)
	lines := strings.Split(ansi.Wrap(text, max(8, w-indent), ""), "\n")
	for i := range lines {
		if i == 0 {
			lines[i] = head + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", indent) + lines[i]
		}
	}
	return lines
}

// commands draws the palette: what each does, and its command line.
func (m *model) commands(w, h int) string {
	found := m.matches()
	rows := []string{strong.Render("Commands") + faint.Render("  type to narrow, Enter to choose, Esc to go back"), ""}
	first := max(0, m.picked-(h-5))
	for i := first; i < len(found) && len(rows) < h-2; i++ {
		c := found[i]
		row := fmt.Sprintf("  %-26s %s", "/"+strings.TrimSpace(c.Name+" "+c.Args), c.About)
		if i == m.picked {
			row = accent.Render("▸" + row[1:])
		}
		rows = append(rows, row)
	}
	if m.picked >= 0 && m.picked < len(found) {
		cli := strings.ReplaceAll(found[m.picked].CLI, " G", " "+quote(m.desk.open.Name))
		rows = append(rows, "", faint.Render("the same:  "+cli))
	}
	for i := range rows {
		rows[i] = ansi.Truncate(rows[i], w, "…")
	}
	for len(rows) < h {
		rows = append(rows, "")
	}
	return strings.Join(rows[:h], "\n")
}

// quote makes a name one word of a command line.
func quote(s string) string {
	s = name(s)
	if strings.ContainsAny(s, " '\"\\$`;&|<>()*?!#~") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// besideCode is how many lines stay for all else beside a QR code: the title, the
// rule and the input.
const besideCode = 4

// foot is what was last said, what waits for an answer, and the input.
func (m *model) foot(w int) string {
	var rows []string
	if len(m.desk.asks) > 0 {
		rows = append(rows, warn.Render(ansi.Truncate("? "+m.desk.asks[0], w, "…")))
	}
	if m.desk.notice != "" {
		text := m.desk.notice
		var lines []string
		for _, l := range strings.Split(text, "\n") {
			if strings.ContainsAny(l, "█▀▄│") { // a code or a drawing keeps its lines
				lines = append(lines, l)
			} else {
				lines = append(lines, strings.Split(ansi.Wrap(l, w, ""), "\n")...)
			}
		}
		code := strings.ContainsAny(text, "█▀▄")
		if need := len(lines) + besideCode; code && need > m.height { // a part of a code is no code
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.ContainsAny(l, "█▀▄") })
			lines = append(lines, fmt.Sprintf("As a QR code it needs a window of %d lines, or: covey contact invite --qr", need))
			code = false
		}
		if most := m.height / 2; len(lines) > most && !code {
			lines = append(lines[:most], fmt.Sprintf("… %d more lines", len(lines)-most))
		}
		for _, l := range lines {
			rows = append(rows, ansi.Truncate(l, w, "…"))
		}
	}
	if m.desk.reply != "" {
		rows = append(rows, faint.Render("↳ "+m.quoted(m.desk.reply)))
	}
	rows = append(rows, strings.Repeat("─", w), m.input.View())
	return strings.Join(rows, "\n")
}

func (m *model) details() string {
	var b strings.Builder
	if m.beside != nil {
		b.WriteString(strong.Render("network") + "\n" + strings.Join(m.beside, "\n") + "\n\n")
	}
	g := m.desk.open
	b.WriteString(strong.Render("members") + "\n")
	for _, p := range g.Roster {
		sign := "○"
		if p.Online || p.Me {
			sign = "●"
		}
		extra := []string{presence(p)}
		if p.Role != api.RoleMember {
			extra = append(extra, string(p.Role))
		}
		if p.Verified {
			extra = append(extra, "verified")
		}
		if p.Blocked {
			extra = append(extra, "blocked")
		}
		if !p.Agrees {
			extra = append(extra, "votes elsewhere")
		}
		if len(p.Devices) > 1 {
			extra = append(extra, plural(len(p.Devices), "device", "devices"))
		}
		b.WriteString(sign + " " + name(p.Name) + faint.Render("  "+strings.Join(extra, ", ")) + "\n")
	}
	if g.ID != "" {
		b.WriteString("\n" + faint.Render(plural(g.Alive, "epoch", "epochs")+" of secrets alive\nstate "+g.Epoch.Print))
	}
	return b.String()
}
