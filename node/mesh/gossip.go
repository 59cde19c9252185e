package mesh

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/time/rate"
)

var errNoAddress = errors.New("no address of this peer is known")

// ErrNoTopic says that a topic is not subscribed to.
var ErrNoTopic = errors.New("mesh: not subscribed to that topic")

// ErrTooLarge says that a message or frame is over its limit.
var ErrTooLarge = errors.New("mesh: too large")

// gossip is the topics of this node and who belongs in each.
type gossip struct {
	m *Mesh

	mu     sync.RWMutex
	topics map[string]*topic
	heard  map[peer.ID]map[string]bool // what peers subscribed to, of our topics
	rates  map[peer.ID]*rate.Limiter
	scores map[peer.ID]float64 // as pubsub last told
	blames map[peer.ID]float64 // for bad frames, and for too much
}

type topic struct {
	name    string
	members map[peer.ID]bool
	handle  *pubsub.Topic
	leave   pubsub.RelayCancelFunc
}

func newGossip(m *Mesh) *gossip {
	return &gossip{m: m, topics: make(map[string]*topic), heard: make(map[peer.ID]map[string]bool), rates: make(map[peer.ID]*rate.Limiter), blames: make(map[peer.ID]float64)}
}

// protocols are gossipsub's, under our own ids: nodes of another network do
// not even open a stream.
func (g *gossip) protocols() []protocol.ID {
	return []protocol.ID{g.m.protocol("meshsub/1.2")}
}

func (g *gossip) start() (*pubsub.PubSub, error) {
	return pubsub.NewGossipSub(g.m.ctx, g.m.host,
		pubsub.WithGossipSubProtocols(g.protocols(), func(f pubsub.GossipSubFeature, _ protocol.ID) bool {
			return f == pubsub.GossipSubFeatureMesh || f == pubsub.GossipSubFeatureIdontwant
		}),
		pubsub.WithGossipSubParams(degrees()),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), // MLS authenticates; a signature would name the author to every forwarder
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithFloodPublish(true), // one hop to everybody connected, and no loss while the mesh forms
		pubsub.WithMaxMessageSize(MaxGossip+1024),
		pubsub.WithPeerOutboundQueueSize(outboundQueue),
		pubsub.WithValidateQueueSize(validateQueue),
		pubsub.WithBlacklist(strangers{g}),
		pubsub.WithPeerFilter(g.isMember),
		pubsub.WithSubscriptionFilter(listeners{g}),
		pubsub.WithRawTracer(g.m.trace),
		pubsub.WithPeerScore(&pubsub.PeerScoreParams{
			AppSpecificScore: g.appScore, AppSpecificWeight: 1,
			// Many nodes behind one address are a home or a testnet, not an attack.
			IPColocationFactorWeight: 0,
			BehaviourPenaltyWeight:   -5, BehaviourPenaltyThreshold: 6, BehaviourPenaltyDecay: .99,
			DecayInterval: time.Second, DecayToZero: .01, RetainScore: 30 * time.Minute, TopicScoreCap: 100,
			Topics: map[string]*pubsub.TopicScoreParams{},
		}, &pubsub.PeerScoreThresholds{
			GossipThreshold: -50, PublishThreshold: publishThreshold, GraylistThreshold: -200,
			AcceptPXThreshold: 1000, OpportunisticGraftThreshold: 1,
		}),
		pubsub.WithPeerScoreInspect(g.inspect, 10*time.Second),
	)
}

// degrees are how many pass each message on. The author sends to everybody it is
// connected to, so that copies by way of others are for those it is not, and for
// what got lost; and whatever gossip loses the log repairs.
func degrees() pubsub.GossipSubParams {
	p := pubsub.DefaultGossipSubParams()
	p.D, p.Dlo, p.Dhi, p.Dscore, p.Dout = meshDegree, meshLeast, meshMost, meshLeast, 1
	return p
}

// messageID is the content's: the same bytes are one message, whoever sends
// them.
func messageID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte(m.GetTopic()))
	h.Write(m.GetData())
	return string(h.Sum(nil)[:20])
}

