package testnet_test

// The house rules: who may import whom, what the pure rooms must not touch,
// and how large a file, a function or package node may grow. The tables are
// policy, not a record of what is: a new package or import fails here until it
// is argued into a row.

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/covey-p2p/covey"

// room is one package's policy. imports lists our own packages it may use;
// outside lists the third-party modules and, for pure rooms, nothing else.
type room struct {
	pure    bool
	imports []string
	outside []string
}

// everything lets the binary and the local testnet see all rooms.
var everything = []string{"*"}

var rooms = map[string]room{
	"mls/internal/wire":     {pure: true},
	"mls/internal/suite":    {pure: true, imports: []string{"mls/internal/wire"}, outside: []string{"github.com/cloudflare/circl", "golang.org/x/crypto"}},
	"mls/internal/tree":     {pure: true, imports: []string{"mls/internal/wire", "mls/internal/suite"}},
	"mls/internal/schedule": {pure: true, imports: []string{"mls/internal/wire", "mls/internal/suite"}},
	// Official test vectors, for the tests of the rooms around; nothing else imports it.
	"mls/internal/vectors":   {},
	"mls":                    {pure: true, imports: []string{"mls/internal/wire", "mls/internal/suite", "mls/internal/tree", "mls/internal/schedule"}},
	"consensus":              {pure: true},
	"discovery/record":       {pure: true, imports: []string{"mls"}},
	"node/session/reconcile": {pure: true},
	"node/session":           {pure: true, imports: []string{"mls", "consensus", "node/session/reconcile"}, outside: []string{"github.com/fxamacker/cbor"}},

	"discovery":    {imports: []string{"mls", "discovery/record"}, outside: []string{"github.com/libp2p", "github.com/multiformats", "github.com/ipfs"}},
	"node/store":   {imports: []string{"node/session"}, outside: []string{"github.com/dgraph-io", "github.com/zalando/go-keyring", "github.com/ipfs/go-datastore", "golang.org/x"}},
	"node/api":     {outside: []string{"github.com/danielgtaylor/huma", "github.com/prometheus"}},
	"node/mailbox": {imports: []string{"mls", "node/session", "node/store", "discovery"}, outside: []string{"github.com/libp2p", "github.com/multiformats", "github.com/fxamacker/cbor", "golang.org/x"}},
	"node/mesh":    {outside: []string{"github.com/libp2p", "github.com/quic-go/quic-go", "github.com/multiformats", "github.com/prometheus", "golang.org/x"}},
	// Simulated wires for the tests of the rooms above; nothing else imports it.
	"node/mesh/simlink": {outside: []string{"github.com/libp2p", "github.com/marcopolo/simnet", "github.com/quic-go/quic-go", "go.uber.org/fx"}},
	"node/journal":      {imports: []string{"node/api", "node/session", "node/store"}},
	"node/people":       {imports: []string{"node/session", "node/store"}, outside: []string{"github.com/fxamacker/cbor"}},
	"node/backend":      {imports: []string{"node", "node/api", "node/mesh", "node/people", "node/session", "node/store", "consensus"}, outside: []string{"github.com/libp2p", "github.com/multiformats"}},
	"node/post":         {imports: []string{"mls", "discovery", "discovery/record", "node/api", "node/journal", "node/mailbox", "node/mesh", "node/people", "node/session", "node/store"}, outside: []string{"github.com/libp2p", "github.com/fxamacker/cbor"}},
	"node/fleet":        {imports: []string{"node/api", "node/journal", "node/mesh", "node/people", "node/post", "node/session", "node/store"}, outside: []string{"github.com/libp2p"}},
	"node": {imports: []string{"node/post", "node/fleet", "node/mesh", "node/journal", "node/people", "mls", "consensus", "node/session", "node/session/reconcile", "node/store", "node/api", "node/mailbox", "discovery", "discovery/record"},
		outside: []string{"github.com/libp2p", "github.com/multiformats", "github.com/prometheus", "github.com/ipfs", "github.com/fxamacker/cbor", "golang.org/x"}},

	"testnet":             {},
	"testnet/sim":         {imports: []string{"testnet", "testnet/sim/standin", "testnet/sim/check", "mls", "consensus", "node/session", "node/session/reconcile", "discovery/record"}},
	"testnet/sim/check":   {},
	"testnet/sim/standin": {imports: []string{"consensus", "node/session"}},
	"testnet/sim/rivals":  {imports: []string{"consensus"}}, // rules to measure; nothing that ships decides by them
	"testnet/scenario":    {imports: []string{"testnet", "testnet/sim", "testnet/sim/rivals", "testnet/report", "node/session"}, outside: []string{"go.starlark.net"}},
	"testnet/bench":       {imports: []string{"testnet", "testnet/sim", "mls", "node/session", "testnet/report"}, outside: []string{"gonum.org"}},
	"testnet/bench/nodes": {imports: []string{"node", "node/api", "node/backend", "node/mesh", "node/session", "testnet/local"}, outside: []string{"github.com/libp2p", "github.com/multiformats"}},
	"testnet/report":      {imports: []string{"testnet"}, outside: []string{"gonum.org"}},
	"testnet/local":       {imports: []string{"testnet", "testnet/local/wire", "node", "node/api", "node/backend"}},
	"testnet/local/wire":  {outside: []string{"github.com/libp2p", "github.com/quic-go/quic-go", "go.uber.org/fx"}},
	"cmd/covey":           {imports: everything, outside: everything},
	"cmd/covey/tui":       {imports: []string{"node/api"}, outside: []string{"charm.land", "github.com/charmbracelet", "rsc.io/qr"}},
	"cmd/covey/web":       {imports: []string{"node/api", "testnet/report"}, outside: []string{"rsc.io/qr"}},
}

