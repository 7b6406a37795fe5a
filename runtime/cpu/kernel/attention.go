package kernel

import (
	"fmt"
	"sync/atomic"
)

// Attention is causal softmax(Scale·q·kᵀ)·v of S queries at positions Start to
// Start+S-1 over the cache, which already holds those positions. Query head h
// reads kv head h/(Heads/kv heads). With Window > 0 a query sees the last Window positions. Q is plain
// [S, Heads*head_dim]; Out is f32 plain or c4.
//
// A work item is a kv head with a tile of queries; with few queries and a long
// cache it is a kv head with one chunk of 256 positions, whose partial results
// AttentionMerge combines in ascending order. The numbers are the same.
type Attention struct {
	Tier     Tier
	Cache    *KVCache
	Q, Out   Act
	Heads    int
	Start    int
	Window   int
	Scale    float32
	Partials []float32 // PartialFloats() of them

	tile    int // queries per work item
	split   bool
	chunk0  int // first chunk any query sees
	chunks  int
	visited atomic.Int64
}

// splitMaxS: at most this many queries are split over the cache.
const splitMaxS = 4

// tileSize is the number of queries per work item: up to 192 query heads share
// one read of the cache, but there should be 16 items if there can be. It is a
// multiple of what fills whole groups of twelve query heads.
func (a *Attention) tileSize() int {
	g := a.Heads / a.Cache.Heads
	unit := 12
	for _, n := range []int{2, 2, 3} {
		if g%n == 0 {
			g, unit = g/n, unit/n
		}
	}
	most := max(16, min(96, 192*a.Cache.Heads/a.Heads))
	return roundUp(min(most, max(16, a.Q.S*a.Cache.Heads/16)), unit)
}

// partialStride is the room of one partial result: max, sum, pad to 16, o[D].
func partialStride(d int) int { return 16 + roundUp(d, 16) }

// MaxPartialFloats bounds PartialFloats for a cache of maxPos positions.
func MaxPartialFloats(heads, headDim, maxPos int) int {
	return splitMaxS * heads * ceil(maxPos, Chunk) * partialStride(headDim)
}

// Prepare checks shapes and decides the split.
func (a *Attention) Prepare() error {
	c := a.Cache
	if c == nil {
		return fmt.Errorf("attention: no cache")
	}
	if a.Heads <= 0 || a.Heads%c.Heads != 0 {
		return fmt.Errorf("attention: %d heads over %d kv heads", a.Heads, c.Heads)
	}
	s, d := a.Q.S, a.Heads*c.HeadDim
	if err := wantPlain("attention", "q", &a.Q, s, d); err != nil {
		return err
	}
	if err := wantF32("attention", "output", &a.Out, s, d); err != nil {
		return err
	}
	if a.Start < 0 || a.Window < 0 || a.Start+s > len(c.chunks)*Chunk {
		return fmt.Errorf("attention: positions %d to %d, window %d, the cache has room for %d", a.Start, a.Start+s-1, a.Window, len(c.chunks)*Chunk)
	}
	if _, err := Lookup(Key{Op: OpAttention, Weight: c.Type, Layout: a.Out.Layout}, a.Tier); err != nil {
		return err
	}
	a.tile = a.tileSize()
	a.chunk0 = a.first(0) / Chunk
	a.chunks = max(0, (a.Start+s-1)/Chunk+1-a.chunk0)
	a.split = s > 0 && s <= splitMaxS && a.chunks > 1
	if n := a.PartialFloats(); len(a.Partials) < n {
		return fmt.Errorf("attention: room for %d partial floats, want %d", len(a.Partials), n)
	}
	return nil
}

// first is the first position that query t sees.
func (a *Attention) first(t int) int {
	if a.Window <= 0 {
		return 0
	}
	return max(0, a.Start+t-a.Window+1)
}

