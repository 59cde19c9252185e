package sim

import (
	"reflect"
	"strings"
	"testing"

	"github.com/covey-p2p/covey/node/session"
)

// TestDigestLeft sees to it that what a digest leaves out is there: a field that
// was renamed would count again, and one that took its name would not.
func TestDigestLeft(t *testing.T) {
	there, met := map[string]bool{}, map[reflect.Type]bool{}
	var walk func(v reflect.Type)
	walk = func(v reflect.Type) {
		if met[v] {
			return
		}
		met[v] = true
		switch v.Kind() {
		case reflect.Map:
			walk(v.Key())
			walk(v.Elem())
		case reflect.Slice, reflect.Array, reflect.Pointer:
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				name := nameOf(v) + "." + v.Field(i).Name
				there[name] = true
				if left[name] == "" {
					walk(v.Field(i).Type)
				}
			}
		case reflect.Chan, reflect.UnsafePointer:
			t.Errorf("a session has a %v", v)
		}
	}
	for _, v := range []any{session.Session{}, metered{}, meteredKeys{}} {
		walk(reflect.TypeOf(v))
	}
	if len(there) < 200 {
		t.Errorf("only %d fields were found", len(there))
	}
	for name, why := range left {
		if !there[name] || why == "" {
			t.Errorf("%s is left out, and not there", name)
		}
	}
	for name, other := range instead {
		if of, _, _ := strings.Cut(name, "."); !there[name] || of == "" || other == "" {
			t.Errorf("%s stands for %s, and is not there", other, name)
		}
	}
	for name := range alike {
		found := false
		for v := range met {
			found = found || v.String() == name
		}
		if !found {
			t.Errorf("no field is a %s", name)
		}
	}
}

// A digest sees what Describe does not say, and is the same in a copy.
func TestDigestSees(t *testing.T) {
	x := newExplorer(small("two", "alice bob", keys, Small{}))
	if err := x.explore(); err != nil {
		t.Fatal(err)
	}
	one, other := x.solo(0), x.solo(0)
	step := func(w *World, ev session.Event) sum {
		n := w.nodes[0]
		n.seats["room"].s.Step(n.clock.read(w.now), ev)
		return x.of(n.seats["room"].s)
	}
	junk := session.Received{From: "bob", Envelope: make([]byte, 64)}
	before := step(one, junk)
	if before != step(other, junk) {
		t.Error("two that met the same differ")
	}
	if before != step(one, junk) {
		t.Error("what is only counted was seen")
	}
	text := one.nodes[0].seats["room"].s.Describe()
	if before == step(one, session.PeerUp{Peer: "carol"}) {
		t.Errorf("a link that came was not seen\n%s", text)
	}
}