// Imports that a pure room must not have, with the reason.
var impure = map[string]string{
	"os": "I/O", "net": "I/O", "net/http": "I/O", "log": "I/O", "log/slog": "I/O", "io/fs": "I/O",
	"sync": "locks", "sync/atomic": "locks", "context": "cancellation belongs above the line",
	"time":        "the clock is an argument",
	"crypto/rand": "randomness is an argument", "math/rand": "randomness is an argument", "math/rand/v2": "randomness is an argument",
}

// forkJoin is the one place below the line where goroutines may run: it
// returns the same bytes whatever the core count.
const forkJoin = "mls/internal/suite/forkjoin.go"

// hashOnly are the pure rooms that may import crypto/sha256: a hash of public
// bytes needs no suite.
var hashOnly = []string{"consensus", "discovery/record", "node/session", "node/session/reconcile"}

const (
	maxFileLines = 700
	maxFuncLines = 70
	maxNodeLines = 3000 // package node alone: what decides belongs below the line
)

type file struct {
	path string // slash-separated, from the module's root
	pkg  string
	ast  *ast.File
	test bool
}

func sources(t *testing.T) (*token.FileSet, []file) {
	t.Helper()
	fset := token.NewFileSet()
	var files []file
	root := ".."
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		a, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, file{path: rel, pkg: path.Dir(rel), ast: a, test: strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: the walk looks in the wrong place", len(files))
	}
	return fset, files
}

