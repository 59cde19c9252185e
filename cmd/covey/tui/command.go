package tui

import (
	"context"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/node/api"
)

// Command is one thing that a person can do, by /name or from the palette.
type Command struct {
	Name  string
	Args  string // as shown after the name
	About string // one sentence
	CLI   string // the command line that does the same; G stands for the group
	// Run does it, off the loop; what it returns is shown.
	Run func(ctx context.Context, args []string) (string, error)

	on func(d *desk, args []string) job // for those that need the desk
}

// Commands are what the palette lists, in the order people meet them.
func Commands() []Command {
	return []Command{
		{Name: "help", About: "List what can be done.", CLI: "covey help", on: help},
		{Name: "open", Args: "GROUP", About: "Open a group.", CLI: "covey chat GROUP", on: func(d *desk, a []string) job { return d.enter(strings.Join(a, " ")) }},
		{Name: "new", Args: "NAME", About: "Create a group.", CLI: "covey group create NAME", on: create},
		{Name: "invite", Args: "CONTACT", About: "Invite a contact to this group.", CLI: "covey group invite G CONTACT", on: operation(func(ctx context.Context, c *api.Client, g, who string) (api.Operation, error) {
			return c.Invite(ctx, g, who)
		})},
		{Name: "link", About: "Make an invitation link to this node, good once, for a day.", CLI: "covey contact invite --qr", on: link},
		{Name: "add", Args: "LINK [NAME]", About: "Add a contact by the link that they gave.", CLI: "covey contact add LINK", on: addContact},
		{Name: "yes", Args: "CONTACT", About: "Accept somebody who asks to be a contact.", CLI: "covey contact accept CONTACT", on: answer(true)},
		{Name: "no", Args: "CONTACT", About: "Refuse somebody who asks.", CLI: "covey contact refuse CONTACT", on: answer(false)},
		{Name: "accept", Args: "INVITATION", About: "Join a group that somebody wants you in.", CLI: "covey group accept INVITATION", on: accept},
		{Name: "decline", Args: "INVITATION", About: "Do not join.", CLI: "covey group decline INVITATION", on: decline},
		{Name: "verify", Args: "CONTACT", About: "Show the words to compare with a contact.", CLI: "covey contact verify CONTACT", on: words},
		{Name: "match", Args: "CONTACT", About: "Record that the words are the same.", CLI: "covey contact verify CONTACT --yes", on: match},
		{Name: "block", Args: "CONTACT", About: "Block a contact.", CLI: "covey contact block CONTACT", on: block},
		{Name: "reply", Args: "[MESSAGE]", About: "Answer a message: the newest, or the one whose id begins so.", CLI: "covey send G TEXT --reply-to MESSAGE", on: reply},
		{Name: "react", Args: "SIGN [MESSAGE]", About: "React to a message.", CLI: "covey send G SIGN --react MESSAGE", on: react},
		{Name: "why", Args: "[MESSAGE]", About: "Say why a message, or the group, is as it is.", CLI: "covey group why G [MESSAGE]", on: why},
		{Name: "epochs", About: "Draw the recent epochs with their rivals.", CLI: "covey group epochs G", on: epochs},
		{Name: "repair", About: "Fetch what is missing.", CLI: "covey group repair G", on: repair},
		{Name: "role", Args: "MEMBER ROLE", About: "Change what a member may do: member, admin or owner.", CLI: "covey group role G MEMBER ROLE", on: role},
		{Name: "remove", Args: "MEMBER", About: "Remove a member; they read nothing that comes after.", CLI: "covey group remove G MEMBER", on: operation(func(ctx context.Context, c *api.Client, g, who string) (api.Operation, error) {
			return c.Remove(ctx, g, who)
		})},
		{Name: "rename", Args: "NAME", About: "Rename the group.", CLI: "covey group rename G NAME", on: rename},
		{Name: "rotate", About: "Renew your keys in this group.", CLI: "covey group rotate G", on: operation0(func(ctx context.Context, c *api.Client, g string) (api.Operation, error) { return c.Rotate(ctx, g) })},
		{Name: "leave", About: "Leave the group.", CLI: "covey group leave G", on: operation0(func(ctx context.Context, c *api.Client, g string) (api.Operation, error) { return c.Leave(ctx, g) })},
		{Name: "devices", About: "List the devices of your account.", CLI: "covey device ls", on: devices},
		{Name: "code", About: "Show the code by which your account takes in this new device.", CLI: "covey device link --qr", on: code},
		{Name: "adopt", Args: "CODE", About: "Take the new device that shows a code into your account.", CLI: "covey device accept CODE", on: adopt},
		{Name: "lost", Args: "DEVICE", About: "Take a device that is lost out of all your groups.", CLI: "covey device rm DEVICE", on: lost},
		{Name: "peers", About: "List who is connected, and how.", CLI: "covey peers ls", on: peers},
		{Name: "doctor", About: "Check the node's health.", CLI: "covey doctor", on: doctor},
	}
}

