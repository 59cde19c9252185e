package backend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/session"
)

// People name things by name, by id, or by any unique beginning of an id.

// pick finds what a reference names among candidates: by exact name first,
// then by name in any case, then by the beginning of an id, then by that of a
// name.
func pick[T any](kind, hint, ref string, all []T, name, id func(T) string) (out T, err error) {
	ref = strings.TrimSpace(ref)
	lower := strings.ToLower(ref)
	if ref == "" {
		all = nil // a blank is the name of nothing
	}
	for _, match := range []func(T) bool{
		func(t T) bool { return name(t) == ref || id(t) == lower },
		func(t T) bool { return strings.EqualFold(name(t), ref) },
		func(t T) bool { return len(ref) >= 4 && strings.HasPrefix(id(t), lower) },
		func(t T) bool { return strings.HasPrefix(strings.ToLower(name(t)), lower) },
	} {
		var found []T
		for _, t := range all {
			if match(t) {
				found = append(found, t)
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			var which []string
			for _, t := range found {
				which = append(which, fmt.Sprintf("%s (%s)", name(t), short(id(t))))
			}
			slices.Sort(which)
			return out, api.NewError(api.CodeAmbiguous, fmt.Sprintf("%s may be any of %d: %s.", api.Quote(ref), len(found), strings.Join(which, ", ")), "Give more of the name, or of the id.")
		}
	}
	return out, api.NewError(api.CodeNotFound, fmt.Sprintf("There is no %s %s.", kind, api.Quote(ref)), hint)
}

// short is the beginning of an id, as people see it.
func short(id string) string { return id[:min(8, len(id))] }

func (b *Backend) findGroup(ref string) (*node.Group, error) {
	n := b.n
	return pick("group", "`covey group ls` lists them.", ref, n.Groups(), (*node.Group).Title, (*node.Group).ID)
}

// person is an account as somebody may name it.
type person struct {
	account session.Account
	name    string
}

func (p person) id() string { return hexOf(p.account[:]) }

// findMember finds a member of a group.
func (b *Backend) findMember(g *node.Group, ref string) (session.Account, error) {
	n := b.n
	var all []person
	for _, m := range g.View().Members {
		all = append(all, person{m.Account, n.NameOf(m.Account)})
	}
	p, err := pick("member", "`covey group members "+api.Word(g.Title())+"` lists them.", ref, all, func(p person) string { return p.name }, person.id)
	return p.account, err
}

// findPerson finds a contact, or anybody met in a group.
func (b *Backend) findPerson(ref string) (session.Account, error) {
	n := b.n
	var all []person
	seen := make(map[session.Account]bool)
	add := func(a session.Account) {
		if !seen[a] && a != b.me().Account {
			seen[a] = true
			all = append(all, person{a, n.NameOf(a)})
		}
	}
	for _, c := range n.Book().Contacts() {
		add(c.Account)
	}
	if p, err := b.pickPerson(ref, all); err == nil || api.AsError(err).Code == api.CodeAmbiguous {
		return p, err
	}
	for _, g := range n.Groups() {
		for _, m := range g.View().Members {
			add(m.Account)
		}
	}
	return b.pickPerson(ref, all)
}

func (b *Backend) pickPerson(ref string, all []person) (session.Account, error) {
	p, err := pick("contact", "`covey contact ls` lists them; `covey contact add LINK` adds one.", ref, all, func(p person) string { return p.name }, person.id)
	return p.account, err
}

// intentID derives a session's name of an intent from the caller's key.
func intentID(key api.Key) session.IntentID {
	h := sha256.Sum256([]byte("covey intent " + string(key)))
	return session.IntentID(h[:16])
}

// messageID finds a message of a group by its whole id, of whatever age, or among
// the latest by its number or the beginning of its id.
func (b *Backend) messageID(ctx context.Context, g *node.Group, ref string) (id session.MessageID, err error) {
	raw, err := hex.DecodeString(ref)
	if err == nil && len(raw) == len(id) {
		return session.MessageID(raw), nil
	}
	page, err := b.Messages(ctx, g.ID(), api.MessageQuery{Limit: api.MaxPage})
	if err != nil {
		return id, err
	}
	m, err := pickMessage(ref, page.Messages, "`covey read "+api.Word(g.Title())+" --json` shows numbers and ids.")
	if err != nil {
		return id, err
	}
	raw, err = hex.DecodeString(m.ID)
	if err != nil || len(raw) != len(id) {
		return id, api.NewError(api.CodeUsage, "That message cannot be answered.", "")
	}
	return session.MessageID(raw), nil
}

func pickMessage(ref string, all []api.Message, hint string) (api.Message, error) {
	return pick("message among the latest, of number or id", hint, ref, all, func(m api.Message) string { return strconv.FormatUint(m.Seq, 10) }, func(m api.Message) string { return m.ID })
}
