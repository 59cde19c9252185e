package sim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/covey-p2p/covey/node/session"
)

// Disk is what a node keeps across a crash: the rows of each of its groups,
// and the wrapping keys that make some of them readable. Its faults are those
// of real ones, and each is asked for by name.
type Disk struct {
	groups map[string]rows
	wraps  map[wrapName]*wrapKey
	writes int  // durable batches so far
	size   int  // bytes of keys and values
	limit  int  // above this a batch fails with ErrDiskFull; zero: no limit
	lying  bool // batches say they are durable and are not
	undo   []undo
	shelf  *shelf
}

// row is a value, readable while its wrapping key lives. A copy of a row, as
// an old table or a backup keeps it, holds the same key: so destroying the key
// ends every copy, as node/store promises.
type row struct {
	*record
	wrap *wrapKey
}

// rows are a group's, by key. Where there are few, as in an ordinary group, and
// very many nodes, a list takes half the room of a map.
type rows []row

func (r rows) find(key string) (int, bool) {
	return slices.BinarySearchFunc(r, key, func(one row, key string) int { return strings.Compare(one.key, key) })
}

// at is the row under a key, if there is one.
func (r rows) at(key string) (one row, ok bool) {
	i, ok := r.find(key)
	if ok {
		one = r[i]
	}
	return one, ok
}

// under are the rows whose keys have a prefix.
func (r rows) under(prefix string) rows {
	i, _ := r.find(prefix)
	n := slices.IndexFunc(r[i:], func(one row) bool { return !strings.HasPrefix(one.key, prefix) })
	if n < 0 {
		return r[i:]
	}
	return r[i : i+n]
}

func (r *rows) set(one row) {
	if i, ok := r.find(one.key); ok {
		(*r)[i] = one
	} else {
		*r = slices.Insert(*r, i, one)
	}
}

func (r *rows) remove(key string) {
	if i, ok := r.find(key); ok {
		*r = slices.Delete(*r, i, i+1)
	}
}

// record is what is written under a key. It never changes, and disks that hold
// the same share it.
type record struct {
	key     string
	value   []byte
	on      int32 // so many disks
	damaged bool
}

// shelf has one copy of what many disks of a world write: envelopes, votes and
// commits are the same for every member of a group, who all write them within
// seconds. So of each key the latest will do, and two shelves full of those.
// What the last of them lets go of, as they do of most, goes at once.
type shelf struct{ now, before map[string]*record }

// take is the record to hold for a row.
func (s *shelf) take(key string, value []byte) *record {
	r := s.now[key]
	if r == nil {
		r = s.before[key]
	}
	if r == nil || !bytes.Equal(r.value, value) {
		if r != nil {
			key = r.key
		}
		r = &record{key: key, value: slices.Clip(slices.Clone(value))} // else a whole frame stays for one envelope in it
	}
	if len(s.now) >= shelfLength {
		s.now, s.before = nil, s.now
	}
	if s.now == nil {
		s.now = map[string]*record{}
	}
	s.now[r.key] = r
	r.on++
	return r
}

// leave says that one disk has a record no more.
func (s *shelf) leave(r *record) {
	if r.on--; r.on > 0 {
		return
	}
	for _, m := range []map[string]*record{s.now, s.before} {
		if m[r.key] == r {
			delete(m, r.key)
		}
	}
}

type wrapName struct {
	group string
	epoch session.EpochID
}

type wrapKey struct{ erased bool }

// undo restores one batch that a lying disk never wrote.
type undo struct {
	group string
	rows  map[string]row
	had   map[string]bool
}

// The ways a disk fails.
var (
	ErrDiskFull = errors.New("disk full")
	ErrDamaged  = errors.New("row damaged")
)

func newDisk(shelf *shelf) *Disk {
	return &Disk{groups: map[string]rows{}, wraps: map[wrapName]*wrapKey{}, shelf: shelf}
}

