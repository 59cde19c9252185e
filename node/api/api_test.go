package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is a small Backend that keeps one group's messages and log in memory:
// enough to put the server and the client through their paces. What it does
// not implement panics.
type ledger struct {
	Backend
	mu     sync.Mutex
	events []Event
	grew   chan struct{}
	sends  int
}

const lab = "aaaabbbbccccdddd0000111122223333"

func newLedger() *ledger { return &ledger{grew: make(chan struct{})} }

func (l *ledger) Status(context.Context) (Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{Name: "alice", Cursor: uint64(len(l.events)), Ready: true}, nil
}

func (l *ledger) Groups(context.Context) ([]Group, error) { return nil, nil }

func (l *ledger) GroupID(_ context.Context, ref string) (string, error) {
	if ref == "lab" || ref == lab {
		return lab, nil
	}
	return "", NewError(CodeNotFound, "No group is called "+ref+".", "`covey group ls` lists them.")
}

func (l *ledger) Send(ctx context.Context, key Key, group string, m NewMessage) (Sent, error) {
	id, err := l.GroupID(ctx, group)
	if err != nil {
		return Sent{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends++
	msg := Message{ID: string(key), Group: id, Text: m.Text}
	l.log(Event{Type: EventMessage, Group: id, Message: &msg, Text: "alice: " + m.Text})
	return Sent{Message: msg, Cursor: uint64(len(l.events)) - 1}, nil
}

func (l *ledger) log(e Event) {
	e.Cursor = uint64(len(l.events)) + 1
	l.events = append(l.events, e)
	close(l.grew)
	l.grew = make(chan struct{})
}

func (l *ledger) Events(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			l.mu.Lock()
			fresh, grew := l.events[min(after, uint64(len(l.events))):], l.grew
			l.mu.Unlock()
			for _, e := range fresh {
				if !yield(e, nil) {
					return
				}
				after = e.Cursor
			}
			select {
			case <-grew:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (l *ledger) CheckToken(_ context.Context, secret string) (Token, error) {
	switch secret {
	case "reader":
		return Token{ID: "1", Scopes: []string{lab + ":read"}}, nil
	case "sender":
		return Token{ID: "2", Scopes: []string{"*:send"}}, nil
	}
	return Token{}, NewError(CodeDenied, "This token is unknown or has expired.", "Mint another with `covey token mint`.")
}

// serve runs the server on a Unix socket and returns the owner's client, and
// on loopback, and returns its address.
func serve(t *testing.T, b Backend) (*Client, string) {
	t.Helper()
	s := NewServer(b, Options{Version: "test"})
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	unix := &http.Server{Handler: s.Socket()}
	go unix.Serve(l)
	t.Cleanup(func() { unix.Close() })
	web := httptest.NewServer(s.Loopback())
	t.Cleanup(web.Close)
	c := ForDir(dir)
	t.Cleanup(c.Close)
	return c, web.URL
}

func code(t *testing.T, err error) Code {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	t.Fatalf("not an api error: %v", err)
	return ""
}

func TestOneKeyIsOneIntent(t *testing.T) {
	l := newLedger()
	c, _ := serve(t, l)
	ctx := WithKey(t.Context(), "once")
	first, err := c.Send(ctx, "lab", NewMessage{Text: "hi"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Send(ctx, "lab", NewMessage{Text: "hi"})
	if err != nil || again != first {
		t.Errorf("the same request answered %+v, then %+v, %v", first, again, err)
	}
	if _, err := c.Send(ctx, "lab", NewMessage{Text: "ho"}); code(t, err) != CodeConflict {
		t.Errorf("another request with the same key: %v", err)
	}
	if _, err := c.Send(t.Context(), "lab", NewMessage{Text: "hi"}); err != nil {
		t.Error(err)
	}
	if l.sends != 2 {
		t.Errorf("sent %d times, want 2", l.sends)
	}
}

// shelf keeps answers across servers.
type shelf map[string][]byte

func (s shelf) Answer(key string) ([]byte, bool)      { b, ok := s[key]; return b, ok }
func (s shelf) KeepAnswer(key string, b []byte) error { s[key] = b; return nil }

func (l *ledger) NewLink(context.Context, NewLink) (Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends++
	return Link{ID: strings.Repeat("x", l.sends)}, nil
}

func (l *ledger) MintToken(context.Context, NewToken) (Token, error) {
	return Token{ID: "t", Secret: "do not keep"}, nil
}

// Answers of changes outlive the server, errors and secrets do not.
func TestAnswersSurviveARestart(t *testing.T) {
	l, kept := newLedger(), shelf{}
	post := func(path, key, body string) (string, bool) {
		t.Helper()
		s := NewServer(l, Options{Answers: kept}) // a new one each time
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		s.Socket().ServeHTTP(w, r)
		return w.Body.String(), w.Header().Get("Idempotent-Replay") != ""
	}
	first, _ := post("/v1/links", "k", `{}`)
	again, replayed := post("/v1/links", "k", `{}`)
	if first != again || !replayed || l.sends != 1 {
		t.Errorf("%d times done: %s then %s", l.sends, first, again)
	}
	if other, _ := post("/v1/links", "k", `{"uses":1}`); !strings.Contains(other, `"code":"conflict"`) {
		t.Errorf("another request under the same key: %s", other)
	}
	post("/v1/tokens", "secret", `{"scopes":["*:read"]}`)
	post("/v1/groups/lab/messages", "text", `{"text":"hi"}`)
	post("/v1/links", "bad", `{"nonsense":1}`)
	if len(kept) != 1 {
		t.Errorf("kept %d answers: %q", len(kept), kept)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	c, _ := serve(t, newLedger())
	_, err := c.Send(t.Context(), "nowhere", NewMessage{Text: "hi"})
	if !errors.Is(err, NotFound) || !strings.Contains(err.Error(), "covey group ls") {
		t.Errorf("unknown group: %v", err)
	}
	if _, err := c.Send(t.Context(), "lab", NewMessage{}); code(t, err) != CodeUsage {
		t.Errorf("empty text: %v", err)
	}
	if _, err := c.Send(t.Context(), "lab", NewMessage{Text: strings.Repeat("x", MaxBody)}); code(t, err) != CodeTooLarge {
		t.Errorf("huge text: %v", err)
	}
	if err := c.get(t.Context(), nil, "nothing"); code(t, err) != CodeNotFound {
		t.Errorf("unknown path: %v", err)
	}
	if _, err := ForDir(t.TempDir()).Status(t.Context()); !errors.Is(err, NoDaemon) {
		t.Errorf("no daemon: %v", err)
	}
}

// TestWhatDoesNotFitIsSaid holds the sentences for values that huma refuses.
func TestWhatDoesNotFitIsSaid(t *testing.T) {
	c, _ := serve(t, newLedger())
	huge := strings.Repeat("A", 100_000)
	said := `"` + huge[:quoted-1] + `…"`
	for want, call := range map[string]func() error{
		"name is empty": func() error { _, err := c.SetName(t.Context(), ""); return err },
		"name " + said + " has more characters than 64": func() error { _, err := c.SetName(t.Context(), huge); return err },
		"limit \"-1\" is below 0":                       func() error { _, err := c.Messages(t.Context(), "lab", MessageQuery{Limit: -1}); return err },
		"limit \"501\" is above 500":                    func() error { _, err := c.Messages(t.Context(), "lab", MessageQuery{Limit: MaxPage + 1}); return err },
		"role \"king\" is none of member, admin, owner": func() error {
			_, err := c.SetRole(t.Context(), "lab", "bob", "king")
			return err
		},
		"ttl_seconds 3600000000 is above 7776000": func() error {
			_, err := c.MintToken(t.Context(), NewToken{Scopes: []string{"lab:read"}, TTLSeconds: 3_600_000_000})
			return err
		},
		"subject is missing": func() error { _, err := c.Explain(t.Context(), ""); return err },
		"nonsense unexpected property": func() error {
			return c.post(t.Context(), nil, map[string]string{"nonsense": "", "name": "x"}, "groups")
		},
	} {
		err := call()
		if e := AsError(err); e.Code != CodeUsage || e.Message != "That cannot be taken: "+want+"." {
			t.Errorf("%q: %v", want, err)
		}
	}
	for _, err := range c.Watch(t.Context(), WatchOptions{Types: []EventType{"mesage"}}) {
		if e := AsError(err); e.Code != CodeUsage || !strings.Contains(e.Hint, "message delivery") {
			t.Errorf("a type that there is not: %v", err)
		}
	}
}

// paths is a Backend that says which group it was asked for.
type paths struct{ *ledger }

func (paths) Group(_ context.Context, ref string) (GroupDetail, error) {
	return GroupDetail{Group: Group{Name: ref}}, nil
}

// TestAnyNameReachesTheNode holds that a reference is one element of the path,
// whatever it is made of, and that what cannot be one is no other call.
func TestAnyNameReachesTheNode(t *testing.T) {
	c, _ := serve(t, paths{newLedger()})
	for _, name := range []string{"lab", "book club", "what?", "a/b", "a?b=c#d", "100%", "%2e", "日本", "\xff\x00", "...", "a+b&c"} {
		if g, err := c.Group(t.Context(), name); err != nil || g.Name != strings.ToValidUTF8(name, "\ufffd") {
			t.Errorf("%q is asked for as %q: %v", name, g.Name, err)
		}
	}
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.Group(t.Context(), name); code(t, err) != CodeUsage || !strings.Contains(err.Error(), "names nothing") {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := c.Rotate(t.Context(), name); code(t, err) != CodeUsage {
			t.Errorf("rotate %q: %v", name, err)
		}
	}
}

func TestEmptyListIsAnArray(t *testing.T) {
	c, _ := serve(t, newLedger())
	var raw json.RawMessage
	if err := c.get(t.Context(), &raw, "groups"); err != nil || string(bytes.TrimSpace(raw)) != "[]" {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestWatchResumes(t *testing.T) {
	l := newLedger()
	s := NewServer(l, Options{})
	dir := t.TempDir()
	start := func() *http.Server {
		listener, err := Listen(dir)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: s.Socket()}
		go srv.Serve(listener)
		return srv
	}
	srv := start()
	defer func() { srv.Close() }()
	c := ForDir(dir)
	for range 3 {
		l.Send(t.Context(), "a", "lab", NewMessage{Text: "past"})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var got []uint64
	for e, err := range c.Watch(ctx, WatchOptions{From: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Cursor)
		if e.Cursor == 3 {
			srv.Close() // the daemon dies and comes back
			srv = start()
			l.Send(t.Context(), "b", "lab", NewMessage{Text: "to come"})
		}
		if e.Cursor == 4 {
			break
		}
	}
	if want := []uint64{2, 3, 4}; len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got cursors %v, want %v", got, want)
	}
}

func TestWatchOnceEndsWhereThePastEnds(t *testing.T) {
	l := newLedger()
	c, _ := serve(t, l)
	for range 5 {
		l.Send(t.Context(), "a", "lab", NewMessage{Text: "past"})
	}
	for _, from := range []uint64{0, 2, 5, 9} {
		n := 0
		for _, err := range c.Watch(t.Context(), WatchOptions{From: from, Once: true}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if want := max(0, 5-int(from)); n != want {
			t.Errorf("from %d: %d events, want %d", from, n, want)
		}
	}
}

func TestTokensReachNoFurtherThanTheirScopes(t *testing.T) {
	l := newLedger()
	_, web := serve(t, l)
	reader, sender := NewClient(web, "reader"), NewClient(web, "sender")
	if _, err := sender.Send(t.Context(), "lab", NewMessage{Text: "beep"}); err != nil {
		t.Errorf("a sender cannot send: %v", err)
	}
	for name, err := range map[string]error{
		"reader sends":          second(reader.Send(t.Context(), "lab", NewMessage{Text: "x"})),
		"reader, other group":   second(reader.Messages(t.Context(), "other", MessageQuery{})),
		"sender reads":          second(sender.Messages(t.Context(), "lab", MessageQuery{})),
		"reader administrates":  second(reader.Status(t.Context())),
		"reader mints a token":  second(reader.MintToken(t.Context(), NewToken{Scopes: []string{"*:send"}})),
		"no token":              second(NewClient(web, "").Status(t.Context())),
		"unknown token":         second(NewClient(web, "forged").Status(t.Context())),
		"metrics over loopback": second(http.Get(web + "/metrics")),
	} {
		if name == "metrics over loopback" {
			continue
		}
		if err == nil || code(t, err) != CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	l.mu.Lock()
	l.log(Event{Type: EventTrouble, Text: "not of a group"})
	l.log(Event{Type: EventMessage, Group: "elsewhere", Text: "not of its group"})
	l.mu.Unlock()
	n := 0
	for e := range reader.Watch(t.Context(), WatchOptions{Once: true}) {
		if n++; e.Group != lab {
			t.Errorf("a reader sees %+v", e)
		}
	}
	if n != 1 {
		t.Errorf("a reader sees %d events, want 1", n)
	}
}

func second[T any](_ T, err error) error { return err }

func TestLoopbackAnswersToLocalhostOnly(t *testing.T) {
	_, web := serve(t, newLedger())
	for _, tt := range []struct {
		path, host string
		want       int
	}{
		{"/v1/groups/lab/messages", "evil.example", http.StatusForbidden},
		{"/debug/pprof/", "", http.StatusForbidden},
		{"/metrics", "", http.StatusForbidden},
	} {
		req, _ := http.NewRequest("GET", web+tt.path, nil)
		req.Host = tt.host
		req.Header.Set("Authorization", "Bearer reader")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s from host %q: %d, want %d", tt.path, tt.host, resp.StatusCode, tt.want)
		}
	}
}

func TestBrowsersResumeByLastEventID(t *testing.T) {
	l := newLedger()
	c, _ := serve(t, l)
	for _, text := range []string{"one", "two"} {
		l.Send(t.Context(), "a", "lab", NewMessage{Text: text})
	}
	base, transport := c.HTTP()
	req, _ := http.NewRequest("GET", base+"/v1/events?once=true", nil)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", "1")
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	got := string(b)
	if resp.Header.Get("Content-Type") != "text/event-stream" || strings.Contains(got, "one") ||
		!strings.Contains(got, "id: 2\nevent: message\ndata: {\"cursor\":2") || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("got %s:\n%s", resp.Header.Get("Content-Type"), got)
	}
}

func TestSocketIsForItsOwner(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(SocketPath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(dir); code(t, err) != CodeLocked {
		t.Errorf("a second node: %v", err)
	}
	deep := filepath.Join(dir, strings.Repeat("deep/", 40))
	if p := SocketPath(deep); len(p) > maxSocketPath || p == SocketPath(deep+"er") {
		t.Errorf("deep directory: %q", p)
	}
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o777)
	if _, err := Listen(open); code(t, err) != CodeDenied {
		t.Errorf("a directory that others may write to: %v", err)
	}
}

// The kernel says whose process calls; another user's gets a sentence.
func TestSocketRefusesOtherUsers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the caller is not known here; the modes stand alone")
	}
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	owners := l.(*ownerListener)
	if !owners.allow(os.Getuid()) || os.Getuid() != 65534 && owners.allow(65534) {
		t.Error("the wrong users are allowed")
	}
	var stranger atomic.Bool
	var asked atomic.Int64
	owners.allow = func(uid int) bool { asked.Store(int64(uid)); return !stranger.Load() }
	s := &http.Server{Handler: NewServer(newLedger(), Options{}).Socket()}
	go s.Serve(l)
	defer s.Close()
	c := ForDir(dir)
	defer c.Close()
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatalf("the owner: %v", err)
	}
	c.Close()
	stranger.Store(true)
	if _, err := c.Status(t.Context()); code(t, err) != CodeDenied || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("another user: %v", err)
	}
	if asked.Load() != int64(os.Getuid()) || owners.refused.Load() == 0 {
		t.Errorf("asked about user %d, refused %d", asked.Load(), owners.refused.Load())
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// The description is generated from the table of routes; a change of the API is
// seen in the change of this file.
func TestDescriptionIsTheRecordedOne(t *testing.T) {
	got := append(NewServer(newLedger(), Options{Version: "test"}).OpenAPI(), '\n')
	path := filepath.Join("testdata", "openapi.json")
	if *update {
		os.MkdirAll("testdata", 0o755)
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the API is not as recorded (write it anew with -update): %v", err)
	}
}

// Every route has a client method and the other way round: the description is
// compared with what the client asks for.
func TestDescriptionIsComplete(t *testing.T) {
	s := NewServer(newLedger(), Options{Version: "test"})
	var spec struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(s.OpenAPI(), &spec); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Errorf("version %q", spec.OpenAPI)
	}
	n := 0
	for _, methods := range spec.Paths {
		n += len(methods)
	}
	if n != len(routes) {
		t.Errorf("%d operations described, %d routes", n, len(routes))
	}
}
