package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/node/api"
)

func (a *app) tokenCommand() *cobra.Command {
	revoke := verb("revoke TOKEN", "End a token", 1, 1, func(cmd *cobra.Command, args []string) error {
		if err := a.client().RevokeToken(cmd.Context(), args[0]); err != nil {
			return err
		}
		return a.show(struct{}{}, func(w io.Writer) { fmt.Fprintln(w, "Revoked.") })
	})
	return noun("token", "Tokens that let bots in", a.tokenMint(), a.tokenList(), revoke)
}

func (a *app) tokenMint() *cobra.Command {
	var in api.NewToken
	var ttl time.Duration
	c := verb("mint", "Make a token for a bot", 0, 0, func(cmd *cobra.Command, _ []string) error {
		if len(in.Scopes) == 0 {
			return api.NewError(api.CodeUsage, "A token needs a scope.", "Say --scope GROUP:read, --scope GROUP:send, or both.")
		}
		var err error
		if in.TTLSeconds, err = seconds(ttl); err != nil {
			return err
		}
		t, err := a.client().MintToken(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.show(t, func(w io.Writer) {
			fmt.Fprintln(w, t.Secret)
			fmt.Fprintf(w, "Send it as `Authorization: Bearer …`. It is shown this once and ends %s.\n", t.Expires.Local().Format("Mon 2 Jan 15:04"))
		})
	})
	c.Flags().StringSliceVar(&in.Scopes, "scope", nil, "GROUP:read or GROUP:send; * is every group")
	c.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long it works")
	c.Flags().StringVar(&in.Note, "note", "", "what it is for")
	return c
}

func (a *app) tokenList() *cobra.Command {
	return verb("ls", "Tokens that work", 0, 0, func(cmd *cobra.Command, _ []string) error {
		all, err := a.client().Tokens(cmd.Context())
		if err != nil {
			return err
		}
		groups, err := a.client().Groups(cmd.Context())
		if err != nil {
			return err
		}
		named := namesOf(groups)
		return a.show(all, func(w io.Writer) {
			if len(all) == 0 {
				fmt.Fprintf(w, "There are none. `%s` makes one.\n", a.next("token mint --scope GROUP:read"))
				return
			}
			var rows [][]string
			for _, t := range all {
				rows = append(rows, []string{short(t.ID), t.Note, strings.Join(named.scopes(t.Scopes), " "), t.Expires.Local().Format("Mon 2 Jan 15:04")})
			}
			table(w, []string{"token", "note", "scopes", "until"}, rows)
		})
	})
}

// groupNamed are the names of groups by id.
type groupNamed map[string]string

func namesOf(groups []api.Group) groupNamed {
	out := groupNamed{}
	for _, g := range groups {
		out[g.ID] = g.Name
	}
	return out
}

// scopes are a token's, with groups by name.
func (n groupNamed) scopes(all []string) (out []string) {
	for _, s := range all {
		id, may, _ := strings.Cut(s, ":")
		out = append(out, cmp.Or(n[id], id)+":"+may)
	}
	return out
}
