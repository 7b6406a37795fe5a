package kernel

import (
	"unsafe"

	"github.com/tessera-llm/tessera/internal/f32"
	"github.com/tessera-llm/tessera/pkg/tensor"
)

// qkArgs and pvArgs are read by the kernels at fixed offsets.
type qkArgs struct {
	k      unsafe.Pointer    // 0
	q      [4]unsafe.Pointer // 8
	scores [4]unsafe.Pointer // 40
	d      int               // 72
	groups int               // 80: groups of four panels
	step   int               // 88: bytes of a panel
}

type pvArgs struct {
	v      unsafe.Pointer    // 0: first position
	e      [4]unsafe.Pointer // 8: first probability
	o      [4]unsafe.Pointer // 40
	_      int
	n      int // 80: positions
	stride int // 88: bytes of a row of V
	vecs   int // 96: vectors of 16 channels
}

//go:noescape
func qkF32(a *qkArgs)

//go:noescape
func qkF16(a *qkArgs)

//go:noescape
func pvF32(a *pvArgs)

//go:noescape
func pvF16(a *pvArgs)

// qk8Args and pv8Args are those of the kernels for eight rows.
type qk8Args struct {
	k      unsafe.Pointer    // 0
	q      [8]unsafe.Pointer // 8
	scores unsafe.Pointer    // 72: rows of Chunk; advanced by the kernel
	d      int               // 80
	groups int               // 88: pairs of panels; counted down by the kernel
	step   int               // 96: bytes of a panel
}

type pv8Args struct {
	v      unsafe.Pointer    // 0
	e      unsafe.Pointer    // 8: rows of Chunk
	o      [8]unsafe.Pointer // 16
	n      int               // 80
	stride int               // 88
	pairs  int               // 96: pairs of vectors of 16 channels
}

//go:noescape
func qk8F32(a *qk8Args)

//go:noescape
func qk8F16(a *qk8Args)

//go:noescape
func pv8F32(a *pv8Args)

//go:noescape
func pv8F16(a *pv8Args)

//go:noescape
func qk256(a *qkArgs)

//go:noescape
func pv256(a *pvArgs)

//go:noescape
func halfToFloat(dst *float32, src *uint16, n int)

//go:noescape
func floatToHalf(dst *uint16, src *float32, n int)

//go:noescape
func q8Keys(dst *float32, panel *byte, blocks int)

//go:noescape
func q8Values(dst *float32, q *int8, d *float32, blocks int)

// vecAttention reports whether the vector kernels take this attention.
func vecAttention(a *Attention) bool { return vectorTier(a.Tier) != Generic && a.Cache.HeadDim%16 == 0 }

// chunkView is one head of one chunk as the kernels read it.
type chunkView struct {
	k, v  unsafe.Pointer
	tier  Tier
	half  bool // fp16, read from the cache in place
	d     int
	kStep int // bytes of a panel of K
	vStep int // bytes of a row of V
}

// directRows is the largest number of query rows for which fp16 is converted
// on the fly; beyond, the chunk is expanded once to f32.
const directRows = 8

// vecChunk prepares a chunk for rows query rows; kv has room for 2*Chunk*D.
func vecChunk(tier Tier, c *KVCache, kv []float32, chunk, head, end, rows int) chunkView {
	kb, vb := c.k(chunk, head), c.v(chunk, head)
	d := c.HeadDim
	w := chunkView{tier: tier, d: d, kStep: 64 * d, vStep: 4 * d}
	switch {
	case c.Type == tensor.F32:
		w.k, w.v = unsafe.Pointer(&kb[0]), unsafe.Pointer(&vb[0])
		return w
	case c.Type == tensor.F16 && rows <= directRows && tier == AVX512:
		w.k, w.v, w.half = unsafe.Pointer(&kb[0]), unsafe.Pointer(&vb[0]), true
		w.kStep, w.vStep = 32*d, 2*d
		return w
	}
	n := min(Chunk, roundUp(end-chunk*Chunk, 16))
	kd, vd := kv[:Chunk*d], kv[Chunk*d:2*Chunk*d]
	w.k, w.v = unsafe.Pointer(&kd[0]), unsafe.Pointer(&vd[0])
	if tier != AVX512 {
		if c.Type == tensor.F16 {
			half256(&kd[0], &kb[0], n*d)
			half256(&vd[0], &vb[0], n*d)
		} else {
			c.decodeChunk(kv, chunk, head, end)
		}
		return w
	}
	if c.Type == tensor.F16 {
		halfToFloat(&kd[0], &slice[uint16](kb, 0, n*d)[0], n*d)
		halfToFloat(&vd[0], &slice[uint16](vb, 0, n*d)[0], n*d)
		return w
	}
	nb := d / 32
	for p := range n / 16 {
		q8Keys(&kd[p*16*d], &kb[p*(nb*32+16*d)], nb)
	}
	var scale [512]float32
	scales := slice[uint16](vb, Chunk*d, Chunk*nb)
	for j := 0; j < n; {
		rows := max(1, min(n-j, len(scale)/nb))
		for i := range rows * nb {
			scale[i] = f32.FromHalf(scales[j*nb+i])
		}
		q8Values(&vd[j*d], &slice[int8](vb, j*d, rows*d)[0], &scale[0], rows*nb)
		j += rows
	}
	return w
}

