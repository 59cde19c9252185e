package schedule

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// ErrState says that stored message keys are damaged.
var ErrState = errors.New("schedule: stored message keys are damaged")

// Cell is one unit of stored state: a short key, unique within the epoch, and
// its value. Writing a cell replaces the one of the same key; a nil value takes
// it away. The slices are the receiver's; erase values once written.
//
//	'c' chain              next generation (4 bytes) ‖ ratchet secret
//	'k' chain generation   key ‖ nonce, passed over and unused
//	'n' node               secret of a node of the secret tree
//
// Numbers are four bytes, big-endian, so that cells sort as they count. A chain
// is twice the leaf, plus 1 for the application ratchet; nodes are numbered as a
// heap, the root being 1. This layout is stored: it changes only with the
// version of the snapshot that holds it.
type Cell struct {
	Key   []byte
	Value suite.Secret
}

const (
	chainCell = 'c'
	keptCell  = 'k'
	nodeCell  = 'n'
)

func nodeKey(n node) []byte { return binary.BigEndian.AppendUint32([]byte{nodeCell}, uint32(n)) }

func chainKey(id chain) []byte { return binary.BigEndian.AppendUint32([]byte{chainCell}, uint32(id)) }

func keptKey(id chain, generation Generation) []byte {
	k := binary.BigEndian.AppendUint32(append(make([]byte, 0, 9), keptCell), uint32(id))
	return binary.BigEndian.AppendUint32(k, uint32(generation))
}

// cells gathers changes; it copies the secrets it is given.
type cells []Cell

func (c *cells) put(key []byte, value suite.Secret) {
	*c = append(*c, Cell{Key: key, Value: value.Clone()})
}

func (c *cells) putChain(id chain, r *ratchet) {
	value := binary.BigEndian.AppendUint32(make(suite.Secret, 0, 4+len(r.secret)), uint32(r.next))
	*c = append(*c, Cell{Key: chainKey(id), Value: append(value, r.secret...)})
}

func (c *cells) drop(key []byte) { *c = append(*c, Cell{Key: key}) }

// Cells is the whole state, sorted by key: a snapshot.
func (r *Ratchets) Cells() []Cell {
	var all cells
	for n, secret := range r.nodes {
		all.put(nodeKey(n), secret)
	}
	for id, c := range r.chains {
		all.putChain(id, c)
		for i := range c.kept {
			all.put(keptKey(id, c.kept[i].Generation), c.kept[i].secret())
		}
	}
	slices.SortFunc(all, func(a, b Cell) int { return bytes.Compare(a.Key, b.Key) })
	return all
}

// LoadRatchets rebuilds the state from a snapshot, followed or not by what Next
// and Use returned since, in that order; a later cell replaces an earlier. Its
// error is ErrState.
func LoadRatchets(s *suite.Suite, leaves int, stored []Cell) (*Ratchets, error) {
	last := make(map[string]suite.Secret, len(stored))
	for _, c := range stored {
		if c.Value == nil {
			delete(last, string(c.Key))
		} else {
			last[string(c.Key)] = c.Value
		}
	}
	keys := make([]string, 0, len(last))
	for k := range last {
		keys = append(keys, k)
	}
	slices.Sort(keys) // chains before the keys they kept, those by generation
	r := emptyRatchets(s, leaves)
	for _, k := range keys {
		if err := r.load([]byte(k), last[k]); err != nil {
			return nil, err
		}
	}
	return r, r.check()
}

func (r *Ratchets) load(key []byte, value suite.Secret) error {
	in, nh := wire.NewReader(key), r.suite.Nh()
	tag, number := in.U8(), in.U32()
	switch tag {
	case nodeCell:
		if in.Done() != nil || len(value) != nh {
			return fmt.Errorf("%w: node cell", ErrState)
		}
		r.nodes[node(number)] = value.Clone()
	case chainCell:
		if in.Done() != nil || len(value) != 4+nh {
			return fmt.Errorf("%w: chain cell", ErrState)
		}
		next := Generation(binary.BigEndian.Uint32(value))
		r.chains[chain(number)] = &ratchet{next: next, secret: value[4:].Clone()}
	case keptCell:
		k := Key{Generation: Generation(in.U32()), suite: r.suite}
		c := r.chains[chain(number)]
		if in.Done() != nil || c == nil || copy(k.secret(), value) != len(value) || len(value) != len(k.secret()) {
			return fmt.Errorf("%w: kept cell", ErrState)
		}
		c.kept = append(c.kept, k)
	default:
		return fmt.Errorf("%w: cell of unknown kind", ErrState)
	}
	return nil
}

// check verifies the invariants listed at Ratchets.
func (r *Ratchets) check() error {
	for n := range r.nodes {
		if n == 0 || n >= node(2*r.width) {
			return fmt.Errorf("%w: node outside the tree", ErrState)
		}
		for up := n >> 1; up > 0; up >>= 1 {
			if _, ok := r.nodes[up]; ok {
				return fmt.Errorf("%w: node and its ancestor", ErrState)
			}
		}
	}
	for id, c := range r.chains {
		if uint32(id>>1) >= r.width || r.chains[id^1] == nil {
			return fmt.Errorf("%w: chain outside the tree, or alone", ErrState)
		}
		if _, ok := r.covering(Leaf(id >> 1)); ok {
			return fmt.Errorf("%w: leaf opened and not consumed", ErrState)
		}
		if n := len(c.kept); n > MaxKept || n > 0 && c.kept[n-1].Generation >= c.next {
			return fmt.Errorf("%w: kept keys", ErrState)
		}
	}
	return nil
}

// AppendCells writes cells as one record:
//
//	struct { opaque key<V>; optional<opaque value<V>>; } Cell;   Cell cells<V>;
func AppendCells(w *wire.Writer, list []Cell) {
	w.Vector(func(w *wire.Writer) {
		for _, c := range list {
			w.Opaque(c.Key)
			if w.Optional(c.Value != nil) {
				w.Opaque(c.Value)
			}
		}
	})
}

// ReadCells reads a record; errors stay in the reader. Slices alias its input.
func ReadCells(r *wire.Reader) []Cell {
	var list []Cell
	v := r.Vector()
	for v.More() {
		c := Cell{Key: v.Opaque()}
		if v.Optional() {
			c.Value = v.Opaque()
		}
		list = append(list, c)
	}
	r.Join(v)
	return list
}
