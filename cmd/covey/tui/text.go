package tui

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/covey-p2p/covey/node/api"
)

// visible makes text safe to print: control characters, escape sequences and
// characters that change the direction of what follows are shown as codes. A
// line break stays one.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		case unicode.IsControl(r), r == unicode.ReplacementChar, reorders(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// reorders reports whether a rune changes the direction or the order of the
// text around it (Unicode Standard Annex #9), or separates lines in disguise.
func reorders(r rune) bool {
	return r == 0x200e || r == 0x200f || r == 0x061c || r == 0x2028 || r == 0x2029 ||
		0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

// name is visible on one line, cut to a width that leaves room for others.
func name(s string) string {
	const most = 32
	s = strings.ReplaceAll(visible(s), "\n", "\\n")
	if s == "" {
		return "(no name)"
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// agreement is the sentence about the epoch: always on the screen.
func agreement(g api.Group) string {
	s := fmt.Sprintf("epoch %d", g.Epoch.Number)
	if g.Agreed >= g.Members {
		s += fmt.Sprintf(" ✓ agreed %d/%d", g.Agreed, g.Members)
	} else {
		s += fmt.Sprintf(" agreed %d/%d", g.Agreed, g.Members)
	}
	if g.Rivals == 1 {
		s += ", 1 rival"
	} else if g.Rivals > 1 {
		s += fmt.Sprintf(", %d rivals", g.Rivals)
	}
	return s
}

// fate says how far a message of mine has come.
func fate(p *api.Progress) string {
	if p == nil {
		return ""
	}
	switch p.State {
	case api.Queued:
		return "queued"
	case api.Handed:
		return fmt.Sprintf("handed to %d", p.Peers)
	case api.Delivered:
		return fmt.Sprintf("delivered %d/%d", p.Delivered, p.Of)
	case api.Read:
		return fmt.Sprintf("delivered %d/%d, read by %d", p.Delivered, p.Of, p.Read)
	case api.Held:
		return "held: somebody new would read it"
	}
	return string(p.State)
}

// presence says how a member can be reached.
func presence(m api.Member) string {
	switch {
	case m.Me:
		return "you"
	case m.Online && m.Path != "":
		return string(m.Path)
	case m.Online:
		return "here"
	}
	return "away"
}

func clock(t time.Time) string { return t.Local().Format("15:04") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
