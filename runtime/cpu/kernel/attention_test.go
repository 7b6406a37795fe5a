package kernel

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// readBack is K and V of one position and head as the cache type holds them.
func readBack(c *KVCache, pos, h int) (k, v []float32) {
	kb, vb := c.rows()
	c.load(pos, h, kb, vb)
	k, v = make([]float32, c.KDim), make([]float32, c.VDim)
	c.k.form.Decode(k, kb)
	c.v.form.Decode(v, vb)
	return k, v
}

type attentionCase struct {
	kvType           *codec.Codec
	kvHeads, g, d    int
	start, s, window int
}

// newCache is an empty cache of heads of d channels, K and V alike.
func newCache(t testing.TB, c *codec.Codec, heads, d, maxPos int) *KVCache {
	t.Helper()
	cache, err := NewKVCache(&Pool{}, codec.Pair{K: c, V: c}, KVShape{Heads: heads, KDim: d, VDim: d}, maxPos)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

// reserve makes room behind the positions a cache has.
func reserve(t testing.TB, c *KVCache, n int) {
	t.Helper()
	if err := c.Reserve(c.Len(), n); err != nil {
		t.Fatal(err)
	}
}

// filled is a cache with random positions below n, in appends of 7.
func filled(t testing.TB, c attentionCase, n int) *KVCache {
	cache := newCache(t, c.kvType, c.kvHeads, c.d, 2048)
	reserve(t, cache, n)
	r := rng(uint64(c.d))
	k, v := gauss(r, n*c.kvHeads*c.d), gauss(r, n*c.kvHeads*c.d)
	w := c.kvHeads * c.d
	for p := 0; p < n; p += 7 {
		s := min(7, n-p)
		run(t, &KVAppend{Cache: cache, Start: p, K: FromF32(k[p*w:(p+s)*w], s, w), V: FromF32(v[p*w:(p+s)*w], s, w)})
	}
	cache.SetLen(n)
	return cache
}

func attend(t testing.TB, tier Tier, c attentionCase, cache *KVCache, q Act, l Layout) Act {
	return attendTo(t, tier, c, cache, q, newAct(t, F32, l, q.S, q.C))
}

func attendTo(t testing.TB, tier Tier, c attentionCase, cache *KVCache, q, out Act) Act {
	a := &Attention{Tier: tier, Cache: cache, Q: q, Out: out, Heads: c.kvHeads * c.g, Start: c.start, Window: c.window, Scale: 0.125}
	a.Partials = make([]float32, maxPartialFloats(a.Heads, c.d, 2048))
	for i := range a.Partials {
		a.Partials[i] = float32(math.NaN())
	}
	run(t, a)
	visible := 0
	for tok := range q.S {
		visible += c.start + tok + 1 - a.first(tok)
	}
	if got := a.Visited(); got != int64(visible*c.kvHeads) {
		t.Fatalf("visited %d positions, want %d", got, visible*c.kvHeads)
	}
	run(t, &AttentionMerge{a})
	return out
}

// sameI8 compares every byte of every plane.
func sameI8(t testing.TB, what string, got, want Act) {
	t.Helper()
	g, w := memory(&got), memory(&want)
	for i := range w {
		if g[i] != w[i] {
			t.Fatalf("%s i8: byte %d of %d is %#x, want %#x", what, i, len(w), g[i], w[i])
		}
	}
}

var attentionCases = []attentionCase{
	{codec.F32, 2, 4, 64, 0, 1, 0},
	{codec.F32, 1, 3, 20, 3, 5, 0},
	{codec.F16, 2, 4, 64, 250, 20, 0},
	{codec.F16, 1, 7, 128, 511, 3, 0},
	{codec.F16, 1, 8, 32, 700, 1, 0},
	{codec.Q8_0, 2, 2, 64, 300, 33, 0},
	{codec.Q8_0, 1, 1, 96, 530, 4, 0},
	{codec.F32, 1, 2, 64, 400, 40, 100},
	{codec.F16, 1, 2, 64, 600, 2, 270},
	{codec.Q8_0, 1, 4, 64, 255, 2, 1},
	{codec.F16, 4, 1, 32, 10, 270, 0}, // tiles of 64 queries
	{codec.F32, 2, 3, 32, 0, 150, 60},
	{codec.F16, 3, 2, 64, 240, 30, 0}, // slabs of two kv heads, the last of one
	{codec.F16, 5, 4, 64, 600, 2, 0},  // merged in two items
	{codec.F32, 3, 7, 20, 520, 3, 0},
}

// TestAttentionModel compares with softmax in float64 over the cache content.
func TestAttentionModel(t *testing.T) {
	for _, c := range attentionCases {
		cache := filled(t, c, c.start+c.s)
		q := plainAct(t, rng(3), c.s, c.kvHeads*c.g*c.d)
		out := attend(t, Generic, c, cache, q, Plain)
		for tok := 0; tok < c.s; tok += 3 {
			for h := range c.kvHeads * c.g {
				p := c.start + tok
				first := 0
				if c.window > 0 {
					first = max(0, p-c.window+1)
				}
				sum, o, abs, big := 0.0, make([]float64, c.d), make([]float64, c.d), 0.0
				for j := first; j <= p; j++ {
					k, v := readBack(cache, j, h/c.g)
					dot, mag := 0.0, 0.0
					for i := range k {
						dot += float64(k[i]) * float64(q.At(tok, h*c.d+i))
						mag += math.Abs(float64(k[i]) * float64(q.At(tok, h*c.d+i)))
					}
					big = math.Max(big, mag*0.125)
					e := math.Exp(dot * 0.125)
					sum += e
					for i := range o {
						o[i] += e * float64(v[i])
						abs[i] += e * math.Abs(float64(v[i]))
					}
				}
				for i := range o {
					// a score is off by d roundings of its magnitude, which exp turns into a relative error
					within(t, fmt.Sprintf("%+v token %d head %d channel %d", c, tok, h, i), out.At(tok, h*c.d+i), o[i]/sum, abs[i]/sum, 2*big*float64(c.d)+600)
				}
			}
		}
	}
}

// TestAttentionOneAnswer compares bits between tiers, chunkings (so between
// split and tiled), layouts, and with a poisoned rest of the cache.
func TestAttentionOneAnswer(t *testing.T) {
	for _, c := range attentionCases {
		n := c.start + c.s
		cache := filled(t, c, n)
		w := c.kvHeads * c.g * c.d
		q := plainAct(t, rng(3), c.s, w)
		want := attend(t, Generic, c, cache, q, Plain)
		cache.Poison(n)
		for _, tier := range Available() {
			for _, l := range []Layout{Plain, C4} {
				out := attend(t, tier, c, cache, q, l)
				sameBits(t, fmt.Sprintf("%+v %s %s", c, tier, l), &out, &want)
				out = attendTo(t, tier, c, cache, q, newAct(t, I8, l, c.s, w))
				sameI8(t, fmt.Sprintf("%+v %s %s", c, tier, l), out, quantised(t, want, l))
			}
			steps := []int{1, 3, 7}
			if c.s > 100 {
				steps = []int{64, 101}
			}
			for _, step := range steps {
				for t0 := 0; t0 < c.s; t0 += step {
					s := min(step, c.s-t0)
					part := c
					part.start, part.s = c.start+t0, s
					out := attend(t, tier, part, cache, FromF32(q.F[t0*w:(t0+s)*w], s, w), C4)
					ref := FromF32(want.F[t0*w:(t0+s)*w], s, w)
					sameBits(t, fmt.Sprintf("%+v %s step %d token %d", c, tier, step, t0), &out, &ref)
					out = attendTo(t, tier, part, cache, FromF32(q.F[t0*w:(t0+s)*w], s, w), newAct(t, I8, C4, s, w))
					sameI8(t, fmt.Sprintf("%+v %s step %d token %d", c, tier, step, t0), out, quantised(t, ref, C4))
				}
			}
		}
	}
}

// TestAttentionRewrite: positions that were poisoned and then written again
// are as new.
func TestAttentionRewrite(t *testing.T) {
	c := attentionCase{codec.F16, 2, 2, 64, 290, 1, 0}
	cache := filled(t, c, 291)
	want, _ := cache.Save(nil)
	cache.Poison(100)
	if got, _ := cache.Save(nil); bytes.Equal(got, want) {
		t.Fatal("poison changed nothing")
	}
	again := newCache(t, c.kvType, 2, 64, 2048)
	if err := again.Load(want, 0, 291); err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Save(nil); !bytes.Equal(got, want) || again.Len() != 291 {
		t.Error("save of load differs")
	}
	q := plainAct(t, rng(1), 1, 256)
	fresh := filled(t, c, 291)
	a, b := attend(t, Generic, c, fresh.Fork(), q, Plain), attend(t, Generic, c, again, q, Plain)
	sameBits(t, "loaded cache", &b, &a)
	if again.Load(want[1:], 0, 291) == nil || again.Load(want, 0, 5000) == nil || again.Load(want, 1, 292) == nil {
		t.Error("wrong length loaded")
	}
}

func TestKVCacheEncode(t *testing.T) {
	for _, ty := range codec.All() {
		c := newCache(t, ty, 1, 64, 300)
		reserve(t, c, 300)
		if c.Reserve(0, 301) == nil {
			t.Error("grown beyond the maximum")
		}
		x := gauss(rng(2), 64)
		x[40] = -x[41]
		run(t, &KVAppend{Cache: c, Start: 299, K: FromF32(x, 1, 64), V: FromF32(x, 1, 64)})
		k, v := readBack(c, 299, 0)
		for b := 0; b < 64; b += 32 {
			most := 0.0
			for _, y := range x[b : b+32] {
				most = math.Max(most, math.Abs(float64(y)))
			}
			bound, known := map[*codec.Codec]float64{codec.F32: 0, codec.F16: most / 2048, codec.Q8_0: most/254 + most/2048}[ty]
			if !known {
				bound = 8 * most * math.Sqrt(ty.Noise)
			}
			for i := b; i < b+32; i++ {
				if math.Abs(float64(k[i]-x[i])) > bound || k[i] != v[i] {
					t.Errorf("%s: stored %v as %v, %v", ty, x[i], k[i], v[i])
				}
			}
		}
	}
	// the same stored values in every tier, halves at their limits included
	r := rng(6)
	special := make([]float32, 64)
	for i := range special {
		special[i] = math.Float32frombits(r.Uint32()&0x807fffff | uint32(95+r.IntN(52))<<23)
	}
	copy(special[3:], []float32{65519.99, 65520, -1e30, 0x1p-25, 0x1.8p-25, 0x1p-24, float32(math.Inf(1)), float32(math.NaN())})
	for _, ty := range codec.All() {
		var want []float32
		for _, tier := range Available() {
			c := newCache(t, ty, 1, 64, 16)
			reserve(t, c, 16)
			run(t, &KVAppend{Tier: tier, Cache: c, Start: 5, K: FromF32(special, 1, 64), V: FromF32(special, 1, 64)})
			k, v := readBack(c, 5, 0)
			if want == nil {
				want = k
			}
			for i := range want {
				if math.Float32bits(k[i]) != math.Float32bits(want[i]) && want[i] == want[i] || math.Float32bits(v[i]) != math.Float32bits(k[i]) {
					t.Errorf("%s %s: %v stored as %v, %v, want %v", ty, tier, special[i], k[i], v[i], want[i])
				}
			}
		}
	}
	q8 := codec.Pair{K: codec.Q8_0, V: codec.Q8_0}
	if _, err := NewKVCache(&Pool{}, q8, KVShape{Heads: 1, KDim: 64, VDim: 48}, 10); err == nil {
		t.Error("q8_0 cache with heads of 48 channels")
	}
	if _, err := NewKVCache(&Pool{}, codec.Pair{K: codec.F16}, KVShape{Heads: 1, KDim: 64, VDim: 64}, 10); err == nil {
		t.Error("a cache without a codec of V")
	}
}
