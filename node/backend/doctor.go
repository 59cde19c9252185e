package backend

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// Doctor looks at everything that may be wrong, and says it.
func (b *Backend) Doctor(ctx context.Context) (api.Doctor, error) {
	s := b.examine(ctx)
	return s.judge(), nil
}

// signs are what is looked at: facts, without a verdict.
type signs struct {
	name, account string

	write    time.Duration // a synced write took
	writeErr error
	disk     int64 // bytes

	now    time.Time
	behind time.Duration // the clock, behind what it was here before

	addresses              int
	reach, network         string
	known, direct, relayed int
	rude                   []rude

	dht                bool
	packages           int // that are out
	waiting, kept, box int // deliveries of mine; items for others, and their bytes

	groups      int
	ill         []api.Check // groups that are not well
	rivals      int         // branches beside the heads
	requests    []string    // who asks to be a contact
	invitations [][2]string // who invites, and to what
	drops       uint64
}

// rude is a peer that sent what it should not have.
type rude struct {
	name  string
	met   bool // it belongs to somebody who is known, and can be blocked
	score float64
}

// Marks past which something is worth a word.
const (
	// slowWrite is a synced write that makes sending slow.
	slowWrite = 250 * time.Millisecond
	// clockBehind is how far a clock may stand back: what a correction over the
	// network takes back at once.
	clockBehind = time.Minute
)

// examine takes the signs.
func (b *Backend) examine(ctx context.Context) signs {
	n, id := b.n, b.me()
	s := signs{name: b.name(), account: hexOf(id.Account[:4]), now: time.Now(), reach: b.reachability(), network: n.Config().Network}
	probe := []session.Row{{Key: "x", Value: []byte(s.now.String())}}
	s.writeErr = n.Store().Put("probe/", probe)
	s.write, s.disk = time.Since(s.now), n.Store().Size()
	s.addresses, s.known = len(n.Mesh().Host().Addrs()), len(n.Mesh().Known())
	s.direct, s.relayed = n.Connected()
	for _, p := range n.Mesh().Known() {
		if score := n.Mesh().Score(p); score < 0 {
			name, met := b.nameOfPeer(p)
			s.rude = append(s.rude, rude{name, met, score})
		}
	}
	_, s.dht = n.Table()
	s.packages = n.KeyPackages()
	s.waiting, s.kept, s.box = n.Mail()
	for _, g := range n.Groups() {
		s.groups++
		s.behind = max(s.behind, time.Duration(g.View().Behind)*time.Millisecond)
		s.rivals += g.View().Rivals
		if c, ill := b.illness(ctx, g); ill {
			s.ill = append(s.ill, c)
		}
	}
	for _, c := range n.Book().Contacts() {
		if c.State == people.Request {
			s.requests = append(s.requests, c.Called())
		}
	}
	for _, v := range n.Invitations() {
		s.invitations = append(s.invitations, [2]string{v.FromName, v.Name})
	}
	for _, k := range n.Drops() {
		s.drops += k
	}
	return s
}

// illness says what is wrong with a group, if anything is.
func (b *Backend) illness(ctx context.Context, g *node.Group) (api.Check, bool) {
	if g.Broken() != nil {
		return api.Check{Verdict: api.CheckFail, Text: g.Title() + " has stopped: its rows cannot be read", Hint: "restart the node; `covey daemon logs` says more"}, true
	}
	w, err := b.Why(ctx, g.ID(), "")
	if err != nil {
		e := api.AsError(err)
		return api.Check{Verdict: api.CheckFail, Text: g.Title() + ": " + e.Message, Hint: e.Hint}, true
	}
	at := g.View().Standing
	ill := len(w.Missing) > 0 || at == session.OnlyReading || at == session.LeftBehind
	return api.Check{Verdict: api.CheckWarn, Text: g.Title() + ": " + w.Verdict, Hint: w.Fix}, ill
}

// nameOfPeer is whose peer it is, where that is known.
func (b *Backend) nameOfPeer(p peer.ID) (name string, met bool) {
	if d, ok := mesh.PublicOf(p); ok {
		if a, ok := b.n.AccountOf(d); ok {
			return b.n.NameOf(a), true
		}
	}
	return p.String(), false
}

