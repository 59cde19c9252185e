package discovery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/discovery/record"
)

func TestPublishAndFind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 12, nil)
		out := w.nodes[1].publish("alice", "one", "two")
		if out.Slots != record.Slots || out.Holders < 6*record.Slots || out.Checked < 2*record.Slots {
			t.Errorf("%+v", out)
		}
		if got := w.nodes[7].finds("alice"); got != "one,two" {
			t.Error(got)
		}
		if got := w.nodes[7].finds("nobody"); got != ErrNotFound.Error() {
			t.Error(got)
		}
		// The newest wins, also after the owner has gone.
		if again := w.nodes[1].publish("alice", "three"); again.Seq <= out.Seq {
			t.Errorf("number %d after %d", again.Seq, out.Seq)
		}
		w.nodes[1].crash()
		start := time.Now()
		if got := w.nodes[8].finds("alice"); got != "three" {
			t.Error(got)
		}
		t.Logf("found in %v with its owner gone", time.Since(start))
	})
}

// Networks of one, two and three: what cannot be put yet is put once somebody
// comes.
func TestTinyNetworks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1, nil)
		a := w.nodes[0]
		if _, err := a.dir.Publish(t.Context(), signingKey("alice"), bundle("one")); !errors.Is(err, ErrAlone) {
			t.Fatal(err)
		}
		if got := a.finds("alice"); got != "one" {
			t.Error("not even here: ", got)
		}
		b := w.join(a)
		time.Sleep(time.Minute)
		a.crash()
		if got := b.finds("alice"); got != "one" {
			t.Error("the second node: ", got)
		}
	})
}

func TestFreshKeyPackages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		made := 0
		w := newWorld(t, 6, func(c *Config) {
			c.Fresh = func(_ context.Context, from peer.ID, id record.Identity) []byte {
				if id != identity("alice") {
					return nil
				}
				made++
				return []byte("fresh")
			}
		})
		w.nodes[1].publish("alice", "one")
		ask := func(n *node, name string) (string, bool) {
			list, err := n.dir.KeyPackages(t.Context(), identity(name))
			if err != nil {
				return err.Error(), false
			}
			return string(list[0].KeyPackage), list[0].Fresh
		}
		for i := range freshEach {
			if got, fresh := ask(w.nodes[2], "alice"); got != "fresh" || !fresh {
				t.Fatal(i, got)
			}
		}
		if got, fresh := ask(w.nodes[2], "alice"); got != "one" || fresh {
			t.Error("beyond the limit:", got)
		}
		if got, _ := ask(w.nodes[3], "alice"); got != "fresh" {
			t.Error("another peer pays for the first:", got)
		}
		if made != freshEach+1 {
			t.Error(made)
		}
		if n := w.nodes[1].dir.Counts()["request for a key package: too many"]; n != 1 {
			t.Error(w.nodes[1].dir.Counts())
		}
		time.Sleep(freshPeriod)
		if got, _ := ask(w.nodes[2], "alice"); got != "fresh" {
			t.Error("the limit does not end:", got)
		}
		w.nodes[1].crash()
		if got, fresh := ask(w.nodes[4], "alice"); got != "one" || fresh {
			t.Error("owner gone:", got)
		}
		// Nobody is handed what is not theirs to give.
		w.nodes[4].publish("bob", "bob's")
		if got, fresh := ask(w.nodes[3], "bob"); got != "bob's" || fresh {
			t.Error(got)
		}
	})
}

// An account's bundle leads to those of its other devices.
func TestDevicesOfAnAccount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 6, nil)
		b := bundle("phone's")
		b.Devices = []record.Identity{identity("laptop")}
		if _, err := w.nodes[1].dir.Publish(t.Context(), signingKey("alice"), b); err != nil {
			t.Fatal(err)
		}
		w.nodes[2].publish("laptop", "laptop's")
		list, err := w.nodes[3].dir.KeyPackages(t.Context(), identity("alice"))
		if err != nil || len(list) != 2 || string(list[0].KeyPackage) != "phone's" || string(list[1].KeyPackage) != "laptop's" {
			t.Fatal(list, err)
		}
		if p, _ := peer.IDFromBytes(list[1].Bundle.Peer); p != w.nodes[2].info().ID {
			t.Error("the bundle names another peer")
		}
	})
}

