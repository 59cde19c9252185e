package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/cmd/covey/tui"
	"github.com/covey-p2p/covey/node/api"
)

func (a *app) deviceCommand() *cobra.Command {
	accept := verb("accept CODE", "Take the device that shows a code into your account", 1, 1, func(cmd *cobra.Command, args []string) error {
		d, err := a.client().AcceptDevice(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(d, func(w io.Writer) {
			fmt.Fprintf(w, "Device %s is yours now. It comes into your groups by itself.\n", short(d.ID))
		})
	})
	ls := verb("ls", "The devices of your account", 0, 0, func(cmd *cobra.Command, _ []string) error {
		all, err := a.client().Devices(cmd.Context())
		if err != nil {
			return err
		}
		return a.show(all, func(w io.Writer) { table(w, []string{"device", "", "groups", "since"}, deviceRows(all)) })
	})
	rm := verb("rm DEVICE", "Take a device that is lost out of all your groups", 1, 1, func(cmd *cobra.Command, args []string) error {
		d, err := a.client().RemoveDevice(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(d, func(w io.Writer) {
			fmt.Fprintf(w, "Device %s is being taken out of %s. `%s` shows how far that is.\n", short(d.ID), plural(d.Groups, "group"), a.next("device ls"))
		})
	})
	return noun("device", "The devices of your account", a.deviceLink(), accept, ls, rm)
}

func deviceRows(all []api.OwnDevice) (rows [][]string) {
	for _, d := range all {
		since := "-"
		if !d.Since.IsZero() {
			since = d.Since.Local().Format("2006-01-02")
		}
		rows = append(rows, []string{short(d.ID), tui.DeviceState(d), fmt.Sprintf("%d/%d", d.Groups, d.Of), since})
	}
	return rows
}

// deviceLink shows a code, and waits until another device has taken this one in.
func (a *app) deviceLink() *cobra.Command {
	qr, wait := false, time.Duration(0)
	c := verb("link", "Make this new device one of an account that you have elsewhere", 0, 0, func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		before, err := a.client().Status(ctx)
		if err != nil {
			return err
		}
		code, err := a.client().LinkDevice(ctx)
		if err != nil {
			return err
		}
		err = a.show(code, func(w io.Writer) {
			fmt.Fprintln(w, code.Code)
			if qr {
				fmt.Fprint(w, tui.Code(code.Code))
			}
			fmt.Fprintf(w, "Give it to the device with your account, until %s: covey device accept CODE\n", code.Expires.Local().Format("15:04"))
		})
		if err != nil {
			return err
		}
		end := code.Expires
		if wait > 0 {
			end = time.Now().Add(wait)
		}
		for time.Now().Before(end) {
			now, err := a.client().Status(ctx)
			if err == nil && now.Account != before.Account { // it was away for a moment, to start anew
				return a.show(now, func(w io.Writer) {
					fmt.Fprintf(w, "This is a device of %s now. It comes into the groups by itself.\n", tui.Line(now.Name))
				})
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
		return api.NewError(api.CodeWait, "No device has taken this one into its account.", "The code holds until "+code.Expires.Local().Format("15:04")+"; `covey device link` shows another.")
	})
	c.Flags().BoolVar(&qr, "qr", false, "draw the code for cameras")
	c.Flags().DurationVar(&wait, "timeout", 0, "how long to wait at most (default: as long as the code holds)")
	return c
}
