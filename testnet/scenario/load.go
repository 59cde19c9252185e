package scenario

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/covey-p2p/covey/testnet/sim/rivals"
)

// What a script may cost, and why.
const (
	// maxScript bytes of a file: chosen arbitrarily, far above any that a
	// person wrote.
	maxScript = 1 << 20
	// maxSteps of Starlark a run: a loop over 10,000 nodes with a thousand
	// steps each fits ten times; an endless one ends within seconds.
	maxSteps = 100_000_000
	// defaultUntil is how long a run lasts where META says nothing.
	defaultUntil = 10 * time.Minute
)

// File is a scenario, read and checked, that has not run.
type File struct {
	Name  string // of META, else of the file
	About string
	Path  string
	Hash  string // SHA-256 of the text
	Until time.Duration
	Runs  int
	// Rule is the one to run under, Rules those to compare: see sim/rivals.
	Rule  string
	Rules []string
	// Engine is "mls", the real one, or "stand-in", hashes in its place, for
	// schedules of thousands.
	Engine string
	// Files are the CSV files read so far, with the SHA-256 of each.
	Files map[string]string

	text    []byte
	globals starlark.StringDict
	main    *starlark.Function
}

// Load reads a scenario file. Errors name file and line, and say what to write.
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxScript {
		return nil, fmt.Errorf("%s: a scenario is at most %d bytes", path, maxScript)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads a scenario from memory; path is for messages, and names the
// folder of the CSV files it uses.
func Parse(path string, text []byte) (*File, error) {
	sum := sha256.Sum256(text)
	f := &File{Path: path, Hash: hex.EncodeToString(sum[:]), Name: strings.TrimSuffix(filepath.Base(path), ".star"), Until: defaultUntil, Runs: 1, Rule: rivals.Real, Engine: EngineMLS, Files: map[string]string{}, text: text}
	thread := f.thread()
	var err error
	f.globals, err = starlark.ExecFileOptions(options, thread, path, text, f.builtins())
	if err != nil {
		return nil, explain(err)
	}
	f.globals.Freeze()
	if err := f.meta(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	main, ok := f.globals["main"].(*starlark.Function)
	if !ok {
		return nil, fmt.Errorf("%s: there is no main: write def main(w): …", path)
	}
	if main.NumParams() != 1 {
		return nil, fmt.Errorf("%s:%d: main takes one parameter, the world: write def main(w): …", path, main.Position().Line)
	}
	f.main = main
	return f, nil
}

var options = &syntax.FileOptions{While: false, TopLevelControl: true, GlobalReassign: true}

func (f *File) thread() *starlark.Thread {
	t := &starlark.Thread{Name: f.Name}
	t.SetMaxExecutionSteps(maxSteps)
	return t
}

// The engines that a scenario can run on.
const (
	EngineMLS     = "mls"
	EngineStandIn = "stand-in"
)

var metaKeys = []string{"name", "about", "until", "runs", "rule", "rules", "engine"}

func (f *File) meta() error {
	value, ok := f.globals["META"]
	if !ok {
		return nil
	}
	meta, ok := value.(*starlark.Dict)
	if !ok {
		return fmt.Errorf("META is a %s: write META = {\"name\": …}", value.Type())
	}
	for _, item := range meta.Items() {
		key, ok := starlark.AsString(item[0])
		if !ok || !slices.Contains(metaKeys, key) {
			return fmt.Errorf("META has no key %v: there are %s", item[0], strings.Join(metaKeys, ", "))
		}
		var err error
		switch key {
		case "name":
			f.Name, err = asText(item[1])
		case "about":
			f.About, err = asText(item[1])
		case "rule":
			if f.Rule, err = asText(item[1]); err == nil {
				_, err = rivals.Named(f.Rule)
			}
		case "rules":
			f.Rules, err = asRules(item[1])
		case "engine":
			if f.Engine, err = asText(item[1]); err == nil && f.Engine != EngineMLS && f.Engine != EngineStandIn {
				err = fmt.Errorf("%q: %q or %q", f.Engine, EngineMLS, EngineStandIn)
			}
		case "until":
			f.Until, err = asDuration(item[1])
		case "runs":
			f.Runs, err = starlark.AsInt32(item[1])
			if err == nil && (f.Runs < 1 || f.Runs > maxRuns) {
				err = fmt.Errorf("%d: between 1 and %d", f.Runs, maxRuns)
			}
		}
		if err != nil {
			return fmt.Errorf("META[%q]: %w", key, err)
		}
	}
	if strings.ContainsAny(f.Name, "/\\ \t\n") || f.Name == "" || f.Name[0] == '.' {
		return fmt.Errorf("META[\"name\"] is %q: it names a folder, so write one word", f.Name)
	}
	return nil
}

func asRules(v starlark.Value) (rules []string, err error) {
	list, ok := v.(*starlark.List)
	if !ok {
		return nil, fmt.Errorf("write a list of rules: [\"rank+weight\", \"first-seen\"]")
	}
	for i := range list.Len() {
		name, err := asText(list.Index(i))
		if err == nil {
			_, err = rivals.Named(name)
		}
		if err != nil {
			return nil, err
		}
		rules = append(rules, name)
	}
	return rules, nil
}

// Error is a script's error, with the place in the file.
type Error struct {
	At   string // file:line:column
	Text string
	Back string // the calls that led there, outermost first
}

func (e *Error) Error() string { return e.At + ": " + e.Text }

// explain turns Starlark's errors into ours.
func explain(err error) error {
	var list resolve.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &Error{At: list[0].Pos.String(), Text: mended(list[0].Msg)}
	}
	var bad syntax.Error
	if errors.As(err, &bad) {
		return &Error{At: bad.Pos.String(), Text: mended(bad.Msg)}
	}
	var eval *starlark.EvalError
	if !errors.As(err, &eval) {
		return err
	}
	at := "?"
	for i := range eval.CallStack {
		if pos := eval.CallStack.At(i).Pos; pos.Line > 0 {
			at = pos.String()
			break
		}
	}
	text := mended(eval.Msg)
	if strings.Contains(text, "too many steps") {
		text = fmt.Sprintf("the script ran away: it took %d steps and was here; bound the loop", maxSteps)
	}
	return &Error{At: at, Text: text, Back: eval.Backtrace()}
}

// mended adds to the language's own words what to write instead.
func mended(text string) string {
	for _, f := range []struct{ says, write string }{
		{"while loops", "write for i in range(1000): … and break"},
		{"called recursively", "write a loop"},
		{"load not implemented", "put everything into one file"},
		{"world has no .", "there are " + strings.Join((&world{}).AttrNames(), ", ")},
		{"node has no .", "there are " + strings.Join((&nodeValue{}).AttrNames(), ", ")},
		{"group has no .", "there are " + strings.Join((&groupValue{}).AttrNames(), ", ")},
		{"got newline, want ':'", "a line that begins a block ends with a colon"},
		{"for parameter group: got", "give what create_group returned"},
		{"undefined: ", "define it above, or look at its spelling"},
	} {
		if strings.Contains(text, f.says) {
			return text + ": " + f.write
		}
	}
	return text
}

func asText(v starlark.Value) (string, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return "", fmt.Errorf("a text is wanted, not a %s", v.Type())
	}
	return s, nil
}

// asDuration reads "1m30s", or a number of seconds.
func asDuration(v starlark.Value) (time.Duration, error) {
	if s, ok := starlark.AsString(v); ok {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is no duration: write \"1m30s\"", s)
		}
		return d, nil
	}
	if x, ok := starlark.AsFloat(v); ok && x >= 0 && x < 1e9 {
		return time.Duration(x * float64(time.Second)), nil
	}
	return 0, fmt.Errorf("%v is no duration: write \"1m30s\"", v)
}
