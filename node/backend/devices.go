package backend

import (
	"context"
	"errors"
	"time"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// deviceError says for people what is wrong with a device.
func deviceError(err error) error {
	switch {
	case errors.Is(err, people.ErrCode):
		return api.NewError(api.CodeUsage, "That is not the code of a new device.", "The whole code begins with covey-device: and is shown by `covey device link` on the new one.")
	case errors.Is(err, people.ErrExpired):
		return api.NewError(api.CodeExpired, "The code has expired.", "Have the new device show another with `covey device link`.")
	case errors.Is(err, people.ErrLinked):
		return api.NewError(api.CodeDenied, "The account's key is on another device of yours.", "Do it there; `covey device ls` shows which that is.")
	case errors.Is(err, people.ErrFull):
		return api.NewError(api.CodeTooMany, "The account has as many devices as it can.", "")
	case errors.Is(err, people.ErrInUse):
		return api.NewError(api.CodeConflict, "This device has an account with people or groups of its own.", "Link a new one: a node in an empty directory.")
	}
	return node.StorageError(err)
}

// Devices implements api.NodeBackend.
func (b *Backend) Devices(context.Context) ([]api.OwnDevice, error) {
	me := people.Sibling{ID: b.me().Device, Key: b.n.Fleet().Holds()}
	out := []api.OwnDevice{b.ownDevice(me)}
	for _, s := range b.n.Fleet().Known() {
		out = append(out, b.ownDevice(s))
	}
	return out, nil
}

func (b *Backend) ownDevice(s people.Sibling) api.OwnDevice {
	d := api.OwnDevice{ID: hexOf(s.ID[:]), Me: s.ID == b.me().Device, Key: s.Key, Removed: s.Removed}
	if s.Since > 0 {
		d.Since = time.Unix(s.Since, 0).UTC()
	}
	_, up := b.n.Path(s.ID)
	d.Online = d.Me || up
	for _, g := range b.n.Groups() {
		if g.View().Standing != session.TakingPart {
			continue
		}
		if d.Of++; g.View().Has(s.ID) {
			d.Groups++
		}
	}
	return d
}

// LinkDevice implements api.NodeBackend.
func (b *Backend) LinkDevice(context.Context) (api.DeviceCode, error) {
	c, err := b.n.Fleet().Show()
	if err != nil {
		return api.DeviceCode{}, deviceError(err)
	}
	return api.DeviceCode{Code: c.String(), Expires: time.Unix(c.Expires, 0).UTC()}, nil
}

// AcceptDevice implements api.NodeBackend.
func (b *Backend) AcceptDevice(ctx context.Context, code string) (api.OwnDevice, error) {
	c, err := people.ReadCode(code, time.Now())
	switch {
	case err != nil:
		return api.OwnDevice{}, deviceError(err)
	case c.Network != b.n.Config().Network:
		return api.OwnDevice{}, api.NewError(api.CodeUsage, "The new device is on network "+api.Quote(c.Network)+", and this one on "+api.Quote(b.n.Config().Network)+".", "Start both on one network.")
	case c.Device == b.me().Device:
		return api.OwnDevice{}, api.NewError(api.CodeUsage, "That is this very device.", "Run `covey device accept` on the device that has your account.")
	}
	s, err := b.n.Fleet().Adopt(ctx, c)
	if err != nil {
		return api.OwnDevice{}, deviceError(err)
	}
	return b.ownDevice(s), nil
}

// RemoveDevice implements api.NodeBackend.
func (b *Backend) RemoveDevice(_ context.Context, ref string) (api.OwnDevice, error) {
	all := b.n.Fleet().Known()
	s, err := pick("device of yours", "`covey device ls` lists them.", ref, all, func(people.Sibling) string { return "" }, func(s people.Sibling) string { return hexOf(s.ID[:]) })
	if err != nil {
		me := b.me().Device
		if mine := hexOf(me[:]); len(ref) >= 4 && len(ref) <= len(mine) && mine[:len(ref)] == ref {
			err = api.NewError(api.CodeUsage, "That is this very device.", "Remove it on another one; or `covey group leave` ends a group for all your devices.")
		}
		return api.OwnDevice{}, err
	}
	d := b.ownDevice(s) // while it is still where it has to be taken out
	if err := b.n.Fleet().Remove(s.ID); err != nil {
		return api.OwnDevice{}, node.StorageError(err)
	}
	d.Removed = true
	return d, nil
}
