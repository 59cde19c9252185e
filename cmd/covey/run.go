package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/covey-p2p/covey/node"
	"github.com/covey-p2p/covey/node/api"
	"github.com/covey-p2p/covey/node/backend"
	"github.com/covey-p2p/covey/node/store"
	"github.com/covey-p2p/covey/testnet/local/wire"
)

// server is a node with its socket.
type server struct {
	node *node.Node
	http *http.Server
	done chan error
}

// serve starts a node in this process and opens its socket.
func (a *app) serve(name string, logTo io.Writer) (*server, error) {
	s := &a.settings
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.get("log"))); err != nil {
		return nil, api.NewError(api.CodeUsage, fmt.Sprintf("%q is no level of logging.", s.get("log")), "Say debug, info, warn or error.")
	}
	if name != "" {
		if err := api.GoodName(name); err != nil {
			return nil, err
		}
	}
	if err := a.addresses(); err != nil {
		return nil, err
	}
	key, err := a.storeKey()
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var extra []libp2p.Option
	if a.wire != "" {
		extra = wire.Options(a.wire)
	}
	n, err := node.Start(node.Config{
		Extra: extra,
		Dir:   a.dir, Name: name, Network: s.get("network"), DHT: node.DHT(s.get("dht")), Version: version(),
		Listen: s.list("listen"), Bootstrap: s.list("bootstrap"), Multicast: s.is("multicast"), MapPorts: s.is("map-ports"),
		Relay: s.is("relay"), Serve: s.is("serve-relay"), Probe: s.is("probe"), AskAlways: s.is("ask-always"), ReadReceipts: s.is("read-receipts"),
		Key: key, Registry: registry, Log: slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return nil, err
	}
	b, err := backend.New(n)
	if err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	l, err := api.Listen(a.dir)
	if err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	out := &server{node: n, done: make(chan error, 1)}
	out.http = &http.Server{
		Handler:           api.NewServer(b, api.Options{Version: version(), Metrics: metrics, Answers: b}).Socket(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() { out.done <- out.http.Serve(l) }() // ends with stop
	return out, nil
}

// addresses refuses settings that are no addresses.
func (a *app) addresses() error {
	for _, x := range a.settings.list("listen") {
		if _, err := multiaddr.NewMultiaddr(x); err != nil {
			return api.NewError(api.CodeUsage, api.Quote(x)+" is nothing to listen on.", "It looks like /ip4/0.0.0.0/udp/0/quic-v1; `covey config show --origin` says where it comes from.")
		}
	}
	for _, x := range a.settings.list("bootstrap") {
		if _, err := peer.AddrInfoFromString(x); err != nil {
			return api.NewError(api.CodeUsage, api.Quote(x)+" is no address of a peer.", "It looks like /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3…; `covey net status` of that node shows it.")
		}
	}
	return nil
}

// storeKey says what opens the store.
func (a *app) storeKey() (store.Key, error) {
	switch k := a.settings.get("key"); k {
	case "file":
		return store.KeyFile(""), nil
	case "keyring":
		return store.Keyring(), nil
	case "passphrase":
		words, ok := os.LookupEnv("COVEY_PASSPHRASE")
		if !ok {
			return nil, api.NewError(api.CodeUsage, "The store is to be opened by a passphrase, and COVEY_PASSPHRASE is not set.", "Set it for this command alone.")
		}
		return store.Passphrase([]byte(words)), nil
	default:
		return nil, api.NewError(api.CodeUsage, fmt.Sprintf("%q is no way to open the store.", k), "Say file, keyring or passphrase.")
	}
}

// stop ends the socket and the node.
func (s *server) stop() error {
	// The socket goes last: whoever waits for it to go may open the directory.
	err := s.node.Stop()
	s.http.Close()
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// userName is what to call a new account of somebody who has said nothing.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "anonymous"
}
