package testnet

import (
	"fmt"
	"strconv"
	"time"
)

// verbs is the whole language. The functions only turn words into a call.
var verbs map[string]grammar

func init() { // a map that refers to itself through Verb.check
	verbs = map[string]grammar{
		"nodes": {1, -1, "nodes NAME…", func(d Driver, v Verb) error { return d.Nodes(v.rest(0)...) }},
		"group": {2, -1, "group CREATOR GROUP (MEMBER…)", func(d Driver, v Verb) error {
			return d.Group(v.arg(1), v.arg(0), v.rest(2)...)
		}},
		"formed": {2, -1, "formed CREATOR GROUP (MEMBER…)", func(d Driver, v Verb) error {
			return d.Formed(v.arg(1), v.arg(0), v.rest(2)...)
		}},
		"invite":  {3, 3, "invite BY GROUP WHO", func(d Driver, v Verb) error { return d.Invite(v.arg(0), v.arg(1), v.arg(2)) }},
		"remove":  {3, 3, "remove BY GROUP WHO", func(d Driver, v Verb) error { return d.Remove(v.arg(0), v.arg(1), v.arg(2)) }},
		"leave":   {2, 2, "leave WHO GROUP", func(d Driver, v Verb) error { return d.Leave(v.arg(0), v.arg(1)) }},
		"refresh": {2, 2, "refresh WHO GROUP", func(d Driver, v Verb) error { return d.Refresh(v.arg(0), v.arg(1)) }},
		"role": {4, 4, "role BY GROUP WHO member|admin|owner", func(d Driver, v Verb) error {
			return d.Role(v.arg(0), v.arg(1), v.arg(2), v.arg(3))
		}},
		"rename": {3, 3, "rename BY GROUP NAME", func(d Driver, v Verb) error { return d.Rename(v.arg(0), v.arg(1), v.arg(2)) }},
		"send":   {3, 3, `send WHO GROUP "TEXT"`, func(d Driver, v Verb) error { return d.Send(v.arg(0), v.arg(1), v.arg(2)) }},
		"read":   {2, 2, "read WHO GROUP", func(d Driver, v Verb) error { return d.Read(v.arg(0), v.arg(1)) }},

		"partition": {2, -1, "partition [NAME] [oneway] (NODE…) (NODE…)…", doPartition},
		"heal":      {0, 1, "heal [NAME]", func(d Driver, v Verb) error { return d.Heal(v.optional(0)) }},
		"latency":   linkVerb("latency", "DISTRIBUTION"),
		"loss":      linkVerb("loss", "PROBABILITY"),
		"dup":       linkVerb("dup", "PROBABILITY"),
		"reorder":   linkVerb("reorder", "PROBABILITY"),
		"bandwidth": linkVerb("bandwidth", "BYTES"),
		"topology": {1, 1, "topology full|ring(K)|random(K)|clusters(N,B)|edges(A-B,…)", func(d Driver, v Verb) error {
			return d.Link("topology", v.arg(0), "", "")
		}},

		"kill": {1, 1, "kill NODE", func(d Driver, v Verb) error { return d.Kill(v.arg(0)) }},
		"crash": {3, 3, "crash NODE POINT COUNT", func(d Driver, v Verb) error {
			n, err := strconv.Atoi(v.arg(2))
			if err != nil || n < 1 {
				return fmt.Errorf("%q is no count: at the 1st, 2nd, … time it gets there", v.arg(2))
			}
			return d.Crash(v.arg(0), v.arg(1), n)
		}},
		"lose":   fateVerb("lose"),
		"double": fateVerb("double"),
		"start":  {1, 1, "start NODE", func(d Driver, v Verb) error { return d.Start(v.arg(0)) }},
		"clock":  {2, 3, "clock NODE OFFSET [RATE]", doClock},
		"disk": {2, 2, "disk NODE full|lie|ok|damage|backup|restore", func(d Driver, v Verb) error {
			return d.Disk(v.arg(0), v.arg(1))
		}},
		"byzantine": {3, -1, "byzantine NODE GROUP HOW [ARG…]", func(d Driver, v Verb) error {
			return d.Byzantine(v.arg(0), v.arg(1), v.arg(2), v.rest(3)...)
		}},

		"wait": {1, 1, "wait DURATION", func(d Driver, v Verb) error { return withDuration(v.arg(0), d.Wait) }},
		"settle": {0, 1, "settle [MOST]", func(d Driver, v Verb) error {
			if len(v.Args) == 0 {
				return d.Settle(time.Minute)
			}
			return withDuration(v.arg(0), d.Settle)
		}},
		"show": {1, 1, "show GROUP", func(d Driver, v Verb) error {
			_, err := d.Show(v.arg(0))
			return err
		}},
	}
}

func linkVerb(property, value string) grammar {
	return grammar{1, 3, property + " " + value + " [FROM TO]", func(d Driver, v Verb) error {
		switch len(v.Args) {
		case 1:
			return d.Link(property, v.arg(0), "", "")
		case 3:
			return d.Link(property, v.arg(0), v.arg(1), v.arg(2))
		}
		return fmt.Errorf("a link has two ends")
	}}
}

// fateVerb decides what becomes of the nth packet of a link.
func fateVerb(how string) grammar {
	return grammar{3, 3, how + " FROM TO NTH", func(d Driver, v Verb) error {
		n, err := strconv.Atoi(v.arg(2))
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no packet's number", v.arg(2))
		}
		return d.Fate(how, v.arg(0), v.arg(1), n)
	}}
}

func doPartition(d Driver, v Verb) error {
	name, oneway := "", false
	var sides [][]string
	for _, a := range v.Args {
		switch {
		case a.many:
			sides = append(sides, a.List)
		case a.Word == "oneway":
			oneway = true
		default:
			name = a.Word
		}
	}
	if len(sides) < 2 {
		return fmt.Errorf("a partition has at least two sides, each in parentheses")
	}
	return d.Partition(name, oneway, sides...)
}

func doClock(d Driver, v Verb) error {
	rate := 1.0
	if len(v.Args) == 3 {
		var err error
		if rate, err = strconv.ParseFloat(v.arg(2), 64); err != nil || rate < 0 {
			return fmt.Errorf("%q is no rate: 1 is right, 0 stopped, 2 twice as fast", v.arg(2))
		}
	}
	return withDuration(v.arg(1), func(offset time.Duration) error { return d.Clock(v.arg(0), offset, rate) })
}

func withDuration(s string, f func(time.Duration) error) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration: write 500ms, 2s, 1h", s)
	}
	return f(d)
}

func (v Verb) optional(i int) string {
	if i < len(v.Args) {
		return v.arg(i)
	}
	return ""
}
