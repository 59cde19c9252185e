package post

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery"
	"github.com/covey-p2p/covey/mls"
	"github.com/covey-p2p/covey/node/journal"
	"github.com/covey-p2p/covey/node/mailbox"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Node is what an Office asks of the node that it serves: it calls upwards
// where package node calls down.
type Node interface {
	// Errand runs something that waits for another machine; false where too
	// much is under way.
	Errand(func(context.Context)) bool
	AccountOf(session.Device) (session.Account, bool)
	DevicesOf(session.Account) []session.Device
	NameOf(session.Account) string
	// Friends are connected contacts and members, with whom things may be left.
	Friends() []peer.ID
	// SessionConfig is what a session of this device is made with.
	SessionConfig() session.Config
	// Welcomed hands a Welcome to a group that is here; here is false where it
	// is not.
	Welcomed(ctx context.Context, id session.GroupID, w session.Welcomed) (here bool, err error)
	// Joined runs a session that a Welcome made; the rows are of the same act.
	Joined(s *session.Session, fx session.Effects, rows []session.Row) error
	// Fetched answers a group's Fetch.
	Fetched(session.GroupID, session.Fetched)
	// Drop counts.
	Drop(reason string)
}

// Config of an Office. All but Directory must be set.
type Config struct {
	Node      Node
	Engine    session.Engine
	Self      *people.Self
	Siblings  *people.Siblings
	Book      *people.Book
	Store     *store.Store
	Journal   *journal.Journal
	Mesh      *mesh.Mesh
	Log       *slog.Logger
	Directory bool // run a node of the DHT, with mailboxes
	Client    bool // of the DHT: only ask
	Server    bool // of the DHT: serve whatever is known, as on one machine
	Network   string
	AskAlways bool // invitations of contacts wait for an answer too
}

// Office is the post of one node. It may be used by many goroutines.
type Office struct {
	c         Config
	node      Node
	log       *slog.Logger
	directory *discovery.Directory
	box       *mailbox.Box
	owner     mailbox.Owner
	mailKey   []byte // public half of the owner's
	nudge     chan struct{}
	unheard   atomic.Bool // the mail key was made in this run and nobody has been told

	mu          sync.Mutex
	given       map[string]givenPackage // by row key
	asked       map[peer.ID]time.Time
	wanted      map[want]*chase
	parcels     map[string]*parcel
	invitations map[string]invited
	polled      map[peer.ID]time.Time
}

// Open reads what is under way, and answers peers from then on. Run must
// follow.
func Open(c Config) (*Office, error) {
	o := &Office{
		c: c, node: c.Node, log: c.Log, nudge: make(chan struct{}, 1),
		given: make(map[string]givenPackage), asked: make(map[peer.ID]time.Time), wanted: make(map[want]*chase),
		parcels: make(map[string]*parcel), invitations: make(map[string]invited), polled: make(map[peer.ID]time.Time),
	}
	err := errors.Join(
		load(o, packageRows, func(key string, g givenPackage) { o.given[key] = g }),
		load(o, parcelRows, func(key string, p parcelRow) { o.parcels[key] = &parcel{parcelRow: p} }),
		load(o, invitationRows, func(key string, v invited) { o.invitations[key] = v }),
	)
	if err != nil {
		return nil, err
	}
	if err := o.openDirectory(); err != nil {
		return nil, err
	}
	c.Mesh.Serve("deliver", maxWelcome, o.receive)
	return o, nil
}

// load reads rows of one kind.
func load[T any](o *Office, prefix string, keep func(key string, v T)) error {
	for row, err := range o.c.Store.Rows(prefix, "") {
		var v T
		if err == nil {
			err = decode(row.Value, &v)
		}
		if err != nil {
			return err
		}
		keep(row.Key, v)
	}
	return nil
}

// Run tries to deliver and to fetch whatever waits, until the context ends. It
// is the office's only goroutine, besides errands.
func (o *Office) Run(ctx context.Context) {
	seek, poll, publish := time.NewTicker(seekFirst), time.NewTicker(pollEvery), time.NewTicker(publishEvery)
	defer seek.Stop()
	defer poll.Stop()
	defer publish.Stop()
	o.begin()
	for {
		o.seekDue()
		o.deliverDue()
		select {
		case <-ctx.Done():
			return
		case <-seek.C:
		case <-o.nudge:
		case <-poll.C:
			o.poll(pollDays)
		case <-publish.C:
			o.publish()
		}
	}
}

// Close ends the directory.
func (o *Office) Close() error {
	if o.directory == nil {
		return nil
	}
	return o.directory.Close()
}

// Wake has everything that waits tried now.
func (o *Office) Wake() {
	select {
	case o.nudge <- struct{}{}:
	default:
	}
}

// Arrived says that a device can be reached: it may be owed something, or hold
// something for us.
func (o *Office) Arrived(d session.Device) {
	o.mu.Lock()
	account, known := o.node.AccountOf(d)
	due := false
	for _, p := range o.parcels {
		if p.Device == d {
			p.due, p.tries, due = time.Time{}, 0, true
		}
	}
	for w, c := range o.wanted {
		if known && w.account == account {
			c.due, c.tries, due = time.Time{}, 0, true
		}
	}
	o.mu.Unlock()
	if due {
		o.Wake()
	}
	o.pollAt(d)
}

// Expire gives up on what is too old. It is to be called now and then.
func (o *Office) Expire() error {
	old := func(unix int64, life time.Duration) bool { return time.Since(time.Unix(unix, 0)) > life }
	o.mu.Lock()
	var rows []session.Row
	for key, g := range o.given {
		if old(g.Made, packageLife) {
			delete(o.given, key)
			rows = append(rows, session.Row{Key: packageRows + key})
		}
	}
	for key, p := range o.parcels {
		if old(p.Made, parcelLife) {
			delete(o.parcels, key)
			rows = append(rows, session.Row{Key: parcelRows + key})
		}
	}
	for key, v := range o.invitations {
		if old(v.Received, invitationLife) {
			delete(o.invitations, key)
			rows = append(rows, session.Row{Key: invitationRows + key})
		}
	}
	for id, at := range o.asked {
		if time.Since(at) > packageEvery {
			delete(o.asked, id)
		}
	}
	for id, at := range o.polled {
		if time.Since(at) > pollPeer {
			delete(o.polled, id)
		}
	}
	o.mu.Unlock()
	return o.c.Store.Put("", rows)
}

// Waiting is how many Welcomes wait to be delivered.
func (o *Office) Waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.parcels)
}

// Named derives names of a group for places where its id must not stand.
func Named(id session.GroupID, use string) []byte {
	h := sha256.Sum256(append([]byte("covey group "+use), id[:]...))
	return h[:16]
}

// PublicID is a group's id for faces: derived, so that what a person pastes
// somewhere gives nothing away.
func PublicID(id session.GroupID) string { return hex.EncodeToString(Named(id, "name")) }

func (o *Office) signingKey() (*mls.SigningKey, error) {
	return mls.ParseSigningKey(mls.X25519AES128SHA256Ed25519, o.c.Self.DeviceSeed())
}

func encode(v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err) // every type of ours can be encoded
	}
	return b
}

var strict = func() cbor.DecMode {
	m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 6, MaxArrayElements: 64, MaxMapPairs: 32}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func decode(b []byte, v any) error { return strict.Unmarshal(b, v) }
