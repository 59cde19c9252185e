package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Command lines that sentences tell people to type stand in backticks. The faces
// also say them bare; below, such words are labels of keys.
var (
	inTicks = regexp.MustCompile("`covey ([a-z][^`]*)")
	bare    = regexp.MustCompile("(?:^|`|: )covey ([a-z][^`\"]*)")
)

// TestCommandsThatAreNamedExist reads every text in the program and holds that
// the commands and flags which people are told to type are there.
func TestCommandsThatAreNamedExist(t *testing.T) {
	root := (&app{}).root()
	found := 0
	for room, commandLine := range map[string]*regexp.Regexp{".": bare, "../../node": inTicks, "../../testnet": inTicks, "../../discovery": inTicks} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Errorf("%s: %v", path, err)
				}
				for _, m := range commandLine.FindAllStringSubmatch(text, -1) {
					if strings.Contains(m[1], "\n") {
						continue // prose that begins with the name
					}
					found++
					if why := misnamed(root, strings.Fields(m[1])); why != "" {
						t.Errorf("%s says `covey %s`, and %s", path, m[1], why)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 80 {
		t.Errorf("only %d command lines were found: the search is blind", found)
	}
}

// misnamed says what of a command line is not there.
func misnamed(root *cobra.Command, words []string) string {
	cmd, rest, err := root.Find(words)
	if err != nil || cmd == root && words[0] != "help" {
		return "there is no such command"
	}
	if plain := regexp.MustCompile(`^[a-z]+$`); cmd.HasAvailableSubCommands() && len(rest) > 0 && plain.MatchString(rest[0]) {
		return "there is no " + cmd.CommandPath() + " " + rest[0]
	}
	for i, w := range rest {
		if w == "--" {
			return misnamed(root, rest[i+1:])
		}
		name, is := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(strings.TrimRight(name, ".,;)…"), "=")
		if is && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
			return cmd.CommandPath() + " has no flag --" + name
		}
	}
	return ""
}
