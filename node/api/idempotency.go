package api

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// memory answers a repeated request with the answer it had, so that a client
// that lost the answer may ask again. It holds answers, not effects: what must
// be done once across restarts is the Backend's to know by the Key.
type memory struct {
	mu    sync.Mutex
	known map[string]*answered
	order []string // oldest first, for the cap
}

type answered struct {
	done    chan struct{} // closed once the fields below are set
	request [32]byte
	until   time.Time
	status  int
	header  http.Header
	body    []byte
}

func newMemory() *memory { return &memory{known: make(map[string]*answered)} }

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
	known, first := m.claim(token.ID+" "+key, request)
	if !first {
		m.repeat(w, r, known, request)
		return
	}
	rec := &recorder{ResponseWriter: w, status: http.StatusInternalServerError} // stands if the handler panics
	defer func() { m.settle(token.ID+" "+key, known, rec) }()
	next.ServeHTTP(rec, r)
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
