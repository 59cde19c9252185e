package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) doctorCommand() *cobra.Command {
	bundle := ""
	c := verb("doctor", "Check the node's health", 0, 0, func(cmd *cobra.Command, _ []string) error {
		d, err := a.examine(cmd.Context())
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("bundle") {
			return a.writeBundle(cmd.Context(), d, bundle)
		}
		err = a.show(d, func(w io.Writer) { printChecks(w, d.Checks, a.aimed) })
		if err == nil && d.Problems > 0 {
			return &api.Error{Code: codeProblems, Message: plural(d.Problems, "problem") + " found."}
		}
		return err
	})
	c.Flags().StringVar(&bundle, "bundle", "", "write a report for somebody who helps into this file, without names, ids, addresses or messages")
	return c
}

// examine asks the node, and adds what only this program can see.
func (a *app) examine(ctx context.Context) (api.Doctor, error) {
	d, err := a.client().Doctor(ctx)
	if err != nil {
		return d, err
	}
	s, err := a.client().Status(ctx)
	if err != nil {
		return d, err
	}
	check := versions(s.Version, version())
	if check.Verdict == api.CheckWarn {
		d.Warnings++
	}
	d.Checks = append(d.Checks, check)
	return d, nil
}

// versions compares the node with this program.
func versions(node, program string) api.Check {
	if node == program {
		return api.Check{Name: "versions", Verdict: api.CheckOK, Text: "this program and the node are " + node}
	}
	return api.Check{Name: "versions", Verdict: api.CheckWarn, Text: "the node is " + node + ", this program " + program, Hint: "`covey daemon stop`, and start it again"}
}

// printChecks writes checks for people, with their hints as a function shows them.
func printChecks(w io.Writer, checks []api.Check, hint func(string) string) {
	for _, c := range checks {
		fmt.Fprintf(w, "%s %-12s %s\n", map[api.Verdict]string{api.CheckOK: "ok  ", api.CheckWarn: "warn", api.CheckFail: "FAIL"}[c.Verdict], c.Name, tui.Line(c.Text))
		if c.Hint != "" {
			fmt.Fprintf(w, "                  %s\n", tui.Line(hint(c.Hint)))
		}
	}
}

// bundleLog is how much of the node's log goes into a report, in bytes.
const bundleLog = 64 << 10

// writeBundle writes what helps to find a fault, as one text that its owner can
// read before passing it on.
func (a *app) writeBundle(ctx context.Context, d api.Doctor, path string) error {
	var b strings.Builder
	part := func(title string) { fmt.Fprintf(&b, "\n== %s\n", title) }
	fmt.Fprintf(&b, "covey report of %s\n", time.Now().UTC().Format(time.RFC3339))
	b.WriteString("Holds: versions, settings, checks, network, groups in numbers, the end of the log.\n" +
		"Names are replaced by person-1 or group-1, ids by id-1, addresses by ‹address›. Messages and keys are not in it.\n")
	part("versions")
	fmt.Fprintf(&b, "covey %s, %s, %s/%s, %s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, plural(runtime.NumCPU(), "core"))
	part("settings")
	for _, k := range known {
		if k.name != "dir" && k.name != "profile" && k.name != "name" {
			fmt.Fprintf(&b, "%-12s %s (%s)\n", k.name, a.settings.get(k.name), a.settings.origin[k.name])
		}
	}
	part("checks")
	printChecks(&b, d.Checks, func(hint string) string { return hint })
	hide, err := a.bundleNode(ctx, &b, part)
	if err != nil {
		return err
	}
	part("end of the log")
	if log, err := os.ReadFile(a.logFile()); err == nil {
		log = log[max(0, len(log)-bundleLog):]
		b.WriteString(tui.Visible(string(log)))
	} else {
		b.WriteString("There is none: the node does not run in the background.\n")
	}
	text := hide.all(b.String())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return api.NewError(api.CodeConflict, "There is a "+tui.Line(path)+" already.", "Name a file that is not there yet.")
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return a.did(facts{"bundle": path, "bytes": len(text)}, "Wrote %s, %d kB. Read it before you pass it on.", tui.Line(path), (len(text)+1023)>>10)
}

// bundleNode writes what the node says of the network and its groups, and
// gathers what is to be hidden.
func (a *app) bundleNode(ctx context.Context, b *strings.Builder, part func(string)) (*redaction, error) {
	c, hide := a.client(), &redaction{ids: map[string]string{}}
	s, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	n, err := c.Net(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := c.Groups(ctx)
	if err != nil {
		return nil, err
	}
	contacts, err := c.Contacts(ctx)
	if err != nil {
		return nil, err
	}
	part("network")
	netStatus(b, n)
	part("groups")
	for i, g := range groups {
		fmt.Fprintf(b, "group-%d: %s, %s, epoch %d, %d of them agree, %d unread\n", i+1, g.State, plural(g.Members, "member"), g.Epoch.Number, g.Agreed, g.Unread)
		hide.name(g.Name, fmt.Sprintf("group-%d", i+1))
		detail, err := c.Group(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range detail.Roster {
			hide.person(m.Name)
		}
	}
	hide.person(s.Name)
	for _, k := range contacts {
		hide.person(k.Name)
		hide.person(k.Claims)
	}
	hide.name(s.Dir, "‹dir›")
	if home, err := os.UserHomeDir(); err == nil {
		hide.name(home, "‹home›")
	}
	return hide, nil
}

// redaction replaces what says who, where and with whom.
type redaction struct {
	names  [][2]string
	people int
	ids    map[string]string
}

func (r *redaction) person(name string) {
	if !slices.ContainsFunc(r.names, func(n [2]string) bool { return n[0] == name }) {
		r.people++
		r.name(name, fmt.Sprintf("person-%d", r.people))
	}
}

func (r *redaction) name(name, as string) {
	if name != "" {
		r.names = append(r.names, [2]string{name, as})
	}
}

var (
	peerIDs   = regexp.MustCompile(`\b12D3Koo[A-Za-z0-9]+|\bQm[A-Za-z0-9]{20,}`)
	longHex   = regexp.MustCompile(`\b[0-9a-f]{8,}\b`)
	addresses = regexp.MustCompile(`/(ip4|ip6|dns|dns4|dns6|dnsaddr)/[^/\s]+|\b\d{1,3}(\.\d{1,3}){3}\b|\[[0-9a-fA-F:]{3,}\]`)
)

func (r *redaction) all(text string) string {
	slices.SortStableFunc(r.names, func(a, b [2]string) int { return len(b[0]) - len(a[0]) })
	for _, n := range r.names {
		text = replaceWord(text, n[0], n[1])
	}
	text = addresses.ReplaceAllString(text, "‹address›")
	for _, ids := range []*regexp.Regexp{peerIDs, longHex} {
		text = ids.ReplaceAllStringFunc(text, func(id string) string {
			if _, ok := r.ids[id]; !ok {
				r.ids[id] = fmt.Sprintf("id-%d", len(r.ids)+1)
			}
			return r.ids[id]
		})
	}
	return text
}

// replaceWord replaces a name where it stands by itself, not inside a word.
func replaceWord(text, name, as string) string {
	part := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }
	var b strings.Builder
	for {
		i := strings.Index(text, name)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(name):])
		first, _ := utf8.DecodeRuneInString(name)
		last, _ := utf8.DecodeLastRuneInString(name)
		b.WriteString(text[:i])
		if part(first) && i > 0 && part(before) || part(last) && i+len(name) < len(text) && part(after) {
			b.WriteString(name)
		} else {
			b.WriteString(as)
		}
		text = text[i+len(name):]
	}
}
