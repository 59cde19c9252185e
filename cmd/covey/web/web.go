package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet/report"
)

//go:embed static
var static embed.FS

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// maxBody bounds what the page may post: the API's own limits are below it.
const maxBody = 1 << 20

// forwarded are the first elements of the API paths that the page needs.
// Tokens, shutdown and debugging are not among them.
var forwarded = map[string]bool{
	"status": true, "identity": true, "devices": true, "groups": true, "operations": true, "invitations": true,
	"contacts": true, "links": true, "peers": true, "net": true, "events": true, "doctor": true, "explain": true,
}

// Options says what a page shows. The zero value works.
type Options struct {
	// Port to listen on; 0 takes a free one.
	Port int
	// Run is the folder of a simulated run to replay, or "".
	Run string
}

// Server is one page on loopback. It lives until Close.
type Server struct {
	door *door
	run  string
	port string
	http *http.Server
	ln   net.Listener
	done chan error
}

// Serve starts a page for the node that a client reaches; the client may be
// nil where only a run is shown.
func Serve(c *api.Client, o Options) (*Server, error) {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	s := &Server{door: newDoor(), run: o.Run, port: port, ln: ln, done: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           s.handler(c),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          silent,
	}
	go func() { s.done <- s.http.Serve(ln) }() // ends with Close
	return s, nil
}

// URL returns an address that opens the page once. Each call makes a new one.
func (s *Server) URL() string {
	return "http://127.0.0.1:" + s.port + "/#t=" + s.door.token()
}

// Close stops the page, cutting its streams.
func (s *Server) Close() error {
	err := s.http.Close()
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		return e
	}
	return err
}

// Wait blocks until the context ends, then closes.
func (s *Server) Wait(ctx context.Context) error {
	<-ctx.Done()
	return s.Close()
}

func (s *Server) handler(c *api.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /enter", s.enter)
	mux.HandleFunc("GET /entered", s.inside(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	mux.HandleFunc("POST /qr", s.inside(drawQR))
	mux.HandleFunc("GET /run/{file}", s.inside(s.serveRun))
	mux.Handle("/v1/", s.inside(forward(c)))
	mux.HandleFunc("/", serveStatic)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if why := foreign(r, s.port); why != "" {
			refuse(w, http.StatusForbidden, api.NewError(api.CodeDenied, why, "Open the address that `covey web` prints."))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

// enter trades a one-time token, sent as the body, for a cookie.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	token, err := io.ReadAll(io.LimitReader(r.Body, 256))
	if err != nil {
		refuse(w, http.StatusBadRequest, api.NewError(api.CodeUsage, "The token could not be read.", "Open the address again."))
		return
	}
	session := s.door.trade(string(token))
	if session == "" {
		refuse(w, http.StatusForbidden, api.NewError(api.CodeExpired, "This address has been used or is too old.", "Run `covey web` again for a new one."))
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: session, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife / time.Second),
	})
	w.WriteHeader(http.StatusNoContent)
}

// inside lets only open sessions through.
func (s *Server) inside(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.door.admits(r) {
			refuse(w, http.StatusUnauthorized, api.NewError(api.CodeDenied, "This page is not open here.", "Run `covey web` for an address that opens it."))
			return
		}
		next(w, r)
	}
}

// silent takes what the HTTP library would write to the terminal when the node or
// the page goes away in the middle: both say so where a person looks.
var silent = log.New(io.Discard, "", 0)

// forward hands an API call on to the node, without cookie or origin.
func forward(c *api.Client) http.HandlerFunc {
	if c == nil {
		return func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusServiceUnavailable, api.NewError(api.CodeNoDaemon, "No node is shown here, only a run.", "Start one with `covey up`."))
		}
	}
	base, transport := c.HTTP()
	target, err := url.Parse(base)
	if err != nil {
		panic("web: the client's base is no URL: " + base)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			for _, h := range []string{"Cookie", "Origin", "Referer", "Authorization"} {
				r.Out.Header.Del(h)
			}
		},
		Transport:     transport,
		FlushInterval: -1, // events must not wait in a buffer
		ErrorLog:      silent,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			refuse(w, http.StatusServiceUnavailable, api.NewError(api.CodeNoDaemon, "The node does not answer.", "It may be restarting; the page goes on by itself."))
		},
	}
	return func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
		if !forwarded[first] || path.Clean(r.URL.Path) != r.URL.Path {
			refuse(w, http.StatusNotFound, api.NewError(api.CodeNotFound, "The page has no use for that.", "Use the socket."))
			return
		}
		proxy.ServeHTTP(w, r)
	}
}

// serveRun hands out one file of the run that is shown.
func (s *Server) serveRun(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if s.run == "" || name != path.Base(name) || strings.HasPrefix(name, ".") {
		refuse(w, http.StatusNotFound, api.NewError(api.CodeNotFound, "No run is shown here.", "`covey sim replay RUN --web` shows one."))
		return
	}
	root, err := os.OpenRoot(s.run)
	if err != nil {
		refuse(w, http.StatusNotFound, api.NewError(api.CodeNotFound, "The run's folder cannot be opened.", "Was it removed?"))
		return
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		refuse(w, http.StatusNotFound, api.NewError(api.CodeNotFound, "The run has no file of that name.", ""))
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.Copy(w, f) // the reader has gone
}

func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name == "" {
		name = "index.html"
	}
	b, err := fs.ReadFile(static, "static/"+name)
	if err != nil {
		b, err = fs.ReadFile(report.Viewer(), name)
	}
	if err != nil {
		refuse(w, http.StatusNotFound, api.NewError(api.CodeNotFound, "There is no such page here.", ""))
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	_, _ = w.Write(b) // the reader has gone
}

func refuse(w http.ResponseWriter, status int, e *api.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e) // the reader has gone
}
