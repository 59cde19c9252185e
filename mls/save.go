package mls

import (
	"encoding/hex"
	"errors"
	"math/bits"

	"github.com/covey-p2p/covey/mls/internal/schedule"
	"github.com/covey-p2p/covey/mls/internal/suite"
	"github.com/covey-p2p/covey/mls/internal/tree"
	"github.com/covey-p2p/covey/mls/internal/wire"
)

// State on disk, in pieces. An epoch is one secret cell and the nodes of its
// tree, each under its tree hash, so that epochs share what they have in
// common: a commit writes O(log N) bytes.
//
//	epoch/<EpochID>   what Load takes: secret, but for an epoch known from outside
//	node/<hash>       public; of all epochs together
//	keys/<EpochID>/…  message keys (keys.go), which outlive the epoch's secrets
//	                  where late messages are to be read
//
// The layout of a value changes only with its version byte; testdata/golden
// holds states of every version, and all of them load.

const (
	epochVersion    = 1
	snapshotVersion = 1
)

// How an epoch is known.
const (
	storedAlive     = 0
	storedErased    = 1
	storedRemoved   = 2
	storedPath      = 3
	storedNotMember = 4
)

var storedDead = []Check{storedAlive: "", storedErased: CheckErased, storedRemoved: CheckRemoved, storedPath: CheckPathDecrypt, storedNotMember: CheckNotMember}

// EpochName names the cell of an epoch.
func EpochName(id EpochID) string { return "epoch/" + hex.EncodeToString(id[:]) }

// NodeName names the cell of a tree node.
func NodeName(hash []byte) string { return "node/" + hex.EncodeToString(hash) }

// Save lists the cells of the epoch itself and of those nodes of its tree that
// none of beside has: the parent's, above all, that are written already. The
// message keys are saved apart (MessageKeys.Save).
func (e *Epoch) Save(beside ...*Epoch) []Cell {
	cells := []Cell{{Name: EpochName(e.id), Value: e.record()}}
	for _, r := range e.tree.Records(trees(beside)...) {
		cells = append(cells, Cell{Name: NodeName(r.Hash), Value: r.Value, Public: true})
	}
	return cells
}

// Drop lists the same cells without values: what to delete when the epoch goes
// and the living stay.
func (e *Epoch) Drop(living ...*Epoch) []Cell {
	cells := e.Save(living...)
	for i := range cells {
		cells[i].Value = nil
	}
	return cells
}

func trees(epochs []*Epoch) []*tree.Tree {
	out := make([]*tree.Tree, 0, len(epochs))
	for _, o := range epochs {
		if o != nil {
			out = append(out, o.tree)
		}
	}
	return out
}

// record is the value of the epoch's cell:
//
//	struct {
//	    uint8 version = 1;
//	    uint8 known;               // storedAlive, …
//	    GroupContext context;
//	    opaque confirmation_tag<V>;
//	    uint8 depth;               // of the tree
//	    optional<ReInit> reinit;
//	    select (known) { case storedAlive: secrets of §8 in order; own leaf and keys;
//	                     case storedErased: uint32 self; }
//	} Epoch;
func (e *Epoch) record() []byte {
	w := wire.NewWriter(1024)
	w.U8(epochVersion)
	known := storedAlive
	for i, c := range storedDead {
		if c == e.dead {
			known = i
		}
	}
	w.U8(uint8(known))
	e.context.Encode(w)
	w.Opaque(e.tag)
	w.U8(uint8(bits.Len(uint(e.tree.Size())) - 1))
	if w.Optional(e.reinit != nil) {
		e.reinit.Encode(w)
	}
	switch known {
	case storedAlive:
		e.secrets.Encode(w)
		e.own.Encode(w)
	case storedErased:
		w.U32(uint32(e.self))
	}
	return w.Bytes()
}

// Load gives a saved epoch back. node returns the value of a node's cell. The
// message keys come back by LoadKeys; until then Keys is nil.
func Load(c *Config, record []byte, node func(name string) ([]byte, bool)) (*Epoch, error) {
	return load(c, record, func(s *suite.Suite, hash []byte, depth int) (*tree.Tree, error) {
		return tree.Load(s, hash, depth, func(hash []byte) ([]byte, error) {
			if v, ok := node(NodeName(hash)); ok {
				return v, nil
			}
			return nil, errNode
		})
	})
}

var errNode = errors.New("a node of the tree is missing")

// Snapshot is the epoch in one piece, O(N) bytes, for those who keep no cells.
// It is secret, and does not hold the message keys.
func (e *Epoch) Snapshot() Secret {
	var w wire.Writer
	w.U8(snapshotVersion)
	w.Opaque(e.record())
	w.Raw(e.RatchetTree())
	return w.Bytes()
}

// LoadSnapshot takes back what Snapshot gave.
func LoadSnapshot(c *Config, snapshot Secret) (*Epoch, error) {
	r := wire.NewReader(snapshot)
	if r.U8() != snapshotVersion {
		return nil, fail(CheckStored, "snapshot of another version")
	}
	record := r.Opaque()
	if r.Err() != nil {
		return nil, fail(CheckStored, "snapshot")
	}
	return load(c, record, func(s *suite.Suite, hash []byte, _ int) (*tree.Tree, error) {
		return tree.Parse(s, r.Rest())
	})
}

func load(c *Config, record []byte, treeOf func(s *suite.Suite, hash []byte, depth int) (*tree.Tree, error)) (*Epoch, error) {
	r := wire.NewReader(record)
	if r.U8() != epochVersion {
		return nil, fail(CheckStored, "epoch of another version")
	}
	known := int(r.U8())
	context := value[GroupContext](r)
	tag, depth := r.Opaque(), int(r.U8())
	e := &Epoch{config: *c, tag: tag}
	if r.Optional() {
		e.reinit = object[ReInit](r)
	}
	s, err := lookup(context.CipherSuite, CheckStored)
	if err != nil || r.Err() != nil || known >= len(storedDead) {
		return nil, fail(CheckStored, "epoch")
	}
	e.dead = storedDead[known]
	var secrets *schedule.Epoch
	switch known {
	case storedAlive:
		secrets = schedule.ReadEpoch(s, r)
		e.own = tree.DecodePrivate(s, r)
		e.self = e.own.Leaf()
	case storedErased:
		e.self = LeafIndex(r.U32())
	}
	if r.Done() != nil {
		return nil, fail(CheckStored, "epoch")
	}
	if e.tree, err = treeOf(s, context.TreeHash, depth); err != nil {
		return nil, because(CheckStored, err, "tree")
	}
	if e.tree.Size() != 1<<min(depth, 32) || string(e.tree.Hash()) != string(context.TreeHash) {
		return nil, fail(CheckStored, "tree of another epoch")
	}
	e.frame = newFrame(s, context, secrets)
	e.interim = schedule.InterimTranscriptHash(s, context.ConfirmedTranscriptHash, tag)
	e.id = epochID(e.encoded, tag)
	return e, nil
}
