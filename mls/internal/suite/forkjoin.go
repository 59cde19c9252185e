package suite

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// ForEach calls fn for 0 to n-1 on at most GOMAXPROCS goroutines and waits for
// all of them: the one fork-join of the engine. It returns the error of the
// lowest index that fails, whatever the number of cores, and starts no new
// index once one has failed. fn writes only what belongs to its index and
// draws no randomness.
//
// Why lowest is certain: indices are handed out in order, so whoever failed
// first had every lower index already running, and those are waited for.
func ForEach(n int, fn func(i int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		first  = n
		result error
		wg     sync.WaitGroup
	)
	work := func() {
		for !failed.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := fn(i); err != nil {
				failed.Store(true)
				mu.Lock()
				if i < first {
					first, result = i, err
				}
				mu.Unlock()
			}
		}
	}
	wg.Add(workers - 1)
	for range workers - 1 {
		go func() { defer wg.Done(); work() }()
	}
	work()
	wg.Wait()
	return result
}
