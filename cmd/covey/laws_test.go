package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

// Laws that every command keeps, whoever wrote it. They are looked at on the tree
// itself, so that a new command is under them without anybody's doing.

// TestEveryCommandHasAnExample holds that each command's help shows a line that is
// of this command and that it takes.
func TestEveryCommandHasAnExample(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range everyCommand((&app{}).root()) {
		seen[below(c)] = true
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s says of itself %q", c.CommandPath(), c.Short)
		}
		line := strings.TrimSpace(c.Example)
		if line == "" {
			t.Errorf("%s has no example", c.CommandPath())
			continue
		}
		words := regexp.MustCompile(`covey [^|<>)]*`).FindString(line)
		out, err := exec.Command("sh", "-c", "for w in "+strings.TrimPrefix(words, "covey ")+"; do printf '%s\\n' \"$w\"; done").Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		root := (&app{}).root() // flags remember
		found, args, err := root.Find(strings.Split(strings.TrimSpace(string(out)), "\n"))
		if err != nil || found.CommandPath() != c.CommandPath() {
			t.Errorf("the example of %s is one of %s", c.CommandPath(), found.CommandPath())
			continue
		}
		if err := found.ParseFlags(args); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := found.ValidateArgs(found.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for path := range examples {
		if !seen[path] {
			t.Errorf("there is an example of %q and no such command", path)
		}
	}
}

// TestPaletteTeachesTheCommandLine holds that the line which the palette shows
// beside each of its commands is one that the command line takes.
func TestPaletteTeachesTheCommandLine(t *testing.T) {
	for _, c := range tui.Commands() {
		root := (&app{}).root() // flags remember
		found, args, err := root.Find(strings.Fields(c.CLI)[1:])
		if err != nil {
			t.Errorf("/%s: %s: %v", c.Name, c.CLI, err)
			continue
		}
		args = strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(strings.Join(args, " ")))
		if err := found.ParseFlags(args); err != nil {
			t.Errorf("/%s: %s: %v", c.Name, c.CLI, err)
		}
		if err := found.ValidateArgs(found.Flags().Args()); err != nil || !found.Runnable() {
			t.Errorf("/%s: %s: %v", c.Name, c.CLI, err)
		}
	}
}

// TestEveryCommandIsMisusedAlike misuses each command, as a process, and holds that
// it exits 2 and says what and how, as sentences and, asked for JSON, as JSON.
func TestEveryCommandIsMisusedAlike(t *testing.T) {
	nowhere(t)
	misused := 0
	for _, c := range everyCommand((&app{}).root()) {
		line := strings.Fields(below(c))
		wrong := map[string][]string{"a flag that there is not": append(line, "--no-such-flag")}
		if c.Args != nil && below(c) != "help" {
			if c.Args(c, nil) != nil {
				wrong["nothing"] = line
			}
			if many := strings.Fields(strings.Repeat("x ", 40)); c.Args(c, many) != nil {
				wrong["too much"] = append(line, many...)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if taken[f.Value.Type()] != "" && f.Name != "json" {
				wrong["--"+f.Name+" of x"] = append(line, "--"+f.Name+"=x")
			}
		})
		misused += len(wrong)
		for what, args := range wrong {
			code, stdout, stderr := runHere(t, args)
			if code != exitUsage || stdout != "" || !regexp.MustCompile(`(?s)^covey: .*[.…]\n       .*\n$`).MatchString(stderr) {
				t.Errorf("%s given %s exits %d and says %q, %q", c.CommandPath(), what, code, stdout, stderr)
			}
			code, stdout, stderr = runHere(t, append([]string{"--json"}, args...))
			holdsError(t, c, what, stdout, stderr, code, exitUsage, api.CodeUsage)
		}
	}
	if misused < 200 {
		t.Errorf("only %d ways of misusing commands were found", misused)
	}
}

// TestEveryCommandWithoutANode runs each command's example where no node is: what
// needs one exits 3, and whatever comes out, asked for JSON, is JSON.
func TestEveryCommandWithoutANode(t *testing.T) {
	nowhere(t)
	// These work, or go on until they are interrupted, without a node.
	alone := regexp.MustCompile(`^(bench|completion|config|daemon (run|start)|help|inspect|man|sim|testnet|up|version|repl|chat|daemon logs|explain)\b`)
	for _, c := range everyCommand((&app{}).root()) {
		if alone.MatchString(below(c)) {
			continue
		}
		words := strings.Fields(strings.ReplaceAll(strings.TrimSpace(c.Example), "'", ""))[1:]
		args := append(strings.Fields(below(c)), required(c, words)...)
		code, stdout, stderr := runHere(t, append([]string{"--json"}, args...))
		holdsError(t, c, "its example", stdout, stderr, code, exitNoDaemon, api.CodeNoDaemon)
	}
}

// nowhere makes the program find no node and no settings.
func nowhere(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("COVEY_DIR", filepath.Join(t.TempDir(), "node"))
}

// required are as many arguments of an example as a command takes.
func required(c *cobra.Command, words []string) []string {
	var args []string
	for _, w := range words[len(strings.Fields(below(c))):] {
		if !strings.HasPrefix(w, "-") {
			args = append(args, w)
		}
	}
	if below(c) == "token mint" {
		return []string{"--scope", "lab:read"}
	}
	for len(args) > 0 && c.Args(c, args) != nil {
		args = args[:len(args)-1]
	}
	return args
}

// holdsError holds that a command said nothing but one error, in JSON.
func holdsError(t *testing.T, c *cobra.Command, given, stdout, stderr string, code, want int, kind api.Code) {
	t.Helper()
	var e api.Error
	err := json.Unmarshal([]byte(stderr), &e)
	if code != want || stdout != "" || err != nil || e.Code != kind || e.Message == "" || e.Hint == "" {
		t.Errorf("%s --json given %s exits %d and says %q, %q: %v", c.CommandPath(), given, code, stdout, stderr, err)
	}
}

// runHere runs the program in this process, where no node is.
func runHere(t *testing.T, args []string) (code int, stdout, stderr string) {
	t.Helper()
	none, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	var out, wrong bytes.Buffer
	code = (&app{in: none, out: &out, err: &wrong}).run(t.Context(), args)
	return code, out.String(), wrong.String()
}
