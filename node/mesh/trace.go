package mesh

import (
	"maps"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// trace counts what is dropped, and says so where a sync can make good for it.
// pubsub drops without a word: publishing to a full queue returns no error.
type trace struct {
	m *Mesh

	mu    sync.Mutex
	drops map[string]uint64
}

func newTrace(m *Mesh) *trace { return &trace{m: m, drops: make(map[string]uint64)} }

func (t *trace) count(reason string) {
	t.mu.Lock()
	t.drops[reason]++
	t.mu.Unlock()
}

func (t *trace) snapshot() map[string]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.drops)
}

// DropRPC: a peer's outbound queue was full.
func (t *trace) DropRPC(rpc *pubsub.RPC, _ peer.ID) {
	t.count("gossip out: queue full")
	for _, m := range rpc.GetPublish() {
		t.m.handler.Lost(m.GetTopic())
	}
}

// RejectMessage: by a check of ours or of pubsub's.
func (t *trace) RejectMessage(m *pubsub.Message, reason string) {
	t.count("gossip in: " + reason)
	if reason == pubsub.RejectValidationQueueFull || reason == pubsub.RejectValidationThrottled {
		t.m.handler.Lost(m.GetTopic())
	}
}

func (t *trace) UndeliverableMessage(*pubsub.Message)                 {} // to a subscription: there is none
func (t *trace) ThrottlePeer(peer.ID)                                 {}
func (t *trace) OnNewOutboundStream(peer.ID, protocol.ID)             {}
func (t *trace) OnClosedOutboundStream(peer.ID)                       {}
func (t *trace) Join(string)                                          {}
func (t *trace) Leave(string)                                         {}
func (t *trace) Graft(peer.ID, string)                                {}
func (t *trace) Prune(peer.ID, string)                                {}
func (t *trace) ValidateMessage(*pubsub.Message)                      {}
func (t *trace) DeliverMessage(*pubsub.Message)                       {}
func (t *trace) DuplicateMessage(*pubsub.Message)                     {}
func (t *trace) RecvRPC(*pubsub.RPC)                                  {}
func (t *trace) SendRPC(*pubsub.RPC, peer.ID)                         {}
func (t *trace) SendRPCCompleted(*pubsub.RPC, peer.ID, time.Duration) {}
