package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/covey-p2p/covey/testnet/local"
)

// TestTestnetLeavesNothing ends a testnet by Ctrl-C and by kill -9: either way
// its daemons end, and after the former no file is left.
func TestTestnetLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("daemons are tied to the testnet on Linux only")
	}
	self, err := exec.LookPath("covey") // this test's own binary, by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		t.Run(end.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "t")
			up := exec.Command(self, "testnet", "up", "3", "--at", dir)
			up.Stderr = os.Stderr
			out, err := up.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			defer up.Process.Kill()
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "3 nodes up") {
				t.Fatalf("%q %v", line, err)
			}
			remote, err := local.Connect(dir)
			if err != nil {
				t.Fatal(err)
			}
			state, err := remote.State(t.Context())
			if err != nil || len(state.Nodes) != 3 {
				t.Fatal(state, err)
			}
			up.Process.Signal(end)
			err = up.Wait()
			for _, n := range state.Nodes {
				for late := time.Now().Add(30 * time.Second); alive(n.PID); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(late) {
						t.Fatalf("%s, process %d, lives on", n.Name, n.PID)
					}
				}
			}
			if _, gone := os.Stat(dir); end == syscall.SIGINT && !errors.Is(gone, fs.ErrNotExist) {
				t.Errorf("files are left: %v; it ended with %v", gone, err)
			}
		})
	}
}

// alive reports whether a process runs; one that nobody has waited for yet does
// not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// TestTestnetEndsBeforeItIsUp: a Ctrl-C while nodes still start ends it as soon,
// and leaves nothing either.
func TestTestnetEndsBeforeItIsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	if runtime.GOOS != "linux" {
		t.Skip("processes are looked for in /proc")
	}
	self, err := exec.LookPath("covey")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "t")
	up := exec.Command(self, "testnet", "up", "20", "--at", dir)
	var said strings.Builder
	up.Stdout, up.Stderr = &said, &said
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	defer up.Process.Kill()
	for late := time.Now().Add(20 * time.Second); len(daemonsOf(t, dir)) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("no daemon has started")
		}
	}
	up.Process.Signal(syscall.SIGINT)
	if err := up.Wait(); err != nil || said.Len() > 0 {
		t.Errorf("%v; it said %q", err, said.String())
	}
	if left := daemonsOf(t, dir); len(left) > 0 {
		t.Errorf("processes %v live on", left)
	}
	if _, gone := os.Stat(dir); !errors.Is(gone, fs.ErrNotExist) {
		t.Errorf("files are left: %v", gone)
	}
}

// daemonsOf lists the processes that run in a testnet's folder.
func daemonsOf(t *testing.T, dir string) (pids []string) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), dir+"/n") {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// TestTestnetChat: the others answer in the chat, and its commands hurt them.
func TestTestnetChat(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes: not in -short")
	}
	self, err := exec.LookPath("covey")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "t")
	up := exec.Command(self, "testnet", "up", "3", "--chat", "--at", dir)
	in, err := up.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	up.Stderr = up.Stdout
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { up.Process.Kill() })
	defer watchdog.Stop()
	lines := bufio.NewScanner(out)
	until := func(text string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("it ended without saying %q", text)
	}
	until("3 nodes up")
	until("Group lab")
	for _, exchange := range [][2]string{
		{"hello", ": hello, I am n"}, {"how are you?", "says: good question"},
		{"/split 1 2-3", "done: partition cut (n1) (n2 n3)"}, {"/heal", "done: heal"},
		{"/kill n3", "done: kill n3"}, {"/start n3", "done: start n3"},
		{"/latency 10ms", "done: latency 10ms"}, {"/loss 0", "done: loss 0"},
		{"/latency soon", `"soon" is no latency: write 20ms`}, {"/kill n9", "here is no node n9"},
	} {
		fmt.Fprintln(in, exchange[0])
		until(exchange[1])
	}
	fmt.Fprintln(in, "/quit")
	for lines.Scan() {
	}
	if err := up.Wait(); err != nil {
		t.Error(err)
	}
	if _, gone := os.Stat(dir); !errors.Is(gone, fs.ErrNotExist) {
		t.Errorf("files are left: %v", gone)
	}
}
