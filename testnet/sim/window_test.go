package sim

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// uttered is one message whose keys are followed.
type uttered struct {
	at     time.Duration
	epoch  session.EpochID
	number uint64
	nth    int // message of the run
}

// window is how long the keys of a message could still be taken from a disk.
type window struct {
	time     time.Duration
	epochs   uint64
	messages int
}

func (w window) String() string {
	return fmt.Sprintf("%v, %d epochs, %d messages", w.time.Round(time.Second), w.epochs, w.messages)
}

// vault follows wrapping keys: while that of an epoch's message keys lives on a
// disk, whoever takes the disk reads what was said in the epoch, since old
// values of its rows may still be there. In memory the keys end no later.
type vault struct {
	p     *play
	who   []string // whose disks are looked at
	open  []uttered
	worst window
	ended int
}

// holds reports that one of the disks has a living key for an epoch's messages.
func (v *vault) holds(epoch session.EpochID) bool {
	keys := session.EpochID(sha256.Sum256(append([]byte("covey message keys"), epoch[:]...)))
	for _, name := range v.who {
		if k := v.p.byName[name].disk.wraps[wrapName{"room", keys}]; k != nil && !k.erased {
			return true
		}
	}
	return false
}

// look ends what can be read no more.
func (v *vault) look(number uint64, messages int) {
	var open []uttered
	for _, m := range v.open {
		if v.holds(m.epoch) {
			open = append(open, m)
			continue
		}
		v.ended++
		v.worst.time = max(v.worst.time, v.p.now-m.at)
		v.worst.epochs = max(v.worst.epochs, number-m.number)
		v.worst.messages = max(v.worst.messages, messages-m.nth)
	}
	v.open = open
}

// converse lets twelve people talk for a while: a message every ten seconds,
// somebody renews keys every minute. It returns how long keys lived on the disks
// of all, and of all but the last, who only reads: of twelve accounts any may
// renew keys again once eight others have (the rule's cool-down).
func converse(t *testing.T, lasts time.Duration, during func(p *play)) (all, others *vault) {
	names := []string{"ann", "ben", "cat", "dan", "eve", "fay", "gil", "hal", "ida", "jon", "kim", "lea"}
	p := stageWith(t, Options{Seed: 3, Link: Link{Latency: Lognormal{50 * time.Millisecond, 250 * time.Millisecond}}}, names...)
	all, others = &vault{p: p, who: names}, &vault{p: p, who: names[:11]}
	during(p)
	end, messages := p.now+lasts, 0
	for tick := 0; p.now < end; tick++ {
		who := p.byName[names[tick%11]]
		s := who.seats["room"]
		messages++
		m := uttered{p.now, s.head, s.number, messages}
		all.open, others.open = append(all.open, m), append(others.open, m)
		p.do("send " + who.name + " room message-" + itoa(messages))
		if tick%6 == 5 {
			p.do("refresh " + names[tick/6%11] + " room")
		}
		for range 10 {
			p.do("wait 1s")
			number := p.byName["ann"].seats["room"].number
			all.look(number, messages)
			others.look(number, messages)
		}
	}
	return all, others
}

// TestForwardSecrecyWindow measures for how long after it was sent the keys of a
// message can still be had from an honest member's disk, while somebody renews
// keys once a minute. Without a commit an epoch has no end, and nor has this.
func TestForwardSecrecyWindow(t *testing.T) {
	rows := []struct {
		name   string
		during func(p *play)
		most   uint64 // epochs, for all disks that are running
	}{
		{"all_online", func(*play) {}, 7},
		{"partition_of_10_minutes", func(p *play) {
			p.do("partition (ann ben cat) (dan eve fay gil hal ida jon kim lea)")
			p.At(p.now+10*time.Minute, func() { p.Heal("") })
		}, 9},
		{"one_offline_for_20_minutes", func(p *play) {
			p.do("kill lea")
			p.At(p.now+20*time.Minute, func() { p.Start("lea") })
		}, 10},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if testing.Short() && r.most > 7 {
				t.Skip("the whole of it without -short")
			}
			all, others := converse(t, 30*time.Minute, r.during)
			t.Logf("all disks: %v; all but lea's: %v (%d messages)", all.worst, others.worst, all.ended)
			if others.ended < 100 {
				t.Errorf("of only %d messages did the keys end", others.ended)
			}
			if others.worst.epochs > r.most {
				t.Errorf("keys lived for %d epochs, want at most %d", others.worst.epochs, r.most)
			}
		})
	}
}
