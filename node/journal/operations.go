package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

const (
	// keepOps is how many operations are remembered on disk, and opsAge for how
	// long; the same intent is refused a second time as long. opsInMemory spares
	// reading those that are asked for most.
	keepOps     = 4096
	opsAge      = 30 * 24 * time.Hour
	opsInMemory = 256
)

// Operations remembers how far changes have come, for questions about them and
// so that the same intent is not taken twice: the latest in memory, all for
// opsAge and keepOps of them on disk.
type Operations struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]api.Operation
	order []string
}

// operationRow is an operation on disk.
type operationRow struct {
	Group  string      `json:"group"`
	State  api.OpState `json:"state"`
	Reason string      `json:"reason,omitempty"`
	At     int64       `json:"at"` // Unix seconds
}

const operationRows = "o/"

// NewOperations remembers those in a store.
func NewOperations(st *store.Store) *Operations {
	return &Operations{store: st, known: make(map[string]api.Operation)}
}

// Set remembers an operation and returns its row, for the batch that it is of.
func (o *Operations) Set(op api.Operation) session.Row {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.known[op.ID]; !ok {
		o.order = append(o.order, op.ID)
		if len(o.order) > opsInMemory {
			delete(o.known, o.order[0])
			o.order = o.order[1:]
		}
	}
	o.known[op.ID] = op
	row, err := json.Marshal(operationRow{Group: op.Group, State: op.State, Reason: op.Reason, At: time.Now().Unix()})
	if err != nil {
		panic(fmt.Sprintf("journal: an operation cannot be encoded: %v", err)) // of plain fields only
	}
	return session.Row{Key: operationRows + op.ID, Value: row}
}

// Get is how far an operation has come.
func (o *Operations) Get(id string) (api.Operation, bool) {
	o.mu.Lock()
	op, ok := o.known[id]
	o.mu.Unlock()
	if ok {
		return op, true
	}
	b, err := o.store.Get(operationRows, id)
	var r operationRow
	if err != nil || json.Unmarshal(b, &r) != nil {
		return op, false
	}
	return api.Operation{ID: id, Group: r.Group, State: r.State, Reason: r.Reason}, true
}

// Trim drops those on disk that are too old, or too many.
func (o *Operations) Trim() error {
	type aged struct {
		id string
		at int64
	}
	var all []aged
	for row, err := range o.store.Rows(operationRows, "") {
		var r operationRow
		if err != nil {
			return err
		}
		if json.Unmarshal(row.Value, &r) != nil {
			r.At = 0
		}
		all = append(all, aged{row.Key, r.At})
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	var gone []session.Row
	oldest := time.Now().Add(-opsAge).Unix()
	for i, a := range all {
		if a.at < oldest || i < len(all)-keepOps {
			gone = append(gone, session.Row{Key: a.id})
		}
	}
	return o.store.Put(operationRows, gone)
}