// A restored owner does not publish what everybody takes for old.
func TestRestoredOwnerCountsOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 6, nil)
		var last Published
		for range 3 {
			last = w.nodes[1].publish("alice", "one")
		}
		w.nodes[1].stop()
		other := w.join(w.nodes[0]) // as from a backup without its memory, clock set back
		other.dir.config.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		out := other.publish("alice", "two")
		if out.Seq <= last.Seq || out.Holders == 0 {
			t.Errorf("%+v after %+v", out, last)
		}
		if got := w.nodes[3].finds("alice"); got != "two" {
			t.Error(got)
		}
	})
}

func TestSavedPeersBringANodeBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 6, nil)
		n := w.nodes[4]
		time.Sleep(saveEvery + time.Minute)
		n.stop()
		w.nodes[0].crash() // the one it was introduced by
		time.Sleep(time.Minute)
		n.start()
		if err := n.dir.Bootstrap(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n.dir.Peers() < 3 {
			t.Errorf("%d peers", n.dir.Peers())
		}
	})
}

func TestRendezvous(t *testing.T) {
	bubble(t, func(t *testing.T) {
		// The bubble begins at midnight; here it is ten to.
		w := newWorld(t, 8, func(c *Config) {
			c.Now = func() time.Time { return time.Now().Add(meetPeriod - 10*time.Minute) }
		})
		secret := []byte("the group's")
		for _, i := range []int{1, 2, 3} {
			w.nodes[i].dir.Meet([][]byte{secret})
		}
		time.Sleep(time.Minute)
		seek := func(n *node, secret string) map[peer.ID]bool {
			out := map[peer.ID]bool{}
			found, err := n.dir.Seek(t.Context(), []byte(secret))
			if err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
			for _, p := range found {
				if len(p.Addrs) == 0 {
					t.Error("no address")
				}
				out[p.ID] = true
			}
			return out
		}
		all := func(when string) {
			t.Helper()
			for _, i := range []int{1, 5} {
				got := seek(w.nodes[i], string(secret))
				for _, j := range []int{1, 2, 3} {
					if j != i && !got[w.nodes[j].info().ID] {
						t.Errorf("%s: node %d does not find %d", when, i, j)
					}
				}
			}
		}
		all("at once")
		if got := seek(w.nodes[5], "another's"); len(got) != 0 {
			t.Error("found without the secret")
		}
		// Around the change of the day, and the day after.
		time.Sleep(7 * time.Minute)
		all("before midnight")
		time.Sleep(3 * time.Minute)
		all("after midnight")
		time.Sleep(2 * meetOverlap)
		all("when the first key is out of use")
		w.nodes[2].dir.Meet(nil)
		w.nodes[3].crash()
	})
}

// Everything that waits ends with Close.
func TestCloseDuringASearch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 8, nil)
		for _, n := range w.nodes[1:7] {
			n.crash()
		}
		n := w.nodes[7]
		ended := make(chan error, 2)
		go func() {
			_, err := n.dir.Find(context.Background(), identity("alice"))
			ended <- err
		}()
		go func() {
			_, err := n.dir.Publish(context.Background(), signingKey("bob"), bundle("one"))
			ended <- err
		}()
		time.Sleep(time.Second)
		start := time.Now()
		n.stop()
		for range 2 {
			if err := <-ended; err == nil {
				t.Error("ended without an error")
			}
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("closing took %v", took)
		}
		if _, err := n.dir.Find(context.Background(), identity("alice")); err == nil {
			t.Error("works when closed")
		}
	})
}
