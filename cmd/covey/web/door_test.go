package web

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
)

// page starts a page whose node is away, and returns its base address and a
// client that holds no cookie yet.
func page(t *testing.T, o Options) (s *Server, base string) {
	t.Helper()
	s, err := Serve(api.NewClient(filepath.Join(t.TempDir(), "no.sock"), ""), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, "http://127.0.0.1:" + s.port
}

type ask struct {
	method, path, body string
	host               string
	header             map[string]string
}

func do(t *testing.T, base string, a ask) *http.Response {
	t.Helper()
	if a.method == "" {
		a.method = http.MethodGet
	}
	req, err := http.NewRequest(a.method, base+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.host != "" {
		req.Host = a.host
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// enter trades the token of a fresh address and returns the cookie.
func enter(t *testing.T, s *Server, base string) string {
	t.Helper()
	_, token, _ := strings.Cut(s.URL(), "#t=")
	resp := do(t, base, ask{method: "POST", path: "/enter", body: token, header: map[string]string{"Origin": base}})
	if resp.StatusCode != http.StatusNoContent || len(resp.Cookies()) != 1 {
		t.Fatalf("enter: %s, cookies %v", resp.Status, resp.Cookies())
	}
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie can be read or carried by others: %+v", c)
	}
	return c.Name + "=" + c.Value
}

func TestTokenWorksOnce(t *testing.T) {
	s, base := page(t, Options{})
	_, token, _ := strings.Cut(s.URL(), "#t=")
	own := map[string]string{"Origin": base}
	if r := do(t, base, ask{method: "POST", path: "/enter", body: token, header: own}); r.StatusCode != http.StatusNoContent {
		t.Fatalf("first use: %s", r.Status)
	}
	if r := do(t, base, ask{method: "POST", path: "/enter", body: token, header: own}); r.StatusCode != http.StatusForbidden {
		t.Errorf("second use: %s", r.Status)
	}
	for _, bad := range []string{"", "x", token + "x", strings.Repeat("A", 400)} {
		if r := do(t, base, ask{method: "POST", path: "/enter", body: bad, header: own}); r.StatusCode != http.StatusForbidden {
			t.Errorf("token %q: %s", bad, r.Status)
		}
	}
}

func TestTokenAndSessionEnd(t *testing.T) {
	d := newDoor()
	now := time.Now()
	d.now = func() time.Time { return now }
	late := d.token()
	session := d.trade(d.token())
	req, _ := http.NewRequest("GET", "/", nil)
	req.AddCookie(&http.Cookie{Name: cookieName, Value: session})
	if !d.admits(req) {
		t.Fatal("a fresh session is not admitted")
	}
	now = now.Add(tokenLife + time.Second)
	if d.trade(late) != "" {
		t.Error("a token works past its life")
	}
	now = now.Add(sessionLife)
	if d.admits(req) {
		t.Error("a session works past its life")
	}
	for range maxSessions {
		if d.trade(d.token()) == "" {
			t.Fatal("a session was refused below the cap: old ones are not cleared")
		}
	}
	if d.trade(d.token()) != "" {
		t.Error("sessions are not capped")
	}
}

// TestForeign is the hostile web: each row is a request that a browser could be
// made to send by somebody else's page.
func TestForeign(t *testing.T) {
	s, base := page(t, Options{})
	cookie := enter(t, s, base)
	rows := []struct {
		why  string
		ask  ask
		want int
	}{
		{"own page reads", ask{path: "/entered", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}}, 204},
		{"localhost is us too", ask{path: "/entered", host: "localhost:" + s.port, header: map[string]string{"Cookie": cookie}}, 204},
		{"no cookie", ask{path: "/v1/status"}, 401},
		{"a guessed cookie", ask{path: "/v1/status", header: map[string]string{"Cookie": cookieName + "=x"}}, 401},
		{"a rebound name", ask{path: "/entered", host: "evil.example:" + s.port, header: map[string]string{"Cookie": cookie}}, 403},
		{"a rebound name, page itself", ask{path: "/", host: "evil.example:" + s.port}, 403},
		{"another port", ask{path: "/entered", host: "127.0.0.1:1", header: map[string]string{"Cookie": cookie}}, 403},
		{"no port", ask{path: "/entered", host: "127.0.0.1", header: map[string]string{"Cookie": cookie}}, 403},
		{"cross-site fetch", ask{path: "/entered", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}}, 403},
		{"same site, other port", ask{path: "/entered", header: map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-site"}}, 403},
		{"post from another origin", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie, "Origin": "http://evil.example"}}, 403},
		{"post from a lookalike", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie, "Origin": "http://127.0.0.1:" + s.port + ".evil.example"}}, 403},
		{"post from null", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie, "Origin": "null"}}, 403},
		{"post from https", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie, "Origin": "https://127.0.0.1:" + s.port}}, 403},
		{"post with no origin", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie}}, 403},
		{"own post, node away", ask{method: "POST", path: "/v1/groups", header: map[string]string{"Cookie": cookie, "Origin": base}}, 503},
		{"tokens are not the page's", ask{path: "/v1/tokens", header: map[string]string{"Cookie": cookie}}, 404},
		{"shutdown is not the page's", ask{method: "POST", path: "/v1/shutdown", header: map[string]string{"Cookie": cookie, "Origin": base}}, 404},
		{"a way around", ask{path: "/v1/groups/%2e%2e/tokens", header: map[string]string{"Cookie": cookie}}, 404},
		{"debug is not the page's", ask{path: "/debug/pprof/", header: map[string]string{"Cookie": cookie}}, 404},
	}
	for _, r := range rows {
		client := http.DefaultClient
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		got := do(t, base, r.ask)
		if got.StatusCode != r.want {
			t.Errorf("%s: %s, want %d", r.why, got.Status, r.want)
		}
		if csp := got.Header.Get("Content-Security-Policy"); csp != policy {
			t.Errorf("%s: policy %q", r.why, csp)
		}
	}
}

