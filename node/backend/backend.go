package backend

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/mesh"
	"github.com/covey-p2p/covey/node/people"
	"github.com/covey-p2p/covey/node/session"
)

// Backend implements api.Backend for a node.
type Backend struct {
	n       *node.Node
	tokens  *tokens
	answers *answers
}

var _ api.Backend = (*Backend)(nil)

// New makes the answerer of a node. It ends with the node.
func New(n *node.Node) (*Backend, error) {
	t, err := openTokens(n.Store())
	if err != nil {
		return nil, err
	}
	a, err := openAnswers(n.Store())
	return &Backend{n: n, tokens: t, answers: a}, err
}

func (b *Backend) me() session.Identity {
	id, _ := b.n.Self()
	return id
}

func (b *Backend) name() string {
	_, name := b.n.Self()
	return name
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func (b *Backend) Status(ctx context.Context) (api.Status, error) {
	n := b.n
	id := b.me()
	s := api.Status{
		Name: b.name(), Account: hexOf(id.Account[:]), Device: hexOf(id.Device[:]), Peer: n.Mesh().Host().ID().String(),
		Network: n.Config().Network, Version: n.Config().Version, Started: b.n.Started().UTC(), Dir: n.Config().Dir,
		Reachability: b.reachability(), Addresses: b.fullAddresses(), Cursor: n.Journal().Cursor(), KeyPackages: n.KeyPackages(), ReadReceipts: n.Config().ReadReceipts,
	}
	s.Ready = len(n.Mesh().Host().Network().ListenAddresses()) > 0
	direct, relayed := n.Connected()
	s.Peers = direct + relayed
	for _, g := range n.Groups() {
		v, err := g.Fresh(ctx)
		if err != nil {
			return s, err
		}
		s.Groups++
		s.Unread += b.unread(g, &v)
		s.Queued += v.Waiting
		if v.Standing != session.TakingPart && v.Why != "" {
			s.Trouble = append(s.Trouble, "In "+g.Title()+", "+v.Why+".")
		}
	}
	s.Requests = len(n.Invitations())
	for _, c := range n.Book().Contacts() {
		if c.State == people.Request {
			s.Requests++
		}
	}
	return s, nil
}

func (b *Backend) reachability() string {
	n := b.n
	for _, a := range n.Mesh().Host().Addrs() {
		if manet.IsPublicAddr(a) {
			return "public"
		}
	}
	if n.Config().Probe || n.Config().Relay {
		return "private"
	}
	return "unknown"
}

func (b *Backend) fullAddresses() []string {
	n := b.n
	h := n.Mesh().Host()
	out := make([]string, 0, len(h.Addrs()))
	for _, a := range h.Addrs() {
		out = append(out, a.String()+"/p2p/"+h.ID().String())
	}
	return out
}

func (b *Backend) Identity(context.Context) (api.Identity, error) {
	id := b.me()
	out := api.Identity{
		Name: b.name(), Account: hexOf(id.Account[:]), Words: people.FingerprintOf(id.Account).Words(),
		Devices: []api.Device{{ID: hexOf(id.Device[:]), Me: true}},
	}
	for _, s := range b.n.Fleet().Known() {
		if !s.Removed {
			out.Devices = append(out.Devices, api.Device{ID: hexOf(s.ID[:])})
		}
	}
	return out, nil
}

func (b *Backend) SetName(ctx context.Context, name string) (api.Identity, error) {
	if err := api.GoodName(name); err != nil {
		return api.Identity{}, err
	}
	err := b.n.Rename(name)
	if errors.Is(err, people.ErrLinked) {
		return api.Identity{}, deviceError(err)
	}
	if err != nil {
		return api.Identity{}, node.StorageError(err)
	}
	return b.Identity(ctx)
}

func (b *Backend) Events(ctx context.Context, after uint64) iter.Seq2[api.Event, error] {
	return b.n.Journal().Events(ctx, after)
}

func (b *Backend) Peers(context.Context) ([]api.Peer, error) {
	n := b.n
	h := n.Mesh().Host()
	ids := n.Mesh().Known()
	for _, p := range h.Network().Peers() {
		if !slices.Contains(ids, p) {
			ids = append(ids, p)
		}
	}
	out := make([]api.Peer, 0, len(ids))
	for _, p := range ids {
		out = append(out, b.showPeer(p))
	}
	return out, nil
}

func (b *Backend) showPeer(p peer.ID) api.Peer {
	n := b.n
	h := n.Mesh().Host()
	out := api.Peer{ID: p.String(), Score: n.Mesh().Score(p), LastSeen: n.Mesh().Seen(p).UTC(), Connected: n.Reachable(p)}
	if out.LastSeen.Unix() <= 0 {
		out.LastSeen = time.Time{}
	}
	if conns := h.Network().ConnsToPeer(p); len(conns) > 0 {
		c := conns[0]
		for _, other := range conns {
			if !other.Stat().Limited {
				c = other
			}
		}
		out.Address = c.RemoteMultiaddr().String()
		out.Path, out.Transport = api.PathDirect, "other"
		switch {
		case strings.Contains(out.Address, "/p2p-circuit"):
			out.Path = api.PathRelay
		case strings.Contains(out.Address, "/quic"):
			out.Transport = "quic"
		case strings.Contains(out.Address, "/tcp"):
			out.Transport = "tcp"
		}
		if rtt := n.Mesh().RTT(p); rtt > 0 {
			out.RTTMs = float64(rtt.Microseconds()) / 1000
		}
	}
	if v, err := h.Peerstore().Get(p, "AgentVersion"); err == nil {
		out.Agent, _ = v.(string)
	}
	if d, ok := mesh.PublicOf(p); ok {
		if a, ok := n.AccountOf(d); ok {
			out.Account, out.Name = hexOf(a[:]), n.NameOf(a)
		}
	}
	for _, g := range n.Groups() {
		if g.Admits(p) {
			out.Groups++
		}
	}
	return out
}

func (b *Backend) Connect(ctx context.Context, address string) (api.Peer, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return api.Peer{}, api.NewError(api.CodeUsage, api.Quote(address)+" is no address of a peer.", "It looks like /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3…; `covey net status` shows your own.")
	}
	if err := b.n.Mesh().Connect(ctx, *info); err != nil {
		return api.Peer{}, api.NewError(api.CodeOffline, "The peer could not be reached.", "Check that it runs, that both are in one network, and that the address is right.")
	}
	return b.showPeer(info.ID), nil
}

