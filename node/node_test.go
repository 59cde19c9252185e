package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
)

func TestTwoPeopleTalk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.group("room", "alice", "bob")
		w.send("alice", "room", "hello bob")
		w.send("bob", "room", "hello alice")
		w.hears("room", []string{"alice", "bob"}, "hello bob", "hello alice")
	})
}

// Somebody is away while the group talks and changes, and misses nothing.
func TestAwayMissesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "carol")
		all := w.names
		w.group("room", "alice", "bob", "carol")
		w.crash("carol")
		time.Sleep(time.Minute)
		var texts []string
		for i := range 20 {
			texts = append(texts, fmt.Sprint("while away ", i))
			w.send([]string{"alice", "bob"}[i%2], "room", texts[i])
		}
		if _, err := w.api("alice").Rotate(t.Context(), api.NewKey(), "room"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.restart("carol")
		w.hears("room", all, texts...)
		w.agree("room", all...)
	})
}

// Both sides of a partition change the group and talk; afterwards all are in
// one epoch and have every text once.
func TestPartitionHeals(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "carol", "dave", "erin")
		w.group("room", "alice", "bob", "carol", "dave", "erin")
		w.net.Partition([]int{0, 1}, []int{2, 3, 4})
		time.Sleep(2 * time.Minute)
		w.send("alice", "room", "from the left")
		w.send("dave", "room", "from the right")
		for _, name := range []string{"bob", "erin"} { // rivals on one parent
			if _, err := w.api(name).Rotate(t.Context(), api.NewKey(), "room"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Minute)
		if w.agreed("room", w.names...) {
			t.Error("the two sides agree: nothing was partitioned")
		}
		w.net.Heal()
		w.hears("room", w.names, "from the left", "from the right")
		w.agree("room", w.names...)
	})
}

// Everybody changes the group at the same moment.
func TestRivalCommitsConverge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "carol", "dave")
		w.group("room", "alice", "bob", "carol", "dave")
		var ops []string
		for _, name := range w.names {
			op, err := w.api(name).Rotate(t.Context(), api.NewKey(), "room")
			if err != nil {
				t.Fatal(err)
			}
			ops = append(ops, op.ID)
		}
		w.until(2*time.Minute, "end of every change", func() bool {
			for i, name := range w.names {
				op, err := w.api(name).Operation(t.Context(), ops[i])
				if err != nil || op.State != api.OpLanded && op.State != api.OpFinal {
					return false
				}
			}
			return true
		})
		w.agree("room", w.names...)
	})
}

// A crash loses nothing that was acknowledged, and the node goes on.
func TestCrashAndRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.group("room", "alice", "bob")
		w.send("alice", "room", "one")
		w.hears("room", w.names, "one")
		w.net.Partition([]int{0}, []int{1})
		w.send("alice", "room", "two") // acknowledged, and nobody else has it
		w.crash("alice")
		w.net.Heal()
		w.restart("alice")
		w.send("bob", "room", "three")
		w.hears("room", w.names, "one", "two", "three")
	})
}

// An invitation waits until the invitee, who was away, comes back.
func TestOfflineInviteeJoinsLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "carol")
		w.introduce("alice", "bob", "carol")
		if _, err := w.api("alice").CreateGroup(t.Context(), api.NewKey(), api.NewGroup{Name: "room", Invite: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice", "bob")
		w.crash("carol")
		time.Sleep(time.Minute)
		if _, err := w.api("bob").Invite(t.Context(), api.NewKey(), "room", "carol"); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("bob, who does not know carol, invites her: %v", err)
		}
		if _, err := w.api("alice").Invite(t.Context(), api.NewKey(), "room", "carol"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		w.restart("carol")
		w.until(10*time.Minute, "carol in the group", func() bool { return w.agreed("room", w.names...) })
		w.send("carol", "room", "here I am")
		w.hears("room", []string{"alice", "bob"}, "here I am")
	})
}

