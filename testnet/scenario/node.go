package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/covey-p2p/covey/testnet"
)

// nodeValue is a node as a script holds it.
type nodeValue struct {
	w    *world
	name string
}

func (n *nodeValue) String() string        { return n.name }
func (n *nodeValue) Type() string          { return "node" }
func (n *nodeValue) Freeze()               {}
func (n *nodeValue) Truth() starlark.Bool  { return true }
func (n *nodeValue) Hash() (uint32, error) { return starlark.String(n.name).Hash() }

func (n *nodeValue) Attr(name string) (starlark.Value, error) {
	if name == "name" {
		return starlark.String(n.name), nil
	}
	return bind(n, name, nodeVerbs)
}
func (n *nodeValue) AttrNames() []string { return append(names(nodeVerbs), "name") }

var nodeVerbs map[string]verb[*nodeValue]

func init() { // a table that its own functions reach
	nodeVerbs = map[string]verb[*nodeValue]{
		"create_group": (*nodeValue).createGroup, "send": (*nodeValue).send, "mark_read": (*nodeValue).markRead, "commit": (*nodeValue).commit,
		"refresh": (*nodeValue).refresh, "invite": (*nodeValue).invite, "remove": (*nodeValue).remove, "leave": (*nodeValue).leave,
		"kill": (*nodeValue).kill, "start": (*nodeValue).start, "crash": (*nodeValue).crash, "clock": (*nodeValue).clock,
		"disk": (*nodeValue).disk, "byzantine": (*nodeValue).byzantine, "epoch": (*nodeValue).epoch, "read": (*nodeValue).read,
		"in_group": (*nodeValue).inGroup,
	}
}

func (n *nodeValue) createGroup(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var name string
	var members starlark.Value
	var formed bool
	if err := starlark.UnpackArgs("create_group", args, kw, "name", &name, "members?", &members, "formed?", &formed); err != nil {
		return nil, err
	}
	var who []string
	if members != nil && starlark.Len(members) != 0 {
		var err error
		if who, err = nodeNames(members); err != nil {
			return nil, fmt.Errorf("create_group: %w", err)
		}
	}
	if n.w.groups[name] != nil {
		return nil, fmt.Errorf("create_group: there is a group %s already", name)
	}
	found := n.w.stage.Group
	if formed {
		found = n.w.stage.Formed
	}
	if err := found(name, n.name, who...); err != nil {
		return nil, fmt.Errorf("create_group: %w", err)
	}
	g := &groupValue{w: n.w, name: name, founder: n, want: map[string]bool{account(n.name): true}, since: -1}
	for _, m := range who {
		g.want[account(m)] = true
	}
	n.w.groups[name] = g
	return g, nil
}

func (n *nodeValue) send(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	var text string
	if err := starlark.UnpackArgs("send", args, kw, "group", &g, "text", &text); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Send(n.name, g.name, text)
}

// markRead has a person look at all that the node shows, and tell the authors.
func (n *nodeValue) markRead(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	if err := starlark.UnpackArgs("mark_read", args, kw, "group", &g); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Read(n.name, g.name)
}

// commit makes a change of the group.
func (n *nodeValue) commit(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	var c *change
	if err := starlark.UnpackArgs("commit", args, kw, "group", &g, "change", &c); err != nil {
		return nil, err
	}
	return nil, n.change(g, c)
}

func (n *nodeValue) change(g *groupValue, c *change) error {
	d := n.w.stage
	switch c.verb {
	case "refresh":
		return d.Refresh(n.name, g.name)
	case "invite":
		g.want[account(c.about.name)] = true
		return d.Invite(n.name, g.name, c.about.name)
	case "remove":
		delete(g.want, account(c.about.name))
		return d.Remove(n.name, g.name, c.about.name)
	case "role":
		return d.Role(n.name, g.name, c.about.name, c.args[0])
	case "rename":
		return d.Rename(n.name, g.name, c.args[0])
	}
	return fmt.Errorf("commit: no change is called %s", c.verb)
}

