package kernel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// viewCaches are two caches of n positions of the same K: one whose V is part
// of it, and one that was given the same channels as V.
func viewCaches(t testing.TB, c *codec.Codec, s KVShape, n int) (view, apart *KVCache) {
	t.Helper()
	var all [2]*KVCache
	for i, ofK := range []bool{true, false} {
		s.VOfK = ofK
		cache, err := NewKVCache(&Pool{}, codec.Pair{K: c, V: c}, s, 2048)
		if err != nil {
			t.Fatal(err)
		}
		reserve(t, cache, n)
		all[i] = cache
	}
	kw, vw := s.Heads*s.KDim, s.Heads*s.VDim
	k, v := gauss(rng(uint64(s.KDim)), n*kw), make([]float32, 0, n*vw)
	for at := 0; at < len(k); at += s.KDim {
		v = append(v, k[at:at+s.VDim]...)
	}
	for p := 0; p < n; p += 7 {
		rows := min(7, n-p)
		a := KVAppend{Cache: all[0], Start: p, K: FromF32(k[p*kw:(p+rows)*kw], rows, kw)}
		run(t, &a)
		a.Cache, a.V = all[1], FromF32(v[p*vw:(p+rows)*vw], rows, vw)
		run(t, &a)
	}
	all[0].SetLen(n)
	all[1].SetLen(n)
	return all[0], all[1]
}

// TestAttentionOverViews: V as the first channels of K gives the bits of the
// same V apart: every codec, tier, window, split or not, in place or not, in
// every output, behind a fork too.
func TestAttentionOverViews(t *testing.T) {
	for _, shape := range []KVShape{
		{Heads: 1, KDim: 96, VDim: 64}, {Heads: 1, KDim: 576, VDim: 512},
		{Heads: 3, KDim: 48, VDim: 16}, {Heads: 2, KDim: 20, VDim: 12}, {Heads: 1, KDim: 64, VDim: 32, Window: 270},
	} {
		for _, c := range codec.All() {
			if (codec.Pair{K: c, V: c}).Fits(shape.KDim, shape.VDim, true) != nil {
				continue
			}
			view, apart := viewCaches(t, c, shape, 760)
			fork := view.Fork()
			reserve(t, fork, 800)
			if fork.list.at(0) != view.list.at(0) || fork.list.at(2) == view.list.at(2) {
				t.Fatal("the fork does not share what it should")
			}
			for _, g := range []int{1, 3, 16} {
				for i, at := range [][2]int{{0, 1}, {250, 20}, {511, 3}, {759, 1}, {700, 40}} {
					if g*at[1]*shape.KDim > 9300 || testing.Short() && i != (g+shape.KDim/16)%5 {
						continue // it takes the generic tier too long
					}
					heads := shape.Heads * g
					q := plainAct(t, rng(5), at[1], heads*shape.KDim)
					do := func(tier Tier, cache *KVCache, out Act) Act {
						a := &Attention{Tier: tier, Cache: cache, Q: q, Out: out, Heads: heads, Start: at[0], Window: shape.Window, Scale: 0.11}
						a.Partials = make([]float32, maxPartialFloats(heads, shape.VDim, 2048))
						poison(a.Partials)
						run(t, a)
						run(t, &AttentionMerge{a})
						return out
					}
					w := heads * shape.VDim
					want := do(Generic, apart, newAct(t, F32, Plain, at[1], w))
					for _, tier := range Available() {
						what := fmt.Sprintf("%s %+v, %d queries from %d on, %d a head, %s", c, shape, at[1], at[0], g, tier)
						for _, cache := range []*KVCache{view, fork} {
							if cache == fork && tier == Generic {
								continue
							}
							out := do(tier, cache, newAct(t, F32, C4, at[1], w))
							sameBits(t, what, &out, &want)
						}
						sameI8(t, what, do(tier, view, newAct(t, I8, C4, at[1], w)), quantised(t, want, C4))
					}
				}
			}
			data, from := view.Save(nil)
			if n := (760 - from) * shape.Heads * c.Bytes(shape.KDim); len(data) != n {
				t.Errorf("%s %+v: saved in %d bytes, want %d of K alone", c, shape, len(data), n)
			}
			again, err := NewKVCache(&Pool{}, view.Codecs(), view.KVShape, 2048)
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Load(data, from, 760); err != nil {
				t.Fatal(err)
			}
			if got, _ := again.Save(nil); !slices.Equal(got, data) {
				t.Errorf("%s %+v: a loaded cache saves other data", c, shape)
			}
		}
	}
}
