package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/internal/f32"
)

// Attention, AVX2: groups of four query rows over a chunk that is read back as
// f32, or as fp16 in place for few rows. AVX-512 uses it too for what its own kernels
// do not take.

// qkArgs and pvArgs are read by the kernels by the names of their fields.
type qkArgs struct {
	k      unsafe.Pointer
	q      [4]unsafe.Pointer
	scores [4]unsafe.Pointer
	d      int
	groups int // groups of four panels
	step   int // bytes of a panel
}

type pvArgs struct {
	v      unsafe.Pointer    // first position
	e      [4]unsafe.Pointer // first probability
	o      [4]unsafe.Pointer
	n      int // positions
	stride int // bytes of a row of V
	vecs   int // vectors of 16 channels
}

//go:noescape
func qk256(a *qkArgs)

//go:noescape
func pv256(a *pvArgs)

//go:noescape
func qkHalf256(a *qkArgs)

//go:noescape
func pvHalf256(a *pvArgs)

// chunkView is one head of one chunk: K [panel][KDim][16], V [position][VDim].
type chunkView struct {
	k, v   chunkPart
	qk     func(*qkArgs)
	pv     func(*pvArgs)
	panels int // of K in memory
}

// directRows256 is the largest number of query rows for which fp16 is converted
// on the fly; beyond, the chunk is expanded once to f32.
const directRows256 = 8

// vecChunk reads a chunk up to position end for rows query rows; kv has room
// for Chunk*(KDim+VDim).
func vecChunk(c *KVCache, kv []float32, chunk, head, end, rows int) chunkView {
	ch := c.list.at(chunk)
	n := min(ch.room, roundUp(end-chunk*Chunk, 16))
	if c.VOfK { // K is decoded for any number of rows: V comes from there
		k, fk := part256(&c.k, kv, c.kMem(ch, head), n, ch.room, directRows256+1)
		v := kv[Chunk*c.KDim:][:n*c.VDim]
		valuesOfKeys(v, unsafe.Slice((*float32)(k.mem), n*c.KDim), n, c.KDim, c.VDim)
		return chunkView{k, chunkPart{unsafe.Pointer(&v[0]), 4, c.VDim}, fk.qk256, f32Vec.pv256, ch.room / 16}
	}
	k, fk := part256(&c.k, kv, c.kMem(ch, head), n, ch.room, rows)
	v, fv := part256(&c.v, kv[Chunk*c.KDim:], c.vMem(ch, head), n, ch.room, rows)
	return chunkView{k, v, fk.qk256, fv.pv256, ch.room / 16}
}

// vecRow is one query head in one chunk.
type vecRow struct {
	q        unsafe.Pointer
	out      []float32 // partial result
	from, to int
}

// rowGroup is how many query rows are computed together.
const rowGroup = 4

// vecRows computes the partial results of up to rowGroup rows over one chunk.
// scores has room for rowGroup rows of Chunk and unused for one result.
func vecRows(rows []vecRow, w *chunkView, scores, unused []float32, scale float32) {
	lo, hi := rows[0].from, rows[0].to // what any row sees
	in, out := lo, hi                  // what all rows see
	for _, r := range rows[1:] {
		lo, hi = min(lo, r.from), max(hi, r.to)
		in, out = max(in, r.from), min(out, r.to)
	}
	qkFour(rows, w, scores, lo, hi)
	for i, r := range rows {
		var lanes [16]float32
		r.out[0] = softmax256(scores[i*Chunk:(i+1)*Chunk], r.from, r.to, scale, &lanes)
		r.out[1] = f32.Tree16(&lanes)
		clear(r.out[16 : 16+w.v.d])
	}
	if in >= out {
		for i, r := range rows {
			pvRows(rows, w, scores, unused, i, i+1, r.from, r.to)
		}
		return
	}
	for i, r := range rows {
		pvRows(rows, w, scores, unused, i, i+1, r.from, in)
	}
	pvRows(rows, w, scores, unused, 0, len(rows), in, out)
	for i, r := range rows {
		pvRows(rows, w, scores, unused, i, i+1, out, r.to)
	}
}

// qkFour writes the scores of up to four rows at positions [lo, hi), and
// garbage around them.
func qkFour(rows []vecRow, w *chunkView, scores []float32, lo, hi int) {
	p0 := lo / 16
	groups := ceil(ceil(hi, 16)-p0, 4)
	p0 = min(p0, max(0, w.panels-4*groups)) // stay in the chunk
	step := 16 * w.k.size * w.k.d
	a := qkArgs{k: unsafe.Add(w.k.mem, p0*step), d: w.k.d, groups: groups, step: step}
	for i := range 4 {
		r := min(i, len(rows)-1)
		a.q[i], a.scores[i] = rows[r].q, unsafe.Pointer(&scores[r*Chunk+p0*16])
	}
	w.qk(hide(&a))
}

