package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
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

// BenchmarkAttention reports GFLOPS (two per multiply-add of q·k and e·v) of
// processor time of one worker: prefill of 256 tokens at depth 0 and 4096, and
// decode at depth 4096.
func BenchmarkAttention(b *testing.B) {
	for _, ty := range codec.All() {
		for _, d := range []int{64, 128} {
			for _, shape := range [][2]int{{0, 256}, {4096, 256}, {4096, 1}} {
				start, s := shape[0], shape[1]
				c := attentionCase{ty, 2, 4, d, start, s, 0}
				cache := newCache(b, ty, 2, d, start+s)
				reserve(b, cache, start+s)
				r := rng(1)
				for p := 0; p < start+s; p += 256 {
					n := min(256, start+s-p)
					run(b, &KVAppend{Cache: cache, Start: p, K: plainAct(b, r, n, 2*d), V: plainAct(b, r, n, 2*d)})
				}
				q := plainAct(b, r, s, 8*d)
				for _, tier := range Available() {
					if tier == Generic && s > 1 {
						continue
					}
					b.Run(fmt.Sprintf("%s/d=%d/depth=%d/S=%d/%s", ty, d, start, s, tier), func(b *testing.B) {
						a := &Attention{Tier: tier, Cache: cache, Q: q, Out: newAct(b, F32, C4, s, 8*d), Heads: 8, Start: start, Scale: 0.1,
							Partials: make([]float32, maxPartialFloats(8, d, start+s))}
						m := &AttentionMerge{a}
						if err := a.Prepare(); err != nil {
							b.Fatal(err)
						}
						scratch := AlignedBytes(max(a.Scratch(), m.Scratch()))
						a.Run(0, a.Items(), scratch)
						a.Visited()
						cpu := cpuSeconds()
						for b.Loop() {
							a.Run(0, a.Items(), scratch)
							m.Run(0, m.Items(), scratch)
						}
						cpu = cpuSeconds() - cpu
						b.ReportMetric(float64(a.Visited())*float64(c.g*d*4)/cpu/1e9, "GFLOPS")
						b.ReportMetric(float64(cache.Memory().Own)*float64(b.N)/cpu/1e9, "GB/s")
					})
				}
			}
		}
	}
}

// BenchmarkPrompt reports GFLOPS of processor time of one worker for prompts of
// 512 tokens in the head shapes of models, and the percentage of the FMA peak,
// which is measured in between.
func BenchmarkPrompt(b *testing.B) {
	tier := Available()[len(Available())-1]
	for _, m := range []struct {
		name         string
		heads, kv, d int
	}{{"llama-1b", 32, 8, 64}, {"qwen3-0.6b", 16, 8, 128}, {"qwen2-0.5b", 14, 2, 64}} {
		for _, ty := range codec.All() {
			for _, start := range []int{0, 4096} {
				b.Run(fmt.Sprintf("%s/%s/depth=%d", m.name, ty, start), func(b *testing.B) {
					s := 512
					cache := newCache(b, ty, m.kv, m.d, start+s)
					reserve(b, cache, start+s)
					r := rng(1)
					kv := plainAct(b, r, 256, m.kv*m.d)
					for p := 0; p < start+s; p += 256 {
						run(b, &KVAppend{Tier: tier, Cache: cache, Start: p, K: kv, V: kv})
					}
					q := plainAct(b, r, s, m.heads*m.d)
					a := &Attention{Tier: tier, Cache: cache, Q: q, Out: newAct(b, F32, C4, s, m.heads*m.d), Heads: m.heads, Start: start, Scale: 0.1}
					if err := a.Prepare(); err != nil {
						b.Fatal(err)
					}
					scratch := AlignedBytes(a.Scratch())
					a.Run(0, a.Items(), scratch)
					a.Visited()
					var cpu, peak, ops float64
					for b.Loop() {
						for i := range a.Items() {
							t0 := cpuSeconds()
							ops += FMAPeak(tier, 20)
							t1 := cpuSeconds()
							a.Run(i, i+1, scratch)
							peak, cpu = peak+t1-t0, cpu+cpuSeconds()-t1
						}
					}
					rate := float64(a.Visited()) * float64(m.heads/m.kv*m.d*4) / cpu
					b.ReportMetric(rate/1e9, "GFLOPS")
					b.ReportMetric(100*rate/(ops/peak), "%peak")
				})
			}
		}
	}
}