func (n *nodeValue) refresh(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	if err := starlark.UnpackArgs("refresh", args, kw, "group", &g); err != nil {
		return nil, err
	}
	return nil, n.change(g, &change{verb: "refresh"})
}

func (n *nodeValue) invite(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return n.about("invite", args, kw)
}

func (n *nodeValue) remove(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return n.about("remove", args, kw)
}

func (n *nodeValue) about(verb string, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	var who *nodeValue
	if err := starlark.UnpackArgs(verb, args, kw, "group", &g, "node", &who); err != nil {
		return nil, err
	}
	return nil, n.change(g, &change{verb: verb, about: who})
}

func (n *nodeValue) leave(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var g *groupValue
	if err := starlark.UnpackArgs("leave", args, kw, "group", &g); err != nil {
		return nil, err
	}
	delete(g.want, account(n.name))
	return nil, n.w.stage.Leave(n.name, g.name)
}

func (n *nodeValue) kill(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("kill", args, kw); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Kill(n.name)
}

func (n *nodeValue) start(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("start", args, kw); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Start(n.name)
}

func (n *nodeValue) crash(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var point string
	nth := 1
	if err := starlark.UnpackArgs("crash", args, kw, "point", &point, "nth?", &nth); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Crash(n.name, point, nth)
}

func (n *nodeValue) clock(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	offset, rate := "0s", starlark.Value(starlark.Float(1))
	if err := starlark.UnpackArgs("clock", args, kw, "offset?", &offset, "rate?", &rate); err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(offset)
	if err != nil {
		return nil, fmt.Errorf("clock: %q is no offset: write \"-1h\"", offset)
	}
	x, ok := starlark.AsFloat(rate)
	if !ok || x < 0 {
		return nil, fmt.Errorf("clock: rate is %v: 1 is right, 0 stopped", rate)
	}
	return nil, n.w.stage.Clock(n.name, d, x)
}

func (n *nodeValue) disk(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var what string
	if err := starlark.UnpackArgs("disk", args, kw, "what", &what); err != nil {
		return nil, err
	}
	return nil, n.w.stage.Disk(n.name, what)
}

func (n *nodeValue) byzantine(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 2 || len(kw) > 0 {
		return nil, fmt.Errorf("byzantine: write node.byzantine(\"equivocate\", group)")
	}
	how, err := asText(args[0])
	if err != nil {
		return nil, fmt.Errorf("byzantine: %w", err)
	}
	g, ok := args[1].(*groupValue)
	if !ok {
		return nil, fmt.Errorf("byzantine: %v is no group", args[1])
	}
	var more []string
	for _, a := range args[2:] {
		if x, ok := a.(*nodeValue); ok {
			more = append(more, x.name)
		} else if s, ok := starlark.AsString(a); ok {
			more = append(more, s)
		} else {
			more = append(more, a.String())
		}
	}
	n.w.run.liars[n.name] = true
	return nil, n.w.stage.Byzantine(n.name, g.name, how, more...)
}

// view is what the node shows of a group.
func (n *nodeValue) view(verb string, args starlark.Tuple, kw []starlark.Tuple) (testnet.View, error) {
	var g *groupValue
	if err := starlark.UnpackArgs(verb, args, kw, "group", &g); err != nil {
		return testnet.View{}, err
	}
	views, err := n.w.stage.Views(g.name)
	if err != nil {
		return testnet.View{}, err
	}
	for _, v := range views {
		if v.Node == n.name {
			return v, nil
		}
	}
	return testnet.View{Node: n.name}, nil
}

func (n *nodeValue) epoch(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	v, err := n.view("epoch", args, kw)
	return starlark.MakeUint64(v.Number), err
}

func (n *nodeValue) read(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	v, err := n.view("read", args, kw)
	return starlark.MakeInt(v.Read), err
}

func (n *nodeValue) inGroup(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	v, err := n.view("in_group", args, kw)
	return starlark.Bool(v.In), err
}

// account is whose device a node is: "alice/phone" is alice's.
func account(node string) string {
	name, _, _ := strings.Cut(node, "/")
	return name
}

