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

func (b *Backend) Doctor(ctx context.Context) (api.Doctor, error) {
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
	n := b.n
	id := b.me()
	add("identity", api.CheckOK, fmt.Sprintf("%s, account %s", b.name(), hexOf(id.Account[:4])), "")
	b.checkStore(add)
	b.checkClock(add)
	b.checkNet(add)
	b.checkMail(add)
	b.checkGroups(ctx, add)
	for _, c := range n.Book().Contacts() {
		if c.State == people.Request {
			add("contacts", api.CheckWarn, c.Called()+" asks to be a contact", "covey contact accept "+api.Word(c.Called()))
		}
	}
	for _, v := range n.Invitations() {
		add("invitations", api.CheckWarn, v.FromName+" invites you to "+v.Name, "covey group accept "+api.Word(v.Name))
	}
	total := uint64(0)
	for _, k := range n.Drops() {
		total += k
	}
	add("drops", api.CheckOK, fmt.Sprintf("%d things dropped since the start; `covey net status` says which", total), "")
	return d, nil
}

type checker func(name string, v api.Verdict, text, hint string)

func (b *Backend) checkStore(add checker) {
	probe := []session.Row{{Key: "x", Value: []byte(time.Now().String())}}
	begin := time.Now()
	if err := b.n.Store().Put("probe/", probe); err != nil {
		add("storage", api.CheckFail, node.StorageError(err).Message, node.StorageError(err).Hint)
		return
	}
	took := time.Since(begin)
	v, hint := api.CheckOK, ""
	if took > 250*time.Millisecond {
		v, hint = api.CheckWarn, "a slower disk than this makes sending slow"
	}
	add("storage", v, fmt.Sprintf("a synced write takes %s; %d MB on disk", took.Round(100*time.Microsecond), b.n.Store().Size()>>20), hint)
}

// clockBehind is how far a clock may stand back before it is worth a word: what
// a correction over the network takes back at once.
const clockBehind = time.Minute

// checkClock compares the clock with what it was when the groups were last
// saved. No decision about commits reads it; ages and expiries do.
func (b *Backend) checkClock(add checker) {
	behind := time.Duration(0)
	for _, g := range b.n.Groups() {
		behind = max(behind, time.Duration(g.View().Behind)*time.Millisecond)
	}
	if behind > clockBehind {
		add("clock", api.CheckWarn, fmt.Sprintf("it stands %s behind what it was here before", behind.Round(time.Second)), "set the clock; until then links and key packages may seem to be of the future")
		return
	}
	add("clock", api.CheckOK, time.Now().UTC().Format("2006-01-02 15:04:05 UTC"), "")
}

// checkMail looks at what lets others reach this node while it is away.
func (b *Backend) checkMail(add checker) {
	if _, runs := b.n.Table(); !runs {
		add("key packages", api.CheckOK, "not published: the DHT is off, so only peers that are connected can invite you", "")
	} else if k := b.n.KeyPackages(); k == 0 {
		add("key packages", api.CheckWarn, "none are out: nobody can invite you while you are away", "keep the node running while peers are connected; it publishes them by itself")
	} else {
		add("key packages", api.CheckOK, fmt.Sprintf("%d are out", k), "")
	}
	waiting, kept, bytes := b.n.Mail()
	add("mailboxes", api.CheckOK, fmt.Sprintf("%d deliveries of yours wait; %d items (%d kB) are kept for others", waiting, kept, (bytes+1023)>>10), "")
}

func (b *Backend) checkNet(add checker) {
	n := b.n
	addrs := n.Mesh().Host().Addrs()
	if len(addrs) == 0 {
		add("network", api.CheckFail, "no address to be reached at", "check that a network is up and that nothing else uses the ports of --listen")
		return
	}
	add("network", api.CheckOK, fmt.Sprintf("%d addresses, %s, network %s", len(addrs), b.reachability(), n.Config().Network), "")
	direct, relayed := n.Connected()
	known := len(n.Mesh().Known())
	switch {
	case known == 0:
		add("peers", api.CheckOK, "nobody to be connected to yet", "covey contact invite")
	case direct+relayed == 0:
		add("peers", api.CheckWarn, fmt.Sprintf("none of %d known peers is reachable", known), "they may be off; covey peers")
	default:
		add("peers", api.CheckOK, fmt.Sprintf("%d of %d known peers connected, %d through a relay", direct+relayed, known, relayed), "")
	}
	for _, p := range n.Mesh().Known() {
		if s := n.Mesh().Score(p); s < 0 {
			add("peers", api.CheckWarn, fmt.Sprintf("%s has sent what it should not have (score %.0f)", b.nameOfPeer(p), s), "covey contact block")
		}
	}
}

func (b *Backend) nameOfPeer(p peer.ID) string {
	if d, ok := mesh.PublicOf(p); ok {
		if a, ok := b.n.AccountOf(d); ok {
			return b.n.NameOf(a)
		}
	}
	return p.String()
}

func (b *Backend) checkGroups(ctx context.Context, add checker) {
	forks := 0
	for _, g := range b.n.Groups() {
		if g.Broken() != nil {
			add("groups", api.CheckFail, g.Title()+" has stopped: its rows cannot be read", "restart the node; covey daemon logs")
			continue
		}
		w, err := b.Why(ctx, g.ID(), "")
		if err != nil {
			add("groups", api.CheckFail, g.Title()+": "+api.AsError(err).Message, "")
			continue
		}
		forks += g.View().Rivals
		if len(w.Missing) > 0 || g.View().Standing == session.OnlyReading || g.View().Standing == session.LeftBehind {
			add("groups", api.CheckWarn, g.Title()+": "+w.Verdict, w.Fix)
		}
	}
	add("groups", api.CheckOK, fmt.Sprintf("%d groups", len(b.n.Groups())), "")
	if forks > 0 {
		add("forks", api.CheckWarn, rivals(forks)+" held beside the heads", "covey group why GROUP; they end by themselves when members meet")
	} else {
		add("forks", api.CheckOK, "no rival branches are held", "")
	}
}
