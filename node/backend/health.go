package backend

import (
	"context"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/consensus"
	"github.com/covey-p2p/covey/node/api"
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
		name, _ := b.nameOfPeer(p)
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
