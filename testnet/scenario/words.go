package scenario

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/covey-p2p/covey/testnet/sim"
)

// The values that a script makes without the world: changes to a group and
// distributions. They are the builtins of every file.

// change is what commit does to a group.
type change struct {
	verb  string
	args  []string
	about *nodeValue
}

func (c *change) String() string        { return c.verb + "()" }
func (c *change) Type() string          { return "change" }
func (c *change) Freeze()               {}
func (c *change) Truth() starlark.Bool  { return true }
func (c *change) Hash() (uint32, error) { return 0, fmt.Errorf("a change is no key") }

// dist is a distribution of durations.
type dist struct{ sim.Dist }

func (d dist) Type() string          { return "distribution" }
func (d dist) Freeze()               {}
func (d dist) Truth() starlark.Bool  { return true }
func (d dist) Hash() (uint32, error) { return 0, fmt.Errorf("a distribution is no key") }

// churn says for how long a node is on and off.
type churn struct{ on, off sim.Dist }

func (c churn) String() string        { return fmt.Sprintf("weibull(on=%v, off=%v)", c.on, c.off) }
func (c churn) Type() string          { return "trace" }
func (c churn) Freeze()               {}
func (c churn) Truth() starlark.Bool  { return true }
func (c churn) Hash() (uint32, error) { return 0, fmt.Errorf("a trace is no key") }

// topology says which nodes connect to which.
type topology struct{ text string }

func (t *topology) String() string        { return t.text }
func (t *topology) Type() string          { return "topology" }
func (t *topology) Freeze()               {}
func (t *topology) Truth() starlark.Bool  { return true }
func (t *topology) Hash() (uint32, error) { return 0, fmt.Errorf("a topology is no key") }

// weibullShape is that of session lengths measured in peer-to-peer networks
// (Stutzbach and Rejaie, IMC 2006: between 0.34 and 0.59).
const weibullShape = 0.5

func (f *File) builtins() starlark.StringDict {
	made := starlark.StringDict{"struct": starlark.NewBuiltin("struct", starlarkstruct.Make)}
	add := func(name string, fn func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error)) {
		made[name] = starlark.NewBuiltin(name, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			v, err := fn(args, kw)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", b.Name(), err)
			}
			return v, nil
		})
	}
	plain := func(verb string) func(starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			return &change{verb: "refresh"}, starlark.UnpackArgs(verb, args, kw)
		}
	}
	add("refresh", plain("refresh"))
	add("update", plain("update")) // the thesis's word for it
	about := func(verb string) func(starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			var who *nodeValue
			err := starlark.UnpackArgs(verb, args, kw, "node", &who)
			return &change{verb: verb, about: who}, err
		}
	}
	add("add", about("invite"))
	add("remove", about("remove"))
	add("role", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var who *nodeValue
		var role string
		err := starlark.UnpackArgs("role", args, kw, "node", &who, "role", &role)
		return &change{verb: "role", about: who, args: []string{role}}, err
	})
	add("rename", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var name string
		err := starlark.UnpackArgs("rename", args, kw, "name", &name)
		return &change{verb: "rename", args: []string{name}}, err
	})
	f.distributions(add)
	f.topologies(add)
	return made
}