// groupValue is a group as a script holds it.
type groupValue struct {
	w       *world
	name    string
	founder *nodeValue
	want    map[string]bool // accounts that the script has put in and not taken out
	forked  time.Duration
	longest time.Duration // of all its forks
	since   time.Duration // when the present fork began; -1 for none
}

func (g *groupValue) String() string        { return g.name }
func (g *groupValue) Type() string          { return "group" }
func (g *groupValue) Freeze()               {}
func (g *groupValue) Truth() starlark.Bool  { return true }
func (g *groupValue) Hash() (uint32, error) { return starlark.String(g.name).Hash() }

func (g *groupValue) Attr(name string) (starlark.Value, error) {
	if name == "name" {
		return starlark.String(g.name), nil
	}
	return bind(g, name, groupVerbs)
}
func (g *groupValue) AttrNames() []string { return append(names(groupVerbs), "name") }

var groupVerbs map[string]verb[*groupValue]

func init() { // a table that its own functions reach
	groupVerbs = map[string]verb[*groupValue]{
		"invite": (*groupValue).invite, "converged": (*groupValue).convergedNow, "agreed": (*groupValue).agreed, "members": (*groupValue).members,
		"forked_for": (*groupValue).forkedFor, "reads_after_removal": (*groupValue).readsAfterRemoval, "epochs": (*groupValue).epochs, "reorgs": (*groupValue).reorgs,
		"longest_fork": (*groupValue).longestFork, "states": counted("states", func(t testnet.Tally) int { return t.States }),
		"commits":      counted("commits", func(t testnet.Tally) int { return t.Commits }),
		"thrown_away":  counted("thrown_away", func(t testnet.Tally) int { return t.ThrownAway }),
		"stepped_back": counted("stepped_back", func(t testnet.Tally) int { return t.DeepestBack }),
		"lost":         counted("lost", func(t testnet.Tally) int { return t.Lost }),
		"doubled":      counted("doubled", func(t testnet.Tally) int { return t.Doubled }),
		"unreadable":   counted("unreadable", func(t testnet.Tally) int { return t.Unreadable }),
		"waiting":      counted("waiting", func(t testnet.Tally) int { return t.Waiting }),
	}
}

func (g *groupValue) invite(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var who *nodeValue
	if err := starlark.UnpackArgs("invite", args, kw, "node", &who); err != nil {
		return nil, err
	}
	return nil, g.founder.change(g, &change{verb: "invite", about: who})
}

// honest are the views of members that run and do not lie.
func (g *groupValue) honest() ([]testnet.View, error) {
	views, err := g.w.stage.Views(g.name)
	return slices.DeleteFunc(views, func(v testnet.View) bool { return !v.In || !v.Up || g.w.run.liars[v.Node] }), err
}

// states counts the different states that honest members are in.
func (g *groupValue) states() (n int, views []testnet.View, err error) {
	views, err = g.honest()
	seen := map[string]bool{}
	for _, v := range views {
		seen[v.State] = true
	}
	return len(seen), views, err
}

// converged: every member that runs is in one state, and everybody who runs and
// whom the script put in is in its roster.
func (g *groupValue) convergedNow(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("converged", args, kw); err != nil {
		return nil, err
	}
	ok, err := g.convergedState()
	return starlark.Bool(ok), err
}

func (g *groupValue) convergedState() (bool, error) {
	n, views, err := g.states()
	if err != nil || n != 1 {
		return false, err
	}
	here := map[string]bool{}
	for _, v := range views {
		here[v.Account] = true
	}
	up, err := g.running()
	if err != nil {
		return false, err
	}
	in := map[string]bool{}
	for _, account := range views[0].Roster {
		if in[account] = true; up[account] && !here[account] {
			return false, nil // in the roster, runs, and has not joined
		}
	}
	for account := range g.want {
		if up[account] && !in[account] {
			return false, nil // invited, and not in yet
		}
	}
	return true, nil
}

