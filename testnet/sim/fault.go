package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// A Byzantine member is a real session, or several with the same keys, whose
// owner chooses what it hears and what becomes of what it says. It knows all
// that an honest one knows and can sign whatever a session can be made to sign.
//
//	mute                 hears all, says nothing
//	withhold DURATION    says everything that much later
//	equivocate           two sessions with one key, each commits; one speaks to
//	                     the nodes of even number, one to those of odd
//	twofaced NODE…       two sessions with one key: one hears and speaks to the
//	                     nodes named, one to all others
//	private N DURATION   a hidden session makes N commits that nobody hears and
//	                     speaks them all after that time; the open one goes on
//	grind N DURATION     tries N renewals on the present epoch, keeps the one that
//	                     leads to the lowest id, and says it that much later
//	twins N              makes N commits on the present epoch and speaks them all,
//	                     to the nodes of even number in one order, to those of odd
//	                     in the other
//	deaf                 hears nothing of the group from now on, and speaks
//	replay RATE          says again, so many times a second, what anybody said,
//	                     in every group it is in
//	drip RATE            renews its keys that often, cooled down or not
//	lie RATE             says headers of commits there are not, or wrong ones of its
//	                     own, and votes for what they claim
//	plead RATE           asks that it, or others, be let in again
//	slander              what comes with its Welcomes is made up
//	flood RATE           says that many envelopes a second that nobody can open
//	malform NODE…        makes commits that the nodes named cannot open
//	censor NODE…         drops what these say unread: their intents wait for
//	                     another leader
//	cease                does none of these any more; it stays owed nothing
type byzantine struct {
	s     *seat
	how   string
	hears func(from string) bool // nil: everybody
	mute  bool
	delay time.Duration
	tells func(to int) bool // nil: by gossip, to everybody
	twins []*twin
	heard [][]byte // for replay
	begin func() error
}

// twin is another session with the same keys, off the record.
type twin struct {
	b     *byzantine
	s     *session.Session
	eng   *meter
	disk  *Disk
	hears func(from string) bool
	tells func(to int) bool
	kept  []session.Outgoing // where it tells nobody
	mail  []session.Direct   // its Welcomes
	keep  bool
	alarm int
}

func newByzantine(s *seat, how string, args []string) (*byzantine, error) {
	b := &byzantine{s: s, how: how}
	var err error
	number := func(i, least, most int) (n int) {
		if err == nil && i >= len(args) {
			err = fmt.Errorf("byzantine %s needs a number", how)
		}
		if err == nil {
			n, err = strconv.Atoi(args[i])
		}
		if err == nil && (n < least || n > most) {
			err = fmt.Errorf("byzantine %s: a number from %d to %d", how, least, most)
		}
		return n
	}
	duration := func(i int) (d time.Duration) {
		if err == nil && i >= len(args) {
			err = fmt.Errorf("byzantine %s needs a duration", how)
		}
		if err == nil {
			d, err = time.ParseDuration(args[i])
		}
		return d
	}
	among := func(from string) bool { return slices.Contains(args, from) }
	switch how {
	case "cease":
		b.begin = func() error { s.eng.ignore = nil; return nil }
	case "mute":
		b.mute = true
	case "slander":
	case "withhold":
		b.delay = duration(0)
	case "deaf":
		b.hears = func(string) bool { return false }
	case "censor":
		b.begin = func() error { s.eng.ignore = among; return nil }
	case "malform":
		b.begin = func() error { s.spoilFor(among); return nil }
	case "equivocate":
		b.tells = func(to int) bool { return to%2 == 0 }
		b.begin = func() error {
			defer b.commitAll()
			return b.twin(nil, func(to int) bool { return to%2 == 1 }, false)
		}
	case "twofaced":
		b.hears = func(from string) bool { return !among(from) }
		b.tells = func(to int) bool { return !among(s.n.w.nodes[to].name) }
		b.begin = func() error {
			return b.twin(among, func(to int) bool { return among(s.n.w.nodes[to].name) }, false)
		}
	case "private":
		n, after := number(0, 0, math.MaxInt), duration(1)
		b.begin = func() error { return b.private(n, after) }
	case "grind":
		n, after := number(0, 1, maxGrind), duration(1)
		b.begin = func() error { b.grind(n, after); return nil }
	case "twins":
		n := number(0, 1, maxGrind)
		b.begin = func() error { b.many(n); return nil }
	case "replay", "flood", "drip", "lie", "plead":
		rate := number(0, 1, int(time.Second))
		do := map[string]func(int){"replay": b.replay, "flood": b.garbage, "drip": b.drip, "lie": b.lie, "plead": b.plead}[how]
		b.begin = func() error { b.repeat(rate, do); return nil }
	default:
		return nil, fmt.Errorf("no way to misbehave called %q: there are mute, withhold, equivocate, twofaced, private, grind, twins, deaf, replay, flood, drip, lie, plead, slander, malform, censor, cease", how)
	}
	return b, err
}

