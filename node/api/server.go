package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Options of a Server; the zero value works.
type Options struct {
	Version string       // of the API's description
	Metrics http.Handler // served at /metrics, on the socket only
	Answers Answers      // keeps answers by their keys across restarts
}

// Server answers the API's calls from a Backend.
type Server struct {
	backend  Backend
	options  Options
	mux      *http.ServeMux
	spec     func() []byte // written when first asked for: it takes ten milliseconds
	remember *memory
	watchers chan struct{} // a place per event stream
}

// NewServer makes a server for a backend. It starts nothing.
func NewServer(b Backend, o Options) *Server {
	s := &Server{backend: b, options: o, mux: http.NewServeMux(), remember: newMemory(o.Answers), watchers: make(chan struct{}, MaxWatchers)}
	config := huma.DefaultConfig("covey", o.Version)
	config.Info.Description = "Local API of a covey node."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // we serve the description ourselves; the documentation page would load scripts from elsewhere
	config.CreateHooks = nil                                             // no $schema in answers
	a := humago.New(s.mux, config)
	for _, r := range routes {
		r.register(a, s, r)
	}
	s.spec = sync.OnceValue(func() []byte {
		b, _ := json.MarshalIndent(a.OpenAPI(), "", "  ") // a structure of our own, tested
		return b
	})
	s.plain(s.mux)
	return s
}

// Socket returns the handler for the node's Unix socket: without a token the
// caller is the owner.
func (s *Server) Socket() http.Handler { return s.handler(true) }

// Loopback returns the handler for a loopback port: it demands a token, and
// knows only the API proper.
func (s *Server) Loopback() http.Handler { return s.handler(false) }

// OpenAPI returns the description of the API, OpenAPI 3.1 in JSON.
func (s *Server) OpenAPI() []byte { return s.spec() }

func (s *Server) handler(socket bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, err := s.authenticate(r, socket)
		if err != nil {
			writeError(w, AsError(err))
			return
		}
		r = r.WithContext(ctx)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			s.mux.ServeHTTP(w, r)
			return
		}
		s.remember.serve(w, r, s.mux)
	})
}

// route is one line of the table.
type route struct {
	op       huma.Operation
	access   access
	register func(huma.API, *Server, route)
}

// call makes a route whose answer is one JSON value.
func call[I, O any](method, path string, a access, summary string, f func(context.Context, Backend, *I) (O, error)) route {
	return route{op: operation(method, path, summary), access: a, register: func(api huma.API, s *Server, r route) {
		huma.Register(api, r.op, func(ctx context.Context, in *I) (*struct{ Body O }, error) {
			if err := s.allow(ctx, r.access, in); err != nil {
				return nil, AsError(err)
			}
			out, err := f(ctx, s.backend, in)
			if err != nil {
				return nil, AsError(err)
			}
			if v := reflect.ValueOf(&out).Elem(); v.Kind() == reflect.Slice && v.IsNil() {
				v.Set(reflect.MakeSlice(v.Type(), 0, 0)) // [] rather than null
			}
			return &struct{ Body O }{out}, nil
		})
	}}
}

// stream makes the route of the event log.
func stream(method, path string, a access, summary string) route {
	return route{op: operation(method, path, summary), access: a, register: func(api huma.API, s *Server, r route) {
		schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Event](), true, "Event")
		r.op.Responses = map[string]*huma.Response{"200": {Description: "Events, in order.", Content: map[string]*huma.MediaType{
			"application/x-ndjson": {Schema: schema}, "text/event-stream": {Schema: schema},
		}}}
		huma.Register(api, r.op, func(ctx context.Context, in *inEvents) (*huma.StreamResponse, error) {
			w, err := s.watch(ctx, in)
			if err != nil {
				return nil, AsError(err)
			}
			return &huma.StreamResponse{Body: func(c huma.Context) {
				req, rw := humago.Unwrap(c)
				w.run(req.Context(), rw)
			}}, nil
		})
	}}
}

func operation(method, path, summary string) huma.Operation {
	id := strings.ToLower(method)
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/v1/"), "/") {
		id += "-" + strings.Trim(part, "{}")
	}
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: MaxBody}
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	status, err := s.backend.Status(r.Context())
	if err == nil && !status.Ready {
		err = NewError(CodeNotReady, "The node is not ready yet.", "Try again in a second.")
	}
	if err != nil {
		writeError(w, AsError(err))
		return
	}
	fmt.Fprintln(w, "ready")
}

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Write(s.spec())
}

func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

func writeError(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.GetStatus())
	json.NewEncoder(w).Encode(e)
}

// huma makes errors of its own, for requests that do not fit their schema;
// this is its hook for giving them our form.
func init() {
	huma.NewError = func(status int, message string, details ...error) huma.StatusError {
		var parts []string
		for _, d := range details {
			if e, ok := d.(huma.ErrorDetailer); ok {
				parts = append(parts, misfit(e.ErrorDetail()))
			} else if d != nil {
				parts = append(parts, d.Error())
			}
		}
		if len(parts) == 0 {
			parts = append(parts, message)
		}
		code := CodeUsage
		switch {
		case status == http.StatusRequestEntityTooLarge:
			code = CodeTooLarge
		case status >= 500:
			code = CodeInternal
		}
		return NewError(code, "That cannot be taken: "+strings.Join(parts, "; ")+".", "")
	}
}

// misfits are the beginnings of huma's words for what does not fit, and ours;
// what follows the beginning, a limit or a list, follows ours too.
var misfits = []struct{ theirs, ours string }{
	{"expected length >= 1", "is empty"},
	{"expected length >= ", "has fewer characters than "},
	{"expected length <= ", "has more characters than "},
	{"expected number >= ", "is below "},
	{"expected number <= ", "is above "},
	{"expected value to be one of ", "is none of "},
	{"required query parameter is missing", "is missing"},
}

// whole writes a number without an exponent: limits are numbers of things.
func whole(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// misfit says which value of a request does not fit, and why.
func misfit(d *huma.ErrorDetail) string {
	field := d.Location[strings.LastIndexByte(d.Location, '.')+1:]
	for _, m := range misfits {
		rest, is := strings.CutPrefix(d.Message, m.theirs)
		switch {
		case !is:
			continue
		case d.Value == nil || d.Value == "":
			return field + " " + m.ours + strings.Trim(rest, `"`)
		}
		if limit, err := strconv.ParseFloat(rest, 64); err == nil {
			rest = whole(limit)
		}
		given := Quote(fmt.Sprint(d.Value))
		if n, ok := d.Value.(float64); ok {
			given = whole(n)
		}
		return fmt.Sprintf("%s %s %s%s", field, given, m.ours, strings.Trim(rest, `"`))
	}
	return strings.TrimSpace(field + " " + d.Message)
}
