package kernel

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/tessera-llm/tessera/pkg/codec"
)

// layersOf are the caches of a model of llama-1b's shape, f16, with n positions.
func layersOf(t testing.TB, p *Pool, n int) []*KVCache {
	t.Helper()
	var all []*KVCache
	for range 16 {
		c, err := NewKVCache(p, codec.Pair{K: codec.F16, V: codec.F16}, KVShape{Heads: 8, KDim: 64, VDim: 64}, 8192)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Reserve(0, n); err != nil {
			t.Fatal(err)
		}
		c.SetLen(n)
		all = append(all, c)
	}
	return all
}

// write appends one position to every cache, with rows that tell seed.
func write(t testing.TB, caches []*KVCache, seed uint64) {
	t.Helper()
	for i, c := range caches {
		w := c.Heads * c.KDim
		row := gauss(rng(seed+uint64(i)), 2*w)
		at := c.Len()
		if err := c.Reserve(at, at+1); err != nil {
			t.Fatal(err)
		}
		c.SetLen(at + 1)
		run(t, &KVAppend{Cache: c, Start: at, K: FromF32(row[:w], 1, w), V: FromF32(row[w:], 1, w)})
	}
}

func saved(t testing.TB, c *KVCache) []byte {
	t.Helper()
	data, _ := c.Save(nil)
	return data
}

// TestForksShare: a fork takes no memory; the first token of its own takes the
// start of a chunk; 1,000 live forks take what they wrote; closing gives all back.
func TestForksShare(t *testing.T) {
	p := &Pool{}
	parent := layersOf(t, p, 4096)
	before := p.Live()
	fork := func() []*KVCache {
		f := make([]*KVCache, len(parent))
		for i, c := range parent {
			f[i] = c.Fork()
		}
		return f
	}
	child := fork()
	var m Memory
	for _, c := range child {
		m = m.Add(c.Memory())
	}
	if p.Live() != before || m.Own != 0 || m.Shared != before || m.Fair != before/2 {
		t.Errorf("a fork takes %d bytes and says %+v of %d", p.Live()-before, m, before)
	}
	write(t, child, 1)
	if took := p.Live() - before; took <= 0 || took > 2<<20 {
		t.Errorf("the first token of a fork takes %d bytes, at most 2 MiB are allowed", took)
	}
	live := [][]*KVCache{child}
	for len(live) < 1000 {
		live = append(live, fork())
	}
	each := p.Live() - before
	if got := parent[0].Memory(); got.Own != 0 || got.Fair <= 0 || got.Fair > got.Shared/1000 {
		t.Errorf("with 1,000 forks the parent says %+v", got)
	}
	sum, lost := int64(0), int64(0)
	for _, f := range append(live, parent) {
		for _, c := range f {
			sum, lost = sum+c.Memory().Fair, lost+int64(len(c.list.chunks))
		}
	}
	if sum > p.Live() || sum <= p.Live()-lost {
		t.Errorf("all say their parts are %d bytes, %d are in use", sum, p.Live())
	}
	write(t, live[500], 2)
	if took := p.Live() - before; took != 2*each {
		t.Errorf("two forks that wrote take %d bytes, want twice %d", took, each)
	}
	for _, f := range live {
		for _, c := range f {
			c.Release()
		}
	}
	if p.Live() != before {
		t.Errorf("1,000 closed forks leave %d bytes", p.Live()-before)
	}
	for _, c := range parent {
		c.Release()
	}
	if p.Live() != 0 {
		t.Errorf("%d bytes are left", p.Live())
	}
}

// TestForksAreApart: parent and child that write different rows, at any place of
// a chunk, hold what each wrote, as do two that never shared.
func TestForksAreApart(t *testing.T) {
	for _, pair := range pairs() {
		for _, n := range []int{1, 15, 16, 31, 32, 33, 255, 256, 257, 300} {
			build := func() *KVCache {
				c, err := NewKVCache(&Pool{}, pair, KVShape{Heads: 2, KDim: 32, VDim: 64}, 2048)
				if err != nil {
					t.Fatal(err)
				}
				fill(t, c, n, 7, 1)
				return c
			}
			parent, alone, aloneChild := build(), build(), build()
			child := parent.Fork()
			for i := range 40 {
				fill(t, parent, 1, 1, uint64(100+i))
				fill(t, child, 1, 1, uint64(200+i))
				fill(t, alone, 1, 1, uint64(100+i))
				fill(t, aloneChild, 1, 1, uint64(200+i))
			}
			if !bytes.Equal(saved(t, parent), saved(t, alone)) || !bytes.Equal(saved(t, child), saved(t, aloneChild)) {
				t.Errorf("%s, forked at %d: one sees the other's rows", pair, n)
			}
			// A rewind into what is shared, and other rows there.
			grand := child.Fork()
			grand.Truncate(n - 1)
			fill(t, grand, 3, 3, 300)
			if !bytes.Equal(saved(t, child), saved(t, aloneChild)) {
				t.Errorf("%s, forked at %d: a rewound fork wrote into its parent", pair, n)
			}
			grand.Poison(grand.Len())
			if !bytes.Equal(saved(t, child), saved(t, aloneChild)) {
				t.Errorf("%s, forked at %d: poison reached the parent", pair, n)
			}
		}
	}
}

func pairs() []codec.Pair {
	var all []codec.Pair
	for _, k := range codec.All() {
		for _, v := range codec.All() {
			all = append(all, codec.Pair{K: k, V: v})
		}
	}
	return all
}