// swallow says whether an event does not reach the open session; twins hear
// what they are to hear.
func (b *byzantine) swallow(ev session.Event) bool {
	from, envelope, fromNet := "", []byte(nil), true
	switch e := ev.(type) {
	case session.Received:
		from, envelope = string(e.From), e.Envelope
	case session.Frame:
		from = string(e.From)
	case session.PeerUp:
		from = string(e.Peer)
	case session.PeerDown:
		from = string(e.Peer)
	default:
		fromNet = false
	}
	if envelope != nil && b.how == "replay" && len(b.heard) < maxHeard {
		b.heard = append(b.heard, envelope)
	}
	if !fromNet {
		return false
	}
	for _, t := range b.twins {
		if t.hears == nil || t.hears(from) {
			t.take(ev)
		}
	}
	return b.hears != nil && !b.hears(from)
}

// twist changes what the open session is about to do.
func (b *byzantine) twist(e session.Effects) session.Effects {
	switch {
	case b.how == "slander":
		e.Direct = b.slander(e.Direct)
	case b.mute:
		e.Publish, e.Direct = nil, nil
	case b.delay > 0:
		out, frames := e.Publish, e.Direct // frames too: a log compared would show it
		e.Publish, e.Direct = nil, nil
		b.s.n.w.queue.push(b.s.n.w.now+b.delay, classWork, func() {
			for _, o := range out {
				b.s.publish(o)
			}
			for _, d := range frames {
				b.s.direct(d)
			}
		})
	case b.tells != nil:
		for _, o := range e.Publish {
			b.tell(b.tells, o.Envelope)
		}
		e.Publish = nil
		e.Direct = slices.DeleteFunc(slices.Clone(e.Direct), func(d session.Direct) bool {
			to := b.s.n.w.byName[string(d.Peer)]
			return to != nil && !b.tells(to.idx)
		})
	}
	return e
}

// tell sends an envelope to chosen nodes only; honest ones pass it on.
func (b *byzantine) tell(to func(int) bool, envelope []byte) {
	w, t := b.s.n.w, b.s.n.w.topics[b.s.group.name]
	t.count++
	p := &post{id: t.name + "#" + itoa(t.count), bytes: envelope, from: b.s.n.idx}
	p.seen.add(p.from)
	p.known = 1
	for i := range w.nodes {
		if i != p.from && t.subs.has(i) && to(i) {
			t.hop(p, p.from, i)
		}
	}
}

// twin loads another session from a copy of the node's disk.
func (b *byzantine) twin(hears func(string) bool, tells func(int) bool, keep bool) error {
	n := b.s.n
	t := &twin{b: b, disk: n.disk.copyRows(), hears: hears, tells: tells, keep: keep}
	t.eng = &meter{Engine: n.w.engine, s: b.s, quiet: true}
	rows, err := t.disk.load(b.s.group.name)
	if err != nil {
		return err
	}
	cfg := b.s.config()
	cfg.Engine, cfg.Rule = t.eng, b.s.group.rule()
	cfg.Rand = NewRand(n.w.seed, "twin", n.name, itoa(len(b.twins)), n.w.now.String())
	made, e, err := session.Load(cfg, n.clock.read(n.w.now), rows)
	if err != nil {
		return err
	}
	t.s = made
	b.twins = append(b.twins, t)
	n.w.queue.push(n.w.now, classWork, func() { t.perform(e) })
	return nil
}

