package node_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// crowd adds accounts of 16 devices each to a group: key packages of nobody who
// runs. They make its commits and Welcomes large.
func (w *world) crowd(name string, accounts int) {
	w.t.Helper()
	g := w.nodes[w.at(name)].Groups()[0]
	for a := range accounts {
		var packages [][]byte
		var account session.Account
		for d := range 16 {
			secret := sha256.Sum256([]byte(fmt.Sprint("account ", a)))
			device := sha256.Sum256([]byte(fmt.Sprint("device ", a, " ", d)))
			id, err := session.NewIdentity(session.MLS{}, secret[:], device[:], fmt.Sprint("ghost ", a))
			if err != nil {
				w.t.Fatal(err)
			}
			p, err := session.MLS{}.NewKeyPackage(id, session.Time(time.Now().UnixMilli()), rand.Reader)
			if err != nil {
				w.t.Fatal(err)
			}
			account, packages = id.Account, append(packages, p.Public)
		}
		ev := session.Invite{ID: session.IntentID(account[:16]), Account: account, KeyPackages: packages}
		if _, err := g.Do(w.t.Context(), ev); err != nil {
			w.t.Fatal(err)
		}
	}
}

// together waits until all named are in one epoch, whoever else is a member.
func (w *world) together(limit time.Duration, members int, names ...string) {
	w.t.Helper()
	w.until(limit, fmt.Sprintf("one epoch of %d members at %s", members, strings.Join(names, ", ")), func() bool {
		proof := ""
		for _, name := range names {
			g, err := w.api(name).Group(w.t.Context(), "room")
			if err != nil || g.Members != members || proof != "" && g.Authenticator != proof {
				return false
			}
			proof = g.Authenticator
		}
		return true
	})
}

// What is too large for gossip is announced and fetched: commits of a group of
// eight hundred devices, also where the announcement is lost, and the Welcome of
// who joins it. A message of the largest size goes by gossip whole.
func TestLargeCommitsAndWelcomes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "carol", "dave")
		w.introduce("alice", "dave")
		w.group("room", "alice", "bob", "carol")
		const accounts = 50
		w.crowd("alice", accounts)
		w.together(10*time.Minute, 3+accounts, "alice", "bob", "carol")
		time.Sleep(time.Minute)

		rotate := func(name string) {
			t.Helper()
			before := w.counts(name, "covey_gossip_announced_total")
			op, err := w.api(name).Rotate(t.Context(), api.NewKey(), "room")
			if err != nil {
				t.Fatal(err)
			}
			w.until(time.Minute, "commit of "+name, func() bool {
				got, err := w.api(name).Operation(t.Context(), op.ID)
				return err == nil && (got.State == api.OpLanded || got.State == api.OpFinal)
			})
			if w.counts(name, "covey_gossip_announced_total") == before {
				t.Fatal("the commit was not announced: nothing is tested")
			}
		}
		rotate("alice")
		begin := time.Now()
		w.together(5*time.Second, 3+accounts, "alice", "bob", "carol")
		t.Logf("a large commit arrived within %s", time.Since(begin))

		// Bob hears no gossip any more, though he is connected.
		for _, topic := range w.nodes[1].Groups()[0].Topics() {
			w.nodes[1].Mesh().Unsubscribe(topic)
		}
		rotate("carol")
		begin = time.Now()
		w.together(2*time.Minute, 3+accounts, "alice", "bob", "carol")
		t.Logf("without its announcement it arrived within %s", time.Since(begin))

		big := strings.Repeat("x", api.MaxText)
		w.send("carol", "room", big)
		w.until(time.Minute, "the largest message", func() bool {
			return slices.Contains(w.texts("alice", "room"), big) && slices.Contains(w.texts("bob", "room"), big)
		})
		if _, err := w.api("alice").Invite(t.Context(), api.NewKey(), "room", "dave"); err != nil {
			t.Fatal(err)
		}
		w.together(2*time.Minute, 4+accounts, "alice", "bob", "carol", "dave")
	})
}
