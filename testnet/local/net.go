package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/testnet"
)

// What a network on one machine is given, and why.
const (
	// maxNodes on one machine: a hundred daemons take 2 GB, and two hundred
	// were seen to starve each other on two cores.
	maxNodes = 128
	// startWait is how long one daemon may take to answer on a busy machine.
	startWait = 60 * time.Second
	// endWait is how long one may take to stop before it is killed.
	endWait = 10 * time.Second
	// startsAtOnce bounds daemons that start at the same time: more only wait
	// for each other.
	startsAtOnce = 8
	// severalNodes a core, and each has a thread to itself hardly ever.
	severalNodes = 8
	// callWait bounds one call to a node's API.
	callWait = 30 * time.Second
)

// modest is what a process is told that is one of many here. More threads than two
// would only wait for each other's cores, and more than one where there are more
// nodes than several a core: that saves a tenth of the processor a start takes. A
// heap that is collected sooner saves a fifth of what a node takes, at no cost that
// could be measured while idle.
func modest(nodes int) []string {
	threads := 2
	if nodes > severalNodes*runtime.NumCPU() {
		threads = 1
	}
	return []string{"GOMAXPROCS=" + strconv.Itoa(threads), "GOGC=50"}
}

// Options of a Net.
type Options struct {
	// Dir holds everything: a folder a node, the supervisor's socket.
	Dir string
	// Binary is the covey program; empty is the one that runs.
	Binary string
	// Args come before the flags of each daemon, for a test binary that is told
	// so to be the program.
	Args []string
	// Env is added to each daemon's environment.
	Env []string
}

// Net is a network of daemons on loopback. It may be used by one goroutine,
// but for Record, Nodes and Client.
type Net struct {
	opts    Options
	network string // its id: no other testnet is ever spoken to
	began   time.Time
	ctx     context.Context
	cancel  context.CancelFunc

	mu     sync.Mutex
	nodes  []*Node
	byName map[string]*Node
	record []testnet.Verb
	faults faults
	agenda agenda
	groups map[string]bool
	knows  map[[2]string]bool // who has whom as a contact
}

// Node is one daemon.
type Node struct {
	Name string
	Dir  string
	Port int // UDP, kept across restarts

	client  *api.Client
	account string
	address string // multiaddress with the peer id

	cmd  *exec.Cmd
	dead chan struct{} // closed once the process has ended
}

// New makes a network with no nodes. Its daemons end with Close, and with this
// process, however it ends.
func New(o Options) (*Net, error) {
	if o.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Binary = self
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	n := &Net{opts: o, network: "testnet-" + strings.ToLower(rand.Text()[:10]), began: time.Now(), byName: map[string]*Node{}, groups: map[string]bool{}, knows: map[[2]string]bool{}}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.faults.init()
	return n, nil
}

// List returns the nodes in the order they were made.
func (n *Net) List() []*Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Node(nil), n.nodes...)
}

// Client speaks to a node.
func (n *Net) Client(name string) (*api.Client, error) {
	node, err := n.find(name)
	if err != nil {
		return nil, err
	}
	return node.client, nil
}

func (n *Net) find(name string) (*Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if node := n.byName[name]; node != nil {
		return node, nil
	}
	return nil, fmt.Errorf("there is no node %s", name)
}

// Up reports whether the node's process runs.
func (d *Node) Up() bool {
	if d.dead == nil {
		return false
	}
	select {
	case <-d.dead:
		return false
	default:
		return true
	}
}

// PID is the process's id, or 0 where none runs.
func (d *Node) PID() int {
	if !d.Up() {
		return 0
	}
	return d.cmd.Process.Pid
}

// LogPath is where the node writes.
func (d *Node) LogPath() string { return filepath.Join(d.Dir, "log") }

func (d *Node) rulesPath() string { return filepath.Join(d.Dir, "wire.json") }

// Nodes implements [testnet.Driver]: it starts daemons and waits until each
// answers.
func (n *Net) Nodes(names ...string) error {
	ports, err := freePorts(len(names))
	if err != nil {
		return err
	}
	var fresh []*Node
	for i, name := range names {
		if name == "" || strings.ContainsAny(name, " ()\"#@/\\") || name[0] == '.' {
			return fmt.Errorf("%q is no name for a node here: one word, one device", name)
		}
		if n.byName[name] != nil {
			return fmt.Errorf("there is a node %s already", name)
		}
		if len(n.nodes)+len(fresh) >= maxNodes {
			return fmt.Errorf("more than %d nodes are too many for one machine", maxNodes)
		}
		d := &Node{Name: name, Dir: filepath.Join(n.opts.Dir, name), Port: ports[i]}
		d.client = api.ForDir(d.Dir)
		fresh = append(fresh, d)
		n.mu.Lock()
		n.byName[name] = d // at once, so that a name twice in one call is seen
		n.mu.Unlock()
	}
	n.mu.Lock()
	n.nodes = append(n.nodes, fresh...)
	n.mu.Unlock()
	n.note(n.verb("nodes", words(names...)...))
	if fresh[0] == n.nodes[0] { // the others ask the first where everybody is
		if err := n.start(fresh[0]); err != nil {
			return err
		}
		fresh = fresh[1:]
	}
	return n.each(fresh, n.start)
}

