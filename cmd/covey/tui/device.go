package tui

import (
	"context"
	"fmt"
	"strings"

	"github.com/covey-p2p/covey/node/api"
)

// DeviceState says how a device of one's own is.
func DeviceState(d api.OwnDevice) string {
	how := "away"
	switch {
	case d.Removed:
		how = "removed"
	case d.Me:
		how = "this one"
	case d.Online:
		how = "online"
	}
	if d.Key {
		how += ", holds the account's key"
	}
	return how
}

// devices lists the devices of the account, and says how another comes to it.
func devices(d *desk, _ []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		all, err := c.Devices(ctx)
		if err != nil {
			return failed(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n", plural(len(all), "device", "devices"))
		for _, d := range all {
			fmt.Fprintf(&b, "%.8s  %s, in %d/%s\n", d.ID, DeviceState(d), d.Groups, plural(d.Of, "group", "groups"))
		}
		return say(b.String() + "Another: /code on the new one, then /adopt CODE on the one with the account's key. One that is lost: /lost DEVICE.")
	}
}

// code has this device wait for another of the same person's to take it in.
func code(d *desk, _ []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.LinkDevice(ctx)
		if err != nil {
			return failed(err)
		}
		return say(Code(k.Code) + k.Code + "\nGood once, until " + k.Expires.Local().Format("15:04") + ". On the device with your account: /adopt CODE")
	}
}

func adopt(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.AcceptDevice(ctx, a[0])
		if err != nil {
			return failed(err)
		}
		return say(fmt.Sprintf("Device %.8s is yours now. It comes into your groups by itself.", k.ID))
	}
}

func lost(d *desk, a []string) job {
	c := d.client
	return func(ctx context.Context) apply {
		k, err := c.RemoveDevice(ctx, a[0])
		if err != nil {
			return failed(err)
		}
		return say(fmt.Sprintf("Device %.8s is being taken out of %s. /devices shows how far that is.", k.ID, plural(k.Groups, "group", "groups")))
	}
}
