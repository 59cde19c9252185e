package node

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// operations remembers how far changes have come, for questions about them and
// so that the same intent is not taken twice: the latest in memory, all for
// opsAge and keepOps of them on disk.
type operations struct {
	n *Node

	mu    sync.Mutex
	known map[string]api.Operation
	order []string
}

// operationRow is an operation on disk.
type operationRow struct {
	Group  string      `cbor:"1,keyasint"`
	State  api.OpState `cbor:"2,keyasint"`
	Reason string      `cbor:"3,keyasint,omitempty"`
	At     int64       `cbor:"4,keyasint"` // Unix seconds
}

const operationRows = "o/"

func newOperations(n *Node) *operations {
	return &operations{n: n, known: make(map[string]api.Operation)}
}

// set remembers an operation and returns its row, for the batch that it is of.
func (o *operations) set(op api.Operation) session.Row {
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
	return session.Row{Key: operationRows + op.ID, Value: encode(operationRow{Group: op.Group, State: op.State, Reason: op.Reason, At: time.Now().Unix()})}
}

func (o *operations) get(id string) (api.Operation, bool) {
	o.mu.Lock()
	op, ok := o.known[id]
	o.mu.Unlock()
	if ok {
		return op, true
	}
	b, err := o.n.store.Get(operationRows, id)
	var r operationRow
	if err != nil || decode(b, &r) != nil {
		return op, false
	}
	return api.Operation{ID: id, Group: r.Group, State: r.State, Reason: r.Reason}, true
}

// trim drops those on disk that are too old, or too many.
func (o *operations) trim() error {
	type aged struct {
		id string
		at int64
	}
	var all []aged
	for row, err := range o.n.store.Rows(operationRows, "") {
		var r operationRow
		if err != nil {
			return err
		}
		if decode(row.Value, &r) != nil {
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
	return o.n.store.Put(operationRows, gone)
}
