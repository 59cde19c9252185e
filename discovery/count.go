package discovery

import (
	"maps"
	"sync"
)

// counts is what happened since the start, by name.
type counts struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (c *counts) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]uint64{}
	}
	c.n[name]++
}

// Counts is what was published, found, refused and dropped since the start.
func (d *Directory) Counts() map[string]uint64 {
	d.counts.mu.Lock()
	defer d.counts.mu.Unlock()
	return maps.Clone(d.counts.n)
}
