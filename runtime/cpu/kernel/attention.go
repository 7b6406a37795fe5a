package kernel

import (
	"fmt"
	"sync/atomic"
)

// Attention is causal softmax(Scale·q·kᵀ)·v of S queries at positions Start to
// Start+S-1 over the cache, which already holds those positions. Query head h
// reads kv head h/(Heads/kv heads). With Window > 0 a query sees the last Window
// positions. Q is plain [S, Heads*KDim]; Out is [S, Heads*VDim] in f32, or i8 by scheme
// s256e32 of what f32 would be, plain or c4.
//
// A work item is a kv head (for i8 as many as fill whole slabs) with a tile of
// queries; with few queries and a long cache it is a kv head with one chunk of 256
// positions, whose partial results AttentionMerge combines in ascending order. The
// numbers are the same.
type Attention struct {
	Tier     Tier
	Cache    *KVCache
	Q, Out   Act
	Heads    int
	Start    int
	Window   int
	Scale    float32
	Partials []float32 // PartialFloats() of them

	tile      int // queries per work item
	slabHeads int // kv heads per work item
	split     bool
	chunk0    int // first chunk any query sees
	chunks    int
	turn      chunkTurn
	visited   atomic.Int64
}

// chunkTurn is the chunks of a split attention that are computed and merged at a
// time, counted from chunk0. Where that is not all of them, what is merged so far
// is carried from turn to turn, in slot 0 of the partial results.
type chunkTurn struct {
	from, to int
	carried  int // slots of it: 0 or 1
	// slots is the partial results of a query and head: as many in every turn of a span,
	// also in a last one of fewer chunks, or what is carried would move.
	slots int
	last  bool
}

// SplitRows is the most queries of a span that are split over its cache.
const SplitRows = 4

// tileSize is the number of queries per work item: up to 192 query heads share
// one read of the cache, but there should be 16 items if there can be. A multiple
// of 12 fills whole groups of twelve query heads, and whole tiles of the output.
func (a *Attention) tileSize() int {
	most := max(24, min(96, 192*a.Cache.Heads/a.Heads))
	return roundUp(min(most, max(16, a.Q.S*a.Cache.Heads/16)), 12)
}

// wholeSlabs is the smallest number of runs of n channels that fill slabs, at
// most all.
func wholeSlabs(n, all int) int {
	k := 1
	for k < all && k*n%Slab != 0 {
		k++
	}
	return k
}

// partialStride is the room of one partial result: max, sum, pad to 16, o[D].
func partialStride(d int) int { return 16 + roundUp(d, 16) }

// Prepare checks shapes and decides the split.
func (a *Attention) Prepare() error {
	if err := a.plan(); err != nil {
		return err
	}
	if err := a.held(); err != nil {
		return err
	}
	if n := a.PartialFloats(); len(a.Partials) < n {
		return fmt.Errorf("attention: room for %d partial floats, want %d", len(a.Partials), n)
	}
	return nil
}

// held checks that the cache holds what the queries see.
func (a *Attention) held() error {
	first, c := a.first(0), a.Cache
	if first < a.Start && first < c.from || !c.list.holds(first, a.Start+a.Q.S) {
		return fmt.Errorf("attention: the cache does not hold positions %d to %d", first, a.Start+a.Q.S-1)
	}
	return nil
}

// plan is Prepare without the memory for partial results and a look into the cache.
func (a *Attention) plan() error {
	c := a.Cache
	if c == nil {
		return fmt.Errorf("attention: no cache")
	}
	if a.Heads <= 0 || a.Heads%c.Heads != 0 {
		return fmt.Errorf("attention: %d heads over %d kv heads", a.Heads, c.Heads)
	}
	s, d := a.Q.S, a.Heads*c.VDim
	if err := wantPlain("attention", "q", &a.Q, s, a.Heads*c.KDim); err != nil {
		return err
	}
	if err := wantShape("attention", "output", &a.Out, s, d); err != nil {
		return err
	}
	if a.Start < 0 || a.Window < 0 || c.Window > 0 && (a.Window == 0 || a.Window > c.Window) {
		return fmt.Errorf("attention: position %d, window %d over a cache that keeps %d", a.Start, a.Window, c.Window)
	}
	a.tile = a.tileSize()
	a.slabHeads = 1
	if a.Out.Elem == I8 {
		a.slabHeads = wholeSlabs(d/c.Heads, c.Heads)
	}
	a.chunk0 = a.first(0) / Chunk
	a.chunks = max(0, (a.Start+s-1)/Chunk+1-a.chunk0)
	a.split = s > 0 && s <= SplitRows && a.chunks > 1
	a.turn = chunkTurn{to: a.chunks, slots: a.chunks, last: true}
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
	return a.slotFloats() * a.turn.slots
}

// slotFloats is the room of one slot of every query and head.
func (a *Attention) slotFloats() int { return a.Q.S * a.Heads * partialStride(a.Cache.VDim) }

// Items is kv heads times query tiles or chunks.
func (a *Attention) Items() int {
	switch {
	case a.Q.S == 0:
		return 0
	case a.split:
		return a.Cache.Heads * (a.turn.to - a.turn.from)
	}
	return ceil(a.Cache.Heads, a.slabHeads) * ceil(a.Q.S, a.tile)
}

// Scratch is the room of one worker.
func (a *Attention) Scratch() int { return a.tileScratch() + a.stageBytes() + a.queryBytes() }

func (a *Attention) tileScratch() int {
	if vecAttention(a) {
		return roundUp(vecScratch(a), 64)
	}
	return roundUp(attentionScratch(a), 64)
}