func TestRunFiles(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"run/events.jsonl": `{"t":1,"k":"up","n":"a"}`, "secret": "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(run, "link")); err != nil {
		t.Fatal(err)
	}
	s, base := page(t, Options{Run: run})
	cookie := enter(t, s, base)
	for name, want := range map[string]int{"events.jsonl": 200, "link": 404, "none": 404, "..%2fsecret": 404, ".hidden": 404} {
		r := do(t, base, ask{path: "/run/" + name, header: map[string]string{"Cookie": cookie}})
		if r.StatusCode != want {
			t.Errorf("%s: %s, want %d", name, r.Status, want)
		}
	}
}

func TestQR(t *testing.T) {
	s, base := page(t, Options{})
	h := map[string]string{"Cookie": enter(t, s, base), "Origin": base}
	r := do(t, base, ask{method: "POST", path: "/qr", body: "covey:link", header: h})
	b, _ := io.ReadAll(r.Body)
	if r.StatusCode != 200 || !strings.HasPrefix(string(b), "<svg ") || strings.Count(string(b), "M") < 50 {
		t.Errorf("%s %.80s", r.Status, b)
	}
	for _, bad := range []string{"", strings.Repeat("x", maxQR+1)} {
		if r := do(t, base, ask{method: "POST", path: "/qr", body: bad, header: h}); r.StatusCode != 400 {
			t.Errorf("%d bytes: %s", len(bad), r.Status)
		}
	}
}

func TestPageIsWhole(t *testing.T) {
	_, base := page(t, Options{})
	r := do(t, base, ask{path: "/"})
	b, _ := io.ReadAll(r.Body)
	html := string(b)
	if r.StatusCode != 200 || !strings.Contains(html, "<title>covey</title>") {
		t.Fatalf("%s", r.Status)
	}
	if strings.Contains(html, "http://") || strings.Contains(html, "https://") {
		t.Error("the page names another host")
	}
	names, err := static.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		r := do(t, base, ask{path: "/" + n.Name()})
		if r.StatusCode != 200 || r.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %s %q", n.Name(), r.Status, r.Header.Get("Content-Type"))
		}
		b, _ := io.ReadAll(r.Body)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s uses %s: what others wrote must stay text", n.Name(), bad)
			}
		}
	}
}

// TestNodeThatDiesIsNoNoise has a node end in the middle of its answers: the page
// is told by a broken body, and nothing is written to the terminal.
func TestNodeThatDiesIsNoNoise(t *testing.T) {
	var noise bytes.Buffer
	log.SetOutput(&noise)
	defer log.SetOutput(os.Stderr)
	sock := filepath.Join(t.TempDir(), "sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	node := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "{\"name\":")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})}
	go node.Serve(ln)
	defer node.Close()
	s, err := Serve(api.NewClient(sock, ""), Options{})
	if err != nil {
		t.Fatal(err)
	}
	base := "http://127.0.0.1:" + s.port
	cookie := enter(t, s, base)
	for _, path := range []string{"/v1/status", "/v1/events?from=0"} {
		r := do(t, base, ask{path: path, header: map[string]string{"Cookie": cookie}})
		if body, err := io.ReadAll(r.Body); err == nil {
			t.Errorf("%s ends as if it were whole: %q", path, body)
		}
	}
	node.Close()
	r := do(t, base, ask{path: "/v1/status", header: map[string]string{"Cookie": cookie}})
	if body, err := io.ReadAll(r.Body); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "The node does not answer.") {
		t.Errorf("afterwards: %s %q %v", r.Status, body, err)
	}
	if err := s.Close(); err != nil { // every handler has ended, and with it what it would write
		t.Error(err)
	}
	if noise.Len() > 0 {
		t.Errorf("the terminal shows %q", noise.String())
	}
}
