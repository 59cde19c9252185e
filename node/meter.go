package node

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts what the node does and everything it drops. Nothing in it names
// a group or a person.
type meter struct {
	n *Node

	mu    sync.Mutex
	drops map[string]uint64
	sent  uint64
	large uint64
}

func newMeter(n *Node, r *prometheus.Registry) *meter {
	m := &meter{n: n, drops: make(map[string]uint64)}
	if r != nil {
		r.MustRegister(m)
	}
	return m
}

func (m *meter) drop(reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drops[reason]++
}

func (m *meter) published(whole bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent++
	if !whole {
		m.large++
	}
}

// dropped is everything that was dropped since the start, by reason: here and
// in the mesh.
func (m *meter) dropped() map[string]uint64 {
	m.mu.Lock()
	out := maps.Clone(m.drops)
	m.mu.Unlock()
	if m.n.mesh != nil {
		maps.Copy(out, m.n.mesh.Drops())
	}
	return out
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("covey_"+name, help, labels, nil)
}

var (
	descDrops     = desc("drops_total", "What was dropped, by reason.", "reason")
	descPublished = desc("gossip_published_total", "Gossip messages of this node.")
	descAnnounced = desc("gossip_announced_total", "Of those, announcements of what is too large for gossip.")
	descGroups    = desc("groups", "Groups of this node.")
	descPeers     = desc("peers", "Known peers connected, by path.", "path")
	descPackages  = desc("key_packages", "Key packages given out and not used yet.")
	descEpochs    = desc("epochs_alive", "Epochs whose secrets are held, over all groups.")
	descRivals    = desc("epochs_rival", "Of those, on branches beside the head.")
	descParcels   = desc("welcomes_waiting", "Welcomes that wait to be delivered.")
	descBatches   = desc("store_batches_total", "Durable batches written.")
	descEvents    = desc("events_total", "Events in the log.")
	descPost      = desc("directory_total", "What the DHT's node and the mailbox did, took, refused and dropped.", "what")
	descBytes     = desc("net_bytes_total", "Bytes over the network.", "direction")
)

// Describe implements prometheus.Collector.
func (m *meter) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *meter) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for reason, n := range m.dropped() {
		counter(descDrops, n, reason)
	}
	m.mu.Lock()
	counter(descPublished, m.sent)
	counter(descAnnounced, m.large)
	m.mu.Unlock()
	if m.n.mesh == nil || m.n.presence == nil || m.n.post == nil {
		return
	}
	alive, rivals := 0, 0
	groups := m.n.list()
	for _, g := range groups {
		v := g.View()
		alive += v.Alive
		rivals += v.Rivals
	}
	gauge(descGroups, float64(len(groups)))
	gauge(descEpochs, float64(alive))
	gauge(descRivals, float64(rivals))
	direct, relayed := m.n.presence.count()
	gauge(descPeers, float64(direct), "direct")
	gauge(descPeers, float64(relayed), "relay")
	gauge(descPackages, float64(m.n.post.Packages()))
	gauge(descParcels, float64(m.n.post.Waiting()))
	counter(descBatches, m.n.store.Stats().Batches)
	counter(descEvents, m.n.journal.Cursor())
	_, counts, _ := m.n.post.Counts()
	for what, n := range counts {
		counter(descPost, n, what)
	}
	in, sent := m.n.mesh.Traffic()
	counter(descBytes, uint64(in), "in")
	counter(descBytes, uint64(sent), "out")
}
