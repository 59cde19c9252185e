package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) groupCommand() *cobra.Command {
	c := noun("group", "Groups, their members, and their epochs",
		a.groupCreate(), a.groupLs(), a.groupShow(), a.groupMembers(),
		a.groupInvite(), a.groupAccept(), a.groupDecline(), a.groupRemove(), a.groupLeave(),
		a.groupRole(), a.groupRename(), a.groupRotate(),
		a.groupEpochs(), a.groupWhy(), a.groupRepair(),
	)
	return c
}

func (a *app) groupCreate() *cobra.Command {
	var in api.NewGroup
	c := verb("create NAME", "Begin a group", 1, 1, func(cmd *cobra.Command, args []string) error {
		in.Name = args[0]
		g, err := a.client().CreateGroup(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.show(g, func(w io.Writer) {
			fmt.Fprintf(w, "%s begins, state %s. `%s` brings somebody in.\n", tui.Line(g.Name), g.Epoch.Print, a.next("group invite %s CONTACT", g.Name))
		})
	})
	c.Flags().StringSliceVar(&in.Invite, "invite", nil, "contacts to invite at once")
	return c
}

func (a *app) groupLs() *cobra.Command {
	return verb("ls", "Your groups, and invitations that wait", 0, 0, func(cmd *cobra.Command, _ []string) error {
		groups, err := a.client().Groups(cmd.Context())
		if err != nil || a.json {
			return either(err, func() error { return a.emit(groups) })
		}
		waiting, err := a.client().Invitations(cmd.Context())
		if err != nil {
			return err
		}
		if len(groups)+len(waiting) == 0 {
			a.say("You are in no group. `%s` begins one.", a.next("group create NAME"))
			return nil
		}
		var rows [][]string
		for _, g := range groups {
			rows = append(rows, []string{g.Name, short(g.ID), fmt.Sprintf("%d, %d online", g.Members, g.Online), epochLine(g), fmt.Sprint(g.Unread), string(g.State)})
		}
		if len(rows) > 0 {
			table(a.out, []string{"name", "id", "members", "epoch", "unread", "state"}, rows)
		}
		for _, v := range waiting {
			from := tui.Line(v.FromName)
			if v.Stranger {
				from += ", a stranger,"
			}
			a.say("%s invites you to %s (%s): %s", from, tui.Line(v.Name), plural(v.Members, "member"), a.next("group accept %s", v.Name))
		}
		return nil
	})
}

func either(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}

// epochLine is where a group stands: number, print, who agrees, rivals.
func epochLine(g api.Group) string {
	s := fmt.Sprintf("%d %s %d/%d agree", g.Epoch.Number, g.Epoch.Print, g.Agreed, g.Members)
	if g.Rivals > 0 {
		s += fmt.Sprintf(", %d rivals", g.Rivals)
	}
	return s
}

func (a *app) groupShow() *cobra.Command {
	whole := false
	c := verb("show GROUP", "One group", 1, 1, func(cmd *cobra.Command, args []string) error {
		g, err := a.client().Group(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(g, func(w io.Writer) {
			rows := [][]string{
				{"name", g.Name}, {"id", g.ID}, {"state", string(g.State)}, {"you are", string(g.Role)},
			}
			if g.Trouble != "" {
				rows = append(rows, []string{"trouble", g.Trouble})
			}
			rows = append(rows, [][]string{
				{"epoch", epochLine(g.Group)}, {"epochs alive", fmt.Sprint(g.Alive)}, {"unread", fmt.Sprint(g.Unread)}, {"queued", fmt.Sprint(g.Queued)},
			}...)
			if whole {
				rows = append(rows, []string{"authenticator", g.Authenticator})
			}
			table(w, nil, rows)
			members(w, g.Roster)
		})
	})
	c.Flags().BoolVar(&whole, "verify", false, "show the whole authenticator, for comparing by machine")
	return c
}

func members(w io.Writer, roster []api.Member) {
	var rows [][]string
	for _, m := range roster {
		name, seen := m.Name, ago(m.LastSeen)
		switch {
		case m.Me:
			name, seen = m.Name+" (you)", "here"
		case m.Online:
			seen = "online, " + string(m.Path)
		}
		rows = append(rows, []string{name, short(m.Account), string(m.Role), yes(m.Verified || m.Me), yes(m.Agrees), seen})
	}
	table(w, []string{"member", "account", "role", "verified", "agrees", "seen"}, rows)
}

func (a *app) groupMembers() *cobra.Command {
	return verb("members GROUP", "Who is in a group", 1, 1, func(cmd *cobra.Command, args []string) error {
		g, err := a.client().Group(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(g.Roster, func(w io.Writer) { members(w, g.Roster) })
	})
}

// change makes a command that asks a group for a change, and can wait for it.
func (a *app) change(use, short string, least, most int, done string, f func(context.Context, []string) (api.Operation, error)) *cobra.Command {
	var wait string
	var timeout time.Duration
	c := verb(use, short, least, most, func(cmd *cobra.Command, args []string) error {
		if wait != "queued" && wait != "landed" && wait != "final" {
			return api.NewError(api.CodeUsage, fmt.Sprintf("--wait %s is not known.", wait), "Say queued, landed or final.")
		}
		op, err := f(cmd.Context(), args)
		if err != nil {
			return err
		}
		if wait != "queued" {
			if op, err = a.untilDone(cmd.Context(), op, wait, timeout); err != nil {
				return err
			}
		}
		return a.show(op, func(w io.Writer) { fmt.Fprintf(w, "%s (%s)\n", done, op.State) })
	})
	c.Flags().StringVar(&wait, "wait", "landed", "return once it is queued, landed or final")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait at most")
	return c
}

// untilDone follows an operation to a state, or to its end.
func (a *app) untilDone(ctx context.Context, op api.Operation, want string, timeout time.Duration) (api.Operation, error) {
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reached := func(s api.OpState) bool {
		return s == api.OpFinal || s == api.OpSuperseded || want == "landed" && s == api.OpLanded
	}
	fail := func() error {
		switch op.State {
		case api.OpDenied:
			return api.NewError(api.CodeDenied, api.Sentence(cmp.Or(op.Reason, "the group does not allow that")), "`covey group show GROUP` shows who may do what.")
		case api.OpExpired:
			return api.NewError(api.CodeWait, api.Sentence("it waited too long: "+op.Reason), "Ask for it again.")
		}
		return nil
	}
	if reached(op.State) {
		return op, nil
	}
	for e, err := range a.client().Watch(limit, api.WatchOptions{From: op.Cursor, Types: []api.EventType{api.EventOperation}, Group: op.Group}) {
		if err != nil {
			return op, err
		}
		if e.Operation == nil || e.Operation.ID != op.ID {
			continue
		}
		op.State, op.Reason = e.Operation.State, e.Operation.Reason
		if err := fail(); err != nil || reached(op.State) {
			return op, err
		}
	}
	if ctx.Err() != nil {
		return op, ctx.Err()
	}
	return op, api.NewError(api.CodeWait, fmt.Sprintf("It is %s, and was not %s within %s.", op.State, want, timeout), "It goes on by itself; `covey watch --types operation` tells.")
}

func (a *app) groupInvite() *cobra.Command {
	return a.change("invite GROUP CONTACT", "Bring somebody into a group", 2, 2, "Invited.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().Invite(ctx, args[0], args[1])
	})
}

func (a *app) groupAccept() *cobra.Command {
	return verb("accept INVITATION", "Join a group that you are invited to", 1, 1, func(cmd *cobra.Command, args []string) error {
		g, err := a.client().Accept(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(g, func(w io.Writer) {
			fmt.Fprintf(w, "You are in %s, with %s.\n", tui.Line(g.Name), plural(g.Members, "member"))
		})
	})
}

func (a *app) groupDecline() *cobra.Command {
	return verb("decline INVITATION", "Do not join a group that you are invited to", 1, 1, func(cmd *cobra.Command, args []string) error {
		if err := a.client().Decline(cmd.Context(), args[0]); err != nil {
			return err
		}
		return a.show(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "Declined.") })
	})
}

func (a *app) groupRemove() *cobra.Command {
	return a.change("remove GROUP MEMBER", "Take somebody out of a group", 2, 2, "Removed.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().Remove(ctx, args[0], args[1])
	})
}

