package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// FromRecord writes a scenario file that does again what was done by hand: the
// verbs of a record, with the pauses between them. Where nothing is cut or down
// at the end, it demands that the groups become one again.
func FromRecord(record []testnet.Verb) string {
	s := script{names: map[string]string{}, cuts: map[string]bool{}, down: map[string]bool{}}
	for _, v := range record {
		s.verb(v)
	}
	until := s.at + s.slack
	if len(s.cuts) == 0 && len(s.down) == 0 {
		for _, g := range s.groups {
			s.line("w.eventually(%s.converged, within = \"60s\", text = %s)", g.variable, strconv.Quote("all in "+g.name+" are one again"))
		}
		until += time.Minute
	}
	if s.body.Len() == 0 {
		s.line("pass")
	}
	return fmt.Sprintf("# Recorded from a testnet: `covey sim run FILE` plays it, and with `--on local` on real nodes.\n"+
		"META = {\"name\": \"recorded\", \"about\": \"what was done by hand\", \"until\": \"%v\"}\n\ndef main(w):\n%s", until.Round(time.Second), s.body.String())
}

// script is a scenario file being written.
type script struct {
	body   strings.Builder
	at     time.Duration     // of the last verb
	slack  time.Duration     // for what is waited for between
	names  map[string]string // of nodes and groups, to their variables
	groups []groupName
	cuts   map[string]bool
	down   map[string]bool
}

type groupName struct{ name, variable string }

// pauseFrom is what counts as a pause between two verbs; foundWithin is how long
// a group may take to be founded.
const (
	pauseFrom   = 100 * time.Millisecond
	foundWithin = 2 * time.Minute
)

func (s *script) line(format string, args ...any) {
	fmt.Fprintf(&s.body, "    "+format+"\n", args...)
}

// plainName is a name that can be a variable as it is: those that testnets give,
// n1 and lab, and others that no word of the language can be.
var plainName = regexp.MustCompile(`^([a-z]+[0-9]+|lab)$`)

// variable makes a name of the script for a node or group.
func (s *script) variable(kind, name string) string {
	key := kind + " " + name
	if s.names[key] == "" {
		s.names[key] = kind + "_" + strconv.Itoa(len(s.names)+1)
		if taken := slices.Contains(slices.Collect(maps.Values(s.names)), name); plainName.MatchString(name) && !taken {
			s.names[key] = name
		}
	}
	return s.names[key]
}

func (s *script) nodes(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, s.variable("node", n))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (s *script) verb(v testnet.Verb) {
	if pause := v.At - s.at; v.Timed && pause >= pauseFrom {
		s.line("w.wait(%q)", pause.Round(time.Millisecond).String())
	}
	s.at = max(s.at, v.At)
	var words []string
	var lists [][]string
	for _, a := range v.Args {
		if a.IsList() {
			lists = append(lists, a.List)
		} else {
			words = append(words, a.Word)
		}
	}
	node := func(i int) string { return s.variable("node", words[i]) }
	group := func(i int) string { return s.variable("group", words[i]) }
	switch v.Name {
	case "nodes":
		var quoted []string
		for _, n := range words {
			quoted = append(quoted, strconv.Quote(n))
		}
		s.line("%s = w.nodes([%s])", s.nodes(words), strings.Join(quoted, ", "))
	case "group":
		s.line("%s = %s.create_group(%q, %s)", group(1), node(0), words[1], s.nodes(lists[0]))
		s.line("w.wait(%s.converged, timeout = %q)", group(1), foundWithin.String())
		s.groups = append(s.groups, groupName{words[1], group(1)})
		s.slack += foundWithin
	case "invite", "remove":
		s.line("%s.%s(%s, %s)", node(0), v.Name, group(1), node(2))
	case "leave", "refresh":
		s.line("%s.%s(%s)", node(0), v.Name, group(1))
	case "role":
		s.line("%s.commit(%s, role(%s, %q))", node(0), group(1), node(2), words[3])
	case "send":
		s.line("%s.send(%s, %q)", node(0), group(1), words[2])
	case "read":
		s.line("%s.mark_read(%s)", node(0), group(1))
	case "partition":
		s.cuts[words[0]] = true
		var sides []string
		for _, side := range lists {
			sides = append(sides, s.nodes(side))
		}
		if len(words) > 1 {
			sides = append(sides, "oneway = True")
		}
		s.line("w.partition(%s, name = %q)", strings.Join(sides, ", "), words[0])
	case "heal":
		if len(words) == 0 {
			clear(s.cuts)
			s.line("w.heal()")
		} else {
			delete(s.cuts, words[0])
			s.line("w.heal(%q)", words[0])
		}
	case "latency", "loss":
		s.link(v.Name, words)
	case "kill", "start":
		s.down[words[0]] = true
		if v.Name == "start" {
			delete(s.down, words[0])
		}
		s.line("%s.%s()", node(0), v.Name)
	default:
		s.line("# %s", v)
	}
}

// link writes a property of links: a probability, a time, or a distribution of
// times.
func (s *script) link(property string, words []string) {
	value := words[0]
	if property == "latency" {
		name, args, call := strings.Cut(strings.TrimSuffix(value, ")"), "(")
		value = strconv.Quote(value)
		if call {
			var quoted []string
			for arg := range strings.SplitSeq(args, ",") {
				quoted = append(quoted, strconv.Quote(strings.TrimSpace(arg)))
			}
			value = name + "(" + strings.Join(quoted, ", ") + ")"
		}
	}
	ends := ""
	if len(words) == 3 {
		ends = fmt.Sprintf(", from_ = %s, to = %s", s.variable("node", words[1]), s.variable("node", words[2]))
	}
	s.line("w.net(%s = %s%s)", property, value, ends)
}
