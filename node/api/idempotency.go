package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// memory answers a repeated request with the answer it had, so that a client
// that lost the answer may ask again. Answers of changes are kept by Answers too
// and outlive the node; of a message it is the Backend that knows by the Key, at
// the price of no write of its own; those of tokens and of codes hold secrets and
// are not kept.
type memory struct {
	answers Answers

	mu    sync.Mutex
	known map[string]*answered
	order []string // oldest first, for the cap
}

// Answers keeps answers where they last: a Key, and what was answered, for
// AnswersTTL and MaxAnswers of them at most. The zero Options have none.
type Answers interface {
	Answer(key string) ([]byte, bool)
	KeepAnswer(key string, answer []byte) error
}

// kept is an answer that lasts.
type kept struct {
	Request [32]byte `json:"request"`
	Status  int      `json:"status"`
	Type    string   `json:"type"`
	Body    []byte   `json:"body"`
}

type answered struct {
	done    chan struct{} // closed once the fields below are set
	request [32]byte
	until   time.Time
	status  int
	header  http.Header
	body    []byte
}

func newMemory(a Answers) *memory { return &memory{answers: a, known: make(map[string]*answered)} }

// recall finds an answer from before the node's last start.
func (m *memory) recall(key string) (*answered, bool) {
	if m.answers == nil {
		return nil, false
	}
	b, ok := m.answers.Answer(key)
	var k kept
	if !ok || json.Unmarshal(b, &k) != nil {
		return nil, false
	}
	a := &answered{done: make(chan struct{}), request: k.Request, status: k.Status, header: http.Header{"Content-Type": {k.Type}}, body: k.Body}
	close(a.done)
	return a, true
}

// lasting says of which requests the answers are kept.
func lasting(r *http.Request) bool {
	switch r.Pattern {
	case "POST /v1/groups/{group}/messages", "POST /v1/groups/{group}/read", "POST /v1/tokens", "POST /v1/devices/link", "POST /v1/shutdown", "POST /v1/peers", "/":
		return false
	}
	return true
}

// serve runs a request that changes something, or repeats its answer.
func (m *memory) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > MaxKey {
		writeError(w, NewError(CodeTooLarge, fmt.Sprintf("The idempotency key is longer than %d bytes.", MaxKey), "A random text of 26 letters is enough."))
		return
	}
	if key == "" {
		r.Header.Set("Idempotency-Key", string(NewKey()))
		next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		writeError(w, NewError(CodeTooLarge, fmt.Sprintf("The request is larger than %d bytes.", MaxBody), "Send less at once."))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	request := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), body))
	token, _ := r.Context().Value(tokenInContext{}).(Token)
	key = token.ID + " " + key
	known, first := m.claim(key, request)
	if !first {
		m.repeat(w, r, known, request)
		return
	}
	if old, ok := m.recall(key); ok {
		m.settle(key, known, &recorder{ResponseWriter: w, status: http.StatusInternalServerError}) // forget the claim
		m.repeat(w, r, old, request)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusInternalServerError} // stands if the handler panics
	defer func() { m.settle(key, known, rec) }()
	next.ServeHTTP(rec, r)
	if m.answers != nil && rec.status < 300 && lasting(r) {
		b, _ := json.Marshal(kept{Request: request, Status: rec.status, Type: rec.Header().Get("Content-Type"), Body: rec.body.Bytes()})
		m.answers.KeepAnswer(key, b) // else it is repeated as long as the node runs
	}
}

// claim returns what is known of a key, or makes the caller the first.
func (m *memory) claim(key string, request [32]byte) (*answered, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if a, ok := m.known[key]; ok && now.Before(a.until) {
		return a, false
	}
	a := &answered{done: make(chan struct{}), request: request, until: now.Add(IdempotencyTTL)}
	m.known[key] = a
	m.order = append(m.order, key)
	for len(m.order) > MaxRemembered {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
	return a, true
}

// settle remembers the answer, unless it says to try again.
func (m *memory) settle(key string, a *answered, rec *recorder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.status, a.header, a.body = rec.status, rec.Header().Clone(), rec.body.Bytes()
	if rec.status >= 500 && m.known[key] == a {
		delete(m.known, key)
	}
	close(a.done)
}

func (m *memory) repeat(w http.ResponseWriter, r *http.Request, a *answered, request [32]byte) {
	if a.request != request {
		writeError(w, NewError(CodeConflict, "This idempotency key was used for another request.", "Use a fresh key for a fresh intent."))
		return
	}
	select {
	case <-a.done:
	case <-r.Context().Done():
		return
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Idempotent-Replay", "true")
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// recorder keeps a copy of an answer while it is written.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status, r.wrote = status, true
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if !r.wrote {
		r.WriteHeader(http.StatusOK)
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
