package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) contactCommand() *cobra.Command {
	accept := func(use, short, text string, yes bool) *cobra.Command {
		return a.onContact(use, short, text, func(cmd *cobra.Command, args []string) (api.Contact, error) {
			return a.client().AnswerContact(cmd.Context(), args[0], yes)
		})
	}
	ls := verb("ls", "Whom you know", 0, 0, func(cmd *cobra.Command, _ []string) error { return a.contacts(cmd) })
	c := noun("contact", "People you know",
		a.contactInvite(), a.contactAdd(), ls, a.contactShow(),
		accept("accept CONTACT", "Let somebody who asks be a contact", "%s is a contact now.", true),
		accept("refuse CONTACT", "Do not let somebody who asks be a contact", "%s was refused.", false),
		a.contactVerify(), a.contactBlock(), a.contactRename(), a.contactForget(),
	)
	return c
}

// onContact makes a command that changes one contact and says so.
func (a *app) onContact(use, short, text string, f func(*cobra.Command, []string) (api.Contact, error)) *cobra.Command {
	n := len(strings.Fields(use)) - 1
	return verb(use, short, n, n, func(cmd *cobra.Command, args []string) error {
		c, err := f(cmd, args)
		if err != nil {
			return err
		}
		return a.show(c, func(w io.Writer) { fmt.Fprintf(w, text+"\n", tui.Line(c.Name)) })
	})
}

func (a *app) contactInvite() *cobra.Command {
	var ttl time.Duration
	var in api.NewLink
	var qr, list bool
	var revoke string
	c := verb("invite", "Make a link by which somebody becomes a contact", 0, 0, func(cmd *cobra.Command, _ []string) error {
		switch {
		case list:
			return a.links(cmd)
		case cmd.Flags().Changed("revoke"):
			if err := a.client().RevokeLink(cmd.Context(), revoke); err != nil {
				return err
			}
			return a.show(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "The link no longer works.") })
		}
		if in.Uses < 1 {
			return api.NewError(api.CodeUsage, "A link works once at least.", "")
		}
		var err error
		if in.TTLSeconds, err = seconds(ttl); err != nil {
			return err
		}
		l, err := a.client().NewLink(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.show(l, func(w io.Writer) {
			fmt.Fprintln(w, l.URL)
			if qr {
				fmt.Fprint(w, tui.Code(l.URL))
			}
			fmt.Fprintf(w, "Give it to one person whom you trust: it works %s, until %s. They run:\n  covey contact add LINK\n",
				map[bool]string{true: "once", false: fmt.Sprintf("%d times", l.Uses)}[l.Uses == 1], l.Expires.Local().Format("Mon 15:04"))
		})
	})
	f := c.Flags()
	f.DurationVar(&ttl, "ttl", 24*time.Hour, "how long it works")
	f.IntVar(&in.Uses, "uses", 1, "how often it works")
	f.StringVar(&in.Group, "group", "", "invite whoever uses it to this group too")
	f.BoolVar(&qr, "qr", false, "draw it as a code for cameras")
	f.BoolVar(&list, "ls", false, "list the links that still work instead")
	f.StringVar(&revoke, "revoke", "", "end a link instead")
	return c
}

// seconds is how long something is to work.
func seconds(ttl time.Duration) (int, error) {
	if ttl < time.Second {
		return 0, api.NewError(api.CodeUsage, fmt.Sprintf("--ttl is %s: it would end at once.", ttl), "Say a second at least, such as 1h.")
	}
	return int(ttl / time.Second), nil
}

func (a *app) links(cmd *cobra.Command) error {
	all, err := a.client().Links(cmd.Context())
	if err != nil {
		return err
	}
	return a.show(all, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "No link of yours works. `"+a.next("contact invite")+"` makes one.")
			return
		}
		var rows [][]string
		for _, l := range all {
			rows = append(rows, []string{short(l.ID), fmt.Sprint(l.Uses), l.Expires.Local().Format("Mon 15:04")})
		}
		table(w, []string{"link", "uses left", "until"}, rows)
	})
}

func (a *app) contactAdd() *cobra.Command {
	var in api.NewContact
	wait := time.Duration(0)
	c := verb("add LINK", "Become a contact of whoever made a link", 1, 1, func(cmd *cobra.Command, args []string) error {
		in.Link = args[0]
		k, err := a.client().AddContact(cmd.Context(), in)
		if err != nil {
			return err
		}
		if wait > 0 && k.State == api.ContactAsked {
			if k, err = a.untilKnown(cmd, k, wait); err != nil {
				return err
			}
		}
		return a.show(k, func(w io.Writer) {
			if k.State == api.ContactKnown {
				fmt.Fprintf(w, "%s is a contact now. Compare the words with them: %s\n", tui.Line(k.Name), a.next("contact verify %s", k.Name))
				return
			}
			fmt.Fprintf(w, "%s has been asked; they are a contact as soon as both are online.\n", tui.Line(k.Name))
		})
	})
	c.Flags().StringVar(&in.Name, "name", "", "what to call them")
	c.Flags().StringVar(&in.Hello, "hello", "", "what they read before they answer")
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long to wait for their answer")
	return c
}