// judge says what the signs mean. A check that is not well has a hint.
func (s *signs) judge() api.Doctor {
	var d api.Doctor
	add := func(name string, v api.Verdict, text, hint string) {
		d.Checks = append(d.Checks, api.Check{Name: name, Verdict: v, Text: text, Hint: hint})
		switch v {
		case api.CheckWarn:
			d.Warnings++
		case api.CheckFail:
			d.Problems++
		}
	}
	add("identity", api.CheckOK, s.name+", account "+s.account, "")
	s.judgeMachine(add)
	s.judgeNet(add)
	s.judgeMail(add)
	for _, c := range s.ill {
		add("groups", c.Verdict, c.Text, c.Hint)
	}
	add("groups", api.CheckOK, count(s.groups, "group", "groups"), "")
	if s.rivals > 0 {
		add("forks", api.CheckWarn, rivals(s.rivals)+" held beside the heads", "they end by themselves when members meet; `covey group why GROUP` tells of them")
	} else {
		add("forks", api.CheckOK, "no rival branches are held", "")
	}
	for _, who := range s.requests {
		add("contacts", api.CheckWarn, who+" asks to be a contact", "`covey contact accept "+api.Word(who)+"`, or refuse")
	}
	for _, v := range s.invitations {
		add("invitations", api.CheckWarn, v[0]+" invites you to "+v[1], "`covey group accept "+api.Word(v[1])+"`, or decline")
	}
	add("drops", api.CheckOK, count(int(s.drops), "thing", "things")+" dropped since the start; `covey net status` says which", "")
	return d
}

type checker func(name string, v api.Verdict, text, hint string)

// judgeMachine looks at the disk and the clock. No decision about commits reads
// the clock; ages and expiries do.
func (s *signs) judgeMachine(add checker) {
	text := fmt.Sprintf("a synced write takes %s; %d MB on disk", s.write.Round(100*time.Microsecond), s.disk>>20)
	switch {
	case s.writeErr != nil:
		e := node.StorageError(s.writeErr)
		add("storage", api.CheckFail, e.Message, e.Hint)
	case s.write > slowWrite:
		add("storage", api.CheckWarn, text, "a slower disk than this makes sending slow")
	default:
		add("storage", api.CheckOK, text, "")
	}
	if s.behind > clockBehind {
		add("clock", api.CheckWarn, fmt.Sprintf("it stands %s behind what it was here before", s.behind.Round(time.Second)), "set the clock; until then links and key packages may seem to be of the future")
	} else {
		add("clock", api.CheckOK, s.now.UTC().Format("2006-01-02 15:04:05 UTC"), "")
	}
}

func (s *signs) judgeNet(add checker) {
	if s.addresses == 0 {
		add("network", api.CheckFail, "no address to be reached at", "check that a network is up and that nothing else uses the ports of --listen")
	} else {
		add("network", api.CheckOK, fmt.Sprintf("%s, %s, network %s", count(s.addresses, "address", "addresses"), s.reach, s.network), "")
	}
	switch connected := s.direct + s.relayed; {
	case s.known == 0:
		add("peers", api.CheckOK, "nobody to be connected to yet", "`covey contact invite` makes a link for somebody")
	case connected == 0:
		add("peers", api.CheckWarn, "none of "+count(s.known, "known peer", "known peers")+" is reachable", "they may be off; `covey peers` shows when each was last seen")
	default:
		add("peers", api.CheckOK, fmt.Sprintf("%d of %d known peers connected, %d through a relay", connected, s.known, s.relayed), "")
	}
	for _, r := range s.rude {
		hint := "it is heard less, by itself; `covey peers` shows its score"
		if r.met {
			hint = "`covey contact block " + api.Word(r.name) + "`, if it goes on"
		}
		add("peers", api.CheckWarn, fmt.Sprintf("%s has sent what it should not have (score %.0f)", r.name, r.score), hint)
	}
}

// judgeMail looks at what lets others reach this node while it is away.
func (s *signs) judgeMail(add checker) {
	switch {
	case !s.dht:
		add("key packages", api.CheckOK, "not published: the DHT is off, so only peers that are connected can invite you", "")
	case s.packages == 0:
		add("key packages", api.CheckWarn, "none are out: nobody can invite you while you are away", "keep the node running while peers are connected; it publishes them by itself")
	default:
		add("key packages", api.CheckOK, count(s.packages, "is out", "are out"), "")
	}
	add("mailboxes", api.CheckOK, fmt.Sprintf("%s of yours wait; %s (%d kB) kept for others", count(s.waiting, "delivery", "deliveries"), count(s.kept, "item", "items"), (s.box+1023)>>10), "")
}

// count is a number with its word.
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
