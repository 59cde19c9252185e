package api

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestWord has a shell read names back: each is one word, and does nothing.
func TestWord(t *testing.T) {
	for name, plain := range map[string]bool{
		"lab": true, "日本-2": true, "book club": false, "": false, "-rf": false, "a;b": false, "$(id)": false, "`id`": false, "it's": false, "'; id; '": false, "a\nb": false, "\\": false, "*": false, "~": false, "\"x": false,
	} {
		if got := Word(name); (got == name) != plain {
			t.Errorf("%q as a word is %s", name, got)
		}
		out, err := exec.Command("sh", "-c", "printf %s "+Word(name)).Output()
		if err != nil || string(out) != name {
			t.Errorf("a shell reads %q as %q: %v", name, out, err)
		}
	}
}

// TestGoodName holds what may be a name of a person or a group.
func TestGoodName(t *testing.T) {
	for name, good := range map[string]bool{
		"lab": true, "Zoë B.": true, "日本": true, "...": true, "a/b": true, strings.Repeat("x", MaxName): true,
		"": false, ".": false, "..": false, " a": false, "a ": false, "a\nb": false, "a\x1bb": false, "\x7f": false, "\u0085": false, "\xff": false, strings.Repeat("x", MaxName+1): false,
	} {
		if err := GoodName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestQuote says back what was given: short, on one line, and whole where it fits.
func TestQuote(t *testing.T) {
	for give, want := range map[string]string{"lab": `"lab"`, "": `""`, "a\nb\x1b[2J": `"a\nb\x1b[2J"`, "\xff": `"\xff"`} {
		if got := Quote(give); got != want {
			t.Errorf("%q is said back as %s", give, got)
		}
	}
	if got := Quote(strings.Repeat("ä", 100_000)); utf8.RuneCountInString(got) != quoted+2 || !strings.HasSuffix(got, `…"`) {
		t.Errorf("100,000 characters are said back as %d", utf8.RuneCountInString(got))
	}
}
