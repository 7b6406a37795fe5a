package kernel

import "fmt"

// AttentionFinish merges the split spans of a group's round and, in the last
// round, writes a staged output in whole tiles. A work item is a run of heads that
// fills slabs, of one span, or with a staged output of one tile of tokens, whoever
// they belong to.
type AttentionFinish struct{ G *AttentionGroup }

// Prepare needs G to be prepared.
func (f *AttentionFinish) Prepare() error {
	if f.G == nil {
		return fmt.Errorf("attention finish: no attention")
	}
	return nil
}

// tiles reports whether the round writes whole tiles from the stage; rounds
// before the last one only merge, into it.
func (f *AttentionFinish) tiles() bool { return f.G.staged && f.G.last() }

// heads is the number of heads of an item with a staged output: whole slabs.
func (f *AttentionFinish) heads() int {
	return 16 * wholeSlabs(16*(f.G.Out.C/f.G.Heads), ceil(f.G.Heads, 16))
}

// Items is none where nothing was split or staged.
func (f *AttentionFinish) Items() int {
	g := f.G
	if f.tiles() {
		_, tiles := tile(g.Out.Layout, g.Out.S)
		return tiles * ceil(g.Heads, f.heads())
	}
	n := 0
	for i, now := 0, g.now(); i < len(now); i++ {
		m := AttentionMerge{A: &now[i].Attention}
		n += m.Items()
	}
	return n
}

// Scratch is the largest of the merges.
func (f *AttentionFinish) Scratch() int {
	n := 0
	for i := range f.G.members {
		m := AttentionMerge{A: &f.G.members[i].Attention}
		n = max(n, m.Scratch())
	}
	return n
}

// Run finishes items lo to hi-1.
func (f *AttentionFinish) Run(lo, hi int, scratch []byte) {
	if f.tiles() {
		f.runStaged(lo, hi, scratch)
		return
	}
	for i, now := 0, f.G.now(); i < len(now); i++ {
		m := AttentionMerge{A: &now[i].Attention}
		n := m.Items()
		if a, b := max(lo, 0), min(hi, n); a < b {
			m.Run(a, b, scratch)
		}
		lo, hi = lo-n, hi-n
	}
}

func (f *AttentionFinish) runStaged(lo, hi int, scratch []byte) {
	g := f.G
	out := &g.Out
	sink := attentionOut{act: out, vec: vectorTier(g.Tier)}
	if lo == 0 && out.Elem == F32 {
		out.zeroPads()
	}
	d := out.C / g.Heads
	n := f.heads()
	runs := ceil(g.Heads, n)
	w, _ := tile(out.Layout, out.S)
	var x slabTile
	for i := lo; i < hi; i++ {
		tl, h0 := i/runs, i%runs*n
		h1 := min(h0+n, g.Heads)
		t0, t1 := tl*w, min((tl+1)*w, out.S)
		for t := t0; t < t1; t++ {
			g.merge(t, h0, h1, scratch)
		}
		if out.Elem == F32 {
			for t := t0; t < t1; t++ {
				sink.put(t, h0*d, g.stage[t*out.C+h0*d:t*out.C+h1*d])
			}
			continue
		}
		for k := h0 * d; k < h1*d; k += Slab {
			for l := range w {
				got := 0
				if t := t0 + l; t < t1 {
					got = copy(x[l][:min(Slab, h1*d-k)], g.stage[t*out.C+k:])
				}
				clear(x[l][got:])
			}
			out.quantiseTile(&x, k/Slab, tl, sink.vec)
		}
	}
}

// merge writes heads [h0, h1) of row t of the batch to the stage if its span was
// split in this round.
func (g *AttentionGroup) merge(t, h0, h1 int, scratch []byte) {
	for i, now := 0, g.now(); i < len(now); i++ {
		m := &now[i]
		if t < m.row || t >= m.row+m.Q.S {
			continue
		}
		if m.split {
			t -= m.row
			out := m.sink(nil, t, t+1, h0*m.Cache.VDim, h1*m.Cache.VDim)
			if !vecMergeHeads(&m.Attention, t, h0, h1, scratch, &out) {
				m.mergeHeads(t, h0, h1, scratch, &out)
			}
		}
		return
	}
}
