package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/covey-p2p/covey/node/api"
)

func (a *app) peersCommand() *cobra.Command {
	ls := verb("ls", "Other nodes that this one knows or is connected to", 0, 0, func(cmd *cobra.Command, _ []string) error {
		peers, err := a.client().Peers(cmd.Context())
		if err != nil {
			return err
		}
		return a.show(peers, func(w io.Writer) {
			if len(peers) == 0 {
				fmt.Fprintln(w, "No other node is known yet. `"+a.next("contact invite")+"` makes a link for somebody.")
				return
			}
			var rows [][]string
			for _, p := range peers {
				name, how := p.Name, ago(p.LastSeen)
				if name == "" {
					name = "-"
				}
				if p.Connected {
					how = fmt.Sprintf("%s, %s", p.Path, p.Transport)
					if p.RTTMs > 0 {
						how += fmt.Sprintf(", %.1f ms", p.RTTMs)
					}
				}
				rows = append(rows, []string{name, p.ID[max(0, len(p.ID)-8):], how, fmt.Sprint(p.Groups), fmt.Sprintf("%.0f", p.Score)})
			}
			table(w, []string{"name", "peer", "connected", "groups", "score"}, rows)
		})
	})
	connect := verb("connect ADDRESS", "Dial a peer at a multiaddress that ends in /p2p/ID", 1, 1, func(cmd *cobra.Command, args []string) error {
		p, err := a.client().Connect(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.show(p, func(w io.Writer) { fmt.Fprintf(w, "Connected, %s, %s.\n", p.Path, p.Transport) })
	})
	c := noun("peers", "Other nodes", ls, connect)
	c.RunE = ls.RunE
	return c
}

func (a *app) netCommand() *cobra.Command {
	status := verb("status", "This node's place in the network", 0, 0, func(cmd *cobra.Command, _ []string) error {
		n, err := a.client().Net(cmd.Context())
		if err != nil {
			return err
		}
		return a.show(n, func(w io.Writer) { netStatus(w, n) })
	})
	c := noun("net", "The network", status)
	c.RunE = status.RunE
	return c
}

func netStatus(w io.Writer, n api.Net) {
	table(w, nil, [][]string{
		{"network", n.Network}, {"peer", n.Peer}, {"reachable", n.Reachability}, {"multicast", yes(n.MDNS)}, {"dht", fmt.Sprintf("%s, %d in its table", n.DHT, n.Table)},
		{"connected", fmt.Sprintf("%d, %d known", n.Connected, n.Known)}, {"bytes", fmt.Sprintf("%d in, %d out", n.BytesIn, n.BytesOut)},
	})
	for _, x := range n.Addresses {
		fmt.Fprintln(w, "address    "+x)
	}
	for _, r := range slices.Sorted(maps.Keys(n.Drops)) {
		fmt.Fprintf(w, "dropped    %d  %s\n", n.Drops[r], r)
	}
}