func TestLattice(t *testing.T) {
	_, files := sources(t)
	for _, f := range files {
		if f.test {
			continue
		}
		r, known := rooms[f.pkg]
		if !known {
			t.Errorf("%s: package %s has no row in rooms: argue it in", f.path, f.pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			if why := forbidden(f, r, p); why != "" {
				t.Errorf("%s imports %s: %s", f.path, p, why)
			}
		}
	}
}

func forbidden(f file, r room, imp string) string {
	if own, ok := strings.CutPrefix(imp, module+"/"); ok {
		if slices.Contains(r.imports, own) || slices.Contains(r.imports, "*") {
			return ""
		}
		return "not among the rooms that " + f.pkg + " may use"
	}
	if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
		for _, o := range r.outside {
			if o == "*" || imp == o || strings.HasPrefix(imp, o+"/") {
				return ""
			}
		}
		return "not among the modules that " + f.pkg + " may use"
	}
	if !r.pure {
		return ""
	}
	if why, bad := impure[imp]; bad && f.path != forkJoin {
		return "a pure room: " + why
	}
	if strings.HasPrefix(imp, "crypto") && imp != "crypto/subtle" && f.pkg != "mls/internal/suite" {
		if imp == "crypto/sha256" && slices.Contains(hashOnly, f.pkg) {
			return ""
		}
		return "primitives come through mls/internal/suite"
	}
	return ""
}

func TestPureRoomsStartNothing(t *testing.T) {
	fset, files := sources(t)
	for _, f := range files {
		if f.test || !rooms[f.pkg].pure || f.path == forkJoin {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			what := ""
			switch n.(type) {
			case *ast.GoStmt:
				what = "a goroutine"
			case *ast.SelectStmt:
				what = "a select"
			case *ast.ChanType:
				what = "a channel"
			}
			if what != "" {
				t.Errorf("%s: %s in a pure room", fset.Position(n.Pos()), what)
			}
			return true
		})
	}
}

func TestSizes(t *testing.T) {
	fset, files := sources(t)
	inNode := 0
	for _, f := range files {
		if f.test {
			continue
		}
		lines := fset.File(f.ast.Pos()).LineCount()
		if f.pkg == "node" {
			inNode += lines
		}
		if lines > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", f.path, lines, maxFileLines)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			from, to := fset.Position(fn.Pos()), fset.Position(fn.End())
			if n := to.Line - from.Line + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines, at most %d", from, fn.Name.Name, n, maxFuncLines)
			}
		}
	}
	if inNode > maxNodeLines {
		t.Errorf("package node has %d lines, at most %d: could session decide this?", inNode, maxNodeLines)
	}
}

// unkept are words that mark work not done.
var unkept = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

func TestWords(t *testing.T) {
	fset, files := sources(t)
	bad := regexp.MustCompile(`(^|/)(util|utils|common|helper|helpers|manager|misc)(/|$)`)
	documented := map[string]bool{}
	for _, f := range files {
		if bad.MatchString(strings.TrimSuffix(f.path, ".go")) {
			t.Errorf("%s: name the thing, not its shelf", f.path)
		}
		if !f.test && f.ast.Doc != nil {
			documented[f.pkg] = true
		}
		for _, g := range f.ast.Comments {
			for _, c := range g.List {
				if unkept.MatchString(c.Text) {
					t.Errorf("%s: %q: do it or say plainly that it is left", fset.Position(c.Pos()), c.Text)
				}
			}
		}
	}
	for _, f := range files {
		if !f.test && !documented[f.pkg] {
			documented[f.pkg] = true
			t.Errorf("package %s has no doc comment", f.pkg)
		}
	}
}

// TestRulesCanFail holds the checks themselves to account: each is given a
// source that breaks it.
func TestRulesCanFail(t *testing.T) {
	cases := []struct{ pkg, imp string }{
		{"consensus", "time"},
		{"consensus", module + "/mls"},
		{"mls", "crypto/sha256"},
		{"mls", "math/rand/v2"},
		{"node/session", "github.com/libp2p/go-libp2p"},
		{"node/store", "github.com/libp2p/go-libp2p"},
		{"cmd/covey/tui", module + "/node"},
		{"node/session", "sync"},
	}
	for _, c := range cases {
		f := file{path: c.pkg + "/x.go", pkg: c.pkg}
		if forbidden(f, rooms[c.pkg], c.imp) == "" {
			t.Errorf("%s may import %s: the lattice has a hole", c.pkg, c.imp)
		}
	}
	if !unkept.MatchString("// " + fmt.Sprint("TO", "DO") + ": later") {
		t.Error("unfinished work would pass")
	}
}