func (t *twin) take(ev session.Event) {
	n := t.b.s.n
	t.perform(t.s.Step(n.clock.read(n.w.now), ev))
}

func (t *twin) perform(e session.Effects) {
	n, group := t.b.s.n, t.b.s.group.name
	if err := t.disk.put(group, e.Save); err != nil {
		return
	}
	for _, o := range e.Publish {
		if t.keep {
			t.kept = append(t.kept, o)
		} else {
			t.b.tell(t.tells, o.Envelope)
		}
	}
	for _, d := range e.Direct {
		if d.Kind == session.DirectWelcome {
			t.mail = append(t.mail, d)
		}
		to := n.w.byName[string(d.Peer)]
		if to != nil && !t.keep && t.tells(to.idx) {
			t.b.s.direct(d)
		}
	}
	t.alarm++
	if alarm := t.alarm; e.Wake != 0 {
		n.w.queue.push(n.w.now+n.clock.until(n.w.now, e.Wake), classWork, func() {
			if t.alarm == alarm {
				t.take(session.Tick{})
			}
		})
	}
}

// commitAll has every one of the sessions commit at once.
func (b *byzantine) commitAll() {
	w := b.s.n.w
	w.queue.push(w.now, classWork, func() {
		if b.s.live {
			w.Book.Asked(b.s.group.name, b.s.n.name, "", "equivocation")
			id := w.newID()
			w.Book.Asked(b.s.group.name, b.s.n.name, hexID(id), "refresh")
			w.enter(b.s.n.idx, b.s.group.name, session.Refresh{ID: id})
		}
		for _, t := range b.twins {
			t.take(session.Refresh{ID: w.newID()})
		}
	})
}

// private has a hidden session commit n times, and speak after a while.
func (b *byzantine) private(n int, after time.Duration) error {
	if err := b.twin(func(string) bool { return false }, func(int) bool { return true }, true); err != nil {
		return err
	}
	w, t := b.s.n.w, b.twins[len(b.twins)-1]
	for i := range n {
		w.queue.push(w.now+time.Duration(i)*after/time.Duration(n+1), classWork, func() {
			t.take(session.Refresh{ID: w.newID()})
		})
	}
	w.queue.push(w.now+after, classWork, func() {
		w.note(Entry{Kind: "fault", Node: b.s.n.name, Group: b.s.group.name, Count: len(t.kept), Text: "releases what it withheld"})
		for _, o := range t.kept {
			b.tell(t.tells, o.Envelope)
		}
		t.kept, t.keep, t.hears = nil, false, nil
	})
	return nil
}

// repeat does something so many times a second, as long as the node is up and
// takes part.
func (b *byzantine) repeat(rate int, do func(n int)) {
	w, n := b.s.n.w, 0
	w.Every(time.Second/time.Duration(rate), func() bool {
		if b.s.byz == b && b.s.n.up && b.s.live {
			do(n)
			n++
		}
		return b.s.byz == b || n == 0
	})
}

func (b *byzantine) replay(n int) {
	if len(b.heard) == 0 {
		return
	}
	luck := NewRand(b.s.n.w.seed, "replay", b.s.n.name, itoa(n))
	again := b.heard[luck.IntN(len(b.heard))]
	for _, g := range sortedKeys(b.s.n.seats) {
		b.s.n.w.topics[g].publish(b.s.n.idx, again)
	}
}

// garbage has the form of an envelope and nothing in it.
func (b *byzantine) garbage(n int) {
	luck := NewRand(b.s.n.w.seed, "flood", b.s.n.name, itoa(n))
	junk := make([]byte, 38+64*(1+luck.IntN(16)))
	luck.Read(junk)
	junk[0], junk[1] = 1, byte(1+luck.IntN(2)) // version, kind
	junk[2], junk[3] = 0, 0                    // an epoch number not far away
	b.s.n.w.topics[b.s.group.name].publish(b.s.n.idx, junk)
}

