package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/covey-p2p/covey/node/api"
)

// What a shell may complete follows from how a command is used: each of the words
// in capitals that stand for its arguments has a list, and words in small letters
// stand for themselves. completionTime bounds the asking: a busy machine may take
// most of it, and nobody waits longer for a list.
const completionTime = 2 * time.Second

// lister lists what may stand at a place; args are the arguments before it.
type lister func(ctx context.Context, c *api.Client, args []string) ([]string, error)

// listers are the lists of words in capitals.
var listers = map[string]lister{
	"GROUP": func(ctx context.Context, c *api.Client, _ []string) ([]string, error) {
		all, err := c.Groups(ctx)
		return names(all, func(g api.Group) string { return g.Name }), err
	},
	"CONTACT": func(ctx context.Context, c *api.Client, _ []string) ([]string, error) {
		all, err := c.Contacts(ctx)
		return names(all, func(k api.Contact) string { return k.Name }), err
	},
	"MEMBER": func(ctx context.Context, c *api.Client, args []string) ([]string, error) {
		if len(args) == 0 {
			return nil, nil
		}
		g, err := c.Group(ctx, args[0])
		return names(g.Roster, func(m api.Member) string { return m.Name }), err
	},
	"INVITATION": func(ctx context.Context, c *api.Client, _ []string) ([]string, error) {
		all, err := c.Invitations(ctx)
		return names(all, func(i api.Invitation) string { return i.Name }), err
	},
	"TOKEN": func(ctx context.Context, c *api.Client, _ []string) ([]string, error) {
		all, err := c.Tokens(ctx)
		return names(all, func(t api.Token) string { return t.Note }), err
	},
	"DEVICE": func(ctx context.Context, c *api.Client, _ []string) ([]string, error) {
		all, err := c.Devices(ctx)
		others := slices.DeleteFunc(all, func(d api.OwnDevice) bool { return d.Me })
		return names(others, func(d api.OwnDevice) string { return short(d.ID) }), err
	},
	"RUN": func(context.Context, *api.Client, []string) ([]string, error) {
		found, err := filepath.Glob(filepath.Join(runsDir, "*", "manifest.json"))
		return names(found, filepath.Dir), err
	},
	"SETTING": func(context.Context, *api.Client, []string) ([]string, error) {
		return names(slices.DeleteFunc(slices.Clone(known), func(s setting) bool { return !s.advanced }), func(s setting) string { return s.name }), nil
	},
}

// flagWords say what flags take, in the same words as arguments; those of one
// command stand before those of all.
var flagWords = map[string]string{
	"send --wait": "queued|handed|delivered|delivered:all|read|read:all", "--wait": "queued|landed|final", "--group": "GROUP", "--invite": "CONTACT",
	"--log": "debug|info|warn|error", "--dht": "auto|server|client|off", "--key": "file|keyring|passphrase", "--engine": "mls|stand-in", "--on": "sim|local",
}

func names[T any](all []T, name func(T) string) []string {
	out := make([]string, 0, len(all))
	for _, x := range all {
		out = append(out, name(x))
	}
	return out
}

// complete gives every command its completions.
func (a *app) complete(root *cobra.Command) {
	for _, c := range everyCommand(root) {
		places := placesOf(c.Use)
		if c.ValidArgsFunction == nil && len(places) > 0 {
			c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
				place := places[min(len(args), len(places)-1)]
				if len(args) >= len(places) && !strings.HasSuffix(place, "…") {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return a.fit(cmd, place, args, begin)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			word := flagWords[below(c)+" --"+f.Name]
			if word == "" {
				word = flagWords["--"+f.Name]
			}
			if f.Name == "types" {
				word = strings.Join(names(api.EventTypes, func(t api.EventType) string { return string(t) }), "|")
			}
			if word != "" {
				must(c.RegisterFlagCompletionFunc(f.Name, func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
					return a.fit(cmd, word, args, begin)
				}))
			}
		})
	}
}

// placesOf are the words of a command's use that stand for arguments.
func placesOf(use string) []string {
	return strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(use))[1:]
}

// fit lists what begins as it should at a place.
func (a *app) fit(cmd *cobra.Command, place string, args []string, begin string) (out []string, d cobra.ShellCompDirective) {
	if a.prepare(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	d = cobra.ShellCompDirectiveNoFileComp
	for word := range strings.SplitSeq(strings.TrimSuffix(place, "…"), "|") {
		all := []string{word}
		switch list := listers[word]; {
		case strings.HasPrefix(word, "FILE.star"):
			return []string{"star"}, cobra.ShellCompDirectiveFilterFileExt
		case word == "DIR":
			return nil, cobra.ShellCompDirectiveFilterDirs
		case word == "FILE", word == "THING":
			d, all = cobra.ShellCompDirectiveDefault, nil
		case list != nil:
			all, _ = list(ctx, a.client(), args) // nobody is told here: the command itself will say it
		case word == strings.ToUpper(word):
			continue // one that only a person knows
		}
		for _, s := range all {
			if s != "" && strings.HasPrefix(strings.ToLower(s), strings.ToLower(begin)) {
				out = append(out, s)
			}
		}
	}
	return out, d
}
