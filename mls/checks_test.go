package mls

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// Every check has at least one row: input that is wrong in that one way, and
// the check that must refuse it. A check without a row fails TestChecks.

type row struct {
	check Check
	name  string
	bad   func(*scene) error
}

// scene is a group of four; a receives what b makes.
type scene struct {
	*world
	g    []*member
	a, b *member
}

func newScene(t testing.TB, o GroupOptions, change func(*world)) *scene {
	w := newWorld(t, X25519AES128SHA256Ed25519)
	if change != nil {
		change(w)
	}
	s := &scene{world: w, g: w.group(o, "a", "b", "c", "d")}
	s.a, s.b = s.g[0], s.g[1]
	return s
}

// process has a receive a forged commit.
func (s *scene) process(f forgery, known ...*Proposed) error {
	s.Helper()
	if f.by == nil {
		f.by = s.b
	}
	_, err := s.a.Process(s.forge(f), Received{Proposals: known})
	return err
}

// unprotect has a open a message.
func (s *scene) unprotect(message []byte) error {
	_, _, err := s.a.Keys().Unprotect(message)
	return err
}

// heard is a proposal as a has it from somebody.
func (s *scene) heard(message []byte) *Proposed {
	s.Helper()
	c, _, err := s.a.Keys().Unprotect(message)
	noError(s, "proposal", err)
	return c.Proposed
}

func TestChecks(t *testing.T) {
	rows := slices.Concat(framingRows, leafRows, pathRows, proposalRows, joinRows, originRows, stateRows)
	seen := map[Check]bool{}
	for _, r := range rows {
		seen[r.check] = true
		t.Run(strings.TrimSuffix(string(r.check)+" "+r.name, " "), func(t *testing.T) {
			s := newScene(t, GroupOptions{}, nil)
			before := snapshot(s.g)
			err := r.bad(s)
			if CheckOf(err) != r.check {
				t.Fatalf("refused by %q, not by %s: %v", CheckOf(err), r.check, err)
			}
			var e *Error
			errors.As(err, &e)
			if e.Section != r.check.section() || e.Check.Says() == "" || !errors.Is(err, r.check.Class()) {
				t.Errorf("error %q of section %q, class %v", e, e.Section, r.check.Class())
			}
			if classes := classesOf(err); len(classes) != 1 {
				t.Errorf("of %d classes: %v", len(classes), classes)
			}
			if e.dead() {
				return
			}
			if !slices.EqualFunc(before, snapshot(s.g), func(a, b []byte) bool { return string(a) == string(b) }) {
				t.Error("the refusal changed an epoch")
			}
		})
	}
	for _, c := range Checks() {
		if !seen[c] {
			t.Errorf("%s (%s) has no row", c, c.Says())
		}
	}
	if len(seen) != len(Checks()) {
		t.Errorf("%d checks have rows, %d are registered", len(seen), len(Checks()))
	}
}

// dead reports whether the row erased an epoch on its way.
func (e *Error) dead() bool { return e.Check == CheckErased }

func classesOf(err error) (out []error) {
	for _, class := range []error{ErrInvalid, ErrUnauthorized, ErrWrongGroup, ErrWrongEpoch, ErrReplay, ErrTooFarAhead, ErrOwn, ErrMissing, ErrPath, ErrState, ErrArgument} {
		if errors.Is(err, class) {
			out = append(out, class)
		}
	}
	return out
}

// Every registered check is named by a constant of its own and for a section.
func TestRegistry(t *testing.T) {
	for c, r := range registry {
		if !strings.HasPrefix(string(c), "V-") || c.section() == "" || r.class == nil || r.says == "" {
			t.Errorf("%q: section %q, class %v, says %q", c, c.section(), r.class, r.says)
		}
	}
}
