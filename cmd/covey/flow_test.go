package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet/local/wire"
)

// terminal is `covey up` as a process, and somebody who types and reads.
type terminal struct {
	t     *testing.T
	name  string
	port  int
	rules string // of its wire
	dir   string
	cmd   *exec.Cmd
	in    io.WriteCloser

	mu   sync.Mutex
	seen bytes.Buffer
}

func (p *terminal) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// up begins, or goes on.
func (p *terminal) up() {
	p.t.Helper()
	self, err := exec.LookPath("covey") // this test's own binary, by testscript.Main
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(self, "up", "--dir", p.dir, "--name", p.name, "--network", "flow", "--dht=off", "--wire", p.rules,
		"--listen", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", p.port), "--multicast=false", "--map-ports=false", "--relay=false", "--probe=false")
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
}

// types says lines, each with what answers it.
func (p *terminal) types(line string) { fmt.Fprintln(p.in, line) }

func (p *terminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// sees waits for text and returns what the expression's group is.
func (p *terminal) sees(expr string) string {
	p.t.Helper()
	re := regexp.MustCompile("(?m)" + expr)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		text := p.text()
		m := re.FindStringSubmatch(text)
		if m != nil {
			return m[len(m)-1]
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s never sees %q:\n%s", p.name, expr, text)
		}
	}
}

func (p *terminal) quits() {
	p.t.Helper()
	p.types("/quit")
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%s quits: %v\n%s", p.name, err, p.seen.String())
	}
}

// Two people, two terminals, two directories: they meet by a link, compare the
// words, talk, and lose nothing when one is gone for a while, when one is killed,
// or when the wire between them is cut.
func TestTwoTerminals(t *testing.T) {
	dir := t.TempDir()
	var two [2]*terminal
	for i, name := range []string{"alice", "bob"} {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		two[i] = &terminal{t: t, name: name, port: c.LocalAddr().(*net.UDPAddr).Port, rules: filepath.Join(dir, name+".wire"), dir: filepath.Join(dir, name)}
		c.Close()
	}
	alice, bob := two[0], two[1]
	cut := func(off bool) {
		t.Helper()
		for i, p := range two {
			other := two[1-i].port
			if err := (wire.Rules{To: map[int]wire.Link{other: {Cut: off}}}).Write(p.rules); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(wire.TakesEffect)
	}
	cut(false)
	alice.up()
	bob.up()

	alice.types("/link")
	bob.types("/add " + alice.sees(`(covey:\S+)`))
	bob.sees("alice is a contact")
	alice.sees("bob")
	alice.types("/verify bob")
	bob.types("/verify alice")
	const words = `both see the same:\n([a-z /]+)\n\d`
	if a, b := alice.sees(words), bob.sees(words); a != b || len(strings.Fields(a)) < 6 {
		t.Errorf("alice reads %q, bob %q", a, b)
	}
	alice.types("/match bob")
	alice.sees("bob is verified")

	alice.types("/new lab")
	alice.sees("You have founded lab")
	if said := alice.text(); strings.Contains(said, "names nothing") {
		t.Errorf("alice is told of a group that is not open:\n%s", said)
	}
	alice.types("/invite bob")
	bob.sees("You are in lab")
	bob.types("/open lab")
	alice.types("hello from alice")
	bob.sees("alice: hello from alice")
	bob.types("hello from bob")
	alice.sees("bob: hello from bob")

	bob.quits()
	alice.types("while bob is away")
	bob.up()
	bob.types("/open lab")
	bob.sees("alice: while bob is away")

	alice.cmd.Process.Kill()
	alice.cmd.Wait()
	bob.types("while alice is down")
	alice.up()
	alice.types("/open lab")
	alice.sees("bob: while alice is down")

	cut(true)
	alice.types("from the left of a cut")
	bob.types("from the right of a cut")
	time.Sleep(2 * time.Second)
	for _, p := range two {
		p.mu.Lock()
		if other := map[string]string{"alice": "bob: from the right", "bob": "alice: from the left"}[p.name]; strings.Contains(p.seen.String(), other) {
			t.Errorf("%s hears through the cut: nothing is tested", p.name)
		}
		p.mu.Unlock()
	}
	cut(false)
	alice.sees("bob: from the right of a cut")
	bob.sees("alice: from the left of a cut")
	alice.quits()
	bob.quits()
}