func (f *File) distributions(add func(string, func(starlark.Tuple, []starlark.Tuple) (starlark.Value, error))) {
	two := func(name, a, b string) {
		add(name, func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			var x, y starlark.Value
			if err := starlark.UnpackArgs(name, args, kw, a, &x, b, &y); err != nil {
				return nil, err
			}
			return parseDist(name, x, y)
		})
	}
	two("uniform", "min", "max")
	two("lognormal", "median", "p99")
	one := func(name, a string) {
		add(name, func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			var x starlark.Value
			if err := starlark.UnpackArgs(name, args, kw, a, &x); err != nil {
				return nil, err
			}
			return parseDist(name, x)
		})
	}
	one("exponential", "mean")
	add("constant", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var x starlark.Value
		if err := starlark.UnpackArgs("constant", args, kw, "value", &x); err != nil {
			return nil, err
		}
		return asDist(x)
	})
	add("poisson", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var rate starlark.Value
		if err := starlark.UnpackArgs("poisson", args, kw, "per_min", &rate); err != nil {
			return nil, err
		}
		x, ok := starlark.AsFloat(rate)
		if !ok || x <= 0 || x > 60000 {
			return nil, fmt.Errorf("per_min is %v: between 0 and 60000", rate)
		}
		return dist{sim.Exponential{Mean: time.Duration(float64(time.Minute) / x)}}, nil
	})
	add("weibull", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var on, off starlark.Value
		shape := starlark.Value(starlark.Float(weibullShape))
		if err := starlark.UnpackArgs("weibull", args, kw, "on", &on, "off", &off, "shape?", &shape); err != nil {
			return nil, err
		}
		k, ok := starlark.AsFloat(shape)
		if !ok || k <= 0 {
			return nil, fmt.Errorf("shape is %v: a number above zero", shape)
		}
		a, err := asDuration(on)
		if err != nil {
			return nil, err
		}
		b, err := asDuration(off)
		return churn{sim.Weibull{Scale: a, Shape: k}, sim.Weibull{Scale: b, Shape: k}}, err
	})
	add("csv", f.measured)
}

func (f *File) topologies(add func(string, func(starlark.Tuple, []starlark.Tuple) (starlark.Value, error))) {
	shape := func(name string, params ...string) {
		add(name, func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
			numbers, pairs, text := make([]int, len(params)), []any{}, []string{}
			for i, p := range params {
				pairs = append(pairs, p, &numbers[i])
			}
			if err := starlark.UnpackArgs(name, args, kw, pairs...); err != nil {
				return nil, err
			}
			for _, n := range numbers {
				text = append(text, strconv.Itoa(n))
			}
			if len(text) == 0 {
				return &topology{name}, nil
			}
			return &topology{name + "(" + strings.Join(text, ",") + ")"}, nil
		})
	}
	shape("full")
	shape("ring", "k")
	shape("random", "k")
	shape("clusters", "n", "bridges")
	add("edges", func(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		var name string
		if err := starlark.UnpackArgs("edges", args, kw, "csv", &name); err != nil {
			return nil, err
		}
		rows, err := f.table(name)
		var list []string
		for i, row := range rows {
			if len(row) != 2 {
				return nil, fmt.Errorf("%s:%d: a line is two nodes: n1,n2", name, i+1)
			}
			list = append(list, row[0]+"-"+row[1])
		}
		return &topology{"edges(" + strings.Join(list, ",") + ")"}, err
	})
}

// beside reads a file that lies beside the scenario, and notes its hash.
func (f *File) beside(name string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(f.Path))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	b, err := root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: it is looked for beside the scenario, and cannot be read there", name)
	}
	sum := sha256.Sum256(b)
	f.Files[name] = hex.EncodeToString(sum[:])
	return b, nil
}

// table reads a CSV file, without its comments.
func (f *File) table(name string) ([][]string, error) {
	b, err := f.beside(name)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows, nil
}

// measured reads a distribution from a file beside the scenario.
func (f *File) measured(args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("csv", args, kw, "file", &name); err != nil {
		return nil, err
	}
	b, err := f.beside(name)
	if err != nil {
		return nil, err
	}
	d, err := sim.ReadCSV(name, bytes.NewReader(b))
	return dist{d}, err
}

func parseDist(name string, args ...starlark.Value) (starlark.Value, error) {
	text := name + "("
	for i, a := range args {
		d, err := asDuration(a)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text += ","
		}
		text += d.String()
	}
	d, err := sim.ParseDist(text + ")")
	if err != nil {
		return nil, err
	}
	return dist{d}, nil
}

// asDist reads a distribution, or a duration that never varies.
func asDist(v starlark.Value) (dist, error) {
	if d, ok := v.(dist); ok {
		return d, nil
	}
	d, err := asDuration(v)
	if err != nil {
		return dist{}, fmt.Errorf("%v is no distribution: write \"20ms\" or lognormal(median = \"60ms\", p99 = \"400ms\")", v)
	}
	return dist{sim.Constant(d)}, nil
}
