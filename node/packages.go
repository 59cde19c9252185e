package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// packages are the key packages that this device has given out. Each is made
// for whoever asks, and its private half is durable before it leaves, so that
// a Welcome that answers it can be opened whenever it comes.
type packages struct {
	n *Node

	mu      sync.Mutex
	given   map[string]givenPackage // by row key
	asked   map[peer.ID]time.Time
	wanted  map[want]time.Time // since when
	seeking map[want]bool
}

type givenPackage struct {
	Public  []byte `cbor:"1,keyasint"`
	Private []byte `cbor:"2,keyasint"`
	Made    int64  `cbor:"3,keyasint"` // Unix seconds
}

const packageRows = "me/kp/"

func openPackages(n *Node) (*packages, error) {
	p := &packages{n: n, given: make(map[string]givenPackage), asked: make(map[peer.ID]time.Time), wanted: make(map[want]time.Time), seeking: make(map[want]bool)}
	for row, err := range n.store.Rows(packageRows, "") {
		var g givenPackage
		if err == nil {
			err = decode(row.Value, &g)
		}
		if err != nil {
			return nil, err
		}
		p.given[row.Key] = g
	}
	return p, nil
}

func packageKey(public []byte) string {
	h := sha256.Sum256(public)
	return hexOf(h[:16])
}

// make makes a key package that is durable when it is returned.
func (p *packages) make() ([]byte, error) {
	kp, err := p.n.engine.NewKeyPackage(p.n.self.Identity(), now(), rand.Reader)
	if err != nil {
		return nil, err
	}
	g := givenPackage{Public: kp.Public, Private: kp.Private, Made: time.Now().Unix()}
	key := packageKey(kp.Public)
	if err := p.n.store.Put(packageRows, []session.Row{{Key: key, Value: encode(g)}}); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given[key] = g
	return kp.Public, nil
}

// all are the packages given out, the newest first.
func (p *packages) all() []session.Package {
	p.mu.Lock()
	defer p.mu.Unlock()
	made := make([]givenPackage, 0, len(p.given))
	for _, g := range p.given {
		made = append(made, g)
	}
	slices.SortFunc(made, func(a, b givenPackage) int { return int(b.Made - a.Made) })
	out := make([]session.Package, len(made))
	for i, g := range made {
		out[i] = session.Package{Public: g.Public, Private: g.Private}
	}
	return out
}

// used is the row by which a package ends; forget follows once it is durable.
func (p *packages) used(kp session.Package) session.Row {
	return session.Row{Key: packageRows + packageKey(kp.Public)}
}

func (p *packages) forget(kp session.Package) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.given, packageKey(kp.Public))
}

func (p *packages) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.given)
}

// expire ends packages that nobody used.
func (p *packages) expire() error {
	p.mu.Lock()
	var rows []session.Row
	for key, g := range p.given {
		if time.Since(time.Unix(g.Made, 0)) > packageLife {
			rows = append(rows, session.Row{Key: key})
			delete(p.given, key)
		}
	}
	for id, at := range p.asked {
		if time.Since(at) > packageEvery {
			delete(p.asked, id)
		}
	}
	p.mu.Unlock()
	return p.n.store.Put(packageRows, rows)
}

// answer gives a key package to a peer that asks, now and then. Anybody may
// ask: a package lets nobody do more than offer a Welcome, which waits for
// consent and costs a stranger a stamp.
func (p *packages) answer(_ context.Context, from peer.ID, _ []byte) []byte {
	d, _ := mesh.PublicOf(from)
	if c, ok := p.n.book.Of(d); ok && c.State == people.Blocked {
		return nil
	}
	p.mu.Lock()
	soon := time.Since(p.asked[from]) < packageEvery
	full := len(p.given) >= maxPackages
	p.asked[from] = time.Now()
	p.mu.Unlock()
	if soon || full {
		p.n.meter.drop("a request for a key package: too many")
		return nil
	}
	public, err := p.make()
	if err != nil {
		p.n.log.Error("no key package could be made", "err", err)
		return nil
	}
	return public
}

// want is a session that needs key packages of an account.
type want struct {
	group   *Group
	account session.Account
}

// fetch answers a session that asks for key packages of an account: as soon as
// there is one, however long that takes. An invitation to somebody who is away
// waits for them.
func (g *Group) fetch(f session.Fetch) {
	p := g.n.packages
	p.mu.Lock()
	if w := (want{g, f.Account}); p.wanted[w].IsZero() {
		p.wanted[w] = time.Now()
	}
	p.mu.Unlock()
	g.n.courier.wake()
}

// wants reports whether somebody's key packages are wanted.
func (p *packages) wants(a session.Account) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.wanted {
		if w.account == a {
			return true
		}
	}
	return false
}

// seek tries to get what is wanted.
func (p *packages) seek() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w, since := range p.wanted {
		if p.seeking[w] {
			continue
		}
		p.seeking[w] = p.n.Errand(func(ctx context.Context) {
			got := p.n.findPackages(ctx, w.account)
			p.mu.Lock()
			delete(p.seeking, w)
			done := len(got) > 0 || time.Since(since) > welcomeLife
			if done {
				delete(p.wanted, w)
			}
			p.mu.Unlock()
			if done {
				w.group.post(session.Fetched{Account: w.account, KeyPackages: got})
			}
		})
	}
}

// findPackages gets a key package of every device of an account that can be
// reached.
func (n *Node) findPackages(ctx context.Context, a session.Account) [][]byte {
	var out [][]byte
	for _, d := range n.DevicesOf(a) {
		id, ok := mesh.PeerOf(d)
		if !ok {
			continue
		}
		kp, err := n.mesh.Ask(ctx, id, "key-package", nil, packageReply)
		if err != nil {
			continue
		}
		leaf, err := n.engine.ReadKeyPackage(kp, now())
		if err != nil || leaf.Device != d {
			n.meter.drop("a key package that is not its sender's")
			continue
		}
		out = append(out, kp)
	}
	return out
}

// DevicesOf are the devices known of an account, from the book and from groups.
func (n *Node) DevicesOf(a session.Account) []session.Device {
	var out []session.Device
	add := func(d session.Device) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	if c, ok := n.book.Contact(a); ok {
		for _, d := range c.Devices {
			add(d.ID)
		}
	}
	for _, g := range n.list() {
		for _, m := range g.View().Members {
			if m.Account == a {
				for _, d := range m.Devices {
					add(d.Device)
				}
			}
		}
	}
	return out
}