// pvRows continues the chains of rows [r0, r1) over positions [from, to).
func pvRows(rows []vecRow, w *chunkView, scores, unused []float32, r0, r1, from, to int) {
	if from >= to {
		return
	}
	stride := w.v.size * w.v.d
	a := pvArgs{v: unsafe.Add(w.v.mem, from*stride), n: to - from, stride: stride, vecs: w.v.d / 16}
	for i := range 4 {
		r := r0 + i
		if r < r1 {
			a.e[i], a.o[i] = unsafe.Pointer(&scores[r*Chunk+from]), unsafe.Pointer(&rows[r].out[16])
		} else {
			a.e[i], a.o[i] = a.e[0], unsafe.Pointer(&unused[16])
		}
	}
	w.pv(hide(&a))
}

// attendScratch256: K and V of a chunk, scores of a group of rows, an unused result, a
// fresh result per row of a group and a running one per row of the tile.
func attendScratch256(a *Attention) int {
	d, g := a.Cache.VDim, a.Heads/a.Cache.Heads
	tile := min(max(a.Q.S, 1), a.tileSize())
	return 4 * (Chunk*(a.Cache.KDim+d) + rowGroup*Chunk + (tile*g+rowGroup+1)*partialStride(d))
}

func parts256(a *Attention, scratch []byte) (kv, scores, unused, fresh, runs []float32) {
	d := a.Cache.VDim
	n := partialStride(d)
	all := slice[float32](scratch, 0, attendScratch256(a)/4)
	n2 := Chunk * (a.Cache.KDim + d)
	kv, all = all[:n2], all[n2:]
	scores, all = all[:rowGroup*Chunk], all[rowGroup*Chunk:]
	unused, all = all[:n], all[n:]
	clear(unused)
	return kv, scores, unused, all[:rowGroup*n], all[rowGroup*n:]
}

// tile256 is attendTile with vector kernels.
func tile256(a *Attention, q *queries, kh, t0, t1 int, scratch []byte, out *attentionOut) {
	d, g := a.Cache.VDim, a.Heads/a.Cache.Heads
	n := partialStride(d)
	kv, scores, unused, fresh, runs := parts256(a, scratch)
	seen := int64(0)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		w := vecChunk(a.Cache, kv, c, kh, a.Start+t1, (t1-t0)*g)
		var rows [rowGroup]vecRow
		var into [rowGroup][]float32 // where a fresh result is merged to
		k := 0
		flush := func() {
			vecRows(rows[:k], &w, scores, unused, a.Scale)
			for i, run := range into[:k] {
				if run != nil {
					mergePartial(run, rows[i].out, d, vectorTier(a.Tier))
				}
			}
			k = 0
		}
		for t := t0; t < t1; t++ {
			from, to, ok := a.visible(t, c)
			if !ok {
				continue
			}
			seen += int64(to - from)
			for i := range g {
				run := runs[((t-t0)*g+i)*n:][:n]
				rows[k] = vecRow{unsafe.Pointer(&q.row(t, i)[0]), run, from, to}
				into[k] = nil
				if c != a.first(t)/Chunk {
					rows[k].out, into[k] = fresh[k*n:][:n], run
				}
				if k++; k == rowGroup {
					flush()
				}
			}
		}
		if k > 0 {
			flush()
		}
	}
	a.visited.Add(seen)
	for t := t0; t < t1; t++ {
		for i := range g {
			run := runs[((t-t0)*g+i)*n:][:n]
			vecDiv(vectorTier(a.Tier), run[16:16+d], run[1])
			out.put(t, (kh*g+i)*d, run[16:16+d])
		}
	}
}

// partials256 is attendChunk with vector kernels.
func partials256(a *Attention, q *queries, kh, c, t0, t1 int, scratch []byte) {
	g := a.Heads / a.Cache.Heads
	kv, scores, unused, _, _ := parts256(a, scratch)
	w := vecChunk(a.Cache, kv, c, kh, a.Start+t1, (t1-t0)*g)
	var rows [rowGroup]vecRow
	k, seen := 0, int64(0)
	for t := t0; t < t1; t++ {
		from, to, ok := a.visible(t, c)
		if !ok {
			continue
		}
		seen += int64(to - from)
		for i := range g {
			rows[k] = vecRow{unsafe.Pointer(&q.row(t, i)[0]), a.partial(t, kh*g+i, c-a.chunk0), from, to}
			if k++; k == rowGroup {
				vecRows(rows[:], &w, scores, unused, a.Scale)
				k = 0
			}
		}
	}
	if k > 0 {
		vecRows(rows[:k], &w, scores, unused, a.Scale)
	}
	a.visited.Add(seen)
}
