package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"reflect"
	"slices"

	"github.com/covey-p2p/covey/consensus"
)

// A digest names all that a session holds in memory: every field, whatever its
// name, and what it points to. So two sessions of one digest do the same with
// what reaches them, and a field that somebody adds tomorrow counts from the
// first day. Left out is what left lists, each with the reason why it decides
// nothing; a test sees to it that every one of those is still there.

// sum is a hash.
type sum = [32]byte

// left are the fields that decide nothing that the rest does not.
var left = map[string]string{
	"session.Session.cfg":    "who it is, its luck and its engine: given to it, and dealt anew for each move",
	"session.Session.fx":     "what a Step asked for is done before the next",
	"session.Session.counts": "shown, never read",
	"session.Session.certs":  "a reading of certificates, the same each time",
	"session.Session.met":    "the rosters of the tree again, by where they begin in memory",
	"session.Session.agenda": "what follows from wishes, pool and tree, kept until one of them changes",
	"session.held.poll":      "who of the electors is asked first: the answer is the same",
	"session.roster.at":      "where in the roster a device is, made when asked for",
	"session.roster.turns":   "drawn from the epoch when asked for",
	"session.roster.voters":  "drawn from the epoch when asked for",
	"session.roster.asked":   "drawn from the epoch when asked for",
	"reconcile.Set.before":   "sums of what is there, made when asked for",
	"reconcile.Set.fresh":    "how many of those are made",
	"consensus.Chain.counts": "shown, never read",
	"session.memory.order":   "which is forgotten first, once there are thousands",
	"consensus.memory.order": "which is forgotten first, once there are thousands",
	"sim.metered.Epoch":      "a value named by its id",
	"sim.metered.m":          "of the simulator",
	"sim.meteredKeys.Keys":   "what was used of them is in the rows",
	"sim.meteredKeys.m":      "of the simulator",
}

// instead is a field that stands for another where that is nil.
var instead = map[string]string{
	"consensus.Epoch.Voters": "Roster", // all vote, be it said or not
}

// alike are numbers that only faces tell apart, by their type.
var alike = map[string]map[uint64]uint64{
	"consensus.Life": {
		uint64(consensus.Lost):    uint64(consensus.Held), // whether it has been on the path to the head
		uint64(consensus.Settled): uint64(consensus.Head),
	},
}

// digester walks a value: maps in the order of their keys, and what is pointed
// to from several places once.
type digester struct {
	h    hash.Hash
	met  map[uintptr]int
	b    []byte
	memo map[reflect.Type][]field
}

func newDigester() *digester { return &digester{memo: map[reflect.Type][]field{}} }

// of names a session's memory.
func (d *digester) of(session any) sum {
	d.h, d.met = sha256.New(), map[uintptr]int{}
	d.walk(reflect.ValueOf(session))
	d.flush()
	return sum(d.h.Sum(nil))
}

func (d *digester) flush() {
	d.h.Write(d.b)
	d.b = d.b[:0]
}

func (d *digester) number(n uint64) {
	d.b = binary.BigEndian.AppendUint64(d.b, n)
	if len(d.b) > 1<<12 {
		d.flush()
	}
}

func (d *digester) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			d.number(1)
		} else {
			d.number(0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.number(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n := v.Uint()
		if like, is := alike[v.Type().String()][n]; is {
			n = like
		}
		d.number(n)
	case reflect.String:
		d.number(uint64(v.Len()))
		d.b = append(d.b, v.String()...)
	case reflect.Slice, reflect.Array:
		d.list(v)
	case reflect.Map:
		d.table(v)
	case reflect.Struct:
		for _, f := range d.fields(v.Type()) {
			if f.instead >= 0 && v.Field(f.at).IsNil() {
				f.at = f.instead
			}
			d.walk(v.Field(f.at))
		}
	case reflect.Pointer:
		d.follow(v)
	case reflect.Interface:
		if v.IsNil() {
			d.number(0)
			return
		}
		d.b = append(d.b, v.Elem().Type().String()...)
		d.walk(v.Elem())
	case reflect.Func: // the rule's, and the same in all
	default:
		panic(fmt.Sprintf("sim: a session holds a %s", v.Type()))
	}
}

// field is one of a struct's, and the one that stands for it where it is nil.
type field struct{ at, instead int }

// fields are those of a type that are walked.
func (d *digester) fields(t reflect.Type) []field {
	walked, known := d.memo[t]
	if !known {
		for i := range t.NumField() {
			name := nameOf(t) + "." + t.Field(i).Name
			f := field{i, none}
			if other, is := t.FieldByName(instead[name]); is {
				f.instead = other.Index[0]
			}
			if left[name] == "" {
				walked = append(walked, f)
			}
		}
		d.memo[t] = walked
	}
	return walked
}

// nameOf is a type's name without what it is instantiated with.
func nameOf(t reflect.Type) string {
	name, _, _ := bytes.Cut([]byte(t.String()), []byte("["))
	return string(name)
}

func (d *digester) list(v reflect.Value) {
	d.number(uint64(v.Len()))
	letters := v.Type().Elem().Kind() == reflect.Uint8
	for i := range v.Len() {
		if letters {
			d.b = append(d.b, byte(v.Index(i).Uint()))
		} else {
			d.walk(v.Index(i))
		}
	}
}

func (d *digester) follow(v reflect.Value) {
	if v.IsNil() {
		d.number(0)
		return
	}
	if n, known := d.met[v.Pointer()]; known {
		d.number(uint64(n))
		return
	}
	n := len(d.met) + 2
	d.met[v.Pointer()] = n
	d.number(1)
	d.walk(v.Elem())
}

// table walks a map by its keys' bytes.
func (d *digester) table(v reflect.Value) {
	type entry struct {
		key   []byte
		value reflect.Value
	}
	d.flush()
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		d.walk(it.Key())
		entries = append(entries, entry{slices.Clone(d.b), it.Value()})
		d.b = d.b[:0]
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	d.number(uint64(len(entries)))
	for _, e := range entries {
		d.b = append(d.b, e.key...)
		d.walk(e.value)
	}
}
