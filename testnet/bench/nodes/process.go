package nodes

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/covey-p2p/covey/testnet/local"
)

// idleFor is over how long idle CPU is counted.
const idleFor = 10 * time.Second

// processes is what a daemon takes: the time until it is ready, memory, and
// what it does when nobody does anything.
func (r *runner) processes() error {
	net, err := local.New(local.Options{Dir: r.path("t"), Binary: r.Binary})
	if err != nil {
		return err
	}
	defer net.Close()
	var cold, again, up []float64
	for i := range r.Rounds {
		name := fmt.Sprint("c", i)
		began := time.Now()
		if err := net.Nodes(name); err != nil {
			return err
		}
		cold = append(cold, ms(time.Since(began)))
		if err := net.Kill(name); err != nil {
			return err
		}
		began = time.Now()
		if err := net.Start(name); err != nil {
			return err
		}
		again = append(again, ms(time.Since(began)))
		if err := net.Kill(name); err != nil {
			return err
		}
	}
	r.row("start of a new node, until ready", 1, 1, "ms", cold)
	r.row("start after kill -9, until ready", 1, 1, "ms", again)
	crowd, err := local.New(local.Options{Dir: r.path("u"), Binary: r.Binary})
	if err != nil {
		return err
	}
	defer crowd.Close()
	began := time.Now()
	names := make([]string, r.Idle)
	for i := range names {
		names[i] = fmt.Sprint("n", i+1)
	}
	if err := crowd.Open(group, names, patience); err != nil {
		return err
	}
	up = append(up, time.Since(began).Seconds())
	r.row("testnet up, all in one group", r.Idle, 1, "s", up)
	if err := pause(r.ctx, r.Settle); err != nil {
		return err
	}
	return r.footprint(crowd)
}

// footprint reads what the system counts of each daemon.
func (r *runner) footprint(net *local.Net) error {
	var rss, pss, idle []float64
	before := map[int]float64{}
	for _, d := range net.List() {
		before[d.PID()], _ = cpuSeconds(d.PID())
	}
	if err := pause(r.ctx, idleFor); err != nil {
		return err
	}
	for _, d := range net.List() {
		after, ok := cpuSeconds(d.PID())
		if !ok {
			return nil // a system without /proc: no rows, rather than wrong ones
		}
		idle = append(idle, 100*(after-before[d.PID()])/idleFor.Seconds())
		rss = append(rss, field(d.PID(), "status", "VmRSS:"))
		pss = append(pss, field(d.PID(), "smaps_rollup", "Pss:"))
	}
	r.row("resident memory of a node", r.Idle, 1, "MiB", rss)
	r.row("its share, common pages divided", r.Idle, 1, "MiB", pss)
	r.row("idle CPU of a node", r.Idle, 1, "% of a core", idle)
	return nil
}

// cpuSeconds is what a process has used so far.
func cpuSeconds(pid int) (float64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may hold anything
	f := strings.Fields(rest)
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100, true // USER_HZ
}

// field is a line of a file in /proc, in MiB.
func field(pid int, file, name string) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
