package sim

import (
	"time"

	"github.com/covey-p2p/covey/node/session"
)

// genesis is what a right clock shows when a world begins: 2026-01-01 00:00 UTC.
const genesis session.Time = 1_767_225_600_000

// clock is a node's: it shows a wrong time, at a wrong speed, while timers run
// on true durations, as those of an operating system do.
type clock struct {
	base  session.Time  // shown at since
	since time.Duration // true time of the latest change
	rate  float64
}

func newClock() clock { return clock{base: genesis, rate: 1} }

// read is what the clock shows at a true time.
func (c *clock) read(now time.Duration) session.Time {
	if c.rate == 1 {
		return c.base + session.Time((now-c.since)/time.Millisecond)
	}
	return c.base + session.Time(float64((now-c.since)/time.Millisecond)*c.rate)
}

// jump moves the clock by offset and lets it run at rate from now on.
func (c *clock) jump(now, offset time.Duration, rate float64) {
	c.base = c.read(now) + session.Time(offset/time.Millisecond)
	c.since, c.rate = now, rate
}

// until is how long a timer for a shown time must run: never less than the
// grain below, so that a stopped clock cannot stop the world.
func (c *clock) until(now time.Duration, at session.Time) time.Duration {
	const grain = time.Millisecond
	d := time.Duration(at-c.read(now)) * time.Millisecond
	if at-c.read(now) > session.Time(maxTimer/time.Millisecond) {
		d = maxTimer
	}
	return max(d, grain)
}
