package backend

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// answers implements api.Answers. A row is the time it was kept (Unix seconds,
// u64) and the answer; it vanishes by itself, and the oldest goes where there
// are too many.
type answers struct {
	store *store.Store

	mu    sync.Mutex
	known []keptAnswer // the oldest first
}

type keptAnswer struct {
	key string
	at  int64
}

const answerRows = "k/"

func openAnswers(st *store.Store) (*answers, error) {
	a := &answers{store: st}
	for row, err := range st.Rows(answerRows, "") {
		if err != nil {
			return nil, err
		}
		if len(row.Value) >= 8 {
			a.known = append(a.known, keptAnswer{row.Key, int64(binary.BigEndian.Uint64(row.Value))})
		}
	}
	slices.SortFunc(a.known, func(x, y keptAnswer) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.key, y.key)) })
	return a, nil
}

func answerKey(key string) string {
	h := sha256.Sum256([]byte(key))
	return hexOf(h[:16])
}

// Answer implements api.Answers.
func (b *Backend) Answer(key string) ([]byte, bool) {
	row, err := b.answers.store.Get(answerRows, answerKey(key))
	if err != nil || len(row) < 8 {
		return nil, false
	}
	return row[8:], true
}

// KeepAnswer implements api.Answers.
func (b *Backend) KeepAnswer(key string, answer []byte) error {
	a, now := b.answers, time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	value := append(binary.BigEndian.AppendUint64(nil, uint64(now.Unix())), answer...)
	rows := []session.Row{{Key: answerKey(key), Value: value}}
	a.known = append(a.known, keptAnswer{rows[0].Key, now.Unix()})
	for len(a.known) > api.MaxAnswers || now.Sub(time.Unix(a.known[0].at, 0)) > api.AnswersTTL {
		rows = append(rows, session.Row{Key: a.known[0].key})
		a.known = a.known[1:]
	}
	return a.store.PutUntil(answerRows, rows, nil, now.Add(api.AnswersTTL))
}