// lookup finds a command by its name or a unique prefix of it.
func (d *desk) lookup(word string) (Command, error) {
	var found []Command
	for _, c := range d.all() {
		if c.Name == word {
			return c, nil
		}
		if strings.HasPrefix(c.Name, word) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Command{}, api.NewError(api.CodeUsage, "There is no /"+name(word)+".", "/help lists what there is.")
	}
	return Command{}, api.NewError(api.CodeAmbiguous, "/"+name(word)+" may mean /"+found[0].Name+" or /"+found[1].Name+".", "Write more of it.")
}

func (d *desk) all() []Command { return append(d.extra[:len(d.extra):len(d.extra)], Commands()...) }

// enterLine does what a typed line says: a command, or a message to the group.
func (d *desk) enterLine(s string) job {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return nil
	case strings.HasPrefix(s, "//"):
		return d.send(s[1:])
	case !strings.HasPrefix(s, "/"):
		return d.send(s)
	}
	words := strings.Fields(s[1:])
	if len(words) == 0 {
		return help(d, nil)
	}
	c, err := d.lookup(words[0])
	if err != nil {
		return now(failed(err))
	}
	if need := strings.Count(c.Args, " ") + 1 - strings.Count(c.Args, "["); c.Args != "" && len(words)-1 < need {
		return now(say("Write /" + c.Name + " " + c.Args + ".  " + c.About))
	}
	if c.on != nil {
		return c.on(d, words[1:])
	}
	return func(ctx context.Context) apply {
		out, err := c.Run(ctx, words[1:])
		if err != nil {
			return failed(err)
		}
		return say(Visible(out))
	}
}

func now(a apply) job { return func(context.Context) apply { return a } }

func (d *desk) send(text string) job {
	if d.open.ID == "" {
		return now(say("There is no group yet. /new NAME makes one; /link and /add bring people."))
	}
	c, group, to := d.client, d.open.ID, d.reply
	d.reply = ""
	return func(ctx context.Context) apply {
		sent, err := c.Send(ctx, group, api.NewMessage{Text: text, ReplyTo: to})
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job {
			if d.open.ID == group {
				d.add(sent.Message)
			}
			return nil
		}
	}
}

// operation makes the command of a change to the open group that names
// somebody; its course comes with the event log.
func operation(do func(context.Context, *api.Client, string, string) (api.Operation, error)) func(*desk, []string) job {
	return func(d *desk, a []string) job {
		c, group := d.client, d.open.ID
		return func(ctx context.Context) apply {
			op, err := do(ctx, c, group, strings.Join(a, " "))
			return told(op, err)
		}
	}
}

func operation0(do func(context.Context, *api.Client, string) (api.Operation, error)) func(*desk, []string) job {
	return operation(func(ctx context.Context, c *api.Client, g, _ string) (api.Operation, error) { return do(ctx, c, g) })
}

func told(op api.Operation, err error) apply {
	if err != nil {
		return failed(err)
	}
	if op.State == api.OpFinal { // nobody else is there to see it
		return say("Done.")
	}
	return say("Asked; the group will see it at its next epoch (" + string(op.State) + ").")
}

func help(d *desk, _ []string) job {
	var b strings.Builder
	for _, c := range d.all() {
		fmt.Fprintf(&b, "/%-22s %s\n", strings.TrimSpace(c.Name+" "+c.Args), c.About)
	}
	return now(say(b.String() + "A line that begins with // is sent with one slash."))
}

func create(d *desk, a []string) job {
	c, group := d.client, strings.Join(a, " ")
	return func(ctx context.Context) apply {
		g, err := c.CreateGroup(ctx, api.NewGroup{Name: group})
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job { return d.then(d.enter(g.ID), d.refresh()) }
	}
}

func link(d *desk, _ []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		l, err := c.NewLink(ctx, api.NewLink{})
		if err != nil {
			return failed(err)
		}
		return say(Code(l.URL) + l.URL + "\nGood once, until " + l.Expires.Local().Format("2 Jan 15:04") + ". Give it to one person.")
	}
}

func addContact(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.AddContact(ctx, api.NewContact{Link: a[0], Name: strings.Join(a[1:], " ")})
		if err != nil {
			return failed(err)
		}
		return say(name(k.Name) + " is asked; /verify shows the words to compare.")
	}
}

func answer(yes bool) func(*desk, []string) job {
	return func(d *desk, a []string) job {
		c := d.client
		return func(ctx context.Context) apply {
			k, err := c.AnswerContact(ctx, strings.Join(a, " "), yes)
			if err != nil {
				return failed(err)
			}
			return func(d *desk) job {
				d.notice = name(k.Name) + " is now " + string(k.State) + "."
				return d.refresh()
			}
		}
	}
}

