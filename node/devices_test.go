package node_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/api"
)

// link makes one node a device of another's account.
func (w *world) link(first, second string) {
	w.t.Helper()
	i := w.at(second)
	code, err := w.api(second).LinkDevice(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.api(first).AcceptDevice(w.t.Context(), code.Code); err != nil {
		w.t.Fatal(err)
	}
	<-w.nodes[i].Asked()
	if !w.nodes[i].Fleet().Again() {
		w.t.Fatalf("%s is asked to stop, and not to start anew", second)
	}
	if err := w.nodes[i].Stop(); err != nil {
		w.t.Fatal(err)
	}
	w.start(i)
}

// devices are how many devices an account has in a group, as a node sees it.
func (w *world) devices(at, group, member string) int {
	g, err := w.api(at).Group(w.t.Context(), group)
	if err != nil {
		return 0
	}
	i := slices.IndexFunc(g.Roster, func(m api.Member) bool { return m.Name == member })
	if i < 0 {
		return 0
	}
	return len(g.Roster[i].Devices)
}

// Two devices of one account: the second comes into groups that were there and
// into those that are made while it is away, both read and write, and when the
// first is lost the second takes it out and goes on.
func TestTwoDevicesOfOneAccount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "phone", "bob")
		w.group("lab", "alice", "bob")
		w.link("alice", "phone")
		both := func(group string) func() bool {
			return func() bool { return w.devices("bob", group, "alice") == 2 && w.devices("phone", group, "alice") == 2 }
		}
		w.until(time.Minute, "phone in lab", both("lab"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for e := range w.api("alice").Events(ctx, 0) {
			if e.Operation != nil && e.Operation.State == api.OpDenied {
				t.Errorf("the phone was asked for a package of the account that it had: %s", e.Text)
			}
		}
		w.send("phone", "lab", "from the phone")
		w.send("alice", "lab", "from the desk")
		w.send("bob", "lab", "to both")
		w.hears("lab", []string{"alice", "phone", "bob"}, "from the phone", "from the desk", "to both")

		w.crash("phone")
		if _, err := w.api("alice").CreateGroup(t.Context(), api.NewKey(), api.NewGroup{Name: "den", Invite: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		w.agree("den", "alice", "bob")
		w.restart("phone")
		w.until(2*time.Minute, "phone in den", both("den"))

		w.crash("alice")
		own, err := w.api("phone").Devices(t.Context())
		if err != nil || len(own) != 2 || own[0].Key || !own[1].Key {
			t.Fatalf("the phone's devices are %v, %v", own, err)
		}
		if _, err := w.api("phone").RemoveDevice(t.Context(), own[1].ID); err != nil {
			t.Fatal(err)
		}
		for _, g := range []string{"lab", "den"} {
			w.until(2*time.Minute, "the lost device out of "+g, func() bool { return w.devices("bob", g, "alice") == 1 })
		}
		w.send("phone", "den", "not for the lost one")
		w.hears("den", []string{"phone", "bob"}, "not for the lost one")
		w.restart("alice")
		w.until(2*time.Minute, "word of it at the lost device", func() bool {
			g, err := w.api("alice").Group(t.Context(), "den")
			return err == nil && g.State == api.GroupRemoved
		})
		if got := w.texts("alice", "den"); len(got) > 0 {
			t.Errorf("the lost device reads %q", got)
		}
	})
}

// A device whose account is in use is nobody's to take, whatever it showed before.
func TestDeviceInUseIsNotTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		code, err := w.api("bob").LinkDevice(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.introduce("alice", "bob")
		if _, err := w.api("alice").AcceptDevice(t.Context(), code.Code); err == nil {
			t.Error("bob's device was taken over")
		}
		if _, err := w.api("bob").LinkDevice(t.Context()); err == nil {
			t.Error("bob's device offers itself though it has contacts")
		}
		if id, _ := w.api("bob").Identity(t.Context()); id.Name != "bob" {
			t.Errorf("bob is %s", id.Name)
		}
	})
}
