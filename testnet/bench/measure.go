package bench

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

// Sample is one timed run.
type Sample struct {
	Wall time.Duration
	CPU  time.Duration // of the whole process: user and system, all threads
}

// measure times f once.
func measure(f func() error) (Sample, error) {
	cpu, wall := cpuTime(), time.Now()
	err := f()
	return Sample{Wall: time.Since(wall), CPU: cpuTime() - cpu}, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Point is one point of a figure: the samples of one protocol at one x.
type Point struct {
	Protocol string
	X        int
	Samples  []Sample
	Messages int // that one run hands to the network
	Bytes    int // of them, as uploaded
}

// Stat is a median with the interval that holds it at 95 %.
type Stat struct{ Median, Low, High time.Duration }

// Wall is the wall time of a point's runs.
func (p Point) Wall() Stat { return stat(p.Samples, func(s Sample) time.Duration { return s.Wall }) }

// CPU is the processor time.
func (p Point) CPU() Stat { return stat(p.Samples, func(s Sample) time.Duration { return s.CPU }) }

// resamples is how many bootstrap medians give an interval: the ends of 95 %
// then rest on 25 values each.
const resamples = 1000

// stat is the median and its bootstrap interval. The resampling is seeded, so
// that the same samples give the same figures.
func stat(samples []Sample, of func(Sample) time.Duration) Stat {
	v := make([]time.Duration, len(samples))
	for i, s := range samples {
		v[i] = of(s)
	}
	if len(v) == 0 {
		return Stat{}
	}
	r := rand.New(rand.NewPCG(1, uint64(len(v))))
	medians := make([]time.Duration, resamples)
	draw := make([]time.Duration, len(v))
	for i := range medians {
		for j := range draw {
			draw[j] = v[r.IntN(len(v))]
		}
		medians[i] = median(draw)
	}
	slices.Sort(medians)
	return Stat{Median: median(v), Low: medians[resamples*25/1000], High: medians[resamples*975/1000-1]}
}

// median sorts a copy.
func median(v []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