// stageBytes is the room of the f32 results of a work item that are quantised
// afterwards.
func (a *Attention) stageBytes() int {
	if a.Out.Elem != I8 {
		return 0
	}
	g := a.Heads / a.Cache.Heads * a.Cache.VDim
	return roundUp(4*min(max(a.Q.S, 1), a.tileSize())*wholeSlabs(g, a.Cache.Heads)*g, 64)
}

// Visited is the number of cache positions that were read into results, summed
// over kv heads and queries, since the last call of Visited.
func (a *Attention) Visited() int64 { return a.visited.Swap(0) }

// Run computes items lo to hi-1.
func (a *Attention) Run(lo, hi int, scratch []byte) {
	if lo == 0 && a.Out.Elem == F32 {
		a.Out.zeroPads()
	}
	tiles, width := ceil(a.Q.S, a.tile), a.Heads/a.Cache.Heads*a.Cache.VDim
	vec := vecAttention(a)
	for i := lo; i < hi; i++ {
		if a.split {
			c, h := a.turn.from+i/a.Cache.Heads, i%a.Cache.Heads // as they lie in memory
			q := a.queries(h, 0, a.Q.S, scratch)
			if vec {
				vecChunkPartials(a, &q, h, a.chunk0+c, 0, a.Q.S, scratch)
			} else {
				attendChunk(a, &q, h, a.chunk0+c, 0, a.Q.S, scratch)
			}
			continue
		}
		// The tiles of a head follow each other, so its cache stays near; late
		// ones see more positions and go first.
		h0, tl := i/tiles*a.slabHeads, tiles-1-i%tiles
		h1, t0, t1 := min(h0+a.slabHeads, a.Cache.Heads), tl*a.tile, min(a.Q.S, (tl+1)*a.tile)
		out := a.sink(scratch[a.tileScratch():], t0, t1, h0*width, h1*width)
		for h := h0; h < h1; h++ {
			q := a.queries(h, t0, t1, scratch)
			if vec {
				vecTile(a, &q, h, t0, t1, scratch, &out)
			} else {
				attendTile(a, &q, h, t0, t1, scratch, &out)
			}
		}
		out.flush()
	}
}

// partial is the room of (query t, head h, chunk c counted from chunk0), a chunk
// of this turn; the one before is what is carried.
func (a *Attention) partial(t, h, c int) []float32 {
	n := partialStride(a.Cache.VDim)
	return a.Partials[((t*a.Heads+h)*a.turn.slots+c-a.turn.from+a.turn.carried)*n:][:n]
}

// merged is the chunks that a turn merges for query t: the result begins as the
// partial of chunk first, or what is carried, and takes in those up to last. There
// are none (false) before the query's first turn.
func (a *Attention) merged(t int) (first, last int, ok bool) {
	first, last = a.first(t)/Chunk-a.chunk0, min((a.Start+t)/Chunk-a.chunk0, a.turn.to-1)
	if first < a.turn.from {
		first = a.turn.from - 1
	}
	return first, last, first < a.turn.to
}

// AttentionMerge combines the partial results of a split Attention and writes
// its output. One item per run of heads; none when there was no split.
type AttentionMerge struct{ A *Attention }

// heads is the number of heads of a work item: as many as a vector takes, or
// several times that for whole slabs.
func (m *AttentionMerge) heads() int {
	if m.A.Out.Elem == I8 {
		return 16 * wholeSlabs(16*m.A.Cache.VDim, ceil(m.A.Heads, 16))
	}
	return 16
}

// Prepare needs A to be prepared.
func (m *AttentionMerge) Prepare() error {
	if m.A == nil {
		return fmt.Errorf("attention merge: no attention")
	}
	return nil
}

// Items is one per run of heads of a split attention.
func (m *AttentionMerge) Items() int {
	if !m.A.split {
		return 0
	}
	return ceil(m.A.Heads, m.heads())
}

// Scratch is a result for 16 heads, and for i8 those of an item.
func (m *AttentionMerge) Scratch() int {
	d := m.A.Cache.VDim
	if m.A.Out.Elem == I8 {
		return 64*partialStride(d) + 4*SplitRows*m.heads()*d
	}
	return 64 * partialStride(d)
}

// Run merges items lo to hi-1 for all queries.
func (m *AttentionMerge) Run(lo, hi int, scratch []byte) {
	a := m.A
	d := a.Cache.VDim
	n := m.heads()
	for i := lo; i < hi; i++ {
		h0, h1 := i*n, min((i+1)*n, a.Heads)
		out := a.sink(scratch[64*partialStride(d):], 0, a.Q.S, h0*d, h1*d)
		for t := range a.Q.S {
			if !vecMergeHeads(a, t, h0, h1, scratch, &out) {
				a.mergeHeads(t, h0, h1, scratch, &out)
			}
		}
		if a.turn.last {
			out.flush()
		}
	}
}

// mergeHeads merges heads [h0, h1) of query t.
func (a *Attention) mergeHeads(t, h0, h1 int, scratch []byte, out *attentionOut) {
	d := a.Cache.VDim
	run := slice[float32](scratch, 0, partialStride(d))
	first, last, ok := a.merged(t)
	if !ok {
		return
	}
	for h := h0; h < h1; h++ {
		copy(run, a.partial(t, h, first))
		for c := first + 1; c <= last; c++ {
			mergePartial(run, a.partial(t, h, c), d, out.vec)
		}
		if !a.turn.last {
			copy(a.partial(t, h, a.turn.from-1), run)
			continue
		}
		divide(run[16:16+d], run[1], out.vec)
		out.put(t, h*d, run[16:16+d])
	}
}