// BenchmarkDecode reports GB/s of the cache that attention of one token reads,
// over 16 layers with caches of their own, and the percentage of a loop that
// only reads as much, which runs in between.
func BenchmarkDecode(b *testing.B) {
	tier := Available()[len(Available())-1]
	for _, m := range []struct {
		name         string
		heads, kv, d int
	}{{"llama-1b", 32, 8, 64}, {"qwen3-0.6b", 16, 8, 128}, {"qwen2-0.5b", 14, 2, 64}} {
		for _, ty := range codec.All() {
			b.Run(fmt.Sprintf("%s/%s", m.name, ty), func(b *testing.B) {
				const n, layers = 4096, 16
				var caches [layers]*KVCache
				kv := plainAct(b, rng(1), 256, m.kv*m.d)
				size := int64(0)
				for i := range caches {
					cache := newCache(b, ty, m.kv, m.d, n)
					reserve(b, cache, n)
					for p := 0; p < n; p += 256 {
						run(b, &KVAppend{Tier: tier, Cache: cache, Start: p, K: kv, V: kv})
					}
					caches[i] = cache
					size += cache.Memory().Own
				}
				plain := AlignedBytes(int(size))
				for i := range plain {
					plain[i] = byte(i)
				}
				q := plainAct(b, rng(2), 1, m.heads*m.d)
				a := &Attention{Tier: tier, Cache: caches[0], Q: q, Out: newAct(b, F32, C4, 1, m.heads*m.d), Heads: m.heads, Start: n - 1, Scale: 0.1,
					Partials: make([]float32, maxPartialFloats(m.heads, m.d, n))}
				merge := &AttentionMerge{a}
				if err := a.Prepare(); err != nil {
					b.Fatal(err)
				}
				scratch := AlignedBytes(max(a.Scratch(), merge.Scratch()))
				var read, cpu, last float64
				for b.Loop() {
					t0 := cpuSeconds()
					ReadAll(tier, plain)
					t1 := cpuSeconds()
					for _, a.Cache = range caches {
						a.Run(0, a.Items(), scratch)
					}
					t2 := cpuSeconds()
					for range caches {
						merge.Run(0, merge.Items(), scratch)
					}
					read, cpu, last = read+t1-t0, cpu+t2-t1, last+cpuSeconds()-t2
				}
				b.ReportMetric(float64(size)*float64(b.N)/cpu/1e9, "GB/s")
				b.ReportMetric(100*read/cpu, "%read")
				b.ReportMetric(100*last/cpu, "%merge")
			})
		}
	}
}

// BenchmarkRuns measures the activation ops on one token, on four, which stay in
// the first caches, and on 512, which do not.
func BenchmarkRuns(b *testing.B) {
	r := rng(1)
	for _, shape := range [][2]int{{1, 2048}, {1, 8192}, {4, 2048}, {512, 2048}, {512, 8192}} {
		s, c := shape[0], shape[1]
		x, y, z := plainAct(b, r, s, c), plainAct(b, r, s, c), plainAct(b, r, s, c)
		f4, q4 := newAct(b, F32, C4, s, c), newAct(b, I8, C4, s, c)
		tab := RopeTable{make([]float32, s*32), make([]float32, s*32), 32}
		for _, tier := range Available() {
			for _, op := range []struct {
				name string
				task Task
			}{
				{"rms_norm", &RMSNorm{Tier: tier, X: x, Out: f4, Weight: y.F[:c], Dim: c, Eps: 1e-6}},
				{"rms_norm_quant", &RMSNorm{Tier: tier, X: x, Out: q4, Weight: y.F[:c], Dim: c, Eps: 1e-6}},
				{"add_rms_norm_quant", &AddRMSNorm{Tier: tier, A: x, B: y, Sum: z, Out: q4, Weight: y.F[:c], Dim: c, Eps: 1e-6}},
				{"quantize_act", &QuantizeAct{Tier: tier, X: f4, Out: q4}},
				{"quantize_act plain", &QuantizeAct{Tier: tier, X: x, Out: q4}},
				{"gated_act", &GatedAct{Tier: tier, F: Silu, Gate: x, Up: y, Out: f4}},
				{"gated_act_quant", &GatedAct{Tier: tier, F: Silu, Gate: x, Up: y, Out: q4}},
				{"rope", &Rope{Tier: tier, X: x, Out: x, HeadDim: 64, Dim: 64, Table: tab}},
			} {
				b.Run(fmt.Sprintf("%s/S=%d C=%d/%s", op.name, s, c, tier), func(b *testing.B) {
					if err := op.task.Prepare(); err != nil {
						b.Fatal(err)
					}
					scratch := AlignedBytes(op.task.Scratch())
					cpu := cpuSeconds()
					for b.Loop() {
						op.task.Run(0, op.task.Items(), scratch)
					}
					b.ReportMetric((cpuSeconds()-cpu)/float64(b.N)*1e9/float64(s*c), "ns/elem")
				})
			}
		}
	}
}

