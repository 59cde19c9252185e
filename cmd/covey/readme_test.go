package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds one block of README, on a machine that does other things too.
const patience = 3 * time.Minute

// TestReadme runs every console block of README as one shell script, from the
// root of the module, with a program built for it: what a newcomer does.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program: not in -short")
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 2 {
		t.Fatalf("README has %d console blocks", len(blocks))
	}
	frame, err := os.ReadFile("tui/testdata/80x24.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), string(frame)) {
		t.Error("README shows another terminal than the one that is recorded")
	}
	bin, home := t.TempDir(), t.TempDir()
	for i, b := range blocks {
		script := "set -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
		for line := range strings.Lines(b[1]) {
			if cmd, ok := strings.CutPrefix(line, "$ "); ok {
				script += cmd
			}
		}
		script = strings.ReplaceAll(script, "go install ./cmd/covey", "go build -o "+filepath.Join(bin, "covey")+" ./cmd/covey")
		script = strings.ReplaceAll(script, " --name ", " --network readme --multicast=false --map-ports=false --listen /ip4/127.0.0.1/udp/0/quic-v1 --name ")
		script = strings.ReplaceAll(script, "runs/", filepath.Join(home, "runs")+"/")
		script = strings.ReplaceAll(script, ".star\n", ".star --out "+filepath.Join(home, "runs")+"\n")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "bash", "-c", script)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+home)
		cmd.WaitDelay = 10 * time.Second
		began := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("block %d: %v\n%s\n%s", i+1, err, script, out)
		}
		t.Logf("block %d in %v:\n%s", i+1, time.Since(began).Round(time.Millisecond), out)
	}
}
