package kernel

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/internal/mmap"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// mappedBytes is far beyond what a core's own caches hold.
const mappedBytes = 256 << 20

// BenchmarkGEMVMapped streams 256 MB of packed weights from a mapped file
// through the one-token matmul, in turn with a loop that only reads them, on
// all processors. GB/s are medians; of-read is the median ratio within a turn.
//
//	go test ./runtime/cpu/kernel -run '^$' -bench 'GEMVMapped|Record' -benchtime 15x
func BenchmarkGEMVMapped(b *testing.B) {
	const k = 2048
	tier := Available()[len(Available())-1]
	for _, ty := range []tensor.Type{tensor.Q8_0, tensor.Q4_0, tensor.Q4_K, tensor.Q5_K, tensor.Q6_K, tensor.F16} {
		b.Run(ty.String(), func(b *testing.B) {
			r := rng(1)
			one := forms(b, ty, []int64{16}, k, randomWeight(r, ty, 16, k))[P16]
			panels := int64(mappedBytes / len(one.Data))
			w, err := NewWeight(ty, P16, []int64{16 * panels}, k, mappedFile(b, one.Data, int(panels)))
			if err != nil {
				b.Fatal(err)
			}
			in := relayout(b, plainAct(b, r, 1, k), C4)
			if ty.Quantised() {
				in = quantised(b, in, C4)
			}
			m := &Matmul{Tier: tier, W: &w, X: in, Out: outputs(b, &w, 1)}
			if err := m.Prepare(); err != nil {
				b.Fatal(err)
			}
			var read, gemv, share []float64
			readAll(tier, w.Data)
			gemvAll(m)
			first := false
			for b.Loop() {
				var r, g float64
				if first = !first; first {
					g = rate(len(w.Data), gemvAll(m))
				}
				r = rate(len(w.Data), readAll(tier, w.Data))
				if !first {
					g = rate(len(w.Data), gemvAll(m))
				}
				read, gemv, share = append(read, r), append(gemv, g), append(share, g/r)
			}
			b.ReportMetric(middle(read), "read-GB/s")
			b.ReportMetric(middle(gemv), "GB/s")
			b.ReportMetric(middle(share), "of-read")
		})
	}
}

// BenchmarkRecord reads the same q4_k weights as records of 2368 bytes per 16
// rows, with byte-sized scales, and as 2304 bytes with the 12 packed bytes of
// GGUF, in turn: what the wider record costs in reading.
func BenchmarkRecord(b *testing.B) {
	const records = 1 << 17
	tier := Available()[len(Available())-1]
	data := mappedFile(b, make([]byte, 2368), records)
	readAll(tier, data)
	var wide, ratio []float64
	for b.Loop() {
		w, n := readAll(tier, data), readAll(tier, data[:2304*records])
		wide, ratio = append(wide, rate(len(data), w)), append(ratio, w.Seconds()/n.Seconds())
	}
	b.ReportMetric(middle(wide), "GB/s")
	b.ReportMetric(middle(ratio), "time-2368/2304")
}

// mappedFile maps a file that holds n copies of data.
func mappedFile(b *testing.B, data []byte, n int) []byte {
	b.Helper()
	path := filepath.Join(b.TempDir(), "weights")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 2<<20) // in blocks of large pages, as a bundle
	for range n {
		w.Write(data)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	m, err := mmap.Map(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	m.Advise(0, m.Size(), mmap.Huge)
	return m.Data
}

// onAll runs f on every processor and returns the time of the slowest.
func onAll(f func()) time.Duration {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for range runtime.GOMAXPROCS(0) {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-begin
			f()
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	return time.Since(start)
}

func readAll(tier Tier, data []byte) time.Duration {
	const chunk = 1 << 20
	var next atomic.Int64
	return onAll(func() {
		for {
			at := int(next.Add(chunk)) - chunk
			if at >= len(data) {
				return
			}
			ReadAll(tier, data[at:min(len(data), at+chunk)&^63])
		}
	})
}

// gemvAll runs m with about 64 items of work per processor.
func gemvAll(m *Matmul) time.Duration {
	step := max(1, m.Items()/(64*runtime.GOMAXPROCS(0)))
	var next atomic.Int64
	return onAll(func() {
		scratch := AlignedBytes(m.Scratch())
		for {
			at := int(next.Add(int64(step))) - step
			if at >= m.Items() {
				return
			}
			m.Run(at, min(m.Items(), at+step), scratch)
		}
	})
}

func rate(bytes int, d time.Duration) float64 { return float64(bytes) / d.Seconds() / 1e9 }

func middle(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if len(x) == 0 {
		panic(fmt.Sprint("median of nothing"))
	}
	return x[len(x)/2]
}
