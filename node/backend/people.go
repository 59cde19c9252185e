package backend

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
)

func (b *Backend) Contacts(context.Context) ([]api.Contact, error) {
	var out []api.Contact
	for _, c := range b.n.Book().Contacts() {
		out = append(out, b.n.ShowContact(c))
	}
	slices.SortStableFunc(out, func(x, y api.Contact) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// findContact finds a contact; somebody met in a group is none yet.
func (b *Backend) findContact(ref string) (people.Contact, error) {
	return pick("contact", "`covey contact ls` lists them.", ref, b.n.Book().Contacts(), people.Contact.Called, func(c people.Contact) string { return hexOf(c.Account[:]) })
}

func (b *Backend) Contact(_ context.Context, ref string) (api.Contact, error) {
	c, err := b.findContact(ref)
	if err != nil {
		return api.Contact{}, err
	}
	return b.n.ShowContact(c), nil
}

// bookError is an error of the address book in the API's words.
func bookError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, people.ErrLink):
		return api.NewError(api.CodeUsage, "That is no invitation link.", "A link begins with covey: and is one long word; `covey contact invite` makes one.")
	case errors.Is(err, people.ErrExpired):
		return api.NewError(api.CodeExpired, "The link has expired.", "Ask for a new one.")
	case errors.Is(err, people.ErrSelf):
		return api.NewError(api.CodeUsage, "That is your own link.", "Give it to somebody else.")
	case errors.Is(err, people.ErrName):
		return api.NewError(api.CodeConflict, "That name is taken, or too long.", fmt.Sprintf("Choose another of at most %d bytes.", people.MaxName))
	case errors.Is(err, people.ErrFull):
		return api.NewError(api.CodeTooMany, "The address book is full.", "Forget or answer somebody first.")
	case errors.Is(err, people.ErrNoContact):
		return api.NewError(api.CodeNotFound, "There is no such contact any more.", "`covey contact ls` lists them.")
	case errors.Is(err, people.ErrNoLink):
		return api.NewError(api.CodeNotFound, "There is no such link any more.", "`covey contact invite --ls` lists them.")
	}
	return node.StorageError(err)
}

func (b *Backend) AddContact(ctx context.Context, in api.NewContact) (api.Contact, error) {
	n := b.n
	if in.Name != "" {
		if err := api.GoodName(in.Name); err != nil {
			return api.Contact{}, err
		}
	}
	card, err := b.card(in.Link)
	if err != nil {
		return api.Contact{}, err
	}
	if card.Network != "" && card.Network != n.Config().Network {
		return api.Contact{}, api.NewError(api.CodeUsage, fmt.Sprintf("That link is of the network %q; this node is in %q.", card.Network, n.Config().Network), "Start a node with --network "+api.Word(card.Network)+".")
	}
	c, err := n.Book().Ask(card, in.Name, in.Hello, time.Now())
	if err != nil {
		return api.Contact{}, bookError(err)
	}
	n.Acquaint()
	if id, ok := mesh.PeerOf(card.Device); ok {
		n.Errand(func(ctx context.Context) { // a failure is retried whenever the device comes up
			if err := n.Mesh().Connect(ctx, peer.AddrInfo{ID: id, Addrs: mesh.ReadAddresses(card.Addresses)}); err != nil {
				return
			}
			n.SayHello(ctx, c, card.Device)
		})
	}
	return b.n.Sketch(c), nil
}

// card reads a link, or makes up one for somebody met in a group.
func (b *Backend) card(link string) (people.Card, error) {
	card, err := people.ReadLink(link, time.Now())
	if err == nil || strings.HasPrefix(link, "covey:") {
		return card, bookError(err)
	}
	a, perr := b.findPerson(link)
	if perr != nil {
		if raw, herr := hex.DecodeString(link); herr != nil || len(raw) != len(a) {
			return card, bookError(people.ErrLink)
		}
		return card, perr
	}
	devices := b.n.DevicesOf(a)
	if len(devices) == 0 {
		return card, api.NewError(api.CodeNotFound, "No device of that account is known.", "Ask for a link.")
	}
	return people.Card{Account: a, Device: devices[0]}, nil
}

