package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/covey-p2p/covey/node/api"
)

// The command line's specification are the transcripts in testdata/script: the
// real program, as processes, with real nodes on loopback.
//
// Beyond testscript's own commands:
//
//	covey ARGS                run the program; --dir is $WORK/ME, ME from `as`
//	as NAME                   whose directory `covey` uses from here on
//	eventually REGEXP ARGS    run covey until its output matches
//	jsonenv VAR PATH          take a field of the last output into a variable
//	introduce A B             make two running nodes contacts
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"covey": func() { os.Exit(run(os.Args[1:])) }})
}

// deadline bounds what a script waits for, and stopWithin how long a node that
// is left over may take to end.
const (
	deadline   = 20 * time.Second
	stopWithin = 10 * time.Second
)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup:         setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": cmdAs, "eventually": cmdEventually, "jsonenv": cmdJSONEnv, "introduce": cmdIntroduce,
		},
	})
}

// setUp gives a script a network of its own on loopback, and ends what it
// leaves running.
func setUp(env *testscript.Env) error {
	sum := sha256.Sum256([]byte(env.WorkDir))
	for k, v := range map[string]string{
		"NETWORK": "test-" + hex.EncodeToString(sum[:4]), "LISTEN": "/ip4/127.0.0.1/udp/0/quic-v1",
		"MULTICAST": "false", "MAP_PORTS": "false", "RELAY": "false", "PROBE": "false", "DHT": "off", "DIR": filepath.Join(env.WorkDir, "me"),
	} {
		env.Setenv("COVEY_"+k, v)
	}
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("ESC", "\x1b")
	scenarios, err := filepath.Abs(filepath.Join("..", "..", "testnet", "scenarios"))
	if err != nil {
		return err
	}
	env.Setenv("SCENARIOS", scenarios)
	env.Defer(func() {
		dirs, _ := filepath.Glob(filepath.Join(env.WorkDir, "*", "store.json"))
		for _, d := range dirs {
			shut(filepath.Dir(d))
		}
	})
	return nil
}

// shut stops the node of a directory, if one runs.
func shut(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	c := api.ForDir(dir)
	defer c.Close()
	if c.Shutdown(ctx) != nil {
		return
	}
	for ctx.Err() == nil {
		// An answer that it stops is not the end: its store closes last, and
		// must not lose its folder before.
		if _, err := c.Status(ctx); errors.Is(err, api.NoDaemon) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func cmdAs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: as NAME")
	}
	ts.Setenv("COVEY_DIR", ts.MkAbs(args[0]))
}

func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP ARGS…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	self, err := exec.LookPath("covey")
	ts.Check(err)
	end := time.Now().Add(deadline)
	for {
		c := exec.Command(self, args[1:]...)
		c.Dir = ts.MkAbs(".")
		c.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
		for _, k := range []string{"NETWORK", "LISTEN", "MULTICAST", "MAP_PORTS", "RELAY", "PROBE", "DHT", "DIR"} {
			c.Env = append(c.Env, "COVEY_"+k+"="+ts.Getenv("COVEY_"+k))
		}
		out, err := c.CombinedOutput()
		if want.Match(out) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("covey %s: %v\nnever matches %q; last:\n%s", strings.Join(args[1:], " "), err, args[0], out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func cmdJSONEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: jsonenv VAR PATH")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for part := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(x) {
				ts.Fatalf("no element %s", part)
			}
			v = x[i]
		default:
			ts.Fatalf("no field %s in %v", part, v)
		}
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func cmdIntroduce(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: introduce A B")
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	a, b := api.ForDir(ts.MkAbs(args[0])), api.ForDir(ts.MkAbs(args[1]))
	defer a.Close()
	defer b.Close()
	link, err := a.NewLink(ctx, api.NewLink{})
	ts.Check(err)
	k, err := b.AddContact(ctx, api.NewContact{Link: link.URL})
	ts.Check(err)
	for k.State != api.ContactKnown {
		time.Sleep(20 * time.Millisecond)
		k, err = b.Contact(ctx, k.Account)
		ts.Check(err)
	}
}