// topicScore rewards delivering first and punishes what Check rejects. The
// penalty for delivering too little (P3) is off: a quiet chat would punish
// everybody.
func topicScore() *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		SkipAtomicValidation: true, TopicWeight: 1,
		TimeInMeshWeight: .01, TimeInMeshQuantum: time.Second, TimeInMeshCap: 100,
		FirstMessageDeliveriesWeight: 1, FirstMessageDeliveriesDecay: .99, FirstMessageDeliveriesCap: 20,
		InvalidMessageDeliveriesWeight: -50, InvalidMessageDeliveriesDecay: .99,
	}
}

// Subscribe joins a topic, or changes who belongs in it. Members may include
// peers that are not known yet; they count once they are.
func (m *Mesh) Subscribe(name string, members []peer.ID) error {
	set := make(map[peer.ID]bool, len(members))
	for _, p := range members {
		set[p] = true
	}
	g := m.gossip
	g.mu.Lock()
	if t := g.topics[name]; t != nil {
		t.members = set
		g.mu.Unlock()
		return nil
	}
	t := &topic{name: name, members: set}
	g.topics[name] = t
	g.mu.Unlock()
	if err := g.join(t); err != nil {
		g.mu.Lock()
		delete(g.topics, name)
		g.mu.Unlock()
		return fmt.Errorf("join a topic: %w", err)
	}
	return nil
}

func (g *gossip) join(t *topic) error {
	validate := func(_ context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
		return g.validate(t.name, from, msg.GetData())
	}
	if err := g.m.pubsub.RegisterTopicValidator(t.name, validate, pubsub.WithValidatorInline(true)); err != nil {
		return err
	}
	handle, err := g.m.pubsub.Join(t.name)
	if err != nil {
		return err
	}
	if err = handle.SetScoreParams(topicScore()); err != nil {
		return err
	}
	leave, err := handle.Relay() // validate has handed on what a subscription would bring later
	if err != nil {
		return err
	}
	g.mu.Lock()
	t.handle, t.leave = handle, leave
	g.mu.Unlock()
	return nil
}

// Unsubscribe leaves a topic. It should not be joined again for 10 s: pubsub
// backs off.
func (m *Mesh) Unsubscribe(name string) {
	g := m.gossip
	g.mu.Lock()
	t := g.topics[name]
	delete(g.topics, name)
	var handle *pubsub.Topic
	var leave pubsub.RelayCancelFunc
	if t != nil {
		handle, leave = t.handle, t.leave
	}
	g.mu.Unlock()
	if leave == nil {
		return
	}
	leave()
	handle.Close()
	m.pubsub.UnregisterTopicValidator(name)
}

// Publish floods a message and says which members it was queued for. No error
// means only that: gossip is a hint, the log is the truth.
func (m *Mesh) Publish(ctx context.Context, name string, data []byte) ([]peer.ID, error) {
	if len(data) > MaxGossip {
		return nil, ErrTooLarge
	}
	m.gossip.mu.RLock()
	var handle *pubsub.Topic
	if t := m.gossip.topics[name]; t != nil {
		handle = t.handle
	}
	m.gossip.mu.RUnlock()
	if handle == nil {
		return nil, ErrNoTopic
	}
	to := slices.DeleteFunc(handle.ListPeers(), func(p peer.ID) bool {
		return !m.gossip.isMember(p, name) || m.gossip.scoreOf(p) < publishThreshold
	})
	if err := handle.Publish(ctx, data); err != nil {
		return nil, err
	}
	return to, nil
}