// BenchmarkPeak is the calibration that the other figures are read against.
func BenchmarkPeak(b *testing.B) {
	tier := Available()[len(Available())-1]
	big := AlignedBytes(256 << 20)
	for i := range big {
		big[i] = byte(i)
	}
	for name, f := range map[string]func() float64{
		"dot": func() float64 { return DotPeak(tier, 1000) }, "fma": func() float64 { return FMAPeak(tier, 200) },
		"read": func() float64 { return float64(ReadAll(tier, big)) },
	} {
		b.Run(name, func(b *testing.B) {
			cpu, total := cpuSeconds(), 0.0
			for b.Loop() {
				total += f()
			}
			b.ReportMetric(total/(cpuSeconds()-cpu)/1e9, "G/s")
		})
	}
}

// BenchmarkStream runs matmuls of few tokens over 128 MB of weights, far
// beyond the second cache, beside a loop that only reads them.
func BenchmarkStream(b *testing.B) {
	k := int64(2048)
	r := rng(1)
	for _, ty := range []tensor.Type{tensor.Q8_0, tensor.Q4_0, tensor.Q4_K, tensor.Q6_K, tensor.F16} {
		one := forms(b, ty, []int64{16}, k, randomWeight(r, ty, 16, k))[P16]
		n := int64(128<<20) / int64(len(one.Data)) * 16
		data := AlignedBytes(int(n/16) * len(one.Data))
		for i := 0; i < len(data); i += len(one.Data) {
			copy(data[i:], one.Data)
		}
		w, err := NewWeight(ty, P16, []int64{n}, k, data)
		if err != nil {
			b.Fatal(err)
		}
		tier := Available()[len(Available())-1]
		b.Run(ty.String()+"/read", func(b *testing.B) {
			cpu := cpuSeconds()
			for b.Loop() {
				ReadAll(tier, data)
			}
			b.ReportMetric(float64(len(data))*float64(b.N)/(cpuSeconds()-cpu)/1e9, "GB/s")
		})
		for _, s := range []int{1, 2, 4, 8, 16} {
			in := relayout(b, plainAct(b, r, s, int(k)), C4)
			if ty.Quantised() {
				in = quantised(b, in, C4)
			}
			out := outputs(b, &w, s)
			b.Run(fmt.Sprintf("%s/S=%d", ty, s), func(b *testing.B) {
				m := &Matmul{Tier: tier, W: &w, X: in, Out: out}
				if err := m.Prepare(); err != nil {
					b.Fatal(err)
				}
				scratch := AlignedBytes(m.Scratch())
				m.Run(0, m.Items(), scratch)
				cpu := cpuSeconds()
				for b.Loop() {
					m.Run(0, m.Items(), scratch)
				}
				b.ReportMetric(float64(len(data))*float64(b.N)/(cpuSeconds()-cpu)/1e9, "GB/s")
			})
		}
	}
}
