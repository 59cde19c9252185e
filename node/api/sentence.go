package api

import (
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
