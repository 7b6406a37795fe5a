package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/internal/f32"
)

// Attention, NEON: a panel of 16 keys is a panel of weights and four query
// rows are a tile of activations, so scores come from neonGemmFloat; neonPV
// does the same with a row of V as the 16 "rows" and positions as channels.

//go:noescape
func neonPV(a *neonFloatArgs)

// vecAttention reports whether the vector kernels take this attention.
func vecAttention(a *Attention) bool {
	return vectorTier(a.Tier) != Generic && a.Cache.KDim%16 == 0 && a.Cache.VDim%16 == 0
}

// neonChunk is one head of one chunk as f32, with room for four query rows.
type neonChunk struct {
	kd, d  int       // channels of K and of V
	k, v   []float32 // K [panel][KDim][16], V [position][VDim]
	kv     []float32 // memory for k and v
	q      []float32 // [KDim/4][4 rows][4]
	scores []float32 // [4 rows][Chunk]
	e      []float32 // [Chunk/4][4 rows][4]
	c      []float32 // [4 rows][16]
}

// neonRow is one query head in one chunk.
type neonRow struct {
	q, out   []float32 // out is a partial result
	from, to int
	into     []float32 // where out is merged to, or nil
}

// vecScratch: a chunk, four fresh results, one running result per row.
func vecScratch(a *Attention) int {
	kd, d, g := a.Cache.KDim, a.Cache.VDim, a.Heads/a.Cache.Heads
	tile := min(max(a.Q.S, 1), a.tileSize())
	return 4 * (Chunk*(kd+d) + 4*kd + 8*Chunk + 64 + (tile*g+4)*partialStride(d))
}

func newNeonChunk(a *Attention, scratch []byte) (w neonChunk, fresh, runs []float32) {
	kd, d := a.Cache.KDim, a.Cache.VDim
	n := partialStride(d)
	all := slice[float32](scratch, 0, vecScratch(a)/4)
	take := func(n int) []float32 {
		s := all[:n:n]
		all = all[n:]
		return s
	}
	w = neonChunk{kd: kd, d: d, kv: take(Chunk * (kd + d)), q: take(4 * kd), scores: take(4 * Chunk), e: take(4 * Chunk), c: take(64)}
	return w, take(4 * n), all
}

// load reads chunk of head up to position end.
func (w *neonChunk) load(c *KVCache, chunk, head, end int) {
	ch := c.list.at(chunk)
	n := min(ch.room, roundUp(end-chunk*Chunk, 16))
	kb, vb := c.kMem(ch, head), c.vMem(ch, head)
	w.k, w.v = w.kv[:n*w.kd], w.kv[Chunk*w.kd:][:n*w.d]
	switch f := c.k.form.vec; {
	case f == nil:
		c.k.decode(w.k, kb, n, ch.room, w.kd)
	case f.keys == nil:
		w.k = slice[float32](kb, 0, n*w.kd)
	default:
		f.keys(w.k, kb, n, w.kd)
	}
	switch f := c.v.form.vec; {
	case c.VOfK:
		valuesOfKeys(w.v, w.k, n, w.kd, w.d)
	case f == nil:
		c.v.decode(w.v, vb, n, ch.room, w.d)
	case f.values == nil:
		w.v = slice[float32](vb, 0, n*w.d)
	default:
		f.values(w.v, vb, n, ch.room, w.d)
	}
}

// attend computes the partial results of up to four rows.
func (w *neonChunk) attend(rows []neonRow, scale float32) {
	kd, d := w.kd, w.d
	lo, hi := rows[0].from, rows[0].to // what any row sees
	in, out := lo, hi                  // what all rows see
	for i, r := range rows {
		lo, hi = min(lo, r.from), max(hi, r.to)
		in, out = max(in, r.from), min(out, r.to)
		neonScatter(&w.q[4*i], &r.q[0], kd/4)
	}
	a := neonFloatArgs{x: unsafe.Pointer(&w.q[0]), c: unsafe.Pointer(&w.c[0]), tiles: 1, groups: kd / 4}
	for p := lo / 16; p < ceil(hi, 16); p++ {
		clear(w.c)
		a.w = unsafe.Pointer(&w.k[p*16*kd])
		neonGemmFloat(&a)
		for i := range rows {
			*(*[16]float32)(w.scores[i*Chunk+16*p:]) = *(*[16]float32)(w.c[16*i:])
		}
	}
	groups := max(0, out-in) / 4
	for i, r := range rows {
		w.softmax(r, w.scores[i*Chunk:(i+1)*Chunk], scale)
		clear(r.out[16 : 16+d])
		if groups > 0 {
			w.values(r, i, r.from, in)
			neonScatter(&w.e[4*i], &w.scores[i*Chunk+in], groups)
		}
	}
	if groups > 0 {
		w.common(rows, in, groups)
	}
	for i, r := range rows {
		if groups == 0 {
			w.values(r, i, r.from, r.to)
		} else {
			w.values(r, i, in+4*groups, r.to)
		}
	}
}

