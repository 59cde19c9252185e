package post

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/node/store"
)

// Key packages that this device has given out. The private half of each is
// durable before the public one leaves, so that a Welcome that answers it can
// be opened whenever it comes.

type givenPackage struct {
	Public  []byte `cbor:"1,keyasint"`
	Private []byte `cbor:"2,keyasint"`
	Made    int64  `cbor:"3,keyasint"` // Unix seconds
	Where   place  `cbor:"4,keyasint"`
}

// place is where a package was given out.
type place uint8

const (
	toPeer     place = iota + 1 // to somebody who asked
	inBundle                    // for one use, in the bundle
	lastResort                  // for any number of uses, in the bundle
)

const packageRows = "me/kp/"

func nameOf(b ...[]byte) string {
	h := sha256.New()
	for _, x := range b {
		h.Write(x)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func now() session.Time { return session.Time(time.Now().UnixMilli()) }

// pack makes key packages that are durable when they are returned.
func (o *Office) pack(where place, count int) ([][]byte, error) {
	var rows []session.Row
	fresh := make(map[string]givenPackage)
	var out [][]byte
	for range count {
		kp, err := o.c.Engine.NewKeyPackage(o.c.Self.Identity(), now(), rand.Reader)
		if err != nil {
			return nil, err
		}
		g := givenPackage{Public: kp.Public, Private: kp.Private, Made: time.Now().Unix(), Where: where}
		key := nameOf(kp.Public)
		fresh[key] = g
		rows = append(rows, session.Row{Key: key, Value: encode(g)})
		out = append(out, kp.Public)
	}
	if err := o.c.Store.Put(packageRows, rows); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, g := range fresh {
		o.given[key] = g
	}
	return out, nil
}

// ForgetPackages forgets every package given out: of a store that is an older
// copy nobody knows which have been used since, and none may be used twice.
func ForgetPackages(st *store.Store) error {
	var rows []session.Row
	for row, err := range st.Rows(packageRows, "") {
		if err != nil {
			return err
		}
		rows = append(rows, session.Row{Key: row.Key})
	}
	return st.Put(packageRows, rows)
}

// packed are the packages given out, the newest first.
func (o *Office) packed() (all []givenPackage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, g := range o.given {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b givenPackage) int {
		return cmp.Or(cmp.Compare(b.Made, a.Made), slices.Compare(a.Public, b.Public))
	})
	return all
}

func keys(all []givenPackage) []session.Package {
	out := make([]session.Package, len(all))
	for i, g := range all {
		out[i] = session.Package{Public: g.Public, Private: g.Private}
	}
	return out
}

// Packages is how many are given out and not used yet.
func (o *Office) Packages() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.given)
}

// Spend lets go of packages that have been used and returns the rows by which
// they end, for the batch of the entry. The one for any number of uses does not
// end by use: the bundle is made anew instead.
func (o *Office) Spend(used [][]byte) (rows []session.Row) {
	offered := false
	o.mu.Lock()
	for _, public := range used {
		key := nameOf(public)
		g, ok := o.given[key]
		if !ok {
			continue // one of the session's own
		}
		offered = offered || g.Where != toPeer
		if g.Where != lastResort {
			delete(o.given, key)
			rows = append(rows, session.Row{Key: packageRows + key})
		}
	}
	o.mu.Unlock()
	if offered {
		o.publish() // others must not take it again
	}
	return rows
}

// sibling reports whether a peer is another device of this account.
func (o *Office) sibling(p peer.ID) bool {
	d, ok := mesh.PublicOf(p)
	return ok && o.c.Siblings.Is(d)
}

// fresh gives a key package to a peer that asks, now and then. Anybody may
// ask: a package lets nobody do more than offer a Welcome, which waits for
// consent and costs a stranger a stamp.
func (o *Office) fresh(_ context.Context, from peer.ID, id record.Identity) []byte {
	me := o.c.Self.Identity()
	if id != record.Identity(me.Account) && id != record.Identity(me.Device) {
		return nil
	}
	if c, ok := o.contactOf(from); ok && c.State == people.Blocked {
		return nil
	}
	o.mu.Lock()
	soon := time.Since(o.asked[from]) < packageEvery && !o.sibling(from) // which wants one for each group
	full := len(o.given) >= maxPackages
	o.asked[from] = time.Now()
	o.mu.Unlock()
	if soon || full {
		o.node.Drop("a request for a key package: too many")
		return nil
	}
	out, err := o.pack(toPeer, 1)
	if err != nil {
		o.log.Error("no key package could be made", "err", err)
		return nil
	}
	return out[0]
}
