package backend

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

func (b *Backend) Epochs(ctx context.Context, ref string) (api.Epochs, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Epochs{}, err
	}
	var tree []session.Branch
	if err := g.Look(ctx, func(s *session.Session) { tree = s.Tree() }); err != nil {
		return api.Epochs{}, err
	}
	out := api.Epochs{Group: g.ID(), Nodes: make([]api.EpochNode, 0, len(tree))}
	for i, t := range tree {
		n := api.EpochNode{
			EpochRef: g.EpochRef(t.Epoch, t.Number), Head: t.Head, Weight: t.Weight, Of: t.Of, Members: t.Members, Life: lives[t.Life],
		}
		if !t.State && n.Life != api.LifeHead && n.Life != api.LifeInvalid && n.Life != api.LifeLost {
			n.Life = api.LifeErased
		}
		if t.Head {
			out.Head, n.Life = n.EpochRef, api.LifeHead
		}
		if i > 0 {
			n.Parent, n.Commit = hexOf(t.Parent[:]), hexOf(t.Commit[:])
			n.Author, n.Name, n.What = hexOf(t.Author[:]), b.n.NameOf(t.Author), b.what(t)
			n.Reason = t.Why
		}
		out.Nodes = append(out.Nodes, n)
	}
	out.Text = drawTree(out.Nodes)
	return out, nil
}

var lives = map[consensus.Life]api.Life{
	consensus.Unknown: api.LifeParked, consensus.Parked: api.LifeParked, consensus.Named: api.LifeParked, consensus.Held: api.LifeHeld,
	consensus.Head: api.LifeSettled, consensus.Lost: api.LifeLost, consensus.Settled: api.LifeSettled, consensus.Final: api.LifeFinal,
	consensus.Invalid: api.LifeInvalid, consensus.Erased: api.LifeErased,
}

// what says what a commit does.
func (b *Backend) what(t session.Branch) string {
	n := b.n
	var parts []string
	names := func(verb string, accounts []session.Account) {
		for _, a := range accounts {
			parts = append(parts, verb+" "+n.NameOf(a))
		}
	}
	names("adds", t.Added)
	names("removes", t.Removed)
	if len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	switch t.Class {
	case consensus.ClassRemove:
		return "removes a device"
	case consensus.ClassChange:
		return "changes the group"
	case consensus.ClassMaintain:
		return "renews keys"
	case consensus.ClassResync:
		return "comes back from outside"
	}
	return "joins from outside"
}

// drawTree draws the tree in characters: a line an epoch, rivals indented
// under the epoch they part from.
func drawTree(nodes []api.EpochNode) string {
	children := make(map[string][]api.EpochNode)
	for _, n := range nodes[1:] {
		children[n.Parent] = append(children[n.Parent], n)
	}
	var b strings.Builder
	var draw func(n api.EpochNode, indent string)
	draw = func(n api.EpochNode, indent string) {
		mark := ""
		if n.Head {
			mark = "  ◄ head"
		}
		life := string(n.Life)
		if n.Of > 0 {
			life = fmt.Sprintf("%s %d/%d", life, n.Weight, n.Of)
		}
		fmt.Fprintf(&b, "%sE%d %s  %s %s  %s%s\n", indent, n.Number, n.Print, n.Name, n.What, life, mark)
		kids := children[n.ID]
		for i := 1; i < len(kids); i++ {
			draw(kids[i], indent+"│ └ ")
		}
		if len(kids) > 0 {
			draw(kids[0], indent)
		}
	}
	draw(nodes[0], "")
	return b.String()
}

func (b *Backend) Repair(ctx context.Context, ref string, dryRun bool) (api.Repair, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return api.Repair{}, err
	}
	out := api.Repair{DryRun: dryRun, Steps: []string{}}
	var missing []string
	if err := g.Look(ctx, func(s *session.Session) { missing = s.Missing() }); err != nil {
		return out, err
	}
	for _, m := range missing {
		out.Steps = append(out.Steps, "Ask for "+m+".")
	}
	for _, p := range g.Peers() {
		if !b.n.Reachable(p) {
			continue
		}
		name := p.String()
		if d, ok := mesh.PublicOf(p); ok {
			if a, ok := b.n.AccountOf(d); ok {
				name = b.n.NameOf(a)
			}
		}
		out.Asked = append(out.Asked, name)
		out.Steps = append(out.Steps, "Compare logs with "+name+".")
		if !dryRun {
			g.Compare(p)
		}
	}
	if len(out.Asked) == 0 {
		out.Steps = append(out.Steps, "Dial every member: none is reachable now.")
		if !dryRun {
			b.n.Mesh().Redial()
		}
	}
	return out, nil
}

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
	b.checkNet(add)
	b.checkGroups(ctx, add)
	for _, c := range n.Book().Contacts() {
		if c.State == people.Request {
			add("contacts", api.CheckWarn, c.Called()+" asks to be a contact", "covey contact accept "+c.Called())
		}
	}
	for _, v := range n.Invitations() {
		add("invitations", api.CheckWarn, v.FromName+" invites you to "+v.Name, "covey group accept "+v.Name)
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
	if restored, why := b.n.Store().Restored(); restored {
		add("storage", api.CheckFail, "an older copy put back: "+why, "have a member of each group remove and invite you again")
		return
	}
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
	add("groups", api.CheckOK, fmt.Sprintf("%d groups, %d rival branches held", len(b.n.Groups()), forks), "")
}