// Who is removed learns it, and hears nothing from then on.
func TestRemovedHearsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "mallory")
		w.group("room", "alice", "bob", "mallory")
		w.send("alice", "room", "for all")
		w.hears("room", w.names, "for all")
		if _, err := w.api("alice").Remove(t.Context(), api.NewKey(), "room", "mallory"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice", "bob")
		w.send("bob", "room", "without mallory")
		w.hears("room", []string{"alice", "bob"}, "for all", "without mallory")
		time.Sleep(time.Minute)
		if got := w.texts("mallory", "room"); len(got) != 1 {
			t.Errorf("mallory has %q", got)
		}
		g, err := w.api("mallory").Group(t.Context(), "room")
		if err != nil || g.State != api.GroupRemoved {
			t.Errorf("mallory's group is %s, %v", g.State, err)
		}
		if _, err := w.api("mallory").Send(t.Context(), api.NewKey(), "room", api.NewMessage{Text: "x"}); err == nil {
			t.Error("mallory still sends")
		}
	})
}

// A stranger's invitation costs a stamp and waits for consent; declining and
// accepting both work.
func TestStrangersInvitationWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob", "mallory")
		w.group("room", "alice", "bob", "mallory") // bob and mallory are no contacts
		if _, err := w.api("mallory").CreateGroup(t.Context(), api.NewKey(), api.NewGroup{Name: "spam", Invite: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		w.until(time.Minute, "an invitation", func() bool {
			all, _ := w.api("bob").Invitations(t.Context())
			return len(all) == 1 && all[0].Stranger && all[0].Name == "spam" && all[0].FromName == "mallory"
		})
		if _, err := w.api("bob").Group(t.Context(), "spam"); err == nil {
			t.Error("bob is in the group without having said so")
		}
		g, err := w.api("bob").Accept(t.Context(), api.NewKey(), "spam")
		if err != nil || g.Members != 2 {
			t.Fatalf("%+v, %v", g, err)
		}
		w.agree("spam", "bob", "mallory")
	})
}

// Thirty real nodes.
func TestThirtyNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	bubble(t, func(t *testing.T) {
		var names []string
		for i := range 30 {
			names = append(names, fmt.Sprintf("n%02d", i))
		}
		w := newWorld(t, names...)
		w.group("room", names[0], names[1:]...)
		var texts []string
		for i, n := range names {
			texts = append(texts, fmt.Sprint("hello from ", i))
			w.send(n, "room", texts[i])
		}
		w.hears("room", names, texts...)
	})
}

// An invitation reaches somebody who was away although the inviter has gone
// when they come back and two of the holders have crashed.
func TestInvitationByMailbox(t *testing.T) {
	bubble(t, func(t *testing.T) {
		names := []string{"alice", "bob", "p1", "p2", "p3", "p4", "p5", "p6"}
		w := newWorldWith(t, node.DHTServer, names...)
		w.introduce("alice", names[1:]...)
		w.introduce("bob", names[2:]...)
		time.Sleep(time.Minute) // bundles are published
		w.crash("bob")
		time.Sleep(time.Minute)
		if _, err := w.api("alice").CreateGroup(t.Context(), api.NewKey(), api.NewGroup{Name: "room", Invite: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		w.crash("alice")
		w.crash("p1")
		w.crash("p2")
		w.restart("bob")
		w.until(10*time.Minute, "bob in the group", func() bool {
			g, err := w.api("bob").Group(t.Context(), "room")
			return err == nil && g.Members == 2
		})
	})
}

// A message sent into a cut that nobody has noticed yet is queued and not
// handed, though a connection is still there.
func TestUnnoticedCutHandsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.group("room", "alice", "bob")
		id := w.send("alice", "room", "before").Message.ID
		w.until(10*time.Second, "delivery", func() bool { return w.progress("alice", "room", id).State == api.Delivered })
		w.net.Partition([]int{0}, []int{1})
		id = w.send("alice", "room", "into the void").Message.ID
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			if up, _ := w.nodes[0].Connected(); up != 1 {
				t.Fatal("the cut was noticed: nothing is tested")
			}
			if p := w.progress("alice", "room", id); p.State != api.Queued {
				t.Fatalf("it is %s, %d peers", p.State, p.Peers)
			}
		}
		time.Sleep(2 * time.Minute)
		w.net.Heal()
		w.until(time.Minute, "delivery", func() bool { return w.progress("alice", "room", id).State == api.Delivered })
	})
}

