package sim

import "time"

// event is something that happens at a time. Two at the same time happen in
// the order of class, then of asking: never in the order of a map or a
// scheduler, so one seed has one history.
type event struct {
	at    time.Duration
	class uint8
	seq   uint64
	do    func()
}

// The classes. Verbs come last of their instant: a replay knows the time at
// which one was spoken, and not between which two events of it.
const (
	classWork uint8 = iota
	classVerb
)

// queue is a heap of events by (at, class, seq).
type queue struct {
	heap []event
	seq  uint64
}

func (q *queue) len() int { return len(q.heap) }

func (a *event) before(b *event) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.class != b.class {
		return a.class < b.class
	}
	return a.seq < b.seq
}

func (q *queue) push(at time.Duration, class uint8, do func()) {
	q.seq++
	q.heap = append(q.heap, event{at, class, q.seq, do})
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.heap[i].before(&q.heap[up]) {
			return
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

func (q *queue) pop() event {
	top := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = event{} // let go of its closure
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if q.heap[c].before(&q.heap[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