// running are the accounts of which an honest device runs, as far as is known:
// one that never was in counts as running.
func (g *groupValue) running() (map[string]bool, error) {
	views, err := g.w.stage.Views(g.name)
	up := map[string]bool{}
	for name := range g.want {
		up[name] = true
	}
	for _, v := range views {
		up[v.Account] = false
	}
	for _, v := range views {
		if v.Up && !g.w.run.liars[v.Node] {
			up[v.Account] = true
		}
	}
	return up, err
}

// agreed: all honest members that run are in one state, whoever they are.
func (g *groupValue) agreed(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	n, _, err := g.states()
	if err == nil {
		err = starlark.UnpackArgs("agreed", args, kw)
	}
	return starlark.Bool(n == 1), err
}

func (g *groupValue) members(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("members", args, kw); err != nil {
		return nil, err
	}
	views, err := g.honest()
	if err != nil || len(views) == 0 {
		return starlark.NewList(nil), err
	}
	best := slices.MaxFunc(views, func(a, b testnet.View) int { return int(a.Number) - int(b.Number) })
	var out []starlark.Value
	for _, name := range best.Roster {
		out = append(out, starlark.String(name))
	}
	return starlark.NewList(out), nil
}

// forkedFor reports whether honest members have been apart for that long.
func (g *groupValue) forkedFor(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var d starlark.Value
	if err := starlark.UnpackArgs("forked_for", args, kw, "time", &d); err != nil {
		return nil, err
	}
	most, err := asDuration(d)
	if err != nil {
		return nil, fmt.Errorf("forked_for: %w", err)
	}
	return starlark.Bool(g.forked >= most), nil
}

// counted is a number of a group's tally.
func counted(name string, of func(testnet.Tally) int) verb[*groupValue] {
	return func(g *groupValue, _ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(name, args, kw); err != nil {
			return nil, err
		}
		books, ok := g.w.stage.(testnet.Tallier)
		if !ok {
			return nil, fmt.Errorf("%s: nobody keeps the books of real nodes; the simulator does", name)
		}
		t, err := books.Tally(g.name)
		return starlark.MakeInt(of(t)), err
	}
}

// longestFork is for how long honest members were ever in different states, in
// seconds, the cuts of the network included.
func (g *groupValue) longestFork(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	return starlark.Float(g.longest.Seconds()), starlark.UnpackArgs("longest_fork", args, kw)
}

// watch keeps the length of the present fork up to date.
func (g *groupValue) watch() error {
	n, _, err := g.states()
	switch now := g.w.stage.Now(); {
	case n <= 1:
		g.forked, g.since = 0, -1
	case g.since < 0:
		g.since = now
	default:
		g.forked = now - g.since
		g.longest = max(g.longest, g.forked)
		g.w.run.longest = max(g.w.run.longest, g.forked)
	}
	return err
}

// readsAfterRemoval reports whether a node that is in no roster of an honest
// member still takes part in their state.
func (g *groupValue) readsAfterRemoval(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	var who *nodeValue
	if err := starlark.UnpackArgs("reads_after_removal", args, kw, "node", &who); err != nil {
		return nil, err
	}
	views, err := g.w.stage.Views(g.name)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(views, func(v testnet.View) bool { return v.Node == who.name })
	if at < 0 || !views[at].In {
		return starlark.False, nil
	}
	for _, v := range views {
		if v.In && v.State == views[at].State && v.Node != who.name && !slices.Contains(v.Roster, views[at].Account) {
			return starlark.True, nil
		}
	}
	return starlark.False, nil
}

func (g *groupValue) epochs(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	views, err := g.honest()
	if err == nil {
		err = starlark.UnpackArgs("epochs", args, kw)
	}
	var most uint64
	for _, v := range views {
		most = max(most, v.Number)
	}
	return starlark.MakeUint64(most), err
}

func (g *groupValue) reorgs(_ *starlark.Thread, args starlark.Tuple, kw []starlark.Tuple) (starlark.Value, error) {
	views, err := g.honest()
	if err == nil {
		err = starlark.UnpackArgs("reorgs", args, kw)
	}
	n := 0
	for _, v := range views {
		n += v.Reorgs
	}
	return starlark.MakeInt(n), err
}
