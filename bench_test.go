package tessera_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/tessera-llm/tessera"
)

// BenchmarkGoroutines measures the tokens per second of goroutines that each decode behind a
// short prompt, all together, on the bundle or checkpoint in $TESSERA_BENCH_MODEL:
//
//	TESSERA_BENCH_MODEL=synth.tess go test -run '^$' -bench Goroutines -benchtime 1x .
func BenchmarkGoroutines(b *testing.B) {
	path := os.Getenv("TESSERA_BENCH_MODEL")
	if path == "" {
		b.Skip("TESSERA_BENCH_MODEL names no model")
	}
	const tokens = 32
	m := open(b, path, tessera.OpenOptions{Context: 512})
	o := greedy(tokens)
	o.IgnoreEOS = true
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				var all sync.WaitGroup
				for g := range n {
					all.Go(func() {
						c, err := m.NewConversation()
						if err == nil {
							defer c.Close()
							_, err = tessera.Collect(c.Continue(context.Background(), []int32{1, int32(2 + g), 3}, o))
						}
						if err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			}
			b.ReportMetric(float64(b.N*n*tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
