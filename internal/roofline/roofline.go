// Package roofline measures what a machine can do at most, so that every speed
// can be given as a fraction of it: int8 dot products, float32 FMA and reading
// memory, on any number of threads at once.
//
// The loops hold their operands in registers and 24 independent accumulators,
// more than latency times throughput of today's cores needs. Machines drift by
// the minute: measure in the same run as what is compared.
package roofline

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Machine is what was measured.
type Machine struct {
	Threads int     `json:"threads"`
	DotGOPS float64 `json:"dot_gops"` // int8 products and additions, 1e9/s; 0 where there is no such instruction
	FMAGF   float64 `json:"fma_gflops"`
	ReadGBs float64 `json:"read_gb_per_s"`
	Dot     string  `json:"dot_instruction"`
}

// Measure takes about half a second per thread count. data is what is read,
// preferably a mapped file much larger than the caches.
func Measure(threads int, data []byte) Machine {
	m := Machine{Threads: threads, Dot: dotName()}
	if m.Dot != "" {
		m.DotGOPS = best(threads, dotLoop, dotOps)
	}
	m.FMAGF = best(threads, fmaLoop, fmaOps())
	m.ReadGBs = Read(threads, data)
	return m
}

// iterations of a loop call: some hundred microseconds.
const iterations = 20000

// best runs loop on all threads at once, five times, and returns the highest
// rate in 1e9 operations per second. ops is the operations of one iteration.
func best(threads int, loop func(n int), ops float64) float64 {
	top := 0.0
	for range 5 {
		const calls = 40
		d := together(threads, func(int) {
			for range calls {
				loop(iterations)
			}
		})
		top = max(top, ops*iterations*calls*float64(threads)/d.Seconds()/1e9)
	}
	return top
}

// together runs f on n locked threads and returns the time of the slowest.
func together(n int, f func(i int)) time.Duration {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	t := time.Now()
	close(start)
	done.Wait()
	return time.Since(t)
}

// chunk is what a thread takes from the counter at a time.
const chunk = 1 << 20

// Read reads all of data, once to bring it in and three times for the clock,
// and returns the highest rate in GB/s.
func Read(threads int, data []byte) float64 {
	data = data[:len(data)/chunk*chunk]
	if len(data) == 0 {
		return 0
	}
	top := 0.0
	for i := range 4 {
		var next atomic.Int64
		d := together(threads, func(int) {
			for {
				at := next.Add(chunk) - chunk
				if at >= int64(len(data)) {
					return
				}
				readLoop(data[at : at+chunk])
			}
		})
		if i > 0 {
			top = max(top, float64(len(data))/d.Seconds()/1e9)
		}
	}
	return top
}