// vecRow is one query head in one chunk.
type vecRow struct {
	q        unsafe.Pointer
	out      []float32 // partial result
	from, to int
}

// rowGroup is how many query rows are computed together.
const rowGroup = 8

// vecRows computes the partial results of up to rowGroup rows over one chunk.
// scores has room for rowGroup rows of Chunk and unused for one result.
func vecRows(rows []vecRow, w *chunkView, scores, unused []float32, scale float32) {
	lo, hi := rows[0].from, rows[0].to // what any row sees
	in, out := lo, hi                  // what all rows see
	for _, r := range rows[1:] {
		lo, hi = min(lo, r.from), max(hi, r.to)
		in, out = max(in, r.from), min(out, r.to)
	}
	if n := len(rows); n > 4 && w.tier == AVX512 {
		qkEight(rows, w, scores, lo, hi)
	} else {
		for i := 0; i < n; i += 4 {
			qkFour(rows[i:min(n, i+4)], w, scores[i*Chunk:], lo, hi)
		}
	}
	for i, r := range rows {
		var lanes [16]float32
		r.out[0] = softmaxScores(w.tier, scores[i*Chunk:(i+1)*Chunk], r.from, r.to, scale, &lanes)
		r.out[1] = f32.Tree16(&lanes)
		clear(r.out[16 : 16+w.d])
	}
	if in >= out {
		for i := range rows {
			pvRows(rows, w, scores, unused, i, i+1, rows[i].from, rows[i].to)
		}
		return
	}
	for i, r := range rows {
		pvRows(rows, w, scores, unused, i, i+1, r.from, in)
	}
	if n := len(rows); n > 4 && w.tier == AVX512 && w.d%32 == 0 {
		pvEight(rows, w, scores, unused, in, out)
	} else {
		for i := 0; i < n; i += 4 {
			pvRows(rows, w, scores, unused, i, min(n, i+4), in, out)
		}
	}
	for i, r := range rows {
		pvRows(rows, w, scores, unused, i, i+1, out, r.to)
	}
}

// qkFour writes the scores of up to four rows at positions [lo, hi), and
// garbage around them.
func qkFour(rows []vecRow, w *chunkView, scores []float32, lo, hi int) {
	p0 := lo / 16
	groups := ceil(ceil(hi, 16)-p0, 4)
	p0 = min(p0, 16-4*groups) // stay in the chunk
	a := qkArgs{k: unsafe.Add(w.k, p0*w.kStep), d: w.d, groups: groups, step: w.kStep}
	for i := range 4 {
		r := min(i, len(rows)-1)
		a.q[i], a.scores[i] = rows[r].q, unsafe.Pointer(&scores[r*Chunk+p0*16])
	}
	switch {
	case w.tier != AVX512:
		qk256(&a)
	case w.half:
		qkF16(&a)
	default:
		qkF32(&a)
	}
}

// qkEight is qkFour for five to eight rows.
func qkEight(rows []vecRow, w *chunkView, scores []float32, lo, hi int) {
	p0 := lo / 16
	groups := ceil(ceil(hi, 16)-p0, 2)
	p0 = min(p0, 16-2*groups)
	a := qk8Args{k: unsafe.Add(w.k, p0*w.kStep), scores: unsafe.Pointer(&scores[p0*16]), d: w.d, groups: groups, step: w.kStep}
	for i := range a.q {
		a.q[i] = rows[min(i, len(rows)-1)].q
	}
	if w.half {
		qk8F16(&a)
	} else {
		qk8F32(&a)
	}
}

// pvEight continues the chains of five to eight rows over positions [from, to).
func pvEight(rows []vecRow, w *chunkView, scores, unused []float32, from, to int) {
	a := pv8Args{v: unsafe.Add(w.v, from*w.vStep), e: unsafe.Pointer(&scores[from]), n: to - from, stride: w.vStep, pairs: w.d / 32}
	for i := range a.o {
		if a.o[i] = unsafe.Pointer(&unused[16]); i < len(rows) {
			a.o[i] = unsafe.Pointer(&rows[i].out[16])
		}
	}
	if w.half {
		pv8F16(&a)
	} else {
		pv8F32(&a)
	}
}