// softmax turns the scores of the visible positions into exponentials and
// writes maximum and sum.
func (w *neonChunk) softmax(r neonRow, s []float32, scale float32) {
	first := r.from &^ 15
	n := roundUp(r.to, 16) - first
	neonScale(&s[first], scale, n)
	m := maxRun(s[r.from:r.to])
	neonExpSub(&s[first], m, n)
	var lanes [16]float32
	for j := r.from; j < r.to; j++ {
		lanes[j&15] += s[j]
	}
	r.out[0], r.out[1] = m, f32.Tree16(&lanes)
}

// values continues the chains of row i over positions [from, to).
func (w *neonChunk) values(r neonRow, i, from, to int) {
	o := r.out[16 : 16+w.d]
	for j := from; j < to; j++ {
		e, v := w.scores[i*Chunk+j], w.v[j*w.d:][:len(o)]
		for k := range o {
			o[k] = f32.FMA(e, v[k], o[k])
		}
	}
}

// common continues the chains of all rows over groups of four positions from
// position in on.
func (w *neonChunk) common(rows []neonRow, in, groups int) {
	a := neonFloatArgs{x: unsafe.Pointer(&w.e[0]), c: unsafe.Pointer(&w.c[0]), groups: groups, step: 4 * w.d}
	for k := 0; k < w.d; k += 16 {
		for i, r := range rows {
			*(*[16]float32)(w.c[16*i:]) = *(*[16]float32)(r.out[16+k:])
		}
		a.w = unsafe.Pointer(&w.v[in*w.d+k])
		neonPV(&a)
		for i, r := range rows {
			*(*[16]float32)(r.out[16+k:]) = *(*[16]float32)(w.c[16*i:])
		}
	}
}

// vecTile is attendTile with vector kernels.
func vecTile(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	d, g := a.Cache.VDim, a.Heads/a.Cache.Heads
	n := partialStride(d)
	w, fresh, runs := newNeonChunk(a, scratch)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		w.load(a.Cache, c, kh, a.Start+t1)
		var rows [4]neonRow
		k := 0
		for i := range (t1 - t0) * g {
			t := t0 + i/g
			if from, to, ok := a.visible(t, c); ok {
				run := runs[i*n:][:n]
				rows[k] = neonRow{q: q.row(t, i%g), out: run, from: from, to: to}
				if c != a.first(t)/Chunk {
					rows[k].out, rows[k].into = fresh[k*n:][:n], run
				}
				k++
				if i%g == 0 {
					a.visited.Add(int64(to - from))
				}
			}
			if k == 4 || k > 0 && i == (t1-t0)*g-1 {
				w.attend(rows[:k], a.Scale)
				for _, r := range rows[:k] {
					if r.into != nil {
						mergePartial(r.into, r.out, d, a.Tier)
					}
				}
				k = 0
			}
		}
	}
	for i := range (t1 - t0) * g {
		run := runs[i*n:][:n]
		divide(run[16:16+d], run[1], a.Tier)
		out.put(t0+i/g, (kh*g+i%g)*d, run[16:16+d])
	}
}

// vecChunkPartials is attendChunk with vector kernels.
func vecChunkPartials(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) {
	g := a.Heads / a.Cache.Heads
	w, _, _ := newNeonChunk(a, scratch)
	w.load(a.Cache, c, kh, a.Start+t1)
	var rows [4]neonRow
	k := 0
	for i := range (t1 - t0) * g {
		t, h := t0+i/g, kh*g+i%g
		if from, to, ok := a.visible(t, c); ok {
			rows[k] = neonRow{q: q.row(t, i%g), out: a.partial(t, h, c-a.chunk0), from: from, to: to}
			k++
			if i%g == 0 {
				a.visited.Add(int64(to - from))
			}
		}
		if k == 4 || k > 0 && i == (t1-t0)*g-1 {
			w.attend(rows[:k], a.Scale)
			k = 0
		}
	}
}

// vecMergeHeads: heads are merged one by one.
func vecMergeHeads(*Attention, int, int, int, []byte, *attentionOut) bool { return false }
