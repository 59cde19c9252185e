package scenario

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/covey-p2p/covey/testnet"
	"github.com/covey-p2p/covey/testnet/sim"
)

// Shrunk is the least that a scenario must do to fail as it did.
type Shrunk struct {
	How     string // what fails: a check's kind and text
	Outcome *Outcome
	Left    []string // the verbs that are left, with their times
	Of      int      // verbs there were
	Runs    int      // that it took
}

// Shrink takes out of a run that failed whatever its script did that it fails
// without: verbs, one by one and in heaps. The script's own course, its waits
// and what it demands stay as they are, so what is left can be read beside it.
// Where something was to come and did not, all that was asked for stays (fair).
// Nil if the run does not fail. seen, where set, is told of each run made.
func (f *File) Shrink(ctx context.Context, o Options, most int, seen func(runs, left int)) (*Shrunk, error) {
	first, err := f.Run(ctx, o)
	if err != nil || first.OK() {
		return nil, err
	}
	s := &Shrunk{How: failure(first), Of: len(first.Record)}
	script, err := testnet.Parse(strings.Join(first.Record, "\n"))
	if err != nil {
		return nil, err
	}
	hopeful := !strings.HasPrefix(s.How, "never") && !strings.HasPrefix(s.How, "invariant")
	fails := func(some []testnet.Verb) string {
		if hopeful && !fair(some, script) {
			return ""
		}
		s.Runs++
		if seen != nil {
			seen(s.Runs, len(some))
		}
		one := o
		one.Sim.Skip = only(some, script)
		out, err := f.Run(ctx, one)
		if err != nil {
			return "" // it does not get that far: another failure
		}
		for _, how := range failures(out) {
			if how == s.How {
				return how
			}
		}
		return ""
	}
	left := sim.Fewer(script, fails, most)
	o.Sim.Skip = only(left, script)
	if s.Outcome, err = f.Run(ctx, o); err != nil {
		return nil, err
	}
	s.Left = s.Outcome.Record
	return s, ctx.Err()
}

// asked are the verbs by which somebody wants something.
var asked = []string{"invite", "remove", "leave", "refresh", "role", "rename"}

// fair says whether a part of a record could still come to what is hoped for:
// all that is asked is asked, and what was cut or stopped is healed or started
// again where it was. Else a run would fail for want of trying.
func fair(some, record []testnet.Verb) bool {
	ends := map[string]bool{} // what a verb that is left needs after it
	for _, v := range record {
		left := len(some) > 0 && some[0].String() == v.String()
		if left {
			some = some[1:]
		}
		who := ""
		if len(v.Args) > 0 && (v.Name == "kill" || v.Name == "start") {
			who = v.Args[0].Word
		}
		switch {
		case !left && slices.Contains(asked, v.Name):
			return false
		case !left && (v.Name == "heal" && ends["heal"] || v.Name == "start" && ends[who]):
			return false
		case v.Name == "heal":
			delete(ends, "heal")
		case v.Name == "start":
			delete(ends, who)
		case left && v.Name == "partition":
			ends["heal"] = true
		case left && v.Name == "kill":
			ends[who] = true
		}
	}
	return true
}

// failures names what failed: a demand by its text, an invariant by its number.
func failures(o *Outcome) (out []string) {
	for _, c := range o.Checks {
		if c.OK {
			continue
		}
		text := c.Text
		if c.Kind == "invariant" {
			text, _, _ = strings.Cut(text, " ")
		}
		out = append(out, c.Kind+": "+text)
	}
	return out
}

// failure is the first: what the script demands before what it does not say.
func failure(o *Outcome) string { return failures(o)[0] }

// counter tells verbs that say the same from each other.
type counter map[string]int

func (c counter) name(v testnet.Verb) string {
	v.Timed, v.At = false, 0
	text := v.String()
	c[text]++
	return text + "#" + strconv.Itoa(c[text])
}

// only skips, of the verbs of a record, those that are not in some, which is a
// part of it; whatever else a run comes to do, it does. A verb is known by what
// it says, and by which of those that say the same it is: so it keeps its name
// when others around it go. Nodes and groups are there always: a script cannot
// speak of what is not.
func only(some, record []testnet.Verb) func(testnet.Verb) bool {
	gone, n := map[string]bool{}, counter{}
	for _, v := range record {
		name := n.name(v)
		if len(some) > 0 && some[0].String() == v.String() {
			some = some[1:]
			continue
		}
		gone[name] = v.Name != "nodes" && v.Name != "group" && v.Name != "formed"
	}
	n = counter{}
	return func(v testnet.Verb) bool { return gone[n.name(v)] }
}