// put makes a batch durable: all of it or, with an error, none of it.
func (d *Disk) put(group string, batch []session.Row) error {
	if d.limit > 0 && d.size+batchSize(batch) > d.limit {
		return ErrDiskFull
	}
	d.writes++
	rows, back := d.groups[group], undo{group: group}
	if d.lying {
		back.rows, back.had = map[string]row{}, map[string]bool{}
	}
	for _, r := range batch {
		i, had := rows.find(r.Key)
		var old row
		if had {
			old = rows[i]
		}
		if _, seen := back.had[r.Key]; d.lying && !seen {
			back.rows[r.Key], back.had[r.Key] = old, had
		}
		if had {
			d.size -= len(r.Key) + len(old.value)
		}
		switch {
		case len(r.Value) > 0:
			d.size += len(r.Key) + len(r.Value)
			one := row{d.shelf.take(r.Key, r.Value), d.wrap(group, r.Wrap)}
			if had {
				rows[i] = one
			} else {
				rows = slices.Insert(rows, i, one)
			}
		case had:
			rows = slices.Delete(rows, i, i+1)
		}
		if had {
			d.shelf.leave(old.record)
		}
	}
	d.groups[group] = rows
	if d.lying {
		d.undo = append(d.undo, back)
	}
	return nil
}

// wrap is the live wrapping key of an epoch. Wrapping again under an epoch
// that was erased makes a new key: the old rows stay unreadable.
func (d *Disk) wrap(group string, epoch session.EpochID) *wrapKey {
	if epoch == (session.EpochID{}) {
		return nil
	}
	name := wrapName{group, epoch}
	key := d.wraps[name]
	if key == nil || key.erased {
		key = &wrapKey{}
		d.wraps[name] = key
	}
	return key
}

// erase destroys the wrapping key of an epoch, in every copy.
func (d *Disk) erase(group string, epoch session.EpochID) {
	if key := d.wraps[wrapName{group, epoch}]; key != nil {
		key.erased = true
		delete(d.wraps, wrapName{group, epoch})
	}
}

// load returns what a session asks to have of a group's readable rows, by key,
// or ErrDamaged.
func (d *Disk) load(group string) ([]session.Row, error) {
	var out []session.Row
	for _, r := range d.groups[group] {
		if r.wrap != nil && r.wrap.erased {
			continue
		}
		if r.damaged {
			return nil, fmt.Errorf("%w: %s", ErrDamaged, r.key)
		}
		switch session.KindOfRow(r.key) {
		case session.RowWhole:
			out = append(out, session.Row{Key: r.key, Value: slices.Clone(r.value)})
		case session.RowKeyOnly:
			out = append(out, session.Row{Key: r.key})
		}
	}
	return out, nil
}

// get reads one row; nil where there is none that can be read.
func (d *Disk) get(group, key string) []byte {
	r, ok := d.groups[group].at(key)
	if !ok || r.wrap != nil && r.wrap.erased {
		return nil
	}
	return r.value
}

// crash is what a power cut does: a lying disk loses a suffix of what it said
// was durable, at least one batch where there is one.
func (d *Disk) crash(luck *Rand) (lost int) {
	if len(d.undo) == 0 {
		return 0
	}
	keep := luck.IntN(len(d.undo))
	for i := len(d.undo) - 1; i >= keep; i-- {
		b := d.undo[i]
		rows := d.groups[b.group]
		for key, old := range b.rows {
			if b.had[key] {
				rows.set(old)
			} else {
				rows.remove(key)
			}
		}
		d.groups[b.group] = rows
	}
	lost = len(d.undo) - keep
	d.undo = nil
	return lost
}

// copyRows is a backup of the rows. The wrapping keys are not in it: they live
// in a file of their own that is overwritten in place.
func (d *Disk) copyRows() *Disk {
	c := &Disk{groups: map[string]rows{}, wraps: d.wraps, writes: d.writes, size: d.size, limit: d.limit, shelf: d.shelf}
	for group, rows := range d.groups {
		c.groups[group] = slices.Clone(rows)
	}
	return c
}

// restore puts a backup's rows in place of what is there.
func (d *Disk) restore(backup *Disk) {
	fresh := backup.copyRows()
	d.groups, d.size, d.undo = fresh.groups, fresh.size, nil
}

// damage makes one row fail its checksum, as node/store's sealed rows do when
// a page is torn.
func (d *Disk) damage(group, key string) bool {
	rows := d.groups[group]
	r, ok := rows.at(key)
	if ok {
		rows.set(row{&record{key: r.key, value: r.value, damaged: true}, r.wrap})
	}
	return ok
}
