package mesh

import (
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// traffic counts bytes. libp2p's own counter also computes rates, on a
// goroutine that never ends.
type traffic struct{ in, out atomic.Int64 }

func (t *traffic) LogSentMessage(n int64)                                { t.out.Add(n) }
func (t *traffic) LogRecvMessage(n int64)                                { t.in.Add(n) }
func (t *traffic) LogSentMessageStream(int64, protocol.ID, peer.ID)      {}
func (t *traffic) LogRecvMessageStream(int64, protocol.ID, peer.ID)      {}
func (t *traffic) GetBandwidthForPeer(peer.ID) (s metrics.Stats)         { return s }
func (t *traffic) GetBandwidthForProtocol(protocol.ID) (s metrics.Stats) { return s }
func (t *traffic) GetBandwidthByPeer() map[peer.ID]metrics.Stats         { return nil }
func (t *traffic) GetBandwidthByProtocol() map[protocol.ID]metrics.Stats { return nil }

func (t *traffic) Reset()             {}
func (t *traffic) TrimIdle(time.Time) {}

func (t *traffic) GetBandwidthTotals() metrics.Stats {
	return metrics.Stats{TotalIn: t.in.Load(), TotalOut: t.out.Load()}
}