// fill appends n random positions in calls of step.
func fill(t testing.TB, c *KVCache, n, step int, seed uint64) {
	t.Helper()
	kw, vw := c.Heads*c.KDim, c.Heads*c.VDim
	r := rng(seed)
	k, v := gauss(r, n*kw), gauss(r, n*vw)
	for p := 0; p < n; p += step {
		s, at := min(step, n-p), c.Len()
		if err := c.Reserve(at, at+s); err != nil {
			t.Fatal(err)
		}
		run(t, &KVAppend{Cache: c, Start: at, K: FromF32(k[p*kw:(p+s)*kw], s, kw), V: FromF32(v[p*vw:(p+s)*vw], s, vw)})
		c.SetLen(at + s)
	}
}

// TestPairsOneAnswer: every K with every V, of different dims, in every tier,
// tiled and split, gives the bits of the generic tier.
func TestPairsOneAnswer(t *testing.T) {
	for _, pair := range pairs() {
		for _, dims := range [][2]int{{64, 64}, {64, 96}, {96, 32}, {48, 16}} {
			shape := KVShape{Heads: 2, KDim: dims[0], VDim: dims[1]}
			c, err := NewKVCache(&Pool{}, pair, shape, 2048)
			if err != nil {
				if pair.K.Fits(shape.KDim) == nil && pair.V.Fits(shape.VDim) == nil {
					t.Error(err)
				}
				continue
			}
			fill(t, c, 530, 64, 5)
			for _, s := range []int{1, 3, 20} {
				const group = 3
				q := plainAct(t, rng(3), s, 2*group*shape.KDim)
				var want Act
				for i, tier := range Available() {
					a := &Attention{Tier: tier, Cache: c, Q: q, Out: newAct(t, F32, Plain, s, 2*group*shape.VDim), Heads: 2 * group, Start: 530 - s, Scale: 0.125}
					a.Partials = make([]float32, 4*a.Heads*8*partialStride(shape.VDim))
					run(t, a)
					run(t, &AttentionMerge{a})
					if i == 0 {
						want = a.Out
						continue
					}
					sameBits(t, fmt.Sprintf("%s %+v, %d queries, %s", pair, shape, s, tier), &a.Out, &want)
				}
			}
		}
	}
}

// TestWindows: with what is behind the window given up, attention gives the bits
// of a cache that keeps everything, for every window and size of calls.
func TestWindows(t *testing.T) {
	const n, heads, d = 1100, 1, 16
	r := rng(9)
	k, v, q := gauss(r, n*d), gauss(r, n*d), gauss(r, n*2*d)
	for _, window := range []int{1, 8, 255, 256, 257, 512} {
		for _, call := range []int{1, 7, 64, 513} {
			if testing.Short() && call == 1 {
				continue
			}
			var out [2]Act
			for i, keeps := range []int{0, window} {
				c, err := NewKVCache(&Pool{}, codec.Pair{K: codec.F16, V: codec.F32}, KVShape{Heads: heads, KDim: d, VDim: d, Window: keeps}, n)
				if err != nil {
					t.Fatal(err)
				}
				out[i] = newAct(t, F32, Plain, n, 2*d)
				for at := 0; at < n; at += call {
					s := min(call, n-at)
					if err := c.Reserve(at, at+s); err != nil {
						t.Fatal(err)
					}
					c.SetLen(at + s)
					if keeps > 0 {
						c.Poison(at + s)
					}
					run(t, &KVAppend{Cache: c, Start: at, K: FromF32(k[at*d:(at+s)*d], s, d), V: FromF32(v[at*d:(at+s)*d], s, d)})
					tier := Available()[len(Available())-1]
					a := &Attention{Tier: tier, Cache: c, Q: FromF32(q[at*2*d:(at+s)*2*d], s, 2*d), Out: FromF32(out[i].F[at*2*d:(at+s)*2*d], s, 2*d),
						Heads: 2, Start: at, Window: window, Scale: 0.25}
					a.Partials = make([]float32, 4*2*8*partialStride(d))
					run(t, a)
					run(t, &AttentionMerge{a})
					c.Trim(64)
					if most := window + 64 + 2*Chunk; keeps > 0 && len(c.list.chunks)*Chunk > most {
						t.Fatalf("window %d, calls of %d: %d chunks at position %d", window, call, len(c.list.chunks), at)
					}
				}
			}
			sameBits(t, fmt.Sprintf("window %d, calls of %d", window, call), &out[1], &out[0])
		}
	}
}

// TestWindowBytes: a window of 512 at depth 32,768 takes the memory of window +
// chunk + 256 positions at most, wherever the end lies in its chunk.
func TestWindowBytes(t *testing.T) {
	const window = 512
	p := &Pool{}
	c, err := NewKVCache(p, codec.Pair{K: codec.F16, V: codec.F16}, KVShape{Heads: 8, KDim: 64, VDim: 64, Window: window}, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	most := int64(window+Chunk+256) * 2 * 8 * 64 * 2
	grow := func(n int) {
		if err := c.Reserve(c.Len(), c.Len()+n); err != nil {
			t.Fatal(err)
		}
		c.SetLen(c.Len() + n)
		c.Trim(64)
		if m := c.Memory(); m.Own > most || m.Own != p.Live() {
			t.Fatalf("%d positions: %+v, the pool says %d, at most %d are allowed", c.Len(), m, p.Live(), most)
		}
	}
	for c.Len() < 32768 {
		grow(512)
	}
	for range 600 {
		grow(1)
	}
	if back := c.Len() - 64; !c.CanReturn(back) || c.CanReturn(c.Len()-5*window) || !c.CanReturn(c.Len()) {
		t.Error("64 positions back are held, 5 windows are not")
	}
}

// BenchmarkFork is what a fork of 4,096 positions of llama-1b's shape takes.
func BenchmarkFork(b *testing.B) {
	parent := layersOf(b, &Pool{}, 4096)
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range parent {
			c.Fork().Release()
		}
	}
}