func (a *app) groupLeave() *cobra.Command {
	return a.change("leave GROUP", "Leave a group", 1, 1, "Left.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().Leave(ctx, args[0])
	})
}

func (a *app) groupRole() *cobra.Command {
	return a.change("role GROUP MEMBER member|admin|owner", "Say what somebody may do in a group", 3, 3, "Changed.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().SetRole(ctx, args[0], args[1], api.Role(args[2]))
	})
}

func (a *app) groupRename() *cobra.Command {
	return a.change("rename GROUP NAME", "Call a group something else", 2, 2, "Renamed.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().ChangeGroup(ctx, args[0], api.GroupChange{Name: &args[1]})
	})
}

func (a *app) groupRotate() *cobra.Command {
	return a.change("rotate GROUP", "Renew your keys in a group", 1, 1, "Renewed.", func(ctx context.Context, args []string) (api.Operation, error) {
		return a.client().Rotate(ctx, args[0])
	})
}

func (a *app) groupEpochs() *cobra.Command {
	return verb("epochs GROUP", "Recent history of a group, forks and all", 1, 1, func(cmd *cobra.Command, args []string) error {
		e, err := a.client().Epochs(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(e, func(w io.Writer) { fmt.Fprint(w, tui.Visible(e.Text)) })
	})
}

func (a *app) groupWhy() *cobra.Command {
	return verb("why GROUP [MEMBER|EPOCH|MESSAGE]", "Why a group, or something in it, is as it is", 1, 2, func(cmd *cobra.Command, args []string) error {
		w, err := a.client().Why(cmd.Context(), args[0], first(args[1:]))
		if err != nil {
			return err
		}
		return a.show(w, func(out io.Writer) {
			fmt.Fprintf(out, "%s: %s\n", tui.Line(w.Subject), tui.Line(w.Verdict))
			for _, f := range w.Facts {
				fmt.Fprintf(out, "  %s\n", tui.Line(f))
			}
			for _, m := range w.Missing {
				fmt.Fprintf(out, "  missing  %s\n", tui.Line(m))
			}
			for _, l := range [][2]string{{"cause", w.Cause}, {"fix", a.aimed(w.Fix)}, {"privacy", w.Privacy}} {
				if l[1] != "" {
					fmt.Fprintf(out, "  %-7s  %s\n", l[0], tui.Line(l[1]))
				}
			}
		})
	})
}

func (a *app) groupRepair() *cobra.Command {
	dry := false
	c := verb("repair GROUP", "Fetch what a group lacks here", 1, 1, func(cmd *cobra.Command, args []string) error {
		r, err := a.client().Repair(cmd.Context(), args[0], dry)
		if err != nil {
			return err
		}
		return a.show(r, func(w io.Writer) {
			for _, s := range r.Steps {
				fmt.Fprintln(w, tui.Line(s))
			}
			if dry {
				fmt.Fprintln(w, "Nothing was done.")
			}
		})
	})
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be done")
	return c
}
