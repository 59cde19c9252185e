package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// What a script says must hold, and what came of it.

// looks is how often never and eventually look, in the stage's time: finer than
// the settle time of a session, so that no state that people could see is
// stepped over.
const looks = 250 * time.Millisecond

// Check is one thing that must hold.
type Check struct {
	Kind string        `json:"kind"` // never, eventually, expect, invariant
	Text string        `json:"text"`
	OK   bool          `json:"ok"`
	At   time.Duration `json:"at_ns"` // when it held, or broke
	Why  string        `json:"why,omitempty"`
}

// String is the check as a line.
func (c Check) String() string {
	switch {
	case c.OK && c.Kind == "eventually":
		return fmt.Sprintf("ok     %s: %s, at %v", c.Kind, c.Text, c.At)
	case c.OK:
		return fmt.Sprintf("ok     %s: %s", c.Kind, c.Text)
	}
	return fmt.Sprintf("BROKEN %s: %s, at %v%s", c.Kind, c.Text, c.At, c.Why)
}

// never fails if a condition ever holds.
func (w *world) never(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var fn starlark.Callable
	var text string
	if err := starlark.UnpackArgs("never", args, kw, "cond", &fn, "text", &text); err != nil {
		return nil, err
	}
	c := &Check{Kind: "never", Text: text, OK: true}
	w.run.checks = append(w.run.checks, c)
	w.repeat(looks, func() time.Duration {
		if c.OK && w.run.holds(fn) {
			c.OK, c.At = false, w.stage.Now()
		}
		return looks
	})
	return nil, nil
}

// eventually fails if a condition does not come to hold in time.
func (w *world) eventually(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var fn starlark.Callable
	var within, after starlark.Value
	text := ""
	if err := starlark.UnpackArgs("eventually", args, kw, "cond", &fn, "within", &within, "after?", &after, "text?", &text); err != nil {
		return nil, err
	}
	most, err := asDuration(within)
	if err != nil {
		return nil, fmt.Errorf("eventually: within: %w", err)
	}
	from := w.stage.Now()
	if after != nil {
		if from, err = asDuration(after); err != nil {
			return nil, fmt.Errorf("eventually: after: %w", err)
		}
	}
	if text == "" {
		text = fn.Name() + " within " + most.String()
	}
	c := &Check{Kind: "eventually", Text: text}
	w.run.checks = append(w.run.checks, c)
	w.run.lasts(from + most)
	var look func()
	look = func() {
		switch now := w.stage.Now(); {
		case w.run.err != nil:
		case w.run.holds(fn):
			c.OK, c.At = true, now
		case now >= from+most:
			c.At, c.Why = now, ": it did not come"
		default:
			w.stage.At(now+looks, look)
		}
	}
	w.stage.At(from, look)
	return nil, nil
}

// expect fails at once if a value is not true.
func (w *world) expect(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var cond starlark.Value
	var text string
	if err := starlark.UnpackArgs("expect", args, kw, "cond", &cond, "text", &text); err != nil {
		return nil, err
	}
	ok := bool(cond.Truth())
	if fn, is := cond.(starlark.Callable); is {
		ok = w.run.holds(fn)
	}
	w.run.checks = append(w.run.checks, &Check{Kind: "expect", Text: text, OK: ok, At: w.stage.Now()})
	return starlark.Bool(ok), nil
}

// measures are what a script may ask for.
var measures = []string{"heal_to_converged", "longest_fork", "epochs", "reorgs", "messages_read", "packets", "bytes", "bytes_per_member", "refused"}

// tally is a measure that a script defines: what it is at the end.
type tally struct {
	name string
	of   starlark.Callable
}

// measure says which numbers a run reports: some that there are for the asking,
// and by name=function whatever the script makes of the groups at the end.
func (w *world) measure(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	for _, a := range args {
		name, err := asText(a)
		if err != nil {
			return nil, fmt.Errorf("measure: %w", err)
		}
		if !slices.Contains(measures, name) {
			return nil, fmt.Errorf("measure: %q is none of %s; of your own: measure(%s = lambda: …)", name, strings.Join(measures, ", "), "calm")
		}
		w.run.measured = append(w.run.measured, name)
	}
	for _, pair := range kw {
		name, _ := starlark.AsString(pair[0])
		fn, ok := pair[1].(starlark.Callable)
		if !ok {
			return nil, fmt.Errorf("measure: %s is a %s: write %s = lambda: …", name, pair[1].Type(), name)
		}
		w.run.tallies = append(w.run.tallies, tally{name, fn})
	}
	return nil, nil
}
