package backend

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// tokens let bots in. Only hashes of their secrets are kept.
type tokens struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]tokenRow // by id
}

type tokenRow struct {
	Hash    []byte   `json:"hash"`
	Note    string   `json:"note,omitempty"`
	Scopes  []string `json:"scopes"`
	Expires int64    `json:"expires"` // Unix seconds
	Created int64    `json:"created"`
}

const (
	tokenRows = "t/"
	maxTokens = 256
)

func openTokens(st *store.Store) (*tokens, error) {
	t := &tokens{store: st, known: make(map[string]tokenRow)}
	for row, err := range st.Rows(tokenRows, "") {
		var r tokenRow
		if err == nil {
			err = json.Unmarshal(row.Value, &r)
		}
		if err != nil {
			return nil, err
		}
		t.known[row.Key] = r
	}
	return t, nil
}

func (r *tokenRow) show(id string) api.Token {
	return api.Token{ID: id, Note: r.Note, Scopes: r.Scopes, Expires: time.Unix(r.Expires, 0).UTC(), Created: time.Unix(r.Created, 0).UTC()}
}

// mint makes a token; its scopes name groups by id.
func (t *tokens) mint(scopes []string, life time.Duration, note string) (api.Token, error) {
	if life <= 0 {
		life = time.Hour
	}
	secret := rand.Text()
	hash := sha256.Sum256([]byte(secret))
	now := time.Now()
	r := tokenRow{Hash: hash[:], Note: note, Scopes: scopes, Expires: now.Add(min(life, api.MaxTokenTTL)).Unix(), Created: now.Unix()}
	id := hexOf(hash[:8])
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	if len(t.known) >= maxTokens {
		return api.Token{}, api.NewError(api.CodeTooMany, "There are too many tokens already.", "Revoke some with `covey token revoke`.")
	}
	row, err := json.Marshal(r)
	if err == nil {
		err = t.store.Put(tokenRows, []session.Row{{Key: id, Value: row}})
	}
	if err != nil {
		return api.Token{}, node.StorageError(err)
	}
	t.known[id] = r
	shown := r.show(id)
	shown.Secret = secret
	return shown, nil
}

func (t *tokens) sweep() {
	for id, r := range t.known {
		if r.Expires <= time.Now().Unix() {
			delete(t.known, id)
			t.store.Put(tokenRows, []session.Row{{Key: id}}) // else the next sweep
		}
	}
}

func (t *tokens) list() []api.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	out := make([]api.Token, 0, len(t.known))
	for id, r := range t.known {
		out = append(out, r.show(id))
	}
	slices.SortFunc(out, func(a, b api.Token) int { return a.Created.Compare(b.Created) })
	return out
}

func (t *tokens) revoke(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.store.Put(tokenRows, []session.Row{{Key: id}}); err != nil {
		return node.StorageError(err)
	}
	delete(t.known, id)
	return nil
}

// check finds a token by its secret. The look-up is by hash, so that its time
// tells nothing of the secret.
func (t *tokens) check(secret string) (api.Token, error) {
	hash := sha256.Sum256([]byte(secret))
	id := hexOf(hash[:8])
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.known[id]
	if !ok || !slices.Equal(r.Hash, hash[:]) || r.Expires <= time.Now().Unix() {
		return api.Token{}, api.NewError(api.CodeDenied, "This token is unknown, revoked or expired.", "Mint another with `covey token mint`.")
	}
	return r.show(id), nil
}