// grind makes many commits on one epoch and speaks the one with the lowest id,
// once the others have gone on.
func (b *byzantine) grind(n int, after time.Duration) {
	w, e := b.s.n.w, b.s.eng.state(b.s.head)
	if e == nil || !b.s.live {
		return
	}
	luck := NewRand(w.seed, "grind", b.s.n.name)
	var best session.Built
	for range n {
		built, err := e.Commit(session.Edit{}, luck)
		if err == nil && (best.Commit == nil || lower(e, built, best)) {
			best = built
		}
	}
	if best.Commit == nil {
		return
	}
	b.mute = true
	w.queue.push(w.now+after, classWork, func() {
		if !b.s.live {
			return
		}
		w.note(Entry{Kind: "fault", Node: b.s.n.name, Group: b.s.group.name, Count: n, Text: "releases the commit it chose"})
		b.s.saw(e, best.Applied)
		b.tell(func(int) bool { return true }, b.announce(e, best, luck))
	})
}

// lower reports that a commit on e leads to a lower id than another.
func lower(e session.Epoch, a, b session.Built) bool {
	at, than := session.ChildOf(e.ID(), a.Applied.Core), session.ChildOf(e.ID(), b.Applied.Core)
	return bytes.Compare(at[:], than[:]) < 0
}

// many makes so many commits on one epoch.
func (b *byzantine) many(n int) {
	e := b.s.eng.state(b.s.head)
	if e == nil || !b.s.live {
		return
	}
	w := b.s.n.w
	var made [][]byte
	for i := range n {
		luck := NewRand(w.seed, "twins", b.s.n.name, itoa(i))
		if built, err := e.Commit(session.Edit{}, luck); err == nil {
			b.s.saw(e, built.Applied)
			made = append(made, b.announce(e, built, luck))
		}
	}
	for i := range made {
		b.tell(func(to int) bool { return to%2 == 0 }, made[i])
		b.tell(func(to int) bool { return to%2 == 1 }, made[len(made)-1-i])
	}
}

// drip commits on the head, without a session that would know better.
func (b *byzantine) drip(n int) {
	e := b.s.eng.state(b.theirs())
	if e == nil {
		return
	}
	luck := NewRand(b.s.n.w.seed, "drip", b.s.n.name, itoa(n))
	if built, err := e.Commit(session.Edit{}, luck); err == nil {
		b.s.saw(e, built.Applied)
		b.tell(func(int) bool { return true }, b.announce(e, built, luck))
	}
}

// forge seals bytes as an envelope of an epoch, as every member can: inner is 1
// for a commit, 2 for a message. It is written after what the session's package
// documentation says of envelopes, and uses none of the session's code.
func (b *byzantine) forge(e session.Epoch, inner byte, body []byte, luck *Rand) []byte {
	head := binary.BigEndian.AppendUint32([]byte{1, 1}, uint32(e.Number()))
	head = append(head, e.Export("covey branch tag", 16)...)
	var mark [16]byte // that of nothing: the last byte hides a nought
	luck.Read(mark[:15])
	group := b.s.s.Group()
	hides := sha256.Sum256(slices.Concat([]byte("receipts"), group[:], mark[:15]))
	mark[15] = hides[16]
	head = append(head, mark[:]...)
	plain := binary.BigEndian.AppendUint32([]byte{inner}, uint32(len(body)))
	plain = append(plain, body...)
	for len(plain)%64 != 0 {
		plain = append(plain, 0)
	}
	sealed, err := b.s.eng.Engine.Seal(session.Key(e.Export("covey branch", 32)), head, plain, luck)
	if err != nil {
		return nil
	}
	return append(slices.Clone(head), sealed...)
}

// spoilFor makes what this seat commits unreadable for some, as a malformed
// UpdatePath is to those under the bad node of it (RFC 9420 §16.12).
func (s *seat) spoilFor(victim func(name string) bool) {
	author := s.n.id.Device
	for _, n := range s.n.w.nodes {
		v := n.seats[s.group.name]
		if v == nil || !victim(n.name) {
			continue
		}
		v.eng.spoil = func(parent session.Epoch, a session.Applied, err error) (session.Applied, error) {
			if err != nil {
				return a, err
			}
			for _, l := range parent.Members() {
				if l.Index == a.Author && l.Device == author {
					a.Next = nil // all else of it can be read without the path
					return a, session.ErrPath
				}
			}
			return a, err
		}
	}
}
