package session

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Two fields under one key would both be left out, silently.
func TestKeysAreUnique(t *testing.T) {
	notTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", notTests, 0)
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`cbor:"(\d+),keyasint`)
	structs := 0
	for _, p := range pkgs {
		ast.Inspect(p, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			seen := map[string]bool{}
			for _, f := range st.Fields.List {
				if f.Tag == nil {
					continue
				}
				if m := key.FindStringSubmatch(f.Tag.Value); m != nil {
					if seen[m[1]] || len(f.Names) != 1 {
						t.Errorf("%s: key %s twice", spec.Name.Name, m[1])
					}
					seen[m[1]] = true
				}
			}
			if len(seen) > 0 {
				structs++
			}
			return true
		})
	}
	if structs < 15 {
		t.Fatalf("only %d structs found: %s", structs, fmt.Sprint(key))
	}
}
