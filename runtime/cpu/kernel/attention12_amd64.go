package kernel

import (
	"unsafe"
)

// rows12Args is read by the kernels for twelve rows at fixed offsets. Rows are
// query heads of tokens that follow each other.
type rows12Args struct {
	k      unsafe.Pointer     // 0: first panel
	q      [12]unsafe.Pointer // 8
	scores unsafe.Pointer     // 104: row 0 at the first panel; advanced by qk12
	dBytes int                // 112: bytes of a query
	panels int                // 120: counted down by qk12
	_      int                // 128

	s      unsafe.Pointer // 136: row 0 at position 0
	rows   int            // 144
	m, l   unsafe.Pointer // 152, 160: running maxima and sums
	from   [12]int32      // 168
	to     [12]int32      // 216
	scale  float32        // 264: > 0
	merges int32          // 268: whether a row has a result already
	mc, lc [16]float32    // 272, 336: of this chunk
	a, b   [16]float32    // 400, 464: factors of the merge

	v      unsafe.Pointer // 528: first position
	o      unsafe.Pointer // 536: result of row 0
	oStep  int            // 544
	vStep  int            // 552: bytes of a position
	pairs  int            // 560: pairs of vectors of channels; counted down by pv12
	masks  unsafe.Pointer // 568: [head+tail][12]uint16
	head   int            // 576: positions that not all rows see
	n      int            // 584: positions that all rows see
	tail   int            // 592
	e      unsafe.Pointer // 600: row 0 at the first position
	merge  uint32         // 608: bits of the rows that have a result already
	_      uint32         // 612
	merged [12]uint16     // 616: the same as masks
}

//go:noescape
func qk12(a *rows12Args)

//go:noescape
func softmax12(a *rows12Args)

//go:noescape
func pv12(a *rows12Args)

// wideRows is how many query rows the widest kernels take.
const wideRows = 12

// wide reports whether the kernels for twelve rows take this attention.
func (a *Attention) wide() bool {
	return vectorTier(a.Tier) == AVX512 && a.Cache.HeadDim%32 == 0 && a.Scale > 0
}

// wideState is the scratch of a tile of query rows.
type wideState struct {
	args   rows12Args
	d      int
	apart  bool      // the result of a chunk is not merged into earlier ones
	kv     []float32 // K and V of a chunk
	scores []float32 // [12][Chunk]
	masks  []uint16  // [Chunk][12]
	m, l   []float32 // per row
	o      []float32 // [row][D]
}

// wideFloats is the scratch of a tile of rows query rows.
func wideFloats(d, rows int) int {
	return 2*Chunk*d + wideRows*Chunk + wideRows*Chunk/2 + 2*roundUp(rows, 16) + rows*d
}

// init lays out the scratch for rows query rows.
func (w *wideState) init(a *Attention, rows int, scratch []byte) {
	d := a.Cache.HeadDim
	w.d = d
	w.masks = slice[uint16](scratch, 0, wideRows*Chunk)
	all := slice[float32](scratch, 2*wideRows*Chunk, wideFloats(d, rows)-wideRows*Chunk/2)
	take := func(n int) []float32 {
		s := all[:n:n]
		all = all[n:]
		return s
	}
	w.kv, w.scores = take(2*Chunk*d), take(wideRows*Chunk)
	w.m, w.l, w.o = take(roundUp(rows, 16)), take(roundUp(rows, 16)), take(rows*d)
	w.args.dBytes, w.args.oStep, w.args.vStep = 4*d, 4*d, 4*d
	w.args.s, w.args.scale = unsafe.Pointer(&w.scores[0]), a.Scale
}

// chunk folds chunk c into the rows of queries [t0, t1) of kv head kh; first is
// the first chunk that t0 sees. It returns the number of positions visited.
func (w *wideState) chunk(a *Attention, kh, c, t0, t1 int) (seen int64) {
	g := a.Heads / a.Cache.Heads
	view := vecChunk(a.Tier, a.Cache, w.kv, c, kh, a.Start+t1, wideRows)
	lo, hi := t1, t0 // tokens that see the chunk
	for t := t0; t < t1; t++ {
		if from, to, ok := a.visible(t, c); ok {
			seen += int64(to - from)
			lo, hi = min(lo, t), t+1
		}
	}
	for r0 := (lo - t0) * g; r0 < (hi-t0)*g; r0 += wideRows {
		w.group(a, &view, kh, c, t0, r0, min(r0+wideRows, (hi-t0)*g))
	}
	return seen
}