// What is too large for gossip is announced, and fetched by stream: commits,
// which are larger than the limit set here, and a long text; short ones are
// flooded as ever. One who was away fetches them as well.
func TestLargeByStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorldFlooding(t, node.DHTOff, 700, "alice", "bob", "carol")
		w.group("room", "alice", "bob", "carol")
		long := strings.Repeat("long ", 5000)
		begin := time.Now()
		w.send("alice", "room", "short")
		w.send("alice", "room", long)
		w.hears("room", w.names, "short", long)
		if took := time.Since(begin); took > 10*time.Second { // a reminder comes every half minute
			t.Errorf("%s: not the announcement brought it", took)
		}
		w.crash("carol")
		w.send("bob", "room", long+"2")
		if _, err := w.api("alice").Rotate(t.Context(), api.NewKey(), "room"); err != nil {
			t.Fatal(err)
		}
		w.hears("room", []string{"alice", "bob"}, "short", long, long+"2")
		w.restart("carol")
		w.agree("room", w.names...)
		w.hears("room", w.names, "short", long, long+"2")
	})
}

// A key package ends with the entry that it was used for, the first time and
// when its owner is let in again.
func TestPackagesEndWithTheEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.group("room", "alice", "bob")
		bob := w.nodes[w.at("bob")]
		if n := bob.KeyPackages(); n != 0 {
			t.Errorf("%d key packages after the entry", n)
		}
		if _, err := w.api("alice").Remove(t.Context(), api.NewKey(), "room", "bob"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice")
		time.Sleep(time.Minute) // bob is asked for another
		if _, err := w.api("alice").Invite(t.Context(), api.NewKey(), "room", "bob"); err != nil {
			t.Fatal(err)
		}
		w.agree("room", "alice", "bob")
		if n := bob.KeyPackages(); n != 0 {
			t.Errorf("%d key packages after the second entry", n)
		}
	})
}

// What others acknowledge to each other is logged by everybody and shown to
// nobody: it goes down with the next message, or within a second, and also when
// the node stops.
func TestReceiptsOfOthersShareAWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		names := []string{"alice", "bob", "carol", "dave", "erin", "frank"}
		w := newWorld(t, names...)
		w.group("room", "alice", names[1:]...)
		time.Sleep(time.Minute) // votes and what follows them
		frank := w.nodes[w.at("frank")]
		before := frank.Store().Stats()
		id := w.send("alice", "room", "hello").Message.ID
		w.until(10*time.Second, "delivery", func() bool { return w.progress("alice", "room", id).Delivered == len(names)-1 })
		time.Sleep(100 * time.Millisecond) // the last of them reaches everybody
		after := frank.Store().Stats()
		// The message, the receipt of his own, and at most two for those of four others.
		if n := after.Transaction - before.Transaction; n > 4 {
			t.Errorf("%d synced writes for one message", n)
		}
		w.crash("frank")
		w.start(w.at("frank")) // and talks to nobody yet
		if have, want := w.logged("frank"), w.logged("alice"); have != want {
			t.Errorf("frank's log after its end: %s; alice's: %s", have, want)
		}
	})
}

// TestWhoSpeaksIsThere: in a group whose members are not all connected to each
// other yet, everybody who came in is shown as there, by what they said; and who
// crashed is not.
func TestWhoSpeaksIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"}
		w := newWorld(t, names...)
		w.group("lab", names[0], names[1:]...)
		there := func(name string) (online, connected int) {
			g, err := w.api(name).Group(t.Context(), "lab")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range g.Roster {
				if m.Online && !m.Me {
					online++
				}
				if m.Path != "" {
					connected++
				}
			}
			return online, connected
		}
		time.Sleep(3 * time.Second)
		unmet := 0
		for _, name := range names {
			online, connected := there(name)
			if online != len(names)-1 {
				t.Errorf("%s sees %d of %d", name, online, len(names)-1)
			}
			unmet += len(names) - 1 - connected
		}
		if unmet == 0 {
			t.Error("all are connected: this shows nothing")
		}
		w.crash("judy")
		time.Sleep(2 * time.Minute) // who had met it knows by then, and what it said to the others is old
		for _, name := range names[:len(names)-1] {
			if online, _ := there(name); online != len(names)-2 {
				t.Errorf("%s sees %d of %d", name, online, len(names)-2)
			}
		}
	})
}
