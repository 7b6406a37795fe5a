package kernel

import (
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// BenchmarkAttentionChunk measures the canonical attention of docs/numerics.md,
// chunks of 256 positions, one worker: 2 kv heads with 4 query heads each. GFLOPS
// count two per multiply-add of q·k and e·v over visible positions; of-fma is the
// share of the FMA peak, which is measured before and behind each case. The
// last queries of every case are compared, bit by bit, with the generic tier.
//
//	go test ./runtime/cpu/kernel -run '^$' -bench AttentionChunk -benchtime 200ms
func BenchmarkAttentionChunk(b *testing.B) {
	const kvHeads, group = 2, 4
	tier := Available()[len(Available())-1]
	for _, ty := range codec.All() {
		for _, dim := range []int{64, 128} {
			for _, depth := range []int{0, 4096} {
				cache := benchCache(b, tier, attentionCase{ty, kvHeads, group, dim, depth, 512, 0})
				for _, s := range []int{1, 7, 64, 512} {
					b.Run(fmt.Sprintf("%s/head_dim=%d/depth=%d/S=%d", ty, dim, depth, s), func(b *testing.B) {
						attentionChunk(b, tier, cache, attentionCase{ty, kvHeads, group, dim, depth, s, 0})
					})
				}
			}
		}
	}
}

// benchCache holds random positions for all queries of c.
func benchCache(b *testing.B, tier Tier, c attentionCase) *KVCache {
	cache := newCache(b, c.kvType, c.kvHeads, c.d, c.start+c.s)
	reserve(b, cache, c.start+c.s)
	r := rng(1)
	for p := 0; p < c.start+c.s; p += 256 {
		n := min(256, c.start+c.s-p)
		run(b, &KVAppend{Tier: tier, Cache: cache, Start: p, K: plainAct(b, r, n, c.kvHeads*c.d), V: plainAct(b, r, n, c.kvHeads*c.d)})
	}
	cache.SetLen(c.start + c.s)
	return cache
}

func attentionChunk(b *testing.B, tier Tier, cache *KVCache, c attentionCase) {
	heads := c.kvHeads * c.g
	width := heads * c.d
	q := plainAct(b, rng(3), c.s, width)
	a := &Attention{Tier: tier, Cache: cache, Q: q, Out: newAct(b, F32, C4, c.s, width), Heads: heads, Start: c.start, Scale: 0.1,
		Partials: make([]float32, maxPartialFloats(heads, c.d, c.start+c.s))}
	m := &AttentionMerge{a}
	if err := a.Prepare(); err != nil {
		b.Fatal(err)
	}
	scratch := AlignedBytes(max(a.Scratch(), m.Scratch()))
	once := func() {
		a.Run(0, a.Items(), scratch)
		m.Run(0, m.Items(), scratch)
	}
	once()
	last := min(c.s, 2)
	tail := c
	tail.start, tail.s = c.start+c.s-last, last
	want := newAct(b, F32, Plain, last, width)
	generic := &Attention{Tier: Generic, Cache: cache, Q: FromF32(q.F[(c.s-last)*width:], last, width), Out: want, Heads: heads, Start: tail.start, Scale: 0.1,
		Partials: make([]float32, maxPartialFloats(heads, c.d, c.start+c.s))}
	run(b, generic)
	run(b, &AttentionMerge{generic})
	got := newAct(b, F32, Plain, last, width)
	for t := range last {
		for ch := range width {
			got.F[t*width+ch] = a.Out.At(c.s-last+t, ch)
		}
	}
	sameBits(b, fmt.Sprintf("%+v", c), &got, &want)

	peak := fmaRate(tier)
	cpu, n := cpuSeconds(), 0
	for b.Loop() {
		once()
		n++
	}
	cpu = cpuSeconds() - cpu
	peak = (peak + fmaRate(tier)) / 2
	pairs := float64(c.s) * (float64(c.start) + float64(c.s+1)/2)
	rate := 4 * pairs * float64(width) * float64(n) / cpu / 1e9
	b.ReportMetric(rate, "GFLOPS")
	if peak > 0 {
		b.ReportMetric(rate/peak, "of-fma")
	}
}

// fmaRate is the FMA peak of one worker in GFLOPS.
func fmaRate(tier Tier) float64 {
	FMAPeak(tier, 50)
	cpu := cpuSeconds()
	ops := 0.0
	for range 20 {
		ops += FMAPeak(tier, 100)
	}
	return ops / max(cpuSeconds()-cpu, 1e-9) / 1e9
}
