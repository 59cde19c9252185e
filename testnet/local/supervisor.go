package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/covey-p2p/covey/testnet"
)

// A supervisor is how other terminals speak to a running Net: a Unix socket in
// its folder, one verb a call, in the grammar of transcripts.

const socketName = "supervisor.sock"

// maxVerb bounds a line that a terminal sends.
const maxVerb = 64 << 10

// NodeState is a node as `covey testnet ls` lists it.
type NodeState struct {
	Name    string `json:"name"`
	Up      bool   `json:"up"`
	Dir     string `json:"dir"`
	Port    int    `json:"port"`
	PID     int    `json:"pid,omitempty"`
	Account string `json:"account"`
}

// State is the whole network.
type State struct {
	Nodes []NodeState `json:"nodes"`
	Cuts  []string    `json:"cuts"` // partitions in force, as verbs
	Age   float64     `json:"age_s"`
}

// Supervisor serves a Net's socket.
type Supervisor struct {
	net  *Net
	mu   sync.Mutex // one verb at a time
	http *http.Server
	down chan struct{}
	once sync.Once
	done chan error
}

// Supervise opens the socket. Down is closed when somebody asks for the end.
func Supervise(n *Net) (*Supervisor, error) {
	path := filepath.Join(n.opts.Dir, socketName)
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("a testnet runs in %s already: `covey testnet down` ends it, --at names another folder", n.opts.Dir)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s := &Supervisor{net: n, down: make(chan struct{}), done: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/testnet/verb", s.verb)
	mux.HandleFunc("GET /v1/testnet/state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.State()) })
	mux.HandleFunc("GET /v1/testnet/record", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s.record()) })
	mux.HandleFunc("POST /v1/testnet/down", func(w http.ResponseWriter, _ *http.Request) {
		s.once.Do(func() { close(s.down) })
		w.WriteHeader(http.StatusNoContent)
	})
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { s.done <- s.http.Serve(l) }() // ends with Close
	return s, nil
}

// Down is closed when somebody has asked for the end.
func (s *Supervisor) Down() <-chan struct{} { return s.down }

// Close ends the socket, not the Net.
func (s *Supervisor) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Do does a verb, as the socket would.
func (s *Supervisor) Do(line string) (string, error) {
	v, err := testnet.ParseLine(line)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.Name == "show" && len(v.Args) == 1 {
		return s.net.Show(v.Args[0].Word)
	}
	return "", v.Do(s.net)
}

func (s *Supervisor) verb(w http.ResponseWriter, r *http.Request) {
	line, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxVerb))
	out := ""
	if err == nil {
		out, err = s.Do(strings.TrimSpace(string(line)))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	io.WriteString(w, out)
}

// State lists the network.
func (s *Supervisor) State() State {
	st := State{Nodes: []NodeState{}, Cuts: []string{}, Age: s.net.Now().Seconds()}
	for _, d := range s.net.List() {
		ns := NodeState{Name: d.Name, Up: d.Up(), Dir: d.Dir, Port: d.Port, Account: d.account, PID: d.PID()}
		st.Nodes = append(st.Nodes, ns)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range s.net.faults.cuts {
		text := name
		for _, side := range c.sides {
			text += " (" + strings.Join(side, " ") + ")"
		}
		st.Cuts = append(st.Cuts, text)
	}
	return st
}

func (s *Supervisor) record() string {
	var b strings.Builder
	for _, v := range s.net.Record() {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader has gone
}

// Remote speaks to the supervisor of a folder.
type Remote struct{ http *http.Client }

// ErrNone says that no testnet runs in a folder.
var ErrNone = errors.New("no testnet runs here")

// Connect finds the testnet of a folder.
func Connect(dir string) (*Remote, error) {
	path := filepath.Join(dir, socketName)
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, ErrNone
	}
	c.Close()
	return &Remote{&http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}}, nil
}

// Verb does one line.
func (r *Remote) Verb(ctx context.Context, line string) (string, error) {
	return r.do(ctx, http.MethodPost, "verb", strings.NewReader(line))
}

// State lists the network.
func (r *Remote) State(ctx context.Context) (s State, err error) {
	text, err := r.do(ctx, http.MethodGet, "state", nil)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// Record is what was done so far, as a transcript.
func (r *Remote) Record(ctx context.Context) (string, error) {
	return r.do(ctx, http.MethodGet, "record", nil)
}

// Down ends the network; it returns before everything has ended.
func (r *Remote) Down(ctx context.Context) error {
	_, err := r.do(ctx, http.MethodPost, "down", nil)
	return err
}

func (r *Remote) do(ctx context.Context, method, what string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://testnet/v1/testnet/"+what, body)
	if err != nil {
		return "", err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode >= 300 {
		return "", errors.New(strings.TrimSpace(string(text)))
	}
	return string(text), nil
}