// validate runs on one of pubsub's goroutines, once for each message: a limit on
// the rate, then the handler's cheap checks. What passes them is handed on from
// here, before pubsub passes it to others: a subscription would get it after that,
// and after everything else that pubsub has to do.
func (g *gossip) validate(name string, from peer.ID, data []byte) pubsub.ValidationResult {
	if from == g.m.host.ID() {
		return pubsub.ValidationAccept
	}
	if !g.allow(from) {
		g.m.trace.count("gossip over rate")
		g.blame(from, blamePerFlood)
		g.m.handler.Lost(name)
		return pubsub.ValidationIgnore
	}
	switch g.m.handler.Check(name, from, data) {
	case Accept:
		g.m.handler.Gossip(name, from, data)
		return pubsub.ValidationAccept
	case Ignore:
		return pubsub.ValidationIgnore
	}
	return pubsub.ValidationReject
}

func (g *gossip) allow(p peer.ID) bool {
	g.mu.RLock()
	l := g.rates[p]
	g.mu.RUnlock()
	if l == nil {
		g.mu.Lock()
		if l = g.rates[p]; l == nil {
			l = rate.NewLimiter(gossipRate, gossipBurst)
			g.rates[p] = l
		}
		g.mu.Unlock()
	}
	return l.Allow()
}

// isMember is pubsub's peer filter: who may graft, and be asked.
func (g *gossip) isMember(p peer.ID, name string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	t := g.topics[name]
	return t != nil && t.members[p]
}

// appScore is what pubsub asks of a peer's standing with us: a stranger, or a
// peer that listens where it does not belong, is not published to.
func (g *gossip) appScore(p peer.ID) float64 {
	if !g.m.keeper.knows(p) {
		return strangerScore
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for name := range g.heard[p] {
		if t := g.topics[name]; t != nil && !t.members[p] {
			return strangerScore
		}
	}
	return -g.blames[p]
}

// Blame lowers a peer's standing for a frame that no honest peer would send:
// three in a row, and it is not published to. It fades within minutes.
func (m *Mesh) Blame(p peer.ID) { m.gossip.blame(p, blamePerFrame) }

func (g *gossip) blame(p peer.ID, much float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.blames[p] = min(g.blames[p]+much, blameMost)
}

// inspect keeps the scores that pubsub computes.
func (g *gossip) inspect(scores map[peer.ID]float64) {
	scores = maps.Clone(scores)
	gone := func(p peer.ID) bool { return g.m.host.Network().Connectedness(p) == network.NotConnected }
	g.mu.Lock()
	defer g.mu.Unlock()
	g.scores = scores
	for p, b := range g.blames {
		if b *= blameFades; b < 1 {
			delete(g.blames, p)
		} else {
			g.blames[p] = b
		}
	}
	maps.DeleteFunc(g.rates, func(p peer.ID, _ *rate.Limiter) bool { return gone(p) })
	maps.DeleteFunc(g.heard, func(p peer.ID, _ map[string]bool) bool { return gone(p) })
}

func (g *gossip) scoreOf(p peer.ID) float64 {
	if s := g.appScore(p); s < 0 {
		return s
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.scores[p]
}

// strangers is the complement of the known set, as pubsub's blacklist.
type strangers struct{ *gossip }

func (s strangers) Add(peer.ID) bool { return true } // Know decides, before it says so here

func (s strangers) Contains(p peer.ID) bool {
	return p != "" && p != s.m.host.ID() && !s.m.keeper.knows(p)
}

// listeners remembers who subscribed to what. It keeps subscriptions to topics
// that are not ours yet: after a removal, some members take up the new topic
// before others, and pubsub says each subscription once.
type listeners struct{ *gossip }

func (l listeners) CanSubscribe(string) bool { return true }

func (l listeners) FilterIncomingSubscriptions(p peer.ID, subs []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heard[p]
	if heard == nil {
		heard = make(map[string]bool)
		l.heard[p] = heard
	}
	for _, s := range subs {
		switch {
		case !s.GetSubscribe():
			delete(heard, s.GetTopicid())
		case len(heard) >= maxHeard || len(s.GetTopicid()) > maxTopicName:
			l.m.trace.count("gossip in: too many topics")
			return nil, pubsub.ErrTooManySubscriptions
		default:
			heard[s.GetTopicid()] = true
		}
	}
	return subs, nil
}
