package sim

import (
	"fmt"
	"testing"
)

// BenchmarkChat is the pace of the simulator and the memory it takes: an hour of
// ordinary chat among 10, 100 and 1,000 people in groups of ten.
func BenchmarkChat(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			var virtual, wall float64
			for b.Loop() {
				p, err := Chat{Nodes: n}.Run()
				if err != nil {
					b.Fatal(err)
				}
				if p.Read != p.Should {
					b.Fatalf("%d of %d messages read", p.Read, p.Should)
				}
				b.Log(p)
				virtual, wall = virtual+p.Virtual.Seconds(), wall+p.Wall.Seconds()
				b.ReportMetric(float64(p.BytesFormed), "B/node-formed")
				b.ReportMetric(float64(p.BytesPerNode), "B/node-after")
			}
			b.ReportMetric(virtual/wall, "virtual-s/s")
		})
	}
}
