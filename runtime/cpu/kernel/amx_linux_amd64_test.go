package kernel

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestTilesAndSignals: signals that arrive inside an AMX kernel, as those of the
// garbage collector do, neither lose tile registers nor the process.
func TestTilesAndSignals(t *testing.T) {
	if _, err := best("amx", available()); err != nil {
		t.Skip(err)
	}
	const n, k, s = 512, 1024, 256
	r := rng(1)
	w := forms(t, tensor.Q4_K, []int64{n}, k, randomWeight(r, tensor.Q4_K, n, k))[P16]
	x := quantised(t, plainAct(t, r, s, k), C4)
	want, out := outputs(t, &w, s), outputs(t, &w, s)
	run(t, &Matmul{Tier: AVX512, W: &w, X: x, Out: want})
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGURG)
				time.Sleep(20 * time.Microsecond)
			}
		}
	}()
	for range 100 {
		clear(out[0].F)
		run(t, &Matmul{Tier: AMX, W: &w, X: x, Out: out})
		sameBits(t, "between signals", &out[0], &want[0])
	}
	close(stop)
	<-stopped
}
