package backend

import (
	"os/exec"
	"testing"
)

// TestWord has a shell read names back: each is one word, and does nothing.
func TestWord(t *testing.T) {
	for name, plain := range map[string]bool{
		"lab": true, "日本-2": true, "book club": false, "": false, "-rf": false, "a;b": false, "$(id)": false, "`id`": false, "it's": false, "'; id; '": false, "a\nb": false, "\\": false, "*": false, "~": false, "\"x": false,
	} {
		if got := word(name); (got == name) != plain {
			t.Errorf("%q as a word is %s", name, got)
		}
		out, err := exec.Command("sh", "-c", "printf %s "+word(name)).Output()
		if err != nil || string(out) != name {
			t.Errorf("a shell reads %q as %q: %v", name, out, err)
		}
	}
}
