package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tessera-llm/tessera/runtime/cpu/kernel"
)

// Limits is what this machine can do at most, so that every speed can be
// given as a fraction of it. Machines drift by the minute: measure in the same
// run as what is compared.
type Limits struct {
	Threads int     `json:"threads"`
	Tier    string  `json:"tier"`
	DotGOPS float64 `json:"dot_gops"`   // int8 products and additions with operands in registers; 0: no such instruction
	FMAGF   float64 `json:"fma_gflops"` // float32; 0: not measured in this tier
	ReadGBs float64 `json:"read_gb_per_s"`
}

// MeasureLimits takes about half a second. data is what is read, preferably all
// weights of a model where they are mapped: a share of the last cache serves
// part of anything smaller, and then the rate is not one that a token can have.
func MeasureLimits(threads int, data [][]byte) (Limits, error) {
	tier, err := kernel.Best()
	if err != nil {
		return Limits{}, err
	}
	l := Limits{Threads: threads, Tier: tier.String()}
	l.DotGOPS = peak(threads, func() float64 { return kernel.DotPeak(tier, 2000) })
	l.FMAGF = peak(threads, func() float64 { return kernel.FMAPeak(tier, 500) })
	l.ReadGBs = readRate(threads, tier, data)
	return l, nil
}

// peak runs work on all threads at once, five times, and returns the highest
// rate in 1e9 operations per second. work returns its operations.
func peak(threads int, work func() float64) float64 {
	top := 0.0
	for range 5 {
		var ops float64
		d := together(threads, func(i int) {
			if n := work(); i == 0 {
				ops = n
			}
		})
		top = max(top, ops*float64(threads)/d.Seconds()/1e9)
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

// readChunk is what a thread takes from the counter at a time.
const readChunk = 1 << 20

// readRate reads all of data, once to bring it in and four times for the
// clock, and returns the highest rate in GB/s. The loop only loads and adds, 64
// bytes at a time in ascending order, with the prefetch distance that is best for
// it; two streams per thread and halves instead of chunks were no faster.
func readRate(threads int, tier kernel.Tier, data [][]byte) float64 {
	var chunks [][]byte
	total := 0
	for _, d := range data {
		for ; len(d) >= readChunk; d = d[readChunk:] {
			chunks = append(chunks, d[:readChunk])
			total += readChunk
		}
	}
	top := 0.0
	for i := range 5 {
		var next atomic.Int64
		d := together(threads, func(int) {
			for {
				at := next.Add(1) - 1
				if at >= int64(len(chunks)) {
					return
				}
				kernel.ReadAll(tier, chunks[at])
			}
		})
		if i > 0 {
			top = max(top, float64(total)/d.Seconds()/1e9)
		}
	}
	return top
}
