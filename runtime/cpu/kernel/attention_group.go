package kernel

import "fmt"

// AttentionGroup is the attention of a batch: every span attends to its own
// cache, and all of them are one list of work items, so that a batch of short
// spans keeps every worker busy. The numbers of a span are those it has alone.
//
// AttentionFinish must follow: it merges what was split, and where tiles of a c4
// output hold tokens of two spans, it writes them from Stage.
type AttentionGroup struct {
	Tier   Tier
	Q, Out Act // of all spans, one after another; as in Attention
	Heads  int
	Window int
	Scale  float32
	Spans  []CacheSpan

	// Partials and Stage are memory: PartialFloats() and StageFloats() numbers.
	Partials []float32
	Stage    []float32
	// Budget bounds PartialFloats. Spans that find no room any more are not
	// split over their cache, which changes no number.
	Budget int

	members  []Attention
	partials int
	staged   bool
	items    int
}

// Prepare checks shapes and decides the splits. PartialFloats and StageFloats
// are valid even when it fails for lack of that memory.
func (g *AttentionGroup) Prepare() error {
	rows := spanRows(g.Spans)
	if g.Q.S != rows || g.Out.S != rows {
		return fmt.Errorf("attention: %d queries, %d results, the spans have %d", g.Q.S, g.Out.S, rows)
	}
	if err := wantPlain("attention", "q", &g.Q, rows, g.Q.C); err != nil {
		return err
	}
	g.staged = len(g.Spans) > 1 && g.Out.Layout == C4
	for len(g.members) < len(g.Spans) {
		g.members = append(g.members, Attention{})
	}
	g.members = g.members[:len(g.Spans)]
	missing := ""
	if n := g.StageFloats(); len(g.Stage) < n {
		missing = fmt.Sprintf("attention: room for %d staged floats, want %d", len(g.Stage), n)
	}
	g.items, g.partials = 0, 0
	row := 0
	for i := range g.Spans {
		s, m := &g.Spans[i], &g.members[i]
		m.Tier, m.Cache, m.Start, m.Heads, m.Window, m.Scale = g.Tier, s.Cache, s.Start, g.Heads, g.Window, g.Scale
		m.Q = g.Q.rows(row, s.Rows)
		switch {
		case !g.staged:
			m.Out = g.Out
			if len(g.Spans) > 1 {
				m.Out = g.Out.rows(row, s.Rows)
			}
		case missing == "":
			m.Out = FromF32(g.Stage[row*g.Out.C:(row+s.Rows)*g.Out.C], s.Rows, g.Out.C)
		default:
			m.Out = FromF32(make([]float32, s.Rows*g.Out.C), s.Rows, g.Out.C) // for the plan only
		}
		if err := m.plan(); err != nil {
			return spanError(g.Spans, i, err)
		}
		if g.partials+m.PartialFloats() > g.Budget {
			m.split = false
		}
		n := m.PartialFloats()
		if len(g.Partials) < g.partials+n {
			missing = fmt.Sprintf("attention: room for %d partial floats, want more", len(g.Partials))
		} else {
			m.Partials = g.Partials[g.partials : g.partials+n]
		}
		g.partials += n
		g.items += m.Items()
		row += s.Rows
	}
	if missing != "" {
		return fmt.Errorf("%s", missing)
	}
	return nil
}

// PartialFloats is the length Partials must have, StageFloats that of Stage.
func (g *AttentionGroup) PartialFloats() int { return g.partials }

// StageFloats is not 0 for several spans with a c4 output.
func (g *AttentionGroup) StageFloats() int {
	if !g.staged {
		return 0
	}
	return g.Out.S * g.Out.C
}

// Items counts the items of all spans.
func (g *AttentionGroup) Items() int { return g.items }

// Scratch is the largest of the spans'.
func (g *AttentionGroup) Scratch() int {
	n := 0
	for i := range g.members {
		n = max(n, g.members[i].Scratch())
	}
	return n
}

// Run maps the range to the spans in order.
func (g *AttentionGroup) Run(lo, hi int, scratch []byte) {
	for i := range g.members {
		n := g.members[i].Items()
		if a, b := max(lo, 0), min(hi, n); a < b {
			g.members[i].Run(a, b, scratch)
		}
		lo, hi = lo-n, hi-n
	}
}

// Visited sums Attention.Visited over the spans.
func (g *AttentionGroup) Visited() int64 {
	var n int64
	for i := range g.members {
		n += g.members[i].Visited()
	}
	return n
}

// AttentionFinish merges the split spans of a group and writes a staged output
// in whole tiles. A work item is a run of heads that fills slabs, of one span,
// or with a staged output of one tile of tokens, whoever they belong to.
type AttentionFinish struct {
	G     *AttentionGroup
	items int
}

// Prepare needs G to be prepared.
func (f *AttentionFinish) Prepare() error {
	if f.G == nil {
		return fmt.Errorf("attention finish: no attention")
	}
	f.items = 0
	if f.G.staged {
		_, tiles := tile(f.G.Out.Layout, f.G.Out.S)
		f.items = tiles * ceil(f.G.Heads, f.heads())
		return nil
	}
	for i := range f.G.members {
		m := AttentionMerge{A: &f.G.members[i]}
		f.items += m.Items()
	}
	return nil
}

// heads is the number of heads of an item with a staged output: whole slabs.
func (f *AttentionFinish) heads() int {
	return 16 * wholeSlabs(16*(f.G.Out.C/f.G.Heads), ceil(f.G.Heads, 16))
}

// Items is none where nothing was split or staged.
func (f *AttentionFinish) Items() int { return f.items }

// Scratch is the largest of the merges.
func (f *AttentionFinish) Scratch() int {
	n := 0
	for i := range f.G.members {
		m := AttentionMerge{A: &f.G.members[i]}
		n = max(n, m.Scratch())
	}
	return n
}

// Run finishes items lo to hi-1.
func (f *AttentionFinish) Run(lo, hi int, scratch []byte) {
	g := f.G
	if g.staged {
		f.runStaged(lo, hi, scratch)
		return
	}
	for i := range g.members {
		m := AttentionMerge{A: &g.members[i]}
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
				sink.put(t, h0*d, g.Stage[t*out.C+h0*d:t*out.C+h1*d])
			}
			continue
		}
		for k := h0 * d; k < h1*d; k += Slab {
			for l := range w {
				got := 0
				if t := t0 + l; t < t1 {
					got = copy(x[l][:min(Slab, h1*d-k)], g.Stage[t*out.C+k:])
				}
				clear(x[l][got:])
			}
			out.quantiseTile(&x, k/Slab, tl, sink.vec)
		}
	}
}

// merge writes heads [h0, h1) of row t of the batch to Stage if its span was
// split.
func (g *AttentionGroup) merge(t, h0, h1 int, scratch []byte) {
	for i := range g.members {
		m := &g.members[i]
		if t >= m.Q.S {
			t -= m.Q.S
			continue
		}
		if m.split {
			out := m.sink(nil, t, t+1, h0*m.Cache.VDim, h1*m.Cache.VDim)
			if !vecMergeHeads(m, t, h0, h1, scratch, &out) {
				m.mergeHeads(t, h0, h1, scratch, &out)
			}
		}
		return
	}
}
