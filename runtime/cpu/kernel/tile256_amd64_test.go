package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/pkg/tensor"
)

// TestTiles256: panels read in place and panels expanded give the bits of the generic
// tier, for every number of tokens of up to five tiles, in one run of all panels.
func TestTiles256(t *testing.T) {
	defer func(n int) { tileTokens256 = n }(tileTokens256)
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		for _, k := range append(channels(ty), 8*Slab) {
			if testing.Short() && k < Slab {
				continue
			}
			r := rng(uint64(k) + uint64(ty))
			rows := []int64{40, 37}
			ws := forms(t, ty, rows, k, randomWeight(r, ty, 77, k))
			for s := 1; s <= 17; s++ {
				in := quantised(t, plainAct(t, r, s, int(k)), C4)
				want := outputs(t, &ws[P16], s)
				run(t, &Matmul{W: &ws[P16], X: in, Out: want})
				for _, tier := range []Tier{AVX2, AVXVNNI} {
					if !available()[tier] {
						continue
					}
					for _, tileTokens256 = range []int{1, 20} {
						for f := range ws {
							out := outputs(t, &ws[f], s)
							m := &Matmul{Tier: tier, W: &ws[f], X: in, Out: out}
							if err := m.Prepare(); err != nil {
								t.Fatal(err)
							}
							m.Run(0, m.Items(), AlignedBytes(m.Scratch()))
							for i := range out {
								sameBits(t, fmt.Sprintf("%s K=%d %s S=%d %s, in place to %d", ty, k, Form(f), s, tier, tileTokens256), &out[i], &want[i])
							}
						}
					}
				}
			}
		}
	}
}

// TestScratch256: what a worker needs does not shrink when the tokens grow.
func TestScratch256(t *testing.T) {
	for _, ty := range []tensor.Type{tensor.Q4_0, tensor.Q6_K} {
		w := forms(t, ty, []int64{16}, 64*Slab, randomWeight(rng(1), ty, 16, 64*Slab))[P16]
		last := 0
		for s := range 300 {
			m := &Matmul{W: &w, X: Act{S: s, C: w.K, Elem: I8, Layout: C4}}
			n := quantScratchSize256(m)
			if n < last || n%64 != 0 {
				t.Errorf("%s: %d bytes for %d tokens, %d for one less", ty, n, s, last)
			}
			last = n
		}
	}
}

// BenchmarkTiles256 streams 128 MB of packed weights through the matmul of few tokens,
// panels in place and expanded in turn: where tileTokens256 belongs. Times are those of
// the processors, least of all turns.
//
//	go test ./runtime/cpu/kernel -run '^$' -bench Tiles256 -benchtime 5x -cpu 1
func BenchmarkTiles256(b *testing.B) {
	defer func(n int) { tileTokens256 = n }(tileTokens256)
	const k = 2048
	for _, ty := range WeightTypes {
		if !ty.Quantised() {
			continue
		}
		r := rng(1)
		one := forms(b, ty, []int64{16}, k, randomWeight(r, ty, 16, k))[P16]
		panels := mappedBytes / 2 / len(one.Data)
		w, err := NewWeight(ty, P16, []int64{16 * int64(panels)}, k, mappedFile(b, one.Data, panels))
		if err != nil {
			b.Fatal(err)
		}
		for _, tier := range []Tier{AVX2, AVXVNNI} {
			if !available()[tier] {
				continue
			}
			for _, s := range []int{1, 2, 4, 8, 12, 16, 24, 32, 64} {
				b.Run(fmt.Sprintf("%s/%s/tokens=%d", ty, tier, s), func(b *testing.B) {
					m := &Matmul{Tier: tier, W: &w, X: quantised(b, plainAct(b, r, s, k), C4), Out: outputs(b, &w, s)}
					times := [2]float64{math.Inf(1), math.Inf(1)}
					for b.Loop() {
						for i, n := range []int{1, 64} {
							tileTokens256 = n
							if err := m.Prepare(); err != nil {
								b.Fatal(err)
							}
							cpu := cpuSeconds()
							gemvAll(m)
							times[i] = min(times[i], 1e3*(cpuSeconds()-cpu))
						}
					}
					b.ReportMetric(times[0], "expanded-ms")
					b.ReportMetric(times[1], "in-place-ms")
				})
			}
		}
	}
}