func accept(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		g, err := c.Accept(ctx, strings.Join(a, " "))
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job { return d.then(d.enter(g.ID), d.refresh()) }
	}
}

func decline(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		if err := c.Decline(ctx, strings.Join(a, " ")); err != nil {
			return failed(err)
		}
		return func(d *desk) job { return d.refresh() }
	}
}

func words(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.Contact(ctx, strings.Join(a, " "))
		if err != nil {
			return failed(err)
		}
		return say("Compare with " + name(k.Name) + ", aloud or side by side; both see the same:\n" + k.Words + "\n" + k.Number + "\nIf they match: /match " + name(k.Name))
	}
}

func match(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.VerifyContact(ctx, strings.Join(a, " "), true)
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job { d.notice = name(k.Name) + " is verified."; return d.detail() }
	}
}

func block(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.BlockContact(ctx, strings.Join(a, " "), true)
		if err != nil {
			return failed(err)
		}
		return say(name(k.Name) + " is blocked.")
	}
}

func reply(d *desk, a []string) job {
	m := d.find(strings.Join(a, ""))
	if m == nil {
		return now(say("There is no such message here."))
	}
	d.reply = m.ID
	return now(say("Replying to " + name(m.Name) + ": " + name(m.Text) + "  (Esc to stop)"))
}

func react(d *desk, a []string) job {
	m := d.find(strings.Join(a[1:], ""))
	if m == nil {
		return now(say("There is no such message here."))
	}
	c, group, to := d.client, d.open.ID, m.ID
	return func(ctx context.Context) apply {
		sent, err := c.Send(ctx, group, api.NewMessage{Kind: "reaction", Text: a[0], ReplyTo: to})
		if err != nil {
			return failed(err)
		}
		return func(d *desk) job { d.add(sent.Message); return nil }
	}
}

func why(d *desk, a []string) job {
	c, group, ref := d.client, d.open.ID, strings.Join(a, " ")
	return func(ctx context.Context) apply {
		w, err := c.Why(ctx, group, ref)
		if err != nil {
			return failed(err)
		}
		s := strings.Join(append([]string{w.Verdict}, w.Facts...), "\n")
		for _, m := range w.Missing {
			s += "\nmissing  " + m
		}
		for _, p := range [][2]string{{"cause    ", w.Cause}, {"to do    ", w.Fix}, {"privacy  ", w.Privacy}} {
			if p[1] != "" {
				s += "\n" + p[0] + p[1]
			}
		}
		return say(Visible(s))
	}
}

func epochs(d *desk, _ []string) job {
	c, group := d.client, d.open.ID
	return func(ctx context.Context) apply {
		e, err := c.Epochs(ctx, group)
		if err != nil {
			return failed(err)
		}
		return say(Visible(e.Text))
	}
}

func repair(d *desk, _ []string) job {
	c, group := d.client, d.open.ID
	return func(ctx context.Context) apply {
		r, err := c.Repair(ctx, group, false)
		if err != nil {
			return failed(err)
		}
		if len(r.Steps) == 0 {
			return say("Nothing is missing and nothing is wrong.")
		}
		return say(Visible(strings.Join(r.Steps, "\n")))
	}
}

func role(d *desk, a []string) job {
	c, group := d.client, d.open.ID
	who, what := strings.Join(a[:len(a)-1], " "), a[len(a)-1]
	return func(ctx context.Context) apply { return told(c.SetRole(ctx, group, who, api.Role(what))) }
}

func rename(d *desk, a []string) job {
	c, group, to := d.client, d.open.ID, strings.Join(a, " ")
	return func(ctx context.Context) apply { return told(c.ChangeGroup(ctx, group, api.GroupChange{Name: &to})) }
}

func peers(d *desk, _ []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		list, err := c.Peers(ctx)
		if err != nil {
			return failed(err)
		}
		s := plural(len(list), "peer", "peers")
		for _, p := range list {
			state := "away"
			if p.Connected {
				state = strings.TrimSpace(fmt.Sprintf("%s %s %.1f ms", p.Path, p.Transport, p.RTTMs))
			}
			s += fmt.Sprintf("\n%-24s %s", name(p.Name), state)
		}
		return say(s)
	}
}

func doctor(d *desk, _ []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		r, err := c.Doctor(ctx)
		if err != nil {
			return failed(err)
		}
		var b strings.Builder
		for _, k := range r.Checks {
			fmt.Fprintf(&b, "%s %s: %s %s\n", map[api.Verdict]string{api.CheckOK: "✓", api.CheckWarn: "!", api.CheckFail: "✗"}[k.Verdict], k.Name, k.Text, k.Hint)
		}
		return say(Visible(strings.TrimSpace(b.String())))
	}
}
