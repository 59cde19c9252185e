package testnet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A transcript is text that a person reads and a program replays: one verb a
// line, then, in a golden script, a line of four dashes and what came of it.
//
//	# A and B commit from the same epoch while apart.
//	nodes alice bob carol
//	group alice room (bob carol)
//	settle
//	@12s partition (alice) (bob carol)
//	@12.5s send alice room "are you there?"
//	heal
//	settle
//	----
//	…
//
// A line that begins with @ takes effect at that time since the beginning; one
// without takes effect when all lines before it have.

// Verb is one line: what to do, to whom, and when.
type Verb struct {
	At    time.Duration // since the beginning; meant only where Timed
	Name  string
	Args  []Arg
	Timed bool
}

// Arg is a word, or, in parentheses, a list of words.
type Arg struct {
	Word string
	List []string
	many bool
}

// Word makes an argument of one word, Names one of a list.
func Word(s string) Arg        { return Arg{Word: s} }
func Names(list ...string) Arg { return Arg{List: list, many: true} }

// IsList says whether the argument was written in parentheses.
func (a Arg) IsList() bool { return a.many }

func (v Verb) arg(i int) string { return v.Args[i].Word }
func (v Verb) rest(i int) []string {
	var out []string
	for _, a := range v.Args[i:] {
		if a.many {
			out = append(out, a.List...)
		} else {
			out = append(out, a.Word)
		}
	}
	return out
}

// String is the verb as a line; Parse reads it back.
func (v Verb) String() string {
	var b strings.Builder
	if v.Timed {
		fmt.Fprintf(&b, "@%v ", v.At)
	}
	b.WriteString(v.Name)
	for _, a := range v.Args {
		b.WriteByte(' ')
		if !a.many {
			b.WriteString(quote(a.Word))
			continue
		}
		b.WriteByte('(')
		for i, s := range a.List {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(quote(s))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// bare are the words that stand without quotes: visible ASCII, no sign of the
// grammar, and brackets only as lognormal(60ms,400ms) has them.
var bare = regexp.MustCompile(`^[^\x00-\x20"#@()\x7f-\x{10ffff}]+(\([^\x00-\x20"#@()\x7f-\x{10ffff}]*\))?$`)

func quote(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// Parse reads a script up to its end or its line of dashes. Errors name the
// line and the fix.
func Parse(text string) ([]Verb, error) {
	var verbs []Verb
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == Dashes {
			break
		}
		if line == "" || line[0] == '#' {
			continue
		}
		v, err := ParseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		verbs = append(verbs, v)
	}
	return verbs, nil
}

// Dashes part a script from the outcome recorded below it.
const Dashes = "----"

// ParseLine reads one line that is neither empty nor a comment.
func ParseLine(line string) (Verb, error) {
	tokens, err := tokenize(line)
	if err != nil {
		return Verb{}, err
	}
	var v Verb
	if len(tokens) > 0 && !tokens[0].quoted && strings.HasPrefix(tokens[0].text, "@") {
		if v.At, err = time.ParseDuration(tokens[0].text[1:]); err != nil || v.At < 0 {
			return Verb{}, fmt.Errorf("%q is no time: write @12.5s", tokens[0].text)
		}
		v.Timed, tokens = true, tokens[1:]
	}
	if len(tokens) == 0 {
		return Verb{}, fmt.Errorf("a time and no verb")
	}
	v.Name = tokens[0].text
	var list *Arg
	for _, t := range tokens[1:] {
		switch {
		case t.text == "(" && !t.quoted:
			if list != nil {
				return Verb{}, fmt.Errorf("a list within a list")
			}
			list = &Arg{many: true}
		case t.text == ")" && !t.quoted:
			if list == nil {
				return Verb{}, fmt.Errorf("a ) without its (")
			}
			v.Args, list = append(v.Args, *list), nil
		case list != nil:
			list.List = append(list.List, t.text)
		default:
			v.Args = append(v.Args, Word(t.text))
		}
	}
	if list != nil {
		return Verb{}, fmt.Errorf("a ( without its )")
	}
	return v, v.check()
}

type token struct {
	text   string
	quoted bool
}

// tokenize splits a line at blanks and brackets; a bracket within a word, as in
// lognormal(60ms,400ms), is part of the word.
func tokenize(line string) ([]token, error) {
	var out []token
	for i := 0; i < len(line); {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')':
			out = append(out, token{string(c), false})
			i++
		case c == '"':
			s, err := strconv.QuotedPrefix(line[i:])
			if err != nil {
				return nil, fmt.Errorf("a quote that does not end: %s", line[i:])
			}
			text, err := strconv.Unquote(s)
			if err != nil {
				return nil, err
			}
			out = append(out, token{text, true})
			i += len(s)
		case c == '#':
			return out, nil
		default:
			j, depth := i, 0
			for ; j < len(line) && line[j] != ' ' && line[j] != '\t'; j++ {
				if line[j] == '(' {
					depth++
				} else if line[j] == ')' {
					if depth--; depth < 0 {
						break
					}
				}
			}
			out = append(out, token{line[i:j], false})
			i = j
		}
	}
	return out, nil
}

// grammar says how each verb is written. least and most count arguments; most
// below zero is without bound.
type grammar struct {
	least, most int
	usage       string
	do          func(Driver, Verb) error
}

// Usage lists the verbs, one a line, for error messages and help.
func Usage() []string {
	var out []string
	for _, name := range sortedVerbs() {
		out = append(out, verbs[name].usage)
	}
	return out
}

func sortedVerbs() []string {
	names := make([]string, 0, len(verbs))
	for name := range verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (v Verb) check() error {
	g, known := verbs[v.Name]
	if !known {
		return fmt.Errorf("no verb %q: there are %s", v.Name, strings.Join(sortedVerbs(), ", "))
	}
	if len(v.Args) < g.least || g.most >= 0 && len(v.Args) > g.most {
		return fmt.Errorf("%q: write %s", v.String(), g.usage)
	}
	return nil
}

// Do tells the driver to do it.
func (v Verb) Do(d Driver) error {
	if err := v.check(); err != nil {
		return err
	}
	if err := verbs[v.Name].do(d, v); err != nil {
		return fmt.Errorf("%s: %w", v, err)
	}
	return nil
}