// group folds a chunk into rows [r0, r1) of a tile that starts with query t0.
func (w *wideState) group(a *Attention, view *chunkView, kh, c, t0, r0, r1 int) {
	g, d := a.Heads/a.Cache.Heads, w.d
	p := &w.args
	n := r1 - r0
	p.rows, p.merge, p.merges = n, 0, 0
	lo, hi := Chunk, 0  // what any row sees
	in, out := 0, Chunk // what all rows see
	for i := range wideRows {
		r := r0 + min(i, n-1)
		t := t0 + r/g
		p.q[i] = unsafe.Pointer(&a.Q.F[t*a.Q.C+(kh*g+r%g)*d])
		if i >= n {
			continue
		}
		from, to, _ := a.visible(t, c)
		p.from[i], p.to[i] = int32(from), int32(to)
		lo, hi, in, out = min(lo, from), max(hi, to), max(in, from), min(out, to)
		p.merged[i] = 0
		if c != a.first(t)/Chunk && !w.apart {
			p.merged[i], p.merges = 0xffff, 1
			p.merge |= 1 << i
		}
	}
	p.m, p.l, p.o = unsafe.Pointer(&w.m[r0]), unsafe.Pointer(&w.l[r0]), unsafe.Pointer(&w.o[r0*d])

	panel := lo / 16
	p.k, p.scores, p.panels = unsafe.Add(view.k, panel*view.kStep), unsafe.Pointer(&w.scores[16*panel]), ceil(hi, 16)-panel
	qk12(p)
	softmax12(p)

	if in >= out {
		in, out = hi, hi // every position is masked
	}
	p.head, p.n, p.tail = in-lo, out-in, hi-out
	p.masks = unsafe.Pointer(&w.masks[0])
	k := 0
	for j := lo; j < hi; j++ {
		if j == in {
			if j = out; j == hi {
				break
			}
		}
		for i := range n {
			w.masks[k+i] = 0
			if int32(j) >= p.from[i] && int32(j) < p.to[i] {
				w.masks[k+i] = 0xffff
			}
		}
		k += wideRows
	}
	p.v, p.e, p.pairs = unsafe.Add(view.v, lo*view.vStep), unsafe.Pointer(&w.scores[lo]), d/32
	pv12(p)
}

// wideTile is attendTile with the kernels for twelve rows.
func wideTile(a *Attention, kh, t0, t1 int, scratch []byte) {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	var w wideState
	w.init(a, (t1-t0)*g, scratch)
	seen := int64(0)
	for c := a.first(t0) / Chunk; c <= (a.Start+t1-1)/Chunk; c++ {
		seen += w.chunk(a, kh, c, t0, t1)
	}
	a.visited.Add(seen)
	for r := range (t1 - t0) * g {
		o := w.o[r*d : (r+1)*d]
		vecDivN(&o[0], w.l[r], d)
		putHead(&a.Out, t0+r/g, (kh*g+r%g)*d, o)
	}
}

// wideChunkPartials is attendChunk with the kernels for twelve rows.
func wideChunkPartials(a *Attention, kh, c, t0, t1 int, scratch []byte) {
	d, g := a.Cache.HeadDim, a.Heads/a.Cache.Heads
	var w wideState
	w.init(a, (t1-t0)*g, scratch)
	w.apart = true
	a.visited.Add(w.chunk(a, kh, c, t0, t1))
	for r := range (t1 - t0) * g {
		if _, _, ok := a.visible(t0+r/g, c); ok {
			p := a.partial(t0+r/g, kh*g+r%g, c-a.chunk0)
			p[0], p[1] = w.m[r], w.l[r]
			copy(p[16:16+d], w.o[r*d:(r+1)*d])
		}
	}
}
