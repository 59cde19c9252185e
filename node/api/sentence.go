package api

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence makes one of a reason such as errors give: a capital and a full
// stop.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	if unicode.IsLower(first) && !strings.HasPrefix(s, "covey") {
		s = string(unicode.ToUpper(first)) + s[n:]
	}
	if !strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		s += "."
	}
	return s
}

// quoted is how many characters of what somebody gave are said back to them.
const quoted = 64

// Quote writes what somebody gave as a sentence says it back: in quotation marks,
// on one line, harmless to a terminal, and cut where it is long.
func Quote(s string) string {
	if r := []rune(s); len(r) > quoted {
		s = string(r[:quoted-1]) + "…"
	}
	return strconv.Quote(s)
}

// Word writes a name as one word of a command line that somebody may paste into a
// shell: names are chosen by others, and must not be able to say more there.
func Word(name string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("-_./:@,+", r) || unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	if name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// GoodName refuses names that a terminal or a person would misread, and those that
// mean something else in a path.
func GoodName(name string) error {
	bad := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
	if bad || strings.TrimSpace(name) != name || name == "" || name == "." || name == ".." || len(name) > MaxName {
		return NewError(CodeUsage, Quote(name)+" cannot be a name.", fmt.Sprintf("Use 1 to %d bytes of printable text without spaces at its ends.", MaxName))
	}
	return nil
}
