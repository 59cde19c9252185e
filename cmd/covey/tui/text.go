package tui

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/covey-p2p/covey/node/api"
)

// Visible makes text safe to print: control characters, escape sequences and
// characters that change the direction of what follows are shown as codes. A
// line break stays one.
func Visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		case unicode.IsControl(r), r == unicode.ReplacementChar, deceives(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// deceives reports whether a rune, which is no control character, makes text look
// like another: it changes the order of the text around it (Unicode Standard
// Annex #9), separates lines in disguise, or is not seen at all. The joiners U+200C
// and U+200D pass: whole scripts and many emoji need them.
func deceives(r rune) bool {
	switch r {
	case 0x00ad, 0x061c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff:
		return true
	}
	return 0x202a <= r && r <= 0x202e || 0x2060 <= r && r <= 0x206f
}

// Line is Visible on one line.
func Line(s string) string { return strings.ReplaceAll(Visible(s), "\n", "\\n") }

// name is a Line cut to a width that leaves room for others.
func name(s string) string {
	const most = 32
	s = Line(s)
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
		return fmt.Sprintf("delivered %d/%d, read by %d/%d", p.Delivered, p.Of, p.Read, p.People)
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
