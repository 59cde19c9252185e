package session

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Two fields under one key would both be left out, silently.
func TestKeysAreUnique(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`cbor:"(\d+),keyasint`)
	structs := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
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