func (b *Backend) AnswerContact(ctx context.Context, ref string, accept bool) (api.Contact, error) {
	c, err := b.findContact(ref)
	if err != nil {
		return api.Contact{}, err
	}
	if c.State != people.Request {
		return api.Contact{}, api.NewError(api.CodeConflict, c.Called()+" has not asked for anything.", "`covey contact ls` shows who has.")
	}
	if !accept {
		shown := b.n.ShowContact(c)
		return shown, bookError(b.n.Book().Forget(c.Account))
	}
	if c, err = b.n.Book().Change(c.Account, func(c *people.Contact) error { c.State = people.Known; return nil }); err != nil {
		return api.Contact{}, bookError(err)
	}
	b.n.TellContact(c, c.Called()+" is a contact now.")
	b.n.Acquaint()
	for _, d := range c.Devices {
		b.n.Errand(func(ctx context.Context) { b.n.SayHello(ctx, c, d.ID) }) // asking back is how they learn
	}
	return b.n.ShowContact(c), nil
}

// changeContact changes one and tells of it.
func (b *Backend) changeContact(ref, text string, f func(people.Contact) (people.Contact, error)) (api.Contact, error) {
	c, err := b.findContact(ref)
	if err != nil {
		return api.Contact{}, err
	}
	if c, err = f(c); err != nil {
		return api.Contact{}, bookError(err)
	}
	b.n.TellContact(c, fmt.Sprintf(text, c.Called()))
	b.n.Acquaint()
	return b.n.ShowContact(c), nil
}

func (b *Backend) RenameContact(_ context.Context, ref, name string) (api.Contact, error) {
	if err := api.GoodName(name); err != nil {
		return api.Contact{}, err
	}
	return b.changeContact(ref, "A contact is called %s now.", func(c people.Contact) (people.Contact, error) { return b.n.Book().Rename(c.Account, name) })
}

func (b *Backend) VerifyContact(_ context.Context, ref string, verified bool) (api.Contact, error) {
	text := "%s is verified now."
	if !verified {
		text = "%s is no longer verified."
	}
	return b.changeContact(ref, text, func(c people.Contact) (people.Contact, error) {
		return b.n.Book().Change(c.Account, func(c *people.Contact) error { c.Verified = verified; return nil })
	})
}

func (b *Backend) BlockContact(_ context.Context, ref string, blocked bool) (api.Contact, error) {
	text := "%s is blocked now."
	if !blocked {
		text = "%s is no longer blocked."
	}
	return b.changeContact(ref, text, func(c people.Contact) (people.Contact, error) { return b.n.Book().Block(c.Account, blocked) })
}

func (b *Backend) ForgetContact(_ context.Context, ref string) error {
	c, err := b.findContact(ref)
	if err != nil {
		return err
	}
	defer b.n.Acquaint()
	return bookError(b.n.Book().Forget(c.Account))
}

func (b *Backend) showLink(l people.Link) api.Link {
	out := api.Link{ID: hexOf(l.ID[:]), Uses: l.Uses, Expires: time.Unix(l.Expires, 0).UTC(), Created: time.Unix(l.Created, 0).UTC()}
	out.Group = l.Group
	return out
}

func (b *Backend) Links(context.Context) ([]api.Link, error) {
	var out []api.Link
	for _, l := range b.n.Book().Links(time.Now()) {
		out = append(out, b.showLink(l))
	}
	return out, nil
}

func (b *Backend) NewLink(ctx context.Context, in api.NewLink) (api.Link, error) {
	n := b.n
	group := ""
	if in.Group != "" {
		id, err := b.GroupID(ctx, in.Group)
		if err != nil {
			return api.Link{}, err
		}
		group = id
	}
	l, err := n.Book().NewLink(time.Duration(in.TTLSeconds)*time.Second, in.Uses, group, time.Now())
	if err != nil {
		return api.Link{}, bookError(err)
	}
	me := b.me()
	out := b.showLink(l)
	out.URL = people.Card{
		Account: me.Account, Device: me.Device, Name: b.name(), Network: n.Config().Network,
		Secret: l.Secret, Expires: l.Expires, Addresses: n.LinkAddresses(),
	}.URL()
	return out, nil
}

func (b *Backend) RevokeLink(_ context.Context, ref string) error {
	l, err := pick("link", "`covey contact invite --ls` lists them.", ref, b.n.Book().Links(time.Now()), func(people.Link) string { return "" }, func(l people.Link) string { return hexOf(l.ID[:]) })
	if err != nil {
		return err
	}
	return bookError(b.n.Book().Revoke(l.ID))
}
