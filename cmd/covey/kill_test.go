package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
)

var kills = flag.Int("kills", 6, "how often TestKilledNodeLosesNothing kills its node")

// daemon is a node as a process of its own.
type daemon struct {
	t   *testing.T
	dir string
	cmd *exec.Cmd
	api *api.Client
}

func startDaemon(t *testing.T, dir, name string) *daemon {
	t.Helper()
	self, err := exec.LookPath("covey") // this test's own binary, by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, dir: dir, api: api.ForDir(dir)}
	d.cmd = exec.Command(self, "daemon", "run", "--dir", dir, "--name", name, "--network", "kill", "--dht=off",
		"--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--multicast=false", "--map-ports=false", "--relay=false", "--probe=false")
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	d.until("ready", func() bool { s, err := d.api.Status(t.Context()); return err == nil && s.Ready })
	return d
}

// kill is kill -9: nothing is flushed, nothing is said.
func (d *daemon) kill() {
	d.cmd.Process.Kill()
	d.cmd.Wait()
	d.api.Close()
}

func (d *daemon) until(what string, ok func() bool) {
	d.t.Helper()
	for end := time.Now().Add(150 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			if peers, err := d.api.Peers(d.t.Context()); err == nil {
				d.t.Logf("peers %+v", peers)
			}
			if w, err := d.api.Why(d.t.Context(), "room", ""); err == nil {
				d.t.Logf("why %+v", w)
			}
			if n, err := d.api.Net(d.t.Context()); err == nil {
				d.t.Logf("drops %v; %d texts", n.Drops, len(d.texts()))
			}
			d.t.Fatalf("%s: not %s in time", filepath.Base(d.dir), what)
		}
	}
}

// texts counts what a node has of the group, by text.
func (d *daemon) texts() map[string]int {
	got := make(map[string]int)
	for after := uint64(0); ; {
		page, err := d.api.Messages(d.t.Context(), "room", api.MessageQuery{After: after, Since: time.Unix(1, 0), Limit: api.MaxPage})
		if err != nil {
			return got
		}
		for _, m := range page.Messages {
			got[m.Text]++
			after = m.Seq
		}
		if !page.More {
			return got
		}
	}
}

// A node that is killed again and again while it sends loses nothing that it
// acknowledged, doubles nothing, and stays in the group.
func TestKilledNodeLosesNothing(t *testing.T) {
	n := *kills
	if testing.Short() {
		n = min(n, 3)
	}
	dir := t.TempDir()
	alice, bob := startDaemon(t, filepath.Join(dir, "a"), "alice"), startDaemon(t, filepath.Join(dir, "b"), "bob")
	link, err := alice.api.NewLink(t.Context(), api.NewLink{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.api.AddContact(t.Context(), api.NewContact{Link: link.URL}); err != nil {
		t.Fatal(err)
	}
	alice.until("a contact of bob", func() bool {
		k, err := alice.api.Contact(t.Context(), "bob")
		return err == nil && k.State == api.ContactKnown
	})
	if _, err := alice.api.CreateGroup(t.Context(), api.NewGroup{Name: "room", Invite: []string{"bob"}}); err != nil {
		t.Fatal(err)
	}
	bob.until("in the group", func() bool { _, err := bob.api.Group(t.Context(), "room"); return err == nil })
	acknowledged := make(map[string]bool)
	for i := range n {
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan []string)
		go func() {
			var texts []string
			for j := 0; ctx.Err() == nil; j++ {
				text := fmt.Sprintf("life %d, message %d", i, j)
				if _, err := alice.api.Send(ctx, "room", api.NewMessage{Text: text}); err == nil {
					texts = append(texts, text)
				}
			}
			sent <- texts
		}()
		time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
		alice.kill()
		cancel()
		for _, text := range <-sent {
			acknowledged[text] = true
		}
		alice = startDaemon(t, alice.dir, "alice")
	}
	t.Logf("%d kills, %d messages acknowledged", n, len(acknowledged))
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged: nothing is tested")
	}
	for _, d := range []*daemon{alice, bob} {
		d.until("in possession of every message", func() bool {
			got := d.texts()
			for text := range acknowledged {
				if got[text] == 0 {
					return false
				}
			}
			return true
		})
		for text, count := range d.texts() {
			if count != 1 {
				t.Errorf("%s has %q %d times", filepath.Base(d.dir), text, count)
			}
		}
	}
}