// softmaxScores turns the scores of positions [from, to) of a chunk into
// exponentials of their distance to the maximum, which it returns, and sums
// them by position mod 16. Scores of other positions become garbage.
func softmaxScores(tier Tier, s []float32, from, to int, scale float32, lanes *[16]float32) float32 {
	first, last := from/16, (to-1)/16
	if tier == AVX512 {
		m0, m1 := uint32(0xffff)<<(from%16)&0xffff, uint32(0xffff)>>(15-(to-1)%16)
		if first == last {
			m0 &= m1
			m1 = m0
		}
		return softmaxRow(&s[first*16], last-first+1, m0, m1, scale, lanes)
	}
	return softmax256(s, from, to, scale, lanes)
}

// pvRows continues the chains of rows [r0, r1) over positions [from, to).
func pvRows(rows []vecRow, w *chunkView, scores, unused []float32, r0, r1, from, to int) {
	if from >= to {
		return
	}
	a := pvArgs{v: unsafe.Add(w.v, from*w.vStep), n: to - from, stride: w.vStep, vecs: w.d / 16}
	for i := range 4 {
		r := r0 + i
		if r < r1 {
			a.e[i], a.o[i] = unsafe.Pointer(&scores[r*Chunk+from]), unsafe.Pointer(&rows[r].out[16])
		} else {
			a.e[i], a.o[i] = a.e[0], unsafe.Pointer(&unused[16])
		}
	}
	switch {
	case w.tier != AVX512:
		pv256(&a)
	case w.half:
		pvF16(&a)
	default:
		pvF32(&a)
	}
}

// vecScratch: K and V of a chunk, scores of a group of rows, an unused result, a
// fresh result per row of a group and a running one per row of the tile.
func vecScratch(a *Attention) int {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	tile := min(max(a.Q.S, 1), a.tileSize())
	n := 2*Chunk*d + rowGroup*Chunk + (tile*g+rowGroup+1)*partialStride(d)
	if a.wide() {
		n = max(n, wideFloats(d, tile*g))
	}
	return 4 * n
}

func vecParts(a *Attention, scratch []byte) (kv, scores, unused, fresh, runs []float32) {
	d := a.Cache.HeadDim
	n := partialStride(d)
	all := slice[float32](scratch, 0, vecScratch(a)/4)
	kv, all = all[:2*Chunk*d], all[2*Chunk*d:]
	scores, all = all[:rowGroup*Chunk], all[rowGroup*Chunk:]
	unused, all = all[:n], all[n:]
	clear(unused)
	return kv, scores, unused, all[:rowGroup*n], all[rowGroup*n:]
}

// vecTile is attendTile with vector kernels.
func vecTile(a *Attention, kh, t0, t1 int, scratch []byte) {
	if a.wide() && (t1-t0)*a.Heads/a.Cache.Heads > rowGroup {
		wideTile(a, kh, t0, t1, scratch)
		return
	}
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	n := partialStride(d)
	kv, scores, unused, fresh, runs := vecParts(a, scratch)
	seen := int64(0)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		w := vecChunk(a.Tier, a.Cache, kv, c, kh, a.Start+t1, (t1-t0)*g)
		var rows [rowGroup]vecRow
		var into [rowGroup][]float32 // where a fresh result is merged to
		k := 0
		flush := func() {
			vecRows(rows[:k], &w, scores, unused, a.Scale)
			for i, run := range into[:k] {
				if run != nil {
					mergePartial(run, rows[i].out, d, a.Tier)
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
				rows[k] = vecRow{unsafe.Pointer(&a.Q.F[t*a.Q.C+(kh*g+i)*d]), run, from, to}
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
			vecDiv(a.Tier, run[16:16+d], run[1])
			putHead(&a.Out, t, (kh*g+i)*d, run[16:16+d])
		}
	}
}

// vecChunkPartials is attendChunk with vector kernels.
func vecChunkPartials(a *Attention, kh, c, t0, t1 int, scratch []byte) {
	if a.wide() && (t1-t0)*a.Heads/a.Cache.Heads > rowGroup {
		wideChunkPartials(a, kh, c, t0, t1, scratch)
		return
	}
	g := a.Heads / a.Cache.Heads
	d := a.Cache.HeadDim
	kv, scores, unused, _, _ := vecParts(a, scratch)
	w := vecChunk(a.Tier, a.Cache, kv, c, kh, a.Start+t1, (t1-t0)*g)
	var rows [rowGroup]vecRow
	k, seen := 0, int64(0)
	for t := t0; t < t1; t++ {
		from, to, ok := a.visible(t, c)
		if !ok {
			continue
		}
		seen += int64(to - from)
		for i := range g {
			rows[k] = vecRow{unsafe.Pointer(&a.Q.F[t*a.Q.C+(kh*g+i)*d]), a.partial(t, kh*g+i, c-a.chunk0), from, to}
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

// putHead stores one head vector of token t; it may cross slabs.
func putHead(out *Act, t, k0 int, src []float32) {
	if out.Layout == Plain || out.S == 1 {
		out.putRun(t, k0, src)
		return
	}
	for len(src) > 0 {
		n := min(len(src), Slab-k0%Slab)
		vecPut(out, t, k0, src[:n])
		k0, src = k0+n, src[n:]
	}
}