// each does something with several nodes, a few at once.
func (n *Net) each(nodes []*Node, do func(*Node) error) error {
	errs := make([]error, len(nodes))
	places := make(chan struct{}, startsAtOnce)
	var all sync.WaitGroup
	for i, d := range nodes {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if err := do(d); err != nil {
				errs[i] = fmt.Errorf("%s: %w", d.Name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// freePorts asks the kernel for UDP ports. All are held until the last is there:
// it gives out a port that was let go again.
func freePorts(count int) (ports []int, err error) {
	for range count {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		ports = append(ports, c.LocalAddr().(*net.UDPAddr).Port)
	}
	return ports, nil
}

// start runs a node's daemon and waits until it is ready.
func (n *Net) start(d *Node) error {
	if d.Up() {
		return errors.New("it runs already")
	}
	if err := n.ctx.Err(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	if err := n.faults.write(n, d); err != nil {
		return err
	}
	log, err := os.OpenFile(d.LogPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append(append([]string(nil), n.opts.Args...), "daemon", "run", "--dir", d.Dir, "--name", d.Name, "--network", n.network,
		"--listen", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", d.Port), "--multicast=false", "--map-ports=false", "--relay=false", "--probe=false",
		"--wire", d.rulesPath())
	if first := n.nodes[0]; first != d && first.address != "" {
		args = append(args, "--bootstrap", first.address)
	}
	cmd := exec.Command(n.opts.Binary, args...)
	cmd.Stdout, cmd.Stderr = io.Discard, log
	cmd.Env = slices.Concat(os.Environ(), modest(len(n.List())), n.opts.Env)
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	d.cmd, d.dead = cmd, make(chan struct{})
	go func() { // ends with the process
		_ = cmd.Wait() // how it ended is seen in its log
		close(d.dead)
	}()
	return n.ready(d)
}

// ready waits until a daemon answers, and learns who it is.
func (n *Net) ready(d *Node) error {
	ctx, cancel := context.WithTimeout(n.ctx, startWait)
	defer cancel()
	for {
		if s, err := d.client.Status(ctx); err == nil && s.Ready {
			d.account = s.Account
			d.address = fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1/p2p/%s", d.Port, s.Peer)
			return nil
		}
		select {
		case <-d.dead:
			return fmt.Errorf("its daemon ended at once; %s says why", d.LogPath())
		case <-ctx.Done():
			return fmt.Errorf("its daemon did not answer within %v; %s may say why", startWait, d.LogPath())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill implements [testnet.Driver]: kill -9.
func (n *Net) Kill(name string) error {
	d, err := n.find(name)
	if err != nil {
		return err
	}
	n.note(n.verb("kill", testnet.Word(name)))
	if !d.Up() {
		return nil
	}
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-d.dead
	return nil
}

// Start implements [testnet.Driver].
func (n *Net) Start(name string) error {
	d, err := n.find(name)
	if err != nil {
		return err
	}
	n.note(n.verb("start", testnet.Word(name)))
	if d.Up() {
		return nil
	}
	return n.start(d)
}

// Interrupt gives up whatever is under way; Close is to follow.
func (n *Net) Interrupt() { n.cancel() }

// Close stops every daemon, the polite way and then the other.
func (n *Net) Close() error {
	n.cancel()
	return n.each(n.List(), func(d *Node) error {
		d.client.Close()
		if !d.Up() {
			return nil
		}
		_ = d.cmd.Process.Signal(os.Interrupt) // one that has ended meanwhile needs none
		select {
		case <-d.dead:
			return nil
		case <-time.After(endWait):
		}
		_ = d.cmd.Process.Kill()
		<-d.dead
		return fmt.Errorf("it did not stop within %v and was killed", endWait)
	})
}

// verb is something that is done now.
func (n *Net) verb(name string, args ...testnet.Arg) testnet.Verb {
	return testnet.Verb{At: n.Now().Round(time.Millisecond), Timed: true, Name: name, Args: args}
}

// note keeps a verb for Record.
func (n *Net) note(v testnet.Verb) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.record = append(n.record, v)
}

// Record is every verb so far, with its time: a script that does it again.
func (n *Net) Record() []testnet.Verb {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]testnet.Verb(nil), n.record...)
}

func words(list ...string) []testnet.Arg {
	out := make([]testnet.Arg, len(list))
	for i, s := range list {
		out[i] = testnet.Word(s)
	}
	return out
}
