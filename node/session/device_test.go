package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/covey-p2p/covey/node/session"
	"github.com/covey-p2p/covey/testnet/sim/standin"
)

// twoDevices is a group of alice, who has a phone too, bob and carol.
func twoDevices(t *testing.T, eng session.Engine) (*world, *node) {
	w := groupOn(t, eng, "alice", "bob", "carol")
	phone := w.add("phone", "alice")
	w.step("alice", session.Invite{ID: intentOf("phone"), Account: phone.id.Account, KeyPackages: [][]byte{phone.pack()}})
	w.run(20_000)
	w.agree("alice", "phone", "bob", "carol")
	w.expectState("alice", "phone", session.StateFinal)
	return w, phone
}

// Two devices of one account both read and write, and are one member.
func TestTwoDevices(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w, _ := twoDevices(t, eng)
		w.say("phone", "from the phone")
		w.say("alice", "from the desk")
		w.say("bob", "to both")
		w.run(10_000)
		for _, n := range w.nodes {
			w.expectHistory(n.name, "from the phone", "from the desk", "to both")
		}
		for _, x := range w.node("bob").got(session.NoticeText) {
			if mine := x.Device == w.node("bob").id.Device; !mine && x.Account != w.node("alice").id.Account {
				t.Error("what either device writes is not of one account")
			}
		}
		if n := len(w.node("bob").s.View().Members); n != 3 {
			t.Errorf("%d members", n)
		}
		w.restart("phone")
		w.say("phone", "again")
		w.run(5000)
		w.expectState("phone", "phoneagain", session.StateDelivered)
	})
}

// A device that is lost is taken out by another of its account, though it goes on
// renewing its keys, and reads nothing that follows; the account stays.
func TestLostDevice(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		for _, away := range []bool{false, true} {
			w, phone := twoDevices(t, eng)
			others := []string{"alice", "bob", "carol"}
			if away {
				w.part([]string{"phone"}, others)
				w.step("phone", session.Refresh{ID: intentOf("renew")})
			}
			w.run(3000)
			w.step("alice", session.RemoveDevice{ID: intentOf("lost"), Device: phone.id.Device})
			w.say("alice", "not for the phone")
			w.run(30_000)
			w.agree(others...)
			w.expectState("alice", "lost", session.StateFinal)
			gone := func(n session.Notice) bool {
				return n.Change == session.ChangeDeviceRemoved && n.Device == phone.id.Device
			}
			for _, who := range others {
				if got := w.node(who).got(session.NoticeRoster); !slices.ContainsFunc(got, gone) {
					t.Errorf("%s does not see it go: %v", who, got)
				}
				w.expectHistory(who, "not for the phone")
			}
			w.heal()
			w.run(60_000)
			w.agree(others...)
			w.expectHistory("phone")
			if v := phone.s.View(); v.Standing != session.TakenOut {
				t.Errorf("the phone is %v: %s", v.Standing, v.Why)
			}
			if got := phone.got(session.NoticeRemoved); len(got) != 1 || got[0].Device != phone.id.Device {
				t.Errorf("the phone was told %v", got)
			}
			if n := len(w.node("bob").s.View().Members); n != 3 {
				t.Errorf("%d members: the account did not stay", n)
			}
		}
	})
}

// Nobody takes out another's device, nor the last of their own.
func TestWhoseDevice(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w, phone := twoDevices(t, eng)
		w.step("bob", session.RemoveDevice{ID: intentOf("theirs"), Device: phone.id.Device})
		w.step("bob", session.RemoveDevice{ID: intentOf("last"), Device: w.node("bob").id.Device})
		w.run(10_000)
		w.expectState("bob", "theirs", session.StateSuperseded)
		w.expectState("bob", "last", session.StateDenied)
		w.agree("alice", "phone", "bob", "carol")
		// Either device may take out the other; the second wish is out of date.
		w.step("alice", session.RemoveDevice{ID: intentOf("a"), Device: phone.id.Device})
		w.step("phone", session.RemoveDevice{ID: intentOf("p"), Device: w.node("alice").id.Device})
		w.run(60_000)
		w.agree("bob", "carol")
		if n := len(w.node("bob").s.View().Members); n != 3 {
			t.Errorf("%d members: the account went", n)
		}
	})
}

// A key package of another account is not committed, and holds up nothing.
func TestInviteWithPackagesOfAnother(t *testing.T) {
	eachEngine(t, func(t *testing.T, eng session.Engine) {
		w := groupOn(t, eng, "alice", "bob")
		phone, eve := w.add("phone", "alice"), w.add("eve", "eve")
		w.step("alice", session.Invite{ID: intentOf("wrong"), Account: phone.id.Account, KeyPackages: [][]byte{eve.pack()}})
		w.expectState("alice", "wrong", session.StateDenied)
		w.step("alice", session.Invite{ID: intentOf("both"), Account: phone.id.Account, KeyPackages: [][]byte{eve.pack(), phone.pack()}})
		w.run(20_000)
		w.expectState("alice", "both", session.StateFinal)
		w.agree("alice", "phone", "bob")
		if eve.s != nil {
			t.Error("eve came in")
		}
	})
}

// Whatever happens around it, a device that is taken out is out in the end, its
// account is in, and the others have all that they said.
func TestLostDeviceInAnySchedule(t *testing.T) {
	for seed := range byte(40) {
		w, phone := twoDevices(t, standin.New())
		others := []string{"alice", "bob", "carol"}
		luck := newStream(fmt.Sprint("lost device ", seed))
		draw := func() []byte {
			b := make([]byte, 16)
			luck.Read(b)
			return b
		}
		said := schedule(w, []string{"alice", "phone", "bob", "carol"}, draw())
		w.step("alice", session.RemoveDevice{ID: intentOf("lost"), Device: phone.id.Device})
		for name, texts := range schedule(w, others, draw()) {
			said[name] = append(said[name], texts...)
		}
		w.heal()
		w.run(200_000)
		w.agree(others...)
		if phone.s.View().Standing != session.TakenOut || len(w.node("bob").s.View().Members) != 3 {
			t.Errorf("seed %d: the phone is %v, %d members\n%s", seed, phone.s.View().Standing, len(w.node("bob").s.View().Members), w.node("bob").s.Describe())
		}
		for _, who := range others {
			for _, by := range others {
				for _, text := range said[by] {
					if !slices.Contains(w.node(who).history(), text) {
						t.Errorf("seed %d: %s lacks %q of %s", seed, who, text, by)
					}
				}
			}
		}
	}
}