// untilKnown waits for somebody who was asked to answer, and does not mind if
// they do not.
func (a *app) untilKnown(cmd *cobra.Command, k api.Contact, wait time.Duration) (api.Contact, error) {
	end := time.Now().Add(wait)
	for time.Now().Before(end) && k.State == api.ContactAsked {
		select {
		case <-cmd.Context().Done():
			return k, cmd.Context().Err()
		case <-time.After(50 * time.Millisecond):
		}
		var err error
		if k, err = a.client().Contact(cmd.Context(), k.Account); err != nil {
			return k, err
		}
	}
	return k, nil
}

func (a *app) contacts(cmd *cobra.Command) error {
	all, err := a.client().Contacts(cmd.Context())
	if err != nil {
		return err
	}
	return a.show(all, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "You know nobody yet. `"+a.next("contact invite")+"` makes a link for somebody.")
			return
		}
		var rows [][]string
		for _, k := range all {
			state := string(k.State)
			if k.State == api.ContactRequest {
				state = "asks: " + a.next("contact accept %s", k.Name)
			}
			online := ago(k.LastSeen)
			if k.Online {
				online = "online, " + string(k.Path)
			}
			rows = append(rows, []string{k.Name, short(k.Account), yes(k.Verified), online, state})
		}
		table(w, []string{"name", "account", "verified", "seen", "state"}, rows)
	})
}

func (a *app) contactShow() *cobra.Command {
	return verb("show CONTACT", "One of the people you know", 1, 1, func(cmd *cobra.Command, args []string) error {
		k, err := a.client().Contact(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(k, func(w io.Writer) {
			rows := [][]string{{"name", k.Name}, {"account", k.Account}, {"state", string(k.State)}, {"verified", yes(k.Verified)}, {"online", yes(k.Online)}, {"words", k.Words}, {"number", k.Number}}
			if k.Claims != "" {
				rows = append(rows, []string{"says its name is", k.Claims})
			}
			if k.Hello != "" {
				rows = append(rows, []string{"said", k.Hello})
			}
			table(w, nil, rows)
		})
	})
}

// contactVerify compares words: typed, or by asking a person.
func (a *app) contactVerify() *cobra.Command {
	var words string
	var sure, undo bool
	c := verb("verify CONTACT", "Compare words, to be sure of somebody's key", 1, 1, func(cmd *cobra.Command, args []string) error {
		k, err := a.client().Contact(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		match := sure || undo
		switch {
		case words != "":
			if !sameWords(words, k.Words) && !sameWords(words, k.Number) {
				return api.NewError(api.CodeAlarm, "The words are not the same: somebody may stand between you and "+tui.Line(k.Name)+".", "Compare once more, by voice. If they differ again, do not use this contact: `covey contact block "+api.Word(k.Name)+"`.")
			}
			match = true
		case !match && a.interactive() && !a.json:
			match = a.askMatch(k)
		}
		if !match {
			return a.show(k, func(w io.Writer) {
				fmt.Fprintf(w, "%s\n%s\nRead them aloud to each other. If both see the same: %s\n", k.Words, k.Number, a.next("contact verify %s --yes", k.Name))
			})
		}
		if k, err = a.client().VerifyContact(cmd.Context(), k.Account, !undo); err != nil {
			return err
		}
		return a.show(k, func(w io.Writer) {
			fmt.Fprintf(w, "%s is %sverified.\n", tui.Line(k.Name), map[bool]string{true: "", false: "not "}[k.Verified])
		})
	})
	c.Flags().StringVar(&words, "words", "", "what they read to you; it is compared here")
	c.Flags().BoolVar(&sure, "yes", false, "the words were compared and are the same")
	c.Flags().BoolVar(&undo, "undo", false, "take it back")
	return c
}

func sameWords(a, b string) bool {
	norm := func(s string) string {
		return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == '/' || r == ',' || r == '\n' }), " ")
	}
	return norm(a) == norm(b)
}

func (a *app) askMatch(k api.Contact) bool {
	fmt.Fprintf(a.out, "%s\n%s\nDoes %s see the same? [y/N] ", k.Words, k.Number, tui.Line(k.Name))
	line, _ := bufio.NewReader(a.in).ReadString('\n')
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

func (a *app) contactBlock() *cobra.Command {
	undo := false
	c := verb("block CONTACT", "Have nothing to do with somebody", 1, 1, func(cmd *cobra.Command, args []string) error {
		k, err := a.client().BlockContact(cmd.Context(), args[0], !undo)
		if err != nil {
			return err
		}
		return a.show(k, func(w io.Writer) {
			fmt.Fprintf(w, "%s is %s.\n", tui.Line(k.Name), map[bool]string{true: "no longer blocked", false: "blocked"}[undo])
		})
	})
	c.Flags().BoolVar(&undo, "undo", false, "take it back")
	return c
}

func (a *app) contactRename() *cobra.Command {
	return a.onContact("rename CONTACT NAME", "Call somebody something else", "You call them %s now.", func(cmd *cobra.Command, args []string) (api.Contact, error) {
		return a.client().RenameContact(cmd.Context(), args[0], args[1])
	})
}

func (a *app) contactForget() *cobra.Command {
	return verb("forget CONTACT", "Take somebody out of the address book", 1, 1, func(cmd *cobra.Command, args []string) error {
		if err := a.client().ForgetContact(cmd.Context(), args[0]); err != nil {
			return err
		}
		return a.show(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "Forgotten.") })
	})
}