func (b *Backend) Net(context.Context) (api.Net, error) {
	n := b.n
	h := n.Mesh().Host()
	out := api.Net{
		Network: n.Config().Network, Peer: h.ID().String(), Reachability: b.reachability(), Addresses: b.fullAddresses(),
		MDNS: n.Config().Multicast, DHT: "off", Known: len(n.Mesh().Known()), Drops: n.Drops(),
	}
	for _, a := range h.Network().ListenAddresses() {
		out.Listen = append(out.Listen, a.String())
	}
	for _, p := range h.Network().Peers() {
		if h.Network().Connectedness(p) != network.NotConnected {
			out.Connected++
		}
	}
	if table, runs := n.Table(); runs {
		out.DHT, out.Table = string(cmp.Or(n.Config().DHT, node.DHTAuto)), table
	}
	out.BytesIn, out.BytesOut = n.Mesh().Traffic()
	return out, nil
}

func (b *Backend) Shutdown(context.Context) error {
	b.n.AskStop()
	return nil
}

func (b *Backend) Tokens(context.Context) ([]api.Token, error) { return b.tokens.list(), nil }

func (b *Backend) MintToken(ctx context.Context, t api.NewToken) (api.Token, error) {
	var scopes []string
	for _, s := range t.Scopes {
		i := strings.LastIndexByte(s, ':')
		if i < 0 || s[i:] != ":read" && s[i:] != ":send" {
			return api.Token{}, api.NewError(api.CodeUsage, api.Quote(s)+" is no scope.", "A scope is GROUP:read or GROUP:send; * stands for every group.")
		}
		ref := s[:i]
		if ref != "*" {
			id, err := b.GroupID(ctx, ref)
			if err != nil {
				return api.Token{}, err
			}
			ref = id
		}
		scopes = append(scopes, ref+s[i:])
	}
	return b.tokens.mint(scopes, time.Duration(t.TTLSeconds)*time.Second, t.Note)
}

func (b *Backend) RevokeToken(_ context.Context, ref string) error {
	t, err := pick("token", "`covey token ls` lists them.", ref, b.tokens.list(), func(t api.Token) string { return t.Note }, func(t api.Token) string { return t.ID })
	if err != nil {
		return err
	}
	return b.tokens.revoke(t.ID)
}

func (b *Backend) CheckToken(_ context.Context, secret string) (api.Token, error) {
	return b.tokens.check(secret)
}

func (b *Backend) GroupID(_ context.Context, ref string) (string, error) {
	g, err := b.findGroup(ref)
	if err != nil {
		return "", err
	}
	return g.ID(), nil
}
