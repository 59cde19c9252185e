package web

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	cookieName = "covey_page"
	// maxSessions bounds open pages: each is one trade of a token.
	maxSessions = 16
	// sessionLife is how long a cookie is good for: a working day, and a half.
	sessionLife = 12 * time.Hour
	// tokenLife is how long the printed address works: time to find the
	// browser, not more.
	tokenLife = 10 * time.Minute
)

// door decides who may use the page.
type door struct {
	mu       sync.Mutex
	tokens   map[string]time.Time // one-time tokens and when they end
	sessions map[string]time.Time // cookies and when they end
	now      func() time.Time
}

func newDoor() *door {
	return &door{tokens: map[string]time.Time{}, sessions: map[string]time.Time{}, now: time.Now}
}

// token mints a one-time token.
func (d *door) token() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := rand.Text()
	d.tokens[t] = d.now().Add(tokenLife)
	return t
}

// trade ends a token and returns a cookie's value for it, or "".
func (d *door) trade(token string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	end, ok := d.tokens[token]
	delete(d.tokens, token)
	if !ok || d.now().After(end) {
		return ""
	}
	for s, end := range d.sessions {
		if d.now().After(end) {
			delete(d.sessions, s)
		}
	}
	if len(d.sessions) >= maxSessions {
		return ""
	}
	s := rand.Text()
	d.sessions[s] = d.now().Add(sessionLife)
	return s
}

// admits reports whether a request carries the cookie of an open session.
func (d *door) admits(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, end := range d.sessions {
		if subtle.ConstantTimeCompare([]byte(s), []byte(c.Value)) == 1 {
			return d.now().Before(end)
		}
	}
	return false
}

// ownHost reports whether a Host header or an Origin's authority names this
// server on loopback: a rebound name does not.
func ownHost(host, port string) bool {
	h, p, err := net.SplitHostPort(host)
	if err != nil || p != port {
		return false
	}
	return h == "127.0.0.1" || h == "localhost"
}

// foreign says why a request must be refused before anything else is looked
// at, or "".
func foreign(r *http.Request, port string) string {
	if !ownHost(r.Host, port) {
		return "This page is served for 127.0.0.1 only; the request names another host."
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return "Another site asked for this page's data."
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return ""
		}
		return "A change must come from this page: the request names no origin."
	}
	const scheme = "http://"
	if len(origin) <= len(scheme) || origin[:len(scheme)] != scheme || !ownHost(origin[len(scheme):], port) {
		return "A change must come from this page: the request comes from another origin."
	}
	return ""
}
