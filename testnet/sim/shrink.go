package sim

import (
	"slices"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// Shrink makes a failing script as short as it can: it takes lines out, then
// whole nodes, then the network's bad luck, packet by packet, and keeps
// whatever still fails in the same way. Streams of chance are named (rand.go),
// so what is left goes on having the luck it had. fails runs a script and says
// how it failed, empty if it did not; at most most runs are made.
func Shrink(script []testnet.Verb, fails func([]testnet.Verb) string, most int) []testnet.Verb {
	s := &shrinker{how: fails(script), fails: fails, left: most}
	if s.how == "" {
		return script
	}
	for before := -1; before != len(script) && s.left > 0; {
		before = len(script)
		script = s.lines(script)
		script = s.nodes(script)
		script = s.calm(script)
	}
	return s.sooner(script)
}

// Fewer takes lines out of a failing script, and does nothing else to it.
func Fewer(script []testnet.Verb, fails func([]testnet.Verb) string, most int) []testnet.Verb {
	s := &shrinker{how: fails(script), fails: fails, left: most}
	for before := -1; s.how != "" && before != len(script) && s.left > 0; {
		before = len(script)
		script = s.lines(script)
	}
	return script
}

type shrinker struct {
	how   string
	fails func([]testnet.Verb) string
	left  int
}

func (s *shrinker) same(script []testnet.Verb) bool {
	if s.left <= 0 {
		return false
	}
	s.left--
	return s.fails(script) == s.how
}

// lines is delta debugging (Zeller and Hildebrandt): take out ever smaller
// pieces.
func (s *shrinker) lines(script []testnet.Verb) []testnet.Verb {
	for size := len(script) / 2; size >= 1; size /= 2 {
		for from := 0; from < len(script); {
			to := min(from+size, len(script))
			if less := slices.Concat(script[:from], rests(script[from:to]), script[to:]); len(less) < len(script) && s.same(less) {
				from += len(rests(script[from:to]))
				script = less
			} else {
				from = to
			}
		}
	}
	return script
}

// rests are the lines that wait for rest: what is judged at rest must come to it.
func rests(script []testnet.Verb) (out []testnet.Verb) {
	for _, v := range script {
		if v.Name == "settle" {
			out = append(out, v)
		}
	}
	return out
}

// nodes takes whole nodes out of every line that names them.
func (s *shrinker) nodes(script []testnet.Verb) []testnet.Verb {
	for _, name := range named(script) {
		if less := without(script, name); s.same(less) {
			script = less
		}
	}
	return script
}

// named are the nodes of a script.
func named(script []testnet.Verb) (names []string) {
	for _, v := range script {
		if v.Name == "nodes" {
			for _, a := range v.Args {
				names = append(names, a.Word)
			}
		}
	}
	return names
}

// without leaves a node out: of lists and of the cast; lines about it go.
func without(script []testnet.Verb, name string) (out []testnet.Verb) {
	for _, v := range script {
		keep := true
		var args []testnet.Arg
		for _, a := range v.Args {
			switch {
			case a.IsList():
				list := slices.DeleteFunc(slices.Clone(a.List), func(n string) bool { return n == name })
				if len(list) > 0 || v.Name == "group" || v.Name == "formed" {
					args = append(args, testnet.Names(list...))
				}
			case a.Word == name && v.Name == "nodes":
			case a.Word == name:
				keep = false
			default:
				args = append(args, a)
			}
		}
		if v.Name == "partition" && len(args) < 2 {
			keep = false
		}
		if keep {
			v.Args = args
			out = append(out, v)
		}
	}
	return out
}

// calm makes the network plain where it may be.
func (s *shrinker) calm(script []testnet.Verb) []testnet.Verb {
	plain := map[string]string{"latency": "20ms", "loss": "0", "dup": "0", "reorder": "0", "bandwidth": "0"}
	for i, v := range script {
		value, known := plain[v.Name]
		if !known || len(v.Args) != 1 || v.Args[0].Word == value {
			continue
		}
		try := slices.Clone(script)
		try[i].Args = []testnet.Arg{testnet.Word(value)}
		if s.same(try) {
			script = try
		}
	}
	return script
}

// sooner rounds the times that remain, so that a reader sees which matter.
func (s *shrinker) sooner(script []testnet.Verb) []testnet.Verb {
	for _, grain := range []time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond} {
		for i, v := range script {
			if !v.Timed || v.At%grain == 0 {
				continue
			}
			try := slices.Clone(script)
			try[i].At = v.At.Round(grain)
			if slices.IsSortedFunc(try, byTime) && s.same(try) {
				script = try
			}
		}
	}
	return script
}

func byTime(a, b testnet.Verb) int {
	if !a.Timed || !b.Timed {
		return 0
	}
	return int(a.At/time.Millisecond) - int(b.At/time.Millisecond)
}