// PartialFloats is the length Partials must have; 0 without a split.
func (a *Attention) PartialFloats() int {
	if !a.split {
		return 0
	}
	return a.Q.S * a.Heads * a.chunks * partialStride(a.Cache.HeadDim)
}

// Items is kv heads times query tiles or chunks.
func (a *Attention) Items() int {
	switch {
	case a.Q.S == 0:
		return 0
	case a.split:
		return a.Cache.Heads * a.chunks
	}
	return a.Cache.Heads * ceil(a.Q.S, a.tile)
}

// Scratch is the room of one worker.
func (a *Attention) Scratch() int {
	if vecAttention(a) {
		return vecScratch(a)
	}
	return attentionScratch(a)
}

// Visited is the number of cache positions that were read into results, summed
// over kv heads and queries, since the last call of Visited.
func (a *Attention) Visited() int64 { return a.visited.Swap(0) }

// Run computes items lo to hi-1.
func (a *Attention) Run(lo, hi int, scratch []byte) {
	if lo == 0 {
		a.Out.zeroPads()
	}
	tiles := ceil(a.Q.S, a.tile)
	chunk, tile := attendChunk, attendTile
	if vecAttention(a) {
		chunk, tile = vecChunkPartials, vecTile
	}
	for i := lo; i < hi; i++ {
		if a.split {
			c, h := i/a.Cache.Heads, i%a.Cache.Heads // as they lie in memory
			chunk(a, h, a.chunk0+c, 0, a.Q.S, scratch)
			continue
		}
		// The tiles of a head follow each other, so its cache stays near; late
		// ones see more positions and go first.
		h, tl := i/tiles, tiles-1-i%tiles
		tile(a, h, tl*a.tile, min(a.Q.S, (tl+1)*a.tile), scratch)
	}
}

// partial is the room of (query t, head h, chunk c counted from chunk0).
func (a *Attention) partial(t, h, c int) []float32 {
	n := partialStride(a.Cache.HeadDim)
	return a.Partials[((t*a.Heads+h)*a.chunks+c)*n:][:n]
}

// AttentionMerge combines the partial results of a split Attention and writes
// its output. One item per run of heads; none when there was no split.
type AttentionMerge struct{ A *Attention }

// mergeHeads is the number of heads of a work item: as many as a vector takes.
const mergeHeads = 16

// Prepare needs A to be prepared.
func (m *AttentionMerge) Prepare() error {
	if m.A == nil {
		return fmt.Errorf("attention merge: no attention")
	}
	return nil
}

// Items is one per run of heads and query of a split attention.
func (m *AttentionMerge) Items() int {
	if !m.A.split {
		return 0
	}
	return m.A.Q.S * ceil(m.A.Heads, mergeHeads)
}

// Scratch is one result per head of an item.
func (m *AttentionMerge) Scratch() int { return 4 * mergeHeads * partialStride(m.A.Cache.HeadDim) }

// Run merges items lo to hi-1.
func (m *AttentionMerge) Run(lo, hi int, scratch []byte) {
	a := m.A
	d := a.Cache.HeadDim
	vec := vectorTier(a.Tier)
	n := ceil(a.Heads, mergeHeads)
	run := slice[float32](scratch, 0, partialStride(d))
	for i := lo; i < hi; i++ {
		t, h0 := i/n, i%n*mergeHeads
		h1 := min(h0+mergeHeads, a.Heads)
		if vecMergeHeads(a, t, h0, h1, scratch) {
			continue
		}
		first, last := a.first(t)/Chunk-a.chunk0, (a.Start+t)/Chunk-a.chunk0
		for h := h0; h < h1; h++ {
			copy(run, a.partial(t, h, first))
			for c := first + 1; c <= last; c++ {
				mergePartial(run, a.partial(t, h, c), d, vec)
			}
			divide(run[16:16+d], run[1], vec)
			a.Out.putRun(t, h*d, run[16:16+d])
		}
	}
}
