package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// BenchmarkMatmul reports GOPS (two per multiply-add) and packed GB per second
// of processor time of one worker; the weight, 2048 rows by 2048 channels, is
// about as large as the second cache.
func BenchmarkMatmul(b *testing.B) {
	for _, ty := range []tensor.Type{tensor.Q8_0, tensor.Q4_0, tensor.Q4_1, tensor.Q5_0, tensor.Q4_K, tensor.Q5_K, tensor.Q6_K, tensor.F16, tensor.BF16, tensor.F32} {
		n, k := int64(2048), int64(2048)
		r := rng(1)
		w := forms(b, ty, []int64{n}, k, randomWeight(r, ty, n, k))[P16]
		for _, s := range []int{1, 4, 16, 256} {
			x := plainAct(b, r, s, int(k))
			in := relayout(b, x, C4)
			if ty.Quantised() {
				in = quantised(b, x, C4)
			}
			out := outputs(b, &w, s)
			for _, tier := range Available() {
				if tier == Generic && s > 16 {
					continue
				}
				b.Run(fmt.Sprintf("%s/S=%d/%s", ty, s, tier), func(b *testing.B) {
					m := &Matmul{Tier: tier, W: &w, X: in, Out: out}
					if err := m.Prepare(); err != nil {
						b.Fatal(err)
					}
					scratch := AlignedBytes(m.Scratch())
					b.SetBytes(int64(len(w.Data)))
					m.Run(0, m.Items(), scratch)
					cpu := cpuSeconds()
					for b.Loop() {
						m.Run(0, m.Items(), scratch)
					}
					cpu = cpuSeconds() - cpu
					ops := 2 * float64(n) * float64(k) * float64(s)
					b.ReportMetric(ops*float64(b.N)/cpu/1e9, "GOPS")
					b.ReportMetric(float64(len(w.Data))*float64(b.N)/cpu/1e9, "GB/s")
				})
			}
		}
	}
}
